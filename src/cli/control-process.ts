import { ConfigDesk } from '../admin/config-desk.ts'
import type { AdminServer } from '../admin/server.ts'
import { TapDesk } from '../admin/tap-desk.ts'
import { TrafficDesk } from '../admin/traffic-desk.ts'
import type { AdminIr } from '../config/ir.ts'
import { systemClock } from '../core/clock.ts'
import type { Logger } from '../core/observe.ts'
import { discover } from '../discovery/index.ts'
import { Control, type ControlStatus } from '../runtime/control.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { DecisionDesk } from '../runtime/decisions/desk.ts'
import { Discoveries } from '../runtime/discoveries.ts'
import type { WorkerProcess } from '../runtime/worker-process.ts'
import { type SharedState, WorkerPool, type WorkerPoolOptions } from '../runtime/workers.ts'
import { createEventLog, type EventLog } from '../telemetry/event-log.ts'
import { kongNodeMetrics } from '../telemetry/kong-node-metrics.ts'
import { type MetricsDump, MetricsRegistry, mergeDumps, mergeDumpsInTurns, withoutGauges } from '../telemetry/metrics.ts'
import { PrometheusRenderer } from '../telemetry/prometheus.ts'
import { StatsdReporter } from '../telemetry/statsd.ts'
import { AdminToken } from './admin-token.ts'
import { checkDocuments, type LoadedConfig } from './config-source.ts'
import { Configuration } from './configuration.ts'
import { ControlMetrics } from './control-metrics.ts'
import { SharedLimits } from './shared-limits.ts'
import { listenToSignals } from './signals.ts'
import { count, paint } from './terminal.ts'
import { readVersion } from './version.ts'

export interface ControlProcessOptions {
  /** Files, and addresses of stores. */
  readonly sources: readonly string[]
  readonly stateDir: string | null
  /** See `LoadOptions.skipUnsupported`. */
  readonly skipUnsupported: boolean
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
  // A store that hangs or a registry that is silent must not hold up who wants it to end.
  const problem = await Promise.race([gateway.begin(), gateway.stopped])
  if (problem === STOPPED) return gateway.endStart()
  if (problem === null) return gateway.runToTheEnd()
  process.stderr.write(`${problem}\n`)
  await gateway.giveUp()
  return 1
}

/** In place of a problem: a signal came during the start. */
const STOPPED = Symbol('stopped')

