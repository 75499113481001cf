/**
 * Every way in which an exchange can end without the answer that was asked for.
 *
 * The set is closed: a code stands in the body, in the `Turnpike-Error` header, in the access log and in the metrics, and
 * `runtime/error-table.ts` holds the one table that turns it into a status. A code names the cause, never the place in our code.
 */
export type ErrorCode =
  // The client's doing.
  | 'request_malformed'
  | 'request_framing_invalid'
  | 'request_path_invalid'
  | 'request_head_timeout'
  | 'request_body_timeout'
  | 'request_body_too_large'
  | 'request_length_required'
  | 'request_target_too_long'
  | 'request_head_too_large'
  | 'expectation_not_supported'
  | 'method_not_supported'
  | 'http_version_not_supported'
  | 'route_not_found'
  | 'method_not_allowed'
  | 'upgrade_required'
  | 'grpc_required'
  | 'token_missing'
  | 'token_expired'
  | 'token_invalid'
  | 'credentials_missing'
  | 'credentials_invalid'
  | 'credentials_expired'
  | 'credentials_conflict'
  | 'user_not_found'
  | 'permission_denied'
  | 'consumer_denied'
  | 'address_denied'
  | 'origin_denied'
  | 'user_agent_denied'
  | 'client_certificate_missing'
  | 'client_certificate_invalid'
  | 'rate_limited'
  | 'request_invalid'
  | 'request_media_type_unsupported'
  | 'request_body_invalid'
  | 'cache_only'
  | 'deadline_exceeded'
  | 'client_closed'
  | 'response_write_timeout'
  // The service's doing.
  | 'service_unavailable'
  | 'upstream_dns_failed'
  | 'upstream_connect_refused'
  | 'upstream_connect_failed'
  | 'upstream_connect_timeout'
  | 'upstream_tls_failed'
  | 'upstream_reset_before_headers'
  | 'upstream_response_malformed'
  | 'upstream_head_too_large'
  | 'upstream_timeout'
  | 'upstream_body_aborted'
  | 'upstream_connections_exhausted'
  | 'upstream_body_too_large'
  | 'upstream_body_invalid'
  | 'circuit_open'
  | 'service_overloaded'
  | 'service_queue_timeout'
  // What the gateway depends on beside services.
  | 'descriptors_unavailable'
  | 'keys_unavailable'
  | 'user_service_unavailable'
  | 'store_unavailable'
  | 'limit_store_unavailable'
  // Ours.
  | 'gateway_shutting_down'
  | 'gateway_overloaded'
  | 'authentication_overloaded'
  | 'internal_error'

/** Who caused it: the client and its network, the service and its network, or Turnpike itself. */
export type ErrorOrigin = 'downstream' | 'upstream' | 'internal'

/**
 * Whether another try may help, and when it is safe.
 * - `never`: the same would happen again, or the answer has begun.
 * - `if-unsent`: no byte of the request has reached a service, so that any method may be tried again.
 * - `safe`: bytes may have been seen, so that only idempotent methods are tried again.
 */
export type RetryAnswer = 'never' | 'if-unsent' | 'safe'

/** A fault with its owner. It is passed as a value along the request's way and thrown only across `await`. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: ErrorCode
  readonly origin: ErrorOrigin
  readonly retry: RetryAnswer

  /** @param detail for our own log; it may name internal hosts and is never sent to a client. */
  constructor(code: ErrorCode, detail: string, origin: ErrorOrigin, retry: RetryAnswer = 'never', cause?: unknown) {
    super(detail, cause === undefined ? undefined : { cause })
    this.code = code
    this.origin = origin
    this.retry = retry
  }
}
