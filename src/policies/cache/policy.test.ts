import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../../core/errors.ts'
import type { PolicySurroundings } from '../../core/policy.ts'
import type { ResponseStore } from '../../core/response-store.ts'
import { testContext } from '../testing.ts'
import { cache } from './policy.ts'
import type { CacheOptions } from './schema.ts'
import { type Asking, type Fields, World } from './testing.ts'

const FRESH: Fields = [['Cache-Control', 'max-age=60']]

/** Whether the second asker is given what the first one was. */
async function isGiven(options: object, first: Asking, second: Asking, headers: Fields = [], status = 200): Promise<boolean> {
  const world = new World(options)
  await world.ask(first, { status, headers, body: 'of the first' })
  return (await world.ask(second, { body: 'of the second' })).body === 'of the first'
}

test('with ttl a response is kept whatever it says of its freshness, but not against no-store, private and Set-Cookie', async () => {
  const kept = (headers: Fields, status = 200, options: object = {}): Promise<boolean> =>
    isGiven({ ttl: '1m', ...options }, {}, {}, headers, status)
  assert.equal(await kept([]), true)
  for (const value of ['max-age=0', 'no-cache', 'must-revalidate', 'nonsense'])
    assert.equal(await kept([['Cache-Control', value]]), true, value)
  for (const value of ['no-store', 'private', 'max-age=60, private="a"', '"'])
    assert.equal(await kept([['Cache-Control', value]]), false, value)
  assert.equal(await kept([['Set-Cookie', 'a=b']]), false)
  assert.equal(await kept([['Vary', '*']]), false)
  for (const status of [200, 203, 301, 308]) assert.equal(await kept([], status), true, String(status))
  for (const status of [204, 206, 302, 404, 500]) assert.equal(await kept([], status), false, String(status))
  assert.equal(await kept([], 404, { statuses: ['4xx'] }), true)
  assert.equal(await kept([], 200, { statuses: ['4xx'] }), false)
  assert.equal(await kept([], 206, { statuses: ['2xx'] }), false)
})

test('with ttl each caller has responses of its own, unless it was told otherwise', async () => {
  const bearer = (token: string): Asking => ({ headers: [['Authorization', `Bearer ${token}`]] })
  const cookie = (value: string): Asking => ({ headers: [['Cookie', value]] })
  const apiKey = (value: string): Asking => ({ headers: [['X-API-Key', value]] })
  const others: readonly (readonly [Asking, Asking])[] = [
    [bearer('one'), bearer('two')],
    [bearer('one'), {}],
    [{}, bearer('one')],
    [{ user: '1' }, { user: '2' }],
    [{ user: '1' }, {}],
    [cookie('a=1'), cookie('a=2')],
    [cookie('a=1'), {}],
    [apiKey('1'), apiKey('2')],
    [
      { user: '1', ...cookie('a=1') },
      { user: '1', ...cookie('a=2') },
    ],
  ]
  for (const [first, second] of others) {
    assert.equal(await isGiven({ ttl: '1m' }, first, second), false, JSON.stringify([first, second]))
    assert.equal(await isGiven({ ttl: '1m', shareAuthenticated: true }, first, second), true, JSON.stringify([first, second]))
    assert.equal(await isGiven({ ttl: '1m' }, first, first), true, JSON.stringify(first))
  }
  // The next token of a user is another text and says the same.
  assert.equal(await isGiven({ ttl: '1m' }, { user: '1', ...bearer('one') }, { user: '1', ...bearer('two') }), true)
  // What is private is so for its caller.
  assert.equal(await isGiven({ ttl: '1m' }, bearer('one'), bearer('one'), [['Cache-Control', 'private']]), true)
})

test('tokens of one user that say different things are different callers', async () => {
  const world = new World({ ttl: '1m' })
  const steps = await world.steps()
  const as = async (claims: Record<string, unknown>): Promise<string> => {
    const exchange = world.exchange({ user: '1' })
    exchange.caller.claims = claims
    return (await world.finish(exchange, await steps.onRequest?.(exchange), { body: JSON.stringify(claims) })).body
  }
  const wide = { sub: '1', scope: 'read write', exp: 1 }
  assert.equal(await as(wide), JSON.stringify(wide))
  assert.equal(await as({ exp: 2, jti: 'x', scope: 'read write', sub: '1' }), JSON.stringify(wide))
  const narrow = { sub: '1', scope: 'read', exp: 1 }
  assert.equal(await as(narrow), JSON.stringify(narrow))
})

