import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { compressed } from './compressed.ts'

const LARGE = 'gateway_requests_total{path="/a"} 1\n'.repeat(100)

function asking(acceptEncoding?: string): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  if (acceptEncoding !== undefined) request.headers['accept-encoding'] = acceptEncoding
  return request
}

for (const [acceptEncoding, isGzip] of [
  [undefined, false],
  ['', false],
  ['br', false],
  ['gzip', true],
  ['br, GZIP;q=0.5', true],
  ['gzip;q=0', false],
  ['gzip; q=0.000, br', false],
  ['gzip;q=0.001', true],
  ['notgzip', false],
] as const) {
  test(`a client that takes ${JSON.stringify(acceptEncoding)} gets ${isGzip ? 'gzip' : 'it as it is'}`, async () => {
    const answer = await compressed(asking(acceptEncoding), { status: 200, type: 'text/plain', body: LARGE })
    assert.equal(answer.headers?.['content-encoding'], isGzip ? 'gzip' : undefined)
    assert.equal(answer.headers?.['vary'], 'accept-encoding')
    assert.equal(isGzip ? gunzipSync(answer.body).toString() : answer.body, LARGE)
  })
}

test('what fits a packet stays as it is', async () => {
  assert.equal((await compressed(asking('gzip'), { status: 200, type: 'text/plain', body: 'a 1\n' })).body, 'a 1\n')
})
