/** Services that speak HTTP/2, by Node's own implementation. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Http2ServerRequest, type Http2ServerResponse, type Http2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, type Rig, type RigOptions, startRig } from './harness.ts'

interface Bench {
  readonly rig: Rig
  readonly sessions: Http2Session[]
}

/** A gateway in front of a service that speaks HTTP/2 without TLS. */
async function start(
  t: TestContext,
  serve: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  options: RigOptions = {},
): Promise<Bench> {
  const sessions: Http2Session[] = []
  const server = createServer(serve)
  server.on('session', (session) => sessions.push(session))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  const { port } = server.address() as AddressInfo
  const rig = await startRig(t, { ...options, service: { protocol: 'h2', ...options.service }, ports: () => [port] })
  return { rig, sessions }
}

/** Tells what came. */
function tell(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const pieces: Buffer[] = []
  request.on('data', (piece: Buffer) => pieces.push(piece))
  request.on('end', () => {
    const body = Buffer.concat(pieces)
    response.end(
      JSON.stringify({ headers: request.headers, body: body.length > 100 ? body.length : String(body), trailers: request.trailers }),
    )
  })
}

interface Told {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | number
  readonly trailers: Readonly<Record<string, string>>
}

async function told(rig: Rig, request: string): Promise<Told> {
  const client = await rig.connect()
  client.write(request)
  const { head, body } = await client.readResponse()
  assert.match(head, /^HTTP\/1\.1 200 /)
  return JSON.parse(body) as Told
}

test('a request arrives as HTTP/2 writes it', async (t) => {
  const { rig } = await start(t, tell)
  const { headers } = await told(
    rig,
    'GET /a?b=c HTTP/1.1\r\nHost: example.test\r\nConnection: keep-alive, X-Drop\r\nX-Drop: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 2\r\nCookie: a=b; c=d\r\nTE: trailers\r\n\r\n',
  )
  const { ':method': method, ':path': path, ':authority': authority, ':scheme': scheme } = headers
  assert.deepEqual({ method, path, authority, scheme }, { method: 'GET', path: '/a?b=c', authority: 'example.test', scheme: 'http' })
  assert.equal(headers['x-kept'], '2')
  assert.equal(headers['via'], '1.1 turnpike')
  assert.equal(headers['te'], 'trailers')
  assert.equal(headers['cookie'], 'a=b; c=d')
  for (const name of ['host', 'connection', 'keep-alive', 'x-drop', 'transfer-encoding']) assert.equal(headers[name], undefined, name)
})