test('what else tells responses apart: chosen headers, route, service, port, scheme, and what a trusted proxy says', async () => {
  const world = new World({ keyHeaders: ['X-Tenant'] })
  const steps = await world.steps()
  let count = 0
  /** Whether it is new. */
  const isNew = async (
    asking: Asking = {},
    change: { route?: string; service?: string; consumer?: string; scheme?: 'https' } = {},
  ): Promise<boolean> => {
    const exchange = world.exchange(asking)
    exchange.route = { name: change.route ?? 'all', pattern: '/*', serviceName: change.service ?? 'main' }
    if (change.scheme !== undefined) exchange.request.scheme = change.scheme
    if (change.consumer !== undefined) exchange.caller.consumer = { name: change.consumer, groups: [], hasPolicies: true }
    const told = await world.finish(exchange, await steps.onRequest?.(exchange), { headers: FRESH, body: `${count++}` })
    return told.forwarded !== null
  }
  const askings: readonly (() => Promise<boolean>)[] = [
    () => isNew(),
    () => isNew({ headers: [['X-Tenant', 'a']] }),
    () => isNew({ headers: [['X-Tenant', '']] }),
    () => isNew({ query: 'a' }),
    () => isNew({ path: '/a' }),
    () => isNew({ authority: 'other.example' }),
    () => isNew({ authority: 'example.com:8080' }),
    () => isNew({}, { route: 'other' }),
    () => isNew({}, { service: 'other' }),
    () => isNew({}, { consumer: 'app' }),
    () => isNew({}, { scheme: 'https' }),
    () => isNew({ trusted: true }),
    () => isNew({ trusted: true, headers: [['X-Forwarded-Host', 'evil.example']] }),
  ]
  for (const [i, ask] of askings.entries()) assert.equal(await ask(), true, String(i))
  for (const [i, ask] of askings.entries()) assert.equal(await ask(), false, String(i))
  assert.equal(await isNew({ headers: [['X-Forwarded-Host', 'evil.example']] }), false, 'nobody believes this one')
})

test('what cannot be kept or must not be answered from the cache goes by it', async () => {
  const world = new World({ ttl: '1m', bodyBytesMax: 4 })
  await world.ask({}, { body: '12345' })
  assert.equal((await world.ask({}, { body: '1234' })).cacheStatus, 'turnpike; fwd=miss; stored')
  assert.equal((await world.ask()).body, '1234')
  assert.equal((await world.ask({ bodyLength: 3 }, {})).cacheStatus, 'turnpike; fwd=bypass')
  assert.equal(world.count('bypass'), 1)
  assert.deepEqual([world.count('hit'), world.count('miss'), world.count('stored')], [1, 2, 1])
})

test('the tags of a response are for purges alone', async () => {
  const world = new World({ tagsHeader: 'Surrogate-Key' })
  const first = await world.ask({}, { headers: [...FRESH, ['Surrogate-Key', 'a b,c']] })
  assert.equal(first.headers.has('Surrogate-Key'), false)
  assert.equal((await world.ask()).headers.has('Surrogate-Key'), false)
  world.store.purge({ kind: 'tag', tag: 'd' })
  assert.equal((await world.ask()).forwarded, null)
  world.store.purge({ kind: 'tag', tag: 'c' })
  assert.notEqual((await world.ask({}, {})).forwarded, null)
})

test('conditions of a client do not keep a response from being stored, and stay where it would not be', async () => {
  const world = new World()
  const asking: Asking = {
    headers: [
      ['If-None-Match', '"x"'],
      ['If-Modified-Since', 'y'],
    ],
  }
  assert.equal((await world.ask(asking, { headers: [['Cache-Control', 'no-store']] })).forwarded?.has('If-None-Match'), false)
  const second = await world.ask(asking, { status: 304 })
  assert.deepEqual([second.forwarded?.get('If-None-Match'), second.forwarded?.get('If-Modified-Since'), second.status], ['"x"', 'y', 304])
  world.nowMs += 10_000
  assert.equal((await world.ask(asking, { headers: FRESH })).forwarded?.has('If-None-Match'), false)
})

/** So many seconds after a response was stored: what is there for a failure, and what is brought up to date behind the client's back. */
async function staleness(control: string, later: number, options: object = {}): Promise<string> {
  const world = new World(options)
  await world.ask(
    {},
    {
      headers: [
        ['Cache-Control', control],
        ['ETag', '"1"'],
      ],
      body: 'old',
    },
  )
  world.nowMs += later * 1000
  const steps = await world.steps()
  const exchange = world.exchange()
  const reply = await steps.onRequest?.(exchange)
  if (world.detached.length > 0) return `refreshed, ${reply?.body.toString()}`
  if (reply !== undefined) return 'hit'
  const { stale } = exchange
  return stale === null ? 'nothing' : `${stale.onError ? 'on error' : 'on demand'}, ${stale.reply().body.toString()}`
}

