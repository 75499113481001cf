import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Limits } from '../../core/limits.ts'
import { CLIENT_PREFACE, DATA, FLAG_END_HEADERS, FLAG_END_STREAM, GOAWAY, PING, SETTINGS } from './frames.ts'
import type { ServerSession } from './server-session.ts'
import { frame, GET, POST, TestClient, uint32 } from './testing-client.ts'
import { TestServer } from './testing-server.ts'

const OPEN = FLAG_END_HEADERS
const SHORT: Partial<Limits> = {
  headTimeoutMs: 100,
  bodyIdleTimeoutMs: 100,
  idleTimeoutMs: 100,
  writeIdleTimeoutMs: 100,
  halfCloseGraceMs: 100,
}

function sessionOf(server: TestServer): ServerSession {
  return server.sessions[0] ?? assert.fail('no session')
}

// --- drains

test('a drain is announced, and requests are still taken', async () => {
  await using server = await TestServer.start()
  using client = await TestClient.connect(server.port)
  await client.settle()
  sessionOf(server).announceDrain()
  assert.equal(await client.line(/^GOAWAY/), 'GOAWAY 2147483647 NO_ERROR')
  client.send(client.headers(1))
  await client.line(/^DATA 1 END hello/)
})

test('a connection without streams closes at once when it is to', async () => {
  await using server = await TestServer.start()
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1))
  await client.line(/^DATA 1 END/)
  sessionOf(server).closeWhenIdle()
  await client.line(/^closed/)
  assert.deepEqual(client.frames.slice(-2), ['GOAWAY 1 NO_ERROR', 'closed'])
  await server.untilClosed()
  assert.equal(server.connections.value, 0)
})

test('streams that have begun are finished, and later ones are not taken; then it closes', async () => {
  await using server = await TestServer.start({ answer: () => {} })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1), client.headers(3, POST, OPEN))
  await client.settle()
  sessionOf(server).announceDrain()
  sessionOf(server).closeWhenIdle()
  sessionOf(server).closeWhenIdle()
  client.send(client.headers(5), client.headers(7, POST, OPEN), frame(DATA, FLAG_END_STREAM, 7, 'ignored'))
  await client.settle()
  server.handlers[0]?.reply(200, 'first')
  server.handlers[1]?.body((body) => server.handlers[1]?.reply(200, body))
  await client.line(/^DATA 1 END first/)
  client.send(frame(DATA, FLAG_END_STREAM, 3, 'second'))
  await client.line(/^DATA 3 END second/)
  await client.line(/^closed/)
  assert.deepEqual(
    client.frames.filter((line) => line.startsWith('GOAWAY')),
    ['GOAWAY 2147483647 NO_ERROR', 'GOAWAY 3 NO_ERROR'],
  )
  assert.ok(!client.frames.some((line) => /^\S+ [57]/.test(line)))
  assert.equal(server.handlers.length, 2)
})

test('event streams are ended between two events, and other responses are not', async () => {
  await using server = await TestServer.start({ answer: () => {} })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1), client.headers(3), client.headers(5), client.headers(7))
  await client.settle()
  const [events, midway, file] = server.handlers.map((handler, i) => {
    if (i === 3)
      return handler.head(200, [
        ['Content-Encoding', 'gzip'],
        ['Content-Type', 'text/event-stream'],
      ])
    return handler.head(200, [['Content-Type', i === 2 ? 'text/plain' : 'text/event-stream; charset=utf-8']])
  })
  events?.onData(Buffer.from('data: 1\n\n'), 0, 9)
  midway?.onData(Buffer.from('data: '), 0, 6)
  file?.onData(Buffer.from('text'), 0, 4)
  const streams = sessionOf(server).streams()
  assert.deepEqual(
    streams.map((stream) => stream.endStream()),
    ['events', 'events', null, null],
  )
  await client.line(/^DATA 1 END/)
  assert.equal(midway?.onData(Buffer.from('2\n\ndata: 3\n\n'), 0, 12), false)
  assert.equal(await client.line(/^DATA 3 END/), 'DATA 3 END 2\n\n')
  assert.equal(sessionOf(server).streams().length, 2)
})

test('what is cut is over at once', async () => {
  await using server = await TestServer.start({ answer: () => {} })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1))
  await client.settle()
  sessionOf(server).cut()
  assert.deepEqual(server.events, ['GET /', 'aborted client_closed'])
  assert.deepEqual([server.connections.value, server.requestsInFlight.value, server.closed], [0, 0, 1])
  await client.line(/^closed/)
})

test('a client that says GOAWAY gets its answers, and then the connection closes', async () => {
  await using server = await TestServer.start({ answer: () => {} })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1), frame(GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(0)])))
  await client.settle()
  server.handlers[0]?.reply(200, 'last')
  await client.line(/^DATA 1 END last/)
  await client.line(/^closed/)
})

// --- time limits

test('a connection without streams closes after a while, and PINGs do not keep it open', async () => {
  await using server = await TestServer.start({ limits: { idleTimeoutMs: 200 } })
  using client = await TestClient.connect(server.port)
  while (!client.frames.includes('closed')) {
    client.send(frame(PING, 0, 0, '12345678'))
    await sleep(20)
  }
  assert.equal(await client.goaway(), 'NO_ERROR')
})

test('a connection with a stream does not count as idle', async () => {
  await using server = await TestServer.start({ limits: SHORT, answer: () => {} })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1))
  await sleep(400)
  server.handlers[0]?.reply(200, 'late')
  await client.line(/^DATA 1 END late/)
  assert.equal(await client.goaway(), 'NO_ERROR')
})

