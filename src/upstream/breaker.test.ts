import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BreakerIr } from '../config/ir.ts'
import { Breaker, REFUSED } from './breaker.ts'
import type { Outcome } from './outcome.ts'

const BASE: BreakerIr = { failures: 3, failureRate: null, recoveryMs: 30_000, probes: 2, successes: 3, statuses: ['5xx'] }

/** A breaker with a time of its own, and what it told of its changes. */
class Bench {
  nowMs = 1_000
  readonly changes: string[] = []
  readonly breaker: Breaker

  constructor(ir: Partial<BreakerIr> = {}) {
    this.breaker = new Breaker({ ...BASE, ...ir }, this.nowMs, { last: 0 }, (from, to, cause) => {
      this.changes.push(`${from} → ${to}: ${cause}`)
    })
  }

  enter(): number {
    return this.breaker.enter(this.nowMs)
  }

  settle(ticket: number, outcome: Outcome): void {
    this.breaker.settle(ticket, outcome, 503, this.nowMs)
  }

  /** Tries that end at once: `s` a success, `f` a failure, `n` neither, `.` an expected refusal. */
  tries(letters: string): this {
    for (const letter of letters) {
      const ticket = this.enter()
      assert.equal(ticket === REFUSED, letter === '.', `try ${letter} of ${letters} in ${this.position}`)
      if (ticket !== REFUSED) this.settle(ticket, letter === 's' ? 'success' : letter === 'f' ? 'failure' : 'neither')
    }
    return this
  }

  pass(ms: number): this {
    this.nowMs += ms
    return this
  }

  get position(): string {
    return this.breaker.position
  }
}

const TABLE: readonly (readonly [string, (bench: Bench) => unknown, string])[] = [
  ['is closed at first', (bench) => bench, 'closed'],
  ['stays closed below the failures in a row', (bench) => bench.tries('ff'), 'closed'],
  ['opens at the last of the failures in a row', (bench) => bench.tries('fff.'), 'open'],
  ['counts anew after a success', (bench) => bench.tries('ffsff'), 'closed'],
  ['is left alone by what is neither', (bench) => bench.tries('ffnnnf.'), 'open'],
  ['stays open until the recovery time is over', (bench) => bench.tries('fff').pass(29_999).tries('..'), 'open'],
  ['is not half open before it is asked', (bench) => bench.tries('fff').pass(90_000), 'open'],
  ['is half open for the first try after it', (bench) => bench.tries('fff').pass(30_000).tries('n'), 'half-open'],
  ['closes after so many successes', (bench) => bench.tries('fff').pass(30_000).tries('sss'), 'closed'],
  ['does not close after fewer', (bench) => bench.tries('fff').pass(30_000).tries('ssn'), 'half-open'],
  ['opens again for one failed probe', (bench) => bench.tries('fff').pass(30_000).tries('ssf.'), 'open'],
  ['waits the whole time again after that', (bench) => bench.tries('fff').pass(30_000).tries('f').pass(29_999).tries('.'), 'open'],
  ['counts from nothing once it has closed again', (bench) => bench.tries('fff').pass(30_000).tries('sssff'), 'closed'],
]
for (const [what, run, position] of TABLE) {
  test(`a breaker ${what}`, () => {
    const bench = new Bench()
    run(bench)
    assert.equal(bench.position, position)
  })
}

test('each change is told with its cause', () => {
  const bench = new Bench()
  bench.tries('fff').pass(30_000).tries('f').pass(30_000).tries('sss')
  assert.deepEqual(bench.changes, [
    'closed → open: 3 failures in a row, the last one: status 503',
    'open → half-open: the recovery time is over',
    'half-open → open: a probe failed: status 503',
    'open → half-open: the recovery time is over',
    'half-open → closed: 3 successes',
  ])
})

test('no more probes at once than allowed, and each that ends makes room for one, whatever came of it', () => {
  for (const outcome of ['success', 'neither'] as const) {
    const bench = new Bench().tries('fff').pass(30_000)
    const [first] = [bench.enter(), bench.enter()]
    assert.equal(bench.enter(), REFUSED)
    bench.settle(first ?? 0, outcome)
    assert.notEqual(bench.enter(), REFUSED)
    assert.equal(bench.enter(), REFUSED)
  }
})

test('a probe that hangs gives its place up after the recovery time, and its result still counts', () => {
  const bench = new Bench().tries('fff').pass(30_000)
  const hanging = [bench.enter(), bench.enter()]
  bench.pass(29_999).tries('.').pass(1)
  const fresh = bench.enter()
  assert.notEqual(fresh, REFUSED)
  bench.settle(hanging[0] ?? 0, 'success')
  bench.settle(fresh, 'success')
  assert.equal(bench.position, 'half-open')
  bench.settle(hanging[1] ?? 0, 'failure')
  assert.equal(bench.position, 'open')
})

