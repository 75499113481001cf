import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { normalisePath } from '../../core/path.ts'
import { exchangeOf, fieldsOf, testContext } from '../testing.ts'
import { call, messageNamed, type Sent, stepsFor } from './testing.ts'

const steps = await stepsFor()
const LIST = messageNamed('ListItemsRequest')

/** Why a request is refused: its code, detail and violations. */
async function refusal(sent: Sent, using = steps): Promise<string> {
  const { reply } = await call(using, sent)
  if (reply === null) return 'none'
  const violations = reply.members?.['violations']
  const told = Array.isArray(violations)
    ? violations.map((one: { in: string; pointer: string; message: string }) => `${one.in} ${one.pointer} ${one.message}`)
    : []
  return [reply.code, ...(told.length > 0 ? told : [reply.detail])].filter((part) => part !== null).join(': ')
}

test('a path becomes fields of the request, by each of a method’s bindings', async () => {
  const first = await call(steps, { path: '/v1/shelves/1/items/a%20b' })
  assert.equal(first.path, '/shop.v1.Shop/GetItem')
  assert.deepEqual(first.message, { name: 'shelves/1/items/a b' })
  assert.equal(first.exchange.forward.method, 'POST')
  assert.equal(first.exchange.forward.query, '')
  assert.deepEqual((await call(steps, { path: '/v1/items/a%2Fb' })).message, { name: 'a/b' })
  const file = await call(steps, { path: '/v1/files/a/b%2Fc' })
  assert.equal(file.path, '/shop.v1.Shop/ReadFile')
  assert.deepEqual(file.message, { name: 'a/b%2Fc' })
})

test('headers become metadata, but for what speaks of the body, the answer or gRPC itself', async () => {
  const headers = [
    ['Accept', 'application/json'],
    ['Accept-Encoding', 'br'],
    ['Authorization', 'Bearer x'],
    ['X-Tenant', 'a'],
    ['grpc-encoding', 'gzip'],
    ['grpc-timeout', '1S'],
    ['Range', 'bytes=0-1'],
  ] as const
  const { exchange } = await call(steps, { path: '/v1/items/a', headers })
  assert.deepEqual(fieldsOf(exchange.request.headers), [
    'authorization: Bearer x',
    'x-tenant: a',
    'grpc-timeout: 1S',
    'content-type: application/grpc',
    'grpc-accept-encoding: identity,gzip',
  ])
})

test('a query becomes fields of all kinds, by their names in the file or in JSON', async () => {
  const queries: Readonly<Record<string, unknown>> = {
    'tags=a&tags=b+c': { tags: ['a', 'b c'] },
    'views=FULL&views=0&views=7': { views: ['FULL', 'VIEW_UNSPECIFIED', 7] },
    'page.size=10&page.token=t': { page: { size: 10, token: 't' } },
    'since=2026-01-02T03:04:05.5Z&within=1.5s': { since: '2026-01-02T03:04:05.500Z', within: '1.500s' },
    'sold=false&least=9007199254740993': { sold: false, least: '9007199254740993' },
    'cursor=AP8%3D': { cursor: 'AP8=' },
    'cursor=_-8': { cursor: '/+8=' },
    'deep=true&ratio=1e3&big=18446744073709551615': { deep: true, ratio: 1000, big: '18446744073709551615' },
    'ratio=NaN': { ratio: 'NaN' },
    'colour=': { colour: '' },
    '': {},
    '&&': {},
    'tags=%C3%A4': { tags: ['ä'] },
  }
  for (const [query, expected] of Object.entries(queries)) {
    const { message, reply } = await call(steps, { path: '/v1/shelves/1/items', query }, LIST)
    assert.equal(reply, null, query)
    assert.deepEqual(message, { parent: 'shelves/1', ...Object(expected) }, query)
  }
  for (const query of ['mask=a_b,c.d_e', 'mask=aB,c.dE']) {
    assert.deepEqual((await call(steps, { path: '/v1/items/a', query })).message, { name: 'a', mask: 'aB,c.dE' })
  }
  const byFileName = await call(
    await stepsFor({ autoMapping: true }),
    { method: 'PATCH', path: '/v1/shelves/1/items/2', query: 'update_mask=name' },
    messageNamed('UpdateItemRequest'),
  )
  assert.deepEqual(byFileName.message, { item: { name: 'shelves/1/items/2' }, updateMask: 'name' })
})

