import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { systemClock } from '../../core/clock.ts'
import { type LimitDecision, type LimitRule, SLIDING_SLICES } from '../../core/store.ts'
import { MemoryLimits, partOf } from './limit-store.ts'
import { OwnMemory } from './memory.ts'

const START_MS = 1_790_000_000_000

/** Limits under a time that the test gives. */
function limitsAt(nowMs: number, keysMax = 1_000) {
  const time = { nowMs, added: 0, evicted: 0 }
  const events = { added: () => time.added++, evicted: () => time.evicted++, lockStolen: assert.fail }
  const memory = new OwnMemory(keysMax, events)
  return { time, limits: new MemoryLimits(memory, { ...systemClock, epochMs: () => time.nowMs }) }
}

const bucket = (capacity: number, periodMs: number): LimitRule => ({ algorithm: 'token-bucket', capacity, periodMs })
const fixed = (capacity: number, periodMs: number): LimitRule => ({ algorithm: 'fixed-window', capacity, periodMs })
const sliding = (capacity: number, periodMs: number): LimitRule => ({ algorithm: 'sliding-window', capacity, periodMs })

/** One rule and key as a list of what was admitted, counted in thousandths and in whole numbers of any size. */
class Model {
  readonly #rule: LimitRule
  readonly #capacity: bigint
  readonly #period: bigint
  readonly #takes: { readonly at: bigint; readonly cost: bigint }[] = []

  constructor(rule: LimitRule) {
    this.#rule = rule
    this.#capacity = thousandths(rule.capacity)
    this.#period = BigInt(rule.periodMs)
  }

  take(at: bigint, cost: bigint): void {
    this.#takes.push({ at, cost })
  }

  admits(at: bigint, cost: bigint): boolean {
    return this.#used(at) + cost * this.#scale <= this.#capacity * this.#scale
  }

  /** Asked at each moment at which anything comes back. */
  waitMs(at: bigint, cost: bigint): number {
    if (cost > this.#capacity) return Number.POSITIVE_INFINITY
    let [low, high] = [at, at + this.#period * 2n]
    while (low < high) {
      const middle = (low + high) / 2n
      if (this.admits(middle, cost)) high = middle
      else low = middle + 1n
    }
    return Number(low - at)
  }

  left(at: bigint): number {
    const left = this.#capacity * this.#scale - this.#used(at)
    return Number(left / (1_000n * this.#scale))
  }

  resetMs(at: bigint): number {
    return this.#used(at) === 0n ? 0 : this.waitMs(at, this.#capacity)
  }

  get #scale(): bigint {
    return this.#rule.algorithm === 'token-bucket' ? this.#period : 1n
  }

  #used(at: bigint): bigint {
    switch (this.#rule.algorithm) {
      case 'token-bucket': {
        let missing = 0n
        let since = 0n
        for (const take of [...this.#takes, { at, cost: 0n }]) {
          missing -= (take.at - since) * this.#capacity
          missing = (missing < 0n ? 0n : missing) + take.cost * this.#period
          since = take.at
        }
        return missing
      }
      case 'fixed-window':
        return this.#sum((take) => take / this.#period === at / this.#period)
      case 'sliding-window': {
        const slices = BigInt(SLIDING_SLICES)
        return this.#sum((take) => (take * slices) / this.#period + slices >= (at * slices) / this.#period)
      }
      case 'calendar-month':
      case 'calendar-year':
        return assert.fail('test/contract/limit-stores.test.ts has these')
    }
  }

  #sum(counts: (at: bigint) => boolean): bigint {
    return this.#takes.reduce((sum, take) => (counts(take.at) ? sum + take.cost : sum), 0n)
  }
}

function thousandths(amount: number): bigint {
  return BigInt(Math.round(amount * 1_000))
}

/** As several models, taken together or not at all. */
class GroupModel {
  readonly #rules: readonly LimitRule[]
  readonly #models = new Map<string, Model>()

  constructor(rules: readonly LimitRule[]) {
    this.#rules = rules
  }

  take(keys: readonly string[], cost: number, nowMs: number): Omit<LimitDecision, 'refusedBy'> {
    const now = BigInt(nowMs)
    const models = this.#rules.map((rule, i) => (keys[i] === '' ? null : this.#modelOf(rule, `${i} ${keys[i]}`)))
    const waits = models.map((model) => model?.waitMs(now, thousandths(cost)) ?? 0)
    const retryAfterMs = Math.max(...waits)
    if (retryAfterMs === 0) for (const model of models) model?.take(now, thousandths(cost))
    return {
      admitted: retryAfterMs === 0,
      retryAfterMs,
      remaining: models.map((model) => model?.left(now) ?? 0),
      resetMs: models.map((model) => model?.resetMs(now) ?? 0),
    }
  }

  #modelOf(rule: LimitRule, key: string): Model {
    const model = this.#models.get(key) ?? new Model(rule)
    this.#models.set(key, model)
    return model
  }
}

const anAmount = fc.oneof(
  fc.integer({ min: 1, max: 12 }),
  fc.integer({ min: 1, max: 20_000 }).map((amount) => amount / 1_000),
)
const aRule = fc.record({
  algorithm: fc.constantFrom('token-bucket' as const, 'fixed-window' as const, 'sliding-window' as const),
  capacity: fc.oneof(anAmount, fc.integer({ min: 1, max: 1_000_000 })),
  periodMs: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(1_000, 60_000, 86_400_000)),
})
const aTake = fc.record({
  /** What passes before, in parts of the first rule's period. */
  pause: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.2, noNaN: true }), fc.double({ min: 0, max: 2.5, noNaN: true })),
  keys: fc.array(fc.constantFrom('', 'a', 'a', 'b'), { minLength: 4, maxLength: 4 }),
  cost: fc.oneof(fc.constant(1), anAmount),
})

