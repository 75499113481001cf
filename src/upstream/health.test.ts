import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActiveCheckIr, HealthIr, PassiveCheckIr } from '../config/ir.ts'
import { TimerWheel } from '../core/timers.ts'
import { ServiceHealth } from './health.ts'
import { Target } from './target.ts'
import { Figure, serviceFigures, VirtualTime } from './testing.ts'

const ACTIVE: ActiveCheckIr = {
  kind: 'tcp',
  grpcService: '',
  path: '/',
  host: null,
  headers: [],
  statuses: ['2xx'],
  body: null,
  intervalMs: 1_000,
  unfitIntervalMs: 1_000,
  timeoutMs: 100,
  unhealthyAfter: 2,
  healthyAfter: 2,
  endsEjections: false,
}
const PASSIVE: PassiveCheckIr = {
  failures: 2,
  statuses: ['5xx'],
  ejectionMs: 10_000,
  ejectionMaxMs: 60_000,
  ejectedPercentMax: 50,
  ejectsLast: false,
}
const IR: HealthIr = { active: null, passive: PASSIVE, slowStartMs: 0, panicPercent: 0 }
const SETTINGS = { connectTimeoutMs: 1, idleTimeoutMs: 1, connectionsMax: 1, responseHeadBytesMax: 1, tls: null, protocol: 'auto' } as const
const CONTEXT = { wheel: new TimerWheel(), connections: new Figure(), connectionsIdle: new Figure(), connectionsTotal: new Figure() }

/** Targets with these weights, whose checks find what `ill` says. */
function bench(ir: Partial<HealthIr>, weights: readonly number[]) {
  const time = new VirtualTime()
  const figures = serviceFigures().health
  const targets = weights.map((weight, i) => new Target(`10.0.0.${i}`, 80, weight, SETTINGS, CONTEXT))
  const ill = new Set<Target>()
  const logged: string[] = []
  let changes = 0
  const log = (_fields: unknown, message: string): void => void logged.push(message)
  const health = new ServiceHealth(
    { ...IR, ...ir },
    {
      service: 'main',
      clock: time,
      scheduler: time,
      log: { info: log, warn: log, error: log },
      metrics: () => figures,
      onChange: () => void changes++,
      startCheck(target, _rule, done) {
        return { abort: time.after(1, () => done(ill.has(target) ? 'status 500' : null)) }
      },
    },
  )
  health.update({ ...IR, ...ir }, targets)
  health.start()
  const fail = (index: number, times = PASSIVE.failures): void => {
    for (let i = 0; i < times; i++) health.onTry(targets[index] as Target, 503, null)
  }
  const weightsNow = (): number[] => targets.map((target) => (target.isUsable ? target.effectiveWeight : 0))
  const names = (): string[] => health.state().map((state) => state.health)
  return { time, figures, targets, ill, logged, health, fail, weightsNow, names, changes: () => changes }
}

test('a target whose answers fail is ejected, and comes back by itself', () => {
  const { time, figures, logged, fail, weightsNow, names, health, changes } = bench({}, [1, 2, 1])
  fail(1, 1)
  assert.deepEqual(weightsNow(), [1, 2, 1])
  fail(1, 1)
  assert.deepEqual(weightsNow(), [1, 0, 1])
  assert.deepEqual(names(), ['unknown', 'ejected', 'unknown'])
  assert.deepEqual(health.state()[1], {
    address: '10.0.0.1:80',
    weight: 2,
    effectiveWeight: 0,
    drained: false,
    health: 'ejected',
    ejectedForMs: 10_000,
    reason: '2 failures in a row, the last one: status 503',
    inFlight: 0,
    connections: 0,
  })
  assert.deepEqual([figures.ejections.value, figures.targets.ejected.value, figures.targets.unknown.value], [1, 1, 2])
  time.pass(9_999)
  assert.deepEqual(weightsNow(), [1, 0, 1])
  time.pass(1)
  assert.deepEqual(weightsNow(), [1, 2, 1])
  assert.deepEqual([figures.targets.ejected.value, time.waiting, changes()], [0, 0, 2])
  assert.deepEqual(logged, ['a target is ejected', 'a target is no longer ejected'])
})

