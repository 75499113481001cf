/** How long connections live and in which order they are answered (RFC 9112, 9); HTTP/1.0 on both sides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, echo, splitEverywhere, startRig } from './harness.ts'
import { fieldOf } from './peer.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('a connection carries one request after the other, and so does the one to the service', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = echo
  const client = await rig.connect()
  for (const [index, body] of ['', 'hello', 'hello', ''].entries()) {
    client.write(`POST /${index} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const answer = await client.readResponse()
    assert.equal(answer.body, JSON.stringify({ line: `POST /${index} HTTP/1.1`, body, trailers: '' }))
    assert.equal(fieldOf(answer.head, 'connection'), undefined)
  }
  assert.equal(rig.upstream.peers.length, 1)
})

test('Connection: close is honoured and answered, in any case and among other options', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = always(OK)
  for (const value of ['close', 'Close', 'keep-alive, close', 'close, keep-alive']) {
    const { text, ending } = await rig.exchange(`GET / HTTP/1.1\r\nHost: a\r\nConnection: ${value}\r\n\r\n${GET}`)
    assert.equal(fieldOf(text, 'connection'), 'close')
    assert.ok(text.endsWith('\r\n\r\nok'))
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 1, 'what comes behind the last request is not answered')
    assert.equal(ending, 'finished')
  }
})

test('pipelined requests are answered in order, whatever they are and wherever they are cut', async (context) => {
  const rig = await startRig(context, { routes: { own: { path: '/own', policies: { 'static-response': { body: 'mine' } } } } })
  rig.upstream.onConnection = echo
  const text = await splitEverywhere(
    rig,
    'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n' +
      'POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc' +
      'GET /own HTTP/1.1\r\nHost: a\r\n\r\n' +
      'POST /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n' +
      'GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  const order = [...text.matchAll(/"line":"[A-Z]+ \/(\d)|mine/g)].map(([all, digit]) => digit ?? all)
  assert.deepEqual(order, ['1', '2', 'mine', '4', '5'])
})

test('a slow first answer keeps its place before a quick second one', async (context) => {
  const rig = await startRig(context, { routes: { own: { path: '/own', policies: { 'static-response': { body: 'mine' } } } } })
  const client = await rig.connect()
  client.write(`${GET}GET /own HTTP/1.1\r\nHost: a\r\n\r\n`)
  const service = await rig.upstream.accept()
  await service.readHead()
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
  await client.readThrough('\r\n\r\no')
  assert.equal(client.unread, '')
  service.write('k')
  await client.readThrough('k')
  assert.equal((await client.readResponse()).body, 'mine')
})

test('a thousand pipelined requests are all answered in order, and no more of them is taken than fits the bound', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = echo
  const client = await rig.connect()
  const fill = 'x'.repeat(400)
  client.write(Array.from({ length: 1_000 }, (_, index) => `GET /${index} HTTP/1.1\r\nHost: a\r\nX-Fill: ${fill}\r\n\r\n`).join(''))
  for (let index = 0; index < 1_000; index++) assert.match((await client.readResponse()).body, new RegExp(`"GET /${index} HTTP`))
})

test('HTTP/1.0: without keep-alive the connection closes, with it it stays', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = always(OK)
  const closed = await splitEverywhere(rig, 'GET / HTTP/1.0\r\nHost: a\r\n\r\n')
  assert.match(closed, /^HTTP\/1.1 200 OK\r\n/)
  assert.equal(fieldOf(closed, 'connection'), 'close')
  const kept = await splitEverywhere(rig, 'GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n')
  assert.equal(fieldOf(kept, 'connection'), 'keep-alive')
  assert.equal(kept.match(/HTTP\/1\.1 200/g)?.length, 2)
})

test('HTTP/1.0: a request has no chunks', async (context) => {
  const rig = await startRig(context)
  const { text } = await rig.exchange('POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  assert.match(text, /^HTTP\/1.1 400 /)
  assert.equal(rig.upstream.peers.length, 0)
})

test('HTTP/1.0: an answer in chunks becomes one that ends with the connection, without trailers and 1xx', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = always(
    'HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
  )
  const { text, ending } = await rig.exchange('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  assert.match(text, /^HTTP\/1.1 200 OK\r\n/)
  assert.ok(text.endsWith('\r\n\r\nhello'), text)
  assert.equal(fieldOf(text, 'connection'), 'close')
  assert.equal(fieldOf(text, 'transfer-encoding'), undefined)
  assert.equal(fieldOf(text, 'content-length'), undefined)
  assert.equal(ending, 'finished')
})

test('a request of HTTP/1.0 goes on as HTTP/1.1 with a Host and says in Via what it was', async (context) => {
  const rig = await startRig(context)
  const answered = rig.exchange('GET /a HTTP/1.0\r\n\r\n')
  const service = await rig.upstream.accept()
  const { head } = await service.readRequest()
  service.write(OK)
  await answered
  assert.match(head, /^GET \/a HTTP\/1\.1\r\n/)
  assert.equal(fieldOf(head, 'host'), '')
  assert.equal(fieldOf(head, 'via'), '1.0 turnpike')
})

test('a service of HTTP/1.0 is understood: its answer ends with its connection, and keep-alive is its choice', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.write(GET)
  const first = await rig.upstream.accept()
  await first.readRequest()
  first.finish('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello')
  assert.equal((await client.readResponse()).body, 'hello')
  client.write(GET)
  const second = await rig.upstream.accept()
  await second.readRequest()
  second.write('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok')
  assert.equal((await client.readResponse()).body, 'ok')
  client.write(GET)
  await second.readRequest()
  second.write('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok')
  assert.equal((await client.readResponse()).body, 'ok')
  assert.equal(await second.ended(), 'finished', 'without keep-alive the gateway closes')
})

test('a client that has closed its sending side is still answered', async (context) => {
  const rig = await startRig(context)
  const client = await rig.connect()
  client.finish(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel')
  await client.readThrough('hel')
  service.write('lo')
  assert.deepEqual(await client.readAll(), { text: 'lo', ending: 'finished' })
})

test('pipelined requests with the end of the sending side behind them are all answered', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = echo
  const client = await rig.connect()
  client.finish(`${GET}POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${GET}`)
  const { text } = await client.readAll()
  assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3)
  assert.match(text, /"body":"abc"/)
})

test('a client that has closed its sending side and gets no answer within the grace counts as gone', async (context) => {
  const rig = await startRig(context, { limits: { halfCloseGrace: 50 } })
  const client = await rig.connect()
  client.finish(GET)
  const service = await rig.upstream.accept()
  await service.readRequest()
  assert.ok(await service.ended(), 'the try is given up')
  await rig.loggedCount(1)
  assert.equal(rig.logged[0]?.error, 'client_closed')
})
