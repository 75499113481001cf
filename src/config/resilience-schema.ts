/** What the native form says of ill services: breakers, health checks, concurrency, splits, mirrors, fallbacks. */

import { MANAGED_FIELDS } from '../core/managed-fields.ts'
import { byteSize, duration, headerNameText, headerValueText, integer, object, oneOf, record, text, z } from '../core/schema.ts'
import { parseTemplate } from '../core/template.ts'
import { valueMatchProblem } from './paths.ts'
import { statusSet } from './status-set.ts'

const percent = (min: number) => z.number().min(min).max(100)

export const breaker = object({
  failures: integer({ min: 1, max: 10_000 })
    .optional()
    .describe('Failures in a row that open the breaker. Default: 5, or none where `failureRate` is given.'),
  failureRate: object({
    percent: percent(1).default(50).describe('Share of failures that opens the breaker.'),
    window: duration({ min: 1_000, max: 600_000 }).prefault('10s').describe('The time looked at.'),
    requestsMin: integer({ min: 1, max: 1_000_000 }).default(20).describe('With fewer tries than this in the window, it stays closed.'),
  })
    .optional()
    .describe('Opens the breaker by the share of failures, instead of by failures in a row or beside them.'),
  recovery: duration({ min: 100 }).prefault('30s').describe('How long it stays open before some tries are let through again.'),
  probes: integer({ min: 1, max: 1_000 }).default(3).describe('Tries let through at once while it is half open.'),
  successes: integer({ min: 1, max: 1_000 }).default(3).describe('Successes that close it again; one failure opens it.'),
  statuses: statusSet().prefault(['5xx']).describe('Answers that count as failures, beside faults and timeouts.'),
})

/** A header that neither frames a message nor says whom it is for. */
const freeHeaderName = () =>
  headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), { error: 'this header is written by the gateway' })

const activeCheck = object({
  kind: oneOf(['http', 'tcp', 'grpc'])
    .default('http')
    .describe('`http` asks for `path`, `tcp` only connects, `grpc` asks `grpc.health.v1.Health`.'),
  grpcService: text({ min: 0, max: 512 }).default('').describe('What `grpc` asks the health of. Default: the server as a whole.'),
  path: z
    .string()
    .regex(/^\/[\x21-\x7e]{0,2047}$/, { error: 'expected a path with its query, such as `/healthz`' })
    .default('/')
    .describe('What is asked for.'),
  host: text({ max: 255 })
    .regex(/^[A-Za-z0-9._~:[\]-]+$/, { error: 'expected a name or an address, with an optional port' })
    .optional()
    .describe("The Host that is sent. Default: the target's own."),
  headers: record(freeHeaderName(), headerValueText(), { max: 20 }).default({}).describe('Further headers that are sent.'),
  statuses: statusSet().prefault(['2xx', '3xx']).describe('Answers that mean health.'),
  body: text({ max: 1_024 })
    .superRefine((value, context) => {
      const message = valueMatchProblem(value)
      if (message !== null) context.addIssue({ code: 'custom', message })
    })
    .optional()
    .describe('Text that the first 64 KiB of the body must hold; `~regex` for a regular expression (RE2).'),
  interval: duration({ min: 100, max: 3_600_000 })
    .prefault('5s')
    .describe('From one check of a target to the next; jitter takes off up to a tenth.'),
  unfitInterval: duration({ min: 100, max: 3_600_000 })
    .optional()
    .describe('The same for targets that are unhealthy or ejected. Default: `interval`.'),
  timeout: duration({ min: 10, max: 600_000 }).prefault('1s').describe('Longest time for a check.'),
  unhealthyAfter: integer({ min: 0, max: 255 }).default(3).describe('Failed checks in a row that make a target unhealthy; 0: never.'),
  healthyAfter: integer({ min: 0, max: 255 }).default(2).describe('Good checks in a row that make it healthy again; 0: never.'),
  endsEjections: z
    .boolean()
    .default(false)
    .describe('Whether as many good checks end an ejection, whatever it was for. Default: only where checks had found the target ill too.'),
})

