import { AdminServer } from '../admin/server.ts'
import type { AdminIr, GatewayIr } from '../config/ir.ts'
import { systemClock } from '../core/clock.ts'
import type { Logger } from '../core/observe.ts'
import { discover } from '../discovery/index.ts'
import { Control } from '../runtime/control.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { Discoveries } from '../runtime/discoveries.ts'
import { FileWatcher } from '../runtime/watcher.ts'
import type { WorkerProcess } from '../runtime/worker-process.ts'
import { type SharedState, WorkerPool } from '../runtime/workers.ts'
import { createEventLog } from '../telemetry/event-log.ts'
import { MetricsRegistry, mergeDumps, withoutGauges } from '../telemetry/metrics.ts'
import { renderPrometheus } from '../telemetry/prometheus.ts'
import { StatsdReporter } from '../telemetry/statsd.ts'
import { AdminToken } from './admin-token.ts'
import { type LoadedConfig, loadConfigFiles } from './config-source.ts'
import { SharedLimits } from './shared-limits.ts'
import { listenToSignals } from './signals.ts'
import { count, paint } from './terminal.ts'

export interface ControlProcessOptions {
  readonly files: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly fork: () => WorkerProcess
  /** One that has been started already. */
  readonly firstWorker: WorkerProcess
}

/** Wires the control process and runs it to its end; see `startCommand`. */
export async function runControlProcess(options: ControlProcessOptions): Promise<number> {
  const log = createEventLog()
  warnOfOldNode(log)
  const gateway = new ControlProcess(options, log)
  const problem = await gateway.begin()
  if (problem === null) return gateway.runToTheEnd()
  process.stderr.write(`${problem}\n`)
  await gateway.giveUp()
  return 1
}

