import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import { answer, bytesOf, call, framed, receivedFields, type Sent, stepsFor } from './testing.ts'

const steps = await stepsFor()
const OK = { 'grpc-status': '0' }
const GET: Sent = { path: '/v1/items/a' }

async function called(sent: Sent = GET, using = steps): Promise<Exchange> {
  const { exchange, reply } = await call(using, sent)
  assert.equal(reply, null)
  exchange.requestId = 'r-1'
  return exchange
}

test('a message becomes JSON, with metadata from before and behind it as headers', async () => {
  const got = await answer(steps, await called(), {
    headers: { 'grpc-encoding': 'identity', 'grpc-accept-encoding': 'gzip', 'x-a': '1', 'cache-control': 'max-age=5' },
    body: framed('Item', { name: 'a', priceCents: '9007199254740993', view: 'FULL' }),
    trailers: { ...OK, 'grpc-message': '', 'x-b': '2' },
  })
  assert.equal(got.status, 200)
  assert.equal(got.body, '{"name":"a","priceCents":"9007199254740993","view":"FULL"}')
  assert.deepEqual(got.headers, { 'x-a': '1', 'cache-control': 'max-age=5', 'content-type': 'application/json', 'x-b': '2' })
})

test('messages are written as the options say', async () => {
  const printed = await stepsFor({ print: { defaults: true, enumsAsNumbers: true, protoNames: true } })
  const got = await answer(printed, await called(GET, printed), { body: framed('Item', { view: 'FULL' }), trailers: OK })
  assert.deepEqual(JSON.parse(got.body), { name: '', price_cents: '0', view: 1, parts: [] })
})

test('a field alone is answered with where the rule says so, its default too', async () => {
  const list: Sent = { path: '/v1/shelves/1/items' }
  const body = framed('ListItemsResponse', { items: [{ name: 'a' }], next: 'n' })
  assert.equal(
    (await answer(steps, await called(list), { body, trailers: OK })).body,
    '[{"name":"a","priceCents":"0","view":"VIEW_UNSPECIFIED","parts":[]}]',
  )
  assert.equal((await answer(steps, await called(list), { body: framed('ListItemsResponse', {}), trailers: OK })).body, '[]')
})

test('HttpBody is answered with as it is', async () => {
  const file: Sent = { path: '/v1/files/a' }
  const body = framed('google.api.HttpBody', { contentType: 'text/csv', data: Buffer.from('a,b').toString('base64') })
  const got = await answer(steps, await called(file), { body, trailers: OK })
  assert.deepEqual([got.headers['content-type'], got.body], ['text/csv', 'a,b'])
  const odd = framed('google.api.HttpBody', { contentType: 'a\r\nb: c', data: '' })
  assert.equal((await answer(steps, await called(file), { body: odd, trailers: OK })).headers['content-type'], 'application/octet-stream')
})

test('a compressed message is read', async () => {
  const zipped = gzipSync(bytesOf('Item', { name: 'a' }))
  const frame = Buffer.concat([Buffer.of(1, 0, 0, 0, zipped.length), zipped])
  const got = await answer(steps, await called(), { headers: { 'grpc-encoding': 'gzip' }, body: frame, trailers: OK })
  assert.equal(got.body, '{"name":"a"}')
})

const STATUS = bytesOf('google.rpc.Status', {
  code: 5,
  message: 'no item',
  details: [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'GONE', domain: 'shop' },
    { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.200s' },
    { '@type': 'type.googleapis.com/shop.v1.Page', size: 3 },
  ],
})
const DETAILS = [
  { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'GONE', domain: 'shop' },
  { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '1.200s' },
  { '@type': 'type.googleapis.com/shop.v1.Page', size: 3 },
]
const FAILED = {
  'grpc-status': '5',
  'grpc-message': 'no item %22%C3%A4%22',
  // gRPC leaves the padding out, and takes it.
  'grpc-status-details-bin': Buffer.from(STATUS).toString('base64').replace(/=+$/, ''),
  'x-trace': 't',
}

test('a status becomes a problem document, whether it comes with the head or behind the body', async () => {
  const inHead = await answer(steps, await called(), { headers: FAILED, body: null })
  const behind = await answer(steps, await called(), { body: Buffer.alloc(0), trailers: FAILED })
  for (const got of [inHead, behind]) {
    assert.equal(got.status, 404)
    assert.deepEqual(got.headers, { 'content-type': 'application/problem+json', 'retry-after': '2', 'x-trace': 't' })
    assert.deepEqual(JSON.parse(got.body), {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'no item "ä"',
      grpcStatus: 'NOT_FOUND',
      details: DETAILS,
      requestId: 'r-1',
    })
  }
})

