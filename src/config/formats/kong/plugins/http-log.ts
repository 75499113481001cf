import { integer, object, oneOf, record, z } from '../../../../core/schema.ts'
import { nodeOf } from '../nodes.ts'
import type { KongPlugin } from '../types.ts'
import { filled, headerName, queue, timeout } from './config-schema.ts'
import { constantFields, customFields, LOG_RULES } from './log-output.ts'

/** About what one record takes: Kong bounds what waits by their number. */
const RECORD_BYTES = 2_048
const QUEUE_BYTES = { min: 65_536, max: 2 ** 30 }

const schema = object({
  http_endpoint: filled().refine((url) => URL.canParse(url) && /^https?:/.test(url), { error: 'missing host in url' }),
  method: oneOf(['POST', 'PUT', 'PATCH']).default('POST'),
  content_type: oneOf(['application/json', 'application/json; charset=utf-8']).default('application/json'),
  timeout: timeout().default(10_000),
  keepalive: timeout().default(60_000),
  retry_count: z.int().optional(),
  queue_size: integer({ min: 1, max: 1_000_000 }).optional(),
  flush_timeout: z.number().min(0).max(3_600).optional(),
  headers: record(headerName(), filled(), { max: 50 }).default({}),
  queue: queue(1),
  custom_fields_by_lua: customFields(),
})

type Config = z.output<typeof schema>

export const httpLog: KongPlugin<Config> = {
  name: 'http-log',
  schema,
  rules: {
    ...LOG_RULES,
    'config.queue': {
      fidelity: 'approximated',
      reason:
        'what waits is bounded by its bytes; a server that is busy or away is asked ten times with growing waits, and what it refuses with another 4xx is dropped, where Kong tries everything again for `max_retry_time`',
    },
    'config.http_endpoint#tls': {
      fidelity: 'approximated',
      reason: 'the certificate of the server is verified, which Kong does not do',
    },
  },
  translate(written, around) {
    const { http_endpoint: endpoint, method, content_type: contentType, queue: waiting } = written
    around.note('config')
    around.note('config.queue', ['queue'])
    if (endpoint.startsWith('https:')) around.note('config.http_endpoint#tls', ['http_endpoint'])
    const url = new URL(endpoint)
    const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    const isBasic = url.username !== ''
    url.username = ''
    url.password = ''
    url.hash = ''
    const options = {
      http: {
        url: nodeOf(url.href, around.locate(['http_endpoint'])),
        method,
        contentType,
        headers: { ...written.headers, ...(isBasic && { Authorization: `Basic ${Buffer.from(user).toString('base64')}` }) },
        recordsMax: written.queue_size ?? waiting.max_batch_size,
        interval: Math.max(10, Math.round((written.flush_timeout ?? waiting.max_coalescing_delay) * 1000)),
        timeout: Math.min(Math.max(100, written.timeout), 3_600_000),
        queueBytesMax: Math.min(Math.max(QUEUE_BYTES.min, waiting.max_bytes ?? waiting.max_entries * RECORD_BYTES), QUEUE_BYTES.max),
      },
      set: constantFields(written.custom_fields_by_lua, around),
    }
    return { policies: [{ kind: 'kong-log', options }] }
  },
}
