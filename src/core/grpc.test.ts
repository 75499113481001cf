import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestHead, type RpcKind } from './exchange.ts'
import {
  countedStatusOf,
  encodeGrpcMessage,
  formatGrpcTimeout,
  grpcPushbackOf,
  grpcStatusOf,
  grpcWebTrailers,
  isGrpcType,
  parseGrpcTimeout,
  rpcKindOf,
  takesText,
} from './grpc.ts'
import { grpcStatusOfHttp } from './grpc-status.ts'
import { Headers } from './headers.ts'

function kindOf(type: string | null, method = 'POST', majorVersion = 2): RpcKind {
  const head = new RequestHead()
  head.method = method
  head.majorVersion = majorVersion
  if (type !== null) head.headers.append('Content-Type', type)
  return rpcKindOf(head)
}

test('a POST with the Content-Type of gRPC is a call, in the form that the type names', () => {
  const forms: readonly (readonly [string, RpcKind])[] = [
    ['application/grpc', 'grpc'],
    ['application/grpc+proto', 'grpc'],
    ['Application/gRPC; charset=utf-8', 'grpc'],
    ['application/grpc-web', 'grpc-web'],
    ['application/grpc-web+proto', 'grpc-web'],
    ['application/grpc-web-text', 'grpc-web-text'],
    ['application/grpc-web-text+proto', 'grpc-web-text'],
    ['application/grpc-web-text-base64', 'grpc-web-text'],
    ['application/grpcx', 'none'],
    ['application/grpc-webs', 'none'],
    ['application/json', 'none'],
    ['x-application/grpc', 'none'],
  ]
  for (const [type, kind] of forms) assert.equal(kindOf(type), kind, type)
  assert.equal(kindOf(null), 'none')
  assert.equal(kindOf('application/grpc', 'GET'), 'none')
})

test('gRPC itself needs HTTP/2; gRPC-Web does not', () => {
  assert.equal(kindOf('application/grpc', 'POST', 1), 'none')
  assert.equal(kindOf('application/grpc-web', 'POST', 1), 'grpc-web')
  assert.equal(isGrpcType('application/grpc'), true)
  assert.equal(isGrpcType('application/grpc-web'), false)
  assert.equal(isGrpcType(undefined), false)
})

test('the answer comes in the form that Accept names, or in that of the request', () => {
  const accept = (value: string): Headers => Headers.from([['Accept', value]])
  assert.equal(takesText('grpc-web-text', new Headers()), true)
  assert.equal(takesText('grpc-web', new Headers()), false)
  assert.equal(takesText('grpc-web', accept('application/grpc-web-text')), true)
  assert.equal(takesText('grpc-web-text', accept('application/grpc-web+proto')), false)
  assert.equal(takesText('grpc-web-text', accept('*/*')), true)
})

test('a grpc-timeout is up to eight digits and a unit, and nothing else', () => {
  const times: readonly (readonly [string, number])[] = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['5000u', 5],
    ['6000000n', 6],
    ['0m', 0],
    ['99999999S', 99_999_999_000],
  ]
  for (const [text, ms] of times) assert.ok(Math.abs((parseGrpcTimeout(text) ?? -1) - ms) < 1e-6, text)
  for (const text of ['', '1', 'm', '-1m', '1.5S', '1s', '1 S', '123456789m', '1mm', '٣m']) assert.equal(parseGrpcTimeout(text), null, text)
})

test('a grpc-timeout that is written says no more time than there is, in eight digits', () => {
  for (const ms of [-5, 0, 0.0004, 1, 1.5, 999.9, 99_998.7, 99_999, 123_456_789, 1e12]) {
    const text = formatGrpcTimeout(ms)
    const told = parseGrpcTimeout(text)
    assert.ok(told !== null, text)
    assert.ok(told <= Math.max(ms, 0.001), `${ms} became ${text}`)
    if (ms >= 1 && ms < 1e11) assert.ok(told > ms * 0.999 - 1, `${ms} became ${text}`)
  }
})

test('a grpc-message is percent-encoded UTF-8', () => {
  assert.equal(encodeGrpcMessage('plain ~ text'), 'plain ~ text')
  assert.equal(encodeGrpcMessage('100 % sure\n'), '100 %25 sure%0A')
  assert.equal(decodeURIComponent(encodeGrpcMessage('für 5 €, 日本')), 'für 5 €, 日本')
})

test('a status is a code of gRPC, UNKNOWN for another, -1 for none', () => {
  const status = (value: string): number => grpcStatusOf(Headers.from([['grpc-status', value]]))
  assert.equal(status('0'), 0)
  assert.equal(status('14'), 14)
  assert.equal(status('17'), 2)
  for (const value of ['-1', 'x', '1.5', '014']) assert.equal(status(value), 2, value)
  assert.equal(grpcStatusOf(new Headers()), -1)
  assert.equal(grpcStatusOf(null), -1)
})

test('a pushback is a wait, and a word against another try where it is none', () => {
  const pushback = (value: string) => grpcPushbackOf(Headers.from([['grpc-retry-pushback-ms', value]]))
  assert.equal(grpcPushbackOf(new Headers()), null)
  assert.equal(pushback('250'), 250)
  assert.equal(pushback('0'), 0)
  for (const value of ['-1', 'soon', '1.5', '99999999999']) assert.equal(pushback(value), 'never', value)
})

test('a status counts as the HTTP status it stands for, but what a client can bring about at will is no failure', () => {
  assert.deepEqual(
    [0, 5, 13, 14].map((code) => countedStatusOf(code, true)),
    [200, 404, 500, 503],
  )
  assert.equal(countedStatusOf(12, false), 404)
  assert.equal(countedStatusOf(4, false), 504)
  assert.equal(countedStatusOf(4, true), 499)
})

test('trailers of gRPC-Web are a frame with a flag, a length and lines', () => {
  const frame = grpcWebTrailers([
    ['grpc-status', '0'],
    ['x', 'é'],
  ])
  assert.deepEqual([...frame.subarray(0, 5)], [0x80, 0, 0, 0, frame.length - 5])
  assert.equal(frame.latin1Slice(5), 'grpc-status: 0\r\nx: é\r\n')
})

test('an HTTP status counts for clients as the mapping of gRPC says', () => {
  const mapped = [400, 401, 403, 404, 429, 502, 503, 504, 200, 500].map((status) => [status, grpcStatusOfHttp(status)])
  assert.deepEqual(mapped, [
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [429, 14],
    [502, 14],
    [503, 14],
    [504, 14],
    [200, 2],
    [500, 2],
  ])
})