test('faults count as failures, and what says nothing of the target does not', () => {
  const { health, targets, weightsNow } = bench({}, [1, 1])
  const [target] = targets
  assert.ok(target)
  health.onTry(target, 0, 'upstream_connect_refused')
  for (const error of ['client_closed', 'upstream_connections_exhausted'] as const) health.onTry(target, 0, error)
  assert.deepEqual(weightsNow(), [1, 1])
  health.onTry(target, 0, 'upstream_timeout')
  assert.deepEqual(weightsNow(), [0, 1])
})

const SHARES: readonly (readonly [number, readonly number[], number])[] = [
  [50, [1], 0],
  [50, [1, 1], 1],
  [50, [1, 1, 1], 1],
  [50, [1, 1, 1, 1], 2],
  [0, [1, 1, 1, 1], 1],
  [100, [1, 1, 1, 1], 3],
  [50, [1, 0, 0, 0], 0],
  [50, [1, 1, 0, 0], 1],
]
for (const [ejectedPercentMax, weights, most] of SHARES) {
  test(`of targets that weigh ${weights.join(', ')}, ${most} can be ejected at ${ejectedPercentMax} %`, () => {
    const { fail, names } = bench({ passive: { ...PASSIVE, ejectedPercentMax } }, weights)
    for (const [index, weight] of weights.entries()) if (weight > 0) fail(index, 5)
    assert.equal(names().filter((name) => name === 'ejected').length, most)
  })
}

test('who may not be ejected yet is ejected by its next failure when it may', () => {
  const { time, fail, weightsNow } = bench({}, [1, 1, 1])
  fail(0)
  fail(1)
  assert.deepEqual(weightsNow(), [0, 1, 1])
  time.pass(10_000)
  fail(1, 1)
  assert.deepEqual(weightsNow(), [1, 0, 1])
})

test('the last fit target is not ejected, whoever else is unfit', () => {
  const { time, ill, targets, fail, names } = bench(
    { active: ACTIVE, passive: { ...PASSIVE, ejectedPercentMax: 100, ejectsLast: false } },
    [1, 1],
  )
  ill.add(targets[0] as Target)
  time.pass(5_000)
  fail(1, 5)
  assert.deepEqual(names(), ['unhealthy', 'healthy'])
})

test('checks take a target out and bring it back', () => {
  const { time, figures, ill, targets, logged, weightsNow } = bench({ active: ACTIVE }, [1, 1])
  const [target] = targets
  assert.ok(target)
  time.pass(1)
  ill.add(target)
  time.pass(1_001)
  assert.deepEqual(weightsNow(), [1, 1], 'one bad check')
  time.pass(1_000)
  assert.deepEqual(weightsNow(), [0, 1])
  assert.deepEqual([figures.targets.unhealthy.value, figures.targets.healthy.value, figures.checksFailed.value], [1, 1, 2])
  ill.delete(target)
  time.pass(2_000)
  assert.deepEqual(weightsNow(), [1, 1])
  assert.deepEqual(logged, ['a target is unhealthy', 'a target is healthy again'])
})

