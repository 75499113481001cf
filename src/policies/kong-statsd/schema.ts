import { integer, list, object, oneOf, text, z } from '../../core/schema.ts'

export const METRICS = [
  'request_count',
  'request_size',
  'response_size',
  'latency',
  'upstream_latency',
  'kong_latency',
  'status_count',
  'unique_users',
  'request_per_user',
  'status_count_per_user',
] as const

const STAT_TYPES = ['counter', 'gauge', 'histogram', 'meter', 'set', 'timer'] as const

const identifier = () => text({ max: 300 }).regex(/^(name|id|label:.+)$/, { error: 'expected `name`, `id` or `label:NAME`' })

const metric = object({
  name: oneOf(METRICS).describe('What is told.'),
  type: oneOf(STAT_TYPES).describe('As what.'),
  sampleRate: z.number().positive().max(1).default(1).describe('Share of exchanges that are told: 0.1 is one in ten.'),
  consumer: identifier().optional().describe('What of a consumer stands in the name. Default: as for all.'),
})

export const schema = object({
  host: text({ max: 255 }).default('localhost').describe('The server.'),
  port: integer({ min: 1, max: 65_535 }).default(8125).describe('Its port.'),
  protocol: oneOf(['udp', 'tcp']).default('udp').describe('What it is sent.'),
  prefix: z
    .string()
    .regex(/^[!-~]{1,128}$/, { error: 'expected at most 128 printable characters without blanks' })
    .default('kong')
    .describe('Put before every name, with a dot.'),
  hostnameInPrefix: z.boolean().default(false).describe('Whether `node.NAME`, with the name of this machine, stands behind the prefix.'),
  datagramBytesMax: integer({ min: 0, max: 65_000 })
    .default(0)
    .describe('With `udp`: lines are joined up to so many bytes in a datagram; 0 for one in each.'),
  metrics: list(metric, { max: 50 })
    .default([
      { name: 'request_count', type: 'counter', sampleRate: 1 },
      { name: 'latency', type: 'timer', sampleRate: 1 },
      { name: 'request_size', type: 'timer', sampleRate: 1 },
      { name: 'status_count', type: 'counter', sampleRate: 1 },
      { name: 'response_size', type: 'timer', sampleRate: 1 },
      { name: 'unique_users', type: 'set', sampleRate: 1 },
      { name: 'request_per_user', type: 'counter', sampleRate: 1 },
      { name: 'upstream_latency', type: 'timer', sampleRate: 1 },
      { name: 'kong_latency', type: 'timer', sampleRate: 1 },
      { name: 'status_count_per_user', type: 'counter', sampleRate: 1 },
    ])
    .describe('What is told of each exchange, and as what.'),
  statuses: list(
    object({
      from: integer({ min: 100, max: 999 }).describe('The lowest.'),
      to: integer({ min: 100, max: 999 }).describe('The highest.'),
    }),
    { max: 100 },
  )
    .optional()
    .describe('Ranges of statuses of the exchanges that are told of. Default: all.'),
  consumer: identifier()
    .default('name')
    .describe('What of a consumer is told: its `name`, its `id`, or a label, `label:NAME`. One that has none is not told of.'),
  tags: oneOf(['none', 'dogstatsd', 'influxdb', 'librato', 'signalfx'])
    .default('none')
    .describe('Where service, route, consumer, node and status stand: in the name (`none`), or beside it as tags in this style.'),
})

export type KongStatsdOptions = z.output<typeof schema>
