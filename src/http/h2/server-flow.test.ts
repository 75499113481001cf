import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BodySink } from '../../core/body.ts'
import { Headers } from '../../core/headers.ts'
import { DATA, FLAG_END_HEADERS, FLAG_END_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE } from './frames.ts'
import { ServerStream } from './server-stream.ts'
import { frame, POST, TestClient, uint32 } from './testing-client.ts'
import { type TestHandler, TestServer } from './testing-server.ts'

const OPEN = FLAG_END_HEADERS
const INITIAL_WINDOW = 4

/** Gives `pieces` as far as it is let, and says how often it was told to pause. */
function send(handler: TestHandler, pieces: readonly Buffer[], trailers: Headers | null = null): { pauses: number } {
  const sink = handler.head(200)
  const count = { pauses: 0 }
  let next = 0
  handler.drained = () => {
    while (next < pieces.length) {
      const piece = pieces[next++] as Buffer
      if (!sink.onData(piece, 0, piece.length)) {
        count.pauses++
        break
      }
    }
    sink.flush()
    if (next === pieces.length) sink.onEnd(trailers)
  }
  handler.drained()
  return count
}

test('a response waits for the window of its stream, and goes on as far as that is opened', async () => {
  await using server = await TestServer.start({
    answer: (handler) => send(handler, [Buffer.from('abcdef'), Buffer.from('ghi')], Headers.from([['x-t', '1']])),
  })
  using client = await TestClient.connect(server.port, [INITIAL_WINDOW, 4])
  client.send(client.headers(1))
  await client.line(/^DATA/)
  await client.settle()
  assert.deepEqual(
    client.frames.filter((line) => line.startsWith('DATA')),
    ['DATA 1 abcd'],
  )
  client.send(frame(WINDOW_UPDATE, 0, 1, uint32(3)))
  await client.line(/^DATA 1 g/)
  client.send(frame(WINDOW_UPDATE, 0, 1, uint32(100)))
  await client.line(/^HEADERS 1 END trailers/)
  assert.deepEqual(
    client.frames.filter((line) => line.startsWith('DATA')),
    ['DATA 1 abcd', 'DATA 1 ef', 'DATA 1 g', 'DATA 1 hi'],
  )
  assert.deepEqual(client.fields, [['x-t', '1']])
})

test('a handler is told to pause as long as the client opens no window', async () => {
  let pauses: { pauses: number } | null = null
  await using server = await TestServer.start({
    answer: (handler) => {
      pauses = send(
        handler,
        Array.from({ length: 100 }, () => Buffer.alloc(1000)),
      )
    },
  })
  using client = await TestClient.connect(server.port, [INITIAL_WINDOW, 10_000])
  client.send(client.headers(1))
  await client.settle()
  assert.deepEqual([pauses, client.dataBytes], [{ pauses: 1 }, 10_000])
  client.send(frame(WINDOW_UPDATE, 0, 1, uint32(50_000)))
  await client.settle()
  assert.equal(client.dataBytes, 60_000)
})

test('a change of the first window changes those of open streams, also below zero', async () => {
  await using server = await TestServer.start({ answer: (handler) => send(handler, [Buffer.alloc(30)]) })
  using client = await TestClient.connect(server.port, [INITIAL_WINDOW, 10])
  client.send(client.headers(1))
  await client.settle()
  const set = (value: number): Buffer => frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, INITIAL_WINDOW]), uint32(value)]))
  client.send(set(0))
  // Now at -10: these open it to 0.
  client.send(frame(WINDOW_UPDATE, 0, 1, uint32(10)))
  await client.settle()
  assert.equal(client.dataBytes, 10)
  client.send(set(5))
  await client.settle()
  assert.equal(client.dataBytes, 15)
  client.send(set(100))
  await client.line(/^DATA 1 END/)
  assert.equal(client.dataBytes, 30)
})

test('streams share the window of the connection frame by frame, and each gets its turn', async () => {
  await using server = await TestServer.start({ answer: (handler) => handler.reply(200, Buffer.alloc(200_000)) })
  using client = await TestClient.connect(server.port, [INITIAL_WINDOW, 1e6])
  client.send(client.headers(1), client.headers(3), client.headers(5))
  await client.until(() => client.dataBytes >= 65_535)
  await client.settle()
  assert.equal(client.dataBytes, 65_535)
  const from = client.frames.length
  client.send(frame(WINDOW_UPDATE, 0, 0, uint32(16_384 * 6)))
  await client.until(() => client.dataBytes >= 65_535 + 16_384 * 6)
  await client.settle()
  const order = client.frames.slice(from).filter((line) => line.startsWith('DATA'))
  assert.equal(client.dataBytes, 65_535 + 16_384 * 6)
  for (const id of [1, 3, 5])
    assert.ok(
      order.some((line) => line.startsWith(`DATA ${id}`)),
      `${id} of ${order.length}`,
    )
})