test('a target that is fit again gets its weight in ten steps', () => {
  const { time, fail, weightsNow } = bench({ slowStartMs: 60_000 }, [10, 10])
  fail(0)
  time.pass(10_000)
  const seen = [weightsNow()[0]]
  for (let i = 0; i < 10; i++) {
    time.pass(6_000)
    seen.push(weightsNow()[0])
  }
  assert.deepEqual(seen, [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  assert.equal(time.waiting, 0)
})

const PANICS: readonly (readonly [number, number, boolean, readonly number[]])[] = [
  [0, 4, false, [0, 0, 0, 0]],
  [10, 4, true, [1, 1, 1, 1]],
  [10, 3, false, [0, 0, 0, 1]],
  [25, 3, false, [0, 0, 0, 1]],
  [26, 3, true, [1, 1, 1, 1]],
  [100, 1, true, [1, 1, 1, 1]],
  [100, 0, false, [1, 1, 1, 1]],
]
for (const [panicPercent, sick, inPanic, weights] of PANICS) {
  test(`with ${sick} of 4 targets unhealthy and a panic threshold of ${panicPercent} % the weights are ${weights.join(', ')}`, () => {
    const { time, figures, health, ill, targets, weightsNow } = bench({ active: ACTIVE, panicPercent, slowStartMs: 100 }, [1, 1, 1, 1])
    for (const target of targets.slice(0, sick)) ill.add(target)
    time.pass(3_000)
    assert.deepEqual([health.inPanic, figures.panicWorkers.value], [inPanic, inPanic ? 1 : 0])
    assert.deepEqual(weightsNow(), weights)
    ill.clear()
    time.pass(5_000)
    assert.deepEqual([health.inPanic, figures.panicWorkers.value, weightsNow()], [false, 0, [1, 1, 1, 1]])
  })
}

test('in a panic a target that has just come back gets its whole share like all others', () => {
  const { time, health, ill, targets, weightsNow } = bench({ active: ACTIVE, panicPercent: 60, slowStartMs: 60_000 }, [1, 1])
  for (const target of targets) ill.add(target)
  time.pass(3_000)
  ill.delete(targets[0] as Target)
  time.pass(3_000)
  assert.deepEqual([health.inPanic, weightsNow()], [true, [1, 1]])
})

test('a target that went with a reload is not ejected for what still comes from it', () => {
  const { figures, health, targets, fail, logged } = bench({}, [1, 1, 1])
  fail(0, 1)
  health.update(IR, targets.slice(1))
  fail(0, 5)
  assert.deepEqual([figures.ejections.value, logged], [0, []])
})

test('targets without weight do not count for panic', () => {
  const { time, health, ill, targets } = bench({ active: ACTIVE, panicPercent: 40 }, [1, 1, 0, 0, 0])
  ill.add(targets[0] as Target)
  for (const target of targets.slice(2)) ill.add(target)
  time.pass(3_000)
  assert.equal(health.inPanic, false)
})

test('without the blocks in the configuration everything is forgiven', () => {
  const { time, ill, health, targets, fail, names, weightsNow } = bench({ active: ACTIVE }, [1, 1, 1])
  ill.add(targets[0] as Target)
  time.pass(3_000)
  fail(1)
  assert.deepEqual(names(), ['unhealthy', 'ejected', 'healthy'])
  health.update({ ...IR, active: ACTIVE, passive: null }, targets)
  assert.deepEqual(weightsNow(), [0, 1, 1])
  health.update({ ...IR, active: null, passive: null }, targets)
  assert.deepEqual([names(), weightsNow()], [Array(3).fill('unknown'), [1, 1, 1]])
  assert.equal(time.waiting, 0)
})

test('a service that goes leaves no timer, no check and no target in the figures', () => {
  const { time, figures, health, fail } = bench({ active: ACTIVE }, [1, 1])
  time.pass(10)
  fail(0)
  health.stop()
  assert.equal(time.waiting, 0)
  for (const figure of Object.values(figures.targets)) assert.equal(figure.value, 0)
  fail(1)
  assert.equal(figures.ejections.value, 1)
})

test('the last target that is fit is ejected only where that is asked for', () => {
  const kept = bench({ passive: { ...PASSIVE, ejectedPercentMax: 100 } }, [1, 1])
  for (const index of [0, 1]) kept.fail(index)
  assert.deepEqual(kept.weightsNow(), [0, 1])
  const gone = bench({ passive: { ...PASSIVE, ejectedPercentMax: 100, ejectsLast: true } }, [1, 1])
  for (const index of [0, 1]) gone.fail(index)
  assert.deepEqual(gone.weightsNow(), [0, 0])
})