test('parameters that are no field, there twice or not of their type are told by name', async () => {
  const path = '/v1/shelves/1/items'
  const refusals: Readonly<Record<string, string>> = {
    'nonsense=1': 'query /nonsense is not known',
    'page=1': 'query /page is no single value, nor a list of them',
    'page.size.x=1': 'query /page.size.x is not known',
    'page.size=1&page.size=2': 'query /page.size is there twice',
    'page.size=x': 'query /page.size must be an int32',
    'page.size=': 'query /page.size must be an int32',
    'page.size=%201': 'query /page.size must be an int32',
    'parent=x': 'query /parent comes by path or body',
    'labels=a': 'query /labels is no single value, nor a list of them',
    'labels.a=b': 'query /labels.a is not known',
    'pages=a': 'query /pages is no single value, nor a list of them',
    'pages.size=1': 'query /pages.size is not known',
    'any=1': 'query /any is no single value, nor a list of them',
    'any.stringValue=1': 'query /any.stringValue is not known',
    'since.seconds=1': 'query /since.seconds is not known',
    'within=1s%20x': 'query /within must be seconds, such as `1.5s`',
    'deep=yes': 'query /deep must be `true` or `false`',
    'sold=1': 'query /sold must be `true` or `false`',
    'views=NOPE': 'query /views must be a shop.v1.View',
    'since=yesterday': 'query /since must be a google.protobuf.Timestamp: invalid RFC 3339 string',
    'big=-1': 'query /big must be a uint64',
    'colour=red&shape=round': 'query /shape does not go with `colour`',
    'tags=%FF': 'query / is not percent-encoded UTF-8',
    '__proto__=1': 'query /__proto__ is not known',
    'constructor.name=1': 'query /constructor.name is not known',
  }
  for (const [query, expected] of Object.entries(refusals)) {
    const told = await refusal({ path, query })
    assert.ok(told.startsWith('request_invalid: ') && told.includes(expected), `${query}: ${told}`)
  }
})

test('unknown parameters pass where the options say so, and bound ones are still not taken from the query', async () => {
  const lenient = await stepsFor({ ignoreUnknownParameters: true })
  const { message } = await call(lenient, { path: '/v1/shelves/1/items', query: 'nonsense=1&parent=x&deep=true' }, LIST)
  assert.deepEqual(message, { parent: 'shelves/1', deep: true })
})

test('a body is the whole request or a field of it, and the path has the last word', async () => {
  const whole = await call(steps, {
    method: 'POST',
    path: '/v1/shelves/1/items/2:move',
    body: '{"name":"other","view":"FULL","page":{"size":3}}',
  })
  assert.equal(whole.path, '/shop.v1.Shop/MoveItem')
  assert.deepEqual(whole.message, { name: 'shelves/1/items/2', view: 'FULL', page: { size: 3 } })
  const field = {
    method: 'POST',
    path: '/v1/shelves/1/items',
    query: 'item_id=7',
    body: '{"name":"n","price_cents":12,"parts":[{"priceCents":"9007199254740993"}]}',
  }
  assert.deepEqual((await call(steps, field, messageNamed('CreateItemRequest'))).message, {
    parent: 'shelves/1',
    item: { name: 'n', priceCents: '12', parts: [{ priceCents: '9007199254740993' }] },
    itemId: '7',
  })
  const merged = { method: 'PATCH', path: '/v1/shelves/1/items/2', body: '{"name":"x","view":1}' }
  assert.deepEqual((await call(steps, merged, messageNamed('UpdateItemRequest'))).message, {
    item: { name: 'shelves/1/items/2', view: 'FULL' },
  })
  assert.equal(await refusal({ ...field, query: 'item.name=x' }), 'request_invalid: query /item.name comes by path or body')
})

test('a request without a body is one with the defaults of its fields', async () => {
  const none = await call(steps, { method: 'POST', path: '/v1/shelves/1/items/2:move' })
  assert.deepEqual(none.message, { name: 'shelves/1/items/2' })
  const empty = await call(steps, {
    method: 'POST',
    path: '/v1/shelves/1/items/2:move',
    body: '',
    bodyLength: -1,
    headers: [['Content-Type', 'application/json']],
  })
  assert.deepEqual(empty.message, { name: 'shelves/1/items/2' })
})