test('details of a type that is not known keep their bytes, and what is no details is left out', async () => {
  // google.rpc.Status with code 3 and one Any of the type x/a.B.
  const unknown = Buffer.from('08031a090a05782f612e421200', 'hex').toString('base64')
  const got = await answer(steps, await called(), { headers: { 'grpc-status': '3', 'grpc-status-details-bin': unknown }, body: null })
  assert.deepEqual(JSON.parse(got.body).details, [{ '@type': 'x/a.B', value: '' }])
  for (const text of ['AAAA', '!', 'CAM', 'x'.repeat(70_000)]) {
    const bad = await answer(steps, await called(), {
      headers: { 'grpc-status': '3', 'grpc-message': '%zz', 'grpc-status-details-bin': text },
      body: null,
    })
    const { details, detail } = JSON.parse(bad.body)
    assert.deepEqual([details, detail], [undefined, '%zz'])
  }
})

test('each status has its HTTP status, and one that is none of gRPC’s counts as UNKNOWN', async () => {
  const statuses = [499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
  for (const [index, status] of statuses.entries()) {
    const got = await answer(steps, await called(), { headers: { 'grpc-status': String(index + 1) }, body: null })
    assert.equal(got.status, status)
  }
  const odd = await answer(steps, await called(), { headers: { 'grpc-status': 'x' }, body: null })
  assert.equal(JSON.parse(odd.body).grpcStatus, 'UNKNOWN')
})

test('an answer that is not gRPC is taken as gRPC clients take it', async () => {
  const of = async (status: number) => {
    const got = await answer(steps, await called(), { status, headers: { 'content-type': 'text/html' }, body: Buffer.from('<p>') })
    return `${got.status} ${got.body.startsWith('{') ? JSON.parse(got.body).grpcStatus : got.body}`
  }
  assert.equal(await of(401), '401 UNAUTHENTICATED')
  assert.equal(await of(403), '403 PERMISSION_DENIED')
  assert.equal(await of(404), '501 UNIMPLEMENTED')
  assert.equal(await of(503), '503 UNAVAILABLE')
  assert.equal(await of(418), '500 UNKNOWN')
  assert.match(await of(200), /upstream_body_invalid/)
})

test('an answer without a status, a message or an encoding that was offered is the service’s fault', async () => {
  const body = framed('Item', { name: 'a' })
  const bad: Readonly<Record<string, Parameters<typeof answer>[2]>> = {
    'no trailers': { body },
    'no status': { body, trailers: { 'x-a': '1' } },
    'no message': { body: Buffer.alloc(0), trailers: OK },
    'no message, all in the head': { body: null, headers: OK },
    'two messages': { body: Buffer.concat([body, body]), trailers: OK },
    'half a message': { body: body.subarray(0, 6), trailers: OK },
    'no message of the type': { body: Buffer.of(0, 0, 0, 0, 1, 0xff), trailers: OK },
    'another encoding': { body, headers: { 'grpc-encoding': 'br' }, trailers: OK },
  }
  for (const [what, answered] of Object.entries(bad)) {
    assert.match((await answer(steps, await called(), answered)).body, /^upstream_body_invalid/, what)
  }
  const small = await stepsFor({ messageBytesMax: 10 })
  const large = framed('Item', { name: 'a'.repeat(20) })
  assert.match((await answer(small, await called(GET, small), { body: large, trailers: OK })).body, /^upstream_body_too_large/)
})

const WATCH: Sent = { path: '/v1/shelves/1:watch' }
const EVENTS: Sent = { ...WATCH, headers: [['Accept', 'text/event-stream']] }
const STREAM = Buffer.concat([framed('Item', { name: 'a' }), framed('Item', {}), framed('Item', { name: 'c' })])

test('a stream becomes lines, or events where they are asked for, wherever its bytes are parted', async () => {
  for (const pieceBytes of [1, 2, 7, 1_000]) {
    const lines = await answer(steps, await called(WATCH), { body: STREAM, trailers: OK }, pieceBytes)
    assert.equal(lines.body, '{"name":"a"}\n{}\n{"name":"c"}\n')
    assert.deepEqual(lines.headers, { 'content-type': 'application/x-ndjson', vary: 'Accept', 'cache-control': 'no-store' })
    const events = await answer(steps, await called(EVENTS), { body: STREAM, trailers: OK }, pieceBytes)
    assert.equal(events.body, 'data: {"name":"a"}\n\ndata: {}\n\ndata: {"name":"c"}\n\n')
    assert.deepEqual(events.headers, { 'content-type': 'text/event-stream', vary: 'Accept', 'cache-control': 'no-store' })
  }
})

test('Accept decides between lines and events', async () => {
  const typeFor = async (accept: string) => {
    const exchange = await called({ ...WATCH, headers: [['Accept', accept]] })
    return (await answer(steps, exchange, { body: STREAM, trailers: OK })).headers['content-type']
  }
  for (const accept of ['text/event-stream', 'a/b, text/event-stream;q=0.5', 'TEXT/EVENT-STREAM '])
    assert.equal(await typeFor(accept), 'text/event-stream', accept)
  for (const accept of ['*/*', 'application/x-ndjson', 'text/event-stream;q=0', 'x/text/event-stream']) {
    assert.equal(await typeFor(accept), 'application/x-ndjson', accept)
  }
})

test('a status behind messages comes as the last line or event; one before them as a problem document', async () => {
  const body = framed('Item', { name: 'a' })
  const error = { error: { code: 5, message: 'no item "ä"', details: DETAILS } }
  const lines = await answer(steps, await called(WATCH), { body, trailers: FAILED })
  assert.equal(lines.status, 200)
  const [first, last, end] = lines.body.split('\n')
  assert.deepEqual([first, JSON.parse(last ?? ''), end], ['{"name":"a"}', error, ''])
  const events = await answer(steps, await called(EVENTS), { body, trailers: FAILED })
  assert.equal(events.body, `data: {"name":"a"}\n\nevent: error\ndata: ${last}\n\n`)
  const early = await answer(steps, await called(WATCH), { headers: FAILED, body: null })
  assert.equal(early.status, 404)
})

test('a stream may be empty', async () => {
  const behind = await answer(steps, await called(WATCH), { body: Buffer.alloc(0), trailers: OK })
  const inHead = await answer(steps, await called(WATCH), { body: null, headers: OK })
  for (const got of [behind, inHead])
    assert.deepEqual([got.status, got.body, got.headers['content-type']], [200, '', 'application/x-ndjson'])
})

test('a stream that breaks off, or is none, is the service’s fault', async () => {
  const fault = async (body: Buffer, trailers?: Readonly<Record<string, string>>) =>
    answer(steps, await called(WATCH), { body, ...(trailers !== undefined && { trailers }) })
  await assert.rejects(fault(STREAM), { code: 'upstream_body_invalid', origin: 'upstream' })
  await assert.rejects(fault(STREAM.subarray(0, -1), OK), { code: 'upstream_body_invalid' })
  await assert.rejects(fault(Buffer.of(0, 0, 0, 0, 1, 0xff), OK), { code: 'upstream_body_invalid' })
  await assert.rejects(fault(Buffer.of(0, 0xff, 0, 0, 0), OK), { code: 'upstream_body_too_large' })
})

test('what belongs to an earlier request of the connection is forgotten', async () => {
  const exchange = await called(WATCH)
  exchange.reset()
  exchange.request.path = exchange.forward.path = '/shop.v1.Shop/GetItem'
  exchange.request.method = 'POST'
  exchange.request.headers.set('Content-Type', 'application/grpc')
  assert.equal(await steps.onRequest?.(exchange), undefined)
  assert.equal(await steps.onUpstreamResponse?.(exchange), undefined)
  assert.equal(steps.responseBody?.wanted(exchange), false)
})

test('whatever bytes a service sends, the client gets JSON or is told that the service is wrong', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 40 }).map((message) => Uint8Array.from([0, 0, 0, 0, message.length, ...message])),
    fc.uint8Array({ maxLength: 40 }).map((message) => Uint8Array.from([1, 0, 0, 0, message.length, ...message])),
  )
  await fc.assert(
    fc.asyncProperty(bytes, fc.boolean(), async (sent, isStream) => {
      const exchange = await called(isStream ? WATCH : GET)
      const answered = { body: Buffer.from(sent), headers: { 'grpc-encoding': 'gzip' }, trailers: OK }
      try {
        const { body, headers } = await answer(steps, exchange, answered, 7)
        if (/^upstream_body_(invalid|too_large)/.test(body)) return
        for (const line of body.trimEnd().split('\n')) if (line !== '') JSON.parse(line)
        assert.match(headers['content-type'] ?? '', /json$/)
      } catch (error) {
        assert.ok(error instanceof GatewayError && error.origin === 'upstream', String(error))
      }
    }),
    { seed: 6, numRuns: 2_000 },
  )
})