test('RFC 5861 and RFC 9111, 4.2.4: what is given stale, and for how long', async () => {
  const cases: readonly (readonly [string, number, object, string])[] = [
    ['max-age=10', 9, {}, 'hit'],
    ['max-age=10', 11, {}, 'on demand, old'],
    ['max-age=10', 3_609, {}, 'on demand, old'],
    ['max-age=10', 3_611, {}, 'nothing'],
    ['max-age=10', 11, { keepStale: '0s' }, 'nothing'],
    ['max-age=10, stale-if-error=20', 30, {}, 'on error, old'],
    ['max-age=10, stale-if-error=20', 31, {}, 'on demand, old'],
    ['max-age=10, stale-while-revalidate=20', 30, {}, 'refreshed, old'],
    ['max-age=10, stale-while-revalidate=20', 31, {}, 'on demand, old'],
    ['max-age=10', 30, { staleWhileRevalidate: '20s' }, 'refreshed, old'],
    ['max-age=10, stale-while-revalidate=0', 30, { staleWhileRevalidate: '20s' }, 'on demand, old'],
    ['max-age=10', 30, { staleIfError: '20s' }, 'on error, old'],
    ['max-age=10, must-revalidate', 11, { staleIfError: '1h', staleWhileRevalidate: '1h' }, 'nothing'],
    ['max-age=10, proxy-revalidate, stale-if-error=60', 11, {}, 'nothing'],
    ['no-cache, stale-while-revalidate=60', 11, {}, 'nothing'],
    ['s-maxage=10', 11, { staleIfError: '1h' }, 'nothing'],
    ['s-maxage=10, stale-while-revalidate=5', 14, {}, 'refreshed, old'],
    ['s-maxage=10, stale-while-revalidate=5', 16, { staleIfError: '1h' }, 'nothing'],
    ['max-age=1, must-revalidate', 9, { ttl: '10s' }, 'hit'],
    ['must-revalidate', 12, { ttl: '10s', staleWhileRevalidate: '5s' }, 'refreshed, old'],
  ]
  for (const [control, later, options, expected] of cases)
    assert.equal(await staleness(control, later, options), expected, `${control} after ${later} s, ${JSON.stringify(options)}`)
})

test('a stale response is brought up to date once at a time, as a whole, and by its validators', async () => {
  const world = new World()
  await world.ask(
    {},
    {
      headers: [
        ['Cache-Control', 'max-age=10, stale-while-revalidate=60'],
        ['ETag', '"1"'],
      ],
      body: 'old',
    },
  )
  world.nowMs += 20_000
  for (let i = 0; i < 3; i++) assert.equal((await world.ask({ method: 'HEAD', headers: [['Range', 'bytes=0-0']] })).body, 'old')
  assert.equal(world.detached.length, 1)
  const [refresh] = world.detached
  assert.ok(refresh)
  assert.deepEqual(
    [refresh.request.method, refresh.request.headers.get('If-None-Match'), refresh.request.headers.has('Range')],
    ['GET', '"1"', false],
  )
  await world.finish(refresh, undefined, { headers: FRESH, body: 'new' })
  assert.equal((await world.ask()).body, 'new')
})

test('a refresh that fails, or is not taken, is tried again by the next request', async () => {
  const world = new World({ ttl: '1s', staleWhileRevalidate: '1m' })
  await world.ask({}, { body: 'old' })
  world.nowMs += 2_000
  world.detaches = false
  await world.ask()
  world.detaches = true
  await world.ask()
  assert.equal(world.detached.length, 1)
  const steps = await world.steps()
  steps.onFinish?.(world.detached[0] ?? world.exchange(), { status: 0, error: 'upstream_timeout', durationMs: 0 })
  await world.ask()
  assert.equal(world.detached.length, 2)
  assert.equal(world.count('stale'), 3)
})

test('what another service says in place of a failing one is not stored', async () => {
  const world = new World()
  const steps = await world.steps()
  const exchange = world.exchange()
  assert.equal(await steps.onRequest?.(exchange), undefined)
  exchange.fallback = 'service'
  await world.finish(exchange, undefined, { headers: FRESH, body: 'degraded' })
  assert.equal((await world.ask({}, { headers: FRESH, body: 'real' })).body, 'real')
})

