import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { decodesBrotli } from '../../core/content-coding.ts'
import type { Exchange } from '../../core/exchange.ts'
import { Headers } from '../../core/headers.ts'
import type { PolicySteps } from '../../core/policy.ts'
import { exchangeOf, fieldsOf, onRequest, onResponse } from '../testing.ts'
import { compile, compileRequest, JSON_TYPE, sendBody, told } from './testing.ts'

const compileResponse = (response: object): Promise<PolicySteps> => compile({ response: { timeHeader: false, ...response } })

const WRAP = { wrap: 'data' }

interface Answer {
  readonly status?: number
  readonly method?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: Buffer | string
}

/** A service's response, run through the steps. */
async function receive(steps: PolicySteps, { status = 200, method = 'GET', headers = [JSON_TYPE], body = '' }: Answer) {
  const exchange = exchangeOf({ method })
  exchange.response.status = status
  exchange.response.headers = Headers.from(headers)
  exchange.response.bodyLength = Buffer.byteLength(body)
  const refused = await steps.onUpstreamResponse?.(exchange)
  const hasBody = method !== 'HEAD' && body.length > 0
  if (refused !== undefined) return { exchange, said: refused.code }
  if (!hasBody || steps.responseBody?.wanted(exchange) !== true) return { exchange, said: 'streams' }
  return { exchange, said: told(await steps.responseBody.run(exchange, Buffer.from(body))) }
}

test('the time is told both ways by default, and in place of what a client claims', async () => {
  const steps = await compile({})
  assert.deepEqual(Object.keys(steps).toSorted(), ['onRequest', 'onResponse'])
  const exchange = exchangeOf({ headers: [['X-Gateway-Timestamp', '1']] })
  const before = Math.floor(Date.now() / 1000)
  exchange.startedAt = exchange.clock.now()
  onRequest(steps, exchange)
  onResponse(steps, exchange)
  const [sent = ''] = exchange.request.headers.getAll('X-Gateway-Timestamp')
  assert.ok(Number(sent) >= before && /^\d{10}$/.test(sent))
  assert.equal(exchange.request.headers.getAll('X-Gateway-Timestamp').length, 1)
  assert.match(exchange.response.headers.get('X-Gateway-Response-Time') ?? '', /^\d+$/)
  const off = await compile({ request: { timestampHeader: false }, response: { timeHeader: false } })
  assert.equal(off.onResponse, undefined)
  onRequest(off, exchange)
  assert.equal(exchange.request.headers.get('X-Gateway-Timestamp'), sent)
})

test('the method is another for the service, but HEAD stays', async () => {
  const steps = await compileRequest({ method: 'PUT' })
  for (const [method, expected] of [
    ['POST', 'PUT'],
    ['HEAD', ''],
  ] as const) {
    const exchange = exchangeOf({ method })
    onRequest(steps, exchange)
    assert.equal(exchange.forward.method, expected)
  }
})

test('the path is made of a template, and no value leaves its segment', async () => {
  const cases: readonly (readonly [string, Record<string, string>, string, string])[] = [
    ['/v2/users/{param.id}', { id: '7' }, '', '/v2/users/7'],
    ['/v2/{param.id}/x', { id: 'a b/ü' }, '', '/v2/a%20b/%C3%BC/x'],
    ['/v2/{param.id}/x', { id: 'a?b#c%2F' }, '', '/v2/a%3Fb%23c%252F/x'],
    ['/v2/{query.id}', {}, 'id=7/../admin', '/v2/7%2F..%2Fadmin'],
    ['/v2/{query.id}', {}, 'id=a%2Fb', '/v2/a%2Fb'],
    ['/v2/{param.rest}', { rest: '' }, '', '/v2/'],
    ['/v2/u-{query.id}-x', {}, 'id=..', '/v2/u-..-x'],
    ['/v2/{query.id}', {}, 'id=%ED%A0%80', '/v2/%EF%BF%BD%EF%BF%BD%EF%BF%BD'],
  ]
  for (const [path, params, query, expected] of cases) {
    const exchange = exchangeOf({ params, query })
    const verdict = onRequest(await compileRequest({ path }), exchange)
    // A dot segment may hide behind an encoded slash: the normal form of paths knows no such.
    if (expected.includes('%2F..%2F')) assert.equal(verdict?.code, 'request_path_invalid')
    else assert.equal(exchange.forward.path, expected, path)
  }
  for (const [path, query] of [
    ['/v2/{query.id}/orders', ''],
    ['/v2/{query.id}/orders', 'id='],
    ['/v2/{query.id}/orders', 'id=.'],
    ['/v2/{query.id}', 'id=..'],
    ['/v2/{claim.tid}/orders', ''],
    ['/v2/{param.id}', ''],
  ] as const) {
    const exchange = exchangeOf({ query, params: { id: 'a/../../b' } })
    assert.equal(onRequest(await compileRequest({ path }), exchange)?.code, 'request_path_invalid', `${path} ${query}`)
  }
})

