/** What the store of responses in Redis has beyond the contract of all such stores: several instances, losses, time, a cluster. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { Headers } from '../../src/core/headers.ts'
import type { ResponseKey, StoredResponse } from '../../src/core/response-store.ts'
import { RedisResponses } from '../../src/stores/redis/responses.ts'
import { type RedisServer, redisMissing, startRedis, startRedisCluster } from '../services/redis.ts'
import { openConnection } from './open.ts'

const options = { skip: redisMissing, timeout: 60_000 }
const HOUR_MS = 3_600_000
const NONE = Headers.from([])

function key(path: string, change: Partial<ResponseKey> = {}): ResponseKey {
  return { host: 'shop.example', path, query: '', part: 'route shop', ...change }
}

function response(change: Partial<StoredResponse> = {}): StoredResponse {
  const receivedAtMs = Date.now()
  return {
    status: 200,
    head: Headers.from([['content-type', 'text/plain']]),
    body: Buffer.from('hello'),
    vary: [],
    tags: [],
    receivedAtMs,
    initialAgeMs: 0,
    lifetimeMs: HOUR_MS,
    neverStale: false,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    keepUntilMs: receivedAtMs + HOUR_MS,
    memo: null,
    ...change,
  }
}

/** One instance of a gateway: a connection and a store of its own. */
function instance(t: TestContext, ports: readonly number[], clock: Clock = systemClock) {
  const opened = openConnection(t, ports)
  return { ...opened, store: new RedisResponses(opened.connection, 'test:', clock) }
}

async function put(store: RedisResponses, at: ResponseKey, change: Partial<StoredResponse> = {}, headers = NONE): Promise<boolean> {
  return (await store.lookup(at, headers)).put(response(change), headers)
}

async function found(store: RedisResponses, at: ResponseKey, headers = NONE): Promise<string | null> {
  return (await store.lookup(at, headers)).response?.body.toString('latin1') ?? null
}

function keysOf(redis: RedisServer, pattern: string): string[] {
  return redis
    .command('--scan', '--pattern', pattern)
    .split('\n')
    .filter((line) => line !== '')
}

test('what one instance keeps another finds, byte for byte', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  const body = Buffer.from(Array.from({ length: 4_096 }, (_, i) => i % 256))
  const head = Headers.from([
    ['content-type', 'image/png'],
    ['set-cookie', 'a=b'],
    ['set-cookie', 'c=d'],
  ])
  assert.equal(await put(one.store, key('/a'), { status: 203, head, body, tags: ['t'] }), true)
  const { response: kept } = await other.store.lookup(key('/a'), NONE)
  assert.ok(kept)
  assert.deepEqual([kept.status, kept.head.toPairs(), kept.tags], [203, head.toPairs(), ['t']])
  assert.ok(kept.body.equals(body))
})

test('a purge by one instance holds for the next look-up of another, whatever it names', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  const purges = [
    { kind: 'all' },
    { kind: 'tag', tag: 'shoes' },
    { kind: 'prefix', host: null, path: '/a' },
    { kind: 'prefix', host: 'shop.example', path: '/a/' },
    { kind: 'key', host: 'shop.example', path: '/a/b', query: '' },
  ] as const
  for (const purge of purges) {
    assert.equal(await put(one.store, key('/a/b'), { tags: ['shoes', 'blue'] }), true, purge.kind)
    assert.equal(await put(one.store, key('/ab'), { tags: ['hats'] }), true)
    assert.equal(await found(other.store, key('/a/b')), 'hello', purge.kind)
    await one.store.purge(purge)
    assert.equal(await found(other.store, key('/a/b')), null, purge.kind)
    assert.equal(await found(other.store, key('/ab')), purge.kind === 'all' ? null : 'hello', purge.kind)
  }
})

test('what was being fetched when another instance purged it is not kept', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  const purges = [
    () => other.store.purge({ kind: 'all' }),
    () => other.store.purge({ kind: 'tag', tag: 't' }),
    () => other.store.purge({ kind: 'prefix', host: null, path: '/' }),
    () => other.store.invalidate('shop.example', '/a', ''),
  ]
  for (const purge of purges) {
    const lookup = await one.store.lookup(key('/a'), NONE)
    await purge()
    assert.equal(await lookup.put(response({ tags: ['t'] }), NONE), false)
    assert.equal(await found(other.store, key('/a')), null)
    assert.equal(await put(one.store, key('/a'), { tags: ['t'] }), true)
  }
})

test(
  'an answer that comes long after its look-up is not kept: what an invalidation left behind may be gone by then',
  options,
  async (t) => {
    const redis = await startRedis(t)
    let nowMs = 0
    const clock = { ...systemClock, now: () => nowMs }
    const { store } = instance(t, [redis.port], clock)
    const [early, late] = [await store.lookup(key('/a'), NONE), await store.lookup(key('/b'), NONE)]
    nowMs = 110_000
    assert.equal(await early.put(response(), NONE), true)
    nowMs = 110_001
    assert.equal(await late.put(response(), NONE), false)
    await store.invalidate('shop.example', '/c', '')
    const invalidated = keysOf(redis, 'test:response:*').find((name) => Number(redis.command('pttl', name)) <= 120_000)
    assert.ok(Number(redis.command('pttl', invalidated ?? '')) > 110_000)
  },
)

