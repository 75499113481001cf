import type { IncomingMessage } from 'node:http'
import type { DecisionDesk, DecisionsKept } from '../runtime/decisions/desk.ts'
import { type Answer, closing, type Endpoint, json, problem } from './answer.ts'
import { parseDecisionsQuery, parseWhatIf } from './decision-request.ts'
import { readBody } from './request-body.ts'

const BODY_BYTES_MAX = 64 * 1024
const PREFIX = '/decisions/'
const WHAT_IF = '/if'

/** Decision records: a list of them, one, and one request judged once more with other headers. */
export class DecisionEndpoints {
  readonly #desk: Pick<DecisionDesk, 'newest' | 'find' | 'whatIf'>

  constructor(desk: Pick<DecisionDesk, 'newest' | 'find' | 'whatIf'>) {
    this.#desk = desk
  }

  /** What is found below `/decisions/`: `<request-id>` and `<request-id>/if`, the id percent-encoded. */
  endpointAt(path: string): Endpoint | undefined {
    if (!path.startsWith(PREFIX)) return undefined
    const isWhatIf = path.endsWith(WHAT_IF)
    const id = decoded(path.slice(PREFIX.length, isWhatIf ? -WHAT_IF.length : undefined))
    if (id === null) return undefined
    if (isWhatIf) return { method: 'POST', isPublic: false, answer: (request) => this.#whatIf(id, request) }
    return { method: 'GET', isPublic: false, answer: () => this.#one(id) }
  }

  async list(request: IncomingMessage): Promise<Answer> {
    const parsed = parseDecisionsQuery((request.url ?? '').split('?').slice(1).join('?'))
    if (!parsed.ok) return problem(400, parsed.reason)
    return json(await this.#desk.newest(parsed.filter, parsed.max))
  }

  async #one(id: string): Promise<Answer> {
    const result = await this.#desk.find(id)
    if (!result.found) return missing(id, result)
    const { found: _, ...decision } = result
    return json(decision)
  }

  async #whatIf(id: string, request: IncomingMessage): Promise<Answer> {
    // A web page can send this type to another origin only after asking, and nobody here says yes.
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
      return closing(problem(415, 'The body must be JSON, with Content-Type: application/json.'))
    const body = await readBody(request, BODY_BYTES_MAX)
    if (body === null) return closing(problem(413, `The body must be at most ${BODY_BYTES_MAX} bytes.`))
    const parsed = parseWhatIf(body)
    if (!parsed.ok) return problem(400, parsed.reason)
    const result = await this.#desk.whatIf(id, parsed.headers)
    if ('problem' in result) return problem(400, `${result.problem}.`)
    if (!result.found) return missing(id, result)
    const { found: _, ...whatIf } = result
    return json(whatIf)
  }
}

/** A request id may hold a slash, which is encoded then; null for what is none. */
function decoded(segment: string): string | null {
  if (segment === '' || segment.includes('/')) return null
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}

function missing(id: string, { count, oldest, silent }: DecisionsKept): Answer {
  const since = oldest === null ? 'There are no records' : `There are ${count} records, back to ${oldest}`
  const gone = silent.length === 0 ? '' : ` Workers that did not answer: ${silent.join(', ')}.`
  return problem(404, `No record of ${JSON.stringify(id)} is kept. ${since}; those of a worker go with it.${gone}`, {
    count,
    oldest,
    silent,
  })
}
