import { validateHeaderValue } from 'node:http'
import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { byteSize, duration, headerNameText, headerValueText, integer, object, oneOf, record, secret, text, z } from '../../core/schema.ts'

/** The address of an HTTP server. Not repeated in messages, since it may hold a password. */
const httpUrl = text({ max: 2_048 }).superRefine((written, context) => {
  const tell = (message: string): void => context.addIssue({ code: 'custom', message })
  const url = URL.canParse(written) ? new URL(written) : null
  if (url === null || !/^https?:$/.test(url.protocol)) return tell('expected a URL such as `https://logs.example.com/ingest`')
  if (url.username !== '' || url.password !== '') tell('expected a URL without a password: credentials go into `headers`')
  if (url.hash !== '') tell('expected a URL without `#`')
})

function isHeaderValue(value: string): boolean {
  try {
    validateHeaderValue('x', value)
    return true
  } catch {
    return false
  }
}

const http = object({
  url: httpUrl.describe('Where records are sent to. A certificate is verified.'),
  method: oneOf(['POST', 'PUT', 'PATCH']).default('POST').describe('Method of the requests.'),
  contentType: headerValueText().default('application/json').describe('Their `Content-Type`.'),
  headers: record(
    headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), { error: 'this field is written by the gateway itself' }),
    secret().refine(isHeaderValue, { error: 'expected the value of a header' }),
    { max: 50 },
  )
    .default({})
    .describe('Further headers of theirs, `Authorization` say.'),
  recordsMax: integer({ min: 1, max: 1_000_000 })
    .default(1)
    .describe('Records in one request. With 1 its body is the record, with more a JSON array of them.'),
  interval: duration({ min: 10, max: 3_600_000 }).prefault('1s').describe('Longest wait for so many.'),
  timeout: duration({ min: 100, max: 3_600_000 }).prefault('10s').describe('Longest wait for an answer; then the request is sent again.'),
  queueBytesMax: byteSize({ min: 65_536, max: 2 ** 30 })
    .prefault('16MiB')
    .describe('Bytes that wait in each worker; what is beyond is dropped and counted.'),
})

export const schema = object({
  file: text({ max: 4_096 }).optional().describe('The path of a file that records are appended to, a line each.'),
  reopen: z.boolean().default(false).describe('Whether the file is opened anew each second, for programs that rotate it without a word.'),
  http: http.optional().describe('A server that is sent records.'),
  set: record(text({ max: 256 }), z.union([z.string().max(8_192), z.number(), z.boolean(), z.null()]), { max: 100 })
    .default({})
    .describe(
      'Members of the record that have this value whatever happened, by their path, `request.headers.cookie`; null leaves one out.',
    ),
}).superRefine(({ file, http: server, reopen }, context) => {
  if ((file === undefined) === (server === undefined)) context.addIssue({ code: 'custom', message: 'expected either `file` or `http`' })
  if (reopen && file === undefined) context.addIssue({ code: 'custom', message: 'only for `file`', path: ['reopen'] })
})

export type KongLogOptions = z.output<typeof schema>
