/** Limits and restrictions: rate-limiting, request-size-limiting, ip-restriction, bot-detection, proxy-cache. `reference/kong-semantics.md` 2.10. */
import { CRASH } from './gateway.ts'
import type { KongErrors } from './kong-error.ts'

export const TRAFFIC_ERRORS: KongErrors = {
  rate_limited: { status: 429, message: 'API rate limit exceeded', ownMessage: true },
  // Where a limit must hold and its store is away, the plugin throws.
  limit_store_unavailable: CRASH,
  store_unavailable: CRASH,
  request_body_too_large: { status: 413, message: 'Request size limit exceeded' },
  'request_body_too_large not-continued': { status: 417, message: 'Request size limit exceeded' },
  request_length_required: { status: 411, message: 'A valid Content-Length header is required' },
  address_denied: { status: 403, message: 'Forbidden', ownMessage: true },
  user_agent_denied: { status: 403, message: 'Forbidden' },
  'request_malformed user-agent-repeated': { status: 400, message: 'Only one User-Agent header allowed' },
  cache_only: { status: 504, message: '', form: 'empty' },
}