test('results of tries that began in an earlier state count in none after it', () => {
  const bench = new Bench()
  const closed = bench.enter()
  bench.tries('fff')
  bench.settle(closed, 'success')
  bench.settle(closed, 'failure')
  assert.equal(bench.breaker.retryAfterMs(bench.nowMs), 30_000, 'a failure while it is open does not prolong it')
  bench.pass(30_000)
  const [probe, other] = [bench.enter(), bench.enter()]
  bench.settle(closed, 'failure')
  assert.equal(bench.position, 'half-open')
  for (let i = 0; i < 5; i++) bench.settle(closed, 'success')
  assert.equal(bench.position, 'half-open')
  bench.settle(probe ?? 0, 'failure')
  assert.equal(bench.breaker.state(bench.nowMs).probes, 0, 'an open breaker has none')
  bench.pass(30_000).tries('ss')
  bench.settle(other ?? 0, 'success')
  assert.equal(bench.position, 'half-open', 'a probe of the half-open state before')
  bench.tries('sff')
  for (const late of [closed, probe ?? 0, other ?? 0]) bench.settle(late, 'failure')
  assert.equal(bench.position, 'closed')
})

test('the wait is what is left of the recovery time; with all probes under way it is short', () => {
  const bench = new Bench({ probes: 1 })
  const wait = (): number => bench.breaker.retryAfterMs(bench.nowMs)
  assert.equal(wait(), 0)
  bench.tries('fff')
  assert.equal(wait(), 30_000)
  bench.pass(29_400)
  assert.equal(wait(), 600)
  bench.pass(600)
  assert.equal(wait(), 0)
  const probe = bench.enter()
  assert.equal(wait(), 1_000)
  bench.pass(29_900)
  assert.equal(wait(), 100, 'then the probe gives its place up')
  bench.settle(probe, 'success')
  assert.equal(wait(), 0)
})

const RATE = { percent: 50, windowMs: 10_000, requestsMin: 10 }
const RATES: readonly (readonly [string, string, string])[] = [
  ['stays closed with too few tries in the window', 'fffffffff', 'closed'],
  ['opens at the share', 'sssssfffff.', 'open'],
  ['opens with a success, if that makes the tries enough', 'fffffffffs.', 'open'],
  ['stays closed below the share', 'ssssssffff', 'closed'],
  ['does not count what is neither', 'fffffffffnnnn', 'closed'],
]
for (const [what, letters, position] of RATES) {
  test(`a breaker that looks at the rate ${what}`, () => {
    assert.equal(new Bench({ failures: null, failureRate: RATE }).tries(letters).position, position)
  })
}

test('what is older than the window does not count', () => {
  const bench = new Bench({ failures: null, failureRate: RATE })
  bench.tries('fffffffff').pass(10_000).tries('f')
  assert.deepEqual(bench.breaker.state(bench.nowMs).window, { requests: 1, failures: 1 })
  bench.pass(5_000).tries('ffff').pass(5_000)
  assert.deepEqual(bench.breaker.state(bench.nowMs).window, { requests: 4, failures: 4 }, 'the first is out')
  bench.pass(1_000_000)
  assert.deepEqual(bench.breaker.state(bench.nowMs).window, { requests: 0, failures: 0 })
  assert.equal(bench.position, 'closed')
})

test('the window is empty when the breaker closes again', () => {
  const bench = new Bench({ failures: null, failureRate: RATE, recoveryMs: 100 })
  bench.tries('ffffffffff').pass(100).tries('sssfffffffff')
  assert.equal(bench.position, 'closed')
  bench.tries('f.')
})

test('failures in a row and their rate stand side by side', () => {
  const ir = { failures: 4, failureRate: RATE }
  assert.equal(new Bench(ir).tries('ffff.').position, 'open')
  assert.equal(new Bench(ir).tries('sfffsfffsf').position, 'open')
})

test('other numbers change the state of none', () => {
  const bench = new Bench().tries('ff')
  bench.breaker.update({ ...BASE, failures: 4 }, bench.nowMs)
  bench.tries('f')
  assert.equal(bench.position, 'closed', 'what was counted still counts')
  bench.tries('f.')
  bench.breaker.update({ ...BASE, recoveryMs: 5_000 }, bench.nowMs)
  bench.pass(4_999).tries('.').pass(1).tries('s')
  bench.breaker.update({ ...BASE, successes: 2 }, bench.nowMs)
  bench.tries('s')
  assert.equal(bench.position, 'closed')
})

test('other statuses are failures at once', () => {
  const bench = new Bench()
  assert.deepEqual([429, 500, 599].map(bench.breaker.isFailure), [false, true, true])
  bench.breaker.update({ ...BASE, statuses: [429] }, bench.nowMs)
  assert.deepEqual([429, 500].map(bench.breaker.isFailure), [true, false])
})

test('its state is told', () => {
  const bench = new Bench().tries('ff').pass(7)
  assert.deepEqual(bench.breaker.state(bench.nowMs), {
    state: 'closed',
    failuresInRow: 2,
    window: null,
    successes: 0,
    probes: 0,
    retryAfterMs: 0,
    sinceMs: 7,
  })
  bench.tries('f').pass(30_000).tries('s')
  bench.enter()
  const { state, successes, probes, failuresInRow } = bench.breaker.state(bench.nowMs)
  assert.deepEqual({ state, successes, probes, failuresInRow }, { state: 'half-open', successes: 1, probes: 1, failuresInRow: 0 })
})
