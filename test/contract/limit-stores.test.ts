/** What every store of limits keeps to: the same takes give the same decisions as the exact model. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as fc from 'fast-check'
import type { RedisIr } from '../../src/config/ir.ts'
import { CALENDAR_MS_MAX } from '../../src/core/calendar.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { LimitDecision, LimitRule, LimitStore } from '../../src/core/store.ts'
import { contextWith, testContext } from '../../src/policies/testing.ts'
import { createStores } from '../../src/stores/index.ts'
import { RedisConnection } from '../../src/stores/redis/connection.ts'
import { RedisLimits } from '../../src/stores/redis/limits.ts'
import { limitScripts } from '../../src/stores/redis/take-script.ts'
import { redisMissing, startRedis } from '../services/redis.ts'
import { ModelGroup } from './limit-model.ts'

/** A store under a time that the test gives. */
interface TimedStore {
  readonly limits: LimitStore
  /** @param epochMs whole milliseconds since 1970 */
  readonly setTime: (epochMs: number) => Promise<void>
}

const { log, metrics } = testContext
/** A whole number of every period below, so that windows begin here. */
const START_MS = 20_000 * 86_400_000

const STORES: readonly { readonly name: string; readonly skip: string | false; readonly open: (t: TestContext) => Promise<TimedStore> }[] =
  [
    { name: 'memory', skip: false, open: openMemory },
    { name: 'redis', skip: redisMissing, open: openRedis },
  ]

async function openMemory(): Promise<TimedStore> {
  let epochMs = START_MS
  const clock = { ...systemClock, now: () => epochMs - START_MS, epochMs: () => epochMs }
  const { resources } = contextWith({})
  const stores = createStores(
    { memory: { limitKeysMax: 100_000, responseBytesMax: 1_000_000 }, redis: null },
    { clock, log, metrics, resources },
  )
  return {
    limits: stores.limits('memory'),
    async setTime(to) {
      epochMs = to
    },
  }
}

/** Time is a value in Redis, which the script reads in place of the server's clock. */
async function openRedis(t: TestContext): Promise<TimedStore> {
  const { port } = await startRedis(t)
  const ir: RedisIr = { ...REDIS, addresses: [{ host: '127.0.0.1', port }] }
  const connection = new RedisConnection(ir, { clock: systemClock, log, metrics })
  t.after(() => connection.close())
  const scripts = limitScripts("{redis.call('GET', 'test:seconds'), redis.call('GET', 'test:microseconds')}")
  return {
    limits: new RedisLimits(connection, 'test:', systemClock, scripts),
    async setTime(epochMs) {
      await Promise.all([
        connection.set('test:seconds', `${Math.floor(epochMs / 1000)}`, 3_600_000),
        connection.set('test:microseconds', `${(epochMs % 1000) * 1000}`, 3_600_000),
      ])
    },
  }
}

const REDIS: RedisIr = {
  addresses: [],
  cluster: false,
  sentinel: null,
  username: null,
  password: null,
  database: 0,
  tls: false,
  keyPrefix: 'test:',
  connectTimeoutMs: 5_000,
  commandTimeoutMs: 5_000,
}

const bucket = (capacity: number, periodMs: number): LimitRule => ({ algorithm: 'token-bucket', capacity, periodMs })
const fixed = (capacity: number, periodMs: number): LimitRule => ({ algorithm: 'fixed-window', capacity, periodMs })
const sliding = (capacity: number, periodMs: number): LimitRule => ({ algorithm: 'sliding-window', capacity, periodMs })

/** Redis forgets by the time of day what is whole again, and the test's time stands still meanwhile: nothing is whole within half a second. */
const aRule = fc
  .record({
    algorithm: fc.constantFrom<LimitRule['algorithm'][]>('token-bucket', 'fixed-window', 'sliding-window'),
    capacity: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 100_000 })),
    periodMs: fc.constantFrom(60_000, 100_000, 3_600_000, 86_400_000),
  })
  .filter(({ algorithm, capacity, periodMs }) => algorithm !== 'token-bucket' || periodMs / capacity >= 500)
const aWindow = fc.oneof({ weight: 4, arbitrary: aRule }, { weight: 1, arbitrary: aCalendarRule() })

function aCalendarRule(): fc.Arbitrary<LimitRule> {
  return fc.record({ unit: fc.constantFrom('month' as const, 'year' as const), capacity: fc.integer({ min: 1, max: 12 }) }).map(calendar)
}

