/**
 * `npm run bench [-- --quick] [--only turnpike,nginx] [--scenario keep-alive,varying]`: Turnpike beside nginx, HAProxy and Caddy.
 *
 * Each proxy runs on core 0 with one worker; the service behind it and the load (wrk) share core 1. Rounds take the proxies in
 * turn, so that drift of the machine meets all alike, and the median of the rounds is told. See docs/performance.md.
 */
import '../../scripts/node-guard.ts'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { onParentGone } from '../../scripts/parent.ts'
import { LiveLine, paint, table } from '../../scripts/terminal.ts'
import { writeTlsFiles } from './front.ts'
import { LOAD_CORE, stopAll, versionOf } from './process.ts'
import { type Contender, PROXIES, type Setup } from './proxies.ts'
import type { Figures, Needs, Scenario, Subject } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { median, startSubject } from './subject.ts'
import { startRedis, startServices } from './upstream.ts'

const RESULTS = join(import.meta.dirname, '..', 'results')
/** What `--quick` measures, when nothing else is asked for. */
const QUICK_SCENARIOS = ['keep-alive', 'varying']

/** What every scenario needs, and where it and others are found. */
const PROGRAMS = ['nginx', 'wrk', 'curl', 'openssl', 'taskset']
const PACKAGES: Readonly<Record<string, string>> = { nginx: 'nginx-light', taskset: 'util-linux', h2load: 'nghttp2-client' }

interface Row {
  readonly scenario: string
  readonly proxy: string
  readonly figures: Figures
  readonly rounds: readonly Figures[]
}

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    scenario: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
})
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3))
const seconds = Number(options.seconds ?? (options.quick ? 2 : 6))

function fail(sentence: string): never {
  process.stderr.write(`${paint('red', '✖')} ${sentence}\n`)
  process.exit(1)
}

/** Those of `all` that are named in a list with commas; all without one. */
function choose<T extends { readonly name: string }>(all: readonly T[], names: string | undefined, what: string): T[] {
  if (names === undefined) return [...all]
  return names
    .split(',')
    .map((name) => all.find((one) => one.name === name) ?? fail(`No ${what} ${name}; there are ${all.map((one) => one.name).join(', ')}.`))
}

function medians(all: readonly Figures[]): Figures {
  const names = Object.keys(all[0] ?? {})
  return Object.fromEntries(names.map((name) => [name, median(all.map((figures) => figures[name] ?? 0))]))
}

/** Measures one scenario: all proxies in each round, one after the other. */
async function measure(scenario: Scenario, proxies: readonly Contender[], base: Omit<Setup, keyof Needs>, line: LiveLine): Promise<Row[]> {
  const able = proxies.filter(({ name, routesMax }) => scenario.needs.routes <= routesMax && (scenario.only?.includes(name) ?? true))
  const setupOf = (proxy: Contender, round: number): Setup => ({
    ...base,
    ...scenario.needs,
    folder: join(base.folder, `${scenario.name}-${proxy.name}-${round}`),
  })
  const results = new Map<string, Figures[]>(able.map(({ name }) => [name, []]))
  const lasting = new Map<string, Subject>()
  if (!scenario.fresh) {
    for (const proxy of able) {
      line.show(`${scenario.name}: warming ${proxy.name}`)
      const { subject } = await startSubject(proxy, setupOf(proxy, 0))
      lasting.set(proxy.name, subject)
      await scenario.check?.(subject)
      await scenario.measure(subject, scenario.warmSeconds?.(proxy.name) ?? (options.quick ? 1 : 3))
    }
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const proxy of able) {
      line.show(`${scenario.name}: ${proxy.name}, round ${round} of ${rounds}`)
      const kept = lasting.get(proxy.name)
      const fresh = kept ? null : await startSubject(proxy, setupOf(proxy, round))
      const subject = kept ?? fresh?.subject
      if (subject) results.get(proxy.name)?.push(await scenario.measure(subject, seconds))
      await fresh?.stop()
    }
  }
  return [...results].map(([proxy, all]) => ({ scenario: scenario.name, proxy, figures: medians(all), rounds: all }))
}

