import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BreakerState, ServiceState, TargetState } from '../upstream/service-state.ts'
import { servicesView } from './services-view.ts'

const CLOSED: BreakerState = {
  state: 'closed',
  failuresInRow: 0,
  window: null,
  successes: 0,
  probes: 0,
  retryAfterMs: 0,
  sinceMs: 10,
}

function target(address: string, change: Partial<TargetState> = {}): TargetState {
  const well: TargetState = {
    address,
    weight: 1,
    effectiveWeight: 1,
    drained: false,
    health: 'healthy',
    ejectedForMs: 0,
    reason: null,
    inFlight: 1,
    connections: 2,
  }
  return { ...well, ...change }
}

function service(name: string, change: Partial<ServiceState> = {}): ServiceState {
  return { name, breaker: CLOSED, inFlight: 3, queued: 1, panic: false, targets: [target('10.0.0.1:80')], ...change }
}

test('what the workers see differently is counted, what adds up is added, and each worker is told', () => {
  const ill = service('orders', {
    breaker: { ...CLOSED, state: 'open' },
    panic: true,
    targets: [target('10.0.0.1:80', { health: 'ejected', reason: 'refused' })],
  })
  const view = servicesView(
    [
      { worker: 2, pid: 102, services: [ill, service('users', { breaker: null })], reason: null },
      { worker: 1, pid: 101, services: [service('orders'), service('users', { breaker: null })], reason: null },
    ],
    new Map([['orders', { kind: 'dns', targets: 2, degraded: null, lookups: [] }]]),
  )
  assert.deepEqual(view.workers, [
    { worker: 1, pid: 101, answered: true },
    { worker: 2, pid: 102, answered: true },
  ])
  const [orders, users] = view.services
  assert.deepEqual(orders, {
    name: 'orders',
    discovery: { kind: 'dns', targets: 2, degraded: null },
    breaker: { closed: 1, open: 1 },
    inFlight: 6,
    queued: 2,
    panic: true,
    targets: [
      {
        address: '10.0.0.1:80',
        weight: 1,
        health: { healthy: 1, ejected: 1 },
        drained: false,
        inFlight: 2,
        connections: 4,
        reasons: ['refused'],
      },
    ],
    perWorker: [
      { worker: 1, breaker: CLOSED, inFlight: 3, queued: 1, panic: false, targets: [target('10.0.0.1:80')] },
      { worker: 2, breaker: ill.breaker, inFlight: 3, queued: 1, panic: true, targets: ill.targets },
    ],
  })
  assert.deepEqual([users?.name, users?.breaker, users?.panic], ['users', null, false])
})

test('a worker that did not answer is told with the reason, and nothing is made up for it', () => {
  const view = servicesView([
    { worker: 1, pid: 101, services: [service('orders')], reason: null },
    { worker: 2, pid: 102, services: null, reason: 'worker 2 did not answer' },
  ])
  assert.deepEqual(view.workers[1], { worker: 2, pid: 102, answered: false, reason: 'worker 2 did not answer' })
  assert.deepEqual(view.services[0]?.breaker, { closed: 1 })
  assert.equal(view.services[0]?.perWorker.length, 1)
})
