import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AbuseGuard } from './abuse.ts'
import {
  CONTINUATION,
  DATA,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  HEADERS,
  PING,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './frames.ts'
import { frame, GET, POST, TestClient, uint32 } from './testing-client.ts'
import { type TestHandler, TestServer } from './testing-server.ts'

const OPEN = FLAG_END_HEADERS
const repeat = (count: number, make: (i: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))

/** What a flood consists of, and what has to be sent before it. */
type Flood = (client: TestClient) => Buffer

const FLOODS: Readonly<Record<string, Flood>> = {
  // CVE-2023-44487
  'streams that are opened and reset at once': (c) =>
    repeat(300, (i) => Buffer.concat([c.headers(2 * i + 1), frame(RST_STREAM, 0, 2 * i + 1, uint32(8))])),
  // CVE-2025-8671: the client has the server reset them.
  'streams that a window update of 0 has us reset': (c) =>
    repeat(300, (i) => Buffer.concat([c.headers(2 * i + 1), frame(WINDOW_UPDATE, 0, 2 * i + 1, uint32(0))])),
  'streams that too large a window has us reset': (c) =>
    repeat(300, (i) => Buffer.concat([c.headers(2 * i + 1), frame(WINDOW_UPDATE, 0, 2 * i + 1, uint32(0x7fffffff))])),
  'streams that data behind their end has us reset': (c) =>
    repeat(300, (i) => Buffer.concat([c.headers(2 * i + 1), frame(DATA, 0, 2 * i + 1, 'x')])),
  'streams that a field of HTTP/1.1 has us reset': (c) => repeat(300, (i) => c.headers(2 * i + 1, [...GET, ['connection', 'x']])),
  'streams with a length that their data is not of': (c) =>
    repeat(300, (i) => Buffer.concat([c.headers(2 * i + 1, [...POST, ['content-length', '1']], OPEN), frame(DATA, 0, 2 * i + 1, 'xy')])),
  'streams beyond those we take': (c) => repeat(1200, (i) => c.headers(2 * i + 1)),
  // CVE-2024-27316
  'empty CONTINUATION frames': (c) => Buffer.concat([c.headers(1, GET, 0), repeat(100, () => frame(CONTINUATION, 0, 1))]),
  'a field block without an end': (c) =>
    Buffer.concat([c.headers(1, GET, 0), repeat(10, () => frame(CONTINUATION, 0, 1, Buffer.alloc(16_000)))]),
  // CVE-2016-6581: an entry of the table that is named again and again.
  'a bomb of fields': (c) =>
    frame(HEADERS, OPEN | FLAG_END_STREAM, 1, Buffer.concat([c.block(GET), bombEntry(), Buffer.alloc(8000, 0xbe)])),
  // CVE-2019-9515
  SETTINGS: () => repeat(100, () => frame(SETTINGS, 0, 0)),
  // CVE-2019-9512
  PING: () => repeat(1000, () => frame(PING, 0, 0, '12345678')),
  'answers to no PING': () => repeat(2000, () => frame(PING, 1, 0, '12345678')),
  // CVE-2019-9518
  'empty DATA frames': (c) => Buffer.concat([c.headers(1, POST, OPEN), repeat(1000, () => frame(DATA, 0, 1))]),
  'DATA frames of padding alone': (c) => Buffer.concat([c.headers(1, POST, OPEN), repeat(1000, () => frame(DATA, 8, 1, '\x03___'))]),
  // CVE-2019-9513
  PRIORITY: () => repeat(2000, (i) => frame(PRIORITY, 0, 2 * i + 1, `${'\0'.repeat(4)}x`)),
  'window updates': () => repeat(2000, () => frame(WINDOW_UPDATE, 0, 0, uint32(1))),
  'frames of a type nobody knows': () => repeat(2000, () => frame(0x77, 0, 0)),
}

function bombEntry(): Buffer {
  return Buffer.concat([Buffer.from([0x40, 1]), Buffer.from('x'), Buffer.from([0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x61)])
}

for (const [what, flood] of Object.entries(FLOODS)) {
  test(`a flood of ${what} ends with ENHANCE_YOUR_CALM`, async () => {
    // What is well-formed is never answered.
    await using server = await TestServer.start({
      answer: (handler) =>
        handler.body(
          () => {},
          (error) => {
            if (error.code === 'request_framing_invalid') handler.reply(400)
          },
        ),
    })
    using client = await TestClient.connect(server.port)
    client.send(flood(client))
    assert.equal(await client.goaway(), 'ENHANCE_YOUR_CALM')
    client.socket.end()
    await client.line(/^closed/)
    assert.equal(server.requestsInFlight.value, 0)
  })
}

/** Answers with so many bytes, and pauses when it is told to. */
function stream(handler: TestHandler, bytes: number): void {
  const sink = handler.head(200)
  const piece = Buffer.alloc(1000)
  let left = bytes
  handler.drained = () => {
    while (left > 0) {
      left -= piece.length
      if (!sink.onData(piece, 0, piece.length)) break
    }
    sink.flush()
    if (left <= 0) sink.onEnd(null)
  }
  handler.drained()
}

test('a client that lets us send byte by byte is sent away', async () => {
  await using server = await TestServer.start({ answer: (handler) => stream(handler, 1e6) })
  using client = await TestClient.connect(server.port, [4, 0])
  client.send(client.headers(1))
  // Each has to be answered with a frame of one byte, or they would be one window.
  for (let i = 0; i < 1500 && !client.frames.some((line) => line.startsWith('GOAWAY')); i++) {
    client.send(frame(WINDOW_UPDATE, 0, 1, uint32(1)))
    await client.line(/^(DATA 1|GOAWAY|closed)/, client.frames.length)
  }
  assert.equal(await client.goaway(), 'ENHANCE_YOUR_CALM')
})

test('a client that measures with a PING for each frame of data, and opens its windows as often, is an honest one', async () => {
  await using server = await TestServer.start({ answer: (handler) => stream(handler, 2e6) })
  using client = await TestClient.connect(server.port, [4, 0])
  client.send(client.headers(1))
  for (let i = 0; client.dataBytes < 2e6; i++) {
    const from = client.frames.length
    client.send(frame(WINDOW_UPDATE, 0, 1, uint32(1000)), frame(WINDOW_UPDATE, 0, 0, uint32(1000)), frame(PING, 0, 0, '12345678'))
    assert.doesNotMatch(await client.line(/^(DATA 1|GOAWAY|closed)/, from), /GOAWAY|closed/, `after ${i}`)
  }
})

test('streams that are given up after a while are no flood', async () => {
  await using server = await TestServer.start({ answer: () => {} })
  using client = await TestClient.connect(server.port)
  for (let i = 0; i < 300; i++) {
    const from = client.frames.length
    client.send(client.headers(2 * i + 1))
    await client.settle()
    // As if they were a minute old.
    for (const { exchange } of server.handlers.splice(0)) exchange.startedAt -= 60_000
    client.send(frame(RST_STREAM, 0, 2 * i + 1, uint32(8)))
    assert.doesNotMatch(client.frames.slice(from).join(), /GOAWAY/)
    // More PINGs than anybody sends: their allowance is not what is tested.
    if (i % 100 === 99) server.sessions[0]?.onMessageFrame()
  }
  await client.settle()
  assert.equal(server.events.filter((event) => event === 'aborted client_closed').length, 300)
})

test('a client that does not read is not read from either, and what waits for it stays bounded', async () => {
  await using server = await TestServer.start({
    limits: { writeIdleTimeoutMs: 300 },
    answer: (handler) => handler.reply(200, '', [['x-large', 'y'.repeat(8000)]]),
  })
  using client = await TestClient.connect(server.port)
  await client.settle()
  client.socket.pause()
  let streamId = 1
  while (server.closed === 0) {
    const answered = server.events.length
    const next = streamId
    streamId += 40
    client.send(repeat(20, (i) => client.headers(next + 2 * i)))
    await new Promise((resolve) => setTimeout(resolve, 2))
    if (server.events.length === answered && client.socket.writableLength > 0) break
  }
  const answered = server.events.length
  assert.ok(process.memoryUsage().external < 300e6)
  await server.untilClosed()
  assert.equal(server.events.length, answered)
  assert.equal(server.requestsInFlight.value, 0)
})

test('an allowance comes back with time, and what is earned does not exceed it', () => {
  let now = 0
  const guard = new AbuseGuard(() => now)
  const spendAll = (): number => {
    let spent = 0
    while (guard.spend('settings')) spent++
    return spent
  }
  assert.equal(spendAll(), 30)
  now = 5_000
  // The one that was refused is owed.
  assert.equal(spendAll(), 9)
  now = 1e9
  assert.equal(spendAll(), 30)
  guard.earn('ping', 1e6)
  let pings = 0
  while (guard.spend('ping')) pings++
  assert.equal(pings, 300)
})
