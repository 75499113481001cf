import type { GatewayIr } from '../config/ir.ts'
import type { LimitsQuery } from '../core/limit-view.ts'
import type { Logger } from '../core/observe.ts'
import type { Purge } from '../core/response-store.ts'
import type { SharedFile } from '../core/store.ts'
import { type MetricsPosition, type MetricsUpdate, NOTHING_KNOWN } from '../telemetry/metrics-mirror.ts'
import {
  type ControlRequest,
  type DataPlane,
  isRequestMessage,
  sentenceOf,
  type WorkerAnswer,
  type WorkerMessage,
} from './control-protocol.ts'

/** The worker's end of the line to the control process; `process` fits. */
export interface ControlChannel {
  send?(message: WorkerMessage, done: (error: Error | null) => void): unknown
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
}

export interface WorkerOptions {
  readonly plane: DataPlane
  readonly channel: ControlChannel
  readonly log: Logger
  readonly dumpMetrics: (known: MetricsPosition) => MetricsUpdate
  /** Opens log files anew after a rotation. */
  readonly reopenLogs: () => void
  /** Ends the process; called once, after the drain. */
  readonly exit: () => Promise<void>
}

/** Used when the control process is gone before it said how long a drain may take. */
const DRAIN_TIMEOUT_DEFAULT_MS = 30_000

/**
 * A worker's dealings with its control process: answers each request once, and drains and ends when that process has gone, since
 * a worker that nobody watches can take no new configuration and no signal.
 */
export class WorkerHost {
  readonly #options: WorkerOptions
  #drainTimeoutMs = DRAIN_TIMEOUT_DEFAULT_MS
  #preparedDrainTimeoutMs = DRAIN_TIMEOUT_DEFAULT_MS
  #ending = false

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  /** Begins to listen, and says hello. */
  start(): void {
    const { channel } = this.#options
    channel.on('message', (message) => {
      if (isRequestMessage(message)) void this.#answer(message.id, message.request)
    })
    channel.on('disconnect', () => void this.#orphaned())
    void this.#send({ type: 'turnpike-hello' })
  }

  async #answer(id: number, request: ControlRequest): Promise<void> {
    let answer: WorkerAnswer
    try {
      answer = await this.#handle(request)
    } catch (error) {
      answer = { kind: 'failed', reason: sentenceOf(error) }
    }
    await this.#send({ type: 'turnpike-answer', id, answer })
    // Also after a drain that failed: nobody waits for this process any more.
    if (request.kind === 'drain') await this.#options.exit()
  }

  #handle(request: ControlRequest): WorkerAnswer | Promise<WorkerAnswer> {
    const { plane, dumpMetrics, reopenLogs } = this.#options
    switch (request.kind) {
      case 'prepare':
        return this.#prepare(request.ir, request.shared, request.ticketSeed)
      case 'targets':
        plane.setTargets(request.targets)
        return { kind: 'targets' }
      case 'commit':
        plane.commit()
        this.#drainTimeoutMs = this.#preparedDrainTimeoutMs
        return { kind: 'commit', listeners: plane.listeners() }
      case 'abandon':
        plane.abandon()
        return { kind: 'abandon' }
      case 'metrics':
        return { kind: 'metrics', update: dumpMetrics(request.known) }
      case 'services':
        return { kind: 'services', services: plane.serviceStates() }
      case 'purge':
        return this.#purge(request.purges, request.shared)
      case 'decisions':
        return { kind: 'decisions', decisions: plane.decisions(request.query) }
      case 'limits':
        return this.#limits(request.query)
      case 'drained':
        plane.setDrained(request.targets)
        return { kind: 'drained' }
      case 'tap':
        plane.setTapRules(request.rules)
        return { kind: 'tap' }
      case 'reset-breaker':
        return { kind: 'reset-breaker', position: plane.resetBreaker(request.service) }
      case 'ping':
        return { kind: 'ping' }
      case 'reopen-logs':
        reopenLogs()
        return { kind: 'reopen-logs' }
      case 'drain':
        return this.#drain(request.timeoutMs)
    }
    return request satisfies never
  }

  async #prepare(ir: GatewayIr, shared: SharedFile | null, ticketSeed: string): Promise<WorkerAnswer> {
    await this.#options.plane.prepare(ir, shared, ticketSeed)
    this.#preparedDrainTimeoutMs = ir.drainTimeoutMs
    return { kind: 'prepare' }
  }

  async #purge(purges: readonly Purge[], shared: boolean): Promise<WorkerAnswer> {
    return { kind: 'purge', stores: await this.#options.plane.purge(purges, shared) }
  }

  async #limits(query: LimitsQuery): Promise<WorkerAnswer> {
    return { kind: 'limits', limits: await this.#options.plane.limits(query) }
  }

  async #drain(timeoutMs: number): Promise<WorkerAnswer> {
    this.#ending = true
    const result = await this.#options.plane.drain(timeoutMs)
    return { kind: 'drain', result, update: this.#options.dumpMetrics(NOTHING_KNOWN) }
  }

  async #orphaned(): Promise<void> {
    // A drain that is under way ends the process itself.
    if (this.#ending) return
    this.#ending = true
    const { plane, log, exit } = this.#options
    log.warn({}, 'the control process has gone: draining')
    try {
      await plane.drain(this.#drainTimeoutMs)
    } catch (error) {
      log.error({ reason: sentenceOf(error) }, 'the drain failed')
    }
    await exit()
  }

  /** Never fails: when the channel is closed, `disconnect` says what there is to say. */
  #send(message: WorkerMessage): Promise<void> {
    return new Promise((resolve) => {
      if (this.#options.channel.send === undefined) resolve()
      else this.#options.channel.send(message, () => resolve())
    })
  }
}
