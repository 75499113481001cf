/** Who calls, and whether that may be: jwt, key-auth, basic-auth, hmac-auth, acl. `reference/kong-semantics.md` 2.10. */
import type { KongError, KongErrors } from './kong-error.ts'

/** What the jwt plugin says: without the id of the request, whatever the client accepts. */
function token(message: string): KongError {
  return { status: 401, message, form: 'object' }
}

/** What it says of claims, by claim. */
function claims(body: Readonly<Record<string, string>>): KongError {
  return { status: 401, message: 'Unauthorized', form: 'object', body }
}

function unauthorized(message: string): KongError {
  return { status: 401, message }
}

const EXPIRY = { 'no-expiry': 'must be a number', 'expiry-malformed': 'must be a number', expired: 'token expired' } as const
const START = { 'no-start': 'must be a number', 'start-malformed': 'must be a number', 'not-yet-valid': 'token not valid yet' } as const

type DateKey = `token_${'expired' | 'invalid'} ${string}`
type DateErrors = Readonly<Record<DateKey, KongError>>

/** What is wrong with `exp`, with `nbf` or with both. */
function dateErrors(): DateErrors {
  const codeOf = (reason: string): 'token_expired' | 'token_invalid' => (reason === 'expired' ? 'token_expired' : 'token_invalid')
  const expiries = Object.entries(EXPIRY)
  const starts = Object.entries(START)
  const errors: Record<DateKey, KongError> = {}
  for (const [start, nbf] of starts) errors[`token_invalid ${start}`] = claims({ nbf })
  for (const [expiry, exp] of expiries) {
    errors[`${codeOf(expiry)} ${expiry}`] = claims({ exp })
    for (const [start, nbf] of starts) errors[`${codeOf(expiry)} ${expiry}+${start}`] = claims({ exp, nbf })
  }
  return errors
}

const NOT_VERIFIED = 'HMAC signature cannot be verified'
const NOT_THE_SAME = 'HMAC signature does not match'

export const AUTHENTICATION_ERRORS: KongErrors = {
  token_missing: token('Unauthorized'),
  token_expired: token('Unauthorized'),
  token_invalid: token('Bad token; invalid JSON'),
  'token_invalid repeated': token('Multiple tokens provided'),
  'token_invalid algorithm-unknown': token('Bad token; invalid alg'),
  'token_invalid signature-malformed': token('Bad token; invalid signature'),
  'token_invalid key-unnamed': token("No mandatory '{about}' in claims"),
  'token_invalid key-name-empty': token("Invalid '{about}' in claims"),
  'token_invalid unknown-key': token("No credentials found for given '{about}'"),
  'token_invalid algorithm': token('Invalid algorithm'),
  'token_invalid key-unusable': token('Invalid key/secret'),
  'token_invalid signature': token('Invalid signature'),
  ...dateErrors(),
  'token_invalid too-long': claims({ exp: 'exceeds maximum allowed expiration' }),
  credentials_missing: unauthorized('Unauthorized'),
  credentials_invalid: unauthorized('Unauthorized'),
  credentials_expired: unauthorized('Unauthorized'),
  credentials_conflict: unauthorized('Unauthorized'),
  'credentials_missing key-missing': unauthorized('No API key found in request'),
  'credentials_invalid key-repeated': unauthorized('Duplicate API key found'),
  'credentials_missing signature-other-scheme': unauthorized(NOT_VERIFIED),
  'credentials_expired signature-undated': unauthorized(
    'HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication',
  ),
  'credentials_invalid signature-malformed': unauthorized(NOT_VERIFIED),
  'credentials_invalid signature-algorithm': unauthorized(NOT_VERIFIED),
  'credentials_invalid signature-uncovered': unauthorized(NOT_VERIFIED),
  'credentials_invalid signature-unknown': unauthorized(NOT_VERIFIED),
  'credentials_invalid signature-absent': unauthorized(NOT_THE_SAME),
  'credentials_invalid signature-wrong': unauthorized(NOT_THE_SAME),
  'credentials_invalid signature-digest': unauthorized(NOT_THE_SAME),
  'credentials_invalid signature-digest-uncovered': unauthorized(NOT_THE_SAME),
  'credentials_invalid signature-digest-malformed': unauthorized(NOT_THE_SAME),
  consumer_denied: { status: 403, message: 'You cannot consume this service' },
  'consumer_denied stranger': unauthorized('Unauthorized'),
  'internal_error anonymous-absent': { status: 500, message: "anonymous consumer {about} is configured but doesn't exist" },
}
