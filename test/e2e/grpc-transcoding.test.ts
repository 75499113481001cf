/** REST in front of real gRPC services: a gateway process, and grpc-js behind it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { registryOf } from '../../src/policies/grpc-transcoding/descriptor-set.ts'
import { bytesOf, SHOP } from '../../src/policies/grpc-transcoding/testing.ts'
import { filesOf, GrpcFailure, type Handler, type ServerOptions, startGrpcServer } from '../services/grpc-server.ts'
import { GatewayProcess } from './gateway-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'turnpike-transcoding-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'shop.proto'), SHOP)

const files = await filesOf(SHOP)
const registry = registryOf(files)
const DETAILS: readonly JsonObject[] = [
  { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'GONE', domain: 'shop' },
  { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' },
]

/** Lets a stream wait until a test has seen what came so far. */
let gate = Promise.withResolvers<void>()

const textOf = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '')

const handlers: Readonly<Record<string, Handler>> = {
  async *'Shop/GetItem'(requests, metadata) {
    for await (const { name = '' } of requests) {
      if (name === 'missing') throw new GrpcFailure(grpc.status.NOT_FOUND, 'there is no "missing" ä', DETAILS, registry)
      if (name === 'large') yield { name: 'x'.repeat(200_000) }
      else yield { name, owner: String(metadata.get('x-owner')[0] ?? '') }
    }
  },
  async *'Shop/CreateItem'(requests) {
    for await (const request of requests) yield { name: `${textOf(request['parent'])}/items/${textOf(request['itemId'])}`, notes: request }
  },
  async *'Shop/ListItems'() {
    yield { items: [{ name: 'a' }, { name: 'b' }] }
  },
  async *'Shop/ReadFile'() {
    yield { contentType: 'text/csv', data: Buffer.from('a,b\n').toString('base64') }
  },
  async *'Shop/WriteFile'(requests) {
    for await (const { body } of requests) yield { notes: Object(body) }
  },
  async *'Shop/Watch'(requests) {
    for await (const { name } of requests) {
      if (name === 'shelves/none') throw new GrpcFailure(grpc.status.PERMISSION_DENIED, 'not for you')
      yield { name: 'first' }
      await gate.promise
      yield { name: 'second' }
      if (name === 'shelves/broken') throw new GrpcFailure(grpc.status.UNAVAILABLE, 'gone away', DETAILS, registry)
    }
  },
  async *'Shop/Upload'(requests) {
    const names: string[] = []
    for await (const { name } of requests) names.push(textOf(name))
    yield { name: names.join('+') }
  },
  async *'Shop/Chat'(requests) {
    for await (const { name } of requests) yield { name: `re: ${textOf(name)}` }
  },
}

async function start(
  t: TestContext,
  server: Partial<ServerOptions> = {},
  options = `proto: ${join(folder, 'shop.proto')}`,
): Promise<string> {
  const { port } = await startGrpcServer(t, { files, handlers, ...server })
  const config = `
listeners: [{ port: 0 }]
admin: { port: 0 }
accessLog: false
services:
  shop:
    targets: ['127.0.0.1:${port}']
    protocol: h2
    policies:
      grpc-transcoding: { ${options.replaceAll('{port}', String(port))} }
routes:
  shop: { path: /*, service: shop }
`
  return (await new GatewayProcess(t, { config }).ready()).url
}

async function ask(url: string, options: RequestInit = {}) {
  const response = await fetch(url, options)
  const text = await response.text()
  return { status: response.status, type: response.headers.get('content-type'), headers: response.headers, text }
}

const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