/** The one place where the parts of a gateway meet. */
class ControlProcess {
  readonly #options: ControlProcessOptions
  readonly #log: EventLog
  readonly #pool: WorkerPool
  readonly #control: Control
  readonly #token: AdminToken
  readonly #shared: SharedLimits
  readonly #statsd: StatsdReporter
  readonly #discoveries: Discoveries
  readonly #desk: DecisionDesk
  readonly #configDesk: ConfigDesk
  readonly #tap = new TapDesk((rules) => this.#pool.setTapRules(rules))
  readonly #traffic = new TrafficDesk({
    dump: () => this.#dumpMetrics(),
    status: () => this.#status(),
    drained: () => this.#pool.wishes.drained,
  })
  /** What is counted in this process. */
  readonly #metrics = new MetricsRegistry()
  readonly #controlMetrics = new ControlMetrics()
  readonly #kongNode = { id: crypto.randomUUID(), version: readVersion() }
  readonly #scrapes = new PrometheusRenderer(() => this.#dumpMetrics())
  readonly #signals = listenToSignals({
    reload: () => {
      this.#configuration?.refresh()
      void this.#reload('SIGHUP')
    },
    reopenLogs: () => {
      this.#log.reopen()
      void this.#pool.reopenLogs()
    },
    kill: () => this.#pool.kill(),
  })
  /** Null until its sources have been opened. */
  #configuration: Configuration | null = null
  /** Why something kept serves instead of what the stores hold; null when that is not so. */
  #refused: string | null = null
  /** A change that was noticed during the start. */
  #changedMeanwhile: string | null = null
  /** With the real port, once it listens. */
  #admin: { readonly server: AdminServer; readonly host: string; readonly port: number } | null = null

  constructor(options: ControlProcessOptions, log: EventLog) {
    this.#options = options
    this.#log = log
    this.#shared = new SharedLimits(options.env, log)
    this.#pool = createPool(options, log, this.#shared, {
      onUnreachable: (service) => this.#discoveries.refresh(service),
      onTapped: (exchanges, lost) => this.#tap.take(exchanges, lost),
    })
    this.#token = new AdminToken(options.env, log)
    this.#statsd = new StatsdReporter({ dump: () => this.#pool.collectMetrics(), log, metrics: this.#metrics })
    const { env } = options
    this.#discoveries = new Discoveries({
      watch: (rule, events) => discover(rule, { log, metrics: this.#metrics, env }, events),
      publish: (changed) => this.#pool.setTargets(changed),
      log,
      metrics: this.#metrics,
    })
    this.#desk = new DecisionDesk({
      ask: (query) => this.#pool.decisions(query),
      // All policies and their schemas: they are loaded when somebody asks, and no start waits for them.
      explain: async (ir, head, origin) => (await import('./explain.ts')).explainHead(ir, head, origin),
    })
    this.#configDesk = new ConfigDesk({
      sources: options.sources,
      // Never as a file: nothing of what is sent is run.
      check: (name, text) => checkDocuments([{ name, fragments: [{ name, text }] }], { env, skipUnsupported: options.skipUnsupported }),
      reload: (cause) => this.#reload(cause),
      running: () => this.#control.running,
      lastError: () => this.#control.status().lastError,
    })
    this.#control = new Control({
      pool: this.#pool,
      log,
      clock: systemClock,
      load: () => this.#configuration?.load() ?? Promise.reject(new Error('there is no source yet')),
      discoveries: this.#discoveries,
    })
  }

  /** Puts the first configuration into force: the newest, or what was kept when that cannot be had. @returns null when the gateway is ready, or what is wrong. */
  async begin(): Promise<string | null> {
    const configuration = await this.#openConfiguration()
    if (typeof configuration === 'string') return failure(configuration)
    const refusals: string[] = []
    // What the stores have told so far is what is loaded now.
    this.#changedMeanwhile = null
    for (const load of [() => configuration.loadNewest(), () => configuration.loadKept()]) {
      const loaded = await load()
      if (loaded === null) break
      const refusal = await this.#tryFirst(loaded)
      if (refusal === null) return this.#beginService(refusals[0] ?? null)
      refusals.push(refusal)
    }
    return refusals.join('\n')
  }

  /** Resolved by the first signal that asks for the end. */
  get stopped(): Promise<typeof STOPPED> {
    return this.#signals.stopped.then(() => STOPPED)
  }

  /** Ends a start that is still under way, whatever it waits for. Does not return. */
  async endStart(): Promise<never> {
    this.#log.info({}, 'asked to end during the start')
    // Workers may serve already: they drain as ever.
    await this.#control.drain(0, this.#control.running?.drainTimeoutMs ?? 0)
    await this.#close()
    process.exit(0)
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
    this.#configuration?.close()
    this.#discoveries.close()
    await this.#admin?.server.close()
    this.#token.remove()
    this.#shared.settle(null)
    this.#signals.forget()
    await this.#log.close()
  }

  /** @returns what is wrong with the addresses of sources when it cannot be opened. */
  async #openConfiguration(): Promise<Configuration | string> {
    const { sources, stateDir, skipUnsupported, env } = this.#options
    try {
      this.#configuration = await Configuration.open({
        sources,
        stateDir,
        skipUnsupported,
        env,
        log: this.#log,
        metrics: this.#metrics,
        onChange: (cause) => this.#reload(cause),
        onState: () => this.#noteState(),
      })
      return this.#configuration
    } catch (error) {
      return sentenceOf(error)
    }
  }

  /** @param refused why it is something kept that serves, if it is */
  async #beginService(refused: string | null): Promise<null> {
    this.#refused = refused
    await this.#afterLoad('start')
    this.#tellReady()
    if (this.#changedMeanwhile !== null) void this.#reload(this.#changedMeanwhile)
    return null
  }

  /** @returns why a configuration cannot be the first one, or null when it is in force. */
  async #tryFirst(load: LoadedConfig): Promise<string | null> {
    if (!load.ok) return load.problems
    if (load.warnings !== '') process.stderr.write(`${load.warnings}\n`)
    // Before anything is counted, so that the first request is told too.
    this.#statsd.use(load.ir.statsd)
    this.#log.use(load.ir.eventOutputs)
    // First of the two, so that the workers have something to do while the code of the admin listener is loaded.
    const applying = this.#control.apply(load)
    const opening = this.#admin === null ? this.#openAdmin(load.ir.admin) : null
    const [adminProblem, applied] = await Promise.all([opening, applying])
    const problem = applied.ok ? adminProblem : applied.reason
    return problem === null ? null : failure(problem)
  }

  /** After a configuration was put into force or refused: says how things are, and keeps what serves. */
  async #afterLoad(cause: string): Promise<void> {
    if (this.#refused !== null)
      this.#log.error({ reason: this.#refused }, 'the last good configuration serves: the newest cannot be had, or is not taken')
    this.#noteState()
    this.#remember(cause)
    if (this.#control.status().lastError === null) await this.#configuration?.keep()
  }

  /** For decision records and the history of configurations. */
  #remember(cause: string): void {
    const { running: ir, shown: display } = this.#control
    const { loadedAtMs } = this.#control.status()
    if (ir === null || loadedAtMs === null) return
    this.#desk.remember(ir)
    this.#configDesk.note({ ir, display, text: this.#configuration?.textOf(ir.revision) ?? null, atMs: loadedAtMs, cause })
  }

  /** As the control has it, and what is known of the stores besides. */
  #status(): ControlStatus {
    const status = this.#control.status()
    return { ...status, lastError: status.lastError ?? this.#refused ?? this.#configuration?.problem() ?? null }
  }

  #noteState(): void {
    const { lastError, loadedAtMs } = this.#status()
    if (loadedAtMs === null) return
    this.#metrics
      .gauge(
        'gateway_config_stale',
        'Whether what serves may not be the newest configuration: 1 when that was refused or cannot be had.',
        {},
      )
      .set(lastError === null ? 0 : 1)
    this.#metrics
      .gauge('gateway_config_loaded_timestamp_seconds', 'When the configuration that serves came into force, in seconds since 1970.', {})
      .set(loadedAtMs / 1_000)
  }

  async #reload(cause: string): Promise<void> {
    // During the start there is nothing yet to be replaced: it is looked at once that is done.
    if (this.#control.running === null || this.#admin === null) {
      this.#changedMeanwhile = cause
      return
    }
    await this.#control.reload(cause)
    // Unless this is still what was kept, it has been judged anew.
    if (this.#configuration?.isComplete === true) this.#refused = null
    if (this.#control.status().lastError !== null)
      this.#metrics.counter('gateway_config_refused_total', 'Configurations that were not taken while an older one served.', {}).add(1)
    await this.#afterLoad(cause)
    const { statsd, admin, eventOutputs } = this.#control.running
    this.#log.use(eventOutputs)
    const { host, port } = admin
    this.#statsd.use(statsd)
    this.#token.use(admin, this.#admin.port)
    this.#admin.server.recheckAccess()
    if (host !== this.#admin.host || (port !== 0 && port !== this.#admin.port)) {
      this.#log.warn({ host, port }, 'the admin listener moves with the next start only')
    }
  }

  async #dumpMetrics(): Promise<MetricsDump> {
    const ofWorkers = await this.#pool.collectMetrics()
    const ir = this.#control.running
    const own = this.#controlMetrics.dump({ ir, workersServing: this.#pool.servingCount, workerDeaths: this.#pool.deaths })
    const ofKong = ir?.metrics.kongNames === true ? kongNodeMetrics(ofWorkers, this.#kongNode) : []
    return mergeDumps([ofWorkers, this.#metrics.dump(), own, ofKong], ir?.metrics.seriesMax)
  }

  /** @returns why it cannot be opened, or null. */
  async #openAdmin(admin: AdminIr): Promise<string | null> {
    const { host, port } = admin
    // Not before the configuration is read, which the workers wait for.
    const { AdminServer } = await import('../admin/server.ts')
    const server = new AdminServer({
      host,
      port,
      log: this.#log,
      access: () => this.#token.rules,
      status: () => this.#status(),
      display: () => this.#control.display(),
      config: this.#configDesk,
      metrics: () => this.#scrapes.render(),
      traffic: this.#traffic,
      services: () => this.#pool.serviceStates(),
      discoveries: () => this.#discoveries.state(),
      setDrained: (service, address, isDrained) => this.#pool.setDrained(service, address, isDrained),
      resetBreaker: (service) => this.#pool.resetBreaker(service),
      purge: (purges) => this.#pool.purge(purges),
      limits: (query) => this.#pool.limits(query),
      tap: this.#tap,
      decisions: this.#desk,
    })
    try {
      this.#admin = { server, host, port: await server.listen() }
    } catch (error) {
      return sentenceOf(error)
    }
    this.#token.use(admin, this.#admin.port)
    return null
  }

  /** The one line on standard output, for people and for programs that wait for it. */
  #tellReady(): void {
    const ir = this.#control.running
    if (ir === null) return
    const urls = this.#control.listeners.map(({ scheme, host, port }) => urlOf(scheme, host, port))
    const admin = this.#admin === null ? [] : [`admin ${urlOf('http', this.#admin.host, this.#admin.port)}`]
    const parts = [...urls, ...admin, count(ir.workers, 'worker'), `revision ${ir.revision}`]
    process.stdout.write(`turnpike ready: ${parts.join(', ')} (in ${Math.round(performance.now())} ms)\n`)
  }
}

