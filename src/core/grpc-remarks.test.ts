import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcRemarks } from './grpc-remarks.ts'
import type { PolicySurroundings } from './policy.ts'

test('gRPC to a service that HTTP/2 is not spoken to is remarked on', () => {
  const around: PolicySurroundings = {
    optionsOf: () => undefined,
    authenticates: false,
    stores: new Set(),
    consumers: new Set(),
    clientCertificates: false,
  }
  assert.deepEqual(grpcRemarks(around), [])
  assert.deepEqual(grpcRemarks({ ...around, service: null }), [])
  assert.deepEqual(grpcRemarks({ ...around, service: { http2: true } }), [])
  assert.match(grpcRemarks({ ...around, service: { http2: false } })[0]?.message ?? '', /^gRPC needs HTTP\/2/)
})
