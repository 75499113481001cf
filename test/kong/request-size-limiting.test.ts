import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'
import { withPlugins } from './one-plugin.ts'

const sized = (config: string): string => withPlugins(`- name: request-size-limiting\n  config: ${config}\n`)

test('2.10 request-size-limiting: 413 above the size, whole or in chunks', async (t) => {
  const kong = await startKong(t, sized('{ allowed_payload_size: 1, size_unit: kilobytes }'))
  const sent = async (bytes: number) =>
    kong.ask('/', { method: 'POST', body: 'x'.repeat(bytes), headers: { 'Content-Length': String(bytes) } })
  assert.equal((await sent(1024)).status, 200)
  const { status, body } = await sent(1025)
  assert.deepEqual([status, JSON.parse(body).message], [413, 'Request size limit exceeded'])
  const peer = await kong.connect()
  peer.socket.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n${'x'.repeat(1025)}\r\n0\r\n\r\n`)
  assert.match(await peer.readThrough('request_id'), /^HTTP\/1\.1 413 [\s\S]*Request size limit exceeded/)
})

test('2.10 request-size-limiting: 417 for who asks before sending', async (t) => {
  const kong = await startKong(t, sized('{ allowed_payload_size: 1, size_unit: bytes }'))
  const peer = await kong.connect()
  peer.socket.write('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
  assert.match(await peer.readThrough('request_id'), /^HTTP\/1\.1 417 [\s\S]*Request size limit exceeded/)
})

test('2.10 request-size-limiting: 411 without a length, unless the body comes in chunks', async (t) => {
  const kong = await startKong(t, sized('{ require_content_length: true }'))
  const { status, body } = await kong.ask('/')
  assert.deepEqual([status, JSON.parse(body).message], [411, 'A valid Content-Length header is required'])
  const chunked = await kong.upstreamOf('/', { method: 'POST', body: 'x', headers: { 'Transfer-Encoding': 'chunked' } })
  assert.equal(chunked.body, 'x')
})
