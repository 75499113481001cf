/** The native form of consumers: who calls, with credentials and policies of their own. */
import { normalAlternativeName } from '../core/client-certificate.ts'
import { API_KEY_CHARS_MAX } from '../core/consumers.ts'
import { ALGORITHM_NAMES } from '../core/jwt-algorithms.ts'
import { PASSWORD_CHARS_MAX, passwordCostOf } from '../core/password-hash.ts'
import { distinguishedName, list, object, oneOf, record, secret, text, z } from '../core/schema.ts'
import { instant } from './instant.ts'
import { jwtKeyProblem } from './jwt-keys.ts'

export const CONSUMERS_MAX = 100_000
const CREDENTIALS_MAX = 100
const GROUPS_MAX = 1_000

const word = () =>
  z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, {
    error: 'expected letters, digits, `_`, `-` and `.`, at most 128, beginning with a letter, a digit or `_`',
  })

/** A text without control characters. */
const line = (max: number) => text({ max }).regex(/^\P{Cc}+$/u, { error: 'expected a text without control characters' })

const period = {
  id: word()
    .optional()
    .describe(
      'Names the credential to services (`X-Credential-ID`) and in `turnpike explain`; no two may have the same. Default: name of the consumer, kind and number, `app-key-1` say.',
    ),
  notBefore: instant().optional().describe('From when on it holds: `2027-01-31` (its first moment in UTC) or `2027-01-31T18:00:00Z`.'),
  expires: instant().optional().describe('From when on it does not hold any more. Two credentials that overlap make a rotation.'),
}

/** Exactly one of several ways to say a credential. */
function checkOneOf(names: readonly string[], { value, issues }: z.core.ParsePayload<Readonly<Record<string, unknown>>>): void {
  if (names.filter((name) => value[name] !== undefined).length === 1) return
  const quoted = names.map((name) => `\`${name}\``)
  issues.push({ code: 'custom', input: value, message: `expected one of ${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1) ?? ''}` })
}

const keyText = () =>
  secret()
    .max(API_KEY_CHARS_MAX)
    .regex(/^[\x21-\x7e]+$/, { error: 'expected printable ASCII characters without blanks, as a key is sent' })
    .meta({ secret: true })

const key = object({
  key: keyText().optional().describe('The API key. Only its hash is kept.'),
  hash: z
    .string()
    .regex(/^sha256:[0-9A-Fa-f]{64}$/, { error: 'expected `sha256:` and 64 hexadecimal digits, as `turnpike hash key` prints them' })
    .meta({ secret: true })
    .optional()
    .describe('In place of the key its SHA-256, as `turnpike hash key` prints it.'),
  ...period,
}).check((payload) => checkOneOf(['key', 'hash'], payload))

const basic = object({
  username: z
    .string()
    .min(1)
    .max(255)
    // RFC 7617, 2: what follows the first colon is the password.
    .regex(/^[^:\p{Cc}]+$/u, { error: 'expected a name without colons and control characters' })
    .transform((name) => name.normalize('NFC'))
    .describe('The name to log in with.'),
  password: secret()
    .max(PASSWORD_CHARS_MAX)
    .regex(/^\P{Cc}+$/u, { error: 'expected a password without control characters' })
    .meta({ secret: true })
    .optional()
    .describe('The password. Only a hash of it is kept; hashes written here load faster and give nothing away.'),
  passwordHash: z
    .string()
    .refine((written) => passwordCostOf(written) !== null, {
      error: 'expected `scrypt:N:r:p:salt:hash` as `turnpike hash password` prints it, N from 1024 on and N·r·p at most 1048576',
    })
    .meta({ secret: true })
    .optional()
    .describe(
      'In place of the password its hash, as `turnpike hash password` prints it; or `sha1:salt:hash`, the SHA-1 of password and salt, as Kong keeps them: only until there is a better one, since who reads it finds the password by trying.',
    ),
  ...period,
}).check((payload) => checkOneOf(['password', 'passwordHash'], payload))

const hmac = object({
  keyId: text({ max: 255 })
    .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/, { error: 'expected printable ASCII characters, none of them `"` or `\\`' })
    .describe('The `keyId` (or `username`) that signatures name.'),
  secret: secret().describe('The shared secret. It has to be readable: a signature cannot be checked against a hash.'),
  ...period,
})

const jwt = object({
  key: text({ max: 1_024 }).describe('What the key claim of a token holds: `iss`, unless the `jwt` policy says otherwise.'),
  algorithm: oneOf(ALGORITHM_NAMES).describe('The one algorithm that its tokens are signed with.'),
  secret: secret().optional().describe('The shared secret, for HS algorithms.'),
  publicKey: text({ max: 16_384 }).optional().describe('The public key or certificate in PEM, for all other algorithms.'),
  ...period,
}).superRefine((written, context) => {
  const problem = jwtKeyProblem(written)
  if (problem !== null) context.addIssue({ code: 'custom', path: [...problem.path], message: problem.message })
})

const certificate = object({
  fingerprint: z
    .string()
    .regex(/^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$/, {
      error: 'expected the SHA-256 of the certificate: 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them',
    })
    .transform((digits) => digits.replaceAll(':', '').toLowerCase())
    .optional()
    .describe('SHA-256 of the certificate, colons allowed: exactly this one, until it is renewed.'),
  subject: distinguishedName().optional().describe('Its subject as RFC 4514 writes it: `CN=app,O=Example`.'),
  san: z
    .string()
    .transform((written, context) => {
      const name = normalAlternativeName(written)
      if (name !== null) return name
      context.addIssue({ code: 'custom', message: 'expected `DNS:app.example`, `URI:spiffe://example/app` or `email:app@example.com`' })
      return z.NEVER
    })
    .optional()
    .describe('One of its alternative names: `DNS:…`, `URI:…` or `email:…`.'),
  ...period,
}).check((payload) => checkOneOf(['fingerprint', 'subject', 'san'], payload))

/** One consumer. */
export const consumer = <P extends z.ZodType>(policies: P) =>
  object({
    id: line(256).optional().describe('What other systems know it by, for `identity-headers`.'),
    labels: record(word(), line(1_024), { max: 20 })
      .optional()
      .describe('Texts about it, by name, which `identity-headers` can tell to services.'),
    groups: list(line(512), { max: GROUPS_MAX }).default([]).describe('Groups it belongs to, for `authorize`.'),
    keys: list(z.union([keyText(), key]), { max: CREDENTIALS_MAX })
      .default([])
      .describe('API keys, for `api-key`: the key itself, or a map.'),
    basic: list(basic, { max: CREDENTIALS_MAX }).default([]).describe('Names and passwords, for `basic`.'),
    hmac: list(hmac, { max: CREDENTIALS_MAX }).default([]).describe('Secrets to sign requests with, for `hmac`.'),
    jwt: list(jwt, { max: CREDENTIALS_MAX })
      .default([])
      .describe('Keys that its tokens are signed with, for `jwt` with `consumers: true`.'),
    certificates: list(certificate, { max: CREDENTIALS_MAX })
      .default([])
      .describe('TLS client certificates, for `client-certificate`; they count only where the CA of a listener has issued them.'),
    policies: policies
      .optional()
      .describe('Policies for this consumer, by kind: in place of those of the route. Only kinds that act once the consumer is known.'),
    routes: record(word(), object({ policies: policies.optional().describe('Policies for this consumer on this route, by kind.') }), {
      max: 1_000,
    })
      .default({})
      .describe('What holds for this consumer on one route, by the name of the route.'),
  })
