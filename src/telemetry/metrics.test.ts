import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type MetricsDump,
  MetricsRegistry,
  mergeDumps,
  mergeDumpsInTurns,
  OVERFLOW_LABEL,
  OVERFLOW_METRIC,
  withoutGauges,
} from './metrics.ts'

function values(dump: MetricsDump, name: string): (readonly [unknown, readonly number[]])[] {
  return (dump.find((family) => family.name === name)?.series ?? []).map((series) => [series.labels, series.values] as const)
}

test('asking twice for one name and set of labels gives the same series, in whatever order the labels come', () => {
  const registry = new MetricsRegistry()
  registry.counter('a_total', 'A.', { x: '1', y: '2' }).add(1)
  registry.counter('a_total', 'A.', { y: '2', x: '1' }).add(2)
  assert.deepEqual(values(registry.dump(), 'a_total'), [[{ x: '1', y: '2' }, [3]]])
})

test('label values that only look alike when joined are different series', () => {
  const registry = new MetricsRegistry()
  registry.counter('a_total', 'A.', { x: '1","y":"2', y: '' }).add(1)
  registry.counter('a_total', 'A.', { x: '1', y: '2' }).add(1)
  assert.equal(values(registry.dump(), 'a_total').length, 2)
})

test('a value at a bound lies in that bucket, one above all bounds in the last, and NaN in none', () => {
  const registry = new MetricsRegistry()
  const histogram = registry.histogram('d_ms', 'D.', [1, 5], {})
  for (const value of [0.5, 1, 1.5, 5, 6, Number.NaN]) histogram.observe(value)
  assert.deepEqual(values(registry.dump(), 'd_ms'), [[{}, [2, 2, 1, 14]]])
})

test('handles stay valid when thousands of series follow', () => {
  const registry = new MetricsRegistry()
  const first = registry.gauge('g', 'G.', { n: 'first' })
  for (let i = 0; i < 9_000; i++) registry.counter('many_total', 'M.', { n: String(i) }).add(i)
  first.set(7)
  first.add(-2)
  const dump = registry.dump()
  assert.deepEqual(values(dump, 'g'), [[{ n: 'first' }, [5]]])
  assert.deepEqual(values(dump, 'many_total')[8_999], [{ n: '8999' }, [8_999]])
})

test('beyond the bound the overflow series takes what has no place, and that is counted', () => {
  const registry = new MetricsRegistry({ seriesMax: 2 })
  for (const n of ['1', '2']) registry.gauge('other', 'Another family has a bound of its own.', { n }).set(1)
  for (const n of ['1', '2', '3', '4']) registry.counter('a_total', 'A.', { n }).add(1)
  registry.counter('a_total', 'A.', { n: '1' }).add(1)
  const dump = registry.dump()
  assert.deepEqual(values(dump, 'a_total'), [
    [{ n: '1' }, [2]],
    [{ n: '2' }, [1]],
    [{ n: OVERFLOW_LABEL }, [2]],
  ])
  assert.deepEqual(values(dump, OVERFLOW_METRIC), [[{ metric: 'a_total' }, [2]]])
})

test('a bound below the number of metrics holds too, and a metric without labels has its one series whatever the bound', () => {
  const registry = new MetricsRegistry({ seriesMax: 0 })
  registry.counter('a_total', 'A.', { n: '1' }).add(1)
  registry.counter('b_total', 'B.', {}).add(1)
  const dump = registry.dump()
  assert.deepEqual(values(dump, 'a_total'), [[{ n: OVERFLOW_LABEL }, [1]]])
  assert.deepEqual(values(dump, 'b_total'), [[{}, [1]]])
  assert.deepEqual(values(dump, OVERFLOW_METRIC), [[{ metric: OVERFLOW_LABEL }, [1]]])
})

test('the sum of many processes, the dead included, keeps within the bound and loses no count', () => {
  let retired: MetricsDump = []
  for (let life = 0; life < 50; life++) {
    const registry = new MetricsRegistry({ seriesMax: 10 })
    for (let n = 0; n < 20; n++) registry.counter('a_total', 'A.', { n: `${life}-${n}` }).add(1)
    retired = mergeDumps([retired, withoutGauges(registry.dump())], 10)
  }
  const kept = values(retired, 'a_total')
  assert.equal(kept.length, 11)
  assert.equal(
    kept.reduce((sum, [, [value = 0]]) => sum + value, 0),
    1_000,
  )
})

