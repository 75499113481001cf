/** Bodies both ways: chunks and trailers, answers without a body, 1xx, early answers, and messages that break off. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, splitEverywhere, startRig } from './harness.ts'
import { fieldOf, type Peer } from './peer.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const CLOSE = 'Host: a\r\nConnection: close\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n'

test('an answer in chunks keeps its body and its trailers', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = always(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-T: 1\r\n\r\n',
  )
  const client = await rig.connect()
  for (let round = 0; round < 2; round++) {
    client.write(GET)
    const { body, trailers } = await client.readResponse()
    assert.deepEqual({ body, trailers }, { body: 'hello!', trailers: 'X-T: 1\r\n' })
  }
  assert.equal(rig.upstream.peers.length, 1)
})

test('an answer is read the same wherever the service cuts it', async (context) => {
  const rig = await startRig(context)
  const response = 'HTTP/1.1 200 OK\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n'
  let offset = 0
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      offset++
      peer.write(response.slice(0, offset))
      await new Promise((resolve) => setTimeout(resolve, 3))
      peer.write(response.slice(offset))
    }
  }
  const client = await rig.connect()
  for (let count = 1; count < response.length; count++) {
    client.write(GET)
    const { body, trailers } = await client.readResponse()
    assert.deepEqual({ count, body, trailers }, { count, body: 'hello', trailers: 'X-T: 1\r\n' })
  }
  assert.equal(rig.upstream.peers.length, 1)
})

test('HEAD, 204 and 304 have no body, and the connection goes on', async (context) => {
  const rig = await startRig(context, { routes: { own: { path: '/own', policies: { 'static-response': { body: 'mine' } } } } })
  const cases: readonly (readonly [method: string, response: string, length: string | undefined])[] = [
    ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n', '123'],
    ['HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', undefined],
    ['HEAD', 'HTTP/1.1 200 OK\r\n\r\n', undefined],
    ['GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', undefined],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', undefined],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 123\r\n\r\n', '123'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\n\r\n', undefined],
  ]
  const client = await rig.connect()
  let at = 0
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      peer.write(cases[at++]?.[1] ?? '')
    }
  }
  for (const [method, response, length] of cases) {
    client.write(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)
    const { head } = await client.readResponse(true)
    assert.equal(fieldOf(head, 'content-length'), length, response)
    assert.equal(fieldOf(head, 'transfer-encoding'), undefined, response)
  }
  client.write(`HEAD /own HTTP/1.1\r\nHost: a\r\n\r\nGET /own HTTP/1.1\r\n${CLOSE}`)
  const own = await client.readResponse(true)
  assert.equal(fieldOf(own.head, 'content-length'), '4', 'the gateway answers HEAD without a body as well')
  assert.equal((await client.readResponse()).body, 'mine')
})

test('an answer that ends with its connection becomes one in chunks', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = async (peer) => {
    await peer.readRequest()
    peer.finish('HTTP/1.1 200 OK\r\n\r\nhello')
  }
  const client = await rig.connect()
  client.write(GET)
  const { head, body } = await client.readResponse()
  assert.equal(body, 'hello')
  assert.equal(fieldOf(head, 'transfer-encoding'), 'chunked')
})

test('103 is passed through before the answer', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = always(
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  )
  const text = await splitEverywhere(rig, `GET / HTTP/1.1\r\n${CLOSE}`)
  assert.match(text, /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 102 Processing\r\n\r\nHTTP\/1.1 200 OK\r\n/)
})

test("Expect: the service's 100 is passed on, and only then the body comes", async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(`${POST}Expect: 100-continue\r\n\r\n`)
  const service = await rig.upstream.accept()
  assert.equal(fieldOf(await service.readHead(), 'expect'), '100-continue')
  assert.equal(client.unread, '')
  service.write('HTTP/1.1 100 Continue\r\n\r\n')
  assert.equal(await client.readHead(), 'HTTP/1.1 100 Continue\r\n\r\n')
  client.write('0123456789')
  assert.equal(await service.readBytes(10), '0123456789')
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  assert.equal((await client.readResponse()).body, 'ok')
})

test('Expect: from a service that says nothing the gateway says 100 after a second', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(`${POST}Expect: 100-continue\r\n\r\n`)
  const service = await rig.upstream.accept()
  await service.readHead()
  assert.equal(await client.readHead(), 'HTTP/1.1 100 Continue\r\n\r\n')
  client.write('0123456789')
  await service.readBytes(10)
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  assert.equal((await client.readResponse()).body, 'ok')
})

test('Expect: a try that gets neither 100 nor an answer ends with its own timeout', async (context) => {
  const rig = await startRig(context, { route: { attemptTimeout: 1_200, timeout: 60_000 } })
  const client = await rig.connect()
  client.write(`${POST}Expect: 100-continue\r\n\r\n`)
  await client.readHead()
  client.write('0123456789')
  const { head } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 504 /)
})

test('Expect: an answer without 100 closes the connection, since the body may or may not come', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = async (peer) => {
    await peer.readHead()
    peer.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno')
  }
  const { text } = await rig.exchange(`${POST}Expect: 100-continue\r\n\r\n`)
  assert.match(text, /^HTTP\/1.1 403 /)
  assert.equal(fieldOf(text, 'connection'), 'close')
})

test('an answer that comes before the body has ended is passed on, and neither connection is used again', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(`${POST}\r\n01234`)
  const service = await rig.upstream.accept()
  await service.readThrough('01234')
  service.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno')
  const { text, ending } = await client.readAll()
  assert.match(text, /^HTTP\/1.1 413 /)
  assert.equal(fieldOf(text, 'connection'), 'close')
  assert.equal(ending, 'finished')
  await service.ended()
})

for (const how of ['finish', 'reset'] as const) {
  test(`a client that goes away (${how}) within its body cancels the try`, async (context) => {
    const rig = await startRig(context)
    const client = await rig.connect()
    client.write(`${POST}\r\n01234`)
    const service = await rig.upstream.accept()
    await service.readThrough('01234')
    client[how]()
    await service.ended()
    await rig.loggedCount(1)
    assert.equal(rig.logged[0]?.error, 'client_closed')
  })
}

test('a client that resets while it waits, or within the answer, cancels the try', async (context) => {
  const rig = await startRig(context)
  for (const begun of ['', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel']) {
    const client = await rig.connect()
    client.write(GET)
    const service = await rig.upstream.accept()
    await service.readRequest()
    service.write(begun)
    if (begun !== '') await client.readThrough('hel')
    client.reset()
    await service.ended()
  }
})

const BROKEN: readonly (readonly [name: string, request: string, response: string, how: (peer: Peer) => void])[] = [
  ['of stated length, FIN', GET, 'Content-Length: 10\r\n\r\nhello', (peer) => peer.finish()],
  ['of stated length, RST', GET, 'Content-Length: 10\r\n\r\nhello', (peer) => peer.reset()],
  ['in chunks, FIN', GET, 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', (peer) => peer.finish()],
  ['in chunks, broken coding', GET, 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', (peer) => peer.write('zz\r\n')],
  ['that ends with the connection, RST', GET, '\r\nhello', (peer) => peer.reset()],
  ['for a client of HTTP/1.0, FIN', 'GET / HTTP/1.0\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', (peer) => peer.finish()],
  ['for a client of HTTP/1.0, RST', 'GET / HTTP/1.0\r\n\r\n', '\r\nhello', (peer) => peer.reset()],
]
for (const [name, request, response, breakOff] of BROKEN) {
  test(`an answer that breaks off resets the client: ${name}`, async (context) => {
    const rig = await startRig(context)
    const client = await rig.connect()
    client.write(request)
    const service = await rig.upstream.accept()
    await service.readRequest()
    service.write(`HTTP/1.1 200 OK\r\n${response}`)
    await client.readThrough('hello')
    breakOff(service)
    assert.equal(await client.ended(), 'reset')
    assert.ok(!client.unread.includes('0\r\n\r\n'))
    await rig.loggedCount(1)
    assert.equal(rig.logged[0]?.error, 'upstream_body_aborted')
  })
}

test('an answer that falls silent is broken off after the stream timeout', async (context) => {
  const rig = await startRig(context, { route: { streamIdleTimeout: 80 } })
  rig.upstream.onConnection = always('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello')
  const client = await rig.connect()
  client.write(GET)
  assert.equal(await client.ended(), 'reset')
})

test('an answer that a service gives without reading a long body reaches the client', async (context) => {
  const rig = await startRig(context)
  rig.upstream.paused = true
  for (let round = 0; round < 10; round++) {
    const client = await rig.connect()
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${32 * 2 ** 20}\r\n\r\n`)
    client.write(Buffer.alloc(8 * 2 ** 20))
    const service = await rig.upstream.accept()
    // It reads nothing of the body. Were it to close at once, the kernel would reset the connection, and our write could meet that
    // before our read meets the answer.
    service.finish('HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno')
    const { head, body } = await client.readResponse()
    assert.match(head, /^HTTP\/1.1 413 /)
    assert.equal(body, 'no')
    assert.equal(fieldOf(head, 'connection'), 'close')
    service.reset()
  }
})
