/** The `users` policy over a real Redis. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { RedisIr } from '../../src/config/ir.ts'
import { admit } from '../../src/core/caller.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { PolicySteps } from '../../src/core/policy.ts'
import { compilePolicy, contextWith, exchangeOf } from '../../src/policies/testing.ts'
import { users } from '../../src/policies/users/policy.ts'
import { httpClient } from '../../src/runtime/http-client.ts'
import { ResourceRegistry } from '../../src/runtime/resources.ts'
import { createStores } from '../../src/stores/index.ts'
import { eventually } from '../wire/harness.ts'
import { redisMissing, startRedis } from './redis.ts'

const REDIS: RedisIr = {
  addresses: [],
  cluster: false,
  sentinel: null,
  username: null,
  password: null,
  database: 0,
  tls: false,
  keyPrefix: '',
  connectTimeoutMs: 2_000,
  commandTimeoutMs: 2_000,
}

/** A worker: its own memory and its own connection to Redis. Closed with the test. */
async function worker(context: TestContext, redisPort: number, options: object): Promise<PolicySteps> {
  const registry = new ResourceRegistry()
  context.after(() => registry.close())
  const lease = registry.lease()
  const parts = contextWith({ clock: systemClock, http: httpClient, resources: lease })
  const redis: RedisIr = { ...REDIS, addresses: [{ host: '127.0.0.1', port: redisPort }] }
  const stores = createStores({ memory: { limitKeysMax: 1_000, responseBytesMax: 1_000_000 }, redis }, parts)
  const steps = await compilePolicy(users, { store: 'redis', ...options }, { ...parts, stores })
  lease.commit()
  return steps
}

async function rolesOf(steps: PolicySteps, subject: string): Promise<string> {
  const exchange = exchangeOf()
  admit(exchange, { method: 'jwt', subject })
  const verdict = await steps.onRequest?.(exchange)
  return verdict?.code ?? exchange.caller.user?.roles.join() ?? ''
}

test('workers share records through Redis; without it they say so, or do without', { skip: redisMissing }, async (context) => {
  const redis = await startRedis(context)
  let asked = 0
  const service = createServer((_request, response) => {
    asked++
    response.end('{"roles":["editor"],"permissions":["p"],"email":"x"}')
  })
  context.after(() => {
    service.close()
    service.closeAllConnections()
  })
  await new Promise<void>((resolve) => {
    service.listen(0, '127.0.0.1', resolve)
  })
  const address = service.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/{sub}`

  const one = await worker(context, redis.port, { url })
  const two = await worker(context, redis.port, { url })
  const bypass = await worker(context, redis.port, { url, onStoreError: 'bypass' })
  assert.equal(await rolesOf(one, 'ann'), 'editor')
  // It is written behind the answer.
  await eventually(() => redis.command('get', 'user:ann') !== '', 'the record in Redis')
  assert.equal(redis.command('get', 'user:ann'), '{"roles":["editor"],"permissions":["p"]}')
  const ttl = Number(redis.command('ttl', 'user:ann'))
  assert.ok(ttl > 250 && ttl <= 300, `${ttl}`)
  assert.equal(await rolesOf(two, 'ann'), 'editor')
  assert.equal(asked, 1)

  redis.command('set', 'user:eve', 'no record')
  assert.equal(await rolesOf(two, 'eve'), 'editor')
  assert.equal(asked, 2)

  await redis.stop()
  assert.equal(await rolesOf(one, 'ann'), 'editor')
  assert.equal(await rolesOf(one, 'bob'), 'store_unavailable')
  assert.equal(await rolesOf(bypass, 'bob'), 'editor')
  await redis.start()
  let back = ''
  for (let tries = 0; tries < 100 && back !== 'editor'; tries++) {
    back = await rolesOf(one, 'bob')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal(back, 'editor')
})
