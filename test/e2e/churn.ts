/**
 * What changes of targets cost those who ask: `node test/e2e/churn.ts [seconds] [changes a second] [changes in the end]`.
 *
 * A gateway with 5,000 routes over 500 services that are discovered; a steady load of requests spread over all routes; first quiet, then with
 * changes, then quiet again; prints the latencies of each. In the end many changes in a row: heap and descriptors have to stay flat. Linux
 * only (`/proc`). By hand: it takes minutes, and its figures mean something on a quiet machine only.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { ChangingRegistry } from './changing-registry.ts'
import { GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const SECONDS = Number(process.argv[2] ?? 60)
const CHANGES_PER_SECOND = Number(process.argv[3] ?? 50)
const CHANGES_AT_END = Number(process.argv[4] ?? 10_000)
const ROUTES = 5_000
const SERVICES = 500
const CLIENTS = 32
/** Between two requests of a client: a steady load that leaves the gateway time. */
const PAUSE_MS = 10
const MIB = 2 ** 20

/** Three to five of the addresses of this machine; all lead to the same server. */
function instances(service: number, round: number): string[] {
  return Array.from({ length: 3 + ((service + round) % 3) }, (_, i) => `127.0.${1 + (service % 200)}.${1 + ((round + i) % 250)}`)
}

interface Latencies {
  readonly requests: number
  readonly failures: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

async function load(port: number, seconds: number): Promise<Latencies> {
  const times: number[] = []
  let failures = 0
  const endAt = performance.now() + seconds * 1000
  const runs = Array.from({ length: CLIENTS }, async (_, client) => {
    const connection = await KeepAliveClient.open(port)
    for (let i = client; performance.now() < endAt; i += CLIENTS) {
      const startedAt = performance.now()
      const { status } = await connection.get(`/route-${(i * 7919) % ROUTES}/x`)
      times.push(performance.now() - startedAt)
      if (status !== 200) failures++
      await sleep(PAUSE_MS)
    }
    connection.close()
  })
  await Promise.all(runs)
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return { requests: times.length, failures, p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}

function show(name: string, { requests, failures, p50, p99, p999 }: Latencies): void {
  const ms = (value: number): string => value.toFixed(2).padStart(7)
  process.stdout.write(
    `${name.padEnd(22)} ${String(requests).padStart(7)} requests, ${failures} failed   p50 ${ms(p50)}  p99 ${ms(p99)}  p99.9 ${ms(p999)} ms\n`,
  )
}

test('changes of targets', async (t) => {
  const server = createServer((_request, response) => response.end('ok'))
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const registry = new ChangingRegistry(address.port)
  const url = await registry.open()
  t.after(() => {
    registry.close()
    server.close()
    server.closeAllConnections()
  })
  for (let service = 0; service < SERVICES; service++) registry.set(`s-${service}`, instances(service, 0))
  const services = Array.from({ length: SERVICES }, (_, i) => `  s-${i}: { discovery: { consul: s-${i} } }`)
  const routes = Array.from(
    { length: ROUTES },
    (_, i) => `  r-${i}: { path: /route-${i}/*, service: s-${i % SERVICES}, retry: { attempts: 2 } }`,
  )
  const probe = pathToFileURL(join(import.meta.dirname, 'heap-probe.fixture.ts')).href
  const gateway = await new GatewayProcess(t, {
    config: [
      'listeners: [{ host: 127.0.0.1, port: 0 }]',
      'admin: { port: 0 }',
      'accessLog: false',
      `registries: { consul: { url: "${url}" } }`,
      'services:',
      ...services,
      'routes:',
      ...routes,
    ].join('\n'),
    env: { NODE_OPTIONS: `--import=${probe}` },
  }).ready()
  const port = Number(new URL(gateway.url).port)
  await load(port, 3)

  show('quiet', await load(port, SECONDS))
  let round = 0
  const churn = setInterval(() => {
    round++
    registry.set(`s-${(round * 7919) % SERVICES}`, instances((round * 7919) % SERVICES, round))
  }, 1000 / CHANGES_PER_SECOND)
  const before = registry.changes
  show(`${CHANGES_PER_SECOND} changes a second`, await load(port, SECONDS))
  clearInterval(churn)
  process.stdout.write(`${''.padEnd(22)} ${registry.changes - before} changes\n`)
  show('quiet again', await load(port, SECONDS))

  const control = gateway.child.pid ?? 0
  const pids = [control, ...readFileSync(`/proc/${control}/task/${control}/children`, 'utf8').trim().split(' ').map(Number)]
  const look = async (done: number): Promise<number[]> => {
    const heaps: number[] = []
    for (const pid of pids) {
      process.kill(pid, 'SIGWINCH')
      const { heapUsed } = await gateway.logged('heap probed')
      heaps.push(Number(heapUsed))
    }
    const descriptors = pids.map((pid) => readdirSync(`/proc/${pid}/fd`).length)
    process.stdout.write(
      `${String(done).padStart(6)} changes  ${heaps.map((heap, i) => `${i === 0 ? 'control' : 'worker'}: heap ${(heap / MIB).toFixed(2)} MiB, ${descriptors[i]} descriptors`).join(' | ')}\n`,
    )
    return heaps
  }
  let warm: number[] = []
  let last: number[] = []
  for (let done = 0; done <= CHANGES_AT_END; done++) {
    round++
    registry.set(`s-${(round * 7919) % SERVICES}`, instances((round * 7919) % SERVICES, round))
    if (done % 10 === 0) await sleep(5)
    if (done % Math.ceil(CHANGES_AT_END / 5) !== 0) continue
    await load(port, 2)
    last = await look(done)
    if (done > 0 && warm.length === 0) warm = last
  }
  for (const [i, heap] of last.entries()) assert.ok(heap - (warm[i] ?? 0) < 4 * MIB, `the heap of process ${pids[i]} grew`)
})
