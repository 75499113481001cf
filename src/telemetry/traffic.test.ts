import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routeMetrics } from './gateway-metrics.ts'
import { MetricsRegistry } from './metrics.ts'
import { growthOf, readTraffic, sumOf } from './traffic.ts'

function counted() {
  const metrics = new MetricsRegistry()
  const orders = routeMetrics(metrics, '/orders/*', 'shop')
  const users = routeMetrics(metrics, '/users/*', 'shop')
  return { metrics, orders, users }
}

test('requests are summed up over methods, by route, by service and by class of status', () => {
  const { metrics, orders, users } = counted()
  orders.finish('GET', 200, 3, null)
  orders.finish('POST', 404, 3, null)
  orders.finish('GET', 503, 70_000, 'upstream_timeout')
  users.finish('GET', 200, 0.1, null)
  users.finish('GET', 0, 0.1, 'client_closed')
  const { routes, services, statuses, errors, total, boundsMs } = readTraffic(metrics.dump(), 0)
  assert.deepEqual(Object.fromEntries(statuses), { '2xx': 2, '4xx': 1, '5xx': 1, gone: 1 })
  assert.deepEqual(Object.fromEntries(errors), { upstream_timeout: 1, client_closed: 1 })
  const { durations, ...counts } = routes.get('/orders/*') ?? assert.fail('no route')
  assert.deepEqual(counts, { requests: 3, failed: 1, refused: 1 })
  assert.equal(durations[boundsMs.indexOf(5)], 2)
  assert.equal(durations.at(-1), 1, 'beyond the last bound')
  assert.equal(services.get('shop')?.requests, 5)
  assert.equal(total.requests, 5)
  assert.equal(
    total.durations.reduce((sum, count) => sum + count, 0),
    5,
  )
})

test('growth is what came in between, and all of it where counters have begun anew', () => {
  const { metrics, orders } = counted()
  const read = () => readTraffic(metrics.dump(), 0).total
  orders.finish('GET', 200, 3, null)
  orders.finish('GET', 500, 3, 'internal_error')
  const before = read()
  orders.finish('GET', 200, 3, null)
  const { durations, ...counts } = growthOf(read(), before)
  assert.deepEqual(counts, { requests: 1, failed: 0, refused: 0 })
  assert.equal(
    durations.reduce((sum, count) => sum + count, 0),
    1,
  )
  assert.equal(growthOf(before, read()).requests, 2)
  assert.equal(growthOf(before, undefined).requests, 2)
})

test('nothing counted yet is nothing', () => {
  const { total, boundsMs } = readTraffic([], 0)
  assert.deepEqual({ requests: total.requests, boundsMs }, { requests: 0, boundsMs: [] })
  assert.equal(sumOf([], 'a_total'), 0)
})
