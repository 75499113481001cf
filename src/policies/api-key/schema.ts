import { challenge, onOptions, termsOptions } from '../../core/authentication-options.ts'
import { CREDENTIAL_PLACE } from '../../core/credential-place.ts'
import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { byteSize, list, object, oneOf, text, z } from '../../core/schema.ts'

const KEY_PLACE = new RegExp(`${CREDENTIAL_PLACE.source}|^body:[A-Za-z0-9._~-]{1,256}$`)

const place = () =>
  text({ max: 300 })
    .regex(KEY_PLACE, { error: 'expected `header:NAME`, `query:NAME`, `cookie:NAME` or `body:NAME`' })
    .refine((written) => !RESERVED.has(written.toLowerCase()), { error: 'no key can stand in this header' })

const RESERVED: ReadonlySet<string> = new Set([...MANAGED_FIELDS, 'cookie'].map((field) => `header:${field}`))

export const schema = object({
  from: list(place(), { min: 1, max: 100 })
    .default(['header:X-API-Key'])
    .describe(
      'Where a key may stand: `header:NAME`, `query:NAME`, `cookie:NAME`, `body:NAME` (a member of a JSON object, a field of a form). In `header:Authorization` it follows `ApiKey` or `Bearer`.',
    ),
  select: oneOf(['only', 'first'])
    .default('only')
    .describe(
      'What happens to a request with several keys: `only` refuses those that differ; `first` takes what stands in the first of the places where there is anything, and refuses two there.',
    ),
  bodyBytesMax: byteSize({ min: 1, max: 2 ** 26 })
    .prefault('1MiB')
    .describe('Largest body in which a key is looked for. It has to be held as a whole; in a larger one there is none.'),
  scheme: z
    .boolean()
    .default(true)
    .describe('Whether a key in `Authorization` stands behind a scheme; otherwise the whole field is the key.'),
  forward: z.boolean().default(false).describe('Whether the service gets the key too.'),
  realm: z
    .string()
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/, { error: 'expected 1 to 128 printable ASCII characters, none of them `"` or `\\`' })
    .default('api')
    .describe('The `realm` of `WWW-Authenticate`.'),
  challenge: challenge(),
  onOptions: onOptions(),
  ...termsOptions,
})

export type ApiKeyOptions = z.output<typeof schema>