test('two that ask at the same time keep both answers, and an old one of an invalidated URI is none', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  const lookups = await Promise.all([one, other].map(({ store }, i) => store.lookup(key('/a', { part: `user ${i}` }), NONE)))
  assert.deepEqual(await Promise.all(lookups.map((lookup) => lookup.put(response(), NONE))), [true, true])
  await one.store.invalidate('shop.example', '/a', '')
  assert.equal(await put(one.store, key('/a', { part: 'user 2' })), true)
  assert.equal(await found(other.store, key('/a', { part: 'user 0' })), null)
  assert.equal(await found(other.store, key('/a', { part: 'user 2' })), 'hello')
})

test('responses are told apart by their Vary, which every instance learns, and a usual hit is one round trip', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  const [gzip, plain] = [Headers.from([['accept-encoding', 'gzip']]), NONE]
  const vary = ['accept-encoding']
  assert.equal(await put(one.store, key('/a'), { vary, body: Buffer.from('zipped') }, gzip), true)
  assert.equal(await found(other.store, key('/a'), plain), null)
  assert.equal(await put(other.store, key('/a'), { vary, body: Buffer.from('plain') }, plain), true)
  for (const { store } of [one, other]) {
    assert.equal(await found(store, key('/a'), gzip), 'zipped')
    assert.equal(await found(store, key('/a'), plain), 'plain')
  }
  assert.equal(await put(one.store, key('/b'), { vary, body: Buffer.from('zipped') }, gzip), true)
  for (const [{ store }, path] of [[other, '/a'] as const, [one, '/b'] as const]) {
    const before = commandsOf(redis)
    assert.equal(await found(store, key(path), gzip), 'zipped')
    const after = commandsOf(redis)
    assert.deepEqual([after.get - before.get, after.mget - before.mget], [1, 1])
  }
})

test('answers that come at the same time and vary by different names do not throw each other out', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  const lookups = await Promise.all([one, other].map(({ store }) => store.lookup(key('/a'), NONE)))
  assert.equal(await lookups[0]?.put(response({ vary: ['accept'] }), NONE), true)
  assert.equal(await lookups[1]?.put(response({ vary: ['accept-language'] }), NONE), false)
  assert.equal(await found(other.store, key('/a')), 'hello')
  assert.equal(await put(other.store, key('/a'), { vary: ['accept-language'] }), true)
  assert.equal(await found(one.store, key('/a'), Headers.from([['accept', 'x']])), null)
})

test('names with the same values are told apart, also where the new ones are too many to be joined with the old', options, async (t) => {
  const redis = await startRedis(t)
  const { store } = instance(t, [redis.port])
  const many = Array.from({ length: 16 }, (_, i) => `x-${String(i).padStart(2, '0')}`)
  await put(store, key('/a'), { vary: ['accept'] }, Headers.from([['accept', 'x']]))
  await put(store, key('/a'), { vary: many })
  await put(store, key('/a'), { vary: ['origin'] }, Headers.from([['origin', 'y']]))
  assert.equal(await found(store, key('/a'), Headers.from([['origin', 'y']])), 'hello')
  assert.equal(await found(store, key('/a'), Headers.from([['origin', 'x']])), null)
})

function commandsOf(redis: RedisServer): { get: number; mget: number } {
  const stats = redis.command('info', 'commandstats')
  const calls = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  return { get: calls('get'), mget: calls('mget') }
}

test('a response is removed only where it has not been replaced', options, async (t) => {
  const redis = await startRedis(t)
  const { store } = instance(t, [redis.port])
  await put(store, key('/a'), { body: Buffer.from('old') })
  const old = await store.lookup(key('/a'), NONE)
  await put(store, key('/a'), { body: Buffer.from('new') })
  await old.remove()
  assert.equal(await found(store, key('/a')), 'new')
  await (await store.lookup(key('/a'), NONE)).remove()
  assert.equal(await found(store, key('/a')), null)
})

test('everything in Redis has a time to live, a URI at least that of its longest response', options, async (t) => {
  const redis = await startRedis(t)
  const { store } = instance(t, [redis.port])
  const at = Date.now()
  await put(store, key('/a'), { keepUntilMs: at + HOUR_MS })
  await put(store, key('/a', { part: 'other' }), { keepUntilMs: at + 60_000 })
  await store.purge({ kind: 'tag', tag: 't' })
  const ttls = keysOf(redis, '*').map((name) => Number(redis.command('pttl', name)))
  assert.equal(ttls.length, 5)
  for (const ttl of ttls) assert.ok(ttl > 0, `${ttl}`)
  const uri = keysOf(redis, 'test:response:{*}')
  assert.equal(uri.length, 1)
  assert.ok(Number(redis.command('pttl', uri[0] ?? '')) > 60_000)
  assert.equal(await put(store, key('/b'), { keepUntilMs: at - 1 }), false)
})

