import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, onResponse, problemsOf, UUID } from '../testing.ts'
import { requestId } from './policy.ts'

const sent = (...values: readonly string[]) => values.map((value) => ['x-request-id', value] as const)

test('an id is made, sent to the service and to the client', async () => {
  const steps = await compilePolicy(requestId, {})
  const exchange = exchangeOf()
  assert.equal(onRequest(steps, exchange), undefined)
  assert.equal(exchange.requestId, UUID)
  assert.deepEqual(fieldsOf(exchange.request.headers), [`x-request-id: ${UUID}`])
  exchange.response.headers.append('X-Request-ID', 'from-the-service')
  onResponse(steps, exchange)
  assert.deepEqual(fieldsOf(exchange.response.headers), [`x-request-id: ${UUID}`])
})

test('an id may be digits alone', async () => {
  const exchange = exchangeOf()
  onRequest(await compilePolicy(requestId, { format: 'hex' }), exchange)
  assert.equal(exchange.requestId, '00000000000040008000000000000000')
})

test('an id is kept from whom the option says, and replaced otherwise', async () => {
  for (const [trustClient, trusted, kept] of [
    ['never', true, false],
    ['trusted-proxies', true, true],
    ['trusted-proxies', false, false],
    ['always', false, true],
  ] as const) {
    const steps = await compilePolicy(requestId, { trustClient })
    const exchange = exchangeOf({ trusted, headers: sent('abc-1') })
    onRequest(steps, exchange)
    assert.equal(exchange.requestId, kept ? 'abc-1' : UUID, trustClient)
    assert.deepEqual(fieldsOf(exchange.request.headers), [`x-request-id: ${exchange.requestId}`])
  }
})

test('an id that could harm a log, or is sent twice, is replaced though the client is trusted', async () => {
  const steps = await compilePolicy(requestId, { trustClient: 'always' })
  for (const values of [[''], ['a b'], ['a"b'], ['<script>'], ['a\u00e9'], ['a'.repeat(129)], ['a', 'b']]) {
    const exchange = exchangeOf({ headers: sent(...values) })
    onRequest(steps, exchange)
    assert.equal(exchange.requestId, UUID, JSON.stringify(values))
    assert.deepEqual(fieldsOf(exchange.request.headers), [`x-request-id: ${UUID}`])
  }
})

test('the response goes without when it is told to, or when there is no id', async () => {
  assert.equal((await compilePolicy(requestId, { respond: false })).onResponse, undefined)
  const exchange = exchangeOf()
  onResponse(await compilePolicy(requestId, {}), exchange)
  assert.deepEqual(fieldsOf(exchange.response.headers), [])
})

test('the connection’s own headers carry no id', async () => {
  for (const header of ['Host', 'content-length', 'Transfer-Encoding', 'a b', '']) {
    assert.notDeepEqual(await problemsOf(requestId, { header }), [], header)
  }
})