test('calls of one message, with parameters, bodies, metadata and files', async (t) => {
  const url = await start(t)
  const item = await ask(`${url}/v1/items/a%2Fb`, { headers: { 'x-owner': 'ada', 'x-trailer': '1' } })
  assert.deepEqual([item.status, item.type, item.text], [200, 'application/json', '{"name":"a/b","owner":"ada"}'])
  assert.equal(item.headers.get('x-from-trailers'), 'yes')
  assert.equal(item.headers.get('grpc-status'), null)

  const made = await ask(`${url}/v1/shelves/1/items?item_id=7`, json({ name: 'n', price_cents: '12' }))
  assert.deepEqual(JSON.parse(made.text), {
    name: 'shelves/1/items/7',
    notes: { parent: 'shelves/1', itemId: '7', item: { name: 'n', priceCents: '12' } },
  })
  assert.deepEqual(JSON.parse((await ask(`${url}/v1/shelves/1/items`)).text), [
    { name: 'a', priceCents: '0', view: 'VIEW_UNSPECIFIED', parts: [] },
    { name: 'b', priceCents: '0', view: 'VIEW_UNSPECIFIED', parts: [] },
  ])
  assert.deepEqual(JSON.parse((await ask(`${url}/v1/items/large`)).text), { name: 'x'.repeat(200_000) })

  const file = await ask(`${url}/v1/files/x/y`)
  assert.deepEqual([file.type, file.text], ['text/csv', 'a,b\n'])
  const put = await ask(`${url}/v1/files/x`, { method: 'PUT', headers: { 'content-type': 'image/png' }, body: Buffer.of(0, 255) })
  assert.deepEqual(JSON.parse(put.text), { notes: { contentType: 'image/png', data: 'AP8=' } })
})

test('failures, of the service and of the client', async (t) => {
  const url = await start(t)
  const missing = await ask(`${url}/v1/items/missing`)
  assert.deepEqual([missing.status, missing.type, missing.headers.get('retry-after')], [404, 'application/problem+json', '3'])
  const problem = JSON.parse(missing.text)
  assert.match(problem.requestId, /^[0-9a-f-]{36}$/)
  assert.deepEqual(
    { ...problem, requestId: undefined },
    {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'there is no "missing" ä',
      grpcStatus: 'NOT_FOUND',
      details: DETAILS,
      requestId: undefined,
    },
  )
  const codes = async (path: string, options?: RequestInit) => {
    const { status, text } = await ask(`${url}${path}`, options)
    return `${status} ${String(JSON.parse(text).code ?? JSON.parse(text).grpcStatus)}`
  }
  assert.equal(await codes('/v1/nothing/here'), '404 route_not_found')
  assert.equal(await codes('/v1/items/a', { method: 'DELETE' }), '405 method_not_allowed')
  assert.equal(await codes('/v1/items/a?nonsense=1'), '400 request_invalid')
  assert.equal(await codes('/v1/shelves/1/items', json({ nonsense: 1 })), '400 request_body_invalid')
  assert.equal(await codes('/v1/shelves/1/items', { method: 'POST', body: '{}' }), '415 request_media_type_unsupported')
  assert.equal(await codes('/v1/shelves/1/items/2:move', json({})), '501 UNIMPLEMENTED')
  assert.equal(await codes('/v1/shelves/none:watch'), '403 PERMISSION_DENIED')
})

/** Reads a response in pieces, as they come. */
async function* pieces(url: string, headers: Record<string, string> = {}): AsyncGenerator<string> {
  const response = await fetch(url, { headers })
  assert.equal(response.status, 200)
  assert.ok(response.body)
  const decoder = new TextDecoder()
  for await (const bytes of response.body) yield decoder.decode(bytes)
}

/** What the next piece is. */
async function next(stream: AsyncGenerator<string>): Promise<string> {
  const { value, done } = await stream.next()
  return done === true ? 'the end' : value
}

