/** How long tunnels last: silence, lifetime, and who is told what at the end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, startRig } from './harness.ts'
import { openWebSocket, unmasked, WEBSOCKET_UPGRADE } from './websocket.ts'

const IDLE = { route: { tunnel: { idleTimeout: '150ms' } } } as const
const SHORT_LIVED = { route: { tunnel: { lifetime: '150ms' } } } as const
/** Bytes of close frames with code 1001, from a server. */
const CLOSE_IDLE = '\x88\x0e\x03\xe9idle timeout'
const CLOSE_LIFETIME = '\x88\x0a\x03\xe9lifetime'
/** As a client answers them: code 1001, masked with zeros. */
const CLOSE_ANSWER = '\x88\x82\0\0\0\0\x03\xe9'
/** And as a service does. */
const SERVICE_CLOSE = '\x88\x02\x03\xe9'

test('a WebSocket on which nobody speaks is closed with 1001, and the service learns of it by the answer of the client', async (t) => {
  const rig = await startRig(t, IDLE)
  const { client, service } = await openWebSocket(rig)
  service.write('\x81\x02hi')
  assert.equal(await client.readBytes(4), '\x81\x02hi')
  assert.equal(await client.readBytes(CLOSE_IDLE.length), CLOSE_IDLE)
  client.write(CLOSE_ANSWER)
  assert.equal(await service.readBytes(CLOSE_ANSWER.length), CLOSE_ANSWER)
  service.finish(SERVICE_CLOSE)
  assert.deepEqual(await client.readAll(), { text: '', ending: 'finished' }, 'nothing follows a close frame')
  client.finish()
  assert.deepEqual(await service.readAll(), { text: '', ending: 'finished' })
  await rig.loggedCount(1)
  assert.deepEqual(rig.logged, [{ status: 101, error: null, attempts: 1 }])
})

test('a client that is no more there is given up soon, and the service gets a close frame of ours', async (t) => {
  const rig = await startRig(t, IDLE)
  const { client, service } = await openWebSocket(rig)
  await client.readBytes(CLOSE_IDLE.length)
  assert.equal(unmasked(await service.readBytes(19)), '\x88\x0d\x03\xe9client gone')
  assert.deepEqual(await client.readAll(), { text: '', ending: 'finished' })
  service.finish(SERVICE_CLOSE)
  assert.deepEqual(await service.readAll(), { text: '', ending: 'finished' })
  await eventually(() => rig.upstreamConnections() === 0, 'the connection to the service to be closed')
})

test('a service that is no more there does not keep the client from its end', async (t) => {
  const rig = await startRig(t, IDLE)
  const { client, service } = await openWebSocket(rig)
  await client.readBytes(CLOSE_IDLE.length)
  client.write(CLOSE_ANSWER)
  await service.readBytes(CLOSE_ANSWER.length)
  assert.deepEqual(await client.readAll(), { text: '', ending: 'finished' })
  assert.deepEqual(await service.readAll(), { text: '', ending: 'reset' })
})

test('nothing is put into a message that has begun: who stops within one is cut off', async (t) => {
  const rig = await startRig(t, IDLE)
  for (const begun of ['\x81\x05hel', '\x01\x05hello']) {
    const { client, service } = await openWebSocket(rig)
    service.write(begun)
    assert.deepEqual(await client.readAll(), { text: begun, ending: 'reset' })
    assert.equal(await service.ended(), 'reset')
  }
})

test('what moves in one direction keeps a tunnel open', async (t) => {
  const rig = await startRig(t, { route: { tunnel: { idleTimeout: '600ms' } } })
  for (const direction of ['client', 'service'] as const) {
    const ends = await openWebSocket(rig)
    const [from, to] = direction === 'client' ? [ends.client, ends.service] : [ends.service, ends.client]
    for (let i = 0; i < 15; i++) {
      from.write('\x89\x00')
      await to.readBytes(2)
      await sleep(60)
    }
    ends.client.finish()
    ends.service.finish()
    assert.deepEqual(await to.readAll(), { text: '', ending: 'finished' })
  }
})

test('a client that reads slowly is not silent as long as it reads', async (t) => {
  const rig = await startRig(t, { route: { tunnel: { idleTimeout: '600ms' } } })
  const { client, service } = await openWebSocket(rig)
  client.socket.pause()
  const payload = Buffer.alloc(24 * 2 ** 20, 'x')
  const head = Buffer.alloc(10)
  head.writeUInt16BE(0x827f)
  head.writeBigUInt64BE(BigInt(payload.length), 2)
  service.write(Buffer.concat([head, payload]))
  for (let round = 1; round <= 6; round++) {
    client.socket.resume()
    await eventually(() => client.bytesReceived >= round * 4 * 2 ** 20, 'another part')
    client.socket.pause()
    await sleep(200)
  }
  client.socket.resume()
  await eventually(() => client.bytesReceived >= head.length + payload.length, 'the whole message')
  assert.equal(client.ending, null)
})

test('a client that does not read at all is cut off in the end', async (t) => {
  const rig = await startRig(t, IDLE)
  const { client, service } = await openWebSocket(rig)
  client.socket.pause()
  const payload = Buffer.alloc(65_000, 'x')
  const head = Buffer.from([0x82, 126, payload.length >> 8, payload.length & 255])
  for (let i = 0; i < 400; i++) service.write(Buffer.concat([head, payload]))
  await rig.loggedCount(1)
  await service.ended()
})

test('a WebSocket whose lifetime is over is closed with 1001 between two messages, however much is said', async (t) => {
  const rig = await startRig(t, SHORT_LIVED)
  const { client, service } = await openWebSocket(rig)
  // The first frame of a message, whose second comes after the end of the lifetime.
  service.write('\x01\x05hello')
  await client.readBytes(7)
  await sleep(300)
  service.write('\x80\x06 world\x81\x04ne')
  assert.equal(await client.readBytes(8 + CLOSE_LIFETIME.length), `\x80\x06 world${CLOSE_LIFETIME}`)
  client.write(`\x81\x81\0\0\0\0a${CLOSE_ANSWER}`)
  assert.equal(await service.readBytes(7 + CLOSE_ANSWER.length), `\x81\x81\0\0\0\0a${CLOSE_ANSWER}`, 'what the client still says arrives')
  service.finish()
  assert.deepEqual(await client.readAll(), { text: '', ending: 'finished' })
})

for (const [name, bounds] of [
  ['silent', IDLE],
  ['old', SHORT_LIVED],
] as const) {
  test(`a tunnel of another protocol that is ${name} is cut`, async (t) => {
    const rig = await startRig(t, { route: { ...bounds.route, upgrades: ['line'] } })
    const client = await rig.connect()
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: line\r\n\r\n')
    const service = await rig.upstream.accept()
    await service.readHead()
    service.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: line\r\n\r\nhello')
    await client.readThrough('hello')
    assert.deepEqual(await client.readAll(), { text: '', ending: 'reset' })
    assert.equal(await service.ended(), 'reset')
  })
}

test('a WebSocket without bounds of its own stays open while nobody speaks', async (t) => {
  const rig = await startRig(t)
  const { client, service } = await openWebSocket(rig)
  await sleep(300)
  service.write('\x81\x02hi')
  assert.equal(await client.readBytes(4), '\x81\x02hi')
  client.write(WEBSOCKET_UPGRADE)
  assert.equal(await service.readHead(), WEBSOCKET_UPGRADE)
})
