/** Decision records, as `GET /decisions` tells them; what each field means is told in src/core/decision.ts. */
import { flag, list, nullable, number, object, oneOf, type Shaped, text } from './shape.ts'

const place = object({ file: text, line: number, column: number })

const summary = object({
  requestId: text,
  time: text,
  method: text,
  host: text,
  path: text,
  route: text,
  service: text,
  consumer: text,
  status: number,
  error: nullable(text),
  policy: text,
  shadow: list(text),
  attempts: number,
  durationMs: number,
})
export type DecisionSummary = Shaped<typeof summary>

export const decisionList = object({ decisions: list(summary), count: number, oldest: nullable(text), silent: list(number) })

const policy = object({
  kind: text,
  mode: oneOf('enforce', 'shadow'),
  scope: text,
  at: place,
  verdict: oneOf('passed', 'answered', 'would have answered', 'not needed', 'not reached'),
  answer: nullable(text),
  notes: list(text),
})

const attempt = object({ target: text, offsetMs: number, durationMs: number, status: number, error: nullable(text) })

const byPolicy = object({ by: oneOf('policy'), kind: text })
const byOther = object({ by: oneOf('service', 'gateway', 'fallback', 'nobody') })
const answerer = (value: unknown): value is Shaped<typeof byPolicy> | Shaped<typeof byOther> => byPolicy(value) || byOther(value)

const record = object({
  requestId: text,
  time: text,
  revision: text,
  listener: text,
  client: object({ address: text, peer: text }),
  request: object({
    method: text,
    target: text,
    path: text,
    host: text,
    scheme: text,
    protocol: text,
    headers: list(list(text)),
    headersCut: flag,
  }),
  route: nullable(object({ name: text, pattern: text, at: place })),
  service: text,
  policies: list(policy),
  caller: nullable(object({ method: text, user: text, consumer: text, credential: text })),
  limit: nullable(object({ admitted: flag, retryAfterMs: nullable(number), remaining: list(number) })),
  cache: nullable(text),
  attempts: list(attempt),
  fallback: nullable(text),
  answer: object({ from: answerer, status: number, error: nullable(text), grpcStatus: nullable(number) }),
  requestBytes: number,
  responseBytes: number,
  durationMs: number,
})
export type DecisionRecord = Shaped<typeof record>

export const foundDecision = object({
  record,
  worker: number,
  others: number,
  nearMisses: nullable(list(object({ route: text, failed: text, message: text }))),
})

export const whatIfAnswer = object({
  revision: text,
  recordedRevision: text,
  differences: list(object({ what: text, before: text, after: text })),
})
