import { challenge, termsOptions } from '../../core/authentication-options.ts'
import { byteSize, duration, list, object, oneOf, z } from '../../core/schema.ts'
import { ALGORITHM_NAMES, FORM_NAMES } from './signature.ts'

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
    .default(['hmac-sha256', 'hmac-sha384', 'hmac-sha512'])
    .describe('Algorithms that signatures may have.'),
  forms: list(oneOf(FORM_NAMES), { min: 1, max: FORM_NAMES.length })
    .default([...FORM_NAMES])
    .describe(
      'Which signatures are looked at: `hmac` and `signature` are schemes of `Authorization`, of Kong and of draft-cavage-http-signatures; `message` is RFC 9421.',
    ),
  synonyms: z
    .boolean()
    .default(true)
    .describe('Whether what says the same counts as the same in `requiredHeaders`; otherwise the names are compared as they are written.'),
  trustUnsigned: z
    .boolean()
    .default(false)
    .describe(
      'Whether date and digest of the body count also where the signature does not cover them, as Kong has it: every request then needs a `Date` or `X-Date` near to now, and what a signature has to cover is said by `requiredHeaders` alone. A covered field that the request does not have is then signed as one without a value.',
    ),
  proxyAuthorization: z
    .boolean()
    .default(false)
    .describe('Whether `Proxy-Authorization` is looked at too, before `Authorization`. Services never get it.'),
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
  challenge: challenge(),
  ...termsOptions,
})

export type HmacOptions = z.output<typeof schema>
