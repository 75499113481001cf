import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admit } from '../../core/caller.ts'
import { compilePolicy, type ExchangeShape, exchangeOf, fieldsOf, onRequest, problemsOf } from '../testing.ts'
import { contextOf, keyOf, START, type TestConsumers } from '../testing-consumers.ts'
import { apiKey } from './policy.ts'

const KEY = 'the-key-of-the-app'
const APP: TestConsumers = { app: [keyOf(KEY)] }

/** Who is let in by which credential, or the code of the refusal. */
async function outcome(shape: ExchangeShape, options: unknown = {}, consumers = APP): Promise<string> {
  const exchange = exchangeOf(shape)
  const verdict = onRequest(await compilePolicy(apiKey, options, contextOf(consumers).context), exchange)
  const { consumer, credentialId, method } = exchange.caller
  return verdict === undefined ? `${method} ${consumer?.name} ${credentialId}` : `${verdict.code}`
}

const header = (...values: string[]): ExchangeShape => ({ headers: values.map((value) => ['X-API-Key', value] as const) })

test('a key lets its consumer in, wherever it may stand', async () => {
  assert.equal(await outcome(header(KEY)), 'api-key app key-1')
  for (const [from, shape] of [
    ['header:apikey', { headers: [['ApiKey', KEY]] }],
    ['query:api_key', { query: `a=b&api_key=${KEY}&c` }],
    ['query:api_key', { query: `%61pi_key=${KEY.replaceAll('-', '%2D')}` }],
    ['cookie:k', { headers: [['Cookie', `a=b; k=${KEY} ;c=d`]] }],
    ['header:Authorization', { headers: [['Authorization', `apikey  ${KEY}`]] }],
    ['header:authorization', { headers: [['Authorization', `Bearer ${KEY}`]] }],
  ] as const) {
    assert.equal(await outcome(shape, { from: [from] }), 'api-key app key-1', from)
    assert.equal(await outcome(shape, { from: ['header:other', from] }), 'api-key app key-1', from)
    assert.equal(await outcome(shape), 'credentials_missing', from)
  }
})

test('what is no key, or nobody’s, is refused', async () => {
  assert.equal(await outcome({}), 'credentials_missing')
  assert.equal(await outcome(header('')), 'credentials_missing')
  assert.equal(await outcome({ headers: [['Authorization', `Basic ${KEY}`]] }, { from: ['header:Authorization'] }), 'credentials_missing')
  for (const wrong of [`${KEY}x`, KEY.toUpperCase(), `${KEY}, ${KEY}`, 'x'.repeat(5_000), '__proto__', 'ÿ', 'a'.repeat(64)])
    assert.equal(await outcome(header(wrong)), 'credentials_invalid', wrong)
})

test('two keys that differ are refused, the same one twice is one', async () => {
  assert.equal(await outcome(header(KEY, KEY)), 'api-key app key-1')
  assert.equal(await outcome(header(KEY, 'other')), 'credentials_invalid')
  const from = { from: ['header:X-API-Key', 'query:k'] }
  assert.equal(await outcome({ ...header(KEY), query: `k=${KEY}` }, from), 'api-key app key-1')
  assert.equal(await outcome({ ...header(KEY), query: 'k=other' }, from), 'credentials_invalid')
  assert.equal(await outcome({ query: `k=${KEY}&k=other` }, from), 'credentials_invalid')
})

test('refusals have challenges and say nothing of the key', async () => {
  const steps = await compilePolicy(apiKey, { realm: 'shop' }, contextOf(APP).context)
  for (const shape of [{}, header('wrong-key'), header('wrong-key', 'another')]) {
    const verdict = onRequest(steps, exchangeOf(shape))
    assert.deepEqual(verdict?.headers, [['WWW-Authenticate', 'ApiKey realm="shop"']])
    assert.ok(!JSON.stringify(verdict).includes('wrong-key'))
  }
})

test('old and new key overlap in a rotation', async () => {
  const { time, context } = contextOf({
    app: [keyOf('the-old-key', { id: 'old', expiresAtMs: START + 2_000 }), keyOf('the-new-key', { id: 'new', notBeforeMs: START + 1_000 })],
  })
  const steps = await compilePolicy(apiKey, {}, context)
  // Two connections, each of which sends the same head again and again.
  const exchanges = { old: exchangeOf(header('the-old-key')), new: exchangeOf(header('the-new-key')) }
  const outcomes = [0, 999, 1_000, 1_999, 2_000].map((at) => {
    time.epochMs = START + at
    return Object.values(exchanges).map((exchange) => {
      exchange.reset()
      exchange.request.headers.clearEdits()
      return onRequest(steps, exchange)?.code ?? exchange.caller.credentialId
    })
  })
  const expired = 'credentials_expired'
  assert.deepEqual(outcomes, [
    ['old', expired],
    ['old', expired],
    ['old', 'new'],
    ['old', 'new'],
    [expired, 'new'],
  ])
})