test('any takes give the decisions of an exact model, to the millisecond', () => {
  const rules = fc.array(aRule, { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(rules, fc.array(aTake, { maxLength: 40 }), fc.integer({ min: 0, max: 1e8 }), (rules, takes, offset) => {
      const { time, limits } = limitsAt(START_MS + offset)
      const group = limits.group('any', rules)
      const model = new GroupModel(rules)
      for (const { pause, keys, cost } of takes) {
        time.nowMs += Math.round(pause * (rules[0]?.periodMs ?? 0))
        const { refusedBy, ...decision } = group.take(keys, cost)
        assert.deepEqual(decision, model.take(keys, cost, time.nowMs))
        assert.equal(refusedBy === -1, decision.admitted)
      }
    }),
  )
})

test('what is told as the wait is when the same take would be admitted, and not one millisecond earlier', () => {
  fc.assert(
    fc.property(fc.array(aRule, { minLength: 1, maxLength: 3 }), fc.array(anAmount, { maxLength: 40 }), (rules, costs) => {
      const { time, limits } = limitsAt(START_MS)
      const group = limits.group('wait', rules)
      const keys = rules.map(() => 'k')
      for (const cost of costs) {
        const { admitted, retryAfterMs } = group.take(keys, cost)
        if (admitted || retryAfterMs === Number.POSITIVE_INFINITY) continue
        const refusedAt = time.nowMs
        time.nowMs = refusedAt + retryAfterMs - 1
        assert.equal(group.refusal(keys, cost)?.retryAfterMs, 1)
        time.nowMs = refusedAt + retryAfterMs
        assert.equal(group.refusal(keys, cost), null)
        time.nowMs = refusedAt + Math.floor(retryAfterMs / 3)
      }
    }),
  )
})

test('no span as long as a sliding window admits more than its capacity', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 2_000 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 5 })), { minLength: 20, maxLength: 120 }),
      (capacity, periodMs, takes) => {
        const { time, limits } = limitsAt(START_MS)
        const group = limits.group('span', [sliding(capacity, periodMs)])
        const admitted: { readonly at: number; readonly cost: number }[] = []
        for (const [pauseMs, cost] of takes) {
          time.nowMs += pauseMs
          if (group.take(['k'], cost).admitted) admitted.push({ at: time.nowMs, cost })
        }
        for (const { at } of admitted) {
          const span = admitted.filter((take) => take.at >= at && take.at <= at + periodMs)
          assert.ok(span.reduce((sum, { cost }) => sum + cost, 0) <= capacity)
        }
      },
    ),
  )
})

