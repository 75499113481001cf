import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, onResponse, UUID } from '../testing.ts'
import { correlationId } from './policy.ts'

/** Ids of requests that bring none, one after the other. */
async function idsOf(options: object): Promise<string[]> {
  const steps = await compilePolicy(correlationId, options)
  return [1, 2].map(() => {
    const exchange = exchangeOf()
    assert.equal(onRequest(steps, exchange), undefined)
    return exchange.correlationId
  })
}

test('an id that comes is kept, whatever it is', async () => {
  const steps = await compilePolicy(correlationId, { respond: true })
  const exchange = exchangeOf({ headers: [['X-Correlation-ID', 'what ever']] })
  onRequest(steps, exchange)
  onResponse(steps, exchange)
  assert.deepEqual(fieldsOf(exchange.request.headers), ['x-correlation-id: what ever'])
  assert.deepEqual(fieldsOf(exchange.response.headers), ['x-correlation-id: what ever'])
})

test('an empty one is none, and the service gets a new one; the client does not unless it is asked for', async () => {
  const steps = await compilePolicy(correlationId, { header: 'X-Id' })
  const exchange = exchangeOf({ headers: [['x-id', '']] })
  onRequest(steps, exchange)
  assert.deepEqual(fieldsOf(exchange.request.headers), [`x-id: ${UUID}`])
  assert.equal(steps.onResponse, undefined)
})

test('ids have the form that was asked for', async () => {
  assert.deepEqual(await idsOf({}), [UUID, UUID])
  assert.deepEqual(await idsOf({ format: 'uuid-counter' }), [`${UUID}#1`, `${UUID}#2`])
  for (const id of await idsOf({ format: 'origin' })) assert.match(id, /^example[.]com-8080-\d+-\d+-[12]-\d+[.]\d{3}$/)
})