const NUMBERS = `
  syntax = "proto3";
  package shop.v1;
  service Numbers { rpc Call(Page) returns (Page); rpc List(Longs) returns (Page); }
  message Page { int32 size = 1; string token = 2; }
  message Longs { repeated int64 ids = 1; double d = 2; }`

test('integers keep their digits, or are refused where they could not', async () => {
  const item = { method: 'POST', path: '/v1/shelves/1/items', body: '{"price_cents":9007199254740993}' }
  // An item has a google.protobuf.Struct somewhere, in which such a number could not be kept.
  assert.equal(await refusal(item), 'request_body_invalid: an integer beyond 2^53 is to be written in quotes')
  const numbers = await stepsFor({ autoMapping: true }, NUMBERS)
  const body = Buffer.from('{"ids":[9007199254740993,-9223372036854775808,1],"d":12345678901234567890}')
  const sent = exchangeOf({
    method: 'POST',
    path: '/shop.v1.Numbers/List',
    headers: [['Content-Type', 'application/json']],
    bodyLength: body.length,
  })
  assert.equal(await numbers.onRequest?.(sent), undefined)
  const frame = await numbers.requestBody?.run(sent, body)
  assert.ok(Buffer.isBuffer(frame))
  const long = (value: bigint) => {
    let hex = ''
    for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
      hex += Number((rest & 0x7fn) | (rest > 0x7fn ? 0x80n : 0n))
        .toString(16)
        .padStart(2, '0')
      if (rest <= 0x7fn) return hex
    }
  }
  const ids = long(9007199254740993n) + long(-9223372036854775808n) + long(1n)
  const double = Buffer.alloc(8)
  double.writeDoubleLE(Number('12345678901234567890'))
  assert.equal(frame.subarray(5).toString('hex'), `0a${(ids.length / 2).toString(16).padStart(2, '0')}${ids}11${double.toString('hex')}`)
})

test('bodies that are no JSON of the message are refused, with the field', async () => {
  const path = '/v1/shelves/1/items/2:move'
  const refusals: Readonly<Record<string, RegExp>> = {
    '{"name":': /the body is not valid JSON/,
    '{"name":"a","name":"b"}': /the body at `\/name` stands twice in its object/,
    '[]': /the body must be a shop\.v1\.GetItemRequest$/,
    null: /the body must be a shop\.v1\.GetItemRequest$/,
    '{"nam":1}': /`\/nam` is not known$/,
    '{"name":1}': /`\/name` must be a string$/,
    '{"page":{"size":"x"}}': /`\/page\/size` must be an int32$/,
    '{"view":"NOPE"}': /`\/view` must be a shop\.v1\.View$/,
    '{"mask":"a_b"}': /`\/mask` must be a google\.protobuf\.FieldMask: path names must be lowerCamelCase$/,
    '{"page":{"size":1.5}}': /`\/page\/size` must be an int32$/,
    [`{"page":${'['.repeat(70)}${']'.repeat(70)}}`]: /nested deeper than 64 levels/,
  }
  for (const [body, pattern] of Object.entries(refusals)) {
    const told = await refusal({ method: 'POST', path, body })
    assert.match(told, /^request_body_invalid: /, body)
    assert.match(told, pattern, body)
    assert.ok(!told.includes('node_modules') && !told.includes('\n'), told)
  }
  const create = { method: 'POST', path: '/v1/shelves/1/items' }
  assert.equal(
    await refusal({ ...create, body: '{"parts":[{},{"view":7.5}]}' }),
    'request_body_invalid: `/parts/1/view` must be a shop.v1.View',
  )
  assert.equal(await refusal({ ...create, body: '7' }), 'request_body_invalid: the body must be a shop.v1.Item')
  const lenient = await stepsFor({ ignoreUnknownFields: true })
  assert.deepEqual((await call(lenient, { method: 'POST', path, body: '{"nam":1}' })).message, { name: 'shelves/1/items/2' })
})

