import { z } from '../core/schema.ts'

const counts = (what: string) => z.record(z.string(), z.int()).describe(`How many workers ${what}.`)

/** What `ServiceView` is, for the description of the API. */
export function serviceSchema() {
  const target = z.object({
    address: z.string().describe('`host:port`.'),
    weight: z.number(),
    health: counts('see it in each state of health'),
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
    breaker: counts('have the breaker in each position').nullable(),
    inFlight: z.int(),
    queued: z.int(),
    panic: z.boolean().describe('Whether any worker uses all targets because too few are usable.'),
    targets: z.array(target),
    perWorker: z.array(z.looseObject({ worker: z.int() })).describe('All that each worker knows.'),
  })
}

export function servicesSchema() {
  return z.object({
    workers: z.array(z.object({ worker: z.int(), pid: z.int(), answered: z.boolean(), reason: z.string().optional() })),
    services: z.array(serviceSchema()).describe('In the order of the configuration.'),
  })
}
