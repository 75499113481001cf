import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Headers } from '../core/headers.ts'
import { grpcHealth, grpcHealthRequest } from './grpc-health.ts'

const OK = Headers.from([['grpc-status', '0']])

test('a question holds the name of the service, or nothing', () => {
  assert.equal(grpcHealthRequest('').toString('hex'), '0000000000')
  assert.equal(grpcHealthRequest('ab').toString('hex'), '00000000040a026162')
  const long = grpcHealthRequest('x'.repeat(300))
  assert.equal(long.subarray(0, 8).toString('hex'), '000000012f0aac02')
  assert.equal(long.length, 308)
})

test('only SERVING is healthy', () => {
  const judge = (hex: string): string | null => grpcHealth(OK, Buffer.from(hex, 'hex'))
  assert.equal(judge('00000000020801'), null)
  assert.equal(judge('00000000020802'), 'the server says NOT_SERVING')
  assert.equal(judge('00000000020803'), 'the server says SERVICE_UNKNOWN')
  assert.equal(judge('0000000000'), 'the server says UNKNOWN')
})

test('what is no such answer is told apart', () => {
  for (const hex of ['', '00', '00000000030801', '01000000020801', '0000000002', '00000000021001', '000000000208ff', '0000000003080100']) {
    assert.equal(grpcHealth(OK, Buffer.from(hex, 'hex')), 'the answer is no answer of a health service', hex)
  }
})

test('a status says what is wrong', () => {
  const judge = (status: string): string | null => grpcHealth(Headers.from([['grpc-status', status]]), Buffer.alloc(0))
  assert.equal(judge('12'), 'the server has no health service (grpc.health.v1.Health)')
  assert.equal(judge('5'), 'grpc-status NOT_FOUND')
  assert.equal(judge('99'), 'grpc-status UNKNOWN')
  assert.equal(judge('x'), 'grpc-status UNKNOWN')
  assert.equal(grpcHealth(new Headers(), Buffer.alloc(0)), 'the answer has no grpc-status')
})
