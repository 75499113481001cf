import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, onResponse, problemsOf } from '../testing.ts'
import { headers } from './policy.ts'

test('requests are edited: remove, rename, set, add, and what no rule names stays', async () => {
  const steps = await compilePolicy(headers, {
    request: { remove: ['x-debug'], rename: { 'X-Old': 'X-New' }, set: { 'X-Set': 'mine' }, add: { 'X-New': 'c', 'X-Add': '1' } },
  })
  const exchange = exchangeOf({
    headers: [
      ['X-DEBUG', '1'],
      ['X-Keep', 'k'],
      ['x-old', 'a'],
      ['X-New', 'theirs'],
      ['X-Old', 'b'],
      ['x-set', 'theirs'],
      ['X-Set', 'theirs too'],
    ],
  })
  assert.equal(onRequest(steps, exchange), undefined)
  assert.deepEqual(fieldsOf(exchange.request.headers), ['x-keep: k', 'x-new: a', 'x-new: b', 'x-set: mine', 'x-new: c', 'x-add: 1'])
})

test('a rename of what is absent changes nothing', async () => {
  const exchange = exchangeOf({ headers: [['X-New', 'theirs']] })
  onRequest(await compilePolicy(headers, { request: { rename: { 'X-Old': 'X-New' } } }), exchange)
  assert.deepEqual(fieldsOf(exchange.request.headers), ['x-new: theirs'])
})

test('two headers may swap names', async () => {
  const exchange = exchangeOf({
    headers: [
      ['A', '1'],
      ['B', '2'],
    ],
  })
  onRequest(await compilePolicy(headers, { request: { rename: { a: 'b', b: 'a' } } }), exchange)
  assert.deepEqual(fieldsOf(exchange.request.headers).toSorted(), ['a: 2', 'b: 1'])
})

test('Host is set for the service and leaves the one that came', async () => {
  const exchange = exchangeOf({ headers: [['Host', 'example.com']] })
  onRequest(await compilePolicy(headers, { request: { set: { host: 'internal:8080' } } }), exchange)
  assert.equal(exchange.forward.authority, 'internal:8080')
  assert.deepEqual(fieldsOf(exchange.request.headers), ['host: example.com'])
})

test('responses are edited', async () => {
  const steps = await compilePolicy(headers, { response: { remove: ['Server'], set: { 'X-Frame-Options': 'DENY' } } })
  assert.equal(steps.onRequest, undefined)
  const exchange = exchangeOf()
  exchange.response.headers.append('server', 'x')
  exchange.response.headers.append('x-frame-options', 'ALLOW')
  onResponse(steps, exchange)
  assert.deepEqual(fieldsOf(exchange.response.headers), ['x-frame-options: DENY'])
})

test('headers of the connection, of the framing, and unwritable ones are refused', async () => {
  for (const name of [
    'Connection',
    'content-length',
    'TRANSFER-ENCODING',
    'TE',
    'Trailer',
    'Upgrade',
    'Keep-Alive',
    'Expect',
    'a b',
    'a\r\nb',
    '',
  ]) {
    for (const side of ['request', 'response']) {
      for (const edit of [
        { remove: [name] },
        { set: { [name]: '1' } },
        { add: { [name]: '1' } },
        { rename: { [name]: 'x' } },
        { rename: { x: name } },
      ]) {
        assert.notDeepEqual(await problemsOf(headers, { [side]: edit }), [], `${side} ${JSON.stringify(edit)}`)
      }
    }
  }
  for (const options of [
    { response: { set: { Host: 'a' } } },
    { request: { add: { Host: 'a' } } },
    { request: { remove: ['Host'] } },
    { request: { set: { Host: 'a/b' } } },
    { request: { set: { Host: 'a b' } } },
    { request: { set: { x: 'a\r\nSet-Cookie: b' } } },
    { request: { set: { x: '1', X: '2' } } },
    { request: { rename: { a: 'c', b: 'C' } } },
  ]) {
    assert.notDeepEqual(await problemsOf(headers, options), [], JSON.stringify(options))
  }
})
