import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActiveCheckIr, BreakerIr, PassiveCheckIr, ServiceIr, TargetIr } from '../config/ir.ts'
import { exchangeOf } from '../policies/testing.ts'
import { REFUSED } from './service.ts'
import { SERVICE, serviceBench } from './testing.ts'

const BREAKER: BreakerIr = { failures: 2, failureRate: null, recoveryMs: 30_000, probes: 1, successes: 1, statuses: ['5xx'] }
const PASSIVE: PassiveCheckIr = {
  failures: 2,
  statuses: ['5xx'],
  ejectionMs: 10_000,
  ejectionMaxMs: 60_000,
  ejectedPercentMax: 50,
  ejectsLast: false,
}
const HEALTH = { active: null, passive: PASSIVE, slowStartMs: 0, panicPercent: 0 }
const ACTIVE: ActiveCheckIr = {
  kind: 'tcp',
  grpcService: '',
  path: '/',
  host: null,
  headers: [],
  statuses: [],
  body: null,
  intervalMs: 1_000,
  unfitIntervalMs: 1_000,
  timeoutMs: 1,
  unhealthyAfter: 1,
  healthyAfter: 1,
  endsEjections: false,
}
const ANY = exchangeOf()

const targets = (...hosts: string[]): TargetIr[] => hosts.map((host) => ({ host, port: 80, weight: 1 }))

function bench(ir: Partial<ServiceIr>) {
  const made = serviceBench(ir)
  const { service } = made
  service.start()
  /** One try at the target that is picked, or the host's own. */
  const attempt = (status: number, host?: string): string => {
    const ticket = service.enter()
    if (ticket === REFUSED) return 'refused'
    const target = host === undefined ? service.pick(ANY, null) : (service.targets.find((one) => one.host === host) ?? null)
    service.settle(target, ticket, status, null)
    return target?.host ?? 'none'
  }
  const health = (): Record<string, string> => Object.fromEntries(service.state().targets.map((target) => [target.address, target.health]))
  return { ...made, attempt, health, update: (more: Partial<ServiceIr>) => service.update({ ...SERVICE, ...ir, ...more }) }
}

test('a service without a breaker lets everything through', () => {
  const { service, attempt } = bench({ targets: targets('a') })
  for (let i = 0; i < 100; i++) assert.equal(attempt(500), 'a')
  assert.deepEqual([service.retryAfterMs, service.state().breaker], [0, null])
})

test('the breaker of a service is told in figures and in the log', () => {
  const { time, figures, logged, service, attempt } = bench({ breaker: BREAKER, targets: targets('a') })
  const { workers, transitions, refused } = figures.breaker
  const told = (): number[] => [workers.closed.value, workers['half-open'].value, workers.open.value]
  assert.deepEqual(told(), [1, 0, 0])
  attempt(503)
  attempt(500)
  assert.equal(attempt(200), 'refused')
  assert.deepEqual([told(), refused.value, service.retryAfterMs], [[0, 0, 1], 1, 30_000])
  time.pass(30_000)
  const probe = service.enter()
  assert.deepEqual(told(), [0, 1, 0])
  service.settle(null, probe, 0, null)
  assert.equal(attempt(200), 'a')
  assert.deepEqual(told(), [1, 0, 0])
  assert.deepEqual([transitions.open.value, transitions['half-open'].value, transitions.closed.value], [1, 1, 1])
  assert.deepEqual(logged, ['the breaker of a service opened', 'the breaker of a service is half open', 'the breaker of a service closed'])
})

test('an open breaker stays open over a reload with other numbers, and a removed one is gone', () => {
  const { figures, service, attempt, update } = bench({ breaker: BREAKER, targets: targets('a') })
  attempt(500)
  const early = service.enter()
  attempt(500)
  update({ breaker: { ...BREAKER, recoveryMs: 5_000 }, targets: targets('a', 'b') })
  assert.deepEqual([attempt(200), service.retryAfterMs], ['refused', 5_000])
  update({ breaker: null })
  assert.deepEqual([attempt(200), figures.breaker.workers.open.value, service.state().breaker], ['a', 0, null])
  update({ breaker: BREAKER })
  assert.equal(figures.breaker.workers.closed.value, 1)
  attempt(500)
  for (const late of [0, early]) service.settle(null, late, 500, null)
  assert.equal(attempt(200), 'a', 'tries that began at no breaker or at the one before count at none')
})