function calendar({ unit, capacity }: { unit: 'month' | 'year'; capacity: number }): LimitRule {
  return { algorithm: `calendar-${unit}`, capacity, periodMs: CALENDAR_MS_MAX[unit] }
}
const aTake = fc.record({
  /** What passes before, in parts of the first rule's period, or in milliseconds. */
  wait: fc.oneof(
    fc.constant({ part: 0 }),
    fc.record({ part: fc.double({ min: 0, max: 1.5, noNaN: true }) }),
    fc.record({ ms: fc.integer({ min: 0, max: 50 }) }),
  ),
  keys: fc.array(fc.constantFrom('', 'a', 'a', 'b'), { minLength: 3, maxLength: 3 }),
  cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 14 })),
})

/** Waits may be told a little too long: what is told is a whole number of some unit. Never too short. */
function assertAgrees(actual: LimitDecision, expected: LimitDecision, told: string): void {
  const { retryAfterMs, resetMs, ...rest } = actual
  const { retryAfterMs: expectedWait, resetMs: expectedResets, ...expectedRest } = expected
  assert.deepEqual({ ...rest, remaining: [...rest.remaining] }, expectedRest, told)
  const waits = [retryAfterMs, ...resetMs]
  const expectedWaits = [expectedWait, ...expectedResets]
  waits.forEach((wait, i) => {
    const off = wait === expectedWaits[i] ? 0 : wait - (expectedWaits[i] ?? 0)
    assert.ok(off >= -0.01 && off <= 1, `${told}: ${waits.join(' ')} and not ${expectedWaits.join(' ')}`)
  })
}

function copyOf(decision: LimitDecision): LimitDecision {
  return { ...decision, remaining: [...decision.remaining], resetMs: [...decision.resetMs] }
}

let groups = 0

