/**
 * `node test/e2e/outage.ts [seconds of the outage]`: what clients see of an outage of one of three targets, as a table. Each is a process of its
 * own, the gateway is started as a user does, and the load is steady. It takes minutes, so `npm test` leaves it out; `outage.test.ts`
 * shows the same in short.
 *
 * Wanted for an outage of 10 s: below 0.1 % of the requests that were due in it.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GatewayProcess } from './gateway-process.ts'
import { type Illness, IllService } from './ill-service.ts'
import { SteadyLoad } from './outage-load.ts'

const OUTAGE_MS = 1_000 * Number(process.argv[2] ?? 10)
const BEFORE_MS = 4_000
/** A target that is not used again by then is not coming back: twice an ejection, which may be the second in a row. */
const AFTER_MS = 25_000
const CONNECTIONS = 20
const REQUESTS_PER_SECOND = 300
const ERROR_SHARE_WANTED = 0.001

const PASSIVE = 'passive: { failures: 3, ejection: 10s }'
const CHECKS = { passive: PASSIVE, active: `${PASSIVE}, active: { path: /healthz, interval: 1s, timeout: 500ms }` } as const
const ILLNESSES: readonly Illness[] = ['killed', 'hangs', 'slow', 'garbage', 'failing']

/** What docs/resilience.md recommends, with a bound on each try: only that ends a try at a target that hangs. */
function configOf(services: readonly IllService[], health: string): string {
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: 2
accessLog: false
services:
  orders:
    targets: [${services.map(({ address }) => `"${address}"`).join(', ')}]
    breaker: {}
    health: { ${health} }
routes:
  orders:
    path: /*
    service: orders
    attemptTimeout: 500ms
    retry: { attempts: 3, statuses: [500, 502, 503] }
`
}

/** Prints a line of the table. */
async function measure(t: TestContext, illness: Illness, checks: keyof typeof CHECKS): Promise<void> {
  const services = [await IllService.start(t), await IllService.start(t), await IllService.start(t)]
  const [ill] = services
  assert.ok(ill)
  const gateway = await new GatewayProcess(t, { config: configOf(services, CHECKS[checks]) }).ready()
  const load = new SteadyLoad(Number(new URL(gateway.url).port), CONNECTIONS, REQUESTS_PER_SECOND)
  // What is compiled on the way at first is not measured.
  await sleep(1_000)
  const startMs = performance.now()
  await sleep(BEFORE_MS)
  const illMs = performance.now()
  await ill.fallIll(illness)
  await sleep(OUTAGE_MS)
  await ill.getWell(illness)
  const wellMs = performance.now()
  let backMs: number | undefined
  while (backMs === undefined && performance.now() - wellMs < AFTER_MS) {
    await sleep(100)
    backMs = load.firstAnswer(String(ill.port), wellMs)
  }
  await sleep(BEFORE_MS)
  const endMs = performance.now()
  await load.stop()
  assert.deepEqual(load.wrong, [])
  const [before, during, after] = [load.span(startMs, illMs), load.span(illMs, wellMs), load.span(wellMs, endMs)]
  const share = during.errors / during.requests
  const line = row([
    illness,
    checks,
    String(during.requests),
    `${during.errors} (${(100 * share).toFixed(3)} %)`,
    `${after.errors} of ${after.requests}`,
    [before, during, after].map(({ p99Ms }) => p99Ms.toFixed(1)).join(' / '),
    backMs === undefined ? 'never' : `${((backMs - wellMs) / 1_000).toFixed(1)} s`,
  ])
  process.stdout.write(line)
  assert.ok(share < ERROR_SHARE_WANTED, `${illness}, ${checks}: ${during.errors} errors of ${during.requests} requests`)
}

function row(cells: readonly string[]): string {
  const widths = [8, 8, 9, 12, 12, 26, 0]
  return `${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}\n`
}

test(`one of three targets is ill for ${OUTAGE_MS / 1_000} s`, async (t) => {
  const head = row(['illness', 'checks', 'requests', 'errors', 'errors after', 'p99 ms before/during/after', 'back after'])
  process.stdout.write(head)
  for (const checks of ['passive', 'active'] as const) {
    for (const illness of ILLNESSES) {
      await t.test(`${illness}, ${checks}`, async (subtest) => {
        await measure(subtest, illness, checks)
      })
    }
  }
})
