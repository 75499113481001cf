import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CLIENT_PREFACE,
  CONTINUATION,
  DATA,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLAG_PADDED,
  FLAG_PRIORITY,
  GOAWAY,
  HEADERS,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from './frames.ts'
import { frame, GET, POST, TestClient, uint32 } from './testing-client.ts'
import { type Answer, TestServer } from './testing-server.ts'

/** Gathers the body and answers with it. */
const echo: Answer = (handler) =>
  handler.body(
    (body) => handler.reply(200, body),
    (error) => handler.reply(400, error.code),
  )

const OPEN = FLAG_END_HEADERS
const END = FLAG_END_HEADERS | FLAG_END_STREAM
/** Of a frame that depends on a stream. */
const on = (streamId: number): Buffer => Buffer.concat([uint32(streamId), Buffer.from([15])])
const setting = (id: number, value: number): Buffer => Buffer.concat([Buffer.from([0, id]), uint32(value)])

type Script = (client: TestClient) => readonly Buffer[]

/** RFC 9113, 5.4.1: what ends the whole connection, and with which code. */
const CONNECTION_ERRORS: Readonly<Record<string, readonly [string, Script]>> = {
  'DATA on an idle stream': ['PROTOCOL_ERROR', () => [frame(DATA, 0, 1, 'x')]],
  'RST_STREAM on an idle stream': ['PROTOCOL_ERROR', () => [frame(RST_STREAM, 0, 1, uint32(8))]],
  'WINDOW_UPDATE on an idle stream': ['PROTOCOL_ERROR', () => [frame(WINDOW_UPDATE, 0, 1, uint32(100))]],
  'CONTINUATION on an idle stream': ['PROTOCOL_ERROR', () => [frame(CONTINUATION, OPEN, 1, '')]],
  'DATA on a stream of ours': ['PROTOCOL_ERROR', () => [frame(DATA, 0, 2, 'x')]],
  'an even stream': ['PROTOCOL_ERROR', (c) => [c.headers(2)]],
  'a stream below one that was opened': ['STREAM_CLOSED', (c) => [c.headers(5), c.headers(3)]],
  'DATA on stream 0': ['PROTOCOL_ERROR', () => [frame(DATA, 0, 0, 'x')]],
  'HEADERS on stream 0': ['PROTOCOL_ERROR', (c) => [c.headers(0)]],
  'padding that is longer than its frame': ['PROTOCOL_ERROR', (c) => [c.headers(1, POST, OPEN), frame(DATA, FLAG_PADDED, 1, '\x05abc')]],
  'a frame that is too large': ['FRAME_SIZE_ERROR', (c) => [c.headers(1, POST, OPEN), frame(DATA, 0, 1, Buffer.alloc(16_385))]],
  'SETTINGS of a wrong size': ['FRAME_SIZE_ERROR', () => [frame(SETTINGS, 0, 0, '123')]],
  'a push that is neither on nor off': ['PROTOCOL_ERROR', () => [frame(SETTINGS, 0, 0, setting(2, 2))]],
  'a first window that is too large': ['FLOW_CONTROL_ERROR', () => [frame(SETTINGS, 0, 0, setting(4, 0x80000000))]],
  'frames that are too small': ['PROTOCOL_ERROR', () => [frame(SETTINGS, 0, 0, setting(5, 16_383))]],
  'PING of a wrong size': ['FRAME_SIZE_ERROR', () => [frame(PING, 0, 0, '1234567')]],
  'PING on a stream': ['PROTOCOL_ERROR', () => [frame(PING, 0, 1, '12345678')]],
  'GOAWAY on a stream': ['PROTOCOL_ERROR', () => [frame(GOAWAY, 0, 1, '12345678')]],
  'a promise of a client': ['PROTOCOL_ERROR', (c) => [c.headers(1, POST, OPEN), frame(PUSH_PROMISE, OPEN, 1, uint32(2))]],
  'a window update of 0 for the connection': ['PROTOCOL_ERROR', () => [frame(WINDOW_UPDATE, 0, 0, uint32(0))]],
  'a window of the connection beyond 2^31-1': ['FLOW_CONTROL_ERROR', () => [frame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff))]],
  'a window update of a wrong size': ['FRAME_SIZE_ERROR', () => [frame(WINDOW_UPDATE, 0, 0, '123')]],
  'a setting that makes an open window too large': [
    'FLOW_CONTROL_ERROR',
    (c) => [c.headers(1, POST, OPEN), frame(WINDOW_UPDATE, 0, 1, uint32(0x7fffffff - 65_535)), frame(SETTINGS, 0, 0, setting(4, 65_536))],
  ],
  'a frame within a field block': ['PROTOCOL_ERROR', (c) => [c.headers(1, GET, FLAG_END_STREAM), frame(PING, 0, 0, '12345678')]],
  'a broken field block': ['COMPRESSION_ERROR', () => [frame(HEADERS, END, 1, '\x80')]],
  'a broken field block of a stream that is refused': ['COMPRESSION_ERROR', (c) => [c.headers(1), frame(HEADERS, END, 1, '\x80')]],
  'a table that is larger than we said': ['COMPRESSION_ERROR', () => [frame(HEADERS, END, 1, '\x3f\xe2\x1f')]],
  'an idle stream that depends on itself': ['PROTOCOL_ERROR', () => [frame(PRIORITY, 0, 1, on(1))]],
}

