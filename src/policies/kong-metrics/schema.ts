import { object, text, z } from '../../core/schema.ts'

export const schema = object({
  statusCodes: z.boolean().default(false).describe('Counts requests by status, in `kong_http_requests_total`.'),
  latencies: z
    .boolean()
    .default(false)
    .describe('Sorts times into `kong_request_latency_ms`, `kong_upstream_latency_ms` and `kong_kong_latency_ms`.'),
  bandwidth: z.boolean().default(false).describe('Adds up bytes, in `kong_bandwidth_bytes`.'),
  consumers: z.boolean().default(false).describe('Tells the consumer in the label `consumer`, which otherwise is empty.'),
  consumer: text({ max: 300 })
    .regex(/^(name|id|label:.+)$/, { error: 'expected `name`, `id` or `label:NAME`' })
    .default('name')
    .describe('With `consumers`: what of a consumer is told: its `name`, its `id`, or a label, `label:NAME`. Empty for one that has none.'),
})

export type KongMetricsOptions = z.output<typeof schema>
