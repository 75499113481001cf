/** Targets that die, hang, slow down, answer garbage and come back, as processes of their own, under a steady load. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { type Illness, IllService } from './ill-service.ts'
import { MetricsReading } from './metrics-reader.ts'
import { SteadyLoad } from './outage-load.ts'

const TOKEN = 'token-of-the-test'
const TIMEOUT = { timeout: 40_000 }
const OUTAGE_MS = 2_000

interface Settings {
  readonly health: string
  readonly breaker: string
  /** Besides the services' own. */
  readonly targets?: string
}

function config(services: readonly IllService[], { health, breaker, targets = '' }: Settings): string {
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: ${TOKEN} }
workers: 1
accessLog: false
services:
  orders:
    targets: [${services.map(({ address }) => `"${address}"`).join(', ')}${targets}]
    breaker: ${breaker}
    health: ${health}
routes:
  orders: { path: /*, service: orders, attemptTimeout: 500ms, retry: { attempts: 3, statuses: [500], backoffBase: 10ms } }
`
}

async function threeServices(t: TestContext): Promise<[IllService, IllService, IllService]> {
  return [await IllService.start(t), await IllService.start(t), await IllService.start(t)]
}

function start(t: TestContext, services: readonly IllService[], settings: Settings): Promise<GatewayProcess> {
  return new GatewayProcess(t, { config: config(services, settings) }).ready()
}

interface ServiceShown {
  readonly breaker: Readonly<Record<string, number>>
  readonly targets: readonly {
    readonly address: string
    readonly health: Readonly<Record<string, number>>
    readonly reasons: readonly string[]
  }[]
}

/** What `/services` of the admin listener says of the service. */
async function shown(gateway: GatewayProcess): Promise<ServiceShown> {
  const answer = await fetch(`${gateway.adminUrl}/services`, { headers: { authorization: `Bearer ${TOKEN}` } })
  const { services } = (await answer.json()) as { readonly services: readonly ServiceShown[] }
  const [service] = services
  assert.ok(service)
  return service
}

async function healthOf(gateway: GatewayProcess, { address }: IllService): Promise<string> {
  const target = (await shown(gateway)).targets.find((one) => one.address === address)
  return Object.keys(target?.health ?? {}).join()
}

function loadOn(t: TestContext, gateway: GatewayProcess): SteadyLoad {
  const load = new SteadyLoad(Number(new URL(gateway.url).port), 10, 100)
  t.after(() => load.stop())
  return load
}

/** A retry makes all of them good: clients see nothing of them. */
const ILLNESSES: readonly Illness[] = ['killed', 'hangs', 'slow', 'garbage', 'failing']

for (const illness of ILLNESSES) {
  test(`one of three targets is ill (${illness}), is passed by, and comes back`, TIMEOUT, async (t) => {
    const services = await threeServices(t)
    const [ill] = services
    const health = '{ passive: { failures: 3, ejection: 1s }, active: { path: /healthz, interval: 200ms, timeout: 300ms } }'
    const gateway = await start(t, services, { health, breaker: '{}' })
    const load = loadOn(t, gateway)
    await eventually(
      () => shown(gateway),
      ({ targets }) => targets.every((target) => target.health['healthy'] === 1),
    )
    const illMs = performance.now()
    await ill.fallIll(illness)
    await eventually(
      () => healthOf(gateway, ill),
      (found) => found === 'ejected' || found === 'unhealthy',
    )
    await sleep(OUTAGE_MS)
    assert.ok((await shown(gateway)).targets.some(({ address, reasons }) => address === ill.address && reasons.length > 0))
    await ill.getWell(illness)
    const wellMs = performance.now()
    await eventually(
      async () => load.firstAnswer(String(ill.port), wellMs),
      (at) => at !== undefined,
    )
    await load.stop()
    assert.deepEqual(load.wrong, [])
    const { requests, errors } = load.span(illMs, performance.now())
    assert.ok(requests > 0)
    assert.equal(errors, 0, `${errors} of ${requests} requests failed`)
    assert.deepEqual((await shown(gateway)).breaker, { closed: 1 })
  })
}

test('the breaker opens when all targets die, says when to come again, and closes when they are back', TIMEOUT, async (t) => {
  const services = await threeServices(t)
  const gateway = await start(t, services, { health: '{ passive: { ejection: 500ms } }', breaker: '{ recovery: 1s, successes: 2 }' })
  const load = loadOn(t, gateway)
  await eventually(
    async () => load.seen.length,
    (count) => count > 20,
  )
  await Promise.all(services.map((service) => service.fallIll('killed')))
  await eventually(
    () => shown(gateway),
    ({ breaker }) => breaker['open'] === 1,
  )
  // It is half open for the first request after a second, and open again when that fails; so it may take more than one.
  const refused = await eventually(
    () => fetch(`${gateway.url}/orders/x`),
    ({ headers }) => headers.get('turnpike-error') === 'circuit_open',
  )
  assert.equal(refused.status, 503)
  assert.equal(((await refused.json()) as Record<string, unknown>)['error'], 'Service temporarily unavailable')
  assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  const during = await MetricsReading.of(gateway)
  assert.ok(during.sum('gateway_breaker_refused_total', 'service="orders"') > 0)
  await Promise.all(services.map((service) => service.getWell('killed')))
  await eventually(
    () => shown(gateway),
    ({ breaker }) => breaker['closed'] === 1,
  )
  const closedMs = performance.now()
  for (const { port } of services)
    await eventually(
      async () => load.firstAnswer(String(port), closedMs),
      (at) => at !== undefined,
    )
  await load.stop()
  assert.deepEqual(load.wrong, [])
  const after = await MetricsReading.of(gateway)
  for (const to of ['open', 'half-open', 'closed']) {
    assert.ok(after.sum('gateway_breaker_transitions_total', 'service="orders"', `to="${to}"`) > 0, to)
  }
  assert.equal(after.sum('gateway_breaker_workers', 'service="orders"', 'state="closed"'), 1)
})

test('a reload that edits another target leaves ejections and breaker alone', TIMEOUT, async (t) => {
  const services = await threeServices(t)
  const [ill, other] = services
  const settings = { health: '{ passive: { failures: 3, ejection: 5m } }', breaker: '{ failures: 10000 }' }
  const gateway = await start(t, services, settings)
  const load = loadOn(t, gateway)
  await ill.fallIll('failing')
  await eventually(
    () => healthOf(gateway, ill),
    (found) => found === 'ejected',
  )
  assert.equal((await MetricsReading.of(gateway)).sum('gateway_targets', 'service="orders"', 'state="ejected"'), 1)
  gateway.writeConfig(
    config(
      services.filter((service) => service !== other),
      { ...settings, targets: `, { address: "${other.address}", weight: 2 }` },
    ),
  )
  gateway.child.kill('SIGHUP')
  await gateway.logged('a new configuration is in force')
  assert.equal(await healthOf(gateway, ill), 'ejected')
  const reloadedMs = performance.now()
  await eventually(
    async () => load.span(reloadedMs, performance.now()).requests,
    (count) => count > 50,
  )
  await load.stop()
  assert.deepEqual(load.wrong, [])
  assert.equal(load.span(reloadedMs, performance.now()).errors, 0)
  assert.ok(!load.seen.some(({ at, service }) => at > reloadedMs && service === String(ill.port)))
  const metrics = await MetricsReading.of(gateway)
  assert.equal(metrics.sum('gateway_targets', 'service="orders"', 'state="ejected"'), 1)
  assert.equal(metrics.sum('gateway_target_ejections_total', 'service="orders"'), 1)
})
