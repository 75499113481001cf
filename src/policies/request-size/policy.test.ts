import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { compilePolicy, type ExchangeShape, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { requestSize } from './policy.ts'

async function codeFor(options: unknown, shape: ExchangeShape) {
  const exchange = exchangeOf(shape)
  const verdict = onRequest(await compilePolicy(requestSize, options), exchange)
  return { code: verdict?.code ?? null, bound: exchange.requestBodyBytesMax }
}

test('a body that says it is too large is refused, one at the bound is not', async () => {
  assert.deepEqual(await codeFor({ bodyMax: '1KiB' }, { bodyLength: 1_024 }), { code: null, bound: 1_024 })
  assert.deepEqual(await codeFor({ bodyMax: '1KiB' }, { bodyLength: 1_025 }), { code: 'request_body_too_large', bound: 1_024 })
})

test('a body of unknown length is left to be counted', async () => {
  assert.deepEqual(await codeFor({ bodyMax: 0 }, { bodyLength: LENGTH_UNKNOWN }), { code: null, bound: 0 })
})

test('headers as received are measured', async () => {
  // `x: 12345` and its line break are ten bytes.
  const headers = [['x', '12345']] as const
  assert.equal((await codeFor({ bodyMax: 1, headerBytesMax: 10 }, { headers })).code, null)
  assert.equal((await codeFor({ bodyMax: 1, headerBytesMax: 9 }, { headers })).code, 'request_head_too_large')
})

test('a size is required and is a size', async () => {
  for (const options of [{}, { bodyMax: -1 }, { bodyMax: 'much' }, { bodyMax: 1, headerBytesMax: 0 }, { bodymax: 1 }]) {
    assert.notDeepEqual(await problemsOf(requestSize, options), [], JSON.stringify(options))
  }
})

test('a length can be asked for of all that is not chunked', async () => {
  const options = { bodyMax: '1KiB', requireLength: true }
  assert.equal((await codeFor(options, {})).code, 'request_length_required')
  assert.equal((await codeFor(options, { bodyLength: LENGTH_UNKNOWN })).code, null)
  assert.equal((await codeFor(options, { bodyLength: 3, headers: [['Content-Length', '3']] })).code, null)
})

test('who waits to be told to go on is refused for a reason of its own', async () => {
  const steps = await compilePolicy(requestSize, { bodyMax: 10 })
  const exchange = exchangeOf({ bodyLength: 11 })
  assert.equal(onRequest(steps, exchange)?.reason, undefined)
  exchange.request.expectsContinue = true
  assert.equal(onRequest(steps, exchange)?.reason, 'not-continued')
})
