/** Services that speak HTTP/2 frame by frame as a test says: those that go, refuse, hang, break the protocol, or mean ill. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, type Rig, type RigOptions, startRig } from './harness.ts'
import {
  block,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  Http2Peer,
  PING,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  uint32,
  WINDOW_UPDATE,
} from './http2-peer.ts'
import type { Peer } from './peer.ts'

const REFUSED_STREAM = 7
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11
const MAX_CONCURRENT_STREAMS = 3
const INITIAL_WINDOW_SIZE = 4
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
const RETRY: RigOptions['route'] = { retry: { attempts: 2, backoffBase: '1ms' } }

function start(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  return startRig(t, { ...options, service: { protocol: 'h2', ...options.service } })
}

async function accept(rig: Rig, ...settings: readonly (readonly [number, number])[]): Promise<Http2Peer> {
  return new Http2Peer(await rig.upstream.accept()).start(...settings)
}

async function ask(rig: Rig, request = GET): Promise<Peer> {
  const client = await rig.connect()
  client.write(request)
  return client
}

/** The code that an answer of the gateway names. */
async function refusal(client: Peer): Promise<string | undefined> {
  const { head } = await client.readResponse()
  return /^turnpike-error: (.*)\r$/im.exec(head)?.[1]
}

async function body(client: Peer): Promise<string> {
  return (await client.readResponse()).body
}

test('streams behind the last one of a GOAWAY go to a new connection at once, whatever the method; the others end where they are', async (t) => {
  const rig = await start(t)
  const first = await ask(rig)
  const old = await accept(rig)
  const id = await old.request()
  const early = await ask(rig)
  assert.equal(await old.request(), id + 2)
  old.answer(id + 2, 'an answer, so that the connection has served')
  assert.match(await body(early), /an answer/)
  const late = await ask(rig, POST)
  const lateId = await old.request()
  old.goAway(id + 2)
  const fresh = await accept(rig)
  const again = await fresh.request()
  assert.equal(String((await fresh.next(DATA)).payload), 'hello')
  fresh.answer(again, 'from the new one')
  assert.equal(await body(late), 'from the new one')
  assert.equal(lateId, id + 4)
  old.answer(id, 'from the old one')
  assert.equal(await body(first), 'from the old one')
  assert.equal((await old.next(GOAWAY)).payload.readUInt32BE(4), 0)
  await old.peer.ended()
  const next = await ask(rig)
  fresh.answer(await fresh.request(), 'x')
  assert.equal(await body(next), 'x')
  assert.equal(rig.upstream.peers.length, 2)
})

test('a refused stream is tried again where the route says so, with its body, and its connection goes on', async (t) => {
  const rig = await start(t, { route: RETRY })
  const client = await ask(rig, POST)
  const service = await accept(rig)
  service.reset(await service.request(), REFUSED_STREAM)
  const again = await service.request()
  assert.equal(String((await service.next(DATA)).payload), 'hello')
  service.answer(again, 'now')
  assert.equal(await body(client), 'now')
  assert.equal(rig.upstream.peers.length, 1)
})

test('without a retry it is a failure', async (t) => {
  const rig = await start(t)
  const client = await ask(rig)
  const service = await accept(rig)
  service.reset(await service.request(), REFUSED_STREAM)
  assert.equal(await refusal(client), 'upstream_reset_before_headers')
})

test('a stream that is reset before its head is tried again only where the method allows it', async (t) => {
  const rig = await start(t, { route: RETRY })
  const post = await ask(rig, POST)
  const service = await accept(rig)
  service.reset(await service.request(), CANCEL)
  assert.equal(await refusal(post), 'upstream_reset_before_headers')
  const get = await ask(rig)
  service.reset(await service.request(), CANCEL)
  service.answer(await service.request(), 'second')
  assert.equal(await body(get), 'second')
})

test('a stream that is reset behind its head breaks the answer off, and nothing else', async (t) => {
  const rig = await start(t)
  const broken = await ask(rig)
  const service = await accept(rig)
  const brokenId = await service.request()
  const other = await ask(rig)
  const otherId = await service.request()
  service.head(brokenId, 200)
  service.data(brokenId, 'half')
  await broken.readThrough('half')
  service.reset(brokenId, CANCEL)
  assert.equal((await broken.readAll()).text.includes('\r\n0\r\n'), false)
  service.answer(otherId, 'whole')
  assert.equal(await body(other), 'whole')
  await rig.loggedCount(2)
  assert.deepEqual(new Set(rig.logged.map(({ error }) => error)), new Set(['upstream_body_aborted', null]))
})

