import { randomBytes } from 'node:crypto'
import type { GatewayIr } from '../config/ir.ts'
import type { DecisionQuery, WorkerDecisions } from '../core/decision.ts'
import type { DiscoveredTarget, DiscoveredTargets } from '../core/discovery.ts'
import type { LimitsAnswer, LimitsQuery } from '../core/limit-view.ts'
import type { Purge } from '../core/response-store.ts'
import type { SharedFile } from '../core/store.ts'
import type { TapRule } from '../core/tap.ts'
import type { MetricsDump } from '../telemetry/metrics.ts'
import type { ControlRequest, DrainResult, ListenerAddress, Notice } from './control-protocol.ts'
import { OperatorWishes } from './operator-wishes.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { type ApplyResult, type EverywhereResult, limitsFrom, type PurgeResult, reasonOf, type WorkerServices } from './worker-answers.ts'
import type { WorkerPoolOptions } from './worker-pool-options.ts'
import type { WorkerProcess } from './worker-process.ts'
import { TIMEOUTS, type WorkerTimeouts } from './worker-timeouts.ts'

export type { EverywhereResult, PurgeResult, WorkerServices } from './worker-answers.ts'
export type { SharedState, WorkerPoolOptions } from './worker-pool-options.ts'

/** Of a worker that was killed: nobody knows what it cut off. */
const NOTHING_DRAINED: DrainResult = { closed: 0, aborted: 0, websockets: 0, eventStreams: 0 }

/** How many looks after the workers' lives go by for one at their numbers. */
const CHECKS_PER_COLLECTION = 5