const passiveCheck = object({
  failures: integer({ min: 1, max: 10_000 }).default(5).describe('Failures in a row of real requests that eject a target.'),
  statuses: statusSet().prefault(['5xx']).describe('Answers that count as failures, beside faults and timeouts.'),
  ejection: duration({ min: 100 })
    .prefault('30s')
    .describe('How long a target stays ejected the first time; each time in a row as much longer.'),
  ejectionMax: duration({ min: 100 }).prefault('5m').describe('Longest ejection.'),
  ejectedPercentMax: percent(0)
    .default(50)
    .describe('Largest share of the targets that is ejected at once; one may always be, of two or more.'),
  ejectsLast: z
    .boolean()
    .default(false)
    .describe('Whether the last target that is fit may be ejected too, so that nobody is asked and clients get 503.'),
})

export const health = object({
  active: activeCheck.optional().describe('Asks every target at an interval. Default: none is asked.'),
  passive: passiveCheck.optional().describe('Ejects targets whose answers to real requests fail. Default: none is ejected.'),
  slowStart: duration({ max: 3_600_000 })
    .prefault('0ms')
    .describe('Time in which a target that became healthy comes back to its full share. Not with `consistent-hash`.'),
  panicPercent: percent(0)
    .default(10)
    .describe('With a smaller share of targets healthy than this, all are used: the check itself may be wrong. 0: never.'),
})

export const concurrency = object({
  max: integer({ min: 1, max: 1_000_000 }).describe('Exchanges that one worker has with the service at once.'),
  queue: integer({ min: 0, max: 1_000_000 }).default(0).describe('Exchanges that wait for a place; one more is 503.'),
  queueTimeout: duration({ min: 1, max: 600_000 }).prefault('1s').describe('Longest wait for a place; longer is 503.'),
})

export const split = object({
  services: record(text({ max: 128 }), integer({ min: 0, max: 1_000_000 }), { max: 100 })
    .refine((weights) => Object.values(weights).some((weight) => weight > 0), { error: 'expected at least one weight above 0' })
    .describe('Weights by the names of services.'),
  sticky: z
    .string()
    .regex(/^(user|(cookie|header):[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256})$/, { error: 'expected `user`, `cookie:NAME` or `header:NAME`' })
    .optional()
    .describe('What keeps a caller with one service: `user`, `cookie:NAME` (set where it is missing) or `header:NAME`. Default: chance.'),
})

export const mirror = object({
  service: text({ max: 128 }).describe('Name of the service that gets a copy; its answers are dropped.'),
  percent: percent(0).default(100).describe('Share of the requests that is copied.'),
  timeout: duration({ min: 1 }).prefault('5s').describe('Longest time for a copy.'),
  inFlightMax: integer({ min: 1, max: 100_000 }).default(100).describe('Copies that one worker has under way; beyond it none is made.'),
  bodyMax: byteSize({ max: 16 * 2 ** 20 })
    .prefault('64KiB')
    .describe('Largest request body that is copied; requests with a larger one are not.'),
})

/** Text with placeholders, at most 64 KiB. */
const templateText = (max: number) =>
  z
    .string()
    .max(max)
    .superRefine((value, context) => {
      const template = parseTemplate(value)
      if ('problem' in template) context.addIssue({ code: 'custom', message: template.problem })
    })

const staticAnswer = object({
  status: integer({ min: 200, max: 599 }).default(503).describe('Status of the answer.'),
  contentType: headerValueText().default('application/json').describe('`Content-Type` of the body.'),
  headers: record(
    headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()) && name.toLowerCase() !== 'content-type', {
      error: 'this header is written by the gateway, or is `contentType`',
    }),
    templateText(8_192),
    { max: 100 },
  )
    .default({})
    .describe('Further headers; templates.'),
  body: templateText(65_536)
    .default('')
    .describe('The body; a template: `{request.id}`, `{cause}`, `{param.NAME}` … Values in a JSON body are escaped.'),
}).refine(({ status, body }) => body === '' || (status !== 204 && status !== 205 && status !== 304), {
  error: 'an answer with status 204, 205 or 304 has no body',
  path: ['body'],
})

export const fallback = object({
  statuses: statusSet()
    .prefault([502, 503, 504])
    .describe('Answers of the service that count as its failure, beside faults, timeouts, an open breaker and shed load.'),
  stale: z.boolean().default(false).describe('First: what the `cache` policy still has, however stale.'),
  service: text({ max: 128 }).optional().describe('Then: another service. Only where the request may be sent twice, as for a retry.'),
  response: staticAnswer.optional().describe('Last: a fixed answer.'),
}).refine(({ stale, service, response }) => stale || service !== undefined || response !== undefined, {
  error: 'expected at least one of `stale`, `service` and `response`',
})
