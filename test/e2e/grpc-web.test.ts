/** gRPC-Web through a gateway process, with the clients of others: connect over Node's sockets, and over fetch as in a page. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type BytesValue, BytesValueSchema } from '@bufbuild/protobuf/wkt'
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect'
import { createGrpcTransport, createGrpcWebTransport as createNodeTransport } from '@connectrpc/connect-node'
import { createGrpcWebTransport } from '@connectrpc/connect-web'
import { EchoServer } from '../services/grpc-echo.ts'
import { Echo } from '../services/grpc-echo-schema.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'

const ORIGIN = 'https://app.example.com'

async function startGateway(t: TestContext): Promise<{ readonly url: string; readonly echo: EchoServer }> {
  const echo = await EchoServer.start(t)
  const config = {
    listeners: [{ host: '127.0.0.1', port: 0 }],
    admin: { port: 0 },
    accessLog: false,
    workers: 1,
    services: { echo: { targets: [`127.0.0.1:${echo.port}`], protocol: 'h2' } },
    routes: { echo: { path: '/test.Echo/*', service: 'echo', retry: { attempts: 2, backoffBase: 1, grpcStatuses: ['UNAVAILABLE'] } } },
    policies: {
      'grpc-web': {},
      cors: { origins: [ORIGIN], methods: ['POST'], headers: ['Content-Type', 'X-Grpc-Web', 'X-User-Agent', 'Grpc-Timeout'] },
    },
  }
  const { url } = await new GatewayProcess(t, { config: JSON.stringify(config) }).ready()
  return { url, echo }
}

const TRANSPORTS: readonly (readonly [name: string, make: (baseUrl: string) => Transport])[] = [
  ['connect-node, gRPC', (baseUrl) => createGrpcTransport({ baseUrl })],
  ['connect-node, gRPC-Web over HTTP/1.1', (baseUrl) => createNodeTransport({ baseUrl, httpVersion: '1.1' })],
  ['connect-node, gRPC-Web over HTTP/2', (baseUrl) => createNodeTransport({ baseUrl, httpVersion: '2' })],
  ['connect-web over fetch', (baseUrl) => createGrpcWebTransport({ baseUrl })],
]

function bytes(text: string): BytesValue {
  return create(BytesValueSchema, { value: Buffer.from(text) })
}

/** The two methods that browsers can call too, on a service that is known at run time only. */
function clientOf(transport: Transport) {
  const { unary, download } = createClient(Echo, transport)
  assert.ok(unary !== undefined && download !== undefined)
  return { unary, download } as unknown as {
    unary(message: BytesValue, options?: Record<string, unknown>): Promise<BytesValue>
    download(message: BytesValue, options?: Record<string, unknown>): AsyncIterable<BytesValue>
  }
}

/** Why a call fails. */
async function failure(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error))
    return error
  }
  throw new Error('the call did not fail')
}

