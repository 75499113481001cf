import type { Worker } from 'node:cluster'
import type { GatewayIr } from '../config/ir.ts'
import type { DiscoveredTargets } from '../core/discovery.ts'
import type { SharedFile } from '../core/store.ts'
import type { MetricsDump } from '../telemetry/metrics.ts'
import { MetricsMirror, type MetricsPosition } from '../telemetry/metrics-mirror.ts'
import {
  type ControlRequest,
  isWorkerMessage,
  type ListenerAddress,
  type Notice,
  type RequestMessage,
  type WorkerAnswer,
} from './control-protocol.ts'

/** How a process ended. */
export interface WorkerExit {
  readonly code: number | null
  readonly signal: string | null
}

/** `ending`: it drains. */
export type WorkerState = 'starting' | 'serving' | 'ending' | 'gone'

interface Pending {
  readonly resolve: (answer: WorkerAnswer) => void
  readonly timer: NodeJS.Timeout
}

/** One worker as the control process sees it. No call throws or waits for ever: what goes wrong is an answer of kind `failed`. */
export class WorkerProcess {
  readonly id: number
  readonly pid: number
  /** Resolved when the worker listens to requests; also when it ended before, so that nobody waits in vain. */
  readonly hello: Promise<void>
  readonly exited: Promise<WorkerExit>
  /** Set once it serves. */
  listeners: readonly ListenerAddress[] = []
  /** Whether a ping is on its way. */
  pinged = false
  #state: WorkerState = 'starting'
  /** Told what the worker says by itself. */
  onNotice: (notice: Notice) => void = () => {}
  #saidHello = false
  #wanted = true
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  #nextId = 1
  #metrics = new MetricsMirror()

  constructor(worker: Worker) {
    this.#worker = worker
    this.id = worker.id
    this.pid = worker.process.pid ?? 0
    const hello = Promise.withResolvers<void>()
    const exited = Promise.withResolvers<WorkerExit>()
    this.hello = hello.promise
    this.exited = exited.promise
    worker.on('message', (message: unknown) => {
      if (!isWorkerMessage(message)) return
      if (message.type === 'turnpike-hello') {
        this.#saidHello = true
        hello.resolve()
      } else if (message.type === 'turnpike-notice') this.onNotice(message.notice)
      else this.#settle(message.id, message.answer)
    })
    // A failed spawn or send. A worker that cannot be reached any more also exits or stops answering pings.
    worker.on('error', () => {})
    const onExit = (code: number | null, signal: string | null): void => {
      this.#state = 'gone'
      for (const id of this.#pending.keys()) this.#settle(id, failed(`worker ${this.id} ended`))
      hello.resolve()
      exited.resolve({ code, signal })
    }
    worker.on('exit', onExit)
    worker.process.once('error', () => {
      if (worker.process.pid === undefined) onExit(null, null)
    })
  }

  get state(): WorkerState {
    return this.#state
  }

  /** Whether it listens to requests. One that is sent before is lost. */
  get saidHello(): boolean {
    return this.#saidHello
  }

  get isAlive(): boolean {
    return this.#state !== 'gone'
  }

  /** Whether its end, should it come, is a loss. */
  get wanted(): boolean {
    return this.#wanted
  }

  /** Its end is wanted from now on. */
  end(): void {
    this.#wanted = false
    if (this.#state !== 'gone') this.#state = 'ending'
  }

  /** Asks, and waits for at most `timeoutMs`. */
  async request(request: ControlRequest, timeoutMs: number): Promise<WorkerAnswer> {
    if (this.#state === 'gone' || !this.#worker.isConnected()) return failed(`worker ${this.id} has gone`)
    const id = this.#nextId++
    const { promise, resolve } = Promise.withResolvers<WorkerAnswer>()
    const timer = setTimeout(
      () => this.#settle(id, failed(`worker ${this.id} did not answer "${request.kind}" in ${timeoutMs} ms`)),
      timeoutMs,
    )
    this.#pending.set(id, { resolve, timer })
    const message: RequestMessage = { type: 'turnpike-request', id, request }
    this.#worker.send(message, undefined, undefined, (error) => {
      if (error) this.#settle(id, failed(`worker ${this.id} cannot be reached: ${error.message}`))
    })
    return promise
  }

  /** Prepares and commits in one go, for a worker that has not served yet. @param targets gives what is known once it listens to requests */
  async serve(
    ir: GatewayIr,
    shared: SharedFile | null,
    ticketSeed: string,
    targets: () => DiscoveredTargets,
    timeoutMs: number,
  ): Promise<WorkerAnswer> {
    await this.hello
    const told = await this.tell(targets(), timeoutMs)
    if (told !== null) return told
    const prepared = await this.request({ kind: 'prepare', ir, shared, ticketSeed }, timeoutMs)
    return prepared.kind === 'prepare' ? this.commit(timeoutMs) : prepared
  }

  /** Tells it what discovery has found. @returns what went wrong, or null */
  async tell(targets: DiscoveredTargets, timeoutMs: number): Promise<WorkerAnswer | null> {
    if (Object.keys(targets).length === 0) return null
    const answer = await this.request({ kind: 'targets', targets }, timeoutMs)
    return answer.kind === 'targets' ? null : answer
  }

  /** Its numbers as last heard of. */
  get lastDump(): MetricsDump {
    return this.#metrics.dump()
  }

  /** What is known of its metrics. */
  get metricsPosition(): MetricsPosition {
    return this.#metrics.position
  }

  async commit(timeoutMs: number): Promise<WorkerAnswer> {
    const committed = await this.request({ kind: 'commit' }, timeoutMs)
    if (committed.kind === 'commit') {
      this.listeners = committed.listeners
      if (this.#state === 'starting') this.#state = 'serving'
    }
    return committed
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  #settle(id: number, answer: WorkerAnswer): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    clearTimeout(pending.timer)
    if (answer.kind === 'drain') this.#metrics = new MetricsMirror()
    if (answer.kind === 'metrics' || answer.kind === 'drain') this.#metrics.apply(answer.update)
    pending.resolve(answer)
  }
}

function failed(reason: string): WorkerAnswer {
  return { kind: 'failed', reason }
}
