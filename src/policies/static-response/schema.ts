import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { headerNameText, headerValueText, integer, object, record, z } from '../../core/schema.ts'

const BODY_CHARS_MAX = 65_536
const NAMED_ELSEWHERE = new Set(['content-type'])

export const schema = object({
  status: integer({ min: 200, max: 599 }).default(200).describe('Status of the answer.'),
  contentType: z
    .union([z.literal(false, { error: 'expected a media type or `false`' }), headerValueText()])
    .default('text/plain; charset=utf-8')
    .describe('`Content-Type` of the body; written only when there is one. `false` for none.'),
  headers: record(
    headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()) && !NAMED_ELSEWHERE.has(name.toLowerCase()), {
      error: 'this header is written by the gateway, or is `contentType`',
    }),
    headerValueText(),
    { max: 100 },
  )
    .default({})
    .describe('Further headers.'),
  body: z.string().max(BODY_CHARS_MAX).default('').describe('The body, at most 65536 characters, sent as UTF-8.'),
  trigger: headerNameText()
    .optional()
    .describe('Answers only requests that have a header or a query parameter of this name; all others go on. Default: answers all.'),
  echo: z
    .union([
      z.literal(false, { error: 'expected `false` or a map' }),
      object({ message: z.string().max(1_000).default('').describe('Its member `message`; left out when empty.') }),
    ])
    .default(false)
    .describe(
      'In place of `body` a JSON document that tells the request as it came here, for finding faults: with all of its credentials.',
    ),
})
  .refine(({ status, body }) => body === '' || (status !== 204 && status !== 205 && status !== 304), {
    error: 'an answer with status 204, 205 or 304 has no body',
    path: ['body'],
  })
  .refine(({ echo, body }) => echo === false || body === '', { error: '`echo` takes the place of `body`', path: ['body'] })

export type StaticResponseOptions = z.output<typeof schema>
