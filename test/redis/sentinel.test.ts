/** Limits, records and responses where sentinels say which server is the master. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/core/clock.ts'
import { Headers } from '../../src/core/headers.ts'
import type { ResponseKey, StoredResponse } from '../../src/core/response-store.ts'
import type { LimitRule } from '../../src/core/store.ts'
import { RedisLimits } from '../../src/stores/redis/limits.ts'
import { RedisResponses } from '../../src/stores/redis/responses.ts'
import { RedisValues } from '../../src/stores/redis/values.ts'
import { redisMissing, startRedisSentinels } from '../services/redis.ts'
import { openConnection } from './open.ts'

const NONE = Headers.from([])
const KEY: ResponseKey = { host: 'shop.example', path: '/a', query: '', part: 'route shop' }
const RESPONSE: StoredResponse = {
  status: 200,
  head: Headers.from([['content-type', 'text/plain']]),
  body: Buffer.from('hello'),
  vary: [],
  tags: ['t'],
  receivedAtMs: Date.now(),
  initialAgeMs: 0,
  lifetimeMs: 3_600_000,
  neverStale: false,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  keepUntilMs: Date.now() + 3_600_000,
  memo: null,
}
const HOUR: LimitRule = { algorithm: 'fixed-window', capacity: 100, periodMs: 3_600_000 }

test('the master is found through sentinels, and followed when it is lost', { skip: redisMissing, timeout: 60_000 }, async (t) => {
  const { master, replica, sentinels, name } = await startRedisSentinels(t)
  // Of the sentinels some may be gone.
  const ports = [1, ...sentinels.map(({ port }) => port)]
  const settings = { sentinel: { master: name, username: null, password: null }, commandTimeoutMs: 500 }
  const { connection } = openConnection(t, ports, settings)
  const other = openConnection(t, ports, settings)
  const group = new RedisLimits(connection, 'test:', systemClock).group('place', [HOUR])
  const take = async () => group.take(['user'], 1)

  await t.test('it counts at the master, which passes it on to the replica', async () => {
    assert.deepEqual((await take()).remaining, [99])
    assert.deepEqual((await take()).remaining, [98])
    assert.notEqual(master.command('dbsize'), '0')
    while (replica.command('dbsize') === '0') await sleep(20)
  })

  const records = new RedisValues(connection, 'test:')
  const instances = [connection, other.connection].map((each) => new RedisResponses(each, 'test:', systemClock))
  const [one, two] = instances
  assert.ok(one !== undefined && two !== undefined)

  await t.test('records of users, responses and purges are shared by two instances', async () => {
    await records.set('user:ada', '{"roles":[]}', 60_000)
    assert.equal(await new RedisValues(other.connection, 'test:').get('user:ada'), '{"roles":[]}')
    assert.equal(await (await one.lookup(KEY, NONE)).put(RESPONSE, NONE), true)
    assert.equal((await two.lookup(KEY, NONE)).response?.body.toString(), 'hello')
    await two.purge({ kind: 'tag', tag: 't' })
    assert.equal((await one.lookup(KEY, NONE)).response, null)
    assert.equal(await (await one.lookup(KEY, NONE)).put(RESPONSE, NONE), true)
  })

  await t.test('when the master dies, takes fail until the replica is master, and then go on where they were', async () => {
    assert.equal(master.command('wait', '1', '2000'), '1')
    await master.stop()
    const isAway = await Promise.allSettled([take()])
    assert.equal(isAway[0]?.status, 'rejected')
    for (;;) {
      const [outcome] = await Promise.allSettled([take()])
      if (outcome?.status === 'fulfilled') {
        assert.deepEqual(outcome.value.remaining, [97])
        break
      }
      await sleep(50)
    }
    assert.match(replica.command('info', 'replication'), /role:master/)
    assert.equal(await records.get('user:ada'), '{"roles":[]}')
    assert.equal((await one.lookup(KEY, NONE)).response?.body.toString(), 'hello')
  })
})