for (const [name, make] of TRANSPORTS) {
  test(`calls pass (${name})`, async (t) => {
    const { url, echo } = await startGateway(t)
    const client = clientOf(make(url))
    let trailer: Headers | undefined
    const answer = await client.unary(bytes('hello'), {
      headers: { 'x-echo': 'text', 'x-echo-bin': 'AAEC' },
      onTrailer: (fields: Headers) => {
        trailer = fields
      },
    })
    assert.equal(Buffer.from(answer.value).toString(), 'hello')
    assert.equal(trailer?.get('x-echo'), 'text')
    assert.equal(trailer?.get('x-echo-bin')?.replace(/=+$/, ''), 'AAEC')

    const messages: string[] = []
    for await (const { value } of client.download(bytes('again'), { headers: { 'x-count': '100' } }))
      messages.push(Buffer.from(value).toString())
    assert.deepEqual(
      messages,
      Array.from({ length: 100 }, () => 'again'),
    )

    // Once as a status alone, once behind a head.
    for (const more of [{}, { 'x-rest': '1' }]) {
      const error = await failure(client.unary(bytes('x'), { headers: { 'x-status': '5', 'x-echo': 'why', ...more } }))
      assert.equal(error.code, Code.NotFound)
      assert.equal(error.rawMessage, 'as it was asked, für 5 €')
      assert.equal(error.metadata.get('x-echo'), 'why')
    }
    assert.equal((await failure(client.unary(bytes('x'), { timeoutMs: 200, headers: { 'x-hang': '1' } }))).code, Code.DeadlineExceeded)
    await eventually(
      async () => echo.calls.at(-1)?.isOver,
      (isOver) => isOver === true,
    )
  })

  test(`refusals are read as a status (${name})`, async (t) => {
    const { url } = await startGateway(t)
    const elsewhere = clientOf(make(`${url}/elsewhere`))
    const error = await failure(elsewhere.unary(bytes('x')))
    assert.equal(error.code, Code.Unimplemented)
    assert.equal(error.rawMessage, 'No route found (route_not_found)')
    assert.equal(error.metadata.get('turnpike-error'), 'route_not_found')
  })

  test(`a call is made again by its status (${name})`, async (t) => {
    const { url, echo } = await startGateway(t)
    const answer = await clientOf(make(url)).unary(bytes('hello'), { headers: { 'x-fail-first': '1' } })
    assert.equal(Buffer.from(answer.value).toString(), 'hello')
    assert.equal(echo.calls.length, 2)
  })

  test(`a large message passes (${name})`, async (t) => {
    const { url } = await startGateway(t)
    const answer = await clientOf(make(url)).unary(bytes('x'.repeat(2_000_000)))
    assert.equal(answer.value.length, 2_000_000)
  })
}

test('a page of another site may call, and reads the status without any exposed header', async (t) => {
  const { url } = await startGateway(t)
  const preflight = await fetch(`${url}/test.Echo/Unary`, {
    method: 'OPTIONS',
    headers: {
      Origin: ORIGIN,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type,grpc-timeout,x-grpc-web,x-user-agent',
    },
  })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /X-Grpc-Web/)
  for (const [path, status] of [
    ['/test.Echo/Unary', 5],
    ['/elsewhere', 12],
  ] as const) {
    const message = toBinary(BytesValueSchema, bytes('x'))
    const head = Buffer.alloc(5)
    head.writeUInt32BE(message.length, 1)
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { Origin: ORIGIN, 'Content-Type': 'application/grpc-web-text', 'X-Status': '5' },
      body: head.toString('base64') + Buffer.from(message).toString('base64'),
    })
    assert.equal(response.headers.get('access-control-allow-origin'), ORIGIN)
    assert.equal(response.headers.get('grpc-status'), null)
    const text = await response.text()
    const body = Buffer.concat((text.match(/.{4}/g) ?? []).map((piece) => Buffer.from(piece, 'base64')))
    assert.equal(body[0], 0x80)
    assert.match(body.latin1Slice(5), new RegExp(`^grpc-status: ${status}\r\n`))
  }
})

test('text passes in both directions', async (t) => {
  const { url } = await startGateway(t)
  const message = toBinary(BytesValueSchema, bytes('hello'))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  const response = await fetch(`${url}/test.Echo/Unary`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/grpc-web-text+proto' },
    body: head.toString('base64') + Buffer.from(message).toString('base64'),
  })
  assert.equal(response.headers.get('content-type'), 'application/grpc-web-text+proto')
  const pieces = (await response.text()).match(/.{4}/g) ?? []
  const body = Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64')))
  const length = body.readUInt32BE(1)
  assert.equal(Buffer.from(fromBinary(BytesValueSchema, body.subarray(5, 5 + length)).value).toString(), 'hello')
  assert.match(body.latin1Slice(5 + length + 5), /grpc-status: 0\r\n/)
})
