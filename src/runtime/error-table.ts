import type { ErrorCode } from '../core/errors.ts'

/** What a code means to the client, and to us. */
export interface ErrorMeaning {
  readonly status: number
  /** gRPC's status (google.rpc.Code) for clients that speak it. */
  readonly grpcStatus: number
  /** The plain sentence in `error`. */
  readonly sentence: string
  /** What happened and what to do, for docs/errors.md. */
  readonly meaning: string
  /** Seconds for Retry-After, where trying again soon makes sense. */
  readonly retryAfter?: number
}

/** The one table from cause to answer. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorMeaning>> = {
  request_malformed: {
    status: 400,
    grpcStatus: 3,
    sentence: 'Malformed request',
    meaning:
      'The bytes were not a well-formed request of HTTP/1.1 (RFC 9112) or HTTP/2 (RFC 9113), or could be read in two ways; or its `grpc-timeout` is none.',
  },
  request_framing_invalid: {
    status: 400,
    grpcStatus: 3,
    sentence: 'Malformed request',
    meaning:
      'The length of the request body is not clear: Content-Length and Transfer-Encoding contradict each other or the body, repeat, or are not well-formed.',
  },
  request_path_invalid: {
    status: 400,
    grpcStatus: 3,
    sentence: 'Invalid path',
    meaning: 'The path leaves the root, or holds encodings that services read differently.',
  },
  request_head_timeout: {
    status: 408,
    grpcStatus: 4,
    sentence: 'Request timeout',
    meaning: 'The request head was not complete within `limits.headTimeout`.',
  },
  request_body_timeout: {
    status: 408,
    grpcStatus: 4,
    sentence: 'Request timeout',
    meaning: 'The client sent nothing of its body for `limits.bodyIdleTimeout`.',
  },
  request_body_too_large: {
    status: 413,
    grpcStatus: 8,
    sentence: 'Request body too large',
    meaning: 'The body is larger than `limits.bodyBytesMax`, or than a policy (`request-size`, or one that looks at bodies) allows.',
  },
  request_length_required: {
    status: 411,
    grpcStatus: 3,
    sentence: 'Length required',
    meaning: '`request-size` asks for a `Content-Length`, and the request has none and is not chunked either.',
  },
  request_target_too_long: {
    status: 414,
    grpcStatus: 3,
    sentence: 'Request target too long',
    meaning: 'The request target is longer than `limits.uriBytesMax`.',
  },
  request_head_too_large: {
    status: 431,
    grpcStatus: 3,
    sentence: 'Request head too large',
    meaning: 'The request head is larger than `limits.headBytesMax`, or has more fields than `limits.headersMax`.',
  },
  expectation_not_supported: {
    status: 417,
    grpcStatus: 3,
    sentence: 'Expectation failed',
    meaning: 'Expect asks for something other than 100-continue.',
  },
  method_not_supported: {
    status: 501,
    grpcStatus: 12,
    sentence: 'Method not supported',
    meaning: 'CONNECT, or a method of more than 32 characters.',
  },
  http_version_not_supported: {
    status: 505,
    grpcStatus: 12,
    sentence: 'HTTP version not supported',
    meaning: 'Neither HTTP/2, HTTP/1.1 nor HTTP/1.0, or HTTP/2 where the listener does not speak it.',
  },
  route_not_found: {
    status: 404,
    grpcStatus: 12,
    sentence: 'No route found',
    meaning: 'No route matches; `turnpike explain` shows which came near.',
  },
  method_not_allowed: {
    status: 405,
    grpcStatus: 12,
    sentence: 'Method not allowed',
    meaning: 'Routes match but for the method; `Allow` lists the methods they take.',
  },
  upgrade_required: {
    status: 426,
    grpcStatus: 9,
    sentence: 'Upgrade required',
    meaning: 'The route asks for TLS or for HTTP/2 (`protocols`), and the request came without. `Upgrade` says what to speak.',
  },
  grpc_required: {
    status: 415,
    grpcStatus: 3,
    sentence: 'Only calls of gRPC are taken here',
    meaning: 'The route takes calls of gRPC only (`protocols`), and the request is none.',
  },
  token_missing: {
    status: 401,
    grpcStatus: 16,
    sentence: 'Missing token',
    meaning: 'The route asks for a token (`jwt`), and the request has none where one is looked for.',
  },
  token_expired: {
    status: 401,
    grpcStatus: 16,
    sentence: 'Token expired',
    meaning: 'The token is genuine, but it has expired (exp).',
  },
  token_invalid: {
    status: 401,
    grpcStatus: 16,
    sentence: 'Invalid token',
    meaning:
      'The token is malformed, not signed by a known key with an algorithm of that key, not valid yet, or for somebody else. The event log and `turnpike explain` say which.',
  },
  credentials_missing: {
    status: 401,
    grpcStatus: 16,
    sentence: 'Missing credentials',
    meaning: 'The route asks for credentials (`api-key`, `basic` or `hmac`), and the request has none.',
  },
  credentials_invalid: {
    status: 401,
    grpcStatus: 16,
    sentence: 'Invalid credentials',
    meaning: "The API key, the password or the signature is nobody's, or is malformed.",
  },
  credentials_expired: {
    status: 401,
    grpcStatus: 16,
    sentence: 'Credentials expired',
    meaning:
      'The credential is genuine, but not in force: before its `notBefore` or after its `expires`, or the signature is older than the skew allows.',
  },
  credentials_conflict: {
    status: 401,
    grpcStatus: 16,
    sentence: 'Conflicting credentials',
    meaning: 'The request carries credentials of two different consumers or users.',
  },
  user_not_found: {
    status: 403,
    grpcStatus: 7,
    sentence: 'Unknown user',
    meaning: 'The token is genuine, but the user service knows no user of that name.',
  },
  permission_denied: {
    status: 403,
    grpcStatus: 7,
    sentence: 'Forbidden',
    meaning: 'The caller is known but lacks the permission, role, scope or claim that `authorize` asks for.',
  },
  consumer_denied: {
    status: 403,
    grpcStatus: 7,
    sentence: 'Forbidden',
    meaning: 'The consumer, or a group of it, is not among those that `authorize` lets pass.',
  },
  address_denied: {
    status: 403,
    grpcStatus: 7,
    sentence: 'Forbidden',
    meaning: "The client's address is not one that `ip-access` lets pass.",
  },
  origin_denied: {
    status: 403,
    grpcStatus: 7,
    sentence: 'The page that asks may not open WebSockets here',
    meaning: 'The request for a WebSocket comes from the page of an origin that `cors` does not allow.',
  },
  user_agent_denied: {
    status: 403,
    grpcStatus: 7,
    sentence: 'Forbidden',
    meaning: 'The `User-Agent` is one that the policy `user-agent` refuses.',
  },
  client_certificate_missing: {
    status: 403,
    grpcStatus: 16,
    sentence: 'Client certificate required',
    meaning: 'The listener or the route asks for a TLS client certificate, and the client has shown none.',
  },
  client_certificate_invalid: {
    status: 403,
    grpcStatus: 16,
    sentence: 'Client certificate not accepted',
    meaning: "The client's TLS certificate is expired, not from a CA that is trusted here, or no consumer's. The event log says which.",
  },
  rate_limited: {
    status: 429,
    grpcStatus: 8,
    sentence: 'Rate limit exceeded',
    meaning: 'A limit of `rate-limit` is used up: `X-RateLimit-Limit-Type` names it, `Retry-After` says when to come again.',
  },
  request_invalid: {
    status: 400,
    grpcStatus: 3,
    sentence: 'Invalid request',
    meaning: 'The request does not fit its schema (`request-validation`); the member violations lists where, with JSON pointers.',
  },
  request_media_type_unsupported: {
    status: 415,
    grpcStatus: 3,
    sentence: 'Unsupported media type',
    meaning: 'The Content-Type or Content-Encoding of the body is not one that `request-validation` or `transform` takes.',
  },
  request_body_invalid: {
    status: 400,
    grpcStatus: 3,
    sentence: 'Invalid request body',
    meaning:
      'A policy (`transform`, `grpc-web`) has to change the body and cannot: it is not JSON, not in the coding it claims, or has no place for what is set.',
  },
  cache_only: {
    status: 504,
    grpcStatus: 14,
    sentence: 'Not in the cache',
    meaning: 'The client said `only-if-cached`, and the cache has no answer that may be given (RFC 9111, 5.2.1.7).',
  },
  deadline_exceeded: {
    status: 504,
    grpcStatus: 4,
    sentence: 'Deadline exceeded',
    meaning: 'The time that the client gave its gRPC call (`grpc-timeout`) is over. It says nothing of the service.',
  },
  client_closed: {
    status: 499,
    grpcStatus: 1,
    sentence: 'Client closed the connection',
    meaning: 'The client was gone before the response was complete. Stands in logs and metrics only.',
  },
  response_write_timeout: {
    status: 499,
    grpcStatus: 1,
    sentence: 'Client does not read',
    meaning: 'The client took nothing of the response for `limits.writeIdleTimeout`. Stands in logs and metrics only.',
  },
  service_unavailable: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Service unavailable',
    meaning: 'The service has no target that could be tried.',
    retryAfter: 1,
  },
  upstream_dns_failed: { status: 502, grpcStatus: 14, sentence: 'Bad gateway', meaning: 'The name of the target has no address.' },
  upstream_connect_refused: {
    status: 502,
    grpcStatus: 14,
    sentence: 'Bad gateway',
    meaning: 'The target refuses connections: nothing listens there.',
  },
  upstream_connect_failed: {
    status: 502,
    grpcStatus: 14,
    sentence: 'Bad gateway',
    meaning: 'No connection to the target could be made (unreachable, reset).',
  },
  upstream_connect_timeout: {
    status: 504,
    grpcStatus: 14,
    sentence: 'Gateway timeout',
    meaning: 'The target did not accept the connection within `connectTimeout`.',
  },
  upstream_tls_failed: {
    status: 502,
    grpcStatus: 14,
    sentence: 'Bad gateway',
    meaning:
      'No TLS with the target: its certificate is not for its name, not in force or from no trusted CA, or the two have no version or protocol in common. The event log says which.',
  },
  upstream_reset_before_headers: {
    status: 502,
    grpcStatus: 14,
    sentence: 'Bad gateway',
    meaning: 'The target closed the connection before its response head was complete.',
  },
  upstream_response_malformed: {
    status: 502,
    grpcStatus: 13,
    sentence: 'Bad gateway',
    meaning: 'The target answered something that is not well-formed HTTP/1.1 or HTTP/2, or could be read in two ways.',
  },
  upstream_head_too_large: {
    status: 502,
    grpcStatus: 13,
    sentence: 'Bad gateway',
    meaning: 'The response head is larger than `responseHeadBytesMax`.',
  },
  upstream_timeout: {
    status: 504,
    grpcStatus: 4,
    sentence: 'Gateway timeout',
    meaning:
      "No response head within the route's `timeout`, or none of a try within `attemptTimeout`; or the body fell silent for `streamIdleTimeout`.",
  },
  upstream_body_aborted: {
    status: 502,
    grpcStatus: 13,
    sentence: 'Bad gateway',
    meaning: 'The response broke off. When its head was already sent, the client sees its connection reset.',
  },
  upstream_connections_exhausted: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Service unavailable',
    meaning: 'All `connectionsMax` connections to the target are in use.',
    retryAfter: 1,
  },
  upstream_body_too_large: {
    status: 502,
    grpcStatus: 8,
    sentence: 'Bad gateway',
    meaning: 'A policy (`transform`) has to change the response body, and it is larger than the policy takes.',
  },
  upstream_body_invalid: {
    status: 502,
    grpcStatus: 13,
    sentence: 'Bad gateway',
    meaning: 'A policy (`transform`) has to change the response body and cannot read it: it is not JSON, or not in the coding it claims.',
  },
  circuit_open: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Service temporarily unavailable',
    meaning: "The service's circuit breaker is open after failures; `Retry-After` says when it lets requests through again.",
    retryAfter: 1,
  },
  service_overloaded: {
    status: 503,
    grpcStatus: 8,
    sentence: 'Service temporarily unavailable',
    meaning: 'As many exchanges as `concurrency.max` allows are with the service, and as many wait as `concurrency.queue` allows.',
    retryAfter: 1,
  },
  service_queue_timeout: {
    status: 503,
    grpcStatus: 8,
    sentence: 'Service temporarily unavailable',
    meaning: 'No place at the service became free within `concurrency.queueTimeout`.',
    retryAfter: 1,
  },
  descriptors_unavailable: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Service temporarily unavailable',
    meaning: 'The gRPC service has not said yet what its methods are (`grpc-transcoding` with `reflection`).',
    retryAfter: 1,
  },
  keys_unavailable: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Authentication temporarily unavailable',
    meaning: 'No set of keys could be had from the JWKS URL yet, so that no token can be checked. The token may be a good one.',
    retryAfter: 1,
  },
  user_service_unavailable: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Authorization temporarily unavailable',
    meaning: "The user service did not give the user's record, and none is cached.",
    retryAfter: 1,
  },
  store_unavailable: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Service temporarily unavailable',
    meaning: 'The shared store (Redis) did not answer in time.',
    retryAfter: 1,
  },
  limit_store_unavailable: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Service temporarily unavailable',
    meaning: 'The store of the rate limits did not answer in time, and the policy says `onStoreError: closed`.',
    retryAfter: 1,
  },
  gateway_shutting_down: {
    status: 503,
    grpcStatus: 14,
    sentence: 'Service unavailable',
    meaning: 'This instance is going away.',
    retryAfter: 1,
  },
  gateway_overloaded: {
    status: 503,
    grpcStatus: 8,
    sentence: 'Service temporarily unavailable',
    meaning: 'This worker holds as many bytes of request bodies as `limits.gatheredBytesMax` allows.',
    retryAfter: 1,
  },
  authentication_overloaded: {
    status: 503,
    grpcStatus: 8,
    sentence: 'Authentication temporarily unavailable',
    meaning: 'This worker has as many passwords to check (`basic`) as it lets wait. The password may be a good one.',
    retryAfter: 1,
  },
  internal_error: {
    status: 500,
    grpcStatus: 13,
    sentence: 'Internal gateway error',
    meaning: 'A fault of Turnpike itself; the event log has the details under the request id.',
  },
}
