/** Requests and responses that are changed on their way, over real sockets. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { always, type Rig, startRig } from './harness.ts'
import { fieldOf, type Message } from './peer.ts'

/** A gateway whose one route has these options, before a service that keeps what it gets and answers each request with the same bytes. */
async function start(t: TestContext, transform: object, response: string | Buffer = OK): Promise<{ rig: Rig; seen: Message[] }> {
  const rig = await startRig(t, { route: { policies: { transform } } })
  const seen: Message[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      seen.push(await peer.readRequest())
      peer.write(response)
    }
  }
  return { rig, seen }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

function post(rest: string): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${rest}`
}

function json(rest: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${rest}`
}

/** The request line and the body of a request, with the length that was stated. */
function summary({ head, body }: Message): string {
  return `${head.slice(0, head.indexOf(' HTTP'))} ${fieldOf(head, 'content-length') ?? fieldOf(head, 'transfer-encoding') ?? 'none'} ${body}`
}

const GZIPPED = gzipSync('{"a":1}')

test('a request body goes to the service as it was made, in whatever framing and coding it came; the next request is not touched by it', async (t) => {
  const { rig, seen } = await start(t, { request: { body: { wrap: 'data', set: { '/b': 1.5 } } } })
  const client = await rig.connect()
  const chunk = (bytes: Buffer | string): Buffer =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), Buffer.from(bytes), Buffer.from('\r\n')])
  const bodies = [
    Buffer.from(post('Content-Length: 7\r\n\r\n{"a":1}')),
    Buffer.concat([
      Buffer.from(post('Transfer-Encoding: chunked\r\n\r\n')),
      chunk('{"a"'),
      chunk(':1}'),
      Buffer.from('0\r\nX-T: 1\r\n\r\n'),
    ]),
    Buffer.concat([Buffer.from(post(`Content-Encoding: gzip\r\nContent-Length: ${GZIPPED.length}\r\n\r\n`)), GZIPPED]),
    Buffer.concat([
      Buffer.from(post('Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n')),
      chunk(GZIPPED.subarray(0, 9)),
      chunk(GZIPPED.subarray(9)),
      Buffer.from('0\r\n\r\n'),
    ]),
  ]
  for (const request of bodies) {
    client.write(request)
    await client.readResponse()
  }
  client.write(GET)
  await client.readResponse()
  assert.deepEqual(seen.map(summary), [...bodies.map(() => 'POST / 24 {"data":{"a":1,"b":1.5}}'), 'GET / none '])
  for (const { head, trailers } of seen) {
    assert.equal(fieldOf(head, 'content-encoding'), undefined)
    assert.equal(trailers, '')
    assert.match(fieldOf(head, 'x-gateway-timestamp') ?? '', /^\d{10}$/)
  }
})

test('pipelined requests each get their own body, and their answers in order', async (t) => {
  const { rig, seen } = await start(
    t,
    { request: { body: { wrap: 'data' } }, response: { body: { unwrap: 'd' } } },
    json('Content-Length: 7\r\n\r\n{"d":1}'),
  )
  const client = await rig.connect()
  client.write(post('Content-Length: 1\r\n\r\n1') + GET + post('Content-Length: 2\r\n\r\n22') + GET)
  for (let i = 0; i < 4; i++) assert.equal((await client.readResponse()).head.slice(0, 15), 'HTTP/1.1 200 OK')
  assert.deepEqual(seen.map(summary), ['POST / 10 {"data":1}', 'GET / none ', 'POST / 11 {"data":22}', 'GET / none '])
})

test('a client that waits to be told sends its body, which then goes on changed', async (t) => {
  const { rig, seen } = await start(t, { request: { body: { wrap: 'data' } } })
  const client = await rig.connect()
  client.write(post('Expect: 100-continue\r\nContent-Length: 1\r\n\r\n'))
  assert.match(await client.readHead(), /^HTTP\/1.1 100 /)
  client.write('1')
  await client.readResponse()
  assert.deepEqual(seen.map(summary), ['POST / 10 {"data":1}'])
})