for (const [what, [code, script]] of Object.entries(CONNECTION_ERRORS)) {
  test(`${what} ends the connection: ${code}`, async () => {
    await using server = await TestServer.start({ answer: echo })
    using client = await TestClient.connect(server.port)
    client.send(...script(client))
    assert.equal(await client.goaway(), code)
    client.socket.end()
    await client.line(/^closed/)
    assert.equal(server.requestsInFlight.value, 0)
  })
}

/** RFC 9113, 5.4.2: what ends its stream alone. */
const STREAM_ERRORS: Readonly<Record<string, readonly [string, Script]>> = {
  'DATA behind the end of a request': ['STREAM_CLOSED', (c) => [c.headers(1, GET, END), frame(DATA, 0, 1, 'x')]],
  'HEADERS behind the end of a request': ['STREAM_CLOSED', (c) => [c.headers(1, GET, END), c.headers(1, GET, END)]],
  'a second head that ends nothing': ['PROTOCOL_ERROR', (c) => [c.headers(1, POST, OPEN), c.headers(1, [['x', 'y']], OPEN)]],
  'trailers with a pseudo-header field': ['PROTOCOL_ERROR', (c) => [c.headers(1, POST, OPEN), c.headers(1, [[':path', '/']], END)]],
  'trailers with a name in upper case': ['PROTOCOL_ERROR', (c) => [c.headers(1, POST, OPEN), c.headers(1, [['X', 'y']], END)]],
  'a window update of 0': ['PROTOCOL_ERROR', (c) => [c.headers(1, POST, OPEN), frame(WINDOW_UPDATE, 0, 1, uint32(0))]],
  'a window beyond 2^31-1': ['FLOW_CONTROL_ERROR', (c) => [c.headers(1, POST, OPEN), frame(WINDOW_UPDATE, 0, 1, uint32(0x7fffffff))]],
  'a stream that depends on itself': [
    'PROTOCOL_ERROR',
    (c) => [frame(HEADERS, END | FLAG_PRIORITY, 1, Buffer.concat([on(1), c.block(GET)]))],
  ],
  'an open stream that is made to depend on itself': ['PROTOCOL_ERROR', (c) => [c.headers(1, POST, OPEN), frame(PRIORITY, 0, 1, on(1))]],
  'a request without a path': ['PROTOCOL_ERROR', (c) => [c.headers(1, GET.slice(0, 2))]],
  'a request with Connection': ['PROTOCOL_ERROR', (c) => [c.headers(1, [...GET, ['connection', 'close']])]],
  'a path that is none': ['PROTOCOL_ERROR', (c) => [c.headers(1, [...GET.slice(0, 2), [':path', 'http://h/'], [':authority', 'h']])]],
  'a path with a blank': ['PROTOCOL_ERROR', (c) => [c.headers(1, [...GET.slice(0, 2), [':path', '/ x'], [':authority', 'h']])]],
  'a path with a fragment': ['PROTOCOL_ERROR', (c) => [c.headers(1, [...GET.slice(0, 2), [':path', '/#x'], [':authority', 'h']])]],
  'a scheme that does not lead here': ['PROTOCOL_ERROR', (c) => [c.headers(1, [[':method', 'GET'], [':scheme', 'ftp'], ...GET.slice(2)])]],
  'a method that is no token': ['PROTOCOL_ERROR', (c) => [c.headers(1, [[':method', 'G T'], ...GET.slice(1)])]],
  'a length of a request that ends at once': ['PROTOCOL_ERROR', (c) => [c.headers(1, [...POST, ['content-length', '1']])]],
  'more data than was stated': ['PROTOCOL_ERROR', (c) => [c.headers(1, [...POST, ['content-length', '1']], OPEN), frame(DATA, 0, 1, 'xy')]],
  'less data than was stated': [
    'PROTOCOL_ERROR',
    (c) => [c.headers(1, [...POST, ['content-length', '2']], OPEN), frame(DATA, FLAG_END_STREAM, 1, 'x')],
  ],
  'less data than was stated, in front of trailers': [
    'PROTOCOL_ERROR',
    (c) => [c.headers(1, [...POST, ['content-length', '2']], OPEN), frame(DATA, 0, 1, 'x'), c.headers(1, [['x', 'y']])],
  ],
}