function createPool(
  { fork, firstWorker }: ControlProcessOptions,
  log: Logger,
  shared: SharedState,
  notices: Pick<WorkerPoolOptions, 'onUnreachable' | 'onTapped'>,
): WorkerPool {
  let spare: WorkerProcess | null = firstWorker
  const pool: WorkerPool = new WorkerPool({
    fork: () => {
      const worker = spare ?? fork()
      spare = null
      return worker
    },
    log,
    clock: systemClock,
    mergeDumps: (dumps) => mergeDumps(dumps, pool.running?.metrics.seriesMax),
    mergeDumpsInTurns: (dumps) => mergeDumpsInTurns(dumps, pool.running?.metrics.seriesMax),
    withoutGauges,
    shared,
    ...notices,
  })
  pool.warmUp()
  return pool
}

function failure(problem: string): string {
  return `${paint('red', '✖', process.stderr)} ${problem}`
}

function urlOf(scheme: 'http' | 'https', host: string, port: number): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function warnOfOldNode(log: Logger): void {
  const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number)
  if (major > 26 || (major === 26 && (minor > 12 || (minor === 12 && patch >= 1)))) return
  log.warn({ node: process.version }, 'this Node is older than 26.12.1, which fixes CVE-2026-111497: Brotli bodies are not decoded')
}