test('a connection that dies takes its requests with it, and those that may be are made again', async (t) => {
  const rig = await start(t)
  const warm = await ask(rig)
  const old = await accept(rig)
  old.answer(await old.request(), 'x')
  await body(warm)
  const get = await ask(rig)
  await old.request()
  const post = await ask(rig, POST)
  await old.request()
  old.peer.reset()
  assert.equal(await refusal(post), 'upstream_reset_before_headers')
  const fresh = await accept(rig)
  fresh.answer(await fresh.request(), 'again')
  assert.equal(await body(get), 'again')
})

test('no more streams are opened than the service takes; further ones get a connection of their own, up to its bound', async (t) => {
  const rig = await start(t, { service: { connectionsMax: 2 } })
  const warm = await ask(rig)
  const first = await accept(rig, [MAX_CONCURRENT_STREAMS, 1])
  first.answer(await first.request(), 'x')
  await body(warm)
  const one = await ask(rig)
  const oneId = await first.request()
  const two = await ask(rig)
  const second = await accept(rig, [MAX_CONCURRENT_STREAMS, 1])
  const twoId = await second.request()
  second.send(PING, 0, 0, '12345678')
  await eventually(() => rig.upstreamConnections() === 2, 'two connections')
  assert.equal((await second.readFrame()).type, SETTINGS)
  const three = await ask(rig)
  assert.equal(await refusal(three), 'upstream_connections_exhausted')
  first.answer(oneId, 'one')
  second.answer(twoId, 'two')
  assert.deepEqual([await body(one), await body(two)], ['one', 'two'])
})

test('trailers, informational answers and a body without a length pass', async (t) => {
  const rig = await start(t)
  const client = await ask(rig)
  const service = await accept(rig)
  const id = await service.request()
  service.head(id, 103, [['link', '</a>']])
  assert.match(await client.readHead(), /^HTTP\/1\.1 103 .*link: <\/a>/s)
  service.head(id, 200, [['x-a', 'b']])
  service.data(id, 'text')
  service.send(HEADERS, END_HEADERS | END_STREAM, id, block([['x-checksum', '1']]))
  const { head, body: text, trailers } = await client.readResponse()
  assert.match(head, /x-a: b/)
  assert.equal(text, 'text')
  assert.match(trailers, /x-checksum: 1/)
})

test('an answer is the same however its bytes are cut', async (t) => {
  const rig = await start(t)
  const answer = (id: number): Buffer =>
    Buffer.concat([
      frame(HEADERS, 0, id, block([[':status', '200']])),
      frame(CONTINUATION, END_HEADERS, id, block([['x-a', 'b']])),
      frame(DATA, 8, id, Buffer.concat([Buffer.from([3]), Buffer.from('text'), Buffer.alloc(3)])),
      frame(0xbb, 0, id, 'unknown'),
      frame(DATA, 0, id, 'more'),
      frame(HEADERS, END_HEADERS | END_STREAM, id, block([['x-checksum', '1']])),
    ])
  const warm = await ask(rig)
  const service = await accept(rig)
  service.answer(await service.request(), 'x')
  await body(warm)
  const { length } = answer(1)
  for (let cut = 1; cut < length; cut++) {
    warm.write(GET)
    const bytes = answer(await service.request())
    service.peer.write(bytes.subarray(0, cut))
    await sleep(2)
    service.peer.write(bytes.subarray(cut))
    const { head, body: text, trailers } = await warm.readResponse()
    assert.match(head, /x-a: b/)
    assert.deepEqual([text, trailers.trim()], ['textmore', 'x-checksum: 1'], `cut at ${cut}`)
  }
  assert.equal(rig.upstream.peers.length, 1)
})

test('padding is taken off, and counts against the windows', async (t) => {
  const rig = await start(t)
  const client = await ask(rig)
  const service = await accept(rig)
  const id = await service.request()
  service.head(id, 200)
  const padded = Buffer.concat([Buffer.from([255]), Buffer.from('x'), Buffer.alloc(255)])
  for (let i = 0; i < 400; i++) service.send(DATA, 8, id, padded)
  const updates: number[] = []
  while (updates.length < 1) updates.push((await service.next(WINDOW_UPDATE)).stream)
  service.data(id, '', true)
  assert.equal(await body(client), 'x'.repeat(400))
  assert.ok(updates.includes(id) || updates.includes(0))
})

