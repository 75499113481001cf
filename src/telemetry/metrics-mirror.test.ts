import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deserialize, serialize } from 'node:v8'
import { MetricsRegistry } from './metrics.ts'
import { MetricsMirror, NOTHING_KNOWN } from './metrics-mirror.ts'

test('a mirror says what the registry says, whatever is added in between', () => {
  const registry = new MetricsRegistry({ seriesMax: 3_000 })
  const mirror = new MetricsMirror()
  const numbers = new Set<number>()
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 400; n++) {
      registry.counter('a_total', 'A.', { n: String((round * 200 + n) % 5_000) }).add(round + n)
      registry.histogram(`d_${round % 3}`, 'D.', [1, 10], { n: String(n) }).observe(n / 10)
    }
    registry.gauge('g', 'G.', {}).set(round)
    const update = deserialize(serialize(registry.update(mirror.position)))
    numbers.add(update.series.length)
    mirror.apply(update)
    assert.deepEqual(mirror.dump(), registry.dump())
  }
  assert.ok(numbers.has(200) && numbers.has(0), 'what is known is not sent again')
})

test('an update that came twice, or for somebody who knew more, changes nothing', () => {
  const registry = new MetricsRegistry()
  const mirror = new MetricsMirror()
  registry.counter('a_total', 'A.', { n: '1' }).add(1)
  const first = structuredClone(registry.update(NOTHING_KNOWN))
  mirror.apply(first)
  mirror.apply(first)
  mirror.apply(structuredClone(registry.update({ families: 1, series: 0 })))
  assert.deepEqual(mirror.dump(), registry.dump())
})
