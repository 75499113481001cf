import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicySurroundings, Verdict } from '../../core/policy.ts'
import { compilePolicy, type ExchangeShape, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { addressKey } from './address.ts'
import { rateLimit } from './policy.ts'
import type { RateLimitOptions } from './schema.ts'
import { respond, World } from './testing.ts'

/** Somebody who is known, as far as `parts` says. */
function known(shape: ExchangeShape, parts: { user?: string; consumer?: string; credential?: string; method?: string }): Exchange {
  const exchange = exchangeOf(shape)
  exchange.route = { name: 'list', pattern: '/users', serviceName: 'users' }
  const { caller } = exchange
  caller.method = parts.method ?? (parts.user === undefined && parts.consumer === undefined ? '' : 'jwt')
  caller.subject = parts.user ?? ''
  caller.credentialId = parts.credential ?? ''
  if (parts.consumer !== undefined) caller.consumer = { name: parts.consumer, groups: [], hasPolicies: false }
  return exchange
}

const KEY = { headers: [['X-API-Key', 'secret-key-1']] } as const
const GIVEN = {
  limits: [
    { by: 'api-key', rate: 10_000, capacity: 5_000 },
    { by: 'user', rate: 100, capacity: 100 },
    { by: 'ip', rate: 1_000, capacity: 1_000 },
  ],
}

function replyOf(verdict: Verdict): unknown {
  return verdict === undefined ? 'passes' : [verdict.code, ...verdict.headers.map(([name, value]) => `${name}: ${value}`)]
}

test('the three given limits refuse at their capacity, name what refused, and burn nothing', async () => {
  const world = new World()
  const steps = await compilePolicy(rateLimit, GIVEN, world.context)
  const call = (): Verdict => onRequest(steps, known(KEY, { user: '42' }))
  for (let i = 0; i < 100; i++) assert.equal(call(), undefined)
  assert.deepEqual(replyOf(call()), ['rate_limited', 'Retry-After: 1', 'X-RateLimit-Limit-Type: user'])
  assert.equal(world.counts.get('gateway_rate_limit_hits_total user'), 1)
  const exchange = known(KEY, { user: 'other' })
  onRequest(steps, exchange)
  assert.deepEqual(exchange.limit?.remaining, [4_899, 99, 899])
  world.nowMs += 10
  assert.equal(call(), undefined)
  for (let i = 0; i < 2_000; i++) onRequest(steps, known({ ...KEY, peerAddress: '192.0.2.9' }, {}))
  assert.deepEqual(replyOf(onRequest(steps, known({ peerAddress: '192.0.2.9' }, {}))), [
    'rate_limited',
    'Retry-After: 1',
    'X-RateLimit-Limit-Type: ip',
  ])
})

test('Retry-After is the wait rounded up to a second', async () => {
  const world = new World()
  const steps = await compilePolicy(rateLimit, { by: 'ip', window: 'minute', limit: 1 }, world.context)
  world.nowMs = 60_000 * 1_000_000 + 10_500
  assert.equal(onRequest(steps, exchangeOf()), undefined)
  assert.deepEqual(replyOf(onRequest(steps, exchangeOf())), ['rate_limited', 'Retry-After: 50', 'X-RateLimit-Limit-Type: ip'])
  world.nowMs += 49_499
  assert.deepEqual(replyOf(onRequest(steps, exchangeOf())), ['rate_limited', 'Retry-After: 1', 'X-RateLimit-Limit-Type: ip'])
  world.nowMs += 1
  assert.equal(onRequest(steps, exchangeOf()), undefined)
})

test('admitted and refused responses carry the fields that were asked for', async () => {
  const fields = async (headers: string): Promise<readonly (readonly string[])[]> => {
    const limits = [
      { name: 'burst', by: 'ip', rate: 2 },
      { by: 'route', window: 'hour', limit: 1000 },
      { by: 'user', window: 'day', limit: 5 },
    ]
    const world = new World()
    const steps = await compilePolicy(rateLimit, { limits, headers }, world.context)
    world.nowMs = 3_600_000 * 1_000 + 600_500
    return [1, 2, 3].map(() => {
      const exchange = known({}, {})
      onRequest(steps, exchange)
      return respond(steps, exchange)
    })
  }
  const policy = 'ratelimit-policy: "burst";q=2;w=1, "route";q=1000;w=3600, "user";q=5;w=86400'
  assert.deepEqual(await fields('ietf'), [
    [policy, 'ratelimit: "burst";r=1;t=1, "route";r=999;t=3000'],
    [policy, 'ratelimit: "burst";r=0;t=1, "route";r=998;t=3000'],
    [policy, 'ratelimit: "burst";r=0;t=1, "route";r=998;t=3000'],
  ])
  assert.deepEqual((await fields('x-ratelimit'))[2], ['x-ratelimit-limit: 2', 'x-ratelimit-remaining: 0', 'x-ratelimit-reset: 1'])
  assert.equal((await fields('both'))[0]?.length, 5)
  assert.deepEqual(await fields('none'), [[], [], []])
})

test('what is counted follows from `by`, and never holds a key or a long text', async () => {
  const long = 'x'.repeat(65)
  const keyOf = async (by: unknown, exchange: Exchange, more: object = {}): Promise<string | undefined> => {
    const world = new World()
    onRequest(await compilePolicy(rateLimit, { by, rate: 1, ...more }, world.context), exchange)
    return world.takes[0]?.[0]
  }
  const someone = (): Exchange =>
    known(
      {
        headers: [
          ['X-API-Key', 'abc'],
          ['X-Tenant', 'acme'],
          ['Authorization', 'Bearer t'],
        ],
      },
      { user: '42', consumer: 'app' },
    )
  assert.equal(await keyOf('ip', someone()), 'i:192.0.2.7')
  assert.equal(await keyOf('user', someone()), 'u:42')
  assert.equal(await keyOf('consumer', someone()), 'c:app')
  assert.equal(await keyOf('identity', someone()), 'c:app')
  assert.equal(await keyOf('identity', known({}, { user: '42' })), 'u:42')
  assert.equal(await keyOf('identity', known({}, {})), 'i:192.0.2.7')
  assert.equal(await keyOf('header:x-tenant', someone()), 'h:acme')
  assert.match((await keyOf('header:authorization', someone())) ?? '', /^h:#[\w-]{22}$/)
  assert.match((await keyOf('api-key', someone())) ?? '', /^a:#[\w-]{22}$/)
  assert.equal(await keyOf('api-key', known(KEY, { consumer: 'app', credential: 'k1', method: 'api-key' })), 'k:app/k1')
  assert.equal(await keyOf('route', someone()), 'r:list')
  assert.equal(await keyOf('service', someone()), 's:users')
  assert.equal(await keyOf(['user', 'route'], someone()), 'u:42|r:list')
  assert.equal(await keyOf(['user', 'header:x-none'], someone()), undefined)
  assert.equal(await keyOf(['user', 'header:x-none'], someone(), { otherwise: 'ip' }), 'i:192.0.2.7')
  for (const user of [long, 'a|b', 'ü', '#x']) assert.match((await keyOf('user', known({}, { user }))) ?? '', /^u:#[\w-]{22}$/)
})

test('addresses of one client are one key', () => {
  assert.equal(addressKey('192.0.2.1', 64), '192.0.2.1')
  assert.equal(addressKey('::ffff:192.0.2.1', 64), '192.0.2.1')
  assert.equal(addressKey('::ffff:c000:201', 64), '192.0.2.1')
  assert.equal(addressKey('2001:db8::1', 64), addressKey('2001:0DB8:0:0:ffff::2', 64))
  assert.equal(addressKey('2001:db8::1', 64), '2001:db8:0:0:0:0:0:0/64')
  assert.notEqual(addressKey('2001:db8:0:1::1', 64), addressKey('2001:db8::1', 64))
  assert.equal(addressKey('2001:db8:0:1ff::1', 56), '2001:db8:0:100:0:0:0:0/56')
  assert.equal(addressKey('fe80::1%eth0', 128), 'fe80:0:0:0:0:0:0:1/128')
  assert.equal(addressKey('::', 1), '0:0:0:0:0:0:0:0/1')
  assert.equal(addressKey('64:ff9b::192.0.2.33', 128), '64:ff9b:0:0:0:0:c000:221/128')
})

test('refused authentication is charged to the address, and then nobody looks at credentials any more', async () => {
  const world = new World()
  const limits = [
    { by: 'user', window: 'minute', limit: 100 },
    { by: 'ip', window: 'minute', limit: 3 },
  ]
  const steps = await compilePolicy(rateLimit, { limits }, world.context)
  for (let i = 0; i < 3; i++) {
    const guess = known({}, {})
    assert.equal(steps.onGuard?.(guess), undefined)
    assert.deepEqual(respond(steps, guess, 401), [])
  }
  const guess = known({}, {})
  const verdict = steps.onGuard?.(guess)
  assert.ok(verdict !== undefined && !(verdict instanceof Promise))
  assert.equal(verdict.code, 'rate_limited')
  assert.ok(verdict.headers.some(([name, value]) => name === 'X-RateLimit-Limit-Type' && value === 'ip'))
  assert.match(respond(steps, guess, 429).join('\n'), /ratelimit: "ip";r=0;t=\d+$/)
  assert.deepEqual(world.takes, [
    ['', 'i:192.0.2.7'],
    ['', 'i:192.0.2.7'],
    ['', 'i:192.0.2.7'],
  ])
  assert.equal(steps.onGuard?.(known({ peerAddress: '192.0.2.8' }, {})), undefined)
})

test('who is known and is forbidden something is charged as for a request that passes', async () => {
  const world = new World()
  const limits = [
    { by: 'user', window: 'minute', limit: 100 },
    { by: 'ip', window: 'minute', limit: 3 },
  ]
  const steps = await compilePolicy(rateLimit, { limits }, world.context)
  respond(steps, known({}, { method: 'jwt', user: 'ada' }), 403)
  // Refused by its address, say, before anybody was known.
  respond(steps, known({}, {}), 403)
  assert.deepEqual(world.takes, [['u:ada', 'i:192.0.2.7']])
})

test('who leaves before authentication has an answer is charged too, and who had one or waits for the store is not charged again', async () => {
  const world = new World()
  const steps = await compilePolicy(rateLimit, { by: 'ip', window: 'minute', limit: 2 }, world.context)
  const gone = { status: 0, error: 'client_closed', durationMs: 1 } as const
  const leave = (exchange: Exchange): void => steps.onFinish?.(exchange, gone)
  for (let i = 0; i < 2; i++) {
    const guess = known({}, {})
    assert.equal(steps.onGuard?.(guess), undefined)
    leave(guess)
  }
  const next = known({}, {})
  assert.notEqual(steps.onGuard?.(next), undefined)
  leave(next)
  assert.equal(world.takes.length, 2)
  const refused = known({ peerAddress: '192.0.2.9' }, {})
  respond(steps, refused, 401)
  leave(refused)
  const taken = known({ peerAddress: '192.0.2.9' }, {})
  onRequest(steps, taken)
  leave(taken)
  assert.equal(world.takes.length, 4)
  const overRedis = await compilePolicy(rateLimit, { by: 'ip', rate: 10, store: 'redis' }, world.context)
  const waiting = known({}, {})
  const verdict = overRedis.onRequest?.(waiting)
  overRedis.onFinish?.(waiting, gone)
  await verdict
  assert.equal(world.takes.length, 5)
})

test('a 401 that a service gives, or that came after the take, is not charged again', async () => {
  const world = new World()
  const steps = await compilePolicy(rateLimit, { by: 'ip', rate: 10 }, world.context)
  const exchange = known({}, {})
  onRequest(steps, exchange)
  respond(steps, exchange, 401)
  assert.equal(world.takes.length, 1)
  const byUser = await compilePolicy(rateLimit, { by: 'user', rate: 10 }, world.context)
  assert.equal(byUser.onGuard, undefined)
  respond(byUser, known({}, {}), 401)
  assert.equal(world.takes.length, 1)
})

test('the state is named by the place of the policy and its limits', async () => {
  const world = new World()
  await compilePolicy(
    rateLimit,
    {
      limits: [
        { by: 'user', rate: 1 },
        { by: 'user', rate: 2 },
        { by: 'header:X-A', rate: 1 },
      ],
    },
    world.context,
  )
  assert.deepEqual(world.groups, ['memory: rate-limit service users user user-2 header-X-A'])
})

test('without the store each mode does what it says, says so once, and goes back by itself', async () => {
  const verdicts = async (options: object): Promise<readonly [unknown[], World]> => {
    const world = new World()
    const steps = await compilePolicy(rateLimit, { by: 'ip', window: 'hour', limit: 8, store: 'redis', ...options }, world.context)
    const call = async (): Promise<unknown> => {
      const reply = replyOf(await steps.onRequest?.(known({}, {})))
      return Array.isArray(reply) ? reply[0] : reply
    }
    const seen = [await call()]
    world.redisAnswers = false
    for (let i = 0; i < 3; i++) seen.push(await call())
    world.redisAnswers = true
    seen.push(await call())
    return [seen, world]
  }
  const [closed, world] = await verdicts({ onStoreError: 'closed' })
  const unavailable = 'limit_store_unavailable'
  assert.deepEqual(closed, ['passes', unavailable, unavailable, unavailable, 'passes'])
  assert.deepEqual(world.logged, ['the store of limits does not answer', 'limits are counted in the store again'])
  assert.equal(world.counts.get('gateway_rate_limit_store_errors_total service users closed'), 3)
  assert.deepEqual((await verdicts({ onStoreError: 'open' }))[0], ['passes', 'passes', 'passes', 'passes', 'passes'])
  const [share, shared] = await verdicts({ onStoreError: 'local-share', localShare: 0.25 })
  assert.deepEqual(share, ['passes', 'passes', 'passes', 'rate_limited', 'passes'])
  assert.deepEqual(shared.groups, ['redis: rate-limit service users ip', 'memory: rate-limit service users ip alone'])
})

test('an instance that has used up its own share finds out that the store is back', async () => {
  const world = new World()
  const options = { by: 'ip', window: 'day', limit: 8, store: 'redis', onStoreError: 'local-share', localShare: 0.25 }
  const steps = await compilePolicy(rateLimit, options, world.context)
  const call = async (): Promise<unknown> => {
    const exchange = known({}, {})
    return steps.onGuard?.(exchange) ?? (await steps.onRequest?.(exchange)) ?? 'passes'
  }
  world.redisAnswers = false
  for (let i = 0; i < 2; i++) assert.equal(await call(), 'passes')
  for (let i = 0; i < 3; i++) assert.notEqual(await call(), 'passes')
  assert.equal(world.takes.length, 2 * 2, 'two in each store: a guard takes nothing')
  world.redisAnswers = true
  world.nowMs += 1_000
  assert.equal(await call(), 'passes')
})

test('without the store, closed means that nobody guesses either', async () => {
  const world = new World()
  const steps = await compilePolicy(rateLimit, { by: 'ip', rate: 10, store: 'redis' }, world.context)
  world.redisAnswers = false
  assert.equal(steps.onGuard?.(known({}, {})), undefined)
  respond(steps, known({}, {}), 401)
  await new Promise((resolve) => setImmediate(resolve))
  const verdict = await steps.onGuard?.(known({}, {}))
  assert.equal(verdict?.code, 'limit_store_unavailable')
  world.nowMs += 250
  assert.equal(steps.onGuard?.(known({}, {})), undefined, 'somebody has to find out that it is back')
})

test('a charge that the store does not take is counted and troubles nobody', async () => {
  const world = new World()
  const steps = await compilePolicy(rateLimit, { by: 'ip', rate: 10, store: 'redis' }, world.context)
  world.redisAnswers = false
  const guess = known({}, {})
  assert.equal(steps.onGuard?.(guess), undefined)
  respond(steps, guess, 401)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(world.counts.get('gateway_rate_limit_store_errors_total service users closed'), 1)
})

test('the check says what is wrong with limits', async () => {
  const ok = [{ rate: 1 }, { rate: 0.5, per: 'hour' }, { window: '90s', limit: 5 }, GIVEN]
  for (const options of ok) assert.deepEqual(await problemsOf(rateLimit, options), [])
  for (const options of [
    {},
    { by: 'ip' },
    { rate: 1, window: 'minute', limit: 1 },
    { window: 'minute' },
    { limit: 5 },
    { window: 'minute', limit: 5, capacity: 3 },
    { rate: 0 },
    { rate: 10_000, capacity: 5 },
    { rate: 1, by: 'ips' },
    { rate: 1, by: 'header:' },
    { rate: 1, limits: [{ rate: 1 }] },
    { limits: [] },
    {
      limits: [
        { name: 'a', rate: 1 },
        { name: 'a', rate: 2 },
      ],
    },
    { rate: 1, onStoreError: 'local-share' },
    { rate: 1, localShare: 0.5 },
    { rate: 1, onStoreError: 'local-share', localShare: 0 },
    { rate: 1, cost: 1.5 },
  ]) {
    assert.notDeepEqual(await problemsOf(rateLimit, options), [], JSON.stringify(options))
  }
  assert.match((await problemsOf(rateLimit, { rate: 0 }))[0] ?? '', /expected a number above 0/)
  assert.match((await problemsOf(rateLimit, { rate: 1, by: 'users' }))[0] ?? '', /did you mean `user`/)
})

test('the review warns of limits that never apply, and refuses those that nothing would pass', async () => {
  const remarks = async (written: object, around: Partial<PolicySurroundings> = {}): Promise<readonly string[]> => {
    const options: RateLimitOptions = (await rateLimit.loadSchema()).parse(written)
    const surroundings: PolicySurroundings = {
      optionsOf: () => undefined,
      authenticates: true,
      stores: new Set(['memory']),
      consumers: new Set<string>(),
      clientCertificates: false,
      ...around,
    }
    return (rateLimit.review?.(options, surroundings) ?? []).map(
      ({ severity, path, message }) => `${severity} ${path.join('.')}: ${message}`,
    )
  }
  assert.deepEqual(await remarks(GIVEN), [])
  assert.match(
    (await remarks(GIVEN, { authenticates: false })).join(),
    /^warning limits\.1: limit `user` counts by user, .* never applies$/,
  )
  assert.match((await remarks({ rate: 1 }, { authenticates: false })).join(), /counts by address only/)
  const both = { by: 'consumer', otherwise: 'ip', window: 'minute', limit: 1 }
  assert.deepEqual(
    (
      await remarks(
        {
          limits: [
            { name: 'a', ...both },
            { name: 'b', ...both },
          ],
        },
        { authenticates: false },
      )
    ).map((told) => told.slice(0, 51)),
    ['warning limits.0: limit `a` (and `b`) counts by con'],
  )
  assert.match((await remarks({ by: 'header:X-A', rate: 1 })).join(), /^warning : limit `header-X-A` counts by what clients say/)
  assert.deepEqual(await remarks({ by: 'header:X-A', rate: 1, otherwise: 'ip' }), [])
  assert.match((await remarks({ by: 'api-key', rate: 1 })).join(), /what clients say/)
  const beside = (kind: string, options: object) => ({ optionsOf: (asked: string) => (asked === kind ? options : undefined) })
  assert.match(
    (await remarks({ by: 'user', rate: 1 }, beside('api-key', {}))).join(),
    /finds out consumers, not users: it never applies; count/,
  )
  assert.match((await remarks({ by: 'user', rate: 1, otherwise: 'ip' }, beside('basic', {}))).join(), /it counts by address only;/)
  assert.deepEqual(await remarks({ by: 'user', rate: 1 }, beside('jwt', {})), [])
  const byKey = { by: 'header:x-api-key', rate: 1 }
  const hidden = beside('api-key', { from: ['query:k', 'header:X-API-Key'], forward: false })
  assert.match(
    (await remarks(byKey, hidden)).join(),
    /takes out before it is counted: it never applies; count by what `api-key` finds out$/,
  )
  assert.match((await remarks({ ...byKey, otherwise: 'ip' }, hidden)).join(), /it counts by address only;/)
  assert.doesNotMatch((await remarks(byKey, beside('api-key', { from: ['header:X-API-Key'], forward: true }))).join(), /takes out/)
  assert.match((await remarks({ by: ['header:Authorization'], rate: 1 }, beside('basic', { forward: false }))).join(), /`basic` takes out/)
  assert.match(
    (await remarks({ by: 'header:authorization', rate: 1 }, beside('jwt', { from: ['header'], forward: false }))).join(),
    /`jwt`/,
  )
  assert.deepEqual(await remarks({ by: 'api-key', rate: 1 }, { optionsOf: (kind) => (kind === 'api-key' ? {} : undefined) }), [])
  assert.match((await remarks({ by: 'ip', rate: 1, store: 'redis' })).join(), /^error store: no store `redis`/)
  assert.match((await remarks({ by: 'ip', rate: 10, capacity: 5, cost: 6 })).join(), /^error : a request costs 6/)
})
