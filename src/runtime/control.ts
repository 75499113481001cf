import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/observe.ts'
import type { DrainResult, ListenerAddress } from './control-protocol.ts'
import { sentenceOf } from './control-protocol.ts'
import { PortChooser } from './ports.ts'
import type { WorkerPool } from './workers.ts'

/** A configuration as its source gives it. */
export type ConfigLoad =
  | {
      readonly ok: true
      readonly ir: GatewayIr
      /** The configuration as it may be shown, secrets hidden. */
      readonly display: () => unknown
    }
  | {
      readonly ok: false
      /** For people, with places; may have several lines. */
      readonly problems: string
    }

export interface ControlOptions {
  readonly pool: WorkerPool
  readonly log: Logger
  readonly clock: Clock
  /** Reads the configuration. What it throws counts as a problem of the configuration. */
  readonly load: () => Promise<ConfigLoad>
  /** What has to be known of the world before a configuration comes into force. */
  readonly discoveries?: { prepare(ir: GatewayIr): Promise<void>; settle(ir: GatewayIr | null): void }
}

/** How far the gateway is. */
export type ControlPhase = 'starting' | 'serving' | 'draining'

export interface ControlStatus {
  readonly phase: ControlPhase
  readonly workersWanted: number
  /** Workers that serve the running revision. */
  readonly workersServing: number
  /** Revision of the newest configuration that could be read; null before the first. */
  readonly wantedRevision: string | null
  readonly runningRevision: string | null
  /** Milliseconds since 1970 at which the running revision came into force; null before. */
  readonly loadedAtMs: number | null
  /** Why the newest configuration is not in force; null when it is. */
  readonly lastError: string | null
}

/** Answer of {@link Control.apply}: an error has the sentence or the problems to be told. */
export type ControlResult = { readonly ok: true; readonly changed: boolean } | { readonly ok: false; readonly reason: string }

/** The one that decides which configuration is in force: whole or not at all. */
export class Control {
  readonly #options: ControlOptions
  readonly #ports = new PortChooser()
  #phase: ControlPhase = 'starting'
  #wantedRevision: string | null = null
  #running: { readonly ir: GatewayIr; readonly display: () => unknown; readonly loadedAtMs: number } | null = null
  #lastError: string | null = null
  #reloading: Promise<void> | null = null
  #reloadAgain: string | null = null

  constructor(options: ControlOptions) {
    this.#options = options
  }

  /** The configuration in force, with real ports; null before the first. */
  get running(): GatewayIr | null {
    return this.#running?.ir ?? null
  }

  get listeners(): readonly ListenerAddress[] {
    return this.#options.pool.listeners
  }

  status(): ControlStatus {
    const { pool } = this.#options
    return {
      phase: this.#phase,
      workersWanted: this.#running?.ir.workers ?? 0,
      workersServing: pool.servingCount,
      wantedRevision: this.#wantedRevision,
      runningRevision: this.#running?.ir.revision ?? null,
      loadedAtMs: this.#running?.loadedAtMs ?? null,
      lastError: this.#lastError,
    }
  }

  /** The running configuration as it may be shown; null before the first. */
  display(): unknown {
    return this.#running?.display() ?? null
  }

  /** What shows the running configuration, also once another one is running. */
  get shown(): () => unknown {
    return this.#running?.display ?? (() => null)
  }

  /** Puts a configuration into force that has been read. */
  async apply(load: ConfigLoad): Promise<ControlResult> {
    const result = load.ok ? await this.#applyIr(load.ir, load.display) : ({ ok: false, reason: load.problems } as const)
    this.#lastError = result.ok ? null : result.reason
    if (result.ok && this.#phase === 'starting') this.#phase = 'serving'
    return result
  }

  /** Reads the configuration again. Calls while this is going on lead to one more round, so that the last word is heard. */
  reload(cause: string): Promise<void> {
    if (this.#phase === 'draining') return Promise.resolve()
    if (this.#reloading !== null) {
      this.#reloadAgain = cause
      return this.#reloading
    }
    const reloading = this.#reloadAll(cause)
    this.#reloading = reloading
    return reloading
  }

  /**
   * Ends the service: no reload and no replacement any more, every worker drains. For `delayMs` before that all goes on as it was, but for
   * what the gateway says of itself: whoever connects until the load balancers have heard of it is still served.
   */
  async drain(delayMs: number, timeoutMs: number): Promise<DrainResult> {
    this.#phase = 'draining'
    if (delayMs > 0) await sleep(delayMs)
    return this.#options.pool.drain(timeoutMs)
  }

  async #reloadAll(first: string): Promise<void> {
    for (let cause: string | null = first; cause !== null && this.#phase !== 'draining'; cause = this.#reloadAgain) {
      this.#reloadAgain = null
      await this.#reloadOnce(cause)
    }
    // In the same turn as the last look at `reloadAgain`: a call in between would go unheard.
    this.#reloading = null
  }

  async #reloadOnce(cause: string): Promise<void> {
    const { log } = this.#options
    const result = await this.apply(await this.#load())
    const running = this.#running?.ir.revision ?? null
    if (!result.ok) log.error({ cause, running, reason: result.reason }, 'the configuration is not taken: the old one goes on')
    else if (result.changed) log.info({ cause, revision: running }, 'a new configuration is in force')
    else log.info({ cause, revision: running }, 'the configuration means the same as before')
  }

  async #load(): Promise<ConfigLoad> {
    try {
      return await this.#options.load()
    } catch (error) {
      return { ok: false, problems: sentenceOf(error) }
    }
  }

  async #applyIr(written: GatewayIr, display: () => unknown): Promise<ControlResult> {
    const { pool, clock, discoveries } = this.#options
    this.#wantedRevision = written.revision
    if (written.revision === this.#running?.ir.revision) {
      // The text may differ, in a comment or in what is shown.
      this.#running = { ...this.#running, display }
      return { ok: true, changed: false }
    }
    try {
      const ir = await this.#ports.resolve(written)
      await discoveries?.prepare(ir)
      const result = await pool.apply(ir)
      discoveries?.settle(result.ok ? ir : (this.#running?.ir ?? null))
      if (!result.ok) return result
      this.#running = { ir, display, loadedAtMs: clock.epochMs() }
      return { ok: true, changed: true }
    } catch (error) {
      discoveries?.settle(this.#running?.ir ?? null)
      return { ok: false, reason: sentenceOf(error) }
    }
  }
}