test('a small response does not wait behind a large one', async () => {
  await using server = await TestServer.start({
    answer: (handler) => handler.reply(200, handler.exchange.request.path === '/' ? Buffer.alloc(20_000_000) : 'small'),
  })
  using client = await TestClient.connect(server.port, [INITIAL_WINDOW, 0x7fffffff])
  client.send(frame(WINDOW_UPDATE, 0, 0, uint32(0x7fff0000 - 65_535)), client.headers(1))
  client.send(client.headers(3, [...POST.slice(0, 2), [':path', '/small'], [':authority', 'h']]))
  await client.line(/^DATA 3 END small/)
  assert.ok(client.dataBytes < 20_000_000)
  await client.line(/^DATA 1 END/)
  assert.equal(client.dataBytes, 20_000_005)
})

/** Takes a body with a hand on it. */
function take(handler: TestHandler): { bytes: number; takes: boolean; ended: boolean } {
  const state = { bytes: 0, takes: false, ended: false }
  const sink: BodySink = {
    onData: (_bytes, start, end) => {
      state.bytes += end - start
      return state.takes
    },
    onEnd: () => {
      state.ended = true
      handler.reply(200)
    },
    onError: () => {},
    flush: () => {},
  }
  handler.exchange.downstream.requestBody.start(sink)
  return state
}

test('windows are given back as the body is taken, and not before', async () => {
  let state = { bytes: 0, takes: false, ended: false }
  await using server = await TestServer.start({
    answer: (handler) => {
      state = take(handler)
    },
  })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1, POST, OPEN))
  for (let i = 0; i < 16; i++) client.send(frame(DATA, 0, 1, Buffer.alloc(16_384)))
  await client.settle()
  assert.equal(state.bytes, 16_384, 'it asked for a pause at the first piece')
  assert.ok(!client.frames.some((line) => line.startsWith('WINDOW_UPDATE 1')))
  state.takes = true
  server.handlers[0]?.exchange.downstream.requestBody.resume()
  assert.equal(state.bytes, 16 * 16_384)
  assert.match(await client.line(/^WINDOW_UPDATE 1/), /WINDOW_UPDATE 1 131072/)
  client.send(frame(DATA, FLAG_END_STREAM, 1, 'end'))
  await client.line(/^HEADERS 1 END 200/)
})

test('more than the window of a stream, or than that of the connection, is an error', async () => {
  await using server = await TestServer.start({ answer: (handler) => take(handler) })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1, POST, OPEN))
  for (let i = 0; i < 17; i++) client.send(frame(DATA, 0, 1, Buffer.alloc(16_384)))
  assert.equal(await client.line(/^RST_STREAM/), 'RST_STREAM 1 FLOW_CONTROL_ERROR')
  assert.deepEqual(server.events, ['POST /', 'aborted client_closed'])
  for (let id = 3; id <= 11; id += 2) {
    client.send(client.headers(id, POST, OPEN))
    for (let i = 0; i < 15; i++) client.send(frame(DATA, 0, id, Buffer.alloc(16_384)))
  }
  assert.equal(await client.goaway(), 'FLOW_CONTROL_ERROR')
})

test('what a stream held when it was reset is given back to the connection', async () => {
  await using server = await TestServer.start({ answer: (handler) => take(handler) })
  using client = await TestClient.connect(server.port)
  // Four times what the connection takes, never taken by anybody.
  for (let id = 1; id <= 33; id += 2) {
    client.send(client.headers(id, POST, OPEN))
    for (let i = 0; i < 16; i++) client.send(frame(DATA, 0, id, Buffer.alloc(16_384)))
    client.send(frame(RST_STREAM, 0, id, uint32(8)))
    await client.settle()
  }
  assert.ok(!client.frames.some((line) => line.startsWith('GOAWAY')))
})

test('a body that fits leaves in one write with its head and its end', async () => {
  await using server = await TestServer.start({ answer: (handler) => handler.reply(200, 'body') })
  using client = await TestClient.connect(server.port)
  await client.settle()
  let reads = 0
  client.socket.on('data', () => reads++)
  client.send(client.headers(1))
  await client.line(/^DATA 1 END body/)
  assert.equal(reads, 1)
})

test('an answer without a body is one frame', async () => {
  await using server = await TestServer.start({ answer: (handler) => handler.reply(200) })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1))
  await client.line(/^HEADERS 1 END 200/)
  await client.settle()
  assert.ok(!client.frames.some((line) => line.startsWith('DATA')))
})

test('streams are used again, and no more are kept than are needed', async () => {
  await using server = await TestServer.start()
  using client = await TestClient.connect(server.port)
  for (let id = 1; id < 100; id += 2) {
    client.send(client.headers(id))
    await client.line(new RegExp(`^DATA ${id} END`))
  }
  assert.equal(new Set(server.handlers).size, 1)
  assert.ok(server.handlers[0]?.exchange.downstream instanceof ServerStream)
})

test('what a client sends byte by byte to a stream that nobody reads is held, and comes whole when somebody does', async () => {
  await using server = await TestServer.start({ answer: () => {} })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1, POST, OPEN))
  await client.settle()
  const crumbs = Buffer.concat(Array.from({ length: 100_000 }, () => frame(DATA, 0, 1, 'x')))
  client.send(crumbs)
  await client.settle()
  const handler = server.handlers[0] ?? assert.fail('no request')
  let bytes = 0
  handler.body((body) => {
    bytes = body.length
  })
  client.send(frame(DATA, FLAG_END_STREAM, 1))
  await client.settle()
  assert.equal(bytes, 100_000)
})
