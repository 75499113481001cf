/** Response steps that wait for something, while the service's connection could already serve the next request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { object } from '../../src/core/schema.ts'
import { eventually, startRig } from './harness.ts'
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