test('a claim that is no Unicode text is still a segment and a parameter', async () => {
  const exchange = exchangeOf()
  exchange.caller.claims = { tid: '\ud800' }
  onRequest(await compileRequest({ path: '/v2/{claim.tid}', query: { set: { t: '{claim.tid}' } } }), exchange)
  assert.deepEqual([exchange.forward.path, exchange.forward.query], ['/v2/%EF%BF%BD', 't=%EF%BF%BD'])
})

test('the query is edited, and what no rule names keeps its text', async () => {
  const all = { remove: ['debug'], rename: { q: 'search' }, set: { tenant: '{param.t}' }, add: { tag: 'a&b' } }
  const cases: readonly (readonly [object, string, string])[] = [
    [all, '', 'tenant=x%2Fy&tag=a%26b'],
    [all, 'a=%7e+1&debug=1&q=1%20&%64ebug&q&b', 'a=%7e+1&search=1%20&search&b&tenant=x%2Fy&tag=a%26b'],
    [all, 'tenant=evil&search=old&q=new&tag=1', 'search=new&tag=1&tenant=x%2Fy&tag=a%26b'],
    [all, 'search=old&ten%61nt=evil', 'search=old&tenant=x%2Fy&tag=a%26b'],
    [{ set: { tenant: '{claim.tid}', none: '' } }, 'tenant=evil&%', '%&none='],
    [{ remove: ['a b'] }, 'a+b=1&a%20b=2&c=3', 'c=3'],
    [{ rename: { a: 'b' }, remove: ['b'] }, 'a=1&b=2', ''],
  ]
  for (const [query, before, after] of cases) {
    const exchange = exchangeOf({ query: before, params: { t: 'x/y' } })
    onRequest(await compileRequest({ query }), exchange)
    assert.equal(exchange.forward.query, after, before)
    assert.equal(exchange.request.query, before)
  }
})

test('headers are edited, templates see them as they came, and what is not known leaves no forged one', async () => {
  const steps = await compileRequest({
    headers: {
      remove: ['X-Debug'],
      rename: { 'X-Old': 'X-New' },
      set: { 'X-Tenant': '{claim.tid}', 'X-Was': '{header.X-Debug}', 'X-Empty': '' },
      add: { 'X-New': '{param.id}', 'X-None': '{header.X-Nothing}' },
    },
  })
  const exchange = exchangeOf({
    params: { id: '7' },
    headers: [
      ['X-Debug', 'd'],
      ['X-Old', 'a'],
      ['X-Tenant', 'forged'],
      ['X-Keep', 'k'],
    ],
  })
  assert.equal(onRequest(steps, exchange), undefined)
  assert.deepEqual(fieldsOf(exchange.request.headers), ['x-keep: k', 'x-new: a', 'x-was: d', 'x-empty: ', 'x-new: 7'])
})

