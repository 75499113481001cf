import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MetricsRegistry } from './metrics.ts'
import { STATSD_NAMES, STATSD_TIMINGS, StatsdReporter, type StatsdSettings } from './statsd.ts'

const TIMEOUT = { timeout: 10_000 }
/** No test waits for it. */
const NEVER_MS = 3_600_000

/** A StatsD server: keeps the datagrams that came. */
async function server(t: TestContext) {
  const socket = createSocket('udp4')
  const datagrams: string[] = []
  let wake = Promise.withResolvers<void>()
  socket.on('message', (bytes) => {
    datagrams.push(bytes.toString('latin1'))
    wake.resolve()
    wake = Promise.withResolvers()
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return {
    port: socket.address().port,
    /** The next one, once it is there. */
    async next(): Promise<string> {
      for (;;) {
        const datagram = datagrams.shift()
        if (datagram !== undefined) return datagram
        await wake.promise
      }
    },
    get waiting(): number {
      return datagrams.length
    },
  }
}

function reporter(openSocket?: (family: 4 | 6) => Socket) {
  const workers = new MetricsRegistry()
  const own = new MetricsRegistry()
  const said: string[] = []
  let heard = Promise.withResolvers<void>()
  const say = (_: unknown, message: string): void => {
    said.push(message)
    heard.resolve()
    heard = Promise.withResolvers()
  }
  const made = new StatsdReporter({
    dump: async () => workers.dump(),
    log: { info: say, warn: say, error: say },
    metrics: own,
    ...(openSocket !== undefined && { openSocket }),
  })
  return {
    made,
    said,
    count: (name: string, amount: number, labels = {}) => workers.counter(name, 'Help.', labels).add(amount),
    time: (ms: number, labels = {}) => workers.histogram('gateway_request_duration_ms', 'Help.', [10, 100], labels).observe(ms),
    errors: () => own.dump()[0]?.series[0]?.values[0],
    untilSaid: async (message: string): Promise<void> => {
      while (!said.includes(message)) await heard.promise
    },
  }
}

function settings(port: number, change: Partial<StatsdSettings> = {}): StatsdSettings {
  return { host: '127.0.0.1', port, prefix: '', intervalMs: NEVER_MS, ...change }
}

test('the given names reach the server, each with what its counter grew by, summed over its labels', TIMEOUT, async (t) => {
  const statsd = await server(t)
  const { made, count } = reporter()
  made.use(settings(statsd.port, { intervalMs: 5 }))
  t.after(() => made.close())
  await new Promise((resolve) => setImmediate(resolve))
  count('gateway_cache_hit_total', 10, { route: 'a' })
  count('gateway_cache_hit_total', 2, { route: 'b' })
  assert.equal(await statsd.next(), 'gateway.cache.hit:12|c')
  count('gateway_cache_hit_total', 1, { route: 'b' })
  count('gateway_cache_miss_total', 3)
  let lines = (await statsd.next()).split('\n')
  if (lines.length === 1) lines = [...lines, await statsd.next()]
  assert.deepEqual(lines.sort(), ['gateway.cache.hit:1|c', 'gateway.cache.miss:3|c'])
  count('gateway_unheard_of_total', 3)
})

test('the last counts are sent at the end, and nothing when nothing was counted', TIMEOUT, async (t) => {
  const statsd = await server(t)
  const { made, count } = reporter()
  made.use(settings(statsd.port, { prefix: 'shop.' }))
  await new Promise((resolve) => setImmediate(resolve))
  count('gateway_cache_miss_total', 7)
  await made.close()
  assert.equal(await statsd.next(), 'shop.gateway.cache.miss:7|c')
  const silent = reporter()
  silent.made.use(settings(statsd.port))
  await silent.made.close()
  count('gateway_cache_miss_total', 7)
  await made.close()
  assert.equal(statsd.waiting, 0)
})

test('a server that is configured later is not told what was before, and one that leaves is told the rest', TIMEOUT, async (t) => {
  const [first, second] = [await server(t), await server(t)]
  const { made, count } = reporter()
  count('gateway_cache_hit_total', 100)
  made.use(settings(first.port))
  await new Promise((resolve) => setImmediate(resolve))
  count('gateway_cache_hit_total', 1)
  made.use(settings(second.port))
  assert.equal(await first.next(), 'gateway.cache.hit:1|c')
  count('gateway_cache_hit_total', 2)
  made.use(null)
  assert.equal(await second.next(), 'gateway.cache.hit:2|c')
  count('gateway_cache_hit_total', 50)
  made.use(settings(first.port))
  await new Promise((resolve) => setImmediate(resolve))
  count('gateway_cache_hit_total', 3)
  await made.close()
  assert.equal(await first.next(), 'gateway.cache.hit:3|c')
})

test('timings are sent as samples of the upper bounds of their buckets, each with the share that it is of', TIMEOUT, async (t) => {
  const statsd = await server(t)
  const { made, time } = reporter()
  time(5)
  made.use(settings(statsd.port, { prefix: 'shop.', intervalMs: 5 }))
  await new Promise((resolve) => setImmediate(resolve))
  for (let i = 0; i < 4; i++) time(7, { path: `/${i}` })
  time(20)
  assert.equal(await statsd.next(), 'shop.gateway.request.duration:10|ms|@0.25\nshop.gateway.request.duration:100|ms')
  for (let i = 0; i < 3; i++) time(2_000)
  assert.equal(await statsd.next(), 'shop.gateway.request.duration:100|ms|@0.333333333333')
  for (let i = 0; i < 4_000_000; i++) time(1)
  assert.equal(await statsd.next(), 'shop.gateway.request.duration:10|ms|@0.00000025')
  await made.close()
})

test('a sum that fell is sent as nothing, and counts on from there', TIMEOUT, async (t) => {
  const statsd = await server(t)
  const { made, count } = reporter()
  made.use(settings(statsd.port, { intervalMs: 5 }))
  await new Promise((resolve) => setImmediate(resolve))
  count('gateway_cache_hit_total', 10)
  assert.equal(await statsd.next(), 'gateway.cache.hit:10|c')
  count('gateway_cache_hit_total', -4)
  count('gateway_cache_miss_total', 1)
  assert.equal(await statsd.next(), 'gateway.cache.miss:1|c')
  count('gateway_cache_hit_total', 1)
  assert.equal(await statsd.next(), 'gateway.cache.hit:1|c')
  await made.close()
})

test('no datagram is larger than 1432 bytes, and all lines arrive', TIMEOUT, async (t) => {
  const statsd = await server(t)
  const { made, count } = reporter()
  made.use(settings(statsd.port, { prefix: 'x'.repeat(700) }))
  await new Promise((resolve) => setImmediate(resolve))
  for (const name of STATSD_NAMES.keys()) count(name, 1)
  await made.close()
  const lines: string[] = []
  while (lines.length < STATSD_NAMES.size) {
    const datagram = await statsd.next()
    assert.ok(datagram.length <= 1_432, `${datagram.length}`)
    lines.push(...datagram.split('\n'))
  }
  assert.deepEqual(
    lines,
    [...STATSD_NAMES.values()].map((name) => `${'x'.repeat(700)}${name}:1|c`),
  )
})

test('what cannot be sent is counted, told once, and sent later', TIMEOUT, async (t) => {
  const statsd = await server(t)
  let isDown = true
  const { made, count, said, errors, untilSaid } = reporter((family) => {
    assert.equal(family, 4)
    return isDown ? brokenSocket() : createSocket('udp4')
  })
  made.use(settings(statsd.port, { intervalMs: 5 }))
  await new Promise((resolve) => setImmediate(resolve))
  count('gateway_cache_hit_total', 5)
  await untilSaid('StatsD cannot be reached')
  while ((errors() ?? 0) < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  count('gateway_cache_hit_total', 1)
  isDown = false
  assert.equal(await statsd.next(), 'gateway.cache.hit:6|c')
  await untilSaid('StatsD can be reached again')
  assert.deepEqual(said, ['StatsD cannot be reached', 'StatsD can be reached again'])
  await made.close()
})

test('docs/observability.md has the names that are sent', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'observability.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(gateway\.[\w.]+)` \| `(\w+)` \|$/gm)].map(([, statsd, prometheus]) => [prometheus, statsd])
  assert.deepEqual(rows, [...STATSD_NAMES, ...STATSD_TIMINGS])
})

/** One that cannot send. */
function brokenSocket(): Socket {
  const socket = createSocket('udp4')
  socket.close()
  return socket
}
