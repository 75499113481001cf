import { z } from '../core/schema.ts'

const POSITIONS = ['closed', 'half-open', 'open'] as const
const HEALTH = ['healthy', 'unhealthy', 'ejected', 'unknown'] as const

const counts = (names: readonly [string, ...string[]], what: string) =>
  z.partialRecord(z.enum(names), z.int()).describe(`How many workers ${what}.`)

/** What `ServiceState` is of one worker. */
function workerSchema() {
  const breaker = z.object({
    state: z.enum(POSITIONS),
    failuresInRow: z.int(),
    window: z.object({ requests: z.int(), failures: z.int() }).nullable().describe('Null where it looks at no rate.'),
    successes: z.int().describe('Since it is half open.'),
    probes: z.int().describe('Under way, while it is half open.'),
    retryAfterMs: z.number().describe('Until it lets a try through again.'),
    sinceMs: z.number().describe('In this state.'),
  })
  const target = z.object({
    address: z.string(),
    weight: z.number(),
    effectiveWeight: z.number().describe('What it counts for now: less in a slow start, 0 while it is not used.'),
    health: z.enum(HEALTH),
    drained: z.boolean(),
    ejectedForMs: z.number().describe('How long an ejection lasts; 0 for none.'),
    reason: z.string().nullable().describe('What went wrong last.'),
    inFlight: z.int(),
    connections: z.int(),
  })
  return z.object({
    worker: z.int(),
    breaker: breaker.nullable(),
    inFlight: z.int(),
    queued: z.int(),
    panic: z.boolean(),
    targets: z.array(target),
  })
}

/** What `ServiceView` is, for the description of the API. */
export function serviceSchema() {
  const target = z.object({
    address: z.string().describe('`host:port`.'),
    weight: z.number(),
    health: counts(HEALTH, 'see it in each state of health'),
    drained: z.boolean().describe('Whether an operator has taken it out.'),
    inFlight: z.int(),
    connections: z.int(),
    reasons: z.array(z.string()).describe('What went wrong last, each thing once.'),
  })
  return z.object({
    name: z.string(),
    discovery: z
      .object({ kind: z.string(), targets: z.int().nullable(), degraded: z.string().nullable() })
      .nullable()
      .describe('Null where the targets are listed.'),
    breaker: counts(POSITIONS, 'have the breaker in each position').nullable(),
    inFlight: z.int(),
    queued: z.int(),
    panic: z.boolean().describe('Whether any worker uses all targets because too few are usable.'),
    targets: z.array(target),
    perWorker: z.array(workerSchema()).describe('All that each worker knows.'),
  })
}

export function servicesSchema() {
  return z.object({
    workers: z.array(z.object({ worker: z.int(), pid: z.int(), answered: z.boolean(), reason: z.string().optional() })),
    services: z.array(serviceSchema()).describe('In the order of the configuration.'),
  })
}