test('a value that no header may have is the client’s fault in a request, and left out of a response', async () => {
  for (const id of ['a\r\nX-Admin: 1', '€', '\0']) {
    const exchange = exchangeOf({ params: { id } })
    assert.equal(onRequest(await compileRequest({ headers: { set: { 'X-Id': '{param.id}' } } }), exchange)?.code, 'request_malformed')
    const steps = await compileResponse({ headers: { set: { 'X-Id': '{param.id}', 'X-B': 'b' } } })
    exchange.response.headers = Headers.from([['X-Id', 'old']])
    assert.equal(await steps.onUpstreamResponse?.(exchange), undefined)
    assert.deepEqual(fieldsOf(exchange.response.headers), ['x-b: b'])
  }
})

test('the status is mapped where that is asked for, once, and what the service said can be told', async () => {
  const preset = await compileResponse({ status: { preset: 'gateway-errors', map: { 418: 400, 503: 500 } } })
  const statusOf = async (steps: PolicySteps, status: number) => (await receive(steps, { status })).exchange.response.status
  const statuses = [200, 418, 500, 501, 502, 503, 504]
  assert.deepEqual(await Promise.all(statuses.map((status) => statusOf(preset, status))), [200, 400, 500, 404, 503, 500, 504])
  const none = await compileResponse({ headers: { set: { 'X-Status': '{response.status}' } } })
  assert.deepEqual(await Promise.all(statuses.map((status) => statusOf(none, status))), statuses)
})

test('request bodies are edited, and the head then describes them', async () => {
  const steps = await compileRequest({ body: WRAP })
  const digests = ['Content-MD5', 'Digest', 'Content-Digest', 'Repr-Digest'].map((name) => [name, 'x'] as const)
  for (const type of ['application/json', 'application/json; charset=UTF-8', 'Application/Vnd.a+JSON;v="1"', 'text/json']) {
    const { exchange, said } = await sendBody(steps, [['Content-Type', type], ...digests], '{"a":1.0}')
    assert.equal(said, '{"data":{"a":1.0}}')
    assert.deepEqual(fieldsOf(exchange.request.headers), [`content-type: ${type}`])
  }
})

test('request bodies that are not JSON are refused, or pass', async () => {
  const types = [
    [],
    [['Content-Type', 'text/plain']],
    [['Content-Type', 'application/json; charset=utf-16']],
    [JSON_TYPE, JSON_TYPE],
  ] as const
  const refuses = await compileRequest({ body: WRAP })
  const passes = await compileRequest({ body: WRAP, notJson: 'pass' })
  for (const type of types) {
    assert.equal((await sendBody(refuses, type, '{}')).said, 'request_media_type_unsupported')
    assert.equal((await sendBody(passes, type, '{}')).said, 'streams')
  }
  for (const coding of ['compress', 'gzip, gzip']) {
    assert.equal((await sendBody(refuses, [JSON_TYPE, ['Content-Encoding', coding]], 'x')).said, 'request_media_type_unsupported')
    assert.equal((await sendBody(passes, [JSON_TYPE, ['Content-Encoding', coding]], 'x')).said, 'streams')
  }
  for (const text of ['{', '{"a":1,"a":2}', '[1]x']) {
    assert.equal((await sendBody(refuses, [JSON_TYPE], text)).said, 'request_body_invalid')
    assert.equal((await sendBody(passes, [JSON_TYPE], text)).said, 'stays')
  }
  assert.equal((await sendBody(refuses, [], '')).said, 'streams')
  const chunked = exchangeOf({ method: 'POST', bodyLength: LENGTH_UNKNOWN, headers: [JSON_TYPE] })
  assert.equal(onRequest(refuses, chunked), undefined)
  assert.equal(await refuses.requestBody?.run(chunked, Buffer.alloc(0)), undefined)
})

test('a request body without a place for what is set is refused, or edited as far as it can be', async () => {
  const body = { remove: ['/x'], set: { '/user/tenant': 'acme' } }
  const text = '{"user":"me","x":1}'
  assert.equal((await sendBody(await compileRequest({ body }), [JSON_TYPE], text)).said, 'request_body_invalid')
  assert.equal((await sendBody(await compileRequest({ body, notJson: 'pass' }), [JSON_TYPE], text)).said, '{"user":"me"}')
})

