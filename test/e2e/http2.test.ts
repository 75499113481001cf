import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { GatewayProcess } from './gateway-process.ts'

const run = promisify(execFile)

/** A service of HTTP/1.1 that ends with the test. */
async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

/** @param route what is said of the route besides its path and service. @param more further lines */
async function start(t: TestContext, port: number, route = '', more = ''): Promise<GatewayProcess> {
  const config = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
accessLog: false
limits: { bodyBytesMax: 1GiB }
services: { s: { targets: ["127.0.0.1:${port}"] } }
routes: { all: { path: /*, service: s${route} } }
${more}
`
  return new GatewayProcess(t, { config }).ready()
}

function open(t: TestContext, gateway: GatewayProcess): ClientHttp2Session {
  // Node's own bound would refuse to hold the bodies that these tests send.
  const session = connect(gateway.url, { maxSessionMemory: 1_000 })
  session.on('error', () => session.destroy())
  t.after(() => session.destroy())
  return session
}

interface Answer {
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly trailers: IncomingHttpHeaders
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const chunks: Buffer[] = []
  let trailers: IncomingHttpHeaders = {}
  stream.on('trailers', (received) => {
    trailers = received
  })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [headers] = await once(stream, 'response')
  if (!stream.readableEnded) await once(stream, 'end')
  return { headers, body: Buffer.concat(chunks), trailers }
}

test('curl speaks HTTP/2 over TLS and without, and HTTP/1.1 where the listener says so', { skip: certificatesMissing }, async (t) => {
  const { cert, key } = new Authority().forServer()
  const port = await serve(t, (_, response) => response.end('ok'))
  const config = `
listeners:
  - { host: 127.0.0.1, port: 0, tls: { certificates: [{ cert: a.pem, key: a.key }] } }
  - { host: 127.0.0.1, port: 0 }
  - { host: 127.0.0.1, port: 0, http2: false, tls: { certificates: [{ cert: a.pem, key: a.key }] } }
admin: { port: 0 }
services: { s: { targets: ["127.0.0.1:${port}"] } }
routes: { all: { path: /*, service: s } }
accessLog: { output: access.log }
`
  const gateway = new GatewayProcess(t, { config })
  writeFileSync(join(gateway.folder, 'a.pem'), cert)
  writeFileSync(join(gateway.folder, 'a.key'), key)
  await gateway.ready()
  const [secure = '', plain = '', old = ''] = gateway.urls
  const versionOf = async (...args: readonly string[]): Promise<string> =>
    (await run('curl', ['-sk', '--max-time', '5', '-o', '/dev/null', '-w', '%{http_version} %{http_code}', ...args])).stdout
  assert.equal(await versionOf(secure), '2 200')
  assert.equal(await versionOf('--http2-prior-knowledge', plain), '2 200')
  assert.equal(await versionOf(plain), '1.1 200')
  assert.equal(await versionOf(old), '1.1 200')
})

test('large bodies pass both ways between HTTP/2 and HTTP/1.1, several at once, whole', async (t) => {
  const port = await serve(t, (request, response) => {
    response.setHeader('x-length', request.headers['content-length'] ?? 'none')
    request.pipe(response)
  })
  const session = open(t, await start(t, port))
  const exchange = async (bytes: number): Promise<void> => {
    const sent = randomBytes(bytes)
    const stream = session.request({ ':method': 'POST', ':path': '/' })
    stream.end(sent)
    const { headers, body } = await answerOf(stream)
    assert.equal(headers[':status'], 200)
    assert.equal(createHash('sha256').update(body).digest('hex'), createHash('sha256').update(sent).digest('hex'))
  }
  await Promise.all([1, 70_000, 300_000, 5_000_000, 20_000_000].map(exchange))
})

test('trailers of a service reach the client', async (t) => {
  const port = await serve(t, (_, response) => {
    response.setHeader('Trailer', 'x-sum')
    response.write('abc')
    response.addTrailers({ 'x-sum': '6' })
    response.end()
  })
  const session = open(t, await start(t, port))
  const { body, trailers } = await answerOf(session.request({ ':path': '/', te: 'trailers' }))
  assert.equal(String(body), 'abc')
  assert.equal(trailers['x-sum'], '6')
})

test('policies act on HTTP/2 as on HTTP/1.1', async (t) => {
  const seen: string[] = []
  const port = await serve(t, (request, response) => {
    seen.push(`${request.method} ${request.url} host=${request.headers.host} via=${request.headers.via} cookie=${request.headers.cookie}`)
    response.end('ok')
  })
  const gateway = await start(
    t,
    port,
    ', policies: { api-key: {}, rate-limit: { window: hour, limit: 2 } }',
    'consumers: { app: { keys: [k-0123456789] } }',
  )
  const session = open(t, gateway)
  const refused = await answerOf(session.request({ ':path': '/a?b=c' }))
  assert.equal(refused.headers[':status'], 401)
  assert.match(String(refused.body), /"code":"credentials_missing"/)
  const ask = (): Promise<Answer> =>
    answerOf(session.request({ ':path': '/a?b=c', ':authority': 'shop.test', 'x-api-key': 'k-0123456789', cookie: ['a=1', 'b=2'] }))
  assert.equal((await ask()).headers[':status'], 200)
  assert.deepEqual(seen, ['GET /a?b=c host=shop.test via=2 turnpike cookie=a=1; b=2'])
  const statuses = [(await ask()).headers[':status'], (await ask()).headers[':status']].map(Number)
  assert.ok(statuses.includes(429), String(statuses))
})

test('paths that HTTP/1.1 refuses are refused, and what is no route is told so', async (t) => {
  const port = await serve(t, (_, response) => response.end('ok'))
  const session = open(t, await start(t, port))
  for (const [path, status] of [
    ['/../etc', 400],
    ['/%2e%2e/etc', 400],
    ['/a b', 400],
    ['*', 400],
  ] as const) {
    const stream = session.request({ ':path': path })
    const outcome = await Promise.race([
      answerOf(stream).then(({ headers }) => Number(headers[':status'])),
      once(stream, 'close').then(() => 'reset' as const),
    ])
    assert.ok(outcome === status || outcome === 404 || outcome === 'reset', `${path}: ${outcome}`)
  }
  assert.equal((await answerOf(session.request({ ':path': '/ok' }))).headers[':status'], 200)
})

test('a request that is cancelled is cancelled at the service, and the connection goes on', async (t) => {
  const closed = Promise.withResolvers<void>()
  const port = await serve(t, (request, response) => {
    if (request.url !== '/slow') return void response.end('ok')
    request.on('close', () => closed.resolve())
    response.write('beginning')
  })
  const session = open(t, await start(t, port))
  const stream = session.request({ ':path': '/slow' })
  stream.on('error', () => {})
  await once(stream, 'data')
  stream.close(constants.NGHTTP2_CANCEL)
  await closed.promise
  assert.equal((await answerOf(session.request({ ':path': '/ok' }))).headers[':status'], 200)
})

test('a drain says GOAWAY, finishes what has begun, and cuts nothing', { timeout: 30_000 }, async (t) => {
  const held = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const port = await serve(t, (_, response) => {
    response.write('half')
    arrived.resolve()
    void held.promise.then(() => response.end('whole'))
  })
  const gateway = await start(t, port)
  const session = open(t, gateway)
  const answer = answerOf(session.request({ ':path': '/' }))
  await arrived.promise
  const goaway = once(session, 'goaway')
  gateway.child.kill('SIGTERM')
  const [code] = await goaway
  assert.equal(code, constants.NGHTTP2_NO_ERROR)
  held.resolve()
  assert.equal(String((await answer).body), 'halfwhole')
  assert.equal(await gateway.exited, 0)
  assert.equal((await gateway.logged('shut down'))['aborted'], 0)
})

test('an event stream over HTTP/2 ends behind an event when the gateway goes', { timeout: 30_000 }, async (t) => {
  const port = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write('data: one\n\n'), 50)
    response.on('close', () => clearInterval(timer))
  })
  const gateway = await start(t, port, '', 'drainSpread: 0s')
  const answer = answerOf(open(t, gateway).request({ ':path': '/' }))
  await new Promise((resolve) => setTimeout(resolve, 300))
  gateway.child.kill('SIGTERM')
  assert.match(String((await answer).body), /^(?:data: one\n\n)+$/)
  assert.equal(await gateway.exited, 0)
  assert.equal((await gateway.logged('shut down'))['eventStreams'], 1)
})
