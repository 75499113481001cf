import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActiveCheckIr } from '../config/ir.ts'
import { TimerWheel } from '../core/timers.ts'
import { ActiveChecks } from './active-check.ts'
import { Target } from './target.ts'
import { Figure, VirtualTime } from './testing.ts'

const IR: ActiveCheckIr = {
  kind: 'tcp',
  grpcService: '',
  path: '/',
  host: null,
  headers: [],
  statuses: ['2xx'],
  body: null,
  intervalMs: 10_000,
  unfitIntervalMs: 10_000,
  timeoutMs: 1_000,
  unhealthyAfter: 3,
  healthyAfter: 2,
  endsEjections: false,
}
const SETTINGS = { connectTimeoutMs: 1, idleTimeoutMs: 1, connectionsMax: 1, responseHeadBytesMax: 1, tls: null, protocol: 'auto' } as const
const CONTEXT = { wheel: new TimerWheel(), connections: new Figure(), connectionsIdle: new Figure(), connectionsTotal: new Figure() }

interface Check {
  readonly target: Target
  readonly atMs: number
  readonly done: (failure: string | null) => void
  aborted: boolean
}

/** Checks that end when the test says so; times count from the bench's beginning. */
function bench() {
  const time = new VirtualTime()
  const startedAt = time.nowMs
  const begun: Check[] = []
  const results: string[] = []
  const checks = new ActiveChecks(
    {
      clock: time,
      scheduler: time,
      startCheck(target, _rule, done) {
        const check: Check = { target, atMs: time.nowMs - startedAt, done, aborted: false }
        begun.push(check)
        return {
          abort: () => {
            check.aborted = true
          },
        }
      },
    },
    (target, failure) => {
      results.push(`${target.host} ${failure}`)
      if (failure === 'stop') checks.stop()
    },
  )
  const last = (): Check => begun.at(-1) as Check
  return { time, checks, begun, results, last }
}

const targetOf = (host: string): Target => new Target(host, 80, 1, SETTINGS, CONTEXT)

test('the first check comes within a tenth of the interval', () => {
  for (const chance of [0, 0.5, 0.999]) {
    const { time, checks, begun } = bench()
    time.chance = chance
    checks.update(IR, [targetOf('a')])
    time.pass(1_000)
    assert.deepEqual(
      begun.map(({ atMs }) => atMs),
      [chance * 1_000],
    )
  }
})

test('an interval lies between the beginnings of two checks, less up to a tenth', () => {
  const { time, checks, begun, last } = bench()
  checks.update(IR, [targetOf('a')])
  time.pass(400)
  last().done(null)
  time.pass(9_599)
  assert.equal(begun.length, 1)
  time.pass(1)
  time.chance = 0.5
  last().done(null)
  time.pass(9_500)
  assert.deepEqual(
    begun.map(({ atMs }) => atMs),
    [0, 10_000, 19_500],
  )
})

test('one check at a time: one that lasts longer than the interval is followed at once', () => {
  const { time, checks, begun, last } = bench()
  checks.update(IR, [targetOf('a')])
  time.pass(25_000)
  assert.equal(begun.length, 1)
  last().done('slow')
  time.pass(0)
  assert.equal(begun.length, 2)
})

test('a target that is added is checked soon, and the others at their own time', () => {
  const { time, checks, begun, last } = bench()
  const [a, b] = [targetOf('a'), targetOf('b')]
  checks.update(IR, [a])
  time.pass(0)
  last().done(null)
  time.pass(5_000)
  checks.update({ ...IR }, [a, b])
  time.pass(4_999)
  assert.deepEqual(
    begun.map(({ target, atMs }) => [target.host, atMs]),
    [
      ['a', 0],
      ['b', 5_000],
    ],
  )
  time.pass(1)
  assert.equal(last().target, a)
})

test('a target that goes is checked no more, in the middle of a check too', () => {
  const { time, checks, begun, last } = bench()
  checks.update(IR, [targetOf('a')])
  time.pass(0)
  checks.update(IR, [])
  assert.equal(last().aborted, true)
  time.pass(60_000)
  assert.equal(begun.length, 1)
})

test('checks can be stopped by their own result', () => {
  const { time, checks, last } = bench()
  checks.update(IR, [targetOf('a')])
  time.pass(0)
  last().done('stop')
  assert.equal(time.waiting, 0)
})

test('other settings begin anew; none ends all', () => {
  const { time, checks, begun, results, last } = bench()
  const a = targetOf('a')
  checks.update(IR, [a])
  time.pass(0)
  checks.update({ ...IR, intervalMs: 2_000 }, [a])
  time.pass(0)
  assert.deepEqual(
    begun.map(({ aborted }) => aborted),
    [true, false],
  )
  last().done('status 500')
  time.pass(2_000)
  assert.equal(begun.length, 3)
  checks.update(null, [a])
  time.pass(60_000)
  assert.equal(begun.length, 3)
  assert.equal(time.waiting, 0)
  checks.update(IR, [a])
  time.pass(0)
  assert.equal(begun.length, 4)
  checks.stop()
  assert.deepEqual([last().aborted, time.waiting], [true, 0])
  assert.deepEqual(results, ['a status 500'])
})

test('a target that is not fit is checked at an interval of its own', () => {
  const { time, checks, begun, last } = bench()
  const a = targetOf('a')
  checks.update({ ...IR, unfitIntervalMs: 1_000 }, [a])
  time.pass(0)
  last().done(null)
  time.pass(1_000)
  assert.equal(begun.length, 1)
  a.health.eject(
    'x',
    { failures: 1, statuses: [], ejectionMs: 60_000, ejectionMaxMs: 60_000, ejectedPercentMax: 100, ejectsLast: true },
    time.nowMs,
  )
  // Ejected by real requests: the next check does not wait for the interval of a fit target.
  checks.onUnfit(a)
  time.pass(1_000)
  assert.equal(begun.length, 2)
  last().done(null)
  time.pass(1_000)
  assert.equal(begun.length, 3)
})