test('a body that no rule changes stays as it is, coding and digests too', async () => {
  const steps = await compileRequest({ body: { remove: ['/x'] } })
  const fields = [JSON_TYPE, ['Content-Encoding', 'gzip'], ['Digest', 'd']] as const
  const { exchange, said } = await sendBody(steps, fields, gzipSync('{ "a": 1 }'))
  assert.equal(said, 'stays')
  assert.equal(exchange.request.headers.toPairs().length, 3)
})

test('bodies in every coding are decoded, bombs are told, and garbage is not JSON', async () => {
  const encodings = [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
    ...(decodesBrotli(process.version) ? [['br', brotliCompressSync] as const] : []),
  ] as const
  const steps = await compile({ request: { body: WRAP }, bodyBytesMax: 500_000 })
  const large = JSON.stringify(Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 104_729))
  for (const [coding, encode] of encodings) {
    const fields = [JSON_TYPE, ['Content-Encoding', coding]] as const
    for (const text of ['{"a":1}', large]) {
      const { exchange, said } = await sendBody(steps, fields, encode(text))
      assert.equal(said, `{"data":${text}}`, coding)
      assert.equal(exchange.request.headers.has('Content-Encoding'), false)
    }
    assert.equal((await sendBody(steps, fields, encode(Buffer.alloc(500_001, ' ')))).said, 'request_body_too_large')
    assert.equal((await sendBody(steps, fields, 'garbage')).said, 'request_body_invalid')
  }
})

test('Brotli is never decoded by a Node whose decoder is not safe', { skip: decodesBrotli(process.version) }, async () => {
  const brotli = [JSON_TYPE, ['Content-Encoding', 'br']] as const
  const body = brotliCompressSync('{}')
  assert.equal((await sendBody(await compileRequest({ body: WRAP }), brotli, body)).said, 'request_media_type_unsupported')
  const exchange = exchangeOf({ headers: [['Accept-Encoding', 'br, gzip']] })
  const steps = await compileResponse({ body: WRAP })
  onRequest(steps, exchange)
  assert.equal(exchange.request.headers.get('Accept-Encoding'), 'gzip')
  assert.equal((await receive(steps, { headers: brotli, body })).said, 'streams')
})

test('what rules add is bounded', async () => {
  const body = { set: { '/items/*/all': '{body}' } }
  const steps = await compile({ request: { body }, response: { body }, bodyBytesMax: '10KiB' })
  const text = JSON.stringify({ items: Array.from({ length: 500 }, () => ({})) })
  assert.equal((await sendBody(steps, [JSON_TYPE], text)).said, 'request_body_too_large')
  assert.equal((await receive(steps, { body: text })).said, 'upstream_body_too_large')
  assert.equal(steps.responseBody?.tooLarge(exchangeOf())?.code, 'upstream_body_too_large')
  assert.equal(steps.requestBody?.bytesMax, 10_240)
  assert.equal(steps.responseBody?.bytesMax, 10_240)
})

test('a response body is edited, and its head speaks of the new one', async () => {
  const steps = await compileResponse({ body: { unwrap: 'data' } })
  const { exchange, said } = await receive(steps, {
    headers: [
      JSON_TYPE,
      ['Content-Encoding', 'gzip'],
      ['ETag', '"a"'],
      ['Content-Digest', 'd'],
      ['Accept-Ranges', 'bytes'],
      ['Last-Modified', 'm'],
      ['Vary', 'v'],
    ],
    body: gzipSync('{"data":{"id":7}}'),
  })
  assert.equal(said, '{"id":7}')
  assert.deepEqual(fieldsOf(exchange.response.headers), ['content-type: application/json', 'last-modified: m', 'vary: v', 'etag: W/"a"'])
})