const HEADS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'no status': [['x-a', 'b']],
  'two statuses': [
    [':status', '200'],
    [':status', '200'],
  ],
  'a status that is none': [[':status', '20']],
  'a request line': [
    [':status', '200'],
    [':method', 'GET'],
  ],
  'a name in upper case': [
    [':status', '200'],
    ['X-A', 'b'],
  ],
  'a line break in a value': [
    [':status', '200'],
    ['x-a', 'b\r\nx-c: d'],
  ],
  'a field of HTTP/1.1': [
    [':status', '200'],
    ['transfer-encoding', 'chunked'],
  ],
  'two lengths': [
    [':status', '200'],
    ['content-length', '1'],
    ['content-length', '1'],
  ],
  'a switch of protocols': [[':status', '101']],
}

for (const [what, fields] of Object.entries(HEADS)) {
  test(`a head with ${what} is refused, and the connection goes on`, async (t) => {
    const rig = await start(t)
    const client = await ask(rig)
    const service = await accept(rig)
    const id = await service.request()
    service.send(HEADERS, END_HEADERS, id, block(fields))
    assert.equal(await refusal(client), 'upstream_response_malformed')
    assert.equal((await service.next(RST_STREAM)).stream, id)
    const next = await ask(rig)
    service.answer(await service.request(), 'fine')
    assert.equal(await body(next), 'fine')
  })
}

test('a body must have the length that its head states', async (t) => {
  const rig = await start(t)
  const service = ask(rig).then(async (client) => ({ client, peer: await accept(rig) }))
  const { client, peer } = await service
  const id = await peer.request()
  peer.head(id, 200, [['content-length', '5']])
  peer.data(id, 'four', true)
  assert.match((await client.readAll()).text, /Content-Length: 5\r\n.*four$/is)
  const long = await ask(rig)
  const longId = await peer.request()
  peer.head(longId, 200, [['content-length', '5']])
  peer.data(longId, 'sixsix', true)
  assert.doesNotMatch((await long.readAll()).text, /six/)
  const none = await ask(rig)
  peer.head(await peer.request(), 200, [['content-length', '5']], true)
  assert.equal(await refusal(none), 'upstream_response_malformed')
})