test('the key does not reach the service, unless it is to', async () => {
  const shape: ExchangeShape = {
    headers: [
      ['X-API-Key', KEY],
      ['Cookie', `a=b; k=${KEY}; c=d`],
      ['Authorization', `ApiKey ${KEY}`],
    ],
    query: `a=b&k=${KEY}&c`,
  }
  const from = ['header:X-API-Key', 'cookie:k', 'query:k', 'header:Authorization']
  const seen = async (options: object, consumers: TestConsumers, anyOf = false) => {
    const exchange = exchangeOf(shape)
    exchange.caller.anyOf = anyOf
    if (anyOf) admit(exchange, { method: 'jwt' })
    onRequest(await compilePolicy(apiKey, { from, ...options }, contextOf(consumers).context), exchange)
    return [...fieldsOf(exchange.request.headers), exchange.forward.query]
  }
  const without = ['cookie: a=b; c=d', 'a=b&c']
  assert.deepEqual(await seen({}, APP), without)
  assert.deepEqual(await seen({}, {}), without, 'also when it is refused')
  assert.deepEqual(await seen({}, APP, true), without, 'also when another credential was enough')
  const all = [`x-api-key: ${KEY}`, `cookie: a=b; k=${KEY}; c=d`, `authorization: ApiKey ${KEY}`, `a=b&k=${KEY}&c`]
  assert.deepEqual(await seen({ forward: true }, APP), all)
})

test('what another policy remembers of a head is left to it', async () => {
  const steps = await compilePolicy(apiKey, {}, contextOf(APP).context)
  const exchange = exchangeOf(header(KEY))
  const other = { other: true }
  exchange.request.authMemo = other
  assert.equal(onRequest(steps, exchange), undefined)
  assert.equal(exchange.request.authMemo, other)
  exchange.request.authMemo = null
  exchange.caller.reset()
  exchange.request.headers.clearEdits()
  assert.equal(onRequest(steps, exchange), undefined)
  // Another policy, or the same one after a reload, does not believe it.
  exchange.caller.reset()
  const emptied = await compilePolicy(apiKey, {}, contextOf({}).context)
  exchange.request.headers.clearEdits()
  assert.equal(onRequest(emptied, exchange)?.code, 'credentials_invalid')
})

test('where a key may stand is checked', async () => {
  for (const wrong of [
    'X-API-Key',
    'header:',
    'header:a b',
    'query:a=b',
    'body',
    'header:Host',
    'header:Cookie',
    'header:transfer-encoding',
  ])
    assert.notDeepEqual(await problemsOf(apiKey, { from: [wrong] }), [], wrong)
  assert.notDeepEqual(await problemsOf(apiKey, { from: [] }), [])
  assert.notDeepEqual(await problemsOf(apiKey, { realm: 'a"b' }), [])
})

test('with `select: first` the first place where anything stands counts, and two there are refused', async () => {
  const options = { from: ['header:X-API-Key', 'query:k'], select: 'first' }
  assert.equal(await outcome({ ...header(KEY), query: 'k=other' }, options), 'api-key app key-1')
  assert.equal(await outcome({ ...header('other'), query: `k=${KEY}` }, options), 'credentials_invalid')
  assert.equal(await outcome({ ...header(''), query: `k=${KEY}` }, options), 'credentials_missing')
  assert.equal(await outcome({ query: `k=${KEY}` }, options), 'api-key app key-1')
  assert.equal(await outcome(header(KEY, KEY), options), 'credentials_invalid')
  assert.equal(await outcome({}, options), 'credentials_missing')
})

test('without a scheme the whole of `Authorization` is the key', async () => {
  const options = { from: ['header:Authorization'], scheme: false }
  assert.equal(await outcome({ headers: [['Authorization', KEY]] }, options), 'api-key app key-1')
  assert.equal(await outcome({ headers: [['Authorization', `Bearer ${KEY}`]] }, options), 'credentials_invalid')
})

test('OPTIONS may need no key, the challenge may be another, and reasons are told', async () => {
  const options = { onOptions: false, challenge: 'Key' }
  assert.equal(await outcome({ method: 'OPTIONS' }, options), ' undefined ')
  const steps = await compilePolicy(apiKey, options, contextOf(APP).context)
  const reasonOf = (shape: ExchangeShape) => onRequest(steps, exchangeOf(shape))?.reason
  assert.deepEqual([reasonOf({}), reasonOf(header('x')), reasonOf(header('x', 'y'))], ['key-missing', 'key-unknown', 'key-repeated'])
  assert.deepEqual(onRequest(steps, exchangeOf())?.headers, [['WWW-Authenticate', 'Key']])
  assert.deepEqual(await problemsOf(apiKey, { challenge: 'Key\r\nX: y' }), [
    'expected a scheme, and parameters behind it: `Key realm="api"`',
  ])
})
