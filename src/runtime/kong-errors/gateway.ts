/** What goes wrong with the request as such, with routing and with services. `reference/kong-semantics.md` 2.9. */
import type { KongError, KongErrors } from './kong-error.ts'

/** What Kong says where nginx below it has found the fault, by the status that nginx gives. */
const NGINX_MESSAGES = {
  400: 'Bad request',
  405: 'Method not allowed',
  408: 'Request timeout',
  413: 'Payload too large',
  414: 'URI too long',
  417: 'Expectation failed',
  494: 'Request header or cookie too large',
  502: 'An invalid response was received from the upstream server',
  503: 'The upstream server is currently unavailable',
  504: 'The upstream server is timing out',
  505: 'The upstream server responded with 505',
} as const

function nginx(status: keyof typeof NGINX_MESSAGES, sent: number = status): KongError {
  return { status: sent, message: NGINX_MESSAGES[status], form: 'nginx' }
}

/** What Kong answers when its own code, or a plugin's, throws. */
export const CRASH: KongError = { status: 500, message: 'An unexpected error occurred', form: 'object' }

export const GATEWAY_ERRORS: KongErrors = {
  request_malformed: nginx(400),
  request_framing_invalid: nginx(400),
  request_path_invalid: nginx(400),
  request_head_timeout: nginx(408),
  request_body_timeout: nginx(408),
  request_target_too_long: nginx(414),
  // nginx has a status of its own for it, which goes out as 400.
  request_head_too_large: nginx(494, 400),
  expectation_not_supported: nginx(417),
  method_not_supported: nginx(405),
  http_version_not_supported: nginx(505),
  route_not_found: { status: 404, message: 'no Route matched with those values' },
  method_not_allowed: { status: 405, message: 'Method not allowed' },
  'upgrade_required https': { status: 426, message: 'Please use HTTPS protocol' },
  'upgrade_required http2': { status: 426, message: 'Please use HTTP2 protocol' },
  'upgrade_required grpc-tls': { status: 200, message: 'gRPC request matched gRPCs route', form: 'empty', grpcStatus: 1 },
  grpc_required: { status: 415, message: 'Non-gRPC request matched gRPC route' },
  service_unavailable: { status: 503, message: 'failure to get a peer from the ring-balancer' },
  'service_unavailable no-service': { status: 503, message: 'no Service found with those values' },
  upstream_dns_failed: { status: 503, message: 'name resolution failed' },
  upstream_connect_refused: nginx(502),
  upstream_connect_failed: nginx(502),
  upstream_connect_timeout: nginx(504),
  upstream_tls_failed: nginx(502),
  upstream_reset_before_headers: nginx(502),
  upstream_response_malformed: nginx(502),
  upstream_head_too_large: nginx(502),
  upstream_timeout: nginx(504),
  upstream_body_aborted: nginx(502),
  upstream_body_too_large: nginx(502),
  upstream_body_invalid: nginx(502),
  deadline_exceeded: nginx(504),
  // Kong has nothing of the kind.
  upstream_connections_exhausted: nginx(503),
  circuit_open: nginx(503),
  service_overloaded: nginx(503),
  service_queue_timeout: nginx(503),
  gateway_shutting_down: nginx(503),
  gateway_overloaded: nginx(503),
  internal_error: CRASH,
}