test('the same tag belongs to the answer to HEAD and to 304, and neither states a length', async () => {
  const steps = await compileResponse({ body: { unwrap: 'data' } })
  const headers = [JSON_TYPE, ['Content-Length', '17'], ['Content-Encoding', 'gzip'], ['ETag', '"a"'], ['Digest', 'd']] as const
  const head = await receive(steps, { method: 'HEAD', headers })
  assert.deepEqual(fieldsOf(head.exchange.response.headers), ['content-type: application/json', 'etag: W/"a"'])
  assert.equal(head.exchange.response.bodyLength, LENGTH_UNKNOWN)
  for (const fields of [headers, headers.slice(1)]) {
    const { exchange } = await receive(steps, { status: 304, headers: fields })
    assert.equal(exchange.response.headers.get('ETag'), 'W/"a"')
    assert.equal(exchange.response.headers.has('Content-Length'), false)
  }
  const weak = await receive(steps, { headers: [JSON_TYPE, ['ETag', 'W/"a"']], body: '{}' })
  assert.deepEqual(weak.exchange.response.headers.getAll('ETag'), ['W/"a"'])
  const image = [
    ['Content-Type', 'image/png'],
    ['Content-Length', '9'],
    ['ETag', '"i"'],
  ] as const
  for (const method of ['HEAD', 'GET'])
    assert.equal((await receive(steps, { method, headers: image, body: 'x' })).exchange.response.headers.toPairs().length, 3)
})

test('response bodies that are not JSON pass, or are 502; so do parts', async () => {
  const passes = await compileResponse({ body: { unwrap: 'data' } })
  const refuses = await compileResponse({ body: { unwrap: 'data' }, notJson: 'refuse' })
  const cases: readonly Answer[] = [
    { headers: [['Content-Type', 'text/html']], body: '<p>' },
    { headers: [JSON_TYPE, ['Content-Encoding', 'compress']], body: 'x' },
    { status: 206, headers: [JSON_TYPE, ['Content-Range', 'bytes 0-1/9']], body: '{}' },
  ]
  for (const answer of cases) {
    assert.equal((await receive(passes, answer)).said, 'streams')
    assert.equal((await receive(refuses, answer)).said, 'upstream_body_invalid')
    assert.equal((await receive(refuses, { ...answer, body: '' })).said, 'streams')
  }
  assert.equal((await receive(passes, { body: 'oops' })).said, 'stays')
  assert.equal((await receive(refuses, { body: 'oops' })).said, 'upstream_body_invalid')
})

test('only the bodies of the statuses that are named are edited', async () => {
  const steps = await compileResponse({ body: { unwrap: 'data', statuses: ['2xx', 404] }, status: { preset: 'gateway-errors' } })
  const saidOf = async (status: number) => (await receive(steps, { status, body: '{"data":1}' })).said
  assert.deepEqual(await Promise.all([200, 201, 400, 404, 501, 500].map(saidOf)), ['1', '1', 'streams', '1', '1', 'streams'])
})

test('where responses are edited, services are not asked for parts', async () => {
  const headers = [
    ['Range', 'bytes=0-1'],
    ['If-Range', '"a"'],
    ['Accept-Encoding', 'gzip, compress'],
  ] as const
  const sent = async (response: object): Promise<readonly string[]> => {
    const exchange: Exchange = exchangeOf({ headers })
    onRequest(await compile({ request: { timestampHeader: false }, response }), exchange)
    return fieldsOf(exchange.request.headers)
  }
  assert.deepEqual(await sent({ body: { unwrap: 'data' } }), ['accept-encoding: gzip'])
  assert.equal((await sent({ headers: { remove: ['X'] } })).length, 3)
})

test('nothing is gathered without body rules', async () => {
  const steps = await compile({ request: { headers: { remove: ['X'] } }, response: { status: { preset: 'gateway-errors' } } })
  assert.equal(steps.requestBody, undefined)
  assert.equal(steps.responseBody, undefined)
})
