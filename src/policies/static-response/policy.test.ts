import assert from 'node:assert/strict'
import { test } from 'node:test'
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
