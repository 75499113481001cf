import type { ActiveCheckIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Scheduler } from './scheduler.ts'
import type { Target } from './target.ts'
import { type CheckRule, compileCheck } from './target-check.ts'

/** Jitter takes off so much of an interval at most: targets and workers that began together do not stay together. */
const JITTER = 0.1

/** Begins one check. It ends by itself and says, once and later, what is wrong in plain words, or null; and nothing after `abort`. */
export type StartCheck = (target: Target, rule: CheckRule, onDone: (failure: string | null) => void) => { abort(): void }

export interface ChecksContext {
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly startCheck: StartCheck
}

/** @param failure in plain words; null for a good check */
export type CheckListener = (target: Target, failure: string | null) => void

/** Checks the targets of a service, each at its own pace. A target that is added waits for a tenth of the interval at most. */
export class ActiveChecks {
  readonly #context: ChecksContext
  readonly #onResult: CheckListener
  readonly #loops = new Map<Target, CheckLoop>()
  #written = ''
  #rule: CheckRule | null = null

  constructor(context: ChecksContext, onResult: CheckListener) {
    this.#context = context
    this.#onResult = onResult
  }

  /** Checks these targets from now on; null for no checks. Where only targets change, the others' checks go on as they were. */
  update(ir: ActiveCheckIr | null, targets: readonly Target[]): void {
    const written = JSON.stringify(ir)
    if (written !== this.#written) {
      this.stop()
      this.#written = written
      this.#rule = ir === null ? null : compileCheck(ir)
    }
    for (const [target, loop] of this.#loops) {
      if (targets.includes(target)) continue
      loop.stop()
      this.#loops.delete(target)
    }
    if (this.#rule === null) return
    for (const target of targets) {
      if (!this.#loops.has(target)) this.#loops.set(target, new CheckLoop(target, this.#rule, this.#context, this.#onResult))
    }
  }

  /** A target has just become unfit for another reason than its checks: their interval is another one now. */
  onUnfit(target: Target): void {
    this.#loops.get(target)?.hasten()
  }

  stop(): void {
    for (const loop of this.#loops.values()) loop.stop()
    this.#loops.clear()
    this.#written = ''
  }
}

/** The checks of one target: one at a time, an interval from the beginning of one to the beginning of the next. */
class CheckLoop {
  readonly #target: Target
  readonly #rule: CheckRule
  readonly #context: ChecksContext
  readonly #onResult: CheckListener
  #stopTimer: () => void
  #check: { abort(): void } | null = null
  #isStopped = false

  constructor(target: Target, rule: CheckRule, context: ChecksContext, onResult: CheckListener) {
    this.#target = target
    this.#rule = rule
    this.#context = context
    this.#onResult = onResult
    this.#stopTimer = context.scheduler.after(context.clock.random() * JITTER * rule.intervalMs, () => this.#begin())
  }

  #begin(): void {
    const { clock, scheduler, startCheck } = this.#context
    const startedAt = clock.now()
    this.#check = startCheck(this.#target, this.#rule, (failure) => {
      this.#check = null
      this.#onResult(this.#target, failure)
      if (this.#isStopped) return
      const intervalMs = this.#target.health.isFit ? this.#rule.intervalMs : this.#rule.unfitIntervalMs
      const untilNextMs = intervalMs * (1 - clock.random() * JITTER) - (clock.now() - startedAt)
      this.#stopTimer = scheduler.after(Math.max(0, untilNextMs), () => this.#begin())
    })
  }

  /** Where the target is checked more often while it is unfit, the next check does not wait for the time of a fit one. */
  hasten(): void {
    const { unfitIntervalMs, intervalMs } = this.#rule
    if (this.#isStopped || this.#check !== null || unfitIntervalMs >= intervalMs) return
    this.#stopTimer()
    const { clock, scheduler } = this.#context
    this.#stopTimer = scheduler.after(unfitIntervalMs * (1 - clock.random() * JITTER), () => this.#begin())
  }

  stop(): void {
    this.#isStopped = true
    this.#stopTimer()
    this.#check?.abort()
    this.#check = null
  }
}
