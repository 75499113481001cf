/** What the native form says of logs and traces. */
import { nodeHttp } from '../core/lazy-builtins.ts'
import { isSecretHeader, LOG_FIELDS } from '../core/log-settings.ts'
import { MANAGED_FIELDS } from '../core/managed-fields.ts'
import { nearest } from '../core/nearest.ts'
import { byteSize, duration, headerNameText, list, object, oneOf, oneOrMore, record, secret, text, z } from '../core/schema.ts'
import { parseAddress } from './addresses.ts'

/** Names of RFC 5424, 6.2.1, in the order of their numbers; those between are of no use here. */
export const FACILITIES: ReadonlyMap<string, number> = new Map([
  ['user', 1],
  ['daemon', 3],
  ...Array.from({ length: 8 }, (_, index) => [`local${index}`, 16 + index] as const),
])

const facilities = ['user', 'daemon', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'] as const

const ca = text({ max: 65_536 })
  .refine((pem) => pem.includes('-----BEGIN CERTIFICATE-----'), { error: `expected certificates in PEM, by \`\${file:…}\`` })
  .optional()
  .describe(`The CAs that its certificate may come from, in PEM, by \`\${file:…}\`. Default: those that Node knows.`)

const queueBytesMax = byteSize({ min: 65_536, max: 2 ** 30 })
  .prefault('4MiB')
  .describe('Bytes that wait for it in each worker; what is beyond is dropped and counted.')

/** The address of an HTTP server. Not repeated in messages, since it may hold a password. */
const httpUrl = text({ max: 2_048 }).superRefine((written, context) => {
  const tell = (message: string): void => context.addIssue({ code: 'custom', message })
  const url = URL.canParse(written) ? new URL(written) : null
  if (url === null || !/^https?:$/.test(url.protocol)) return tell('expected a URL such as `https://logs.example.com/ingest`')
  if (url.username !== '' || url.password !== '') tell('expected a URL without a password: credentials go into `headers`')
  if (url.hash !== '') tell('expected a URL without `#`')
})

const headers = record(
  headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), { error: 'this field is written by the gateway itself' }),
  secret().refine(isHeaderValue, { error: 'expected the value of a header' }),
  { max: 20 },
)
  .default({})
  .describe('Headers of each request to it, `Authorization` say.')

function isHeaderValue(value: string): boolean {
  try {
    nodeHttp().validateHeaderValue('x', value)
    return true
  } catch {
    return false
  }
}

/** How batches are sent by HTTP. */
const batches = {
  headers,
  gzip: z.boolean().default(false).describe('Whether batches are compressed.'),
  ca,
  batchBytesMax: byteSize({ min: 1_024, max: 64 * 2 ** 20 })
    .prefault('512KiB')
    .describe('A batch of so many bytes is sent at once.'),
  interval: duration({ min: 10, max: 600_000 }).prefault('1s').describe('A batch is sent after so long at the latest.'),
  timeout: duration({ min: 100, max: 600_000 }).prefault('10s').describe('Longest wait for an answer; then the batch is sent again.'),
  queueBytesMax,
}

/** `udp://host:514`, `tcp://host:601` or `tls://host:6514`, the default ports left out or not; null for anything else. */
export function parseSyslogUrl(
  written: string,
): { readonly transport: 'udp' | 'tcp' | 'tls'; readonly host: string; readonly port: number } | null {
  const [, transport, rest = ''] = /^(udp|tcp|tls):\/\/([^/]+)$/.exec(written) ?? []
  if (transport !== 'udp' && transport !== 'tcp' && transport !== 'tls') return null
  const address = parseAddress(/:\d+$/.test(rest) && !rest.endsWith(']') ? rest : `${rest}:${DEFAULT_PORTS[transport]}`)
  return address === null ? null : { transport, host: address.host, port: address.port }
}

/** RFC 5426, 3.3; RFC 6587, 3.4.1 has none, 601 is what IANA lists; RFC 5425, 4.1. */
const DEFAULT_PORTS = { udp: 514, tcp: 601, tls: 6_514 } as const

