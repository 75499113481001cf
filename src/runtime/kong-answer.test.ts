import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../core/errors.ts'
import { type Reply, refuse } from '../core/reply.ts'
import { type ExchangeShape, exchangeOf } from '../policies/testing.ts'
import { ERRORS } from './error-table.ts'
import { KONG_ERRORS } from './kong-errors/index.ts'
import { renderReply } from './respond.ts'

function render(reply: Reply, headers: ExchangeShape['headers'] = [], rpc: 'none' | 'grpc' = 'none') {
  const exchange = exchangeOf({ headers })
  exchange.requestId = 'id-1'
  exchange.rpc = rpc
  const body = renderReply(exchange, reply, 'kong').toString()
  const { status, headers: answered } = exchange.response
  return { status, body, fields: Object.fromEntries(answered.toPairs()) }
}

function refusal(code: ErrorCode, reason?: string): Reply {
  return refuse(code, null, [], undefined, reason)
}

const JSON_TYPE = 'application/json; charset=utf-8'

/** Code, reason and what Kong answers as JSON; `request_id` is there unless the message is a map. */
const ROWS: readonly (readonly [
  code: ErrorCode,
  reason: string | null,
  status: number,
  message: string | Readonly<Record<string, string>>,
])[] = [
  ['request_malformed', null, 400, 'Bad request'],
  ['request_malformed', 'user-agent-repeated', 400, 'Only one User-Agent header allowed'],
  ['request_framing_invalid', null, 400, 'Bad request'],
  ['request_path_invalid', null, 400, 'Bad request'],
  ['request_head_timeout', null, 408, 'Request timeout'],
  ['request_body_timeout', null, 408, 'Request timeout'],
  ['request_target_too_long', null, 414, 'URI too long'],
  ['request_head_too_large', null, 400, 'Request header or cookie too large'],
  ['expectation_not_supported', null, 417, 'Expectation failed'],
  ['method_not_supported', null, 405, 'Method not allowed'],
  ['http_version_not_supported', null, 505, 'The upstream server responded with 505'],
  ['route_not_found', null, 404, 'no Route matched with those values'],
  ['method_not_allowed', null, 405, 'Method not allowed'],
  ['upgrade_required', 'https', 426, 'Please use HTTPS protocol'],
  ['upgrade_required', 'http2', 426, 'Please use HTTP2 protocol'],
  ['grpc_required', null, 415, 'Non-gRPC request matched gRPC route'],
  ['service_unavailable', null, 503, 'failure to get a peer from the ring-balancer'],
  ['service_unavailable', 'no-service', 503, 'no Service found with those values'],
  ['upstream_dns_failed', null, 503, 'name resolution failed'],
  ['upstream_connect_refused', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_connect_failed', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_tls_failed', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_reset_before_headers', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_response_malformed', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_head_too_large', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_body_aborted', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_body_too_large', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_body_invalid', null, 502, 'An invalid response was received from the upstream server'],
  ['upstream_connect_timeout', null, 504, 'The upstream server is timing out'],
  ['upstream_timeout', null, 504, 'The upstream server is timing out'],
  ['deadline_exceeded', null, 504, 'The upstream server is timing out'],
  ['upstream_connections_exhausted', null, 503, 'The upstream server is currently unavailable'],
  ['circuit_open', null, 503, 'The upstream server is currently unavailable'],
  ['service_overloaded', null, 503, 'The upstream server is currently unavailable'],
  ['service_queue_timeout', null, 503, 'The upstream server is currently unavailable'],
  ['gateway_shutting_down', null, 503, 'The upstream server is currently unavailable'],
  ['gateway_overloaded', null, 503, 'The upstream server is currently unavailable'],
  ['internal_error', null, 500, { message: 'An unexpected error occurred' }],
  ['credentials_missing', null, 401, 'Unauthorized'],
  ['credentials_invalid', null, 401, 'Unauthorized'],
  ['credentials_expired', null, 401, 'Unauthorized'],
  ['credentials_conflict', null, 401, 'Unauthorized'],
  ['consumer_denied', null, 403, 'You cannot consume this service'],
  ['rate_limited', null, 429, 'API rate limit exceeded'],
  ['limit_store_unavailable', null, 500, { message: 'An unexpected error occurred' }],
  ['store_unavailable', null, 500, { message: 'An unexpected error occurred' }],
  ['request_body_too_large', null, 413, 'Request size limit exceeded'],
  ['request_body_too_large', 'not-continued', 417, 'Request size limit exceeded'],
  ['request_length_required', null, 411, 'A valid Content-Length header is required'],
  ['address_denied', null, 403, 'Forbidden'],
  ['user_agent_denied', null, 403, 'Forbidden'],
]

for (const [code, reason, status, message] of ROWS) {
  test(`2.9 ${code}${reason === null ? '' : ` (${reason})`} is ${status} ${JSON.stringify(message)}`, () => {
    const answer = render(refusal(code, reason ?? undefined), [['Accept', '*/*']])
    const expected = typeof message === 'string' ? `{\n  "message":"${message}",\n  "request_id":"id-1"\n}` : JSON.stringify(message)
    assert.deepEqual(answer, { status, body: expected, fields: { 'turnpike-error': code, 'content-type': JSON_TYPE } })
  })
}

