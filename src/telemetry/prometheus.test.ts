import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { ensureDebianProgram, missingReason } from '../../test/services/debian.ts'
import { listenerMetrics, routeMetrics, upstreamMetrics } from './gateway-metrics.ts'
import { MetricsRegistry } from './metrics.ts'
import { PrometheusRenderer, renderPrometheus } from './prometheus.ts'

test('help texts and label values are escaped', () => {
  const registry = new MetricsRegistry()
  registry.counter('a_total', 'Line\nand \\ "quoted".', { path: 'a"b\\c\nd' }).add(1.5)
  assert.equal(
    renderPrometheus(registry.dump()),
    '# HELP a_total Line\\nand \\\\ "quoted".\n# TYPE a_total counter\na_total{path="a\\"b\\\\c\\nd"} 1.5\n',
  )
})

test("a histogram's buckets are cumulative and end with +Inf", () => {
  const registry = new MetricsRegistry()
  const histogram = registry.histogram('d_ms', 'D.', [0.5, 1], { x: 'y' })
  for (const value of [0.1, 0.7, 0.8, 9]) histogram.observe(value)
  assert.equal(
    renderPrometheus(registry.dump()),
    `# HELP d_ms D.
# TYPE d_ms histogram
d_ms_bucket{x="y",le="0.5"} 1
d_ms_bucket{x="y",le="1"} 3
d_ms_bucket{x="y",le="+Inf"} 4
d_ms_sum{x="y"} 10.6
d_ms_count{x="y"} 4
`,
  )
})

test('series without labels have no braces, and infinite values are spelled as Prometheus does', () => {
  const registry = new MetricsRegistry()
  registry.gauge('g', 'G.', {}).set(Number.NEGATIVE_INFINITY)
  registry.histogram('d_ms', 'D.', [], {}).observe(2)
  const text = renderPrometheus(registry.dump())
  assert.match(text, /^g -Inf$/m)
  assert.match(text, /^d_ms_bucket\{le="\+Inf"\} 1\nd_ms_sum 2\nd_ms_count 1$/m)
})

test('much is rendered in turns of the event loop, to the same text, and once for all who ask meanwhile', async () => {
  const registry = new MetricsRegistry()
  for (let i = 0; i < 5_000; i++) {
    const labels = { path: `/users/${i}/"ü"` }
    registry.histogram('d_ms', 'D.', [1, 10, 100], labels).observe(i)
    registry.counter('c_total', 'C.', labels).add(i)
  }
  let dumps = 0
  const renderer = new PrometheusRenderer(async () => {
    dumps++
    return registry.dump()
  })
  let isDone = false
  let turns = 0
  let timersFired = 0
  const count = (): void => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  const timer = setInterval(() => timersFired++, 1)
  const [first, second] = await Promise.all([renderer.render(), renderer.render()])
  isDone = true
  clearInterval(timer)
  assert.equal(first, second)
  assert.equal(dumps, 1)
  assert.ok(first.equals(Buffer.from(renderPrometheus(registry.dump()))))
  const turnsWanted = Math.floor(first.length / 300_000)
  assert.ok(turnsWanted >= 3 && turns >= turnsWanted, `${turns} turns for ${first.length} bytes`)
  assert.ok(timersFired > 0, 'a timer fires in between')
  await renderer.render()
  assert.equal(dumps, 2)
})

test('a render that failed is not given to who asks later', async () => {
  let isAway = true
  const renderer = new PrometheusRenderer(async () => {
    if (isAway) throw new Error('no worker')
    return []
  })
  await assert.rejects(renderer.render())
  isAway = false
  assert.equal((await renderer.render()).length, 0)
})

test("Prometheus' own checker accepts what the gateway exposes", (t) => {
  const promtool = ensureDebianProgram('promtool', 'prometheus')
  if (promtool === null) return t.skip(missingReason('promtool'))
  const registry = new MetricsRegistry()
  const route = routeMetrics(registry, '/a"b\\/*', 'users')
  route.finish('GET', 200, 3, null)
  route.finish('BREW', 504, 3_000, 'upstream_timeout')
  route.upstreamStatus(200, 'users')
  route.retry()
  listenerMetrics(registry, 'main').connections.add(1)
  upstreamMetrics(registry, 'users').connections.add(1)
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: renderPrometheus(registry.dump()),
    encoding: 'utf8',
    timeout: 10_000,
  })
  // Status 1 means unreadable, 3 means matters of style; the one we have is the given name gateway_request_duration_ms.
  assert.ok(status === 0 || status === 3, `promtool ended with ${status}: ${stdout}${stderr}`)
  const remarks = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith('gateway_request_duration_ms '))
  assert.deepEqual(remarks, [])
})
