/** Response steps that wait for something, while the service's connection could already serve the next request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { object } from '../../src/core/schema.ts'
import { eventually, startRig } from './harness.ts'
import { block, END_HEADERS, END_STREAM, HEADERS, Http2Peer } from './http2-peer.ts'
import { WEBSOCKET_SWITCH, WEBSOCKET_UPGRADE } from './websocket.ts'

/** A policy that holds responses back, and what lets each of them go. */
function waitingPolicy(): { policy: PolicyDefinition<unknown>; gates: (() => void)[] } {
  const gates: (() => void)[] = []
  const policy: PolicyDefinition<unknown> = {
    kind: 'waiting',
    summary: 'Holds responses back until the test lets them go.',
    loadSchema: async () => object({}),
    compile: () => ({
      onResponse: () => new Promise((resolve) => gates.push(() => resolve(undefined))),
    }),
  }
  return { policy, gates }
}

test('the headers of a response that waits are its own, whatever the service sends meanwhile', async (t) => {
  const { policy, gates } = waitingPolicy()
  const rig = await startRig(t, { policy })
  let served = 0
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      served++
      peer.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-Served: ${served}\r\n\r\n${served}`)
    }
  }
  const clients = [await rig.connect(), await rig.connect()]
  for (const [i, client] of clients.entries()) {
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await eventually(() => gates.length === i + 1, 'the response to wait')
  }
  for (const open of gates) open()
  for (const [i, client] of clients.entries()) {
    const { head, body } = await client.readResponse()
    assert.match(head, new RegExp(`\r\nX-Served: ${i + 1}\r\n`))
    assert.equal(body, String(i + 1))
  }
})

test('what a service sends behind a switch of protocols that waits is not lost', async (t) => {
  const { policy, gates } = waitingPolicy()
  const rig = await startRig(t, { policy })
  const client = await rig.connect()
  client.write(WEBSOCKET_UPGRADE)
  const service = await rig.upstream.accept()
  await service.readHead()
  service.write(`${WEBSOCKET_SWITCH}early `)
  await eventually(() => gates.length === 1, 'the switch to wait')
  service.write('and late')
  gates[0]?.()
  assert.match(await client.readHead(), /^HTTP\/1.1 101 /)
  assert.equal(await client.readThrough('late'), 'early and late')
  client.finish()
  service.finish()
})

test('the trailers of a response that waits are its own, whatever else comes on its HTTP/2 connection', async (t) => {
  const { policy, gates } = waitingPolicy()
  const rig = await startRig(t, { policy, service: { protocol: 'h2' } })
  const clients = [await rig.connect(), await rig.connect()]
  for (const client of clients) client.write('GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n')
  const service = await new Http2Peer(await rig.upstream.accept()).start()
  for (const i of [0, 1]) {
    const stream = await service.request()
    service.head(stream, 200)
    service.data(stream, 'hello')
    service.send(HEADERS, END_HEADERS | END_STREAM, stream, block([['x-of', `stream ${stream}`]]))
    await eventually(() => gates.length === i + 1, 'the response to wait')
  }
  for (const open of gates) open()
  const trailers = [await clients[0]?.readThrough('stream 1\r\n'), await clients[1]?.readThrough('stream 3\r\n')]
  assert.deepEqual(
    trailers.map((text) => /x-of: (.*)\r\n$/i.exec(text ?? '')?.[1]),
    ['stream 1', 'stream 3'],
  )
})
