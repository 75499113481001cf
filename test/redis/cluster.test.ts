/** Limits on a real cluster of three masters. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/core/clock.ts'
import type { LimitRule } from '../../src/core/store.ts'
import { RedisLimits } from '../../src/stores/redis/limits.ts'
import { RedisValues } from '../../src/stores/redis/values.ts'
import { redisMissing, startRedisCluster } from '../services/redis.ts'
import { openConnection } from './open.ts'

const HOUR: LimitRule = { algorithm: 'fixed-window', capacity: 5, periodMs: 3_600_000 }
const BUCKET: LimitRule = { algorithm: 'token-bucket', capacity: 5, periodMs: 3_600_000 }

test('on a cluster takes are whole, single limits lie on all nodes, and a lost node costs its own keys only', {
  skip: redisMissing,
  timeout: 60_000,
}, async (t) => {
  const nodes = await startRedisCluster(t)
  const [first] = nodes
  assert.ok(first !== undefined)
  // Of the addresses some may be gone: one that answers is enough.
  const { connection } = openConnection(t, [1, first.port], { cluster: true, commandTimeoutMs: 2_000 })
  const limits = new RedisLimits(connection, 'test:', systemClock)

  await t.test('limits that are taken together lie on one node, those of different places do not', async () => {
    for (let place = 0; place < 40; place++) {
      const group = limits.group(`place ${place} {x}`, [BUCKET, HOUR])
      for (let i = 0; i < 5; i++) assert.equal((await group.take(['{a}', 'b}{'], 1)).admitted, true)
      const refused = await group.take(['{a}', 'b}{'], 1)
      assert.deepEqual([refused.admitted, refused.remaining], [false, [0, 0]])
    }
    for (const node of nodes) assert.notEqual(node.command('dbsize'), '0')
  })

  const single = limits.group('single', [HOUR])
  const take = (user: number): Promise<boolean> => Promise.resolve(single.take([`user-${user}`], 1)).then(({ admitted }) => admitted)
  const users = Array.from({ length: 60 }, (_, i) => i)

  await t.test('the states of a single limit lie on all nodes', async () => {
    const before = nodes.map((node) => Number(node.command('dbsize')))
    assert.ok((await Promise.all(users.map(take))).every(Boolean))
    for (const [i, node] of nodes.entries()) assert.ok(Number(node.command('dbsize')) > (before[i] ?? 0) + 5, node.address)
  })

  await t.test('records of users are shared by two instances', async () => {
    const { connection: other } = openConnection(t, [first.port], { cluster: true, commandTimeoutMs: 2_000 })
    await new RedisValues(connection, 'test:').set('user:ada', '{"roles":[]}', 60_000)
    assert.equal(await new RedisValues(other, 'test:').get('user:ada'), '{"roles":[]}')
  })

  await t.test('a node that is lost fails what it holds, and comes back', async () => {
    const [, , last] = nodes
    assert.ok(last !== undefined)
    // Otherwise all of the cluster stops when a part has no node.
    for (const node of nodes) node.command('config', 'set', 'cluster-require-full-coverage', 'no')
    await last.stop()
    const outcomes = await Promise.allSettled(users.map(take))
    const failed = outcomes.filter(({ status }) => status === 'rejected')
    assert.ok(failed.length > 5 && failed.length < 40, `${failed.length} of ${users.length}`)
    for (const failure of failed) {
      assert.equal(failure.status === 'rejected' && failure.reason.code, 'limit_store_unavailable')
    }
    await last.start()
    for (;;) {
      const again = await Promise.allSettled(users.map(take))
      if (again.every(({ status }) => status === 'fulfilled')) break
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
})