test('a body of another type, coding or size is refused', async () => {
  const move = { method: 'POST', path: '/v1/shelves/1/items/2:move' }
  const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const
  assert.match(await refusal({ ...move, headers: form, body: 'a=b' }), /^request_media_type_unsupported/)
  const latin = [['Content-Type', 'application/json; charset=latin1']] as const
  assert.match(await refusal({ ...move, headers: latin, body: '{}' }), /^request_media_type_unsupported/)
  const json = ['Content-Type', 'application/json; charset=utf-8'] as const
  const encoded = (coding: string) => [json, ['Content-Encoding', coding] as const]
  const zipped = await call(steps, { ...move, headers: encoded('gzip'), body: gzipSync('{"view":"FULL"}') })
  assert.deepEqual(zipped.message, { name: 'shelves/1/items/2', view: 'FULL' })
  assert.equal(zipped.exchange.request.headers.has('Content-Encoding'), false)
  assert.match(await refusal({ ...move, headers: encoded('compress'), body: 'x' }), /^request_media_type_unsupported/)
  assert.match(await refusal({ ...move, headers: encoded('gzip'), body: 'x' }), /^request_body_invalid/)
  const small = await stepsFor({ messageBytesMax: 100 })
  assert.match(await refusal({ ...move, headers: encoded('gzip'), body: gzipSync(' '.repeat(101)) }, small), /^request_body_too_large/)
  assert.equal(small.requestBody?.bytesMax, 100)
  assert.match(await refusal({ path: '/v1/items/a', body: '{}' }), /^request_body_invalid: This method takes no body/)
})

test('HttpBody takes a body as it is', async () => {
  const put = { method: 'PUT', path: '/v1/files/a/b', headers: [['Content-Type', 'image/png']] as const, body: Buffer.of(0, 255) }
  const { message, path } = await call(steps, put, messageNamed('WriteFileRequest'))
  assert.equal(path, '/shop.v1.Shop/WriteFile')
  assert.deepEqual(message, { name: 'a/b', body: { contentType: 'image/png', data: 'AP8=' } })
})

test('paths and methods of no template are refused', async () => {
  assert.match(await refusal({ path: '/v2/x' }), /^route_not_found/)
  assert.match(await refusal({ path: '/v1/shelves/1/items/' }), /^route_not_found/)
  const { reply } = await call(steps, { method: 'DELETE', path: '/v1/shelves/1/items' })
  assert.equal(reply?.code, 'method_not_allowed')
  assert.deepEqual(reply?.headers, [['Allow', 'GET, POST']])
  assert.equal((await call(steps, { method: 'HEAD', path: '/v1/items/a' })).reply?.code, 'method_not_allowed')
  assert.match(await refusal({ method: 'POST', path: '/shop.v1.Shop/Unmapped' }), /^route_not_found/)
})

test('a base path is taken off, methods without a rule are offered on demand, and services can be left out', async () => {
  const mapped = await stepsFor({ basePath: '/api', autoMapping: true })
  assert.equal((await call(mapped, { path: '/api/v1/items/a' })).path, '/shop.v1.Shop/GetItem')
  assert.match(await refusal({ path: '/v1/items/a' }, mapped), /^route_not_found/)
  assert.match(await refusal({ path: '/apiv1/items/a' }, mapped), /^route_not_found/)
  const unmapped = { method: 'POST', path: '/api/shop.v1.Shop/Unmapped', body: '{"name":"n"}' }
  assert.deepEqual((await call(mapped, unmapped, messageNamed('Item'))).message, { name: 'n' })
  await assert.rejects(stepsFor({ services: ['shop.v1.Nope'] }), { message: 'there is no service `shop.v1.Nope`' })
})

test('gRPC itself passes untouched', async () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc-web']) {
    const sent = { method: 'POST', path: '/shop.v1.Shop/GetItem', headers: [['Content-Type', type]] as const, body: 'x' }
    const { exchange, reply } = await call(steps, { ...sent, ...(type.includes('web') && { headers: sent.headers }) })
    if (type === 'application/grpc-web') continue
    assert.equal(reply, null)
    assert.equal(exchange.forward.path, '/shop.v1.Shop/GetItem')
    assert.equal(exchange.forward.method, '')
    assert.equal(steps.requestBody?.wanted(exchange), false)
    assert.equal(await steps.onUpstreamResponse?.(exchange), undefined)
  }
})