test('under a churn of labels the memory of a registry stays flat', () => {
  const registry = new MetricsRegistry({ seriesMax: 1_000 })
  const churn = (from: number): void => {
    for (let n = from; n < from + 50_000; n++) {
      registry.counter('a_total', 'A.', { path: `/churn/${n}` }).add(1)
      registry.histogram('d_ms', 'D.', [1, 10, 100], { path: `/churn/${n}` }).observe(1)
    }
  }
  churn(0)
  const dumpedBytes = JSON.stringify(registry.dump()).length
  churn(50_000)
  // The numbers have a digit more.
  assert.ok(JSON.stringify(registry.dump()).length < dumpedBytes + 100)
  assert.equal(values(registry.dump(), 'a_total').length, 1_001)
  assert.deepEqual(values(registry.dump(), OVERFLOW_METRIC), [
    [{ metric: 'a_total' }, [99_000]],
    [{ metric: 'd_ms' }, [99_000]],
  ])
})

test('a name cannot change its kind or its buckets, and must be a name', () => {
  const registry = new MetricsRegistry()
  registry.counter('a_total', 'A.', {})
  registry.histogram('d_ms', 'D.', [1], {})
  assert.throws(() => registry.gauge('a_total', 'A.', {}), /is a counter/)
  assert.throws(() => registry.histogram('d_ms', 'D.', [2], {}), /other bucket bounds/)
  assert.throws(() => registry.histogram('e_ms', 'E.', [2, 1], {}), /ascending/)
  assert.throws(() => registry.counter('a-b', 'A.', {}), /not a metric name/)
  assert.throws(() => registry.counter('b_total', 'B.', { 'x-y': '' }), /not a label name/)
})

test('dumps of several processes add up, and survive a structured clone', () => {
  const one = new MetricsRegistry()
  const other = new MetricsRegistry()
  for (const registry of [one, other]) {
    registry.counter('a_total', 'A.', { x: '1' }).add(2)
    registry.gauge('g', 'G.', {}).set(3)
    registry.histogram('d_ms', 'D.', [1], {}).observe(5)
  }
  other.counter('a_total', 'A.', { x: '2' }).add(1)
  const merged = mergeDumps([structuredClone(one.dump()), structuredClone(other.dump())])
  assert.deepEqual(values(merged, 'a_total'), [
    [{ x: '1' }, [4]],
    [{ x: '2' }, [1]],
  ])
  assert.deepEqual(values(merged, 'g'), [[{}, [6]]])
  assert.deepEqual(values(merged, 'd_ms'), [[{}, [0, 2, 10]]])
  assert.deepEqual(values(one.dump(), 'a_total'), [[{ x: '1' }, [2]]], 'merging changes no dump')
})

test('much is added up in turns of the event loop, to the same sums', async () => {
  const [one, other] = [new MetricsRegistry(), new MetricsRegistry()]
  for (let i = 0; i < 4_000; i++) {
    one.counter('a_total', 'A.', { x: String(i) }).add(i)
    other.counter('a_total', 'A.', { x: String(i + 2_000) }).add(1)
  }
  const dumps = [one.dump(), other.dump()]
  let isDone = false
  let turns = 0
  const count = (): void => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  const sums = await mergeDumpsInTurns(dumps, 5_000)
  isDone = true
  assert.ok(turns >= 7, `${turns} turns for 8,000 series`)
  assert.deepEqual(sums, mergeDumps(dumps, 5_000))
})

test('families that cannot be added are left out of the later dump', () => {
  const one = new MetricsRegistry()
  const other = new MetricsRegistry()
  one.histogram('d_ms', 'D.', [1], {}).observe(1)
  other.histogram('d_ms', 'D.', [1, 2], {}).observe(1)
  assert.deepEqual(values(mergeDumps([one.dump(), other.dump()]), 'd_ms'), [[{}, [1, 0, 1]]])
})

test('of a dead process the gauges are forgotten', () => {
  const registry = new MetricsRegistry()
  registry.counter('a_total', 'A.', {}).add(1)
  registry.gauge('g', 'G.', {}).set(1)
  assert.deepEqual(
    withoutGauges(registry.dump()).map((family) => family.name),
    ['a_total'],
  )
})
