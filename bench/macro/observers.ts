/**
 * `node bench/macro/observers.ts [--rounds 10] [--seconds 1]`: what those who look on cost a request, and whether one that is slow or dead slows it.
 *
 * Four gateways run at the same time on core 0, and short bursts of load take them in turn, forwards and back, so that whatever else the machine
 * does meets all alike:
 *
 * - `none`: an access log in a file.
 * - `answering`: besides it a log by HTTP and by syslog over TCP, traces of a tenth of the requests, StatsD; all receivers take what they get.
 * - `dead`: the same, and no receiver ever answers or reads; StatsD goes nowhere.
 * - `watched`: as `none`, while 5 taps do not read and 20 clients ask for decision records each second.
 *
 * CPU time is told of the worker, which serves requests, and of all processes of the gateway. All of them share one core here.
 */
import '../../scripts/node-guard.ts'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { table } from '../../scripts/terminal.ts'
import { writeTlsFiles } from './front.ts'
import { wrk } from './load.ts'
import { cpuOf, familyOf, freePort, PROXY_CORE, startPinned } from './process.ts'
import { type Contender, ROOT, type Setup } from './proxies.ts'
import { BARE, type Figures, type Subject } from './scenario.ts'
import { onStage } from './stage.ts'
import { median, startSubject } from './subject.ts'
import { startServices } from './upstream.ts'

const TOKEN = 'token-of-the-bench'
const TAPS = 5
const POLLERS = 20
const POLL_MS = 1_000
/** Enough to read what waits for a tap. */
const DRAIN_MS = 200
/** Compilers and collectors have settled by then. */
const WARM_SECONDS = 4
/** Parts of a datagram that nobody takes: nothing listens there. */
const NOWHERE_PORT = 1

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '10' }, seconds: { type: 'string', default: '1' } } })

/** A gateway under test. */
interface Watched {
  readonly name: string
  readonly subject: Subject
  readonly adminPort: number
  /** Goes on during its bursts; null for nobody who watches. @returns what ends it, and tells how many exchanges the taps were told of */
  readonly watch: (() => () => Promise<number>) | null
  readonly rounds: Figures[]
}

/** Ports of receivers. */
interface Receivers {
  readonly http: number
  readonly syslog: number
  readonly otlp: number
  readonly statsd: number
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Receivers that take all they get. */
async function answeringReceivers(): Promise<Receivers> {
  const answer = () =>
    createHttpServer((request, response) => {
      request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
    })
  const statsd = createSocket('udp4')
  statsd.bind(0, '127.0.0.1')
  await once(statsd, 'listening')
  const syslog = createServer((socket) => void socket.on('error', () => {}).resume())
  return { http: await portOf(answer()), syslog: await portOf(syslog), otlp: await portOf(answer()), statsd: statsd.address().port }
}

/** Receivers that take connections, and then neither read nor say anything. */
async function deadReceivers(): Promise<Receivers> {
  const hang = () => createServer((socket) => void socket.on('error', () => {}).pause())
  // The request is read, and never answered.
  const silent = () => createHttpServer((request) => void request.resume())
  return { http: await portOf(silent()), syslog: await portOf(hang()), otlp: await portOf(silent()), statsd: NOWHERE_PORT }
}

function observersOf(folder: string, receivers: Receivers | null): string {
  const file = `${folder}/access.log`
  if (receivers === null) return `accessLog: { output: ${file} }`
  const { http, syslog, otlp, statsd } = receivers
  return `accessLog: { output: [${file}, { http: "http://127.0.0.1:${http}/" }, { syslog: "tcp://127.0.0.1:${syslog}" }] }
tracing: { otlp: { endpoint: "http://127.0.0.1:${otlp}" }, sampling: { ratio: 0.1 } }
statsd: { address: "127.0.0.1:${statsd}", interval: 1s }`
}

/** Turnpike with these observers. */
function gatewayWith(adminPort: number, receivers: Receivers | null): Contender {
  return {
    name: 'turnpike',
    version: '',
    routesMax: 1,
    async start({ folder, services }) {
      const port = await freePort()
      const file = join(folder, 'turnpike.yaml')
      writeFileSync(
        file,
        `listeners: [{ host: 127.0.0.1, port: ${port} }]
admin: { port: ${adminPort}, tokens: [{ name: bench, token: ${TOKEN} }] }
workers: 1
${observersOf(folder, receivers)}
services: { service: { targets: ["${services.http}"] } }
routes: { everything: { path: /*, service: service } }
`,
      )
      return { port, running: startPinned(PROXY_CORE, [join(ROOT, 'bin', 'turnpike'), 'start', file], join(folder, 'turnpike.log')) }
    },
  }
}

/** What has waited for a tap that did not read, as a number of exchanges. */
async function waitedFor(tap: Socket): Promise<number> {
  let text = ''
  tap.setEncoding('latin1').on('data', (chunk) => {
    text += String(chunk)
  })
  tap.resume()
  await sleep(DRAIN_MS)
  tap.destroy()
  return text.split('event: exchange\n').length - 1
}

/** Taps that do not read, and clients that ask again and again. */
function watchersOf(adminPort: number): () => Promise<number> {
  const taps = Array.from({ length: TAPS }, (): Socket => {
    const socket = connect(adminPort, '127.0.0.1').on('error', () => {})
    socket.write(`GET /tap HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`)
    return socket.pause()
  })
  const leaving = new AbortController()
  const poll = async (): Promise<void> => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const answer = await fetch(`http://127.0.0.1:${adminPort}/decisions?limit=50`, { headers, signal: leaving.signal })
    await answer.arrayBuffer()
  }
  const ignore = (): void => {}
  const pollAll = (): void => {
    for (let i = 0; i < POLLERS; i++) poll().catch(ignore)
  }
  pollAll()
  const timer = setInterval(pollAll, POLL_MS)
  return async () => {
    clearInterval(timer)
    leaving.abort()
    const told = await Promise.all(taps.map(waitedFor))
    return told.reduce((sum, count) => sum + count, 0)
  }
}