test('editing one target leaves connections, health and ejection of the others alone', () => {
  const { time, service, attempt, health, update } = bench({ health: HEALTH, targets: targets('a', 'b', 'c', 'd') })
  attempt(500, 'a')
  attempt(500, 'a')
  attempt(500, 'b')
  time.pass(4_000)
  const before = new Map(service.targets.map((target) => [target.host, target]))
  update({ targets: [...targets('d', 'a', 'b').map((target) => ({ ...target, weight: target.host === 'd' ? 7 : 1 })), ...targets('e')] })
  for (const target of service.targets) assert.equal(target === before.get(target.host), target.host !== 'e', target.host)
  assert.deepEqual(health(), { 'd:80': 'unknown', 'a:80': 'ejected', 'b:80': 'unknown', 'e:80': 'unknown' })
  assert.equal(service.state().targets[1]?.ejectedForMs, 6_000)
  assert.deepEqual([service.state().targets[0]?.weight, service.state().targets[0]?.effectiveWeight], [7, 7])
  attempt(500, 'b')
  assert.equal(health()['b:80'], 'ejected', 'its failure before the reload counts')
  time.pass(6_000)
  assert.deepEqual([health()['a:80'], health()['b:80']], ['unknown', 'ejected'])
})

test('a target that went and came back is another one', () => {
  const { attempt, health, update } = bench({ health: HEALTH, targets: targets('a', 'b') })
  attempt(500, 'a')
  attempt(500, 'a')
  update({ targets: targets('b') })
  update({ targets: targets('a', 'b') })
  assert.deepEqual(health(), { 'a:80': 'unknown', 'b:80': 'unknown' })
})

test('targets that are told again, as with each reload, leave whose turn it is alone', () => {
  const { service } = bench({ discovery: { kind: 'dns', name: 'a', port: 80, record: 'ip', servers: [] } })
  const found = targets('a', 'b')
  service.setTargets(found)
  const seen = [1, 2].map(() => {
    service.setTargets(found)
    return service.pick(ANY, null)?.host
  })
  assert.deepEqual(seen, ['a', 'b'])
})

for (const kind of ['round-robin', 'random', 'least-connections', 'power-of-two', 'consistent-hash'] as const) {
  test(`${kind} passes an ejected target by, from the next pick on and until it is back`, () => {
    const { time, service, attempt } = bench({
      health: HEALTH,
      balancer: { kind, hash: { key: { kind: 'path' }, otherwise: null, setCookiePath: null } },
      targets: targets('a', 'b', 'c'),
    })
    const seen = (): Set<string> =>
      new Set(
        Array.from({ length: 60 }, (_, i) => {
          time.chance = i / 60
          ANY.request.path = `/${i}`
          return service.pick(ANY, null)?.host ?? 'none'
        }),
      )
    assert.deepEqual(seen(), new Set(['a', 'b', 'c']))
    attempt(500, 'b')
    attempt(500, 'b')
    assert.deepEqual([...seen()].sort(), ['a', 'c'])
    time.pass(10_000)
    assert.deepEqual([...seen()].sort(), ['a', 'b', 'c'])
  })

  test(`${kind} picks none where none is usable and there is no panic`, () => {
    const { service, update } = bench({
      balancer: { kind, hash: { key: { kind: 'path' }, otherwise: null, setCookiePath: null } },
      targets: targets('a'),
    })
    const [target] = service.targets
    target?.health.onCheck('gone', ACTIVE, 0)
    update({ health: { ...HEALTH, active: ACTIVE } })
    assert.equal(service.pick(ANY, null), null)
    update({ health: { ...HEALTH, active: ACTIVE, panicPercent: 10 } })
    assert.equal(service.pick(ANY, null), target)
    assert.equal(service.state().panic, true)
    service.retire()
  })

  if (kind === 'consistent-hash') continue
  test(`${kind} gives a target that has just come back a tenth of its share`, () => {
    const { time, service, attempt } = bench({
      health: { ...HEALTH, slowStartMs: 60_000 },
      balancer: { kind, hash: { key: { kind: 'path' }, otherwise: null, setCookiePath: null } },
      targets: targets('a', 'b'),
    })
    attempt(500, 'a')
    attempt(500, 'a')
    time.pass(10_000)
    let picked = 0
    for (let i = 0; i < 1_100; i++) {
      time.chance = (i * 0.618_034) % 1
      if (service.pick(ANY, null)?.host === 'a') picked++
    }
    assert.ok(picked > 90 && picked < 110, `${picked} of 1100`)
  })
}

