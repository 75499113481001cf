import { byteSize, duration, list, object, oneOf, z } from '../../core/schema.ts'
import { ALGORITHM_NAMES } from './signature.ts'

const covered = () =>
  z
    .string()
    .regex(/^(\(request-target\)|@request-target|[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256})$/, {
      error: 'expected `(request-target)`, `request-line` or the name of a header',
    })
    .transform((name) => name.toLowerCase())

export const schema = object({
  requiredHeaders: list(covered(), { max: 50 })
    .default(['(request-target)', 'host', 'date'])
    .describe(
      'What a signature has to cover. `(request-target)` may be `request-line` instead, `date` may be `x-date`, `digest` may be `content-digest`.',
    ),
  skew: duration({ min: 1_000, max: 86_400_000 }).prefault('5m').describe('How far a signed date may be from now, on either side.'),
  algorithms: list(oneOf(ALGORITHM_NAMES), { min: 1, max: ALGORITHM_NAMES.length })
    .default([...ALGORITHM_NAMES])
    .describe('Algorithms that signatures may have.'),
  validateBody: z
    .boolean()
    .default(false)
    .describe('Whether a request with a body needs a signed `Digest` or `Content-Digest`, which the body is compared with.'),
  bytesMax: byteSize({ min: 1, max: 2 ** 30 })
    .prefault('1MiB')
    .describe('Largest body with `validateBody`, which has to be held as a whole; more is 413.'),
  forward: z.boolean().default(false).describe('Whether the service gets the signature too.'),
  realm: z
    .string()
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/, { error: 'expected 1 to 128 printable ASCII characters, none of them `"` or `\\`' })
    .default('api')
    .describe('The `realm` of `WWW-Authenticate`.'),
})

export type HmacOptions = z.output<typeof schema>