test('a store that does not answer costs hits and nothing else', async () => {
  const fail = (): Promise<never> => Promise.reject(new GatewayError('store_unavailable', 'redis is down', 'internal'))
  const logged: string[] = []
  let answers = false
  const forgetful: ResponseStore = {
    lookup: () => (answers ? Promise.resolve({ response: null, put: fail, remove: fail }) : fail()),
    invalidate: fail,
    purge: fail,
  }
  const log = { ...testContext.log, warn: (_fields: unknown, message: string) => logged.push(message) }
  const world = new World({ store: 'redis' }, { log, stores: { ...testContext.stores, responses: () => forgetful } })
  assert.equal((await world.ask({}, { headers: FRESH, body: 'x' })).cacheStatus, 'turnpike; fwd=bypass')
  assert.equal((await world.ask({ method: 'POST' }, { status: 204 })).status, 204)
  answers = true
  for (let i = 0; i < 2; i++) assert.equal((await world.ask({}, { headers: FRESH, body: 'x' })).body, 'x')
  await new Promise(setImmediate)
  assert.equal(world.count('store_errors'), 4)
  assert.equal(logged.length, 1, 'one line in ten seconds')
})

test('who leaves while the store is asked takes no lead that nobody could end', async () => {
  let answer = (): void => {}
  const slow: ResponseStore = {
    lookup: () =>
      new Promise((resolve) => {
        answer = () => resolve({ response: null, put: () => true, remove: () => undefined })
      }),
    invalidate: () => undefined,
    purge: () => undefined,
  }
  const world = new World({ store: 'redis' }, { stores: { ...testContext.stores, responses: () => slow } })
  const steps = await world.steps()
  const gone = world.exchange()
  const verdict = steps.onRequest?.(gone)
  gone.ended = true
  steps.onFinish?.(gone, { status: 0, error: 'client_closed', durationMs: 0 })
  answer()
  assert.equal(await verdict, undefined)
  const next = steps.onRequest?.(world.exchange())
  answer()
  assert.equal(await next, undefined)
  assert.equal(world.count('miss'), 1, 'the next one asks at once')
})

test('in shadow it looks and keeps, and changes nothing', async () => {
  const world = new World({ ttl: '1s', staleWhileRevalidate: '1m' }, { mode: 'shadow' })
  const steps = await world.steps()
  const asking: Asking = { headers: [['If-None-Match', '"x"']] }
  const first = world.exchange(asking)
  assert.equal(await steps.onRequest?.(first), undefined)
  assert.equal(first.request.headers.get('If-None-Match'), '"x"')
  // Nobody waits for it.
  assert.equal(await steps.onRequest?.(world.exchange()), undefined)
  await world.finish(first, undefined, { body: 'x' })
  const second = world.exchange()
  assert.equal((await steps.onRequest?.(second))?.status, 200)
  world.nowMs += 2_000
  await steps.onRequest?.(world.exchange())
  assert.equal(world.detached.length, 0)
})

test('other options begin with an empty cache', async () => {
  const world = new World({ ttl: '1m' })
  await world.ask({}, { body: 'x' })
  const other = new World({ ttl: '2m' }, { stores: world.context.stores })
  assert.notEqual((await other.ask({}, { body: 'y' })).forwarded, null)
  const same = new World({ ttl: '60s' }, { stores: world.context.stores })
  assert.equal((await same.ask()).body, 'x')
})

test('check tells of what cannot work or does nothing', async () => {
  const schema = await cache.loadSchema()
  const around: PolicySurroundings = {
    optionsOf: () => undefined,
    authenticates: true,
    stores: new Set(['memory']),
    consumers: new Set(),
    clientCertificates: false,
  }
  const remarks = (written: object): unknown => {
    const options: CacheOptions = schema.parse(written)
    return cache.review?.(options, around).map(({ severity, path }) => `${severity} ${path.join('.')}`)
  }
  assert.deepEqual(remarks({}), [])
  assert.deepEqual(remarks({ store: 'redis' }), ['error store'])
  assert.deepEqual(remarks({ statuses: [200] }), [])
  assert.deepEqual(remarks({ ttl: '1m', defaultTtl: '1m' }), ['warning defaultTtl'])
  assert.deepEqual(remarks({ ttl: 300 }), ['warning ttl'])
  assert.deepEqual(remarks({ shareAuthenticated: true }), ['warning shareAuthenticated'])
})