test('a client that sends no preface is sent away', async () => {
  await using server = await TestServer.start({ limits: SHORT })
  using silent = await TestClient.connectRaw(server.port)
  assert.equal(await silent.goaway(), 'SETTINGS_TIMEOUT')
  using halfway = await TestClient.connectRaw(server.port)
  halfway.send(CLIENT_PREFACE.subarray(0, 10))
  assert.equal(await halfway.goaway(), 'SETTINGS_TIMEOUT')
})

test('a head that comes too slowly ends the connection, whatever it is cut into', async () => {
  for (const parts of [
    (client: TestClient) => Array.from(client.headers(1, GET), (byte) => Buffer.from([byte])),
    (client: TestClient) => [client.headers(1, GET, 0), ...Array.from({ length: 20 }, () => frame(9, 0, 1, 'x'))],
  ]) {
    await using server = await TestServer.start({ limits: { headTimeoutMs: 200 } })
    using client = await TestClient.connect(server.port)
    for (const part of parts(client)) {
      client.send(part)
      await sleep(20)
    }
    assert.equal(await client.goaway(), 'ENHANCE_YOUR_CALM')
  }
})

test('many heads that are each cut, one behind the other, are not slow', async () => {
  await using server = await TestServer.start({ limits: { headTimeoutMs: 200 } })
  using client = await TestClient.connect(server.port)
  await client.settle()
  let rest = Buffer.alloc(0)
  for (let id = 1; id < 40; id += 2) {
    const bytes = Buffer.concat([rest, client.headers(id)])
    client.send(bytes.subarray(0, bytes.length - 2))
    rest = bytes.subarray(bytes.length - 2)
    await sleep(20)
  }
  client.send(rest)
  await client.line(/^DATA 39 END/)
})

test('a client that stops within its body is told, and the other streams go on', async () => {
  await using server = await TestServer.start({
    limits: { bodyIdleTimeoutMs: 100 },
    answer: (handler) =>
      handler.body(
        () => handler.reply(200, 'whole'),
        (error) => handler.reply(408, error.code),
      ),
  })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1, POST, OPEN), frame(DATA, 0, 1, 'part'))
  assert.equal(await client.line(/^HEADERS 1/), 'HEADERS 1 408')
  await client.line(/^RST_STREAM 1 NO_ERROR/)
  client.send(client.headers(3))
  await client.line(/^DATA 3 END whole/)
})

test('a client that opens no window for a response loses that stream alone', async () => {
  await using server = await TestServer.start({
    limits: { writeIdleTimeoutMs: 100 },
    answer: (handler) => {
      const sink = handler.head(200)
      sink.onData(Buffer.alloc(10), 0, 10)
      sink.flush()
    },
  })
  using client = await TestClient.connect(server.port, [4, 5])
  client.send(client.headers(1))
  assert.equal(await client.line(/^RST_STREAM/), 'RST_STREAM 1 CANCEL')
  assert.deepEqual(server.events, ['GET /', 'aborted response_write_timeout'])
  server.answer = (handler) => handler.reply(200, 'ok')
  client.send(client.headers(3))
  await client.line(/^DATA 3 END ok/)
})

test('a client that opens no window of the connection loses it', async () => {
  await using server = await TestServer.start({
    limits: { writeIdleTimeoutMs: 100 },
    answer: (handler) => {
      const sink = handler.head(200)
      sink.onData(Buffer.alloc(100_000), 0, 100_000)
      sink.flush()
    },
  })
  using client = await TestClient.connect(server.port, [4, 1e6])
  client.send(client.headers(1))
  await client.line(/^closed/)
  assert.deepEqual(server.events, ['GET /', 'aborted response_write_timeout'])
})

test('what was handed over to a client that then goes is not told of', async () => {
  await using server = await TestServer.start({ answer: (handler) => handler.reply(200, Buffer.alloc(100)) })
  using client = await TestClient.connect(server.port, [4, 5])
  client.send(client.headers(1))
  await client.settle()
  assert.deepEqual(server.events, ['GET /', 'finished'])
  client.send(frame(3, 0, 1, uint32(8)))
  await client.settle()
  assert.deepEqual(server.events, ['GET /', 'finished'])
  client.send(client.headers(3))
  await client.line(/^HEADERS 3 200/)
})

// --- half-closed connections

test('a client that closes its sending side behind a request still gets an answer that begins soon', async () => {
  await using server = await TestServer.start({ answer: (handler) => setTimeout(() => handler.reply(200, 'soon'), 20) })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1))
  client.socket.end()
  await client.line(/^DATA 1 END soon/)
  await client.line(/^closed/)
})

test('a client that closes its sending side and gets no answer in time counts as gone', async () => {
  await using server = await TestServer.start({ limits: SHORT, answer: () => {} })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1), client.headers(3, POST, OPEN))
  client.socket.end()
  await client.line(/^closed/)
  assert.deepEqual(server.events, ['GET /', 'POST /', 'aborted client_closed', 'aborted client_closed'])
})

test('a client that only connects and leaves costs nothing', async () => {
  await using server = await TestServer.start()
  using client = await TestClient.connect(server.port)
  client.send(frame(SETTINGS, 0, 0))
  client.socket.end()
  await client.line(/^closed/)
  await server.untilClosed()
  assert.equal(server.connections.value, 0)
})
