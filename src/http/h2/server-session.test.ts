import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import { test } from 'node:test'
import { H2CClient } from 'undici'
import { Headers } from '../../core/headers.ts'
import { TestServer, type TestServerOptions } from './testing-server.ts'

/** Node's own client as the peer. */
async function open(options: TestServerOptions = {}): Promise<{ server: TestServer; session: ClientHttp2Session } & AsyncDisposable> {
  const server = await TestServer.start(options)
  const session = connect(server.url)
  session.on('error', () => {})
  return {
    server,
    session,
    async [Symbol.asyncDispose]() {
      session.destroy()
      await server[Symbol.asyncDispose]()
    },
  }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  readonly trailers: Readonly<Record<string, unknown>> | null
}

async function read(stream: ClientHttp2Stream): Promise<Answer> {
  let body = ''
  let trailers: Answer['trailers'] = null
  stream.setEncoding('latin1')
  stream.on('data', (piece: string) => {
    body += piece
  })
  stream.on('trailers', (fields: Record<string, unknown>) => {
    trailers = fields
  })
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  if (!stream.readableEnded) await once(stream, 'end')
  return { status: Number(headers[':status']), headers, body, trailers }
}

function request(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, body?: string | Buffer): Promise<Answer> {
  const stream = session.request({ ':path': '/', ...headers }, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return read(stream)
}

test('a request is answered, with a date and a length', async () => {
  await using peers = await open()
  const { status, headers, body } = await request(peers.session, { ':path': '/a?b=c', 'x-y': 'z' })
  assert.deepEqual([status, body, headers['content-length']], [200, 'hello', '5'])
  assert.ok(Math.abs(Date.parse(String(headers['date'])) - Date.now()) < 5000)
  assert.deepEqual(peers.server.events, ['GET /a?b=c', 'finished'])
})

test('the head of a request is what HTTP/1.1 would have made of it', async () => {
  await using peers = await open({ scheme: 'https' })
  await request(peers.session, {
    ':path': '/a/%7Eb/../c?d=/e',
    ':authority': 'H.example:8443',
    'x-a': ['1', '2'],
    cookie: ['a=b', 'c=d'],
    te: 'trailers',
  })
  const { exchange } = peers.server.handlers[0] ?? assert.fail('no request')
  const { method, target, path, query, scheme, authority, host, majorVersion, minorVersion, acceptsTrailers, upgrade, headers } =
    exchange.request
  assert.deepEqual([method, target, path, query], ['GET', '/a/%7Eb/../c?d=/e', '/a/c', 'd=/e'])
  assert.deepEqual([scheme, authority, host], ['https', 'H.example:8443', 'h.example'])
  assert.deepEqual([majorVersion, minorVersion, acceptsTrailers, upgrade], [2, 0, true, ''])
  assert.deepEqual(headers.toPairs(), [
    ['x-a', '1'],
    ['x-a', '2'],
    ['cookie', 'a=b; c=d'],
  ])
})

test('a request that comes again has the same serial and none of the edits; another one has a new one', async () => {
  const serials: number[] = []
  await using peers = await open({
    answer: (handler) => {
      const { request } = handler.exchange
      serials.push(request.serial)
      assert.equal(request.headers.get('x-kept'), 'yes')
      request.headers.delete('x-kept')
      request.headers.set('x-edit', 'made')
      handler.reply(200)
    },
  })
  for (let i = 0; i < 5; i++) await request(peers.session, { 'x-kept': 'yes' })
  await request(peers.session, { 'x-kept': 'yes', 'x-other': '1' })
  assert.equal(serials[4], serials[3])
  assert.notEqual(serials[5], serials[4])
  assert.equal(new Set(peers.server.handlers).size, 1, 'one exchange serves them all')
})

test('a request body comes with its length and its trailers', async () => {
  let length = 0
  let seen: unknown
  await using peers = await open({
    answer: (handler) => {
      ;({ length } = handler.exchange.downstream.requestBody)
      handler.body((body, trailers) => {
        seen = [body.toString(), trailers]
        handler.reply(200)
      })
    },
  })
  await request(peers.session, { ':method': 'PUT', 'content-length': '3' }, 'abc')
  assert.deepEqual([length, seen], [3, ['abc', []]])

  const stream = peers.session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9', authorization: 'no' }))
  stream.end('defg')
  await read(stream)
  assert.deepEqual([length, seen], [-1, ['defg', [['x-sum', '9']]]])
})

test('large bodies pass both ways, whatever the windows', async () => {
  const big = Buffer.alloc(3_000_000, 'turnpike')
  await using peers = await open({ answer: (handler) => handler.body((body) => handler.reply(200, body)) })
  const { body } = await request(peers.session, { ':method': 'POST' }, big)
  assert.ok(Buffer.from(body, 'latin1').equals(big))
})

test('many requests at once are answered each with its own', async () => {
  await using peers = await open({ answer: (handler) => setImmediate(() => handler.reply(200, handler.exchange.request.path)) })
  const paths = Array.from({ length: 90 }, (_, i) => `/p${i}`)
  const answers = await Promise.all(paths.map((path) => request(peers.session, { ':path': path })))
  assert.deepEqual(
    answers.map(({ body }) => body),
    paths,
  )
  assert.equal(peers.server.requestsInFlight.value, 0)
})

test('an answer to HEAD and one without content have a head alone', async () => {
  await using peers = await open({
    answer: (handler) => handler.reply(handler.exchange.request.path === '/none' ? 204 : 200, 'four'),
  })
  const head = await request(peers.session, { ':method': 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '4', ''])
  const none = await request(peers.session, { ':path': '/none' })
  assert.deepEqual([none.status, none.headers['content-length'], none.body], [204, undefined, ''])
})

test('a response of unknown length ends with its trailers', async () => {
  await using peers = await open({
    answer: (handler) => {
      const sink = handler.head(200, [['Content-Type', 'application/grpc']])
      sink.onData(Buffer.from('abc'), 0, 3)
      sink.flush()
      setImmediate(() => sink.onEnd(Headers.from([['grpc-status', '0']])))
    },
  })
  const { headers, body, trailers } = await request(peers.session)
  assert.deepEqual([headers['content-type'], headers['content-length'], body], ['application/grpc', undefined, 'abc'])
  assert.equal(trailers?.['grpc-status'], '0')
})

test('fields of HTTP/1.1 alone do not get into a response', async () => {
  await using peers = await open({
    answer: (handler) =>
      handler.reply(200, '', [
        ['Connection', 'close'],
        ['Keep-Alive', 'timeout=5'],
        ['X-A', 'b'],
      ]),
  })
  const { headers } = await request(peers.session)
  assert.deepEqual([headers['connection'], headers['keep-alive'], headers['x-a']], [undefined, undefined, 'b'])
})

test('informational responses come before the final one', async () => {
  await using peers = await open({
    answer: (handler) => {
      handler.exchange.downstream.sendInformational(103, Headers.from([['link', '</a>']]))
      handler.reply(200)
    },
  })
  const stream = peers.session.request({ ':path': '/' })
  const early = once(stream, 'headers')
  const { status } = await read(stream)
  const [fields] = (await early) as [Record<string, unknown>]
  assert.deepEqual([fields[':status'], fields['link'], status], [103, '</a>', 200])
})

test('a client that waits for 100 (Continue) gets it when somebody takes the body', async () => {
  await using peers = await open({
    answer: (handler) => {
      assert.equal(handler.exchange.request.expectsContinue, true)
      assert.equal(handler.exchange.request.headers.has('Expect'), false)
      handler.body((body) => handler.reply(200, body))
    },
  })
  const stream = peers.session.request({ ':method': 'POST', ':path': '/', expect: '100-continue' })
  stream.on('continue', () => stream.end('body'))
  const { body } = await read(stream)
  assert.equal(body, 'body')
})

test('an answer that comes before the end of its request is whole, and the stream is over', async () => {
  await using peers = await open({ answer: (handler) => handler.reply(401, 'no') })
  const stream = peers.session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
  stream.on('error', () => {})
  const closed = once(stream, 'close')
  const { status, body } = await read(stream)
  await closed
  assert.deepEqual([status, body, stream.rstCode], [401, 'no', 0])
})

test('a stream that its client resets is told of, and its exchange is not used again', async () => {
  await using peers = await open({ answer: () => {} })
  const stream = peers.session.request({ ':path': '/slow' })
  stream.on('error', () => {})
  await new Promise((resolve) => {
    peers.server.answer = resolve
  })
  const closed = once(stream, 'close')
  stream.close(8)
  await closed
  peers.server.answer = (handler) => handler.reply(200)
  await request(peers.session)
  assert.deepEqual(peers.server.events, ['GET /slow', 'aborted client_closed', 'GET /', 'finished'])
  assert.notEqual(peers.server.handlers[0], peers.server.handlers[1])
  assert.equal(peers.server.requestsInFlight.value, 0)
})

test('all exchanges of a connection that breaks are told of', async () => {
  await using peers = await open({ answer: () => {} })
  for (let i = 0; i < 3; i++) peers.session.request({ ':path': '/' }).on('error', () => {})
  while (peers.server.handlers.length < 3) await new Promise(setImmediate)
  peers.session.destroy()
  await peers.server.untilClosed()
  assert.deepEqual(
    peers.server.events.slice(3),
    Array.from({ length: 3 }, () => 'aborted client_closed'),
  )
  assert.deepEqual([peers.server.connections.value, peers.server.requestsInFlight.value], [0, 0])
})

test('a response that breaks off is reset, and what came of it is there', async () => {
  await using peers = await open({
    answer: (handler) => {
      const sink = handler.head(200)
      sink.onData(Buffer.from('part'), 0, 4)
      sink.flush()
      setImmediate(() => sink.onError(Object.assign(new Error('gone')) as never))
    },
  })
  const stream = peers.session.request({ ':path': '/' })
  let body = ''
  stream.on('data', (piece: Buffer) => {
    body += piece.toString()
  })
  const [error] = (await once(stream, 'error')) as [Error]
  assert.match(error.message, /INTERNAL_ERROR/)
  assert.equal(body, 'part')
})

test('a body that is longer than stated, or shorter, is reset', async () => {
  await using peers = await open({
    answer: (handler) => {
      const sink = handler.head(200, [], 4)
      const body = handler.exchange.request.path === '/long' ? 'longer' : 'sh'
      sink.onData(Buffer.from(body), 0, body.length)
      sink.onEnd(null)
    },
  })
  for (const path of ['/long', '/short']) {
    const stream = peers.session.request({ ':path': path })
    stream.resume()
    const [error] = (await once(stream, 'error')) as [Error]
    assert.match(error.message, /INTERNAL_ERROR/, path)
  }
})

test('a body that is larger than allowed is refused in its middle', async () => {
  await using peers = await open({
    limits: { bodyBytesMax: 1000 },
    answer: (handler) =>
      handler.body(
        () => handler.reply(200),
        (error) => handler.reply(413, error.code),
      ),
  })
  const stream = peers.session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
  stream.write(Buffer.alloc(5000))
  const { status, body } = await read(stream)
  assert.deepEqual([status, body], [413, 'request_body_too_large'])
})

test('behind a trusted proxy the client is the one it names', async () => {
  await using peers = await open({ trusted: ['127.0.0.1'] })
  await request(peers.session, { 'x-forwarded-for': '10.0.0.9' })
  assert.equal(peers.server.handlers[0]?.exchange.client.address, '10.0.0.9')
})

test('undici gets its answers over HTTP/2', async () => {
  await using server = await TestServer.start({ answer: (handler) => handler.body((body) => handler.reply(200, body)) })
  const client = new H2CClient(server.url, { pipelining: 20, maxConcurrentStreams: 20 })
  try {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const { statusCode, body } = await client.request({ path: `/${i}`, method: 'POST', body: `body ${i}` })
        return [statusCode, await body.text()]
      }),
    )
    assert.deepEqual(
      answers,
      answers.map((_, i) => [200, `body ${i}`]),
    )
    assert.equal(server.handlers[0]?.exchange.request.majorVersion, 2)
  } finally {
    await client.close()
  }
})
