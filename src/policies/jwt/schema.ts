import { challenge, onOptions, termsOptions } from '../../core/authentication-options.ts'
import { ALGORITHM_NAMES } from '../../core/jwt-algorithms.ts'
import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { byteSize, duration, integer, list, object, oneOf, oneOrMore, record, secret, text, z } from '../../core/schema.ts'
import { configuredKeys, contradictions } from './configured-keys.ts'
import { TOKEN_PLACE } from './places.ts'

/** As many as are tried for one token. */
const KEYS_MAX = 10
const NAMES_MAX = 100

const algorithms = () => oneOrMore(oneOf(ALGORITHM_NAMES), { max: ALGORITHM_NAMES.length })
const pem = () => text({ max: 16_384 })
/** Members that mean nothing to us may be there (RFC 7517, 4), so that a key can be pasted as it was given. */
const jwk = () =>
  z.looseObject({
    kty: oneOf(['RSA', 'EC', 'OKP', 'oct']).describe('Its type; the other members are those of RFC 7518.'),
    k: secret().optional().describe('The secret of an `oct` key, in base64url.'),
  })
/** In a set, keys of kinds that are not known are passed over (RFC 7517, 5). */
const jwkOfSet = () =>
  z.looseObject({
    kty: text({ max: 64 }).describe('Its type; keys of unknown types are passed over.'),
    k: secret().optional().describe('The secret of an `oct` key, in base64url.'),
  })
const name = () => text({ max: 256 })

const keyEntry = object({
  kid: name().optional().describe('The `kid` of the tokens that this key signs. Without it the key is tried for every token.'),
  algorithm: algorithms()
    .optional()
    .describe('The only algorithms that this key is used with. By default those of the policy that fit it.'),
  secret: secret().optional().describe('A shared secret, for HS algorithms.'),
  publicKey: pem().optional().describe('A public key or certificate in PEM.'),
  jwk: jwk().optional().describe('A key as a JWK.'),
})

const place = () =>
  text({ max: 300 })
    .regex(TOKEN_PLACE, { error: 'expected `header`, `header:NAME`, `bearer:NAME`, `cookie:NAME` or `query:NAME`' })
    .refine((written) => !RESERVED.has(written.toLowerCase()), { error: 'no token can stand in this header' })

const RESERVED: ReadonlySet<string> = new Set(
  [...MANAGED_FIELDS, 'host', 'cookie'].flatMap((field) => [`header:${field}`, `bearer:${field}`]),
)

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** What is wrong with a URL that keys are fetched from; null for nothing. Who can change the answer on its way can sign any token. */
function urlProblem(written: string, insecure: boolean): string | null {
  const url = URL.parse(written)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'expected a URL: `https://…`'
  if (url.username !== '' || url.password !== '') return 'a URL with a name and a password cannot be fetched'
  if (url.protocol === 'http:' && !insecure && !LOOPBACK.test(url.hostname)) {
    return 'expected https, or http to this machine: else anybody on the way could put in a key of their own (`insecure: true` allows it)'
  }
  return null
}

