import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { answer, refuse } from '../core/reply.ts'
import { exchangeOf } from '../policies/testing.ts'
import { ERRORS } from './error-table.ts'
import { renderReply } from './respond.ts'

function render(reply: ReturnType<typeof refuse>, accept: string | null = null, requestId = '') {
  const exchange = exchangeOf(accept === null ? {} : { headers: [['Accept', accept]] })
  exchange.requestId = requestId
  const body = renderReply(exchange, reply).toString()
  return { exchange, body, status: exchange.response.status, headers: new Map(exchange.response.headers.toPairs()) }
}

test('a refusal is a problem document with its code in body, header and exchange', () => {
  const { exchange, body, status, headers } = render(refuse('route_not_found'), null, 'id-1')
  assert.equal(status, 404)
  assert.equal(exchange.error, 'route_not_found')
  assert.deepEqual(JSON.parse(body), {
    type: 'about:blank',
    title: 'Not Found',
    status: 404,
    error: 'No route found',
    code: 'route_not_found',
    requestId: 'id-1',
  })
  assert.equal(headers.get('content-type'), 'application/problem+json')
  assert.equal(headers.get('turnpike-error'), 'route_not_found')
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.equal(headers.has('retry-after'), false)
  assert.equal(exchange.response.bodyLength, Buffer.byteLength(body))
})

test('every code has a status of its kind, a sentence and a meaning', () => {
  for (const [code, { status, grpcStatus, sentence, meaning }] of Object.entries(ERRORS)) {
    assert.ok(STATUS_CODES[status] !== undefined || status === 499, code)
    assert.ok(grpcStatus >= 1 && grpcStatus <= 16, code)
    assert.match(sentence, /^[A-Z][^.]+$/, code)
    assert.match(meaning, /\.$/, code)
    const { title, ...problem } = JSON.parse(render({ ...refuse('internal_error'), code: code as keyof typeof ERRORS }).body)
    if (status !== 499) assert.equal(title, STATUS_CODES[status])
    assert.deepEqual(problem, { type: 'about:blank', status, error: sentence, code })
  }
})

const ACCEPTS: readonly (readonly [string | null, 'text' | 'json'])[] = [
  [null, 'json'],
  ['*/*', 'json'],
  ['application/json', 'json'],
  ['application/problem+json, text/plain', 'json'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'json'],
  ['text/plain', 'text'],
  ['text/plain, */*', 'text'],
  ['text/html', 'text'],
]
for (const [accept, form] of ACCEPTS) {
  test(`a client with Accept: ${accept ?? '(none)'} gets ${form}`, () => {
    const { body, headers } = render(refuse('upstream_timeout'), accept)
    if (form === 'json') assert.equal(headers.get('content-type'), 'application/problem+json')
    else {
      assert.equal(headers.get('content-type'), 'text/plain; charset=utf-8')
      assert.equal(body, 'Gateway timeout (upstream_timeout)\n')
    }
  })
}

test('a detail stands beside the sentence in JSON, and in its place in text', () => {
  const reply = refuse('method_not_allowed', 'Try GET', [['Allow', 'GET']])
  const { body, headers } = render(reply)
  assert.match(body, /"detail":"Try GET"/)
  assert.match(body, /"error":"Method not allowed"/)
  assert.equal(headers.get('allow'), 'GET')
  assert.equal(render(reply, 'text/plain').body, 'Try GET (method_not_allowed)\n')
})

test('Retry-After comes from the table, unless the refusal brings its own', () => {
  assert.equal(render(refuse('service_unavailable')).headers.get('retry-after'), '1')
  const { exchange } = render(refuse('service_unavailable', null, [['retry-after', '7']]))
  assert.deepEqual(exchange.response.headers.getAll('Retry-After'), ['7'])
})

test('an answer is given as it is, and leaves nothing of what stood there before', () => {
  const exchange = exchangeOf()
  exchange.response.headers.set('Old', '1')
  const body = renderReply(exchange, answer(201, [['X-A', 'b']], 'é'))
  assert.equal(exchange.response.status, 201)
  assert.equal(exchange.error, null)
  assert.deepEqual(exchange.response.headers.toPairs(), [['x-a', 'b']])
  assert.equal(body.toString(), 'é')
  assert.equal(exchange.response.bodyLength, 2)
  const bytes = Buffer.from([1, 2])
  assert.equal(renderReply(exchange, answer(200, [], bytes)), bytes)
})

test('the settings and policies that meanings name are keys of the configuration', () => {
  const reference = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'), 'utf8')
  for (const [code, { meaning }] of Object.entries(ERRORS)) {
    for (const [, name = ''] of meaning.matchAll(/`((?:limits\.)?[a-z]+[A-Za-z]*)`/g)) {
      const key = name.replace('limits.', '')
      assert.ok(new RegExp(String.raw`^(?:\| (?:\*\*)?|### )\`${key}\``, 'm').test(reference), `${code} names ${name}`)
    }
  }
})