for (const [what, [code, script]] of Object.entries(STREAM_ERRORS)) {
  test(`${what} ends its stream alone: ${code}`, async () => {
    // What has its end stays unanswered, so that its stream is still there.
    await using server = await TestServer.start({
      answer: (handler) => (handler.exchange.request.method === 'GET' ? undefined : echo(handler)),
    })
    using client = await TestClient.connect(server.port)
    client.send(...script(client))
    assert.equal(await client.line(/^RST_STREAM/), `RST_STREAM 1 ${code}`)
    server.answer = (handler) => handler.reply(200, 'still here')
    client.send(client.headers(3))
    await client.line(/^DATA 3 END still here/)
    assert.equal(server.requestsInFlight.value, 0)
    assert.equal(server.sessions[0]?.streams().length, 0)
  })
}

test('a request that is malformed is answered before its stream ends, so that the client and the log learn of it', async () => {
  await using server = await TestServer.start()
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1, [...GET, ['connection', 'close']]))
  await client.line(/^RST_STREAM/)
  assert.deepEqual(client.frames.slice(-3), ['HEADERS 1 400', 'DATA 1 END request_malformed', 'RST_STREAM 1 PROTOCOL_ERROR'])
})

const REFUSALS: Readonly<Record<string, readonly [number, string, Parameters<TestClient['headers']>[1]]>> = {
  CONNECT: [
    501,
    'method_not_supported',
    [
      [':method', 'CONNECT'],
      [':authority', 'h:1'],
    ],
  ],
  'a method of more than 32 characters': [501, 'method_not_supported', [[':method', 'M'.repeat(33)], ...GET.slice(1)]],
  'an expectation that is not known': [400, 'expectation_not_supported', [...POST, ['expect', 'a miracle']]],
  'a path that leaves the root': [400, 'request_path_invalid', [...GET.slice(0, 2), [':path', '/../x'], [':authority', 'h']]],
  'an authority with user information': [400, 'request_malformed', [...GET.slice(0, 3), [':authority', 'u@h']]],
  'a path that is too long': [400, 'request_target_too_long', [...GET.slice(0, 2), [':path', `/${'x'.repeat(9000)}`], [':authority', 'h']]],
  'too many fields': [431, 'request_head_too_large', [...GET, ...Array.from({ length: 101 }, (_, i) => [`x${i}`, ''] as const)]],
  'too large a field': [431, 'request_head_too_large', [...GET, ['x', 'y'.repeat(40_000)]]],
}

for (const [what, [status, code, fields]] of Object.entries(REFUSALS)) {
  test(`${what} is refused with an answer: ${code}`, async () => {
    await using server = await TestServer.start()
    using client = await TestClient.connect(server.port)
    const block = client.block(fields ?? [])
    const frames: Buffer[] = []
    for (let at = 0; at < block.length; at += 16_000) {
      const flags = (at === 0 ? FLAG_END_STREAM : 0) | (at + 16_000 >= block.length ? FLAG_END_HEADERS : 0)
      frames.push(frame(at === 0 ? HEADERS : CONTINUATION, flags, 1, block.subarray(at, at + 16_000)))
    }
    client.send(...frames)
    assert.equal(await client.line(/^HEADERS 1/), `HEADERS 1 ${status}`)
    assert.equal(await client.line(/^DATA 1/), `DATA 1 END ${code}`)
    assert.deepEqual(server.events, [`refused ${code}`, 'finished'])
  })
}

