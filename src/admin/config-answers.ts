/** What the configuration endpoints do. */
import type { Problem } from '../config/diagnostics.ts'
import { object, text } from '../core/schema.ts'
import { type Answer, json, problem } from './answer.ts'
import type { ApplyOutcome } from './config-desk.ts'
import { diffConfigs } from './config-diff.ts'
import type { AppliedConfig } from './config-history.ts'
import { type Call, parseBody, parseQuery } from './endpoint.ts'
import type { AdminParts } from './parts.ts'

/** A worker may take its time to get ready; the listener's own bound on silent connections is shorter. */
const APPLY_TIMEOUT_MS = 120_000
const UTF8 = new TextDecoder('utf-8', { fatal: true })
const BUSY: Answer = { ...problem(503, 'Another configuration is being looked at: try again.'), headers: { 'retry-after': '1' } }
const NOT_UTF8 = problem(400, 'The body is not valid UTF-8.')

const revisionText = () => text({ max: 64 })
export const rollbackSchema = object({ revision: revisionText().describe('One of `GET /config/history`.') })
const diffQuery = object({ from: revisionText(), to: revisionText().optional() })

export async function validate({ config }: AdminParts, call: Call): Promise<Answer> {
  const document = documentOf(call)
  if (document === null) return NOT_UTF8
  const checked = await config.alone(() => config.check(document))
  if (checked === null) return BUSY
  const { ir, problems } = checked
  return json({ valid: ir !== null, revision: ir?.revision ?? null, problems: problems.map(shown) })
}

export async function compare({ config }: AdminParts, call: Call): Promise<Answer> {
  const document = documentOf(call)
  if (document === null) return NOT_UTF8
  const checked = await config.alone(() => config.check(document))
  if (checked === null) return BUSY
  const { running } = config
  if (checked.ir === null || running === null) return wrong(checked.problems)
  return json(diffConfigs(running, checked.ir))
}

export function compareKept({ config }: AdminParts, { query }: Call): Answer {
  const parsed = parseQuery(query, diffQuery)
  if (!parsed.ok) return problem(400, parsed.reason)
  const { from, to } = parsed.value
  const [older, newer] = [config.history.find(from), to === undefined ? config.history.entries[0] : config.history.find(to)]
  return older == null || newer == null ? missing(older == null ? from : (to ?? '')) : json(diffConfigs(older.ir, newer.ir))
}

export function history({ config }: AdminParts): Answer {
  return json({ revisions: config.history.entries.map(entryOf) })
}

export function historyEntry({ config }: AdminParts, { params: { revision = '' } }: Call): Answer {
  const entry = config.history.find(revision)
  return entry === null ? missing(revision) : json({ ...entryOf(entry), config: entry.display() })
}

export async function apply(parts: AdminParts, call: Call): Promise<Answer> {
  const document = documentOf(call)
  return document === null ? NOT_UTF8 : put(parts, call, document, 'PUT /config')
}

export async function rollback(parts: AdminParts, call: Call): Promise<Answer> {
  const parsed = parseBody(call.body, rollbackSchema)
  if (!parsed.ok) return problem(400, parsed.reason)
  const { revision } = parsed.value
  const entry = parts.config.history.find(revision)
  if (entry === null) return missing(revision)
  if (entry.text === null) return problem(404, `The document of revision ${JSON.stringify(revision)} is not kept.`)
  return put(parts, call, entry.text, `POST /config/rollback to ${revision}`)
}

async function put({ config }: AdminParts, { request, caller }: Call, document: string, cause: string): Promise<Answer> {
  const ifMatch = request.headers['if-match']
  if (ifMatch === undefined) return problem(428, 'If-Match is needed: the ETag of GET /config, so that nobody else’s change is lost.')
  request.socket.setTimeout(APPLY_TIMEOUT_MS)
  const outcome = await config.alone(() => config.apply(document, (revision) => matches(ifMatch, revision), caller?.name ?? '', cause))
  return outcome === null ? BUSY : answerOf(outcome)
}

function answerOf(outcome: ApplyOutcome): Answer {
  switch (outcome.kind) {
    case 'applied': {
      const { revision, previous, file, backup, problems } = outcome
      const answer = json({ revision, previous, file, backup, problems: problems.map(shown) })
      return { ...answer, headers: { etag: `"${revision}"` }, audit: { revision, previous } }
    }
    case 'stale':
      return { ...problem(412, `Revision ${outcome.revision} is in force.`), headers: { etag: `"${outcome.revision}"` } }
    case 'wrong':
      return wrong(outcome.problems)
    case 'refused':
      if (outcome.leftOver !== null)
        return problem(500, `The gateway cannot take it, and the file could not be put back (${outcome.leftOver}): ${outcome.reason}`)
      return problem(422, `The gateway cannot take it, and the file is as it was: ${outcome.reason}`)
    case 'fixed':
      return problem(409, outcome.reason)
  }
}

/** RFC 9110, 13.1.1: strong comparison. */
function matches(ifMatch: string, revision: string): boolean {
  return ifMatch.trim() === '*' || ifMatch.split(',').some((tag) => tag.trim() === `"${revision}"`)
}

function documentOf({ body }: Call): string | null {
  try {
    return UTF8.decode(body)
  } catch {
    return null
  }
}

function wrong(problems: readonly Problem[]): Answer {
  return problem(422, 'The document is no configuration that could be put into force.', { problems: problems.map(shown) })
}

function shown({ severity, location: { file, line, column }, message }: Problem) {
  return { severity, file, line, column, message }
}

function entryOf({ ir, atMs, cause, by, text: written }: AppliedConfig) {
  return { revision: ir.revision, at: new Date(atMs).toISOString(), cause, by, restorable: written !== null }
}

function missing(revision: string): Answer {
  return problem(404, `Revision ${JSON.stringify(revision)} is not among those that are kept; GET /config/history lists them.`)
}
