import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RpcKind } from '../core/exchange.ts'
import { answer, type Reply, refuse } from '../core/reply.ts'
import { exchangeOf } from '../policies/testing.ts'
import { ERRORS } from './error-table.ts'
import { grpcStatusSeen } from './grpc-answer.ts'
import { renderReply } from './respond.ts'

function render(reply: Reply, rpc: RpcKind) {
  const exchange = exchangeOf({ method: 'POST' })
  exchange.rpc = rpc
  const body = renderReply(exchange, reply)
  return { exchange, body, headers: Object.fromEntries(exchange.response.headers.toPairs()) }
}

test('a client of gRPC is refused in the head alone, with 200 and a status', () => {
  const { exchange, body, headers } = render(refuse('route_not_found'), 'grpc')
  assert.equal(exchange.response.status, 200)
  assert.equal(exchange.error, 'route_not_found')
  assert.equal(exchange.grpcStatus, 12)
  assert.equal(body.length, 0)
  assert.deepEqual(headers, {
    'content-type': 'application/grpc',
    'turnpike-error': 'route_not_found',
    'grpc-status': '12',
    'grpc-message': 'No route found (route_not_found)',
  })
})

test('a client of gRPC-Web is refused by a body of trailers, in base64 where it takes text', () => {
  const { exchange, body, headers } = render(refuse('token_missing', null, [['WWW-Authenticate', 'Bearer']]), 'grpc-web')
  assert.equal(exchange.response.status, 200)
  assert.equal(exchange.response.bodyLength, body.length)
  assert.equal(headers['content-type'], 'application/grpc-web+proto')
  assert.equal(headers['www-authenticate'], 'Bearer')
  assert.equal('grpc-status' in headers, false)
  assert.equal(body[0], 0x80)
  assert.equal(body.readUInt32BE(1), body.length - 5)
  assert.equal(body.latin1Slice(5), 'grpc-status: 16\r\ngrpc-message: Missing token (token_missing)\r\n')
  assert.equal(headers['turnpike-error'], 'token_missing')
  const text = render(refuse('token_missing'), 'grpc-web-text')
  assert.equal(text.headers['content-type'], 'application/grpc-web-text+proto')
  assert.deepEqual(Buffer.from(text.body.toString('latin1'), 'base64'), body)
})

test('when to come again is told as a pushback, from the refusal or else from the table', () => {
  assert.equal(render(refuse('service_unavailable'), 'grpc').headers['grpc-retry-pushback-ms'], '1000')
  const { headers } = render(refuse('rate_limited', null, [['Retry-After', '7']]), 'grpc')
  assert.equal(headers['grpc-retry-pushback-ms'], '7000')
  assert.equal(headers['retry-after'], '7')
  assert.equal('grpc-retry-pushback-ms' in render(refuse('route_not_found'), 'grpc').headers, false)
})

test('a detail stands in place of the sentence, encoded', () => {
  const { headers } = render(refuse('request_invalid', 'name: 100 % für uns'), 'grpc')
  assert.equal(headers['grpc-message'], 'name: 100 %25 f%C3%BCr uns (request_invalid)')
})

test('every code can be told to clients of gRPC', () => {
  for (const code of Object.keys(ERRORS) as (keyof typeof ERRORS)[]) {
    const { headers } = render(refuse(code), 'grpc')
    assert.equal(headers['grpc-status'], String(ERRORS[code].grpcStatus), code)
  }
})

test('an answer that is no refusal stays as it is', () => {
  const { exchange, body, headers } = render(answer(200, [['X-A', 'b']], 'hi'), 'grpc')
  assert.deepEqual(headers, { 'x-a': 'b' })
  assert.equal(body.toString(), 'hi')
  assert.equal(exchange.grpcStatus, -1)
})

test('the status that a client saw is the one it was told, or what a fault or an HTTP status means to it', () => {
  const { exchange } = render(refuse('rate_limited'), 'grpc')
  assert.equal(grpcStatusSeen(exchange, 200), 8)
  exchange.reset()
  assert.equal(grpcStatusSeen(exchange, 503), 14)
  exchange.error = 'client_closed'
  assert.equal(grpcStatusSeen(exchange, 200), 1)
})
