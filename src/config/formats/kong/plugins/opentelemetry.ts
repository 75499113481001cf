import { object, oneOf, record, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin, PluginSurroundings, TranslatedPlugin } from '../types.ts'
import { filled, headerName, queue, texts, timeout } from './config-schema.ts'

/** Kong's `tracing_sampling_rate`. */
const SAMPLING_RATE_DEFAULT = 0.01
/** About what one span takes: Kong bounds a batch by their number. */
const SPAN_BYTES = 1_024
const BATCH_BYTES = { min: 1_024, max: 64 * 2 ** 20 }

const HEADER_TYPES = ['preserve', 'ignore', 'b3', 'b3-single', 'w3c', 'jaeger', 'ot', 'aws', 'gcp', 'datadog'] as const

const endpoint = () =>
  filled()
    .refine((url) => URL.canParse(url) && /^https?:/.test(url), { error: 'missing host in url' })
    .optional()

const schema = object({
  endpoint: endpoint(),
  traces_endpoint: endpoint(),
  logs_endpoint: endpoint(),
  headers: record(headerName(), filled(), { max: 20 }).default({}),
  resource_attributes: record(z.string().min(1).max(256), filled(), { max: 100 }).default({}),
  queue: queue(200),
  batch_span_count: z.int().optional(),
  batch_flush_delay: z.int().optional(),
  connect_timeout: timeout().default(1_000),
  send_timeout: timeout().default(5_000),
  read_timeout: timeout().default(5_000),
  http_response_header_for_traceid: filled().optional(),
  header_type: oneOf(HEADER_TYPES).default('preserve'),
  propagation: object({
    extract: texts().optional(),
    inject: texts().optional(),
    clear: texts().optional(),
    default_format: filled().default('w3c'),
  }).optional(),
  sampling_rate: z.number().min(0).max(1).optional(),
  sampling_strategy: oneOf(['parent_drop_probability_fallback', 'parent_probability_fallback']).optional(),
}).superRefine(({ endpoint: old, traces_endpoint: traces, logs_endpoint: logs }, context) => {
  if (old !== undefined || traces !== undefined || logs !== undefined) return
  context.addIssue({
    code: 'custom',
    message: "at least one of these fields must be non-empty: 'config.traces_endpoint', 'config.logs_endpoint'",
  })
})

type Config = z.output<typeof schema>

export const opentelemetry: KongPlugin<Config> = {
  name: 'opentelemetry',
  schema,
  rules: {
    config: {
      fidelity: 'approximated',
      reason:
        'spans are those of Turnpike: one of the request, one of each try and of slow policies. Kong sends none before `tracing_instrumentations` is set; without `sampling_rate` one trace in a hundred is sent, as by its `tracing_sampling_rate`',
    },
    'config#scope': {
      fidelity: 'approximated',
      reason: 'traces are for the whole gateway: a plugin for a route, a service or a consumer alone has spans sent of all',
    },
    'config.logs_endpoint': { fidelity: 'unsupported', reason: 'logs are not sent by OTLP: `eventLog` has outputs of its own' },
    'config.resource_attributes': { fidelity: 'unsupported', reason: 'of the attributes of the resource only `service.name` is carried' },
    'config.header_type': {
      fidelity: 'approximated',
      reason: '`traceparent` and `tracestate` of W3C alone are read and written; other fields of traces pass as they are',
    },
    'config.http_response_header_for_traceid': {
      fidelity: 'unsupported',
      reason: 'clients are not told the id of the trace; the access log has it beside the id of the request',
    },
  },
  translate(written, around): TranslatedPlugin {
    tell(written, around)
    const key = written.traces_endpoint === undefined ? 'endpoint' : 'traces_endpoint'
    const url = written[key]
    if (url === undefined) return { policies: [] }
    const { queue: waiting } = written
    const spans = written.batch_span_count ?? waiting.max_batch_size
    const delay = written.batch_flush_delay ?? waiting.max_coalescing_delay
    const tracing = {
      otlp: {
        endpoint: nodeOf(url, around.locate([key])),
        headers: written.headers,
        batchBytesMax: Math.min(Math.max(BATCH_BYTES.min, spans * SPAN_BYTES), BATCH_BYTES.max),
        interval: Math.min(Math.max(10, Math.round(delay * 1000)), 600_000),
        timeout: Math.max(100, written.connect_timeout + written.send_timeout + written.read_timeout),
      },
      serviceName: written.resource_attributes['service.name'] ?? 'kong',
      sampling: {
        ratio: written.sampling_rate ?? SAMPLING_RATE_DEFAULT,
        keepErrors: false,
      },
    }
    return { policies: [], root: { tracing } }
  },
}

function tell(written: Config, around: PluginSurroundings): void {
  around.note('config')
  const { scope } = around.plugin
  if (scope.route !== null || scope.service !== null || scope.consumer !== null) around.note('config#scope', [])
  if (written.logs_endpoint !== undefined) around.note('config.logs_endpoint', ['logs_endpoint'])
  const others = Object.keys(written.resource_attributes).filter((name) => name !== 'service.name')
  if (others.length > 0) around.note('config.resource_attributes', ['resource_attributes'])
  if (written.header_type !== 'w3c' || written.propagation !== undefined) around.note('config.header_type', ['header_type'])
  if (written.http_response_header_for_traceid !== undefined) {
    around.note('config.http_response_header_for_traceid', ['http_response_header_for_traceid'])
  }
}
