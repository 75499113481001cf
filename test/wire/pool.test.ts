/** Connections to services: what is never reused, what is tried again, and which cause an answer names. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually, startRig } from './harness.ts'
import { fieldOf, ScriptedServer } from './peer.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const post = (body: string): string => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const RETRY = { attempts: 3, backoffBase: 1, backoffMax: 1 } as const

const MALFORMED: Readonly<Record<string, string>> = {
  'Transfer-Encoding with Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'two Content-Length': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk',
  'a Content-Length that is a list': 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok',
  'an unknown transfer coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'a folded line': 'HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\nContent-Length: 0\r\n\r\n',
  'a bare LF': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  'a space before the colon': 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n',
  'no HTTP at all': 'SSH-2.0-OpenSSH_9.2\r\n',
  'a switch that was not asked for': 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  'chunks from HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
}
for (const [name, response] of Object.entries(MALFORMED)) {
  test(`a response that can be read in two ways is 502, and its connection is closed: ${name}`, async (context) => {
    const rig = await startRig(context)
    const client = await rig.connect()
    client.write(GET)
    const service = await rig.upstream.accept()
    await service.readRequest()
    service.write(response)
    const { head, body } = await client.readResponse()
    assert.match(head, /^HTTP\/1.1 502 /)
    assert.equal(fieldOf(head, 'turnpike-error'), 'upstream_response_malformed')
    assert.match(body, /"code":"upstream_response_malformed"/)
    await service.ended()
    assert.equal(rig.upstreamConnections(), 0)
  })
}

test('bytes behind a response are given to nobody: their connection is closed', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  for (const extra of ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil', 'x']) {
    client.write(GET)
    const service = await rig.upstream.accept()
    await service.readRequest()
    service.write(OK + extra)
    assert.equal((await client.readResponse()).body, 'ok')
    await service.ended()
  }
  client.write(GET)
  const next = await rig.upstream.accept()
  await next.readRequest()
  next.write(OK)
  assert.equal((await client.readResponse()).body, 'ok')
})

test('bytes on an unused connection close it', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write(OK)
  await client.readResponse()
  service.write('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')
  await service.ended()
  assert.equal(rig.upstreamConnections(), 0)
  client.write(GET)
  const next = await rig.upstream.accept()
  await next.readRequest()
  next.write(OK)
  assert.equal((await client.readResponse()).body, 'ok')
})

test('an unused connection is closed after its time', async (context) => {
  const rig = await startRig(context, { service: { idleTimeout: 50 } })
  const client = await rig.connect()
  client.write(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write(OK)
  await client.readResponse()
  assert.ok(await service.ended())
})

test('a connection that died while unused is replaced without a word for GET, and not for POST', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(GET)
  const first = await rig.upstream.accept()
  await first.readRequest()
  first.write(OK)
  await client.readResponse()
  client.write(GET)
  await first.readRequest()
  first.reset()
  const second = await rig.upstream.accept()
  await second.readRequest()
  second.write(OK)
  assert.equal((await client.readResponse()).body, 'ok')
  client.write(post('hello'))
  await second.readRequest()
  second.reset()
  const { head } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 502 /)
  assert.equal(fieldOf(head, 'turnpike-error'), 'upstream_reset_before_headers')
  assert.equal(rig.upstream.peers.length, 2, 'the POST was sent once')
})

test('without a retry block a first connection that dies is 502 at once', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.reset()
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 502 /)
  assert.equal(rig.upstream.peers.length, 1)
})

test('a GET is tried as often as configured, and then the last cause is told', async (context) => {
  const rig = await startRig(context, { route: { retry: RETRY } })
  rig.upstream.onConnection = async (peer) => {
    await peer.readRequest()
    peer.reset()
  }
  const client = await rig.connect()
  client.write(GET)
  assert.equal(fieldOf((await client.readResponse()).head, 'turnpike-error'), 'upstream_reset_before_headers')
  await rig.loggedCount(1)
  assert.deepEqual(rig.logged[0], { status: 502, error: 'upstream_reset_before_headers', attempts: 3 })
})

test('a target that refuses connections is passed by, for POST too, since nothing was sent', async (context) => {
  const closed = await new ScriptedServer().open()
  closed.close()
  const rig = await startRig(context, { route: { retry: RETRY }, ports: (port) => [closed.port, port] })
  const client = await rig.connect()
  rig.upstream.onConnection = async (peer) => {
    for (;;) peer.write(OK.replace('ok', (await peer.readRequest()).body.slice(0, 2)))
  }
  for (let round = 0; round < 4; round++) {
    client.write(post('hello'))
    assert.equal((await client.readResponse()).body, 'he')
  }
})

test('a service where nothing listens is 502 with its cause', async (context) => {
  const closed = await new ScriptedServer().open()
  closed.close()
  const rig = await startRig(context, { ports: () => [closed.port] })
  const client = await rig.connect()
  client.write(GET)
  const { head, body } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 502 /)
  assert.equal(fieldOf(head, 'turnpike-error'), 'upstream_connect_refused')
  assert.match(body, /"error":"Bad gateway","code":"upstream_connect_refused"/)
  assert.ok(!body.includes('127.0.0.1'), 'the target is not told')
})

test('a body within the bound is given to the next try from its beginning; POST is not tried again', async (context) => {
  const rig = await startRig(context, { route: { retry: RETRY } })
  const client = await rig.connect()
  client.write(post('hello').replace('POST', 'PUT'))
  const first = await rig.upstream.accept()
  assert.equal((await first.readRequest()).body, 'hello')
  first.reset()
  const second = await rig.upstream.accept()
  assert.equal((await second.readRequest()).body, 'hello')
  second.finish()
  const third = await rig.upstream.accept()
  assert.equal((await third.readRequest()).body, 'hello')
  third.write(OK)
  assert.equal((await client.readResponse()).body, 'ok')
  client.write(post('hello'))
  await third.readRequest()
  third.reset()
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 502 /)
  assert.equal(rig.upstream.peers.length, 3)
})

test('a body beyond the bound is not tried again', async (context) => {
  const rig = await startRig(context, { route: { retry: { ...RETRY, bodyMax: 4 } } })
  const client = await rig.connect()
  client.write(post('hello').replace('POST', 'PUT'))
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.reset()
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 502 /)
  assert.equal(rig.upstream.peers.length, 1)
})

test('statuses are tried again where configured, and the last one is passed on', async (context) => {
  const rig = await startRig(context, { route: { retry: { ...RETRY, statuses: [503] } } })
  let count = 0
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      count++
      peer.write(count === 2 ? OK : 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy')
    }
  }
  const client = await rig.connect()
  client.write(GET)
  assert.equal((await client.readResponse()).body, 'ok')
  client.write(GET)
  assert.equal((await client.readResponse()).body, 'busy')
  assert.equal(count, 5)
  client.write(post('hello'))
  assert.equal((await client.readResponse()).body, 'busy')
  assert.equal(count, 6)
})

test('a try that takes too long is followed by the next; all together end with 504', async (context) => {
  const rig = await startRig(context, { route: { timeout: 400, attemptTimeout: 60, retry: { ...RETRY, attempts: 2 } } })
  const client = await rig.connect()
  client.write(GET)
  const first = await rig.upstream.accept()
  await first.readRequest()
  const second = await rig.upstream.accept()
  await second.readRequest()
  assert.ok(await first.ended(), 'the first try is given up')
  second.write(OK)
  assert.equal((await client.readResponse()).body, 'ok')
  client.write(GET)
  const { head } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 504 /)
  assert.equal(fieldOf(head, 'turnpike-error'), 'upstream_timeout')
})

test('the route timeout is 504 and gives the try up', async (context) => {
  const rig = await startRig(context, { route: { timeout: 60 } })
  const client = await rig.connect()
  client.write(GET)
  const service = await rig.upstream.accept()
  const { head } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 504 /)
  assert.ok(await service.ended())
  await eventually(() => rig.upstreamConnections() === 0, 'the connection to be closed')
})

test('connections beyond the most allowed to a target are 503', async (context) => {
  const rig = await startRig(context, { service: { connectionsMax: 1 } })
  const first = await rig.connect()
  first.write(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  const second = await rig.connect()
  second.write(GET)
  const { head } = await second.readResponse()
  assert.match(head, /^HTTP\/1.1 503 /)
  assert.equal(fieldOf(head, 'turnpike-error'), 'upstream_connections_exhausted')
  service.write(OK)
  assert.equal((await first.readResponse()).body, 'ok')
})

test('garbage in place of a head is tried again where that is safe, and told where it is not', async (t) => {
  const rig = await startRig(t, { route: { retry: { attempts: 2, backoffBase: 0 } } })
  let served = 0
  rig.upstream.onConnection = async (peer) => {
    await peer.readRequest()
    peer.write(served++ % 2 === 0 ? 'HTP/1.1 200 OK\r\n\r\n' : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
  }
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await client.readResponse()).body, 'ok')
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx')
  assert.match((await client.readResponse()).body, /upstream_response_malformed/)
  assert.equal(served, 3)
})