const MIB = 2 ** 20
/** How a figure is shown: heading and text. The order is that of the columns. */
const COLUMNS: Readonly<Record<string, readonly [string, (value: number) => string]>> = {
  requestsPerSecond: ['req/s', (value) => Math.round(value).toLocaleString('en')],
  cpuUs: ['CPU us/req', (value) => value.toFixed(1)],
  userUs: ['user', (value) => value.toFixed(1)],
  systemUs: ['system', (value) => value.toFixed(1)],
  p50Ms: ['p50 ms', (value) => value.toFixed(2)],
  p99Ms: ['p99 ms', (value) => value.toFixed(2)],
  peakBytes: ['peak MiB', (value) => (value / MIB).toFixed(0)],
  bytesPerConnection: ['KiB/connection', (value) => (value / 1024).toFixed(1)],
  downBytesPerSecond: ['down MiB/s', (value) => (value / MIB).toFixed(0)],
  downGrowthBytes: ['growth MiB', (value) => (value / MIB).toFixed(1)],
  upBytesPerSecond: ['up MiB/s', (value) => (value / MIB).toFixed(0)],
  upGrowthBytes: ['growth MiB', (value) => (value / MIB).toFixed(1)],
  startMs: ['start ms', (value) => value.toFixed(0)],
}

/** The figure that is set against nginx's. */
const COMPARED = ['cpuUs', 'downBytesPerSecond', 'bytesPerConnection', 'startMs']

function render(scenario: Scenario, rows: readonly Row[]): string {
  const columns = Object.entries(COLUMNS).filter(([name]) => rows[0]?.figures[name] !== undefined)
  const compared = COMPARED.find((name) => rows[0]?.figures[name] !== undefined) ?? ''
  const reference = rows.find(({ proxy }) => proxy === 'nginx')?.figures[compared]
  const lines = rows.map(({ proxy, figures }) => [
    proxy === 'turnpike' ? paint('bold', proxy) : proxy,
    ...columns.map(([name, [, format]]) => format(figures[name] ?? 0)),
    reference === undefined ? '–' : ((figures[compared] ?? 0) / reference).toFixed(2),
  ])
  const head = ['', ...columns.map(([, [heading]]) => heading), `${COLUMNS[compared]?.[0] ?? ''} / nginx`].map((text) => paint('dim', text))
  const right = head.map((_, column) => column).slice(1)
  return `${paint('bold', scenario.name)}: ${scenario.says}\n${table([head, ...lines], right)}\n`
}

if (process.platform !== 'linux' || availableParallelism() < 2)
  fail('The benchmark needs Linux and two cores: one for the proxy, one for the load.')
const chosen = choose(PROXIES, options.only, 'proxy')
const present = chosen.filter(({ version }) => version !== null)
for (const { name } of chosen.filter(({ version }) => version === null))
  process.stdout.write(`${paint('yellow', '○')} ${name} is not there and is left out\n`)

const folder = mkdtempSync(join(tmpdir(), 'turnpike-bench-'))
// nginx serves files as another user when we are root.
chmodSync(folder, 0o755)
const wanted = choose(scenarios(folder), options.scenario ?? (options.quick ? QUICK_SCENARIOS.join(',') : undefined), 'scenario')
const needed = new Set([...PROGRAMS, ...wanted.flatMap(({ programs = [] }) => programs)])
const missing = [...needed].filter((program) => versionOf('command -v', `${program} && echo 1.0`) === null)
if (missing.length > 0) {
  const packages = missing.map((program) => PACKAGES[program] ?? program)
  fail(`Not installed: ${missing.join(', ')}. On Debian: apt-get install ${packages.join(' ')}`)
}
const line = new LiveLine()
const rows: Row[] = []
const wantsRedis = wanted.some(({ needs }) => needs.chain === 'redis')
const cleanUp = async (): Promise<void> => {
  line.end()
  await stopAll()
  // What a proxy wrote is wanted when it failed.
  if (process.exitCode !== 1) rmSync(folder, { recursive: true, force: true })
}
const abandon = (): void => void cleanUp().then(() => process.exit(130))
process.on('SIGINT', abandon)
process.on('SIGTERM', abandon)
onParentGone(abandon)

// We share the load's core: whatever we do ourselves must not take from the proxy's.
execFileSync('taskset', ['-a', '-c', '-p', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' })
try {
  const services = await startServices(folder)
  const tlsFiles = writeTlsFiles(folder)
  const redisPort = wantsRedis ? await startRedis(folder) : null
  for (const scenario of wanted) {
    const found = await measure(scenario, present, { folder, services, tlsFiles, redisPort }, line)
    rows.push(...found)
    line.print(`\n${render(scenario, found)}`)
  }
  mkdirSync(RESULTS, { recursive: true })
  const file = join(RESULTS, `${new Date().toISOString().replaceAll(':', '-').slice(0, 19)}.json`)
  const versions = Object.fromEntries(present.map(({ name, version }) => [name, version]))
  const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version }
  writeFileSync(file, `${JSON.stringify({ rounds, seconds, machine, versions, rows }, null, 2)}\n`)
  line.print(paint('dim', `Medians of ${rounds} rounds of ${seconds} s; all figures in ${file}`))
} catch (error) {
  line.print(`${paint('red', '✖')} ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await cleanUp()
}
process.exit()
