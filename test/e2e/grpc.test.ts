/** Calls of gRPC through a gateway process: grpc-js on both sides. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as grpc from '@grpc/grpc-js'
import { EchoServer, methodOf } from '../services/grpc-echo.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { MetricsReading } from './metrics-reader.ts'

interface Rig {
  readonly gateway: GatewayProcess
  readonly echo: EchoServer
  readonly client: grpc.Client
}

interface RigOptions {
  /** What is said of the route and the service besides where they are. */
  readonly route?: Readonly<Record<string, unknown>>
  readonly service?: Readonly<Record<string, unknown>>
  readonly more?: Readonly<Record<string, unknown>>
}

/** A gateway of one worker in front of an echo server, and a client of it. */
async function startRig(t: TestContext, { route = {}, service = {}, more = {} }: RigOptions = {}): Promise<Rig> {
  const echo = await EchoServer.start(t)
  const config = {
    listeners: [{ host: '127.0.0.1', port: 0 }],
    admin: { port: 0 },
    accessLog: false,
    workers: 1,
    services: { echo: { targets: [`127.0.0.1:${echo.port}`], protocol: 'h2', ...service } },
    routes: { echo: { path: '/test.Echo/*', service: 'echo', ...route } },
    ...more,
  }
  const gateway = await new GatewayProcess(t, { config: JSON.stringify(config) }).ready()
  const client = new grpc.Client(new URL(gateway.url).host, grpc.credentials.createInsecure(), { 'grpc.enable_retries': 0 })
  t.after(() => client.close())
  return { gateway, echo, client }
}

