/** A shutdown with streams under way: nothing is cut in the middle of a message or an event. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, startRig } from './harness.ts'
import { openWebSocket, unmasked } from './websocket.ts'

/** Bytes of a close frame with code 1012, from a server. */
const CLOSE_1012 = '\x88\x11\x03\xf4service restart'
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

test('an idle WebSocket is closed with 1012, and the service learns of it by the answer of the client', async (t) => {
  const rig = await startRig(t)
  const { client, service } = await openWebSocket(rig)
  service.write('\x81\x02hi')
  await client.readThrough('hi')
  const drained = rig.drain(5_000)
  const frame = await client.readBytes(19)
  assert.equal(frame, CLOSE_1012)
  client.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf4]))
  assert.equal(await service.readBytes(8), '\x88\x82\0\0\0\0\x03\xf4')
  service.write('\x88\x02\x03\xf4')
  service.finish()
  client.finish()
  assert.equal((await client.readAll()).text, '', 'nothing follows a close frame')
  assert.deepEqual(await drained, { closed: 1, aborted: 0, websockets: 1, eventStreams: 0 })
})

test('a message that is under way is brought to its end first, and the one behind it does not begin', async (t) => {
  const rig = await startRig(t)
  const { client, service } = await openWebSocket(rig)
  // The first of two frames of a message.
  service.write('\x01\x05hello')
  await client.readThrough('hello')
  const drained = rig.drain(5_000)
  await eventually(() => true, 'a turn')
  service.write('\x80\x06 world\x81\x04ne')
  const text = await client.readThrough('restart')
  assert.equal(text, '\x80\x06 world\x88\x11\x03\xf4service restart')
  client.finish()
  service.finish()
  assert.equal((await drained).websockets, 1)
})

test('a client that does not answer a close frame is let go of all the same, and the service is told', async (t) => {
  const rig = await startRig(t)
  const { client, service } = await openWebSocket(rig)
  const drained = rig.drain(10_000)
  await client.readThrough('restart')
  const { aborted } = await drained
  assert.equal(aborted, 0)
  assert.equal(unmasked(await service.readBytes(19)), '\x88\x0d\x03\xe9client gone')
  service.finish()
  await eventually(() => rig.upstreamConnections() === 0, 'the connection to the service to be closed')
})

test('a client that reads slowly still gets what was sent before the close frame, when it is let go of', async (t) => {
  const rig = await startRig(t)
  const { client, service } = await openWebSocket(rig)
  // More than the client's side takes unread, less than both sides of the kernel together.
  const payload = 'x'.repeat(600_000)
  const length = Buffer.alloc(10)
  length.writeUInt16BE(0x827f)
  length.writeBigUInt64BE(BigInt(payload.length), 2)
  service.write(Buffer.concat([length, Buffer.from(payload)]))
  const begin = await client.readBytes(length.length)
  client.socket.pause()
  const { aborted } = await rig.drain(10_000)
  assert.equal(aborted, 0)
  client.socket.resume()
  const { text } = await client.readAll()
  assert.equal(begin.length + text.length, length.length + payload.length + CLOSE_1012.length)
  assert.ok(text.endsWith('service restart'))
  service.finish()
  await eventually(() => rig.upstreamConnections() === 0, 'the connection to the service to be closed')
})

for (const [name, sent, rest, expected] of [
  ['between two events', 'data: 1\n\n', '', 'data: 1\n\n'],
  ['within an event', 'data: 1\n\ndata: ', '2\r\n\r\ndata: 3\n\n', 'data: 1\n\ndata: 2\r\n\r\n'],
  ['before the first event', '', '', ''],
  ['within an event whose lines end in two ways', 'data: 1\n\ndata: ', '2\n\r\ndata: 3\n\n', 'data: 1\n\ndata: 2\n\r\n'],
] as const) {
  test(`an event stream that is ${name} ends cleanly behind an event`, async (t) => {
    const rig = await startRig(t)
    const client = await rig.connect()
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const service = await rig.upstream.accept()
    await service.readRequest()
    service.write(`${EVENTS}${sent === '' ? '' : chunk(sent)}`)
    await client.readHead()
    if (sent !== '') await client.readThrough(sent)
    const drained = rig.drain(5_000)
    await eventually(() => true, 'a turn')
    if (rest !== '') service.write(chunk(rest))
    const { text, ending } = await client.readAll()
    const body = `${sent === '' ? '' : sent}${text.replaceAll(/(^|\r\n)[0-9a-f]+\r\n/g, '')}`
    assert.ok(text.endsWith('0\r\n\r\n'), JSON.stringify(text))
    assert.equal(ending, 'finished')
    assert.ok(body.startsWith(expected) || expected === '', JSON.stringify(body))
    assert.ok(!body.includes('data: 3'))
    assert.deepEqual(await drained, { closed: 1, aborted: 0, websockets: 0, eventStreams: 1 })
  })
}

test('an event stream to a client of HTTP/1.0 ends behind an event too', async (t) => {
  const rig = await startRig(t)
  const client = await rig.connect()
  client.write('GET / HTTP/1.0\r\nHost: a\r\n\r\n')
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write(`${EVENTS}${chunk('data: 1\n\ndata: ')}`)
  await client.readThrough('data: 1\n\ndata: ')
  const drained = rig.drain(5_000)
  await eventually(() => true, 'a turn')
  service.write(chunk('2\n\ndata: 3\n\n'))
  assert.deepEqual(await client.readAll(), { text: '2\n\n', ending: 'finished' })
  assert.deepEqual(await drained, { closed: 1, aborted: 0, websockets: 0, eventStreams: 1 })
})

test('an ordinary response is waited for, and its connection closed behind it', async (t) => {
  const rig = await startRig(t)
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
  await client.readThrough('hello')
  const drained = rig.drain(5_000)
  await eventually(() => true, 'a turn')
  service.write('world')
  assert.deepEqual(await client.readAll(), { text: 'world', ending: 'finished' })
  assert.deepEqual(await drained, { closed: 1, aborted: 0, websockets: 0, eventStreams: 0 })
})

test('a request that comes right behind a response which had begun before the drain is still answered, and told to close', async (t) => {
  const rig = await startRig(t)
  const client = await rig.connect()
  client.write('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n')
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
  await client.readThrough('hello')
  // One ahead, and one when the first has ended.
  client.write('GET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
  const drained = rig.drain(5_000)
  await eventually(() => true, 'a turn')
  service.write('world')
  await client.readThrough('world')
  // The first connection goes back to its pool once all of the read is done with.
  const second = await rig.upstream.accept()
  await second.readRequest()
  second.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const { head, body } = await client.readResponse()
  assert.match(head, /\r\nConnection: close\r\n/)
  assert.equal(body, 'ok')
  assert.equal((await drained).aborted, 0)
})