for (const { name, skip, open } of STORES) {
  test(`${name}: any takes give the decisions of the model`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    const scenario = fc.asyncProperty(
      fc.array(aWindow, { minLength: 1, maxLength: 3 }),
      fc.array(aTake, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 0, max: 86_400_000 }),
      async (rules, takes, offset) => {
        const group = limits.group(`any ${groups++}`, rules)
        const model = new ModelGroup(rules)
        let nowMs = START_MS + offset
        for (const [i, { wait, keys, cost }] of takes.entries()) {
          nowMs += 'part' in wait ? Math.floor(wait.part * (rules[0]?.periodMs ?? 0)) : wait.ms
          await setTime(nowMs)
          const applied = keys.slice(0, rules.length)
          const [nowUs, at] = [BigInt(nowMs) * 1000n, `${i} at +${nowMs - START_MS - offset}`]
          // A peek tells what the take would, and the model, which knows of no peeks, goes on agreeing.
          assertAgrees(copyOf(await group.peek(applied, cost)), model.look(applied, cost, nowUs), `peek ${at}`)
          const decision = copyOf(await group.take(applied, cost))
          assertAgrees(decision, model.take(applied, cost, nowUs), `take ${at}`)
        }
      },
    )
    await fc.assert(scenario, { numRuns: 40 })
  })

  test(`${name}: what is told as the wait is when the same take is admitted, and not before`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    for (const rule of [bucket(7, 60_000), fixed(7, 60_000), sliding(7, 60_000)]) {
      const group = limits.group(`wait ${rule.algorithm}`, [rule])
      const nowMs = START_MS + 31_234
      await setTime(nowMs)
      assert.equal((await group.take(['k'], 6)).admitted, true)
      const { admitted, retryAfterMs, refusedBy } = await group.take(['k'], 3)
      assert.deepEqual([admitted, refusedBy], [false, 0])
      await setTime(nowMs + Math.ceil(retryAfterMs) - 1)
      assert.equal((await group.take(['k'], 3)).admitted, false, rule.algorithm)
      await setTime(nowMs + Math.ceil(retryAfterMs))
      assert.equal((await group.take(['k'], 3)).admitted, true, rule.algorithm)
    }
  })

  test(`${name}: a refusal burns nothing, of any limit`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    await setTime(START_MS)
    const group = limits.group('together', [bucket(10, 60_000), fixed(2, 60_000), sliding(10, 60_000)])
    for (let i = 0; i < 2; i++) assert.equal((await group.take(['a', 'b', 'c'], 1)).admitted, true)
    for (let i = 0; i < 20; i++) assert.deepEqual((await group.take(['a', 'b', 'c'], 1)).remaining, [8, 0, 8])
    const other = await group.take(['a', 'other', 'c'], 1)
    assert.deepEqual([other.admitted, [...other.remaining]], [true, [7, 1, 7]])
  })

  test(`${name}: a rule without a key does not apply, and more than there can be is refused for ever`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    await setTime(START_MS)
    const group = limits.group('parts', [bucket(3, 60_000), fixed(1, 60_000)])
    for (let i = 0; i < 3; i++) assert.equal((await group.take(['a', ''], 1)).admitted, true)
    assert.deepEqual(copyOf(await group.take(['', ''], 1)), {
      admitted: true,
      refusedBy: -1,
      retryAfterMs: 0,
      remaining: [0, 0],
      resetMs: [0, 0],
    })
    const never = await group.take(['b', 'b'], 2)
    assert.deepEqual([never.admitted, never.refusedBy, never.retryAfterMs], [false, 1, Number.POSITIVE_INFINITY])
  })

  test(`${name}: windows of the calendar begin with each month and year of UTC, leap years and all`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    const group = limits.group('calendar', [calendar({ unit: 'month', capacity: 100 }), calendar({ unit: 'year', capacity: 100 })])
    const moments = [1970, 1999, 2000, 2023, 2024, 2026, 2100].flatMap((year) =>
      [0, 1, 2, 5, 11].flatMap((month) => {
        const start = Date.UTC(year, month)
        const nextMonth = Date.UTC(year, month + 1)
        return [start, start + 1, nextMonth - 1].map((at) => ({ at, ends: [nextMonth - at, Date.UTC(year + 1, 0) - at] }))
      }),
    )
    for (const { at, ends } of moments) {
      await setTime(at)
      const { resetMs } = await group.take([`m${at}`, `y${at}`], 1)
      assert.deepEqual([...resetMs], ends, new Date(at).toISOString())
    }
  })

  test(`${name}: what was refused is known without a take, until its wait is over`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    await setTime(START_MS)
    const group = limits.group('guard', [fixed(1, 60_000), fixed(5, 60_000)])
    assert.equal(group.refusal(['a', ''], 1), null)
    assert.equal((await group.take(['a', 'b'], 1)).admitted, true)
    assert.equal((await group.take(['a', 'b'], 1)).admitted, false)
    const refusal = group.refusal(['a', ''], 1)
    assert.ok(refusal !== null && !refusal.admitted && refusal.refusedBy === 0)
    assert.ok(refusal.retryAfterMs > 55_000 && refusal.retryAfterMs <= 60_000, `${refusal.retryAfterMs}`)
    assert.equal(group.refusal(['', 'b'], 1), null)
    assert.equal(group.refusal(['other', ''], 1), null)
  })

  test(`${name}: a peek takes nothing, tells of a refusal to come, and leaves no state behind`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    await setTime(START_MS)
    const group = limits.group('peeked', [bucket(3, 60_000), sliding(2, 60_000)])
    for (let i = 0; i < 5; i++) {
      const { admitted, remaining, resetMs } = copyOf(await group.peek(['a', 'b'], 1))
      assert.deepEqual([admitted, remaining, resetMs], [true, [3, 2], [0, 0]])
    }
    for (let i = 0; i < 2; i++) await group.take(['a', 'b'], 1)
    const { admitted, refusedBy, remaining } = copyOf(await group.peek(['a', 'b'], 1))
    assert.deepEqual([admitted, refusedBy, remaining], [false, 1, [1, 0]])
    assert.equal(group.refusal(['a', 'b'], 1) === null, name === 'redis', 'a peek at Redis teaches guards nothing')
    assert.deepEqual((await group.take(['a', ''], 1)).remaining, [0, 0])
  })

  test(`${name}: the same id and rules go on where they were, others begin anew`, { skip }, async (t) => {
    const { limits, setTime } = await open(t)
    await setTime(START_MS)
    const take = async (id: string, rules: LimitRule[]) => (await limits.group(id, rules).take(['k'], 1)).remaining[0]
    assert.equal(await take('one {a}', [fixed(5, 60_000)]), 4)
    assert.equal(await take('one {a}', [fixed(5, 60_000)]), 3)
    assert.equal(await take('two', [fixed(5, 60_000)]), 4)
    assert.equal(await take('one {a}', [fixed(6, 60_000)]), 5)
  })
}