test('a stream of requests comes as lines, each a message, wherever its bytes are parted', async () => {
  const text = '{"name":"a"}\n\r\n  \n{"priceCents":5}\r\n{"name":"ü"}'
  for (const pieceBytes of [1, 3, 1_000]) {
    const { exchange } = await call(steps, {
      method: 'POST',
      path: '/v1/items:upload',
      headers: [['Content-Type', 'application/x-ndjson']],
      body: text,
      bodyLength: -1,
    })
    assert.equal(exchange.forward.path, '/shop.v1.Shop/Upload')
    assert.equal(steps.requestBody?.wanted(exchange), false)
    const frames: string[] = []
    const output = { data: (bytes: Buffer) => void frames.push(bytes.toString('hex')) }
    const body = Buffer.from(text)
    for (let at = 0; at < body.length; at += pieceBytes) {
      const piece = Buffer.from(body.subarray(at, at + pieceBytes))
      exchange.requestFilter?.onData(piece, 0, piece.length, output)
      piece.fill(0xff)
    }
    assert.equal(exchange.requestFilter?.onEnd(null, output), null)
    assert.deepEqual(frames, ['00000000030a0161', '00000000021005', '00000000040a02c3bc'])
  }
})

test('a line that is no message, or too long, ends the request', async () => {
  const small = await stepsFor({ messageBytesMax: 10 })
  const sent = {
    method: 'REPORT',
    path: '/v1/chat',
    headers: [['Content-Type', 'application/x-ndjson']] as const,
    body: 'x',
    bodyLength: -1,
  }
  const { exchange } = await call(small, sent)
  const output = { data: () => assert.fail('nothing is given') }
  const give = (text: string) => exchange.requestFilter?.onData(Buffer.from(text), 0, text.length, output)
  assert.throws(() => give('{"x":1}\n'), { code: 'request_body_invalid', origin: 'downstream' })
  assert.throws(() => give('{"name":"abc'), { code: 'request_body_too_large' })
  assert.match(await refusal({ ...sent, headers: [...sent.headers, ['Content-Encoding', 'gzip']] }), /^request_media_type_unsupported/)
})

test('in shadow nothing is translated', async () => {
  const shadow = await stepsFor({}, undefined, { ...testContext, mode: 'shadow' })
  assert.deepEqual(Object.keys(shadow), ['onRequest'])
})

test('whatever path, query and body a client sends, it is called or told why not', async () => {
  const word = fc.constantFrom(
    'name',
    'page',
    'size',
    'view',
    'FULL',
    '1',
    'x',
    '%20',
    '%2F',
    '%FF',
    '.',
    '=',
    '&',
    '+',
    ':',
    'shelves',
    'items',
    '/',
    'mask',
    'since',
  )
  const path = fc.array(word, { maxLength: 6 }).map((words) => normalisePath(`/v1/${words.join('').replaceAll(/[&=+]/g, '')}`) ?? '/')
  const query = fc.array(word, { maxLength: 8 }).map((words) => words.join(''))
  const body = fc.oneof(
    fc.json({ maxDepth: 3 }),
    fc.string(),
    fc.record({ name: fc.anything(), view: fc.anything() }).map((value) => JSON.stringify(value) ?? ''),
  )
  const codes = new Set([
    'request_invalid',
    'request_body_invalid',
    'route_not_found',
    'method_not_allowed',
    'request_media_type_unsupported',
  ])
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('GET', 'POST', 'PUT', 'PATCH'), path, query, body, async (method, toPath, withQuery, text) => {
      const sent = { method, path: toPath, query: withQuery, ...(method !== 'GET' && { body: text }) }
      const exchange = exchangeOf({ ...sent, headers: [['Content-Type', 'application/json']], bodyLength: method === 'GET' ? 0 : -1 })
      const head = await steps.onRequest?.(exchange)
      const verdict =
        head ?? (steps.requestBody?.wanted(exchange) === true ? await steps.requestBody.run(exchange, Buffer.from(text)) : undefined)
      if (verdict === undefined || Buffer.isBuffer(verdict)) assert.match(exchange.forward.path, /^\/shop\.v1\.Shop\/\w+$/)
      else assert.ok(codes.has(verdict.code ?? ''), `${verdict.code} ${verdict.detail}`)
    }),
    { seed: 6, numRuns: 3_000 },
  )
})