export const schema = object({
  algorithm: algorithms()
    .optional()
    .describe(
      'The only algorithms that tokens may be signed with. By default what the keys say: HS256 for a secret, RS256 for an RSA key in PEM, for others what their `alg`, type and curve allow.',
    ),
  secret: secret().optional().describe('A shared secret, for HS algorithms.'),
  secretEncoding: oneOf(['utf8', 'base64']).default('utf8').describe('How secrets are written: as they are, or in base64.'),
  publicKey: pem().optional().describe('A public key or certificate in PEM.'),
  jwk: jwk().optional().describe('A key as a JWK.'),
  jwks: object({
    keys: list(jwkOfSet(), { min: 1, max: NAMES_MAX }).describe('The keys. One that cannot be used is passed over, if another can.'),
  })
    .optional()
    .describe('A set of keys as a JWK Set.'),
  keys: list(keyEntry, { min: 1, max: KEYS_MAX }).optional().describe('Several keys, each with algorithms of its own.'),
  jwksUrl: text({ max: 2_048 })
    .optional()
    .describe('Where the issuer publishes its keys, as a JWK Set. May stand beside keys that are written here.'),
  jwksTtl: duration({ min: 10_000, max: 86_400_000 })
    .prefault('10m')
    .describe('How long fetched keys are used before they are fetched again; `max-age` of the answer may make it shorter.'),
  jwksRefetchGap: duration({ min: 1_000, max: 3_600_000 })
    .prefault('30s')
    .describe('Least time between two fetches that tokens with an unknown `kid` cause.'),
  insecure: z.boolean().default(false).describe('Whether `jwksUrl` may be http to another machine.'),
  consumers: z.boolean().default(false).describe('Whether the keys are those of consumers: `keyClaim` says whose token it is.'),
  keyClaim: name()
    .default('iss')
    .describe('With `consumers`: the claim that holds the key of a credential, or else the member of the header.'),
  consumerClaim: name()
    .optional()
    .describe('A claim that holds the name of a consumer, `azp` say. A token without it, or with an unknown name, is refused.'),
  from: list(place(), { min: 1, max: 100 })
    .default(['header'])
    .describe(
      'Where a token may stand: `header` (`Authorization: Bearer`), `header:NAME`, `bearer:NAME` (a header where it follows `Bearer`), `cookie:NAME`, `query:NAME`.',
    ),
  forward: z.boolean().default(true).describe('Whether the service gets the token too.'),
  issuer: oneOrMore(text({ max: 1_024 }), { max: NAMES_MAX })
    .optional()
    .describe('Whose tokens are accepted: `iss` is one of these.'),
  audience: oneOrMore(text({ max: 1_024 }), { max: NAMES_MAX })
    .optional()
    .describe('For whom tokens are: `aud` is or holds one of these.'),
  required: list(name(), { max: NAMES_MAX }).default([]).describe('Claims that a token must have.'),
  claims: record(name(), oneOrMore(z.union([text({ max: 1_024 }), z.number(), z.boolean()]), { max: NAMES_MAX }), { max: NAMES_MAX })
    .default({})
    .describe('Values by claim: the claim is, or as a list holds, one of them.'),
  typ: name().optional().describe('The `typ` that the header of a token must have, `at+jwt` say.'),
  ignore: list(oneOf(['exp', 'nbf', 'iat']), { max: 3 })
    .default([])
    .describe('Dates that are not looked at, also where a token has them; without `exp` a token never ends.'),
  maxRemaining: duration({ min: 1_000, max: 100 * 366 * 86_400_000 })
    .optional()
    .describe('How far in the future the `exp` of a token may be; one without it is refused.'),
  requireExpiry: z.boolean().default(true).describe('Whether a token without `exp` is refused.'),
  maxAge: duration({ min: 1_000, max: 366 * 86_400_000 })
    .optional()
    .describe('How long after its `iat` a token is accepted at most.'),
  skew: duration({ max: 300_000 }).prefault('0s').describe('How far the clocks of issuers may be off.'),
  tokenBytesMax: byteSize({ min: 64, max: 65_536 }).prefault('8KiB').describe('Largest token that is looked at.'),
  cacheMax: integer({ min: 1, max: 1_000_000 }).default(10_000).describe('How many verified tokens are remembered.'),
  cacheTtl: duration({ min: 1_000, max: 86_400_000 })
    .prefault('1h')
    .describe('How long a verified token is believed before its signature is checked again; never beyond its expiry.'),
  realm: z
    .string()
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/, { error: 'expected 1 to 128 printable ASCII characters, none of them `"` or `\\`' })
    .default('api')
    .describe('The `realm` of `WWW-Authenticate`.'),
  challenge: challenge(),
  onOptions: onOptions(),
  ...termsOptions,
}).superRefine((options, context) => {
  const add = (path: readonly (string | number)[], message: string) => {
    context.addIssue({ code: 'custom', path: [...path], message })
  }
  const problems = contradictions(options)
  for (const { path, message } of problems.length > 0 ? problems : configuredKeys(options).problems) add(path, message)
  options.keys?.forEach(({ secret: shared, publicKey, jwk: key }, index) => {
    const forms = [shared, publicKey, key].filter((form) => form !== undefined)
    if (forms.length > 1) add(['keys', index], 'expected one of `secret`, `publicKey` and `jwk`')
  })
  const problem = options.jwksUrl === undefined ? null : urlProblem(options.jwksUrl, options.insecure)
  if (problem !== null) add(['jwksUrl'], problem)
  if (options.maxRemaining !== undefined && options.ignore.includes('exp')) {
    add(['maxRemaining'], 'expected no `exp` in `ignore`: it is what this looks at')
  }
  if (options.consumers && options.consumerClaim !== undefined) {
    add(['consumerClaim'], 'with `consumers` the key says whose token it is; a claim could contradict it')
  }
})

export type JwtOptions = z.output<typeof schema>
