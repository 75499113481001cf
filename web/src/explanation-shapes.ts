/** Explanations, as `POST /explain` tells them; what each field means is told in src/runtime/explain.ts. */
import { dictionary, list, nullable, number, object, oneOf, type Shaped, text } from './shape.ts'

const place = object({ file: text, line: number, column: number })

export const nearMiss = object({ route: text, failed: text, message: text })

const step = object({
  policy: text,
  phase: text,
  mode: oneOf('enforce', 'shadow'),
  verdict: oneOf('continue', 'answered', 'waiting', 'not reached'),
  changes: list(text),
  notes: list(text),
  answer: nullable(text),
  scope: text,
  at: place,
})
export type ExplainedStep = Shaped<typeof step>

const answer = object({ status: number, by: nullable(text), code: nullable(text), headers: list(text), body: text })

const service = object({
  name: text,
  at: place,
  balancer: text,
  targets: list(object({ address: text, weight: number })),
  timeoutMs: number,
  attemptTimeoutMs: number,
  connectTimeoutMs: number,
  retry: object({ attempts: number, statuses: list(number) }),
  head: list(text),
})

export const explanation = object({
  revision: text,
  request: object({ method: text, authority: text, target: text, path: text, listener: text, scheme: text }),
  route: nullable(object({ name: text, at: place, pattern: text, captures: dictionary(text) })),
  nearMisses: list(nearMiss),
  policies: list(step),
  answer: nullable(answer),
  service: nullable(service),
})
export type Explanation = Shaped<typeof explanation>
