/** `healthchecks` of Kong's upstreams, with Kong's defaults: all counters are zero, so that nothing is checked unless a file asks for it. */
import { list, object, oneOf, record, z } from '../../../core/schema.ts'
import { pathProblem, snisProblem } from './texts.ts'

const type = () => oneOf(['tcp', 'http', 'https', 'grpc', 'grpcs']).default('http')
const seconds = (fallback: number) => z.number().min(0).max(65_535).default(fallback)
const count = () => z.int().min(0).max(255).default(0)
const statuses = (fallback: number[]) => list(z.int().min(100).max(999), { max: 1_000 }).default(fallback)
const checked = (problemOf: (value: string) => string | null) =>
  z
    .string()
    .max(2_048)
    .superRefine((value, context) => {
      const message = problemOf(value)
      if (message !== null) context.addIssue({ code: 'custom', message })
    })

const active = object({
  type: type(),
  timeout: seconds(1),
  concurrency: z
    .int()
    .min(1)
    .max(2 ** 31)
    .default(10),
  http_path: checked(pathProblem).default('/'),
  https_sni: checked(snisProblem).optional(),
  https_verify_certificate: z.boolean().default(true),
  headers: record(z.string().max(256), list(z.string().max(8_192), { max: 100 }), { max: 100 }).optional(),
  healthy: object({ interval: seconds(0), http_statuses: statuses([200, 302]), successes: count() }).prefault({}),
  unhealthy: object({
    interval: seconds(0),
    http_statuses: statuses([429, 404, 500, 501, 502, 503, 504, 505]),
    tcp_failures: count(),
    timeouts: count(),
    http_failures: count(),
  }).prefault({}),
})

const HEALTHY = [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308]

const passive = object({
  type: type(),
  healthy: object({ http_statuses: statuses(HEALTHY), successes: count() }).prefault({}),
  unhealthy: object({
    http_statuses: statuses([429, 500, 503]),
    tcp_failures: count(),
    timeouts: count(),
    http_failures: count(),
  }).prefault({}),
})

export const healthchecks = object({
  threshold: z.number().min(0).max(100).default(0),
  active: active.prefault({}),
  passive: passive.prefault({}),
})

export type Healthchecks = z.output<typeof healthchecks>
