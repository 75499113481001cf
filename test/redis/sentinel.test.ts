/** Limits and values where sentinels say which server is the master. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/core/clock.ts'
import type { LimitRule } from '../../src/core/store.ts'
import { RedisLimits } from '../../src/stores/redis/limits.ts'
import { redisMissing, startRedisSentinels } from '../services/redis.ts'
import { openConnection } from './open.ts'

const HOUR: LimitRule = { algorithm: 'fixed-window', capacity: 100, periodMs: 3_600_000 }

test('the master is found through sentinels, and followed when it is lost', { skip: redisMissing, timeout: 60_000 }, async (t) => {
  const { master, replica, sentinels, name } = await startRedisSentinels(t)
  // Of the sentinels some may be gone.
  const ports = [1, ...sentinels.map(({ port }) => port)]
  const { connection } = openConnection(t, ports, {
    sentinel: { master: name, username: null, password: null },
    commandTimeoutMs: 500,
  })
  const group = new RedisLimits(connection, 'test:', systemClock).group('place', [HOUR])
  const take = async () => group.take(['user'], 1)

  await t.test('it counts at the master, which passes it on to the replica', async () => {
    assert.deepEqual((await take()).remaining, [99])
    assert.deepEqual((await take()).remaining, [98])
    assert.notEqual(master.command('dbsize'), '0')
    while (replica.command('dbsize') === '0') await sleep(20)
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
  })
})
