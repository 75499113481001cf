import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Verdict } from '../../core/policy.ts'
import { compilePolicy, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { staticResponse } from './policy.ts'

test('the answer is the configured one', async () => {
  const steps = await compilePolicy(staticResponse, {
    status: 503,
    headers: { 'Retry-After': '60' },
    body: 'später',
    contentType: 'text/x',
  })
  const reply = onRequest(steps, exchangeOf())
  assert.deepEqual(reply, {
    status: 503,
    headers: [
      ['Retry-After', '60'],
      ['Content-Type', 'text/x'],
    ],
    body: Buffer.from('später'),
    code: null,
    detail: null,
  })
  assert.equal(onRequest(steps, exchangeOf()), reply, 'made once')
})

test('an answer without a body has no content type', async () => {
  const reply = onRequest(await compilePolicy(staticResponse, { status: 204 }), exchangeOf())
  assert.deepEqual(reply?.headers, [])
  assert.equal(reply?.body.length, 0)
})

test('statuses without a body have none, informational ones are no answer, and framing is not configured', async () => {
  for (const options of [
    { status: 204, body: 'x' },
    { status: 304, body: 'x' },
    { status: 101 },
    { status: 600 },
    { headers: { 'Content-Length': '3' } },
    { headers: { 'transfer-encoding': 'chunked' } },
    { headers: { 'content-type': 'text/html' } },
    { headers: { a: 'b\r\nc: d' } },
    { contentType: 'a\r\nb: c' },
    { body: 'x'.repeat(65_537) },
  ]) {
    assert.notDeepEqual(await problemsOf(staticResponse, options), [], JSON.stringify(options).slice(0, 80))
  }
})

test('with a trigger only requests are answered that have a header or a parameter of that name', async () => {
  const steps = await compilePolicy(staticResponse, { status: 503, trigger: 'X-Stop' })
  assert.equal(onRequest(steps, exchangeOf()), undefined)
  assert.equal(onRequest(steps, exchangeOf({ headers: [['x-stop', '']] }))?.status, 503)
  assert.equal(onRequest(steps, exchangeOf({ query: 'a=1&X-Stop' }))?.status, 503)
})

test('a body may have no type', async () => {
  assert.deepEqual(onRequest(await compilePolicy(staticResponse, { body: 'x', contentType: false }), exchangeOf())?.headers, [])
})

test('an echo tells the request as it came', async () => {
  const steps = await compilePolicy(staticResponse, { status: 503, echo: { message: 'closed' } })
  const shape = {
    method: 'POST',
    path: '/a',
    query: 'q=1&q=2',
    authority: 'h.example:81',
    headers: [['Content-Type', 'application/json']] as const,
  }
  const told = (reply: Verdict): unknown => JSON.parse(String(reply?.body))
  const request = {
    scheme: 'http',
    host: 'h.example',
    port: 8080,
    method: 'POST',
    path: '/a',
    headers: { 'content-type': 'application/json' },
    query: { q: ['1', '2'] },
  }
  assert.deepEqual(told(onRequest(steps, exchangeOf(shape))), { message: 'closed', request })
  const exchange = exchangeOf({ ...shape, bodyLength: 7 })
  assert.equal(onRequest(steps, exchange), undefined, 'the body is waited for')
  assert.equal(steps.requestBody?.wanted(exchange), true)
  const reply = await steps.requestBody?.run(exchange, Buffer.from('{"a":1}'))
  assert.ok(reply !== undefined && !Buffer.isBuffer(reply))
  assert.deepEqual(told(reply), { message: 'closed', request: { ...request, raw_body: '{"a":1}', body: { a: 1 } } })
  assert.deepEqual(await problemsOf(staticResponse, { echo: {}, body: 'x' }), ['`echo` takes the place of `body`'])
})
