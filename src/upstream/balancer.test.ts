import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BalancerKind, HashIr, HashKeyIr } from '../config/ir.ts'
import type { Exchange } from '../core/exchange.ts'
import { TimerWheel } from '../core/timers.ts'
import { type ExchangeShape, exchangeOf } from '../policies/testing.ts'
import { type Balancer, createBalancer, TargetGroup } from './balancer.ts'
import { Target } from './target.ts'

const KINDS: readonly BalancerKind[] = ['round-robin', 'random', 'least-connections', 'power-of-two', 'consistent-hash']
const SETTINGS = { connectTimeoutMs: 1, idleTimeoutMs: 1, connectionsMax: 1, responseHeadBytesMax: 1, tls: null, protocol: 'auto' } as const
const nothing = (): void => undefined
const GAUGE = { set: nothing, add: nothing }
const CONTEXT = { wheel: new TimerWheel(), connections: GAUGE, connectionsIdle: GAUGE, connectionsTotal: { add: nothing } }
const BY_PATH: HashKeyIr = { kind: 'path' }
const ANY = exchangeOf()

function targetsOf(...weights: number[]): Target[] {
  return weights.map((weight, i) => new Target(`10.0.0.${i}`, 80, weight, SETTINGS, CONTEXT))
}

function balancerOf(kind: BalancerKind, targets: readonly Target[], key: HashKeyIr = BY_PATH, more: Partial<HashIr> = {}): Balancer {
  const hash: HashIr = { key, otherwise: { kind: 'client-ip' }, setCookiePath: null, ...more }
  return createBalancer(kind, new TargetGroup(targets), hash, seeded())
}