function metadataOf(fields: Readonly<Record<string, string | Buffer>>): grpc.Metadata {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

const itself = (bytes: Buffer): Buffer => bytes
const HELLO = Buffer.from('hello')

interface Answer {
  readonly message: Buffer | null
  readonly head: grpc.Metadata | null
  readonly status: grpc.StatusObject
}

/** Makes a call of the first kind, and waits for its end. */
async function unary(
  client: grpc.Client,
  fields: Readonly<Record<string, string | Buffer>> = {},
  { body = HELLO, options = {}, path = methodOf('Unary').path }: { body?: Buffer; options?: grpc.CallOptions; path?: string } = {},
): Promise<Answer> {
  let message: Buffer | null = null
  let head: grpc.Metadata | null = null
  const call = client.makeUnaryRequest(path, itself, itself, body, metadataOf(fields), options, (_error, value) => {
    message = value ?? null
  })
  call.on('metadata', (metadata: grpc.Metadata) => {
    head = metadata
  })
  const [status] = await once(call, 'status')
  // The callback comes behind the status.
  await new Promise((resolve) => setImmediate(resolve))
  return { message, head, status: status as grpc.StatusObject }
}

/** Takes what a stream gives until its end. */
async function readAll(
  call: grpc.ClientReadableStream<Buffer>,
): Promise<{ readonly messages: Buffer[]; readonly status: grpc.StatusObject }> {
  const messages: Buffer[] = []
  call.on('data', (bytes: Buffer) => messages.push(bytes))
  call.on('error', () => {})
  const [status] = await once(call, 'status')
  return { messages, status: status as grpc.StatusObject }
}

function download(client: grpc.Client, fields: Readonly<Record<string, string>>, options: grpc.CallOptions = {}) {
  return client.makeServerStreamRequest(methodOf('Download').path, itself, itself, HELLO, metadataOf(fields), options)
}

test('calls of all four kinds pass, with their metadata in head and trailers', async (t) => {
  const { client, echo } = await startRig(t)
  const fields = { 'x-echo': 'text', 'x-echo-bin': Buffer.from([0, 255, 1]) }
  const { message, head, status } = await unary(client, fields)
  assert.equal(String(message), 'hello')
  for (const metadata of [head, status.metadata]) {
    assert.deepEqual(metadata?.get('x-echo'), ['text'])
    assert.deepEqual(metadata?.get('x-echo-bin'), [Buffer.from([0, 255, 1])])
  }

  const streamed = await readAll(download(client, { 'x-count': '1000' }))
  assert.equal(streamed.status.code, grpc.status.OK)
  assert.equal(streamed.messages.length, 1_000)

  const uploaded = Promise.withResolvers<Buffer | undefined>()
  const upload = client.makeClientStreamRequest(methodOf('Upload').path, itself, itself, metadataOf({}), (error, value) =>
    error === null ? uploaded.resolve(value) : uploaded.reject(error),
  )
  for (let i = 0; i < 100; i++) upload.write(Buffer.from(`${i},`))
  upload.end()
  assert.equal(String(await uploaded.promise), Array.from({ length: 100 }, (_, i) => `${i},`).join(''))

  const chat = client.makeBidiStreamRequest(methodOf('Chat').path, itself, itself, metadataOf({ 'x-echo': 'bidi' }))
  const ended = once(chat, 'status')
  for (const word of ['one', 'two', 'three']) {
    chat.write(Buffer.from(word))
    const [answer] = await once(chat, 'data')
    assert.equal(String(answer), word, 'each message is answered before the next one is sent')
  }
  chat.end()
  chat.resume()
  const [end] = await ended
  assert.deepEqual((end as grpc.StatusObject).metadata.get('x-echo'), ['bidi'])
  assert.deepEqual(
    echo.calls.map(({ path }) => path),
    ['/test.Echo/Unary', '/test.Echo/Download', '/test.Echo/Upload', '/test.Echo/Chat'],
  )
})

test('large messages pass both ways', async (t) => {
  const { client } = await startRig(t)
  const body = Buffer.alloc(3_500_000, 'x')
  const { message, status } = await unary(client, {}, { body })
  assert.equal(status.code, grpc.status.OK)
  assert.ok(message?.equals(body))
})

test('a status of the service comes through with its message and metadata', async (t) => {
  const { client, gateway } = await startRig(t)
  const { status } = await unary(client, { 'x-status': '9', 'x-echo': 'why' })
  assert.equal(status.code, grpc.status.FAILED_PRECONDITION)
  assert.equal(status.details, 'as it was asked, für 5 €')
  assert.deepEqual(status.metadata.get('x-echo'), ['why'])
  const metrics = await MetricsReading.of(gateway)
  assert.equal(metrics.sum('gateway_grpc_responses_total', 'grpc_status="FAILED_PRECONDITION"', 'service="echo"'), 1)
})

test('the gateway refuses with a status, and says when to come again', async (t) => {
  const { client } = await startRig(t, {
    route: { policies: { 'rate-limit': { rate: 1, per: 'hour', by: 'ip' } } },
    more: {
      services: { echo: { targets: ['127.0.0.1:1'], protocol: 'h2' } },
      routes: {
        limited: { path: '/test.Echo/Unary', service: 'echo', policies: { 'rate-limit': { rate: 1, per: 'hour', by: 'ip' } } },
        closed: { path: '/test.Echo/Closed', service: 'echo', policies: { jwt: { secret: 'a secret of thirty-two characters' } } },
      },
    },
  })
  const refusals = [
    await unary(client, {}, { path: '/test.Echo/Closed' }),
    await unary(client, {}, { path: '/test.Nothing/Here' }),
    await unary(client),
    await unary(client),
  ].map(({ status }) => [status.code, status.details, status.metadata.get('turnpike-error')[0]])
  assert.deepEqual(refusals, [
    [grpc.status.UNAUTHENTICATED, 'Missing token (token_missing)', 'token_missing'],
    [grpc.status.UNIMPLEMENTED, 'No route found (route_not_found)', 'route_not_found'],
    [grpc.status.UNAVAILABLE, 'Bad gateway (upstream_connect_refused)', 'upstream_connect_refused'],
    [grpc.status.RESOURCE_EXHAUSTED, 'Rate limit exceeded (rate_limited)', 'rate_limited'],
  ])
  const { status } = await unary(client)
  assert.match(String(status.metadata.get('grpc-retry-pushback-ms')[0]), /^\d+000$/)
})

test('a deadline reaches the service as what is left of it, and ends the call on both sides', async (t) => {
  const { client, echo } = await startRig(t)
  const { status } = await unary(client, { 'x-hang': '1' }, { options: { deadline: Date.now() + 300 } })
  assert.equal(status.code, grpc.status.DEADLINE_EXCEEDED)
  const [call] = echo.calls
  assert.ok(call !== undefined && call.timeoutMs <= 300, 'the service knows')
  await eventually(
    async () => call.isOver,
    (isOver) => isOver,
  )
})

test('a client may rest within its stream once the service has begun to answer, and not before', async (t) => {
  const { client, echo } = await startRig(t, { more: { limits: { bodyIdleTimeout: '150ms' } } })
  const chat = client.makeBidiStreamRequest(methodOf('Chat').path, itself, itself, metadataOf({}))
  t.after(() => chat.cancel())
  for (const word of ['one', 'two']) {
    chat.write(Buffer.from(word))
    assert.equal(String((await once(chat, 'data'))[0]), word)
    await sleep(400)
  }
  chat.end()
  assert.equal((await readAll(chat)).status.code, grpc.status.OK)

  const upload = client.makeClientStreamRequest(methodOf('Upload').path, itself, itself, metadataOf({}), () => {})
  upload.write(HELLO)
  const [status] = await once(upload, 'status')
  assert.match((status as grpc.StatusObject).details, /\(request_body_timeout\)$/)
  await eventually(
    async () => echo.calls.at(-1)?.isOver,
    (isOver) => isOver === true,
  )
})

test('a malformed deadline is INVALID_ARGUMENT', async (t) => {
  const { client, echo } = await startRig(t)
  const { status } = await unary(client, { 'grpc-timeout': 'soon' })
  assert.equal(status.code, grpc.status.INVALID_ARGUMENT)
  assert.equal(echo.calls.length, 0)
})

test('a client that cancels ends the call of the service, before and within its answer', async (t) => {
  const { client, echo } = await startRig(t)
  const unanswered = client.makeUnaryRequest(methodOf('Unary').path, itself, itself, HELLO, metadataOf({ 'x-hang': '1' }), () => {})
  await eventually(
    async () => echo.calls.length,
    (count) => count === 1,
  )
  unanswered.cancel()
  const stream = download(client, { 'x-count': '1', 'x-rest': '1' })
  stream.on('error', () => {})
  await once(stream, 'data')
  stream.cancel()
  await eventually(
    async () => echo.calls.filter(({ isOver }) => isOver).length,
    (count) => count === 2,
  )
})

test('a call is made again by its status, and a breaker opens by it', async (t) => {
  const { client, echo, gateway } = await startRig(t, {
    route: { retry: { attempts: 3, backoffBase: 1, grpcStatuses: ['UNAVAILABLE'] } },
    service: { breaker: { failures: 4 } },
  })
  const { message } = await unary(client, { 'x-fail-first': '2' })
  assert.equal(String(message), 'hello')
  assert.equal(echo.calls.length, 3)
  const statuses: (readonly [grpc.status, string])[] = []
  for (let i = 0; i < 5; i++) {
    const { status } = await unary(client, { 'x-status': '14', 'x-pushback': '-1' })
    statuses.push([status.code, status.details])
  }
  assert.equal(statuses.filter(([, details]) => details.startsWith('as it was asked')).length, 4)
  assert.match(statuses[4]?.[1] ?? '', /\(circuit_open\)$/)
  assert.equal((await MetricsReading.of(gateway)).sum('gateway_upstream_retries_total'), 2)
})

test('a gateway that goes says so, and a stream under way goes on to its end', async (t) => {
  const { client, gateway } = await startRig(t, { more: { drainTimeout: '20s' } })
  const chat = client.makeBidiStreamRequest(methodOf('Chat').path, itself, itself, metadataOf({}))
  t.after(() => chat.cancel())
  const ended = once(chat, 'status')
  chat.write(Buffer.from('before'))
  await once(chat, 'data')
  gateway.child.kill('SIGTERM')
  await gateway.logged('shutting down: the workers drain')
  chat.write(Buffer.from('after'))
  assert.equal(String((await once(chat, 'data'))[0]), 'after')
  chat.end()
  chat.resume()
  assert.equal(((await ended)[0] as grpc.StatusObject).code, grpc.status.OK)
  assert.equal(await gateway.exited, 0)
})
