import { z } from '../core/schema.ts'
import type { DecisionsKept } from '../runtime/decisions/desk.ts'
import { type Answer, json, problem } from './answer.ts'
import { DECISION_PARAMETERS, parseDecisionsQuery, parseWhatIf, whatIfSchema } from './decision-request.ts'
import type { Call, Endpoint } from './endpoint.ts'
import { notJudged } from './explain-endpoints.ts'
import { explanationSchema } from './explain-schema.ts'
import type { AdminParts } from './parts.ts'

const kept = {
  count: z.int().describe('Records that are kept.'),
  oldest: z.string().nullable().describe('When the oldest of them began, in ISO 8601.'),
  silent: z.array(z.int()).describe('Workers that did not answer.'),
}

/** Decision records: a list of them, one, and one request judged once more with other headers. */
export const DECISION_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/decisions',
    role: 'read',
    summary: 'The newest decision records, one line each.',
    query: DECISION_PARAMETERS,
    response: { schema: () => z.object({ decisions: z.array(summarySchema()), ...kept }), description: 'The newest first.' },
    answer: list,
  },
  {
    method: 'GET',
    path: '/decisions/{requestId}',
    role: 'read',
    summary: 'Why one request was answered as it was.',
    response: {
      schema: () =>
        z.object({
          record: z.looseObject({ requestId: z.string(), time: z.string(), revision: z.string() }),
          worker: z.int(),
          others: z.int().describe('Older requests with the same id.'),
          nearMisses: z.array(z.looseObject({ route: z.string(), message: z.string() })).nullable(),
        }),
      description: 'The record.',
    },
    problems: { 404: 'No such record is kept.' },
    answer: one,
  },
  {
    method: 'POST',
    path: '/decisions/{requestId}/if',
    role: 'read',
    summary: 'What would be otherwise for a recorded request with other headers, on the configuration in force. Changes nothing.',
    body: {
      types: ['application/json'],
      bytesMax: 64 * 1024,
      schema: () => whatIfSchema,
      description: 'Headers by name: the value in place of all values, or null for none.',
    },
    response: {
      schema: () =>
        z.object({
          requestId: z.string(),
          revision: z.string(),
          recordedRevision: z.string(),
          differences: z.array(z.object({ what: z.string(), before: z.string(), after: z.string() })),
          before: explanationSchema().describe('Of the request as it was, on the configuration in force.'),
          after: explanationSchema(),
        }),
      description: 'What differs.',
    },
    problems: { 404: 'No such record is kept.', 503: 'Too many requests wait to be judged.' },
    answer: whatIf,
  },
]

function summarySchema() {
  return z.object({
    requestId: z.string(),
    time: z.string(),
    method: z.string(),
    host: z.string(),
    path: z.string(),
    route: z.string(),
    service: z.string(),
    consumer: z.string(),
    status: z.int(),
    error: z.string().nullable(),
    policy: z.string().describe('That answered; empty for none.'),
    shadow: z.array(z.string()).describe('Policies in shadow that would have answered.'),
    attempts: z.int(),
    durationMs: z.number(),
  })
}

async function list({ decisions }: AdminParts, { query }: Call): Promise<Answer> {
  const parsed = parseDecisionsQuery(query)
  return parsed.ok ? json(await decisions.newest(parsed.filter, parsed.max)) : problem(400, parsed.reason)
}

async function one({ decisions }: AdminParts, { params: { requestId = '' } }: Call): Promise<Answer> {
  const result = await decisions.find(requestId)
  if (!result.found) return missing(requestId, result)
  const { found: _, ...decision } = result
  return json(decision)
}

async function whatIf({ decisions }: AdminParts, { params: { requestId = '' }, body }: Call): Promise<Answer> {
  const parsed = parseWhatIf(body)
  if (!parsed.ok) return problem(400, parsed.reason)
  const result = await decisions.whatIf(requestId, parsed.headers)
  if ('problem' in result) return notJudged(result)
  if (!result.found) return missing(requestId, result)
  const { found: _, ...changed } = result
  return json(changed)
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