const output = z.union([
  text({ max: 4_096 }),
  object({
    syslog: text({ max: 300 })
      .refine((url) => parseSyslogUrl(url) !== null, { error: 'expected `udp://host:514`, `tcp://host:601` or `tls://host:6514`' })
      .describe('A server that takes RFC 5424: `udp://host:514`, `tcp://host:601` (octet counting) or `tls://host:6514`.'),
    facility: oneOf(facilities).default('local0').describe('The facility of each message.'),
    appName: z
      .string()
      .regex(/^[\x21-\x7e]{1,48}$/, { error: 'expected at most 48 printable ASCII characters without blanks' })
      .default('turnpike')
      .describe('APP-NAME of each message.'),
    ca,
    queueBytesMax,
  }),
  object({
    http: httpUrl.describe('A server that takes `POST` of newline-delimited JSON.'),
    ...batches,
  }),
])

const outputs = (what: string) =>
  oneOrMore(output, { max: 8 }).describe(
    `${what}: \`stdout\`, \`stderr\`, the path of a file, \`{ syslog }\` or \`{ http }\`; one or a list.`,
  )

export type OutputInput = z.output<typeof output>

const HEADER_FIELD = /^(request|response)-header:([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128})$/
const KNOWN_FIELDS: readonly string[] = LOG_FIELDS

const field = z.string().superRefine((written, context) => {
  const tell = (message: string): void => context.addIssue({ code: 'custom', message })
  const [, , name] = HEADER_FIELD.exec(written) ?? []
  if (name !== undefined) {
    if (isSecretHeader(name)) tell(`\`${name}\` may carry a secret: it is never logged`)
  } else if (!KNOWN_FIELDS.includes(written)) {
    const near = nearest(written, LOG_FIELDS)
    tell(
      `expected the name of a field, \`request-header:NAME\` or \`response-header:NAME\`, found \`${written}\`${near === null ? '' : `; did you mean \`${near}\`?`}`,
    )
  }
})

export const accessLog = object({
  output: outputs('Where lines go').prefault('stdout'),
  fields: list(field, { min: 1, max: 64 })
    .refine((names) => new Set(names.map((name) => name.toLowerCase())).size === names.length, { error: 'expected each field once' })
    .optional()
    .describe(
      `The fields of a line, in this order: ${LOG_FIELDS.map((name) => `\`${name}\``).join(', ')}, \`request-header:NAME\`, \`response-header:NAME\`. Default: see docs/logs.md.`,
    ),
  sampling: object({
    ratio: z.number().min(0).max(1).default(1).describe('Share of exchanges that are logged: 0.1 is one in ten.'),
    keepErrors: z.boolean().default(true).describe('Whether all are logged that failed: 5xx, or an answer that broke off.'),
    slowerThan: duration({ min: 1 }).optional().describe('Logs all that took so long. Default: none for that reason.'),
  })
    .optional()
    .describe('Logs some exchanges only. Default: all.'),
  redact: object({
    addresses: z.boolean().default(false).describe('Tells addresses of clients as networks: /24 of IPv4, /48 of IPv6.'),
    parameters: list(text({ max: 256 }), { max: 100 })
      .default([])
      .describe('Query parameters whose values the field `query` hides, besides those that usually are secret.'),
  })
    .prefault({})
    .describe('What lines leave out.'),
})

export const eventLog = object({
  output: outputs('Where events go besides standard error'),
})

export const tracing = object({
  otlp: object({
    endpoint: httpUrl.describe(
      'Where spans go by OTLP/HTTP in JSON: `http://collector:4318`, or a whole URL. Without a path it is `/v1/traces`.',
    ),
    ...batches,
  }).describe('The receiver.'),
  serviceName: text({ max: 256 }).default('turnpike').describe('`service.name` of the spans.'),
  sampling: object({
    ratio: z.number().min(0).max(1).default(1).describe('Share of traces that begin here and are kept: 0.1 is one in ten.'),
    parentBased: z
      .boolean()
      .default(true)
      .describe('Whether a client that says whether its trace is sampled is followed. `false`: `ratio` decides for all, by the trace id.'),
    keepErrors: z
      .boolean()
      .default(true)
      .describe('Whether spans are kept, sampled or not, of exchanges that failed: 5xx, or an answer that broke off.'),
    keepSlowerThan: duration({ min: 1 }).optional().describe('Keeps spans, sampled or not, of exchanges that took so long. Default: not.'),
  })
    .prefault({})
    .describe('Which exchanges have their spans sent.'),
  slowPolicy: duration().prefault('5ms').describe('A policy that was waited for so long has a span of its own.'),
})
