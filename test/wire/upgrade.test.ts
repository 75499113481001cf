/** Upgrades (RFC 9110, 7.8) and streams: WebSocket with a real client and server, raw switches, server-sent events. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { always, startRig } from './harness.ts'
import { fieldOf } from './peer.ts'
import { WEBSOCKET_SWITCH as SWITCH, WEBSOCKET_UPGRADE as UPGRADE } from './websocket.ts'

test('WebSockets pass through, one after the other and at the same time', async (context) => {
  const server = createServer().listen(0, '127.0.0.1')
  const sockets = new WebSocketServer({ server })
  await once(server, 'listening')
  context.after(() => {
    sockets.close()
    server.close()
  })
  sockets.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const rig = await startRig(context, { ports: () => [address.port] })
  const big = Buffer.alloc(1_000_000, 7)
  const talk = async (): Promise<void> => {
    const socket = new WebSocket(`ws://127.0.0.1:${rig.port}/chat`)
    await once(socket, 'open')
    for (const text of ['one', 'two']) {
      socket.send(text)
      assert.equal(String((await once(socket, 'message'))[0]), text)
    }
    socket.send(big)
    assert.ok(big.equals((await once(socket, 'message'))[0]))
    socket.close(1000, 'bye')
    assert.equal((await once(socket, 'close'))[0], 1000)
  }
  for (let round = 0; round < 3; round++) await talk()
  await Promise.all([talk(), talk(), talk()])
  await rig.loggedCount(6)
  assert.ok(rig.logged.every(({ status }) => status === 101))
})

test('bytes right behind the heads of a switch, on both sides, are not lost', async (context) => {
  const rig = await startRig(context)
  for (let round = 0; round < 3; round++) {
    const client = await rig.connect()
    client.write(`${UPGRADE}early client`)
    const service = await rig.upstream.accept()
    const head = await service.readHead()
    assert.equal(fieldOf(head, 'upgrade'), 'websocket')
    assert.equal(fieldOf(head, 'connection')?.toLowerCase(), 'upgrade')
    assert.equal(fieldOf(head, 'sec-websocket-key'), 'dGhlIHNhbXBsZSBub25jZQ==')
    service.write(`${SWITCH}early service`)
    const answer = await client.readHead()
    assert.match(answer, /^HTTP\/1.1 101 /)
    assert.equal(fieldOf(answer, 'upgrade'), 'websocket')
    assert.equal(fieldOf(answer, 'connection')?.toLowerCase(), 'upgrade')
    assert.equal(fieldOf(answer, 'sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    assert.equal(await client.readThrough('service'), 'early service')
    assert.equal(await service.readThrough('client'), 'early client')
    client.write('GET / HTTP/1.1\r\n\r\n')
    assert.equal(await service.readHead(), 'GET / HTTP/1.1\r\n\r\n', 'what looks like HTTP is not read as such')
    service.finish('bye')
    assert.equal((await client.readAll()).text, 'bye')
    client.finish('and bye')
    assert.equal((await service.readAll()).text, 'and bye')
  }
})

test('a tunnel whose one side is cut is cut on the other', async (context) => {
  const rig = await startRig(context)
  for (const side of ['client', 'service'] as const) {
    const client = await rig.connect()
    client.write(UPGRADE)
    const service = await rig.upstream.accept()
    await service.readHead()
    service.write(SWITCH)
    await client.readHead()
    const [cut, other] = side === 'client' ? [client, service] : [service, client]
    cut.reset()
    assert.equal(await other.ended(), 'reset')
  }
})

test('a switch that the service declines is an ordinary answer, and the connection goes on; a later one succeeds', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(UPGRADE)
  const service = await rig.upstream.accept()
  for (let round = 0; round < 2; round++) {
    assert.equal(fieldOf(await service.readHead(), 'upgrade'), 'websocket')
    service.write('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno')
    assert.equal((await client.readResponse()).body, 'no')
    client.write(UPGRADE)
  }
  assert.equal(fieldOf(await service.readHead(), 'upgrade'), 'websocket')
  service.write(`${SWITCH}hello`)
  assert.match(await client.readHead(), /^HTTP\/1.1 101 /)
  assert.equal(await client.readThrough('hello'), 'hello')
})

for (const [name, fields] of [
  ['h2c', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'],
  ['a list', 'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n'],
  ['two fields', 'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n'],
  ['a token that Connection does not name', 'Upgrade: websocket\r\n'],
  ['a body behind it', 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n'],
] as const) {
  test(`an upgrade that is not allowed is never forwarded: ${name}`, async (context) => {
    const rig = await startRig(context)
    const client = await rig.connect()
    client.write(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\nok`)
    const service = await rig.upstream.accept()
    const head = await service.readHead()
    assert.doesNotMatch(head, /^(connection|http2-settings):/im)
    assert.doesNotMatch(head, /^upgrade:.*h2c/im)
    assert.equal(fieldOf(head, 'upgrade'), undefined)
    client.reset()
    await service.ended()
  })
}

test('an upgrade from HTTP/1.0 is not forwarded', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(UPGRADE.replace('HTTP/1.1', 'HTTP/1.0'))
  const service = await rig.upstream.accept()
  assert.equal(fieldOf(await service.readHead(), 'upgrade'), undefined)
})

for (const [name, from, to, status] of [
  ['without a key', /Sec-WebSocket-Key: .*\r\n/, '', 400],
  ['with a key that is none', 'dGhl', '!!!!', 400],
  ['with two keys', /(Sec-WebSocket-Key: .*\r\n)/, '$1$1', 400],
  ['without a version', /Sec-WebSocket-Version: .*\r\n/, '', 400],
  ['in another version', 'Version: 13', 'Version: 8', 400],
  ['by another method', 'GET', 'DELETE', 400],
] as const) {
  test(`a request for a WebSocket ${name} is refused, and reaches no service`, async (context) => {
    const rig = await startRig(context)
    const client = await rig.connect()
    client.write(UPGRADE.replace(from, to))
    const { head, body } = await client.readResponse()
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `))
    assert.match(body, /request_malformed/)
    assert.equal(fieldOf(head, 'sec-websocket-version'), name.includes('version') ? '13' : undefined)
    assert.equal(rig.upstreamConnections(), 0)
  })
}

test('a route without WebSockets forwards a request for one as any other, whatever it lacks', async (context) => {
  const rig = await startRig(context, { route: { upgrades: [] } })
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const service = await rig.upstream.accept()
  assert.equal(fieldOf(await service.readHead(), 'upgrade'), undefined)
})

for (const [name, from, to] of [
  ['of another handshake', 's3pP', 'AAAA'],
  ['missing', /Sec-WebSocket-Accept: .*\r\n/, ''],
  ['twice', /(Sec-WebSocket-Accept: .*\r\n)/, '$1$1'],
] as const) {
  test(`a switch to WebSocket whose Sec-WebSocket-Accept is ${name} is no answer`, async (context) => {
    const rig = await startRig(context)
    const client = await rig.connect()
    client.write(UPGRADE)
    const service = await rig.upstream.accept()
    await service.readHead()
    service.write(SWITCH.replace(from, to))
    const { head, body } = await client.readResponse()
    assert.match(head, /^HTTP\/1\.1 502 /)
    assert.match(body, /upstream_response_malformed/)
    await service.ended()
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.match(await (await rig.upstream.accept()).readHead(), /^GET \/ HTTP/, 'the connection of the client goes on')
  })
}

test('server-sent events arrive one by one', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n')
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
  assert.equal(fieldOf(await client.readHead(), 'content-type'), 'text/event-stream')
  for (let index = 0; index < 5; index++) {
    const event = `data: ${index}\n\n`
    service.write(`${event.length.toString(16)}\r\n${event}\r\n`)
    assert.equal(await client.readThrough('\n\n\r\n'), `${event.length.toString(16)}\r\n${event}\r\n`)
  }
})

test('a switch of protocols says where it was brought to: the split is kept to, and a fallback is marked', async (context) => {
  const rig = await startRig(context, {
    route: { split: { services: { main: 1 }, sticky: 'cookie:lane' }, fallback: { service: 'backup' } },
  })
  rig.upstream.onConnection = always('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n')
  const client = await rig.connect()
  client.write(UPGRADE)
  const service = await rig.backup.accept()
  await service.readRequest()
  service.write(SWITCH)
  const head = await client.readHead()
  assert.match(head, /^HTTP\/1\.1 101 /)
  assert.equal(fieldOf(head, 'turnpike-fallback'), 'service')
  assert.match(fieldOf(head, 'set-cookie') ?? '', /^lane=/)
})
