/** A real Prometheus that scrapes a gateway of two workers, and answers. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { Prometheus, prometheusMissing, promtool } from '../services/prometheus.ts'
import { redisMissing, startRedis } from '../services/redis.ts'
import { startUpstream } from './echo-upstream.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { askedNames, exposedNames } from './metric-names.ts'

const skip = prometheusMissing || certificatesMissing || redisMissing

/** Made where a registry is full only; src/telemetry/metrics.test.ts shows it. */
const OF_FULL_REGISTRIES = 'gateway_metric_series_overflow_total'

const PARTNER_KEY = 'a-key-of-a-partner-0123456789'

/** mission.md, section 10. */
const GIVEN_QUERIES = {
  'requests per second': 'sum(rate(gateway_requests_total[5m])) by (service)',
  'the 99th percentile': 'histogram_quantile(0.99, sum(rate(gateway_request_duration_ms_bucket[5m])) by (le, service))',
  'the error rate': 'sum(rate(gateway_requests_total{status=~"5.."}[5m])) / sum(rate(gateway_requests_total[5m]))',
  'the efficiency of limits': 'sum(rate(gateway_rate_limit_hits_total[5m])) / sum(rate(gateway_requests_total[5m]))',
}

async function failingService(t: TestContext): Promise<number> {
  const server = createServer((_, response) => response.writeHead(503).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

/** A gateway of which everything is configured that the dashboard shows. */
async function startGateway(t: TestContext): Promise<GatewayProcess> {
  const [redis, good, bad] = [await startRedis(t), await startUpstream(t), await failingService(t)]
  const authority = new Authority()
  const gateway = new GatewayProcess(t, {
    config: `
listeners:
  - { name: web, host: 127.0.0.1, port: 0 }
  - { name: tls, host: 127.0.0.1, port: 0, tls: { certificates: [{ cert: web.pem, key: web.key }] } }
admin: { port: 0 }
workers: 2
metrics: { consumers: true }
stores: { redis: { address: "${redis.address}" } }
consumers:
  partner: { keys: ["${PARTNER_KEY}"] }
services:
  good:
    targets: ["127.0.0.1:${good.port}"]
    breaker: {}
    concurrency: { max: 100, queue: 10 }
    health: { passive: {} }
  bad: { targets: ["127.0.0.1:${bad}"] }
  mutual: { targets: ["127.0.0.1:1"], tls: { ca: ca.pem, cert: web.pem, key: web.key } }
routes:
  good: { path: "/good/*", service: good }
  cached: { path: "/cached/*", service: good, policies: { cache: { ttl: 1m } } }
  limited: { path: "/limited/*", service: good, policies: { rate-limit: { by: ip, rate: 1, per: hour, capacity: 1, store: redis } } }
  counted: { path: "/counted/*", service: good, policies: { api-key: {}, rate-limit: { by: consumer, rate: 1000, capacity: 1000 } } }
  mutual: { path: "/mutual/*", service: mutual }
  bad: { path: "/bad/*", service: bad, retry: { attempts: 2, backoffBase: 1ms, statuses: [503] } }
`,
  })
  const { cert, key } = authority.forServer()
  for (const [name, text] of Object.entries({ 'web.pem': cert, 'web.key': key, 'ca.pem': authority.cert }))
    writeFileSync(join(gateway.folder, name), text)
  return gateway.ready()
}

async function useAll(gateway: GatewayProcess): Promise<void> {
  for (const path of ['/good/1', '/cached/1', '/cached/1', '/limited/1', '/limited/1', '/counted/1', '/bad/1', '/nowhere']) {
    await (await fetch(new URL(path, gateway.urls[0]), { headers: { 'X-API-Key': PARTNER_KEY } })).text()
  }
  await new Promise<void>((resolve, reject) => {
    get(new URL('/good/1', gateway.urls[1]), { rejectUnauthorized: false, agent: false }, (response) =>
      response.resume().on('end', resolve),
    ).on('error', reject)
  })
}

const scrape = async (gateway: GatewayProcess): Promise<string> => (await fetch(`${gateway.adminUrl}/metrics`)).text()

test('a real Prometheus answers the given queries, and what the dashboard and the alerts ask for is there', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const gateway = await startGateway(t)
  // A rate needs two scrapes between which something happened: the series have to be there before.
  await useAll(gateway)
  const prometheus = await Prometheus.start(t, new URL(gateway.adminUrl).host)
  for (const [what, expression] of Object.entries(GIVEN_QUERIES)) {
    await t.test(what, async () => {
      const samples = await eventually(
        async () => {
          await useAll(gateway)
          return prometheus.query(expression)
        },
        (found) => found.some(({ value }) => Number(value[1]) > 0),
      )
      if (expression.includes('by (')) assert.ok(samples.some(({ metric }) => metric['service'] === 'good'))
      for (const { value } of samples) assert.ok(value[1] === 'NaN' || Number(value[1]) >= 0, value[1])
    })
  }

  await t.test('workers, revision and certificates', async () => {
    assert.equal((await prometheus.query('gateway_workers_serving == gateway_workers_wanted')).length, 1)
    const [config] = await prometheus.query('gateway_config_info')
    assert.equal(config?.metric['revision'], gateway.revision)
    assert.deepEqual(
      (await prometheus.query('gateway_certificate_expiry_timestamp_seconds > time()')).map(({ metric }) => [
        metric['listener'],
        metric['host'],
      ]),
      [['tls', 'localhost']],
    )
    assert.equal((await prometheus.query('gateway_service_certificate_expiry_timestamp_seconds{service="mutual"} > time()')).length, 1)
    assert.deepEqual(
      (await prometheus.query('gateway_worker_event_loop_delay_seconds{statistic="p99"}'))
        .map(({ metric }) => Number(metric['worker']))
        .toSorted((a, b) => a - b),
      [1, 2],
    )
  })

  await t.test('every metric of the dashboard and the alerts is exposed', async () => {
    gateway.writeConfig('routes: [')
    await gateway.logged('the configuration is not taken: the old one goes on')
    const exposition = await eventually(
      () => scrape(gateway),
      (text) => text.includes('gateway_config_refused_total'),
    )
    const exposed = exposedNames(exposition)
    assert.deepEqual(
      [...askedNames()].filter((name) => !exposed.has(name)),
      [OF_FULL_REGISTRIES],
    )
    assert.match(exposition, /^gateway_consumer_requests_total\{consumer="partner",status="2xx"\} [1-9]/m)
    assert.match(exposition, /^gateway_upstream_connections_idle\{service="good"\} [1-9]/m)
  })

  await t.test('the checker of Prometheus has nothing against it but the given name in milliseconds', async () => {
    const { stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
      input: await scrape(gateway),
      encoding: 'utf8',
      timeout: 10_000,
    })
    const remarks = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !line.startsWith('gateway_request_duration_ms '))
    assert.deepEqual(remarks, [])
  })
})