/**
 * The worker processes: as many as wanted, all of one revision, the dead replaced.
 *
 * Whatever changes the revision or the set of workers waits its turn in one queue, so that a replacement never comes up with a
 * revision that was just replaced or abandoned.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions
  readonly #timeouts: WorkerTimeouts
  readonly #workers = new Set<WorkerProcess>()
  readonly #backoff = new RestartBackoff()
  readonly #replacements = new Set<NodeJS.Timeout>()
  #turn: Promise<unknown> = Promise.resolve()
  #running: GatewayIr | null = null
  #shared: SharedFile | null = null
  /** A client whose next connection comes to another worker resumes its TLS session there. Dies with this process. */
  readonly #ticketSeed = randomBytes(32).toString('base64')
  /** What discovery has found, by the keys of rules. */
  readonly #targets = new Map<string, readonly DiscoveredTarget[]>()
  readonly wishes = new OperatorWishes()
  #poll: NodeJS.Timeout | null = null
  #ending = false
  /** Numbers of workers that have ended. */
  #retired: MetricsDump = []
  #checks = 0
  #deaths = 0
  #collecting: Promise<MetricsDump> | null = null

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.#timeouts = { ...TIMEOUTS, ...options.timeouts }
  }

  /** The configuration that all workers serve, or are about to. */
  get running(): GatewayIr | null {
    return this.#running
  }

  /** Workers that serve the running revision. */
  get servingCount(): number {
    return this.#of('serving').length
  }

  /** Where the gateway listens, as the first worker says. */
  get listeners(): readonly ListenerAddress[] {
    return this.#of('serving')[0]?.listeners ?? []
  }

  /** Workers that died unasked. */
  get deaths(): number {
    return this.#deaths
  }

  get pids(): readonly number[] {
    return [...this.#workers].map((worker) => worker.pid)
  }

  /** Starts one worker ahead of the configuration, so that both get ready at the same time. */
  warmUp(): void {
    this.#fork()
  }

  /**
   * Gives all workers a configuration: first all prepare it, then all commit; when one cannot prepare, all forget it and go on as
   * before. Starts workers that are missing and ends those that are too many.
   */
  apply(ir: GatewayIr): Promise<ApplyResult> {
    return this.#inTurn(async () => {
      if (this.#ending) return { ok: false, reason: 'the gateway is shutting down' }
      const isFirst = this.#running === null
      if (isFirst) while (this.#workers.size < ir.workers) this.#fork()
      const workers = this.#of(isFirst ? 'starting' : 'serving')
      // Should all have died, a new one has to try it.
      if (workers.length === 0) workers.push(this.#fork())
      const shared = this.#options.shared?.fileFor(ir) ?? null
      const refusal = await this.#prepareIn(workers, ir, shared)
      this.#options.shared?.settle(refusal === null ? ir : this.#running)
      if (refusal !== null) return { ok: false, reason: refusal }
      this.#running = ir
      this.#shared = shared
      await Promise.all(workers.map((worker) => this.#commitIn(worker)))
      this.#poll ??= setInterval(() => this.#check(), this.#timeouts.pollMs)
      await this.#adjustCount(ir)
      return { ok: true }
    })
  }

  /**
   * Gives the workers what discovery has found. Those that have not begun to serve yet get all of it before they do; one that does not answer
   * is stuck, and dies of that.
   */
  setTargets(changed: DiscoveredTargets): void {
    for (const [key, targets] of Object.entries(changed)) {
      if (targets === null) this.#targets.delete(key)
      else this.#targets.set(key, targets)
    }
    for (const worker of this.#workers) if (worker.saidHello && worker.isAlive) void worker.tell(changed, this.#timeouts.commitMs)
  }

  /** The numbers of all workers, dead ones included. Calls at the same time share one round. */
  collectMetrics(): Promise<MetricsDump> {
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = null
    })
    return this.#collecting
  }

  /** What the workers that serve know of their services. */
  serviceStates(): Promise<WorkerServices[]> {
    return Promise.all(
      this.#of('serving').map(async (worker) => {
        const answer = await worker.request({ kind: 'services' }, this.#timeouts.askMs)
        const { id, pid } = worker
        if (answer.kind === 'services') return { worker: id, pid, services: answer.services, reason: null }
        return { worker: id, pid, services: null, reason: reasonOf(answer) }
      }),
    )
  }

  /** Decision records, of workers that drain too: they still finish requests. */
  decisions(query: DecisionQuery): Promise<WorkerDecisions[]> {
    return Promise.all(
      [...this.#of('serving'), ...this.#of('ending')].map(async (worker) => {
        const answer = await worker.request({ kind: 'decisions', query }, this.#timeouts.askMs)
        return { worker: worker.id, decisions: answer.kind === 'decisions' ? answer.decisions : null }
      }),
    )
  }

  /** What is left of limits, as one worker says; null when none answers. */
  limits(query: LimitsQuery): Promise<LimitsAnswer | null> {
    return limitsFrom(this.#of('serving'), query, this.#timeouts.askMs)
  }

  /**
   * Has responses forgotten: in the memory of every worker, and by one of them in the store they share. Workers that are about to serve are
   * asked too, since they may have begun before we hear of it, and those that drain, for they still answer. One that does not even listen yet
   * has nothing, and will ask for nothing that is older than this purge.
   */
  async purge(purges: readonly Purge[]): Promise<PurgeResult> {
    const [first, ...others] = this.#of('serving')
    if (first === undefined) return { workers: 0, stores: [], failures: ['no worker serves'] }
    const ask = (worker: WorkerProcess) => worker.request({ kind: 'purge', purges, shared: worker === first }, this.#timeouts.askMs)
    const starting = this.#of('starting').filter((worker) => worker.saidHello)
    const workers = [first, ...others, ...starting, ...this.#of('ending')]
    const answers = await Promise.all(workers.map(ask))
    const done = answers.filter((answer) => answer.kind === 'purge')
    // What a worker kept in memory has gone with it; whether the first one had got as far as the shared store is not known.
    const undone = answers.filter((answer, i) => answer.kind !== 'purge' && (i === 0 || workers[i]?.isAlive))
    return {
      workers: done.length,
      stores: [...new Set(done.flatMap(({ stores }) => stores))],
      failures: undone.map(reasonOf),
    }
  }

  /** Takes a target out of all workers' picks, or lets it back in, until this process ends. */
  async setDrained(service: string, address: string, isDrained: boolean): Promise<EverywhereResult> {
    this.wishes.setDrained(service, address, isDrained)
    return this.#everywhere({ kind: 'drained', targets: this.wishes.drained })
  }

  /** Closes the breakers of a service in all workers. */
  resetBreaker(service: string): Promise<EverywhereResult> {
    return this.#everywhere({ kind: 'reset-breaker', service })
  }

  /** What workers tell of exchanges as they finish. */
  setTapRules(rules: readonly TapRule[]): void {
    this.wishes.tapRules = rules
    void this.#everywhere({ kind: 'tap', rules })
  }

  async #everywhere(request: ControlRequest): Promise<EverywhereResult> {
    const workers = [...this.#workers].filter((worker) => worker.saidHello && worker.isAlive)
    const answers = await Promise.all(workers.map((worker) => worker.request(request, this.#timeouts.askMs)))
    // What a worker knew has gone with it.
    const failures = answers.filter((answer, i) => answer.kind !== request.kind && workers[i]?.isAlive)
    return { workers: answers.filter(({ kind }) => kind === request.kind).length, failures: failures.map(reasonOf) }
  }

  /** What operators want, before it serves. */
  async #tellWishes(worker: WorkerProcess): Promise<void> {
    for (const request of this.wishes.requests()) await this.#expect(worker, request, this.#timeouts.commitMs)
  }

  /** Has all workers open their log files anew. */
  async reopenLogs(): Promise<void> {
    await Promise.all(this.#of('serving').map((worker) => this.#expect(worker, { kind: 'reopen-logs' }, this.#timeouts.commitMs)))
  }

  /** Drains and ends all workers; kills those that take longer. No worker is replaced from now on. */
  async drain(timeoutMs: number): Promise<DrainResult> {
    this.#stopReplacing()
    const results = await Promise.all([...this.#workers].map((worker) => this.#drainOne(worker, timeoutMs)))
    const sum = (of: keyof DrainResult): number => results.reduce((total, result) => total + result[of], 0)
    return { closed: sum('closed'), aborted: sum('aborted'), websockets: sum('websockets'), eventStreams: sum('eventStreams') }
  }

  /** Ends all workers at once, with whatever they are doing. */
  kill(): void {
    this.#stopReplacing()
    for (const worker of this.#workers) worker.kill()
  }

  #allTargets(): DiscoveredTargets {
    return Object.fromEntries(this.#targets)
  }

  #stopReplacing(): void {
    this.#ending = true
    if (this.#poll !== null) clearInterval(this.#poll)
    for (const timer of this.#replacements) clearTimeout(timer)
    this.#replacements.clear()
  }

  #of(state: WorkerProcess['state']): WorkerProcess[] {
    return [...this.#workers].filter((worker) => worker.state === state)
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(task)
    this.#turn = result.catch(() => {})
    return result
  }

  /** @returns why not, or null when all have prepared it. */
  async #prepareIn(workers: readonly WorkerProcess[], ir: GatewayIr, shared: SharedFile | null): Promise<string | null> {
    const answers = await Promise.all(
      workers.map(async (worker) => {
        await worker.hello
        if (worker.state === 'starting') {
          const told = await worker.tell(this.#allTargets(), this.#timeouts.commitMs)
          if (told !== null) return told
          await this.#tellWishes(worker)
        }
        return worker.request({ kind: 'prepare', ir, shared, ticketSeed: this.#ticketSeed }, this.#timeouts.prepareMs)
      }),
    )
    const refusals = answers.filter((answer) => answer.kind === 'failed')
    if (refusals.length === 0) return null
    await Promise.all(workers.map((worker) => worker.request({ kind: 'abandon' }, this.#timeouts.commitMs)))
    return refusals[0]?.reason ?? ''
  }

  /** A worker that prepared but does not commit would serve the old revision beside the new one: it goes. */
  async #commitIn(worker: WorkerProcess): Promise<void> {
    const answer = await worker.commit(this.#timeouts.commitMs)
    if (answer.kind === 'commit' || worker.state === 'gone') return
    this.#options.log.error({ worker: worker.id, reason: reasonOf(answer) }, 'a worker did not take the new configuration: killing it')
    worker.kill()
  }

  async #adjustCount(ir: GatewayIr): Promise<void> {
    const serving = this.#of('serving')
    for (const worker of serving.slice(ir.workers)) void this.#drainOne(worker, ir.drainTimeoutMs)
    const missing = ir.workers - this.#workers.size - this.#replacements.size
    await Promise.all(Array.from({ length: Math.max(0, missing) }, () => this.#startOne(ir)))
  }

  async #startOne(ir: GatewayIr): Promise<void> {
    if (this.#ending) return
    const worker = this.#fork()
    await worker.hello
    await this.#tellWishes(worker)
    const answer = await worker.serve(ir, this.#shared, this.#ticketSeed, () => this.#allTargets(), this.#timeouts.prepareMs)
    if (answer.kind === 'commit') return
    if (worker.state === 'gone') return
    this.#options.log.error({ worker: worker.id, reason: reasonOf(answer) }, 'a new worker cannot serve: killing it')
    worker.kill()
  }

  #fork(): WorkerProcess {
    const worker = this.#options.fork()
    this.#workers.add(worker)
    worker.onNotice = (notice) => this.#onNotice(worker, notice)
    void worker.exited.then(({ code, signal }) => this.#onExit(worker, code, signal))
    return worker
  }

  #onNotice(from: WorkerProcess, notice: Notice): void {
    if (notice.kind === 'tapped') return this.#options.onTapped?.(notice.exchanges, notice.lost)
    if (notice.kind === 'unreachable') return this.#options.onUnreachable?.(notice.service)
    for (const worker of this.#workers) {
      if (worker !== from && worker.saidHello && worker.isAlive)
        void this.#expect(worker, { kind: 'purge', purges: notice.purges, shared: false }, this.#timeouts.askMs)
    }
  }

  #onExit(worker: WorkerProcess, code: number | null, signal: string | null): void {
    const { log, clock, mergeDumps, withoutGauges } = this.#options
    this.#workers.delete(worker)
    this.#retired = mergeDumps([this.#retired, withoutGauges(worker.lastDump)])
    if (worker.wanted && !this.#ending) {
      this.#deaths++
      const waitMs = this.#backoff.next(clock.now())
      log.error({ worker: worker.id, pid: worker.pid, code, signal, waitMs }, 'a worker died: replacing it')
      // Before the first configuration, its own refusal is what is told.
      if (this.#running !== null) this.#replaceIn(waitMs)
    }
  }

  #replaceIn(waitMs: number): void {
    const timer = setTimeout(() => {
      void this.#inTurn(async () => {
        this.#replacements.delete(timer)
        const ir = this.#running
        if (this.#ending || ir === null || this.#workers.size >= ir.workers + this.#of('ending').length) return
        await this.#startOne(ir)
      })
    }, waitMs)
    this.#replacements.add(timer)
  }

  async #drainOne(worker: WorkerProcess, timeoutMs: number): Promise<DrainResult> {
    worker.end()
    const { exitMs } = this.#timeouts
    const answer = await worker.request({ kind: 'drain', timeoutMs }, timeoutMs + exitMs)
    if (answer.kind === 'failed' && worker.isAlive) {
      this.#options.log.error({ worker: worker.id, reason: answer.reason }, 'a worker did not drain: killing it')
      worker.kill()
    }
    // What it still has to write may hang: a log nobody reads, say.
    const timer = setTimeout(() => worker.kill(), exitMs)
    await worker.exited
    clearTimeout(timer)
    return answer.kind === 'drain' ? answer.result : NOTHING_DRAINED
  }

  /** Kills workers whose loop is stuck, and keeps the numbers of the others at hand, in case they die. */
  #check(): void {
    for (const worker of this.#of('serving')) void this.#checkOne(worker)
    // Numbers are kept for a worker that may die. With many routes they are large, and a scrape brings newer ones anyway.
    if (this.#checks++ % CHECKS_PER_COLLECTION === 0) void this.collectMetrics()
  }

  async #checkOne(worker: WorkerProcess): Promise<void> {
    if (worker.pinged) return
    worker.pinged = true
    const answer = await worker.request({ kind: 'ping' }, this.#timeouts.pingMs)
    worker.pinged = false
    if (answer.kind === 'ping' || worker.state !== 'serving') return
    this.#options.log.error({ worker: worker.id, pid: worker.pid, reason: reasonOf(answer) }, 'a worker is stuck: killing it')
    worker.kill()
  }

  async #collect(): Promise<MetricsDump> {
    const { mergeDumpsInTurns } = this.#options
    await Promise.all(
      this.#of('serving').map((worker) =>
        this.#expect(worker, { kind: 'metrics', known: worker.metricsPosition }, this.#timeouts.metricsMs),
      ),
    )
    // One that did not answer counts with its last numbers: a counter that falls looks like a restart.
    return mergeDumpsInTurns([this.#retired, ...[...this.#workers].map((worker) => worker.lastDump)])
  }

  async #expect(worker: WorkerProcess, request: ControlRequest, timeoutMs: number): Promise<void> {
    const answer = await worker.request(request, timeoutMs)
    if (answer.kind !== 'failed' || worker.state !== 'serving') return
    this.#options.log.warn({ worker: worker.id, reason: answer.reason }, `a worker did not answer "${request.kind}"`)
  }
}
