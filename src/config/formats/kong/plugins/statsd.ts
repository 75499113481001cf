import { list, object, oneOf, z } from '../../../../core/schema.ts'
import { CUSTOM_ID_LABEL, USERNAME_LABEL } from '../consumers.ts'
import type { KongPlugin, PluginSurroundings } from '../types.ts'
import { filled, port, queue } from './config-schema.ts'

const CARRIED = [
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
/** Of Kong's own insides. */
const OTHERS = [
  'status_count_per_workspace',
  'status_count_per_user_per_route',
  'shdict_usage',
  'cache_datastore_hits_total',
  'cache_datastore_misses_total',
] as const

const STAT_TYPES = ['counter', 'gauge', 'histogram', 'meter', 'set', 'timer'] as const
const CONSUMER_IDENTIFIERS = ['consumer_id', 'custom_id', 'username'] as const
const SERVICE_IDENTIFIERS = ['service_id', 'service_name', 'service_host', 'service_name_or_host'] as const
const WORKSPACE_IDENTIFIERS = ['workspace_id', 'workspace_name'] as const

const CONSUMERS = { consumer_id: 'id', custom_id: `label:${CUSTOM_ID_LABEL}`, username: `label:${USERNAME_LABEL}` } as const
const NAMES: ReadonlySet<string> = new Set(['service_name', 'service_name_or_host'])

const metric = object({
  name: oneOf([...CARRIED, ...OTHERS]),
  stat_type: oneOf(STAT_TYPES),
  sample_rate: z.number().positive().max(1).optional(),
  consumer_identifier: oneOf(CONSUMER_IDENTIFIERS).optional(),
  service_identifier: oneOf(SERVICE_IDENTIFIERS).optional(),
  workspace_identifier: oneOf(WORKSPACE_IDENTIFIERS).optional(),
}).superRefine(({ name, stat_type: type, sample_rate: rate }, context) => {
  const tell = (message: string, path: string): void => context.addIssue({ code: 'custom', message, path: [path] })
  if (name === 'unique_users' && type !== 'set') tell('value must be set', 'stat_type')
  if (['status_count', 'status_count_per_user', 'request_per_user'].includes(name) && type !== 'counter')
    tell('value must be counter', 'stat_type')
  if ((type === 'counter' || type === 'gauge') && rate === undefined) tell('`sample_rate`: required field missing', 'sample_rate')
})

const range = z.string().regex(/^\d{3}-\d{3}$/, { error: 'invalid value, expected a range such as 200-299' })

const schema = object({
  host: filled().default('localhost'),
  port: port().default(8125),
  prefix: filled().default('kong'),
  metrics: list(metric, { max: 50 }).optional(),
  allow_status_codes: list(range, { max: 100 }).optional(),
  udp_packet_size: z.number().min(0).max(65_507).default(0),
  use_tcp: z.boolean().default(false),
  hostname_in_prefix: z.boolean().default(false),
  consumer_identifier_default: oneOf(CONSUMER_IDENTIFIERS).default('custom_id'),
  service_identifier_default: oneOf(SERVICE_IDENTIFIERS).default('service_name_or_host'),
  workspace_identifier_default: oneOf(WORKSPACE_IDENTIFIERS).default('workspace_id'),
  tag_style: oneOf(['dogstatsd', 'influxdb', 'librato', 'signalfx']).optional(),
  retry_count: z.int().optional(),
  queue_size: z.int().optional(),
  flush_timeout: z.number().optional(),
  queue: queue(1),
})

type Config = z.output<typeof schema>

export const statsd: KongPlugin<Config> = {
  name: 'statsd',
  schema,
  rules: {
    'config#size': {
      fidelity: 'approximated',
      reason: '`response.size` is that of the body, without the head',
    },
    'config.service_identifier_default': {
      fidelity: 'approximated',
      reason: 'services are told by their names, or else their ids, whatever identifier is asked for',
    },
    'config.metrics': {
      fidelity: 'unsupported',
      reason: 'what tells of workspaces, shared dictionaries and the cache of the datastore has no like here and is left out',
    },
  },
  translate(written, around) {
    tell(written, around)
    const options = {
      host: written.host,
      port: written.port === 0 ? 8125 : written.port,
      ...(written.use_tcp && { protocol: 'tcp' }),
      prefix: written.prefix,
      hostnameInPrefix: written.hostname_in_prefix,
      datagramBytesMax: Math.min(Math.floor(written.udp_packet_size), 65_000),
      consumer: CONSUMERS[written.consumer_identifier_default],
      metrics: written.metrics?.flatMap(({ name, stat_type: type, sample_rate: sampleRate, consumer_identifier: by }) => {
        const carried = CARRIED.find((known) => known === name)
        return carried === undefined ? [] : [{ name: carried, type, sampleRate, consumer: by === undefined ? undefined : CONSUMERS[by] }]
      }),
      statuses: written.allow_status_codes?.map((text) => {
        const [from = 0, to = 0] = text.split('-').map(Number)
        return { from, to }
      }),
      ...(written.tag_style !== undefined && { tags: written.tag_style }),
    }
    return { policies: [{ kind: 'kong-statsd', options }] }
  },
}

function tell(written: Config, around: PluginSurroundings): void {
  around.note('config#size', [])
  if (!NAMES.has(written.service_identifier_default)) around.note('config.service_identifier_default', ['service_identifier_default'])
  for (const [i, { name, service_identifier: service }] of (written.metrics ?? []).entries()) {
    if (service !== undefined && !NAMES.has(service)) around.note('config.service_identifier_default', ['metrics', i])
    if (!CARRIED.some((known) => known === name)) around.note('config.metrics', ['metrics', i])
  }
}
