import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange, RpcKind } from '../../core/exchange.ts'
import { Headers } from '../../core/headers.ts'
import type { PolicySurroundings } from '../../core/policy.ts'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, problemsOf } from '../testing.ts'
import { grpcWeb } from './policy.ts'
import { review } from './review.ts'

type Fields = readonly (readonly [string, string])[]

const steps = await compilePolicy(grpcWeb, {})

function called(rpc: RpcKind, fields: Fields): Exchange {
  const exchange = exchangeOf({ method: 'POST', headers: fields })
  exchange.rpc = rpc
  assert.equal(onRequest(steps, exchange), undefined)
  return exchange
}

/** What the client gets of a response of these fields, pieces and trailers. */
function answered(exchange: Exchange, fields: Fields, pieces: readonly string[] = [], trailers: Fields | null = null) {
  exchange.response.headers = Headers.from(fields)
  assert.equal(steps.onUpstreamResponse?.(exchange), undefined)
  const given: Buffer[] = []
  const output = { data: (bytes: Buffer) => void given.push(Buffer.from(bytes)) }
  const filter = exchange.responseFilter
  for (const piece of pieces) filter?.onData(Buffer.from(piece, 'latin1'), 0, piece.length, output)
  const rest = filter?.onEnd(trailers === null ? null : Headers.from(trailers), output)
  return { fields: fieldsOf(exchange.response.headers), given, rest, isTranslated: filter !== null }
}

/** Takes the frame of trailers apart that a body ends with. */
function trailersOf(frame: Buffer | undefined): string {
  assert.ok(frame !== undefined)
  assert.equal(frame[0], 0x80)
  assert.equal(frame.readUInt32BE(1), frame.length - 5)
  return frame.latin1Slice(5)
}

test('a request in binary keeps its body, and gets the Content-Type of gRPC', () => {
  const exchange = called('grpc-web', [
    ['Content-Type', 'application/grpc-web+proto'],
    ['X-Grpc-Web', '1'],
    ['X-User-Agent', 'grpc-web-javascript/0.1'],
  ])
  assert.deepEqual(fieldsOf(exchange.request.headers), ['x-user-agent: grpc-web-javascript/0.1', 'content-type: application/grpc+proto'])
  assert.equal(exchange.requestFilter, null)
})

test('a request in text is decoded', () => {
  const exchange = called('grpc-web-text', [['Content-Type', 'application/grpc-web-text']])
  assert.deepEqual(fieldsOf(exchange.request.headers), ['content-type: application/grpc'])
  assert.notEqual(exchange.requestFilter, null)
})

test('what is no gRPC-Web is left alone', () => {
  for (const rpc of ['none', 'grpc'] as const) {
    const exchange = called(rpc, [['Content-Type', 'application/grpc']])
    const { fields, isTranslated } = answered(exchange, [['Content-Type', 'application/grpc']])
    assert.deepEqual(fields, ['content-type: application/grpc'])
    assert.equal(isTranslated, false)
  }
})

test('a response in binary keeps its messages, and ends with its trailers in the body', () => {
  const exchange = called('grpc-web', [['Content-Type', 'application/grpc-web+proto']])
  const trailers: Fields = [
    ['grpc-status', '5'],
    ['Grpc-Message', 'no%20such'],
    ['x-many', '1'],
    ['x-many', '2'],
  ]
  const { fields, given, rest } = answered(exchange, [['Content-Type', 'application/grpc+proto']], ['one', 'two'], trailers)
  assert.deepEqual(fields, ['content-type: application/grpc-web+proto'])
  assert.equal(rest, null)
  assert.deepEqual(given.slice(0, 2).map(String), ['one', 'two'])
  assert.equal(trailersOf(given[2]), 'grpc-status: 5\r\ngrpc-message: no%20such\r\nx-many: 1\r\nx-many: 2\r\n')
})

test('a response in text comes in pieces that can each be decoded alone', () => {
  const exchange = called('grpc-web-text', [['Content-Type', 'application/grpc-web-text+proto']])
  const { fields, given } = answered(exchange, [['Content-Type', 'application/grpc']], ['one', 'four'], [['grpc-status', '0']])
  assert.deepEqual(fields, ['content-type: application/grpc-web-text+proto'])
  const decoded = given.map((piece) => Buffer.from(piece.toString('latin1'), 'base64'))
  assert.deepEqual(decoded.slice(0, 2).map(String), ['one', 'four'])
  assert.equal(trailersOf(decoded[2]), 'grpc-status: 0\r\n')
})

test('a response that is a status alone has it in the body, and its other fields in the head', () => {
  const exchange = called('grpc-web', [['Content-Type', 'application/grpc-web']])
  const { fields, given } = answered(exchange, [
    ['Content-Type', 'application/grpc'],
    ['grpc-status', '14'],
    ['grpc-message', 'away'],
    ['grpc-status-details-bin', 'CA4'],
    ['x-mine', '1'],
  ])
  assert.deepEqual(fields, ['x-mine: 1', 'content-type: application/grpc-web+proto'])
  assert.equal(trailersOf(given[0]), 'grpc-status: 14\r\ngrpc-message: away\r\ngrpc-status-details-bin: CA4\r\n')
})

test('a status in the trailers counts before one in the head', () => {
  const exchange = called('grpc-web', [['Content-Type', 'application/grpc-web']])
  const head: Fields = [
    ['Content-Type', 'application/grpc'],
    ['grpc-status', '0'],
  ]
  const { given } = answered(exchange, head, [], [['grpc-status', '13']])
  assert.equal(trailersOf(given[0]), 'grpc-status: 13\r\n')
})

test('without a status nothing is made up', () => {
  const exchange = called('grpc-web', [['Content-Type', 'application/grpc-web']])
  assert.deepEqual(answered(exchange, [['Content-Type', 'application/grpc']], ['one']).given.map(String), ['one'])
})

test('an answer that is no gRPC stays as it is', () => {
  const exchange = called('grpc-web', [['Content-Type', 'application/grpc-web']])
  const { fields, isTranslated } = answered(exchange, [['Content-Type', 'text/html']])
  assert.deepEqual(fields, ['content-type: text/html'])
  assert.equal(isTranslated, false)
})

test('Accept names the form of the answer', () => {
  const exchange = called('grpc-web', [
    ['Content-Type', 'application/grpc-web'],
    ['Accept', 'application/grpc-web-text'],
  ])
  assert.deepEqual(answered(exchange, [['Content-Type', 'application/grpc']]).fields, ['content-type: application/grpc-web-text+proto'])
})

test('there are no options', async () => {
  assert.deepEqual(await problemsOf(grpcWeb, {}), [])
  assert.notDeepEqual(await problemsOf(grpcWeb, { text: true }), [])
})

test('a cors policy that keeps browsers from calling is remarked upon', () => {
  const remarksBeside = (cors: unknown) =>
    review({}, {
      optionsOf: (kind) => (kind === 'cors' ? cors : undefined),
      authenticates: false,
      stores: new Set(),
      consumers: new Set(),
      clientCertificates: false,
    } satisfies PolicySurroundings).map(({ message }) => message)
  assert.deepEqual(remarksBeside(undefined), [])
  assert.deepEqual(remarksBeside({ headers: ['*'] }), [])
  assert.deepEqual(remarksBeside({ headers: ['content-type', 'x-grpc-web', 'x-user-agent'] }), [])
  assert.match(remarksBeside({ headers: ['Authorization', 'Content-Type'] }).join(), /set `X-Grpc-Web` and `X-User-Agent`/)
})