test('what comes for a stream that we have reset is ignored, and what it takes of the window is given back', async () => {
  await using server = await TestServer.start({ answer: (handler) => handler.reply(403, 'no') })
  using client = await TestClient.connect(server.port)
  client.send(client.headers(1, POST, OPEN))
  await client.line(/^RST_STREAM 1 NO_ERROR/)
  for (let i = 0; i < 40; i++) client.send(frame(DATA, 0, 1, Buffer.alloc(16_000)))
  client.send(client.headers(1, [['x', 'y']]), frame(WINDOW_UPDATE, 0, 1, uint32(5)), frame(RST_STREAM, 0, 1, uint32(8)))
  await client.settle()
  assert.match(await client.line(/^WINDOW_UPDATE 0 \d{6}$/, 3), /WINDOW_UPDATE 0 5/)
  client.send(client.headers(3))
  await client.line(/^HEADERS 3 403/)
})

test('DATA for a stream that the client itself has reset, or that has ended, is an error', async () => {
  await using server = await TestServer.start({ answer: echo })
  for (const script of [
    (c: TestClient) => [c.headers(1, POST, OPEN), frame(RST_STREAM, 0, 1, uint32(8)), frame(DATA, 0, 1, 'x')],
    (c: TestClient) => [c.headers(1, POST, OPEN), frame(DATA, FLAG_END_STREAM, 1, 'x'), frame(DATA, 0, 1, 'x')],
  ]) {
    using client = await TestClient.connect(server.port)
    client.send(...script(client))
    assert.equal(await client.goaway(), 'STREAM_CLOSED')
  }
})

test('priorities, settings and frames that are not known change nothing', async () => {
  await using server = await TestServer.start()
  using client = await TestClient.connect(server.port)
  client.send(
    frame(PRIORITY, 0, 9, on(3)),
    frame(0x10, 0xff, 0, 'u=1'),
    frame(SETTINGS, 0, 0, setting(0x99, 7)),
    frame(PING, 0xfe, 0, '12345678'),
    frame(HEADERS, END | FLAG_PRIORITY | FLAG_PADDED, 1, Buffer.concat([Buffer.from([3]), on(0), client.block(GET), Buffer.alloc(3)])),
  )
  await client.line(/^DATA 1 END hello/)
  assert.ok(client.frames.includes('PING ACK 12345678'))
  assert.equal(client.frames.filter((line) => line === 'SETTINGS ACK').length, 2)
})

test('what is no preface of HTTP/2, or not followed by SETTINGS, ends the connection', async () => {
  await using server = await TestServer.start()
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\nHost: h\r\n\r\n'),
    Buffer.concat([CLIENT_PREFACE, frame(PING, 0, 0, '12345678')]),
    Buffer.concat([CLIENT_PREFACE, frame(SETTINGS, 1, 0)]),
  ]) {
    using client = await TestClient.connectRaw(server.port)
    client.send(bytes)
    assert.equal(await client.goaway(), 'PROTOCOL_ERROR')
  }
})

test('a conversation in single bytes is understood', async () => {
  await using server = await TestServer.start({ answer: echo })
  using client = await TestClient.connectRaw(server.port)
  const bytes = Buffer.concat([
    CLIENT_PREFACE,
    frame(SETTINGS, 0, 0),
    client.headers(1, POST, 0),
    frame(CONTINUATION, OPEN, 1, client.block([['a', 'b']])),
    frame(DATA, FLAG_PADDED, 1, '\x02one__'),
    frame(DATA, 0, 1, 'two'),
    client.headers(1, [['x', 'y']]),
  ])
  for (const byte of bytes) {
    client.send(Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  await client.line(/^DATA 1 END onetwo/)
})

test('the first SETTINGS say what we take, and come before anything else', async () => {
  await using server = await TestServer.start()
  using client = await TestClient.connectRaw(server.port)
  await client.line(/^WINDOW_UPDATE/)
  assert.deepEqual(client.frames, ['SETTINGS', `WINDOW_UPDATE 0 ${1024 * 1024 - 65_535}`])
})
