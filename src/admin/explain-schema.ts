import { z } from '../core/schema.ts'

const place = () => z.object({ file: z.string(), line: z.int(), column: z.int() })

/** An `Explanation`. What a service is configured with is as in the configuration, and not described once more. */
export function explanationSchema() {
  return z.object({
    request: z.object({
      method: z.string(),
      authority: z.string(),
      target: z.string().describe('As it was sent, but for hidden values of query parameters.'),
      path: z.string().describe('In its normal form; empty when there is none.'),
      listener: z.string(),
      scheme: z.enum(['http', 'https']),
    }),
    route: z
      .object({ name: z.string(), at: place(), pattern: z.string(), captures: z.record(z.string(), z.string()) })
      .nullable()
      .describe('Null when none takes it.'),
    nearMisses: z.array(
      z.object({
        route: z.string(),
        failed: z.enum(['host', 'path', 'port', 'server-name', 'method', 'headers', 'query', 'order']),
        message: z.string().describe('The first thing that was not so.'),
      }),
    ),
    policies: z.array(stepSchema()).describe('Their steps, in the order in which they act.'),
    answer: z
      .object({
        status: z.int(),
        by: z.string().nullable().describe('The policy that answers; null for the gateway itself.'),
        code: z.string().nullable(),
        headers: z.array(z.string()),
        body: z.string(),
      })
      .nullable()
      .describe('What the gateway itself answers; null when a service is asked.'),
    service: serviceSchema().nullable(),
  })
}

function stepSchema() {
  return z.object({
    policy: z.string(),
    phase: z.string(),
    mode: z.enum(['enforce', 'shadow']),
    verdict: z.enum(['continue', 'answered', 'waiting', 'not reached']),
    changes: z.array(z.string()),
    notes: z.array(z.string()),
    answer: z.string().nullable(),
    scope: z.enum(['consumer and route', 'consumer', 'route', 'service', 'everywhere']),
    at: place(),
  })
}

function serviceSchema() {
  const settings = () => z.looseObject({}).nullable()
  return z.object({
    name: z.string(),
    at: place(),
    balancer: z.string(),
    targets: z.array(z.object({ address: z.string(), weight: z.number() })),
    discovery: settings(),
    timeoutMs: z.number(),
    attemptTimeoutMs: z.number(),
    connectTimeoutMs: z.number(),
    retry: z.looseObject({ attempts: z.int() }),
    split: settings(),
    mirror: settings(),
    fallback: settings(),
    breaker: settings(),
    concurrency: settings(),
    head: z.array(z.string()).describe('The request as it would reach a target: its request line, and fields without credentials.'),
  })
}