test('the gate is there where concurrency is bounded, and keeps who is in while the bound goes and comes back', () => {
  const concurrency = { max: 1, queue: 0, queueTimeoutMs: 1_000 }
  const { service, update } = bench({ concurrency })
  const enter = (): string => service.gate?.enter({ onPlace() {}, onNoPlace() {} }) ?? 'unbounded'
  assert.equal(enter(), 'entered')
  update({ concurrency: null })
  assert.equal(enter(), 'unbounded')
  update({ concurrency })
  assert.equal(enter(), 'refused')
  assert.deepEqual([service.state().inFlight, service.state().queued], [1, 0])
  assert.equal(bench({}).service.gate, null)
})

test('what ejects a target, and what still ends there, does not open the breaker; what the others do does', () => {
  const { service, health, attempt } = bench({ breaker: BREAKER, health: HEALTH, targets: targets('a', 'b', 'c') })
  const tickets = Array.from({ length: 20 }, () => service.enter())
  const [hanging] = service.targets
  for (const ticket of tickets) service.settle(hanging ?? null, ticket, 0, 'upstream_timeout')
  assert.equal(health()['a:80'], 'ejected')
  assert.equal(service.state().breaker?.state, 'closed')
  attempt(500, 'b')
  assert.equal(service.state().breaker?.state, 'open', 'one of the first that hung had counted')
})

test('a service that has not started tells nothing and checks nothing', () => {
  const { figures, time } = serviceBench({
    breaker: BREAKER,
    targets: targets('a'),
    health: { ...HEALTH, active: ACTIVE },
  })
  assert.deepEqual([figures.breaker.workers.closed.value, time.waiting], [0, 0])
})

test('a service that is gone counts in no figure', () => {
  const { figures, service, attempt } = bench({ breaker: BREAKER, health: HEALTH, targets: targets('a', 'b') })
  service.retire()
  assert.deepEqual([figures.breaker.workers.closed.value, figures.health.targets.unknown.value], [0, 0])
  figures.breaker.workers.closed.set(1)
  attempt(500)
  attempt(500)
  const { closed, open } = figures.breaker.workers
  assert.deepEqual([closed.value, open.value], [1, 0], 'it leaves the figures to a successor of its name')
})

test('a drained target gets nothing, in panic neither, and stays out when it is listed anew', () => {
  const { service, attempt, update } = bench({ health: { ...HEALTH, panicPercent: 100 }, targets: targets('a', 'b') })
  service.setDrained(new Set(['a:80']))
  const picked = (): Set<string> => new Set(Array.from({ length: 6 }, () => attempt(503)))
  assert.deepEqual(picked(), new Set(['b']))
  update({ targets: targets('b') })
  update({ targets: targets('a', 'b') })
  assert.deepEqual(picked(), new Set(['b']))
  assert.deepEqual(
    service.state().targets.map(({ drained }) => drained),
    [true, false],
  )
  service.setDrained(new Set())
  assert.deepEqual(picked(), new Set(['a', 'b']))
})

test('a drained target is none that an ejection may leave as the last one', () => {
  const { service, attempt, health } = bench({ health: HEALTH, targets: targets('a', 'b') })
  service.setDrained(new Set(['a:80']))
  for (let i = 0; i < 4; i++) attempt(503, 'b')
  assert.deepEqual(health(), { 'a:80': 'unknown', 'b:80': 'unknown' })
})

test('a service takes targets out before it is started', () => {
  const { service } = serviceBench({ targets: targets('a', 'b') })
  service.setDrained(new Set(['a:80']))
  service.start()
  for (let i = 0; i < 4; i++) assert.equal(service.pick(ANY, null)?.host, 'b')
})

test('a breaker that is reset is closed and has forgotten what it counted', () => {
  const { service, attempt, logged } = bench({ breaker: BREAKER, targets: targets('a') })
  attempt(503)
  assert.equal(service.resetBreaker(), 'closed')
  attempt(503)
  assert.equal(attempt(503), 'a', 'it counts from the beginning')
  assert.equal(service.resetBreaker(), 'open')
  assert.equal(attempt(200), 'a')
  assert.deepEqual(logged, ['the breaker of a service opened', 'the breaker of a service closed'])
  assert.equal(bench({ targets: targets('a') }).service.resetBreaker(), null)
})
