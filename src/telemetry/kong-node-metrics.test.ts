import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kongNodeMetrics } from './kong-node-metrics.ts'
import { MetricsRegistry } from './metrics.ts'
import { renderPrometheus } from './prometheus.ts'

test('connections and requests of all listeners are told as those of a node', () => {
  const metrics = new MetricsRegistry()
  for (const listener of ['a', 'b']) {
    metrics.gauge('gateway_connections', '', { listener }).set(3)
    metrics.counter('gateway_connections_total', '', { listener }).add(10)
    metrics.gauge('gateway_requests_in_flight', '', { listener }).set(1)
  }
  metrics.counter('gateway_connections_refused_total', '', { listener: 'a' }).add(2)
  metrics.counter('gateway_requests_total', '', { status: '200' }).add(40)
  const lines = renderPrometheus(kongNodeMetrics(metrics.dump(), { id: 'n', version: '1' })).split('\n')
  const states = { accepted: 22, handled: 20, total: 40, active: 6, reading: 0, writing: 2, waiting: 4 }
  for (const [state, value] of Object.entries(states)) {
    assert.ok(lines.includes(`kong_nginx_connections_total{node_id="n",subsystem="http",state="${state}"} ${value}`), state)
  }
  assert.ok(lines.includes('kong_nginx_requests_total{node_id="n",subsystem="http"} 40'))
  assert.ok(lines.includes('kong_node_info{node_id="n",version="1"} 1'))
  assert.ok(lines.includes('kong_datastore_reachable 1'))
})