test('streams may be JSON texts one behind the other, whatever the client accepts', async () => {
  const concatenated = await stepsFor({ streams: 'concatenated' })
  const watch: Sent = { path: '/v1/shelves/1:watch', headers: [['Accept', 'text/event-stream']] }
  const body = Buffer.concat([framed('Item', { name: 'a' }), framed('Item', { name: 'b' })])
  const got = await answer(concatenated, await called(watch, concatenated), { body, trailers: OK }, 7)
  assert.equal(got.body, '{"name":"a"}{"name":"b"}')
  assert.deepEqual(got.headers, { 'content-type': 'application/json', 'cache-control': 'no-store' })
})

test('a gRPC status may be given another HTTP status', async () => {
  const other = await stepsFor({ statuses: { UNIMPLEMENTED: 500 } })
  for (const [code, status] of [
    ['12', 500],
    ['5', 404],
  ] as const) {
    assert.equal((await answer(other, await called(GET, other), { body: null, headers: { 'grpc-status': code } })).status, status)
  }
})

test('the head says JSON before the body is there, for those who want to edit it', async () => {
  const typeOf = async (path: string): Promise<string | undefined> => {
    const exchange = await called({ path })
    exchange.response.status = 200
    exchange.response.headers = receivedFields({ 'content-type': 'application/grpc' })
    exchange.response.bodyLength = -1
    assert.equal(await steps.onUpstreamResponse?.(exchange), undefined)
    return exchange.response.headers.get('Content-Type')
  }
  assert.equal(await typeOf('/v1/items/a'), 'application/json')
  assert.equal(await typeOf('/v1/files/a'), 'application/grpc')
})