test('requests that cannot be changed never reach the service, and say why', async (t) => {
  const { rig, seen } = await start(t, { request: { body: { wrap: 'data' } }, bodyBytesMax: 100 })
  const large = `"${'x'.repeat(100)}"`
  const bomb = gzipSync(Buffer.alloc(10_000, ' ')).toString('latin1')
  const cases: readonly (readonly [string, string, string])[] = [
    [post(`Connection: close\r\nContent-Length: ${large.length}\r\n\r\n${large}`), '413', 'request_body_too_large'],
    [post(`Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n66\r\n${large}\r\n0\r\n\r\n`), '413', 'request_body_too_large'],
    [post(`Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n${bomb}`), '413', 'request_body_too_large'],
    [post('Connection: close\r\nContent-Length: 1\r\n\r\n{'), '400', 'request_body_invalid'],
    [post('Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n{'), '400', 'request_body_invalid'],
    [
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n1',
      '415',
      'request_media_type_unsupported',
    ],
  ]
  for (const [request, status, code] of cases) {
    const client = await rig.connect()
    client.write(Buffer.from(request, 'latin1'))
    const { text } = await client.readAll()
    assert.ok(text.startsWith(`HTTP/1.1 ${status} `) && text.includes(code), `${text}, not ${code}`)
    assert.match(text, /X-Gateway-Response-Time: \d+\r\n/)
  }
  assert.deepEqual(seen, [])
})

test('method, path, query and headers are others for the service', async (t) => {
  const rig = await startRig(t, {
    routes: {
      user: {
        path: '/users/:id',
        service: 'main',
        policies: {
          transform: {
            request: {
              method: 'PUT',
              path: '/v2/accounts/{param.id}',
              query: { rename: { q: 'search' }, set: { by: '{header.X-By}' } },
              headers: { rename: { 'X-Old': 'X-New' } },
            },
          },
        },
      },
    },
  })
  const lines: string[] = []
  rig.upstream.onConnection = async (peer) => {
    const { head } = await peer.readRequest()
    lines.push(head.slice(0, head.indexOf('\r\n')), fieldOf(head, 'x-new') ?? '')
    peer.write(OK)
  }
  const client = await rig.connect()
  client.write('POST /users/a%20b?q=1 HTTP/1.1\r\nHost: a\r\nX-Old: o\r\nX-By: x y\r\nContent-Length: 2\r\n\r\nhi')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  assert.deepEqual(lines, ['PUT /v2/accounts/a%20b?search=1&by=x%20y HTTP/1.1', 'o'])
})

const framings: readonly (readonly [string, string | Buffer])[] = [
  ['a stated length', json('ETag: "e"\r\nContent-Length: 16\r\n\r\n{"data":{"a":1}}')],
  ['chunks', json('ETag: "e"\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"data"\r\n9\r\n:{"a":1}}\r\n0\r\nX-T: 1\r\n\r\n')],
  [
    'gzip',
    (() => {
      const body = gzipSync('{"data":{"a":1}}')
      return Buffer.concat([Buffer.from(json(`ETag: "e"\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`)), body])
    })(),
  ],
]
for (const [name, response] of framings) {
  test(`a response body that comes in ${name} is given changed, with its own length`, async (t) => {
    const { rig } = await start(t, { response: { body: { unwrap: 'data' } } }, response)
    const client = await rig.connect()
    for (let i = 0; i < 3; i++) {
      client.write(GET)
      const { head, body, trailers } = await client.readResponse()
      assert.deepEqual([fieldOf(head, 'content-length'), body, trailers], ['7', '{"a":1}', ''])
      assert.equal(fieldOf(head, 'etag'), 'W/"e"')
      assert.equal(fieldOf(head, 'content-encoding'), undefined)
      assert.equal(fieldOf(head, 'transfer-encoding'), undefined)
    }
  })
}

test('answers without a body state no length that would be wrong, and the connection goes on', async (t) => {
  const { rig } = await start(t, { response: { body: { unwrap: 'data' } } }, json('ETag: "e"\r\nContent-Length: 16\r\n\r\n'))
  const client = await rig.connect()
  for (let i = 0; i < 2; i++) {
    client.write('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')
    const head = await client.readHead()
    assert.match(head, /^HTTP\/1.1 200 .*etag: W\/"e"/is)
    assert.doesNotMatch(head, /Content-Length|Transfer-Encoding/i)
  }
  const other = await start(
    t,
    { response: { body: { unwrap: 'data' } } },
    'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\nContent-Length: 16\r\n\r\n',
  )
  const asking = await other.rig.connect()
  for (let i = 0; i < 2; i++) {
    asking.write('GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: W/"e"\r\n\r\n')
    const head = await asking.readHead()
    assert.match(head, /^HTTP\/1.1 304 .*etag: W\/"e"/is)
    assert.doesNotMatch(head, /Content-Length/i)
  }
  assert.equal(fieldOf(other.seen[0]?.head ?? '', 'if-none-match'), 'W/"e"')
})

