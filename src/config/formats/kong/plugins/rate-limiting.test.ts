import assert from 'node:assert/strict'
import { test } from 'node:test'

import { rateLimiting } from './rate-limiting.ts'
import { translated } from './testing.ts'

test('2.10 rate-limiting: the defaults count by consumer, else by address, in windows by the clock', async () => {
  const { policies, notes, root } = await translated(rateLimiting, { second: 5, hour: 10_000 })
  assert.deepEqual(policies, {
    'rate-limit:rate-limiting': {
      limits: [
        { name: 'second', by: 'consumer', otherwise: 'ip', window: 'second', limit: 5 },
        { name: 'hour', by: 'consumer', otherwise: 'ip', window: 'hour', limit: 10_000 },
      ],
      counter: 'kong',
      guard: false,
      headers: 'per-window',
      message: 'API rate limit exceeded',
      ipv6Prefix: 128,
    },
  })
  assert.deepEqual([notes, root], [[], undefined])
})

test('2.10 rate-limiting: what is counted follows from limit_by', async () => {
  const by = async (config: object): Promise<unknown> => {
    const { policies } = await translated(rateLimiting, { minute: 5, ...config })
    return JSON.parse(JSON.stringify(policies))['rate-limit:rate-limiting'].limits[0].by
  }
  assert.equal(await by({ limit_by: 'ip' }), 'ip')
  assert.equal(await by({ limit_by: 'credential' }), 'credential')
  assert.equal(await by({ limit_by: 'service' }), 'service')
  assert.equal(await by({ limit_by: 'header', header_name: 'X-Tenant' }), 'header:X-Tenant')
  assert.equal(await by({ limit_by: 'path', path: '/login' }), 'path:/login')
})

test('2.10 rate-limiting: redis becomes the store of the gateway, old flat fields and new ones alike', async () => {
  const redis = { host: 'redis.internal', password: 'p', database: 3, ssl: true }
  const flat = Object.fromEntries(Object.entries(redis).map(([key, value]) => [`redis_${key}`, value]))
  for (const config of [{ redis }, flat]) {
    const { policies, root, notes } = await translated(rateLimiting, {
      minute: 5,
      hour: 9,
      policy: 'redis',
      fault_tolerant: false,
      ...config,
    })
    const { store, onStoreError } = JSON.parse(JSON.stringify(policies))['rate-limit:rate-limiting']
    assert.deepEqual([store, onStoreError], ['redis', 'closed'])
    assert.deepEqual(root, {
      stores: {
        redis: { address: 'redis.internal:6379', password: 'p', database: 3, tls: true, connectTimeout: 2000, commandTimeout: 2000 },
      },
    })
    assert.deepEqual(notes, ['config.policy#refused', 'config.redis.ssl_verify'])
  }
})

test('2.10 rate-limiting: status, message and hidden headers are carried', async () => {
  const { policies } = await translated(rateLimiting, { year: 5, hide_client_headers: true, error_code: 420, error_message: 'Enough' })
  const { headers, status, message } = JSON.parse(JSON.stringify(policies))['rate-limit:rate-limiting']
  assert.deepEqual([headers, status, message], ['hidden', 420, 'Enough'])
})

test('2.10 rate-limiting: what Kong refuses is refused in its words', async () => {
  const errors = async (config: object): Promise<readonly string[]> => (await translated(rateLimiting, config)).errors
  assert.match((await errors({})).join(), /^at least one of these fields must be non-empty: 'config.second', 'config.minute'/)
  assert.deepEqual(await errors({ second: 20, minute: 10 }), [
    'minute: The limit for minute(10.0) cannot be lower than the limit for second(20.0)',
  ])
  assert.deepEqual(await errors({ second: 0 }), ['second: value must be greater than 0'])
  assert.deepEqual(await errors({ minute: 1, policy: 'redis' }), ['redis.host: `config.redis.host`: required field missing'])
  assert.deepEqual(await errors({ minute: 1, limit_by: 'header' }), ['header_name: `config.header_name`: required field missing'])
  assert.match((await errors({ minute: 1, policy: 'cluster' })).join(), /needs a database/)
  assert.match((await errors({ minute: 1, sync_rate: 0.01, policy: 'redis', redis: { host: 'a' } })).join(), /sync_rate/)
  assert.match((await errors({ minut: 1 })).join(), /did you mean .minute./)
})