/** The one place where the parts of a gateway meet. */
class ControlProcess {
  readonly #options: ControlProcessOptions
  readonly #log: Logger
  readonly #pool: WorkerPool
  readonly #control: Control
  readonly #token: AdminToken
  readonly #shared: SharedLimits
  readonly #statsd: StatsdReporter
  readonly #discoveries: Discoveries
  /** What is counted in this process. */
  readonly #metrics = new MetricsRegistry()
  readonly #watcher = new FileWatcher({ onChange: () => this.#reload('a file changed') })
  readonly #signals = listenToSignals({
    reload: () => void this.#reload('SIGHUP'),
    reopenLogs: () => void this.#pool.reopenLogs(),
    kill: () => this.#pool.kill(),
  })
  /** With the real port, once it listens. */
  #admin: { readonly server: AdminServer; readonly host: string; readonly port: number } | null = null

  constructor(options: ControlProcessOptions, log: Logger) {
    this.#options = options
    this.#log = log
    this.#shared = new SharedLimits(options.env, log)
    this.#pool = createPool(options, log, this.#shared, (service) => this.#discoveries.refresh(service))
    this.#token = new AdminToken(options.env, log)
    this.#statsd = new StatsdReporter({ dump: () => this.#pool.collectMetrics(), log, metrics: this.#metrics })
    const { env } = options
    this.#discoveries = new Discoveries({
      watch: (rule, events) => discover(rule, { log, metrics: this.#metrics, env }, events),
      publish: (changed) => this.#pool.setTargets(changed),
      log,
      metrics: this.#metrics,
    })
    this.#control = new Control({
      pool: this.#pool,
      log,
      clock: systemClock,
      load: () => this.#load(),
      discoveries: this.#discoveries,
    })
  }

  /** Puts the first configuration into force. @returns null when the gateway is ready, or what is wrong. */
  async begin(): Promise<string | null> {
    // Known before they are read, so that a change in between is not missed.
    await this.#watcher.setFiles(this.#options.files)
    const load = await this.#load()
    if (!load.ok) return load.problems
    if (load.warnings !== '') process.stderr.write(`${load.warnings}\n`)
    // Before anything is counted, so that the first request is told too.
    this.#statsd.use(load.ir.statsd)
    const [adminProblem, applied] = await Promise.all([this.#openAdmin(load.ir.admin), this.#control.apply(load)])
    const problem = applied.ok ? adminProblem : applied.reason
    if (problem !== null) return `${paint('red', '✖', process.stderr)} ${problem}`
    this.#tellReady(load.ir)
    return null
  }

  /** Serves until a signal comes, then drains. @returns the exit status. */
  async runToTheEnd(): Promise<number> {
    const signal = await this.#signals.stopped
    const { drainDelayMs: delayMs = 0, drainTimeoutMs: timeoutMs = 0 } = this.#control.running ?? {}
    this.#log.info({ signal, delayMs, timeoutMs }, 'shutting down: the workers drain')
    const report = await this.#control.drain(delayMs, timeoutMs)
    await this.#statsd.close()
    this.#log.info({ ...report }, 'shut down')
    await this.#close()
    return 0
  }

  /** Ends what has been begun. */
  async giveUp(): Promise<void> {
    this.#pool.kill()
    await this.#close()
  }

  async #close(): Promise<void> {
    this.#watcher.close()
    this.#discoveries.close()
    await this.#admin?.server.close()
    this.#token.remove()
    this.#shared.settle(null)
    this.#signals.forget()
  }

  async #load(): Promise<LoadedConfig> {
    const load = await loadConfigFiles(this.#options.files, this.#options.env)
    await this.#watcher.setFiles([...this.#options.files, ...load.files])
    return load
  }

  async #reload(cause: string): Promise<void> {
    // During the start there is nothing yet to be replaced; a change is noticed by the next look at the files.
    if (this.#control.running === null || this.#admin === null) return
    await this.#control.reload(cause)
    const { statsd, admin } = this.#control.running
    const { token, host, port } = admin
    this.#statsd.use(statsd)
    this.#token.use(token, this.#admin.port)
    if (host !== this.#admin.host || (port !== 0 && port !== this.#admin.port)) {
      this.#log.warn({ host, port }, 'the admin listener moves with the next start only')
    }
  }

  /** @returns why it cannot be opened, or null. */
  async #openAdmin({ host, port, token }: AdminIr): Promise<string | null> {
    const server = new AdminServer({
      host,
      port,
      log: this.#log,
      token: () => this.#token.value,
      status: () => this.#control.status(),
      display: () => this.#control.display(),
      metrics: async () => renderPrometheus(mergeDumps([await this.#pool.collectMetrics(), this.#metrics.dump()])),
      services: () => this.#pool.serviceStates(),
      discoveries: () => this.#discoveries.state(),
      purge: (purges) => this.#pool.purge(purges),
    })
    try {
      this.#admin = { server, host, port: await server.listen() }
    } catch (error) {
      return sentenceOf(error)
    }
    this.#token.use(token, this.#admin.port)
    return null
  }

  /** The one line on standard output, for people and for programs that wait for it. */
  #tellReady(ir: GatewayIr): void {
    const urls = this.#control.listeners.map(({ host, port }) => urlOf(host, port))
    const admin = this.#admin === null ? [] : [`admin ${urlOf(this.#admin.host, this.#admin.port)}`]
    const parts = [...urls, ...admin, count(ir.workers, 'worker'), `revision ${ir.revision}`]
    process.stdout.write(`turnpike ready: ${parts.join(', ')} (in ${Math.round(performance.now())} ms)\n`)
  }
}

function createPool(
  { fork, firstWorker }: ControlProcessOptions,
  log: Logger,
  shared: SharedState,
  onUnreachable: (service: string) => void,
): WorkerPool {
  let spare: WorkerProcess | null = firstWorker
  const pool = new WorkerPool({
    fork: () => {
      const worker = spare ?? fork()
      spare = null
      return worker
    },
    log,
    clock: systemClock,
    mergeDumps,
    withoutGauges,
    shared,
    onUnreachable,
  })
  pool.warmUp()
  return pool
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function warnOfOldNode(log: Logger): void {
  const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number)
  if (major > 26 || (major === 26 && (minor > 12 || (minor === 12 && patch >= 1)))) return
  log.warn({ node: process.version }, 'this Node is older than 26.12.1, which fixes CVE-2026-111497: Brotli bodies are not decoded')
}