test('responses that cannot be changed are 502, or pass', async (t) => {
  const refusing = { response: { body: { unwrap: 'data' }, notJson: 'refuse' }, bodyBytesMax: 20 }
  const large = json(`Content-Length: 30\r\n\r\n"${'x'.repeat(28)}"`)
  const html = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>'
  const broken = json('Content-Length: 3\r\n\r\n{"a')
  const cases: readonly (readonly [object, string, RegExp])[] = [
    [refusing, large, /^HTTP\/1.1 502 .*upstream_body_too_large/s],
    [refusing, html, /^HTTP\/1.1 502 .*upstream_body_invalid/s],
    [refusing, broken, /^HTTP\/1.1 502 .*upstream_body_invalid/s],
    [{ response: { body: { unwrap: 'data' } } }, html, /^HTTP\/1.1 200 .*<p>$/s],
    [{ response: { body: { unwrap: 'data' } } }, broken, /^HTTP\/1.1 200 .*\{"a$/s],
  ]
  for (const [transform, response, expected] of cases) {
    const { rig } = await start(t, transform, response)
    const client = await rig.connect()
    for (let i = 0; i < 2; i++) {
      client.write(GET)
      const { head, body } = await client.readResponse()
      assert.match(head + body, expected)
    }
  }
})

test('the status is mapped for the client, and not for refusals of the gateway', async (t) => {
  const transform = { response: { status: { preset: 'gateway-errors' }, headers: { set: { 'X-Was': '{upstream.status}' } } } }
  const { rig } = await start(t, transform, 'HTTP/1.1 501 Not Implemented\r\nContent-Length: 2\r\n\r\nno')
  const client = await rig.connect()
  client.write(GET)
  const { head, body } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 404 Not Found\r\n/)
  assert.deepEqual([fieldOf(head, 'x-was'), body], ['501', 'no'])
  const alone = await startRig(t, { route: { policies: { transform } }, ports: () => [1] })
  const { text } = await alone.exchange('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match(text, /^HTTP\/1.1 502 /)
  assert.match(text, /X-Gateway-Response-Time: \d+/)
})

test('in shadow nothing changes', async (t) => {
  const transform = {
    mode: 'shadow',
    request: { body: { wrap: 'data' }, path: '/x' },
    response: { body: { unwrap: 'data' }, status: { map: { 200: 500 } } },
  }
  const rig = await startRig(t, { route: { policies: { transform } } })
  const response = json('ETag: "e"\r\nContent-Length: 10\r\n\r\n{"data":1}')
  rig.upstream.onConnection = always(response)
  const client = await rig.connect()
  client.write(post('Content-Length: 1\r\n\r\n1'))
  const { head, body } = await client.readResponse()
  assert.match(head, /^HTTP\/1.1 200 /)
  assert.deepEqual([fieldOf(head, 'etag'), fieldOf(head, 'content-length'), body], ['"e"', '10', '{"data":1}'])
})

test('a cache keeps what was made of a response, and validates it by the tag that went out', async (t) => {
  const rig = await startRig(t, {
    route: { policies: { cache: { ttl: '1m' }, transform: { response: { body: { unwrap: 'data' }, timeHeader: 'X-Took' } } } },
  })
  let served = 0
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      await peer.readRequest()
      served++
      peer.write(json('ETag: "e"\r\nContent-Length: 16\r\n\r\n{"data":{"a":1}}'))
    }
  }
  const client = await rig.connect()
  for (let i = 0; i < 2; i++) {
    client.write(GET)
    const { head, body } = await client.readResponse()
    assert.deepEqual([fieldOf(head, 'content-length'), fieldOf(head, 'etag'), body], ['7', 'W/"e"', '{"a":1}'])
    assert.match(fieldOf(head, 'x-took') ?? '', /^\d+$/)
  }
  client.write('GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: W/"e"\r\n\r\n')
  assert.match((await client.readResponse(true)).head, /^HTTP\/1.1 304 /)
  assert.equal(served, 1)
})

test('a try that fails is followed by one with the same changed body', async (t) => {
  const rig = await startRig(t, {
    route: { retry: { attempts: 2, nonIdempotent: true }, policies: { transform: { request: { body: { wrap: 'data' } } } } },
  })
  const seen: string[] = []
  rig.upstream.onConnection = async (peer) => {
    seen.push(summary(await peer.readRequest()))
    if (seen.length === 1) peer.reset()
    else peer.write(OK)
  }
  const client = await rig.connect()
  client.write(post('Content-Length: 7\r\n\r\n{"a":1}'))
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  assert.deepEqual(seen, ['POST / 16 {"data":{"a":1}}', 'POST / 16 {"data":{"a":1}}'])
})