test('a bucket of N admits exactly N at once, whatever its size', () => {
  for (const [capacity, cost, periodMs] of [
    [3, 1, 1_000],
    [0.3, 0.1, 1_000],
    [99_999, 1, 86_400_000],
    [1_000_000_000, 10_000, 86_400_000],
  ] as const) {
    const { limits } = limitsAt(START_MS)
    const group = limits.group('exact', [bucket(capacity, periodMs)])
    const wanted = Math.round(capacity / cost)
    for (let i = 1; i <= wanted; i++) assert.ok(group.take(['k'], cost).admitted, `${capacity}: ${i}`)
    assert.equal(group.take(['k'], cost).admitted, false)
  }
})

test('a refusal burns nothing and takes no room', () => {
  const { time, limits } = limitsAt(START_MS)
  const group = limits.group('burn', [bucket(5, 60_000), fixed(1, 60_000), sliding(5, 60_000)])
  assert.deepEqual(group.take(['a', 'a', 'a'], 1).remaining, [4, 0, 4])
  const refusal = group.take(['a', 'a', 'a'], 1)
  assert.deepEqual([refusal.admitted, refusal.refusedBy], [false, 1])
  for (let i = 0; i < 100; i++) assert.deepEqual(group.take(['a', 'a', 'a'], 1), refusal)
  for (let i = 0; i < 100; i++) group.take([`x${i}`, 'a', `x${i}`], 1)
  for (let i = 0; i < 100; i++) group.take([`x${i}`, `x${i}`, `x${i}`], 0)
  assert.equal(time.added, 3)
})

test('a wait or a decision is that of the rule with the longest wait', () => {
  const { limits } = limitsAt(START_MS - (START_MS % 60_000))
  const group = limits.group('longest', [bucket(1, 1_000), fixed(1, 60_000), bucket(1, 5_000)])
  group.take(['a', 'a', 'a'], 1)
  const { refusedBy, retryAfterMs, resetMs } = group.take(['a', 'a', 'a'], 1)
  assert.deepEqual([refusedBy, retryAfterMs, resetMs], [1, 60_000, [1_000, 60_000, 5_000]])
  assert.equal(group.take(['a', '', 'a'], 1).refusedBy, 2)
  assert.deepEqual(group.take(['b', 'b', 'b'], 2).retryAfterMs, Number.POSITIVE_INFINITY)
})

test('a clock set back by less than a period frees nothing, and one set back by days locks nobody out', () => {
  for (const rule of [bucket(2, 60_000), fixed(2, 60_000), sliding(2, 60_000)]) {
    const { time, limits } = limitsAt(START_MS)
    const group = limits.group('clock', [rule])
    group.take(['k'], 2)
    time.nowMs -= 30_000
    const { admitted, retryAfterMs } = group.take(['k'], 1)
    assert.equal(admitted, false, rule.algorithm)
    time.nowMs += retryAfterMs - 1
    assert.equal(group.take(['k'], 1).admitted, false, rule.algorithm)
    time.nowMs += 1
    assert.equal(group.take(['k'], 1).admitted, true, rule.algorithm)
    time.nowMs -= 3 * 86_400_000
    assert.equal(group.take(['k'], 2).admitted, true, rule.algorithm)
    assert.equal(group.take(['k'], 1).admitted, false, rule.algorithm)
  }
})

