import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry } from './metrics.ts'
import { ProcessMetrics } from './process-metrics.ts'

test('a loop that was blocked shows it, and every gauge says which worker', async (t) => {
  const registry = new MetricsRegistry()
  const metrics = new ProcessMetrics(registry, '7')
  t.after(() => metrics.close())
  const value = (name: string, labels: object): number => {
    const family = registry.dump().find((one) => one.name === name)
    const series = family?.series.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))
    assert.ok(series, `${name} has no series ${JSON.stringify(labels)}`)
    return series.values[0] ?? 0
  }
  const latest = (): number => {
    metrics.update()
    return value('gateway_worker_event_loop_delay_seconds', { worker: '7', statistic: 'max' })
  }
  while (latest() < 0.1) {
    const until = performance.now() + 150
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  assert.ok(value('gateway_worker_event_loop_delay_seconds', { worker: '7', statistic: 'p99' }) > 0)
  const share = value('gateway_worker_event_loop_utilization_ratio', { worker: '7' })
  assert.ok(share > 0 && share <= 1, String(share))
  assert.ok(value('gateway_worker_memory_bytes', { worker: '7' }) > 1e6)
  assert.ok(value('gateway_worker_heap_bytes', { worker: '7' }) > 1e5)
  const cpu = value('gateway_worker_cpu_seconds_total', {})
  metrics.update()
  assert.ok(value('gateway_worker_cpu_seconds_total', {}) >= cpu)
})