/** Numbers in [0, 1) that are the same in each run. */
function seeded(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** How often each target is picked, by its place; each request has a path of its own. */
function count(kind: BalancerKind, targets: readonly Target[], picks: number, failed: ReadonlySet<Target> | null = null): number[] {
  const balancer = balancerOf(kind, targets)
  const counts = targets.map(() => 0)
  for (let i = 0; i < picks; i++) {
    ANY.request.path = `/${i}`
    const target = balancer.pick(ANY, failed)
    assert.ok(target)
    const index = targets.indexOf(target)
    counts[index] = (counts[index] ?? 0) + 1
  }
  return counts
}

for (const kind of KINDS) {
  test(`${kind} picks none of no targets, and the one of one`, () => {
    const balancer = balancerOf(kind, [])
    assert.equal(balancer.pick(ANY, null), null)
    const [only] = targetsOf(3)
    assert.ok(only)
    assert.equal(balancerOf(kind, [only]).pick(ANY, null), only)
  })

  test(`${kind} never picks a target of weight 0`, () => {
    assert.equal(count(kind, targetsOf(1, 0, 1), 300)[1], 0)
    const balancer = balancerOf(kind, targetsOf(0))
    assert.equal(balancer.pick(ANY, null), null)
  })

  test(`${kind} leaves out what has failed, and gives up when all have`, () => {
    const targets = targetsOf(1, 1, 1)
    const failed = new Set(targets.slice(0, 1))
    const counts = count(kind, targets, 300, failed)
    assert.equal(counts[0], 0)
    assert.ok((counts[1] ?? 0) > 0 && (counts[2] ?? 0) > 0)
    const balancer = balancerOf(kind, targets)
    assert.equal(balancer.pick(ANY, new Set(targets)), null)
  })

  if (kind === 'least-connections') continue
  test(`${kind} shares by weight`, () => {
    const [light = 0, heavy = 0] = count(kind, targetsOf(1, 3), 8_000)
    const share = heavy / (light + heavy)
    // Power of two looks at both of two targets, and both are idle: it keeps to the weighted first pick.
    assert.ok(Math.abs(share - 0.75) < 0.05, `${share} of the traffic`)
  })
}

test('round robin goes round, and spreads the picks of a heavy target', () => {
  const sequence = (weights: readonly number[], picks: number): string => {
    const targets = targetsOf(...weights)
    const balancer = balancerOf('round-robin', targets)
    return Array.from({ length: picks }, () => balancer.pick(ANY, null)?.host.at(-1)).join('')
  }
  assert.equal(sequence([1, 1, 1], 7), '0120120')
  assert.equal(sequence([5, 1, 1], 7), '0010200')
})

test('least connections picks the least busy for its weight, and goes round among idle ones', () => {
  const targets = targetsOf(1, 1, 4)
  const [first, second, third] = targets
  assert.ok(first && second && third)
  const balancer = balancerOf('least-connections', targets)
  first.inFlight = 2
  second.inFlight = 1
  third.inFlight = 5
  for (let i = 0; i < 3; i++) assert.equal(balancer.pick(ANY, null), second)
  third.inFlight = 3
  for (let i = 0; i < 3; i++) assert.equal(balancer.pick(ANY, null), third)
  assert.deepEqual(count('least-connections', targetsOf(1, 1, 1), 9), [3, 3, 3])
})

test('power of two never picks the busiest', () => {
  const targets = targetsOf(1, 1, 1, 1)
  const [busiest] = targets
  assert.ok(busiest)
  busiest.inFlight = 9
  assert.equal(count('power-of-two', targets, 500)[0], 0)
})

function owners(targets: readonly Target[], keys: number): (string | undefined)[] {
  const balancer = balancerOf('consistent-hash', targets)
  return Array.from({ length: keys }, (_, i) => {
    ANY.request.path = `/${i}`
    return balancer.pick(ANY, null)?.label
  })
}

test('a consistent hash keeps a key with its target', () => {
  const targets = targetsOf(1, 1, 1, 1)
  assert.deepEqual(owners(targets, 500), owners(targets, 500))
  assert.deepEqual(owners(targets.toReversed(), 500), owners(targets, 500))
})

test('when a target goes only its keys move, and they spread over the others', () => {
  const targets = targetsOf(1, 1, 1, 1, 1)
  const gone = targets[2]?.label
  const before = owners(targets, 2_000)
  const after = owners(
    targets.filter(({ label }) => label !== gone),
    2_000,
  )
  const heirs = new Set<string | undefined>()
  for (const [i, owner] of before.entries()) {
    if (owner === gone) heirs.add(after[i])
    else assert.equal(after[i], owner)
  }
  assert.equal(heirs.size, 4)
})

test('an excluded target is replaced as if it were gone', () => {
  const targets = targetsOf(1, 1, 1, 1)
  const [failed] = targets
  assert.ok(failed)
  const without = owners(targets.slice(1), 300)
  const balancer = balancerOf('consistent-hash', targets)
  for (const [i, label] of without.entries()) {
    ANY.request.path = `/${i}`
    assert.equal(balancer.pick(ANY, new Set([failed]))?.label, label)
  }
})

test('a consistent hash looks at what it is told to, and at the client where that is missing', () => {
  const targets = targetsOf(1, 1, 1, 1, 1, 1, 1, 1)
  const cases: readonly (readonly [HashKeyIr, (value: string) => ExchangeShape])[] = [
    [{ kind: 'client-ip' }, (value) => ({ peerAddress: value })],
    [{ kind: 'path' }, (value) => ({ path: value })],
    [{ kind: 'header', name: 'X-User' }, (value) => ({ headers: [['x-user', value]] })],
    [{ kind: 'query', name: 'user' }, (value) => ({ query: `a=b&user=${value}` })],
    [{ kind: 'cookie', name: 'sid' }, (value) => ({ headers: [['Cookie', `a=b; sid=${value}`]] })],
  ]
  for (const [key, shape] of cases) {
    const balancer = balancerOf('consistent-hash', targets, key)
    const pick = (exchange: Exchange): string | undefined => balancer.pick(exchange, null)?.label
    const seen = new Set(Array.from({ length: 100 }, (_, i) => pick(exchangeOf({ path: '/same', ...shape(`v${i}`) }))))
    assert.equal(seen.size, targets.length, key.kind)
    assert.equal(pick(exchangeOf(shape('v1'))), pick(exchangeOf({ ...shape('v1'), method: 'POST' })), key.kind)
  }
  const balancer = balancerOf('consistent-hash', targets, { kind: 'header', name: 'X-User' })
  const seen = new Set(Array.from({ length: 100 }, (_, i) => balancer.pick(exchangeOf({ peerAddress: `192.0.2.${i}` }), null)))
  assert.equal(seen.size, targets.length)
})

test('a request without what is hashed goes by what is looked at otherwise, or by chance', () => {
  const targets = targetsOf(1, 1, 1, 1, 1, 1, 1, 1)
  const key: HashKeyIr = { kind: 'header', name: 'X-User' }
  const picks = (balancer: Balancer, shape: (value: number) => ExchangeShape): number =>
    new Set(Array.from({ length: 100 }, (_, i) => balancer.pick(exchangeOf(shape(i)), null))).size
  const byPath = balancerOf('consistent-hash', targets, key, { otherwise: BY_PATH })
  assert.equal(
    picks(byPath, () => ({ path: '/same' })),
    1,
  )
  assert.equal(
    picks(byPath, (i) => ({ path: `/${i}` })),
    targets.length,
  )
  const byChance = balancerOf('consistent-hash', targets, key, { otherwise: null })
  assert.equal(
    picks(byChance, () => ({ path: '/same' })),
    targets.length,
  )
})

test('a consistent hash looks at who has been authenticated, and at captures of the path', () => {
  const targets = targetsOf(1, 1, 1, 1, 1, 1, 1, 1)
  const byConsumer = balancerOf('consistent-hash', targets, { kind: 'consumer' }, { otherwise: null })
  const of = (name: string): Exchange => {
    const exchange = exchangeOf()
    exchange.caller.consumer = { name, groups: [], hasPolicies: false }
    return exchange
  }
  assert.equal(new Set(Array.from({ length: 50 }, () => byConsumer.pick(of('app'), null))).size, 1)
  assert.ok(new Set(Array.from({ length: 50 }, (_, i) => byConsumer.pick(of(`app-${i}`), null))).size > 4)
  const byCapture = balancerOf('consistent-hash', targets, { kind: 'param', name: 'id' }, { otherwise: null })
  const captured = (value: string): Exchange => {
    const exchange = exchangeOf()
    exchange.params = new Map([['id', value]])
    return exchange
  }
  assert.equal(new Set(Array.from({ length: 50 }, () => byCapture.pick(captured('7'), null))).size, 1)
})

test('a client without the cookie is given one, the same for all tries, and goes where it leads', () => {
  const targets = targetsOf(1, 1, 1, 1, 1, 1, 1, 1)
  const balancer = balancerOf('consistent-hash', targets, { kind: 'cookie', name: 'sid' }, { otherwise: null, setCookiePath: '/shop' })
  const exchange = exchangeOf()
  const first = balancer.pick(exchange, null)
  const cookie = exchange.newCookie
  assert.match(cookie, /^sid=[0-9a-f-]+; Path=\/shop; HttpOnly; SameSite=Lax$/)
  assert.equal(balancer.pick(exchange, null), first)
  assert.equal(exchange.newCookie, cookie)
  assert.equal(balancer.pick(exchangeOf({ headers: [['Cookie', cookie.slice(0, cookie.indexOf(';'))]] }), null), first)
})