const HTML = `<!doctype html>
<html>
  <head>
    <meta charset="utf-8">
    <title>Error</title>
  </head>
  <body>
    <h1>Error</h1>
    <p>no Route matched with those values.</p>
    <p>request_id: id-1</p>
  </body>
</html>
`
const XML = `<?xml version="1.0" encoding="UTF-8"?>
<error>
  <message>no Route matched with those values</message>
  <requestid>id-1</requestid>
</error>
`
const TEXT = 'no Route matched with those values\nrequest_id: id-1\n'
const AS_JSON = '{\n  "message":"no Route matched with those values",\n  "request_id":"id-1"\n}'

for (const [accept, type, body] of [
  [null, JSON_TYPE, AS_JSON],
  ['*/*', JSON_TYPE, AS_JSON],
  ['application/*', JSON_TYPE, AS_JSON],
  ['image/png', JSON_TYPE, AS_JSON],
  ['nonsense', JSON_TYPE, AS_JSON],
  ['', JSON_TYPE, AS_JSON],
  ['text/html', 'text/html; charset=utf-8', HTML],
  ['Text/HTML;charset=utf-8', 'text/html; charset=utf-8', HTML],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8', HTML],
  ['application/xml', 'application/xml; charset=utf-8', XML],
  ['application/json;q=0.5, application/xml;q=0.9', 'application/xml; charset=utf-8', XML],
  ['text/plain;q=0, application/xml;q=0.1', 'application/xml; charset=utf-8', XML],
  ['text/*', 'text/plain; charset=utf-8', TEXT],
  ['text/plain, text/html', 'text/plain; charset=utf-8', TEXT],
] as const) {
  test(`2.9 an error is written as ${type} for Accept: ${accept ?? '(none)'}`, () => {
    const answer = render(refusal('route_not_found'), accept === null ? [] : [['Accept', accept]])
    assert.equal(answer.fields['content-type'], type)
    assert.equal(answer.body, body)
  })
}

test('2.9 errors of nginx look at Accept, then at Content-Type, and else are text', () => {
  const typeFor = (headers: ExchangeShape['headers']) => render(refusal('upstream_timeout'), headers).fields['content-type']
  assert.equal(typeFor([]), 'text/plain; charset=utf-8')
  assert.equal(typeFor([['Content-Type', 'application/json']]), JSON_TYPE)
  assert.equal(typeFor([['Content-Type', 'application/xml; charset=utf-8']]), 'application/xml; charset=utf-8')
  const both = [
    ['Accept', 'text/html'],
    ['Content-Type', 'application/json'],
  ] as const
  assert.equal(typeFor(both), 'text/html; charset=utf-8')
  assert.equal(render(refusal('upstream_timeout')).body, 'The upstream server is timing out\nrequest_id: id-1\n')
})

test('2.9 a plugin that crashed has no request_id, and answers in JSON whatever the client accepts', () => {
  const answer = render(refusal('internal_error'), [['Accept', 'text/html']])
  assert.deepEqual([answer.body, answer.fields['content-type']], ['{"message":"An unexpected error occurred"}', JSON_TYPE])
})

test('2.9 clients of gRPC get the status that belongs to the HTTP status, and the message', () => {
  for (const [code, status, message] of [
    ['credentials_missing', '16', 'Unauthorized'],
    ['consumer_denied', '7', 'You cannot consume this service'],
    ['route_not_found', '5', 'no Route matched with those values'],
    ['rate_limited', '8', 'API rate limit exceeded'],
    ['service_unavailable', '14', 'failure to get a peer from the ring-balancer'],
    ['upstream_timeout', '4', 'The upstream server is timing out'],
    ['upstream_connect_refused', '13', 'An invalid response was received from the upstream server'],
    ['request_body_too_large', '3', 'Request size limit exceeded'],
  ] as const) {
    const answer = render(refusal(code), [], 'grpc')
    assert.deepEqual([answer.status, answer.body], [200, ''])
    assert.equal(answer.fields['grpc-status'], status, code)
    assert.equal(decodeURIComponent(answer.fields['grpc-message'] ?? ''), message)
    assert.equal(answer.fields['content-type'], 'application/grpc')
  }
  assert.equal(render(refusal('upgrade_required', 'grpc-tls'), [], 'grpc').fields['grpc-status'], '1')
})

test('a refusal with a status and a sentence of its own keeps them, in every form', () => {
  const own = { ...refuse('rate_limited', 'Slow "down" <now> & then', [['Retry-After', '3']]), status: 503 }
  const answer = render(own)
  assert.equal(answer.status, 503)
  assert.equal(answer.fields['retry-after'], '3')
  assert.deepEqual(JSON.parse(answer.body), { message: 'Slow "down" <now> & then', request_id: 'id-1' })
  assert.match(render(own, [['Accept', 'text/html']]).body, /Slow "down" &lt;now&gt; &amp; then\./)
})

test('a refusal that Kong has no like of keeps our status and sentence', () => {
  const answer = render(refuse('client_certificate_missing'))
  assert.equal(answer.status, 403)
  assert.match(answer.body, /"message":"Client certificate required"/)
  assert.match(render(refusal('upgrade_required', 'unheard-of')).body, /"message":"Upgrade required"/)
})

test('every row of the table belongs to a code', () => {
  for (const key of KONG_ERRORS.keys()) assert.ok((key.split(' ')[0] ?? '') in ERRORS, key)
})