test('answers to HEAD, 204 and 304 have no body, and keep what they say of one', async (t) => {
  const rig = await start(t)
  const client = await ask(rig, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  const service = await accept(rig)
  service.head(await service.request(), 200, [['content-length', '1234']], true)
  assert.match((await client.readResponse(true)).head, /^HTTP\/1\.1 200 .*content-length: 1234/s)
  for (const status of [204, 304]) {
    client.write(GET)
    service.head(await service.request(), status, [], true)
    assert.match((await client.readResponse()).head, new RegExp(`^HTTP/1\\.1 ${status} `))
  }
  client.write('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
  const id = await service.request()
  service.head(id, 200)
  service.data(id, 'a body', true)
  assert.equal((await service.next(RST_STREAM)).stream, id)
})

test('a head that is too large costs its own request', async (t) => {
  const rig = await start(t, { service: { responseHeadBytesMax: 1_024 } })
  const client = await ask(rig)
  const service = await accept(rig)
  const id = await service.request()
  service.head(id, 200, [['x-large', 'x'.repeat(2_000)]])
  assert.equal(await refusal(client), 'upstream_head_too_large')
  const next = await ask(rig)
  service.answer(await service.request(), 'fine')
  assert.equal(await body(next), 'fine')
})

test('a service that answers before it has the whole request is heard, and its stream ends', async (t) => {
  const rig = await start(t)
  const client = await ask(rig, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbegin')
  const service = await accept(rig)
  const id = await service.request()
  service.head(id, 413)
  service.data(id, 'too much', true)
  assert.match(await client.readHead(), /^HTTP\/1\.1 413 /)
  const reset = await service.next(RST_STREAM)
  assert.deepEqual([reset.stream, reset.payload.readUInt32BE(0)], [id, CANCEL])
  const next = await ask(rig)
  service.answer(await service.request(), 'fine')
  assert.equal(await body(next), 'fine')
})

test('a client that goes has its stream cancelled', async (t) => {
  const rig = await start(t)
  const client = await ask(rig)
  const service = await accept(rig)
  const id = await service.request()
  client.reset()
  const reset = await service.next(RST_STREAM)
  assert.deepEqual([reset.stream, reset.payload.readUInt32BE(0)], [id, CANCEL])
})

test('bodies keep to the windows of the service', async (t) => {
  const rig = await start(t)
  const warm = await ask(rig)
  const service = await accept(rig, [INITIAL_WINDOW_SIZE, 10])
  service.answer(await service.request(), 'x')
  await body(warm)
  const client = await ask(rig, `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\n\r\n${'abcde'.repeat(5)}`)
  const id = await service.request()
  assert.equal(String((await service.next(DATA)).payload), 'abcdeabcde')
  service.send(WINDOW_UPDATE, 0, id, uint32(5))
  assert.equal(String((await service.next(DATA)).payload), 'abcde')
  // A smaller first window makes what is left negative (RFC 9113, 6.9.2).
  service.send(SETTINGS, 0, 0, Buffer.from([0, INITIAL_WINDOW_SIZE, 0, 0, 0, 0]))
  service.send(WINDOW_UPDATE, 0, id, uint32(12))
  assert.equal(String((await service.next(DATA)).payload), 'ab')
  service.send(WINDOW_UPDATE, 0, id, uint32(100))
  assert.equal(String((await service.next(DATA)).payload), 'cdeabcde')
  const end = await service.next(DATA)
  assert.deepEqual([end.flags & END_STREAM, end.payload.length], [END_STREAM, 0])
  service.answer(id, 'done')
  assert.equal(await body(client), 'done')
})

test('a service that has vanished is found out by a PING: new requests do not wait for it', async (t) => {
  const rig = await start(t, { route: { attemptTimeout: '150ms', retry: { attempts: 2, backoffBase: '1ms' } } })
  const warm = await ask(rig)
  const gone = await accept(rig)
  gone.answer(await gone.request(), 'x')
  await body(warm)
  const client = await ask(rig)
  await gone.request()
  assert.equal((await gone.next(PING)).payload.length, 8)
  const fresh = await accept(rig)
  fresh.answer(await fresh.request(), 'from another connection')
  assert.equal(await body(client), 'from another connection')
  await gone.peer.ended()
  assert.equal(rig.upstreamConnections(), 1)
})

test('one that answers the PING keeps its connection', async (t) => {
  const rig = await start(t, { route: { attemptTimeout: '150ms' } })
  const client = await ask(rig)
  const slow = await accept(rig)
  await slow.request()
  assert.equal(await refusal(client), 'upstream_timeout')
  assert.ok(rig.upstreamConnections() === 1)
})

test('an unused connection says goodbye after its time', async (t) => {
  const rig = await start(t, { service: { idleTimeout: '100ms' } })
  const client = await ask(rig)
  const service = await accept(rig)
  service.answer(await service.request(), 'x')
  await body(client)
  assert.deepEqual([...(await service.next(GOAWAY)).payload.subarray(0, 8)], [0, 0, 0, 0, 0, 0, 0, 0])
  await service.peer.ended()
  assert.equal(rig.upstreamConnections(), 0)
})

test('what is no HTTP/2 is told apart', async (t) => {
  const rig = await start(t)
  for (const greeting of ['HTTP/1.1 400 Bad Request\r\n\r\n', 'SSH-2.0-x\r\n']) {
    const client = await ask(rig)
    const peer = await rig.upstream.accept()
    peer.write(greeting)
    assert.equal(await refusal(client), 'upstream_response_malformed')
  }
})

test('a switch of protocols cannot go over HTTP/2, and is refused', async (t) => {
  const rig = await start(t)
  const client = await ask(
    rig,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  assert.equal(await refusal(client), 'service_unavailable')
})

/** What a hostile service does once it has a request; each ends the connection, and costs us no more than that. */
const FLOODS: Readonly<Record<string, (service: Http2Peer, id: number) => void>> = {
  'an endless head': (service, id) => {
    service.send(HEADERS, 0, id, block([[':status', '200']]))
    for (let i = 0; i < 100_000 / 1_000; i++) service.send(CONTINUATION, 0, id, block([['x-a', 'x'.repeat(1_000)]]))
  },
  'empty CONTINUATION frames': (service, id) => {
    service.send(HEADERS, 0, id, block([[':status', '200']]))
    for (let i = 0; i < 1_000; i++) service.send(CONTINUATION, 0, id)
  },
  'a bomb of references': (service, id) => {
    const large = Buffer.concat([Buffer.from([0x40, 1]), Buffer.from('a'), Buffer.from([127, 0x81, 0x1e]), Buffer.alloc(4_000, 0x62)])
    service.send(HEADERS, END_HEADERS, id, Buffer.concat([block([[':status', '200']]), large, Buffer.alloc(10_000, 0xbe)]))
  },
  PING: (service) => {
    for (let i = 0; i < 20_000; i++) service.send(PING, 0, 0, '12345678')
  },
  SETTINGS: (service) => {
    for (let i = 0; i < 5_000; i++) service.send(SETTINGS, 0, 0)
  },
  'empty DATA': (service, id) => {
    service.head(id, 200)
    for (let i = 0; i < 5_000; i++) service.send(DATA, 0, id)
  },
  'frames of no meaning': (service) => {
    for (let i = 0; i < 20_000; i++) service.send(0xbb, 0, 0)
  },
  'a pushed response': (service, id) => {
    service.send(PUSH_PROMISE, END_HEADERS, id, Buffer.concat([uint32(2), block([[':method', 'GET']])]))
  },
  'a stream that nobody opened': (service, id) => {
    service.head(id + 100, 200)
  },
  'a frame that is too large': (service, id) => {
    service.send(DATA, 0, id, 'x'.repeat(20_000))
  },
  'a window without end': (service) => {
    service.send(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff))
  },
  'a broken field block': (service, id) => {
    service.send(HEADERS, END_HEADERS, id, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))
  },
}

for (const [what, attack] of Object.entries(FLOODS)) {
  test(`a hostile service loses its connection: ${what}`, async (t) => {
    const rig = await start(t)
    const client = await ask(rig)
    const service = await accept(rig)
    const id = await service.request()
    attack(service, id)
    await service.peer.ended()
    await rig.loggedCount(1)
    assert.match(rig.logged[0]?.error ?? '', /^upstream_(response_malformed|head_too_large|body_aborted)$/)
    assert.match(await client.readHead(), rig.logged[0]?.error === 'upstream_body_aborted' ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 502 /)
    assert.equal(rig.upstreamConnections(), 0)
  })
}

test('a flood of informational answers ends its own stream', async (t) => {
  const rig = await start(t)
  const client = await ask(rig)
  const service = await accept(rig)
  const id = await service.request()
  for (let i = 0; i < 100; i++) service.head(id, 103)
  const reset = await service.next(RST_STREAM)
  assert.deepEqual([reset.stream, reset.payload.readUInt32BE(0)], [id, ENHANCE_YOUR_CALM])
  await client.readThrough('upstream_response_malformed')
})

test('more than a window allows ends its own stream', async (t) => {
  const rig = await start(t)
  const client = await rig.connect(true)
  client.write(GET)
  const service = await accept(rig)
  const id = await service.request()
  service.head(id, 200)
  // A client that does not read: what it has not taken may not be sent again.
  for (let i = 0; i < 2_000; i++) service.data(id, 'x'.repeat(16_384))
  assert.equal((await service.next(RST_STREAM)).stream, id)
})

test('a stream that is reset on a used connection that lives is a failure of the service, and no sign of age', async (t) => {
  const rig = await start(t, { service: { breaker: { failures: 2 } } })
  const clients = [await ask(rig)]
  const service = await accept(rig)
  service.answer(await service.request(), 'fine')
  for (let i = 0; i < 2; i++) {
    clients.push(await ask(rig, POST))
    service.reset(await service.request(), 2)
    assert.equal(await refusal(clients.at(-1) as Peer), 'upstream_reset_before_headers')
  }
  assert.equal(await refusal(await ask(rig)), 'circuit_open')
})

test('a connection that dies when something has come since the request is a failure of the service too', async (t) => {
  const rig = await start(t, { service: { breaker: { failures: 1 } } })
  const first = await ask(rig)
  const service = await accept(rig)
  service.answer(await service.request(), 'fine')
  assert.equal(await body(first), 'fine')
  const second = await ask(rig)
  await service.request()
  service.send(PING, 0, 0, 'eightbyt')
  for (let found = await service.readFrame(); found.type !== PING; ) found = await service.readFrame()
  service.peer.reset()
  assert.equal(await refusal(second), 'upstream_reset_before_headers')
  assert.equal(await refusal(await ask(rig)), 'circuit_open')
})
