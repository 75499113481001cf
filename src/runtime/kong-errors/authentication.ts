/** Who calls, and whether that may be: jwt, key-auth, basic-auth, hmac-auth, acl. `reference/kong-semantics.md` 2.10. */
import type { KongErrors } from './kong-error.ts'

export const AUTHENTICATION_ERRORS: KongErrors = {
  token_missing: { status: 401, message: 'Unauthorized', form: 'object' },
  token_invalid: { status: 401, message: 'Unauthorized', form: 'object' },
  token_expired: { status: 401, message: 'Unauthorized', form: 'object', body: { exp: 'token expired' } },
  credentials_missing: { status: 401, message: 'Unauthorized' },
  credentials_invalid: { status: 401, message: 'Unauthorized' },
  credentials_expired: { status: 401, message: 'Unauthorized' },
  credentials_conflict: { status: 401, message: 'Unauthorized' },
  consumer_denied: { status: 403, message: 'You cannot consume this service' },
}