/** One burst of load. The worker is the last of the gateway's processes. */
async function burst({ subject, watch }: Watched, seconds: number): Promise<Figures> {
  const pids = familyOf(subject.pid)
  const worker = pids.slice(-1)
  const [all, own] = [cpuOf(pids), cpuOf(worker)]
  const endWatch = watch?.()
  const { requests, p50Ms, p99Ms, errors } = await wrk('http', subject.port, { kind: 'same', path: '/', parameter: 0 }, seconds)
  if (errors > 0 || requests === 0) throw new Error(`${errors} of ${requests} requests failed`)
  const perRequest = (before: { readonly totalMs: number }, of: readonly number[]) =>
    ((cpuOf(of).totalMs - before.totalMs) * 1_000) / requests
  const costs = { workerUs: perRequest(own, worker), allUs: perRequest(all, pids) }
  return { requests, ...costs, p50Ms, p99Ms, told: (await endWatch?.()) ?? 0 }
}

/** What was lost since the start. */
async function dropsOf({ adminPort, watch, rounds }: Watched): Promise<string> {
  if (watch !== null) {
    const sum = (figure: string): number => rounds.reduce((total, figures) => total + (figures[figure] ?? 0), 0)
    return `each tap was told of ${Math.round(sum('told') / TAPS)} of ${sum('requests')} exchanges`
  }
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()
  const found = [...text.matchAll(/^gateway_(access_log_dropped|trace_spans_dropped|statsd_errors)_total(?:\{output="(\w+)"\})? (\d+)$/gm)]
  const lost = found.filter(([, , , count]) => count !== '0').map(([, what = '', output = '', count]) => `${what} ${output}: ${count}`)
  return lost.join(', ').replaceAll(/_/g, ' ').replaceAll(' :', ':') || '–'
}

async function measure(folder: string): Promise<void> {
  const base: Omit<Setup, 'folder'> = { ...BARE, services: await startServices(folder), tlsFiles: writeTlsFiles(folder), redisPort: null }
  const kinds: readonly (readonly [string, Receivers | null])[] = [
    ['none', null],
    ['answering', await answeringReceivers()],
    ['dead', await deadReceivers()],
    ['watched', null],
  ]
  const gateways: Watched[] = []
  for (const [name, receivers] of kinds) {
    const adminPort = await freePort()
    const { subject } = await startSubject(gatewayWith(adminPort, receivers), { ...base, folder: join(folder, name) })
    gateways.push({ name, subject, adminPort, watch: name === 'watched' ? () => watchersOf(adminPort) : null, rounds: [] })
  }
  for (const gateway of gateways) await burst(gateway, WARM_SECONDS)
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const gateway of round % 2 === 0 ? gateways : gateways.toReversed())
      gateway.rounds.push(await burst(gateway, Number(options.seconds)))
  }
  process.stdout.write(await render(gateways))
}

async function render(gateways: readonly Watched[]): Promise<string> {
  const head = ['observers', 'req/s', 'worker CPU us/req', '/ none', 'all CPU us/req', 'p50 ms', 'p99 ms', 'lost']
  const lines = await Promise.all(
    gateways.map(async (gateway) => {
      const { name, rounds } = gateway
      const of = (figure: string): number => median(rounds.map((figures) => figures[figure] ?? 0))
      const ratio = median(rounds.map(({ workerUs = 0 }, i) => workerUs / (gateways[0]?.rounds[i]?.['workerUs'] ?? Number.NaN)))
      const rate = Math.round(of('requests') / Number(options.seconds))
      const figures = [of('workerUs').toFixed(1), ratio.toFixed(3), of('allUs').toFixed(1), of('p50Ms').toFixed(2), of('p99Ms').toFixed(2)]
      return [name, String(rate), ...figures, await dropsOf(gateway)]
    }),
  )
  return `${table([head, ...lines], [1, 2, 3, 4, 5, 6])}\n`
}

await onStage('observers', measure)