test('the same id and rule go on, any other begins anew', () => {
  const { limits } = limitsAt(START_MS)
  const left = (id: string, rule: LimitRule) => limits.group(id, [rule]).take(['k'], 1).remaining[0]
  assert.equal(left('a', bucket(9, 60_000)), 8)
  assert.equal(left('a', bucket(9, 60_000)), 7)
  assert.equal(left('b', bucket(9, 60_000)), 8)
  assert.equal(left('a', fixed(9, 60_000)), 8)
  assert.equal(left('a', bucket(9, 60_001)), 8)
  assert.equal(left('a', bucket(10, 60_000)), 9)
  // Two rules that read the same count by keys of their own.
  assert.deepEqual(limits.group('two', [fixed(9, 60_000), fixed(9, 60_000)]).take(['k', 'k'], 1).remaining, [8, 8])
})

test('as many keys as wanted are kept, and beyond that those go that would be forgotten first', () => {
  const { time, limits } = limitsAt(START_MS, 10_000)
  const long = limits.group('long', [bucket(2, 86_400_000)])
  const short = limits.group('short', [bucket(2, 60_000)])
  for (let i = 0; i < 5_000; i++) long.take([`${i}`], 1)
  for (let i = 0; i < 5_000; i++) short.take([`${i}`], 1)
  // Where both sets of a key are full is chance.
  assert.ok(time.evicted <= 20, `${time.evicted} evicted`)
  for (let i = 5_000; i < 50_000; i++) assert.equal(short.take([`${i}`], 1).admitted, true)
  assert.equal(time.added, 55_000)
  assert.ok(time.evicted >= 55_000 - 12_504, `${time.evicted} evicted`)
  let kept = 0
  for (let i = 0; i < 5_000; i++) if (long.refusal([`${i}`], 2) !== null) kept++
  assert.ok(kept > 4_900, `${kept} kept`)
})

test('what has expired makes room without being counted as lost', () => {
  const { time, limits } = limitsAt(START_MS, 100)
  for (const rule of [bucket(2, 1_000), fixed(2, 1_000), sliding(2, 1_000)]) {
    const group = limits.group('expire', [rule])
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 20; i++) assert.deepEqual(group.take([`${round} ${i}`], 1).remaining, [1])
      time.nowMs += 2_000
    }
  }
  assert.deepEqual([time.added, time.evicted], [3 * 20 * 20, 0])
})

test('rules of one take never make room for each other, even in a full table', () => {
  const { time, limits } = limitsAt(START_MS, 16)
  const others = limits.group('others', [bucket(2, 86_400_000), sliding(2, 86_400_000)])
  for (let i = 0; i < 500; i++) others.take([`${i}`, `${i}`], 1)
  const group = limits.group('three', [bucket(3, 1_000), bucket(3, 1_000), bucket(3, 1_000), sliding(3, 1_000), sliding(3, 1_000)])
  const evictedBefore = time.evicted
  for (let i = 0; i < 200; i++) {
    const keys = [`${i}`, `${i}`, `${i}`, `${i}`, `${i}`]
    assert.deepEqual(group.take(keys, 1).remaining, [2, 2, 2, 2, 2])
    assert.deepEqual(group.take(keys, 1).remaining, [1, 1, 1, 1, 1])
  }
  assert.ok(time.evicted > evictedBefore)
})

test('workers that cannot count together admit their parts, and one at least', () => {
  assert.deepEqual(partOf(bucket(10, 1_000), 4), bucket(2.5, 1_000))
  assert.deepEqual(partOf(bucket(2, 1_000), 4), bucket(1, 2_000))
  assert.deepEqual(partOf(fixed(2, 1_000), 4), fixed(1, 1_000))
  assert.deepEqual(partOf(bucket(0.4, 1_000), 4), bucket(0.1, 1_000))
})

test('costs that are no numbers above zero take nothing', () => {
  const { limits } = limitsAt(START_MS)
  const group = limits.group('cost', [bucket(2, 1_000)])
  for (const cost of [0, -1, Number.NaN]) assert.deepEqual(group.take(['k'], cost).remaining, [2])
  assert.equal(group.take(['k'], Number.POSITIVE_INFINITY).retryAfterMs, Number.POSITIVE_INFINITY)
  assert.deepEqual(group.take(['k'], 0.000_01).remaining, [1])
})