test('a stream of answers goes out message by message, as lines or events, its failure last', async (t) => {
  const url = await start(t)
  gate = Promise.withResolvers()
  const lines = pieces(`${url}/v1/shelves/1:watch`)
  assert.equal(await next(lines), '{"name":"first"}\n')
  gate.resolve()
  assert.equal(await next(lines), '{"name":"second"}\n')
  assert.equal(await next(lines), 'the end')

  gate = Promise.withResolvers()
  const events = pieces(`${url}/v1/shelves/broken:watch`, { accept: 'text/event-stream' })
  assert.equal(await next(events), 'data: {"name":"first"}\n\n')
  gate.resolve()
  let rest = ''
  for await (const piece of events) rest += piece
  const [second = '', event = '', data = ''] = rest.trimEnd().split(/\n+/)
  assert.deepEqual([second, event], ['data: {"name":"second"}', 'event: error'])
  assert.deepEqual(JSON.parse(data.replace('data: ', '')), { error: { code: 14, message: 'gone away', details: DETAILS } })
})

test('a stream that breaks off is shown to be no whole answer', async (t) => {
  const server = await startGrpcServer(t, { files, handlers })
  const config = `
listeners: [{ port: 0 }]
admin: { port: 0 }
accessLog: false
services: { shop: { targets: ['127.0.0.1:${server.port}'], protocol: h2 } }
routes: { shop: { path: /*, service: shop, policies: { grpc-transcoding: { proto: ${join(folder, 'shop.proto')} } } } }
`
  const { url } = await new GatewayProcess(t, { config }).ready()
  gate = Promise.withResolvers()
  const lines = pieces(`${url}/v1/shelves/1:watch`)
  assert.equal(await next(lines), '{"name":"first"}\n')
  server.stop()
  await assert.rejects(next(lines))
})

test('streams of requests come as lines, and are answered while they last', async (t) => {
  const url = await start(t)
  const ndjson = { 'content-type': 'application/x-ndjson' }
  const upload = await ask(`${url}/v1/items:upload`, { method: 'POST', headers: ndjson, body: '{"name":"a"}\n{"name":"b"}\n' })
  assert.deepEqual([upload.status, upload.text], [200, '{"name":"a+b"}'])
  const broken = await ask(`${url}/v1/items:upload`, { method: 'POST', headers: ndjson, body: '{"name":"a"}\n{"nonsense":1}\n' })
  assert.deepEqual([broken.status, JSON.parse(broken.text).code], [400, 'request_body_invalid'])

  const { host } = new URL(url)
  const [hostname, port] = host.split(':')
  const request = httpRequest({ host: hostname, port, path: '/v1/chat', method: 'REPORT', headers: ndjson })
  const answered = new Promise<AsyncIterator<Buffer>>((resolve, reject) => {
    request.on('response', (response) => resolve(response[Symbol.asyncIterator]()))
    request.on('error', reject)
  })
  request.write('{"name":"one"}\n')
  const answers = await answered
  assert.equal(String((await answers.next()).value), '{"name":"re: one"}\n')
  request.end('{"name":"two"}')
  assert.equal(String((await answers.next()).value), '{"name":"re: two"}\n')
  assert.equal((await answers.next()).done, true)
})

test('gRPC itself passes the same route', async (t) => {
  const url = await start(t)
  const client = new grpc.Client(new URL(url).host, grpc.credentials.createInsecure())
  t.after(() => client.close())
  const itself = (bytes: Buffer): Buffer => bytes
  const request = Buffer.from(bytesOf('GetItemRequest', { name: 'a' }))
  const answer = await new Promise<Buffer | undefined>((resolve, reject) => {
    client.makeUnaryRequest('/shop.v1.Shop/GetItem', itself, itself, request, (error, value) =>
      error === null ? resolve(value) : reject(error),
    )
  })
  assert.deepEqual(answer, Buffer.from(bytesOf('Item', { name: 'a', owner: '' })))
})

test('a service tells by reflection what it offers', async (t) => {
  const url = await start(t, { reflection: 'v1' }, "reflection: { address: '127.0.0.1:{port}' }")
  for (;;) {
    const { status, text } = await ask(`${url}/v1/items/a`)
    if (status === 503) {
      assert.equal(JSON.parse(text).code, 'descriptors_unavailable')
      continue
    }
    assert.deepEqual([status, text], [200, '{"name":"a","owner":""}'])
    return
  }
})