test('a body arrives with its length or without, and with its trailers', async (t) => {
  const { rig } = await start(t, tell)
  const sized = await told(rig, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  assert.deepEqual([sized.headers['content-length'], sized.body], ['5', 'hello'])
  const chunked = await told(
    rig,
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-checksum: 1\r\n\r\n',
  )
  assert.deepEqual([chunked.headers['content-length'], chunked.body, chunked.trailers['x-checksum']], [undefined, 'hello', '1'])
  const none = await told(rig, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  assert.deepEqual([none.headers['content-length'], none.body], ['0', ''])
})

test('calls of gRPC say that trailers are read', async (t) => {
  const { rig } = await start(t, tell)
  const { headers } = await told(rig, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0')
  assert.equal(headers['te'], 'trailers')
})

test('many requests share one connection, and each gets its own answer', async (t) => {
  const { rig, sessions } = await start(t, (request, response) => {
    setTimeout(() => response.end(request.url), 20 * Math.random())
  })
  const clients = await Promise.all(Array.from({ length: 60 }, () => rig.connect()))
  for (let round = 0; round < 3; round++) {
    for (const [i, client] of clients.entries()) client.write(`GET /${round}/${i} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const answers = await Promise.all(clients.map((client) => client.readResponse()))
    assert.deepEqual(
      answers.map(({ body }) => body),
      clients.map((_, i) => `/${round}/${i}`),
    )
  }
  assert.equal(sessions.length, 1)
  assert.equal(rig.metric('gateway_upstream_connections'), 1)
  assert.equal(rig.metric('gateway_upstream_connections_total'), 1)
})

test('large bodies pass whole in both directions at once', async (t) => {
  const { rig } = await start(t, (request, response) => request.pipe(response))
  const size = 3_000_000
  await Promise.all(
    Array.from({ length: 4 }, async (_, i) => {
      const client = await rig.connect()
      const text = String(i).repeat(size)
      client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
      client.write(text)
      const { body } = await client.readResponse()
      assert.ok(body === text, `body ${i} came back as it was sent`)
    }),
  )
})

const LARGE = 30_000_000

test('a client that does not read stops its own answer, within a bound, and no other', async (t) => {
  let written = 0
  const { rig } = await start(t, (request, response) => {
    if (request.url !== '/large') return void response.end('small')
    const piece = Buffer.alloc(64 * 1024)
    const write = (): void => {
      while (written < LARGE) {
        written += piece.length
        if (!response.write(piece)) return
      }
      response.end()
    }
    response.on('drain', write)
    response.on('error', () => {})
    write()
  })
  const slow = await rig.connect(true)
  slow.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
  let seen = -1
  for (; seen !== written; await sleep(150)) seen = written
  assert.ok(written < 12_000_000, `${written} bytes were taken from the service`)
  for (let i = 0; i < 5; i++) {
    const client = await rig.connect()
    client.write('GET /small HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal((await client.readResponse()).body, 'small')
  }
  assert.equal(rig.upstreamConnections(), 1)
  slow.startReading()
  await eventually(() => slow.bytesReceived > LARGE, 'the rest')
})

test('a service that does not read stops the client, and is not cut off', async (t) => {
  let read = (): void => {}
  const { rig } = await start(t, (request, response) => {
    request.pause()
    read = () => {
      let size = 0
      request.on('data', (piece: Buffer) => {
        size += piece.length
      })
      request.on('end', () => response.end(String(size)))
      request.resume()
    }
  })
  const size = 20_000_000
  const client = await rig.connect()
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  client.write(Buffer.alloc(size))
  let seen = -1
  for (; seen !== client.socket.writableLength; await sleep(150)) seen = client.socket.writableLength
  assert.ok(client.socket.writableLength > 0, 'the client waits')
  read()
  assert.equal((await client.readResponse()).body, String(size))
})

test('a client that waits for 100 is told when the service says so', async (t) => {
  const { rig } = await start(t, tell)
  const client = await rig.connect()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  assert.match(await client.readHead(), /^HTTP\/1\.1 100 /)
  client.write('hello')
  assert.equal((JSON.parse((await client.readResponse()).body) as Told).body, 'hello')
})

test('a shutdown of the service loses nothing', async (t) => {
  const { rig, sessions } = await start(t, (_request, response) => setTimeout(() => response.end('yes'), 5), {
    route: { retry: { attempts: 2, backoffBase: '1ms' } },
  })
  let failures = 0
  const stop = AbortSignal.timeout(600)
  const load = Array.from({ length: 8 }, async () => {
    const client = await rig.connect()
    while (!stop.aborted) {
      client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
      if (!(await client.readResponse()).head.startsWith('HTTP/1.1 200 ')) failures++
    }
  })
  while (!stop.aborted) {
    await sleep(60)
    sessions.at(-1)?.close()
  }
  await Promise.all(load)
  assert.equal(failures, 0)
  assert.ok(sessions.length > 3)
})

test('each header arrives as it was sent, however often it has been before', async (t) => {
  const { rig } = await start(t, tell)
  const client = await rig.connect()
  for (let i = 0; i < 200; i++) {
    const value = i % 3 === 0 ? 'same' : `v${i}`.repeat(1 + (i % 40))
    client.write(`GET / HTTP/1.1\r\nHost: a\r\nX-Value: ${value}\r\nX-Other-${i % 30}: ${i}\r\nAuthorization: Bearer ${i}\r\n\r\n`)
    const { headers } = JSON.parse((await client.readResponse()).body) as Told
    assert.deepEqual([headers['x-value'], headers[`x-other-${i % 30}`], headers['authorization']], [value, String(i), `Bearer ${i}`])
  }
})

test('a head of many frames arrives whole', async (t) => {
  const { rig } = await start(t, tell, { limits: { headBytesMax: 65_536 } })
  const { headers } = await told(rig, `GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${'abc '.repeat(12_000)}x\r\n\r\n`)
  assert.equal(headers['x-large']?.length, 48_001)
})
