import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControlStatus } from '../runtime/control.ts'
import { routeMetrics } from '../telemetry/gateway-metrics.ts'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import { TrafficDesk } from './traffic-desk.ts'
import { troublesOf } from './traffic-troubles.ts'

const STATUS: ControlStatus = {
  phase: 'serving',
  workersWanted: 2,
  workersServing: 2,
  wantedRevision: 'aaa',
  runningRevision: 'aaa',
  loadedAtMs: 0,
  lastError: null,
}

class Rig {
  readonly metrics = new MetricsRegistry()
  nowMs = 1_000_000
  status = STATUS
  drained: Record<string, string[]> = {}
  collections = 0
  readonly desk = new TrafficDesk({
    dump: async () => {
      this.collections++
      return this.metrics.dump()
    },
    status: () => this.status,
    drained: () => this.drained,
    nowMs: () => this.nowMs,
  })

  async says(): Promise<string[]> {
    return troublesOf(await this.desk.look()).map(({ severity, name, says }) => `${severity} ${name}: ${says}`)
  }
}

test('who looks within a second is told the same, and nothing is collected again', async () => {
  const rig = new Rig()
  const looks = await Promise.all([rig.desk.look(), rig.desk.look()])
  assert.equal(looks[0].now, looks[1].now)
  rig.nowMs += 999
  await rig.desk.look()
  assert.equal(rig.collections, 1)
  rig.nowMs += 1
  await rig.desk.look()
  assert.equal(rig.collections, 2)
})

test('a collection that fails is tried again by the next who looks', async () => {
  let isBroken = true
  let nowMs = 0
  const dump = async () => (isBroken ? Promise.reject(new Error('no worker answers')) : [])
  const desk = new TrafficDesk({ dump, status: () => STATUS, drained: () => ({}), nowMs: () => nowMs })
  await assert.rejects(desk.look(), /no worker answers/)
  isBroken = false
  nowMs += 1_000
  assert.equal((await desk.look()).now.total.requests, 0)
})

test('the window begins about a minute ago, and anew when nobody has looked for two', async () => {
  const rig = new Rig()
  assert.equal((await rig.desk.look()).before, null)
  for (let second = 2; second <= 600; second += 2) {
    rig.nowMs += 2_000
    const { now, before } = await rig.desk.look()
    const seconds = (now.atMs - (before?.atMs ?? 0)) / 1_000
    assert.ok(seconds === second || (seconds >= 60 && seconds < 82), `${seconds} s at ${second} s`)
  }
  rig.nowMs += 121_000
  assert.equal((await rig.desk.look()).before, null)
})

test('a clock that is set back begins a new window', async () => {
  const rig = new Rig()
  await rig.desk.look()
  rig.nowMs += 2_000
  assert.notEqual((await rig.desk.look()).before, null)
  rig.nowMs -= 500_000
  assert.equal((await rig.desk.look()).before, null)
})

test('a gateway that is well has no troubles', async () => {
  const rig = new Rig()
  routeMetrics(rig.metrics, '/', 'shop').finish('GET', 500, 1, 'internal_error')
  rig.metrics.gauge('gateway_breaker_workers', 'B.', { service: 'shop', state: 'closed' }).set(2)
  rig.metrics.gauge('gateway_breaker_workers', 'B.', { service: 'shop', state: 'open' }).set(0)
  rig.metrics.gauge('gateway_targets', 'T.', { service: 'shop', state: 'healthy' }).set(2)
  assert.deepEqual(await rig.says(), [])
})

test('each trouble is told, the bad ones first', async () => {
  const rig = new Rig()
  const gauge = (name: string, labels: Record<string, string>, value: number): void => rig.metrics.gauge(name, 'G.', labels).set(value)
  gauge('gateway_targets', { service: 'shop', state: 'unhealthy' }, 2)
  gauge('gateway_breaker_workers', { service: 'shop', state: 'open' }, 1)
  gauge('gateway_panic_workers', { service: 'shop' }, 2)
  gauge('gateway_discovery_degraded', { service: 'found' }, 1)
  gauge('gateway_worker_event_loop_utilization_ratio', { worker: '1' }, 0.97)
  gauge('gateway_certificate_expiry_timestamp_seconds', { listener: 'https', host: 'a.example' }, 999)
  gauge('gateway_certificate_expiry_timestamp_seconds', { listener: 'https', host: 'b.example' }, 1_000 + 3 * 86_400)
  gauge('gateway_service_certificate_expiry_timestamp_seconds', { service: 'far' }, 1_000 + 90 * 86_400)
  rig.drained = { shop: ['10.0.0.1:80'] }
  rig.status = { ...STATUS, workersServing: 1, lastError: 'turnpike.yaml:1:1: wrong' }
  assert.deepEqual(await rig.says(), [
    'bad : A newer configuration is not in force.',
    'bad : 1 of 2 workers serve.',
    'bad shop: The breaker is open, in 1 worker.',
    'bad shop: So few targets are usable that all are used, in 2 workers.',
    'bad https: The certificate for a.example has ended.',
    'warn : Worker 1 is busy 97 % of the time.',
    'warn shop: Targets are unhealthy: 2, each counted by every worker.',
    'warn found: Its registry cannot be asked: what it last said is in force.',
    'warn shop: An operator has taken out 10.0.0.1:80.',
    'warn https: The certificate for b.example ends in 3 d.',
  ])
})

test('what is lost is told while it is new', async () => {
  const rig = new Rig()
  const dropped = rig.metrics.counter('gateway_access_log_dropped_total', 'D.', { output: 'a' })
  dropped.add(5)
  assert.deepEqual(await rig.says(), [], 'from before anybody looked')
  dropped.add(7)
  rig.nowMs += 10_000
  assert.deepEqual(await rig.says(), ['warn : 7 lines of the access log were lost in the last 10 s.'])
  for (let second = 0; second < 100; second += 2) {
    rig.nowMs += 2_000
    await rig.desk.look()
  }
  assert.deepEqual(await rig.says(), [])
})
