/** What becomes of commands when Redis is away, hangs, forgets or comes back. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { RedisFault, scriptOf } from '../../src/stores/redis/connection.ts'
import { RedisValues } from '../../src/stores/redis/values.ts'
import { redisMissing, startRedis } from '../services/redis.ts'
import { openConnection } from './open.ts'

const skip = redisMissing
const timeout = 30_000
const DOWN = 'the store does not answer'
const UP = 'the store answers again'

const add = scriptOf("return redis.call('INCR', KEYS[1])")

test('a first command waits for the connection, and one without Redis fails; both say nothing but what is so', {
  skip,
  timeout,
}, async (t) => {
  const redis = await startRedis(t)
  const { connection, said } = openConnection(t, [redis.port])
  assert.equal(await connection.evaluate(add, ['test:n'], []), 1)
  assert.deepEqual(said, [])
  await redis.stop()
  const other = openConnection(t, [redis.port])
  await assert.rejects(other.connection.get('test:n'), RedisFault)
  await assert.rejects(other.connection.get('test:n'), /no connection/)
  assert.deepEqual(other.said, [DOWN])
})

test('a Redis that comes back is used again, and each outage is told once', { skip, timeout }, async (t) => {
  const redis = await startRedis(t)
  const { connection, said, heard } = openConnection(t, [redis.port])
  for (let outage = 0; outage < 2; outage++) {
    await connection.set('test:a', 'b', 10_000)
    await redis.stop()
    await heard(DOWN)
    for (let i = 0; i < 10; i++) await assert.rejects(connection.get('test:a'), RedisFault)
    await redis.start()
    await heard(UP)
    assert.equal(await connection.get('test:a'), null)
  }
  assert.deepEqual(said, [DOWN, UP, DOWN, UP])
})

test('a Redis that hangs costs a few commands their time limit, and the others nothing', { skip, timeout }, async (t) => {
  const redis = await startRedis(t)
  const { connection, heard } = openConnection(t, [redis.port], { commandTimeoutMs: 100 })
  await connection.set('test:a', 'b', 10_000)
  redis.pause()
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => connection.get('test:a')))
  for (const outcome of outcomes) assert.match(outcome.status === 'rejected' ? String(outcome.reason) : '', /did not answer within 100 ms/)
  await heard(DOWN)
  await assert.rejects(connection.get('test:a'), /no connection/)
  redis.resume()
  await heard(UP)
  assert.equal(await connection.get('test:a'), 'b')
})

test('one that hangs for long is connected to anew', { skip, timeout }, async (t) => {
  const redis = await startRedis(t)
  const { connection, heard } = openConnection(t, [redis.port], { commandTimeoutMs: 50, connectTimeoutMs: 200 })
  await connection.set('test:a', 'b', 60_000)
  const before = redis.command('info', 'stats')
  redis.pause()
  await Promise.allSettled(Array.from({ length: 10 }, () => connection.get('test:a')))
  await heard(DOWN)
  await new Promise((resolve) => setTimeout(resolve, 3_500))
  redis.resume()
  await heard(UP)
  assert.equal(await connection.get('test:a'), 'b')
  assert.ok(connectionsOf(redis.command('info', 'stats')) > connectionsOf(before) + 1)
})

function connectionsOf(stats: string): number {
  return Number(/total_connections_received:(\d+)/.exec(stats)?.[1])
}

test('a command that was under way when the connection broke is not sent again', { skip, timeout }, async (t) => {
  const redis = await startRedis(t)
  const { connection, heard } = openConnection(t, [redis.port])
  await connection.evaluate(add, ['test:n'], [])
  redis.pause()
  const underWay = assert.rejects(connection.evaluate(add, ['test:n'], []), RedisFault)
  await redis.stop()
  await underWay
  await redis.start()
  await heard(UP)
  assert.equal(await connection.get('test:n'), null)
})

test('a script that Redis has forgotten is given to it again', { skip, timeout }, async (t) => {
  const redis = await startRedis(t)
  const { connection } = openConnection(t, [redis.port])
  assert.equal(await connection.evaluate(add, ['test:n'], []), 1)
  redis.command('script', 'flush')
  assert.deepEqual(await Promise.all([1, 2, 3].map(() => connection.evaluate(add, ['test:n'], []))), [2, 3, 4])
})

test('a password that is wrong is an outage with its reason, the right one is not', { skip, timeout }, async (t) => {
  const redis = await startRedis(t)
  redis.command('config', 'set', 'requirepass', 'right')
  const wrong = openConnection(t, [redis.port], { password: 'wrong' })
  await assert.rejects(wrong.connection.get('test:a'), RedisFault)
  assert.deepEqual(wrong.said, [DOWN])
  const right = openConnection(t, [redis.port], { password: 'right', database: 3 })
  await right.connection.set('test:a', 'b', 10_000)
  assert.equal(await right.connection.get('test:a'), 'b')
})

test('values lie under the prefix and expire; without Redis each says that it is unavailable', {
  skip,
  timeout,
}, async (t: TestContext) => {
  const redis = await startRedis(t)
  const { connection, heard } = openConnection(t, [redis.port])
  const values = new RedisValues(connection, 'shop:')
  assert.equal(await values.get('user:42'), undefined)
  await values.set('user:42', '{"name":"Ann"}', 300_000)
  assert.equal(await values.get('user:42'), '{"name":"Ann"}')
  assert.equal(redis.command('get', 'shop:user:42'), '{"name":"Ann"}')
  const ttlMs = Number(redis.command('pttl', 'shop:user:42'))
  assert.ok(ttlMs > 200_000 && ttlMs <= 300_000, `${ttlMs}`)
  await redis.stop()
  await heard(DOWN)
  for (const failing of [values.get('user:42'), values.set('user:42', 'x', 1)]) {
    await assert.rejects(failing, { name: 'GatewayError', code: 'store_unavailable' })
  }
})

test('a connection that is closed ends, also while Redis is away', { skip, timeout }, async (t) => {
  const redis = await startRedis(t)
  const { connection } = openConnection(t, [redis.port])
  await connection.set('test:a', 'b', 10_000)
  connection.close()
  // What began before may still come.
  assert.equal(await connection.get('test:a'), 'b')
  await redis.stop()
})