test('a Redis that lost its memory has no purge forgotten: what was kept before is not found', options, async (t) => {
  const redis = await startRedis(t)
  const { store } = instance(t, [redis.port])
  await put(store, key('/a'))
  const underWay = await store.lookup(key('/b'), NONE)
  redis.command('del', 'test:{purges}', 'test:{purges}:list')
  assert.equal(await found(store, key('/a')), null)
  assert.equal(await underWay.put(response(), NONE), false)
  assert.equal(await put(store, key('/a')), true)
  assert.equal(await found(store, key('/a')), 'hello')
})

test('after a purge of everything older purges mean nothing any more', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  await put(one.store, key('/a'), { tags: ['t'] })
  await one.store.purge({ kind: 'tag', tag: 't' })
  assert.equal(await found(one.store, key('/a')), null)
  await one.store.purge({ kind: 'all' })
  await put(one.store, key('/a'), { tags: ['t'] })
  await one.store.purge({ kind: 'tag', tag: 'u' })
  for (const { store } of [one, other]) assert.equal(await found(store, key('/a')), 'hello')
})

test('the log of purges is bounded, and what is older than all of it counts as purged', options, async (t) => {
  const redis = await startRedis(t)
  const [one, other] = [instance(t, [redis.port]), instance(t, [redis.port])]
  await put(one.store, key('/old'))
  for (let i = 0; i < 4_095; i++) await one.store.purge({ kind: 'tag', tag: `tag ${i}` })
  assert.equal(await found(one.store, key('/old')), 'hello')
  await put(one.store, key('/young'))
  for (let i = 0; i < 3; i++) await one.store.purge({ kind: 'tag', tag: `more ${i}` })
  assert.equal(redis.command('zcard', 'test:{purges}:list'), '4096')
  for (const { store } of [one, other]) {
    assert.equal(await found(store, key('/old')), null)
    assert.equal(await found(store, key('/young')), 'hello')
  }
  // The same purge again takes no place of its own.
  await one.store.purge({ kind: 'tag', tag: 'more 0' })
  assert.equal(await found(other.store, key('/young')), 'hello')
})

test('what is no response, or one of another release, is not found', options, async (t) => {
  const redis = await startRedis(t)
  const { store } = instance(t, [redis.port])
  await put(store, key('/a'))
  const [value] = keysOf(redis, 'test:response:{*}:*')
  for (const text of ['', 'short', 'x'.repeat(200)]) {
    redis.command('set', value ?? '', text)
    assert.equal(await found(store, key('/a')), null)
  }
})

test('without Redis each call rejects with the store being unavailable', options, async (t) => {
  const redis = await startRedis(t)
  const { store, heard } = instance(t, [redis.port])
  await put(store, key('/a'))
  const lookup = await store.lookup(key('/a'), NONE)
  await redis.stop()
  await heard('the store does not answer')
  const calls: (() => unknown)[] = [
    () => store.lookup(key('/a'), NONE),
    () => lookup.put(response(), NONE),
    () => lookup.remove(),
    () => store.invalidate('shop.example', '/a', ''),
    () => store.purge({ kind: 'all' }),
    () => store.purge({ kind: 'tag', tag: 't' }),
    () => store.purge({ kind: 'key', host: 'h', path: '/', query: '' }),
  ]
  for (const call of calls) await assert.rejects(async () => call(), { name: 'GatewayError', code: 'store_unavailable' })
})

test('on a cluster responses lie on all nodes, those of a URI on one, and purges hold for all', options, async (t) => {
  const nodes = await startRedisCluster(t)
  const ports = nodes.map(({ port }) => port)
  const [one, other] = [instance(t, ports), instance(t, ports)]
  const paths = Array.from({ length: 40 }, (_, i) => `/p/${i}`)
  for (const path of paths) {
    for (const part of ['a', 'b']) assert.equal(await put(one.store, key(path, { part }), { tags: [path] }), true)
  }
  for (const node of nodes) assert.ok(keysOf(node, 'test:response:*').length > 5)
  for (const path of paths) assert.equal(await found(other.store, key(path, { part: 'b' })), 'hello')
  await one.store.invalidate('shop.example', '/p/1', '')
  await one.store.purge({ kind: 'tag', tag: '/p/2' })
  const left = await Promise.all(paths.map((path) => found(other.store, key(path, { part: 'a' }))))
  assert.deepEqual(
    paths.filter((_, i) => left[i] === null),
    ['/p/1', '/p/2'],
  )
  await other.store.purge({ kind: 'prefix', host: null, path: '/p' })
  for (const path of paths) assert.equal(await found(one.store, key(path, { part: 'a' })), null)
})
