import type { ActiveCheckIr, PassiveCheckIr } from '../config/ir.ts'
import type { TargetHealthName } from './service-state.ts'

/** Steps in which a target comes back to its full share. */
export const SLOW_START_STEPS = 10

/**
 * What is known of one target, as a machine without a clock: the verdict of checks, ejection for failures of real requests, and since
 * when it has been fit for use. It stays with the target's address over reloads.
 */
export class TargetHealth {
  #verdict: 'unknown' | 'healthy' | 'unhealthy' = 'unknown'
  /** Checks in a row that went against the verdict. */
  #against = 0
  /** Good checks in a row since it was ejected. */
  #goodSinceEjection = 0
  #checkFailure: string | null = null
  #failuresInRow = 0
  /** Ejections in a row, and how long the last one was. */
  #ejections = 0
  #ejectionMs = 0
  #isEjected = false
  #ejectedUntil = 0
  #ejectionCause: string | null = null
  #isFit = true
  /** Since when it has been fit again; null for a target that has always been. */
  #fitSince: number | null = null

  /** What checks say. */
  get verdict(): 'unknown' | 'healthy' | 'unhealthy' {
    return this.#verdict
  }

  /** What is made of it. */
  get name(): TargetHealthName {
    return this.#isEjected ? 'ejected' : this.#verdict
  }

  /** What went wrong last, in plain words; null for nothing since it became healthy. */
  get reason(): string | null {
    return this.#isEjected ? this.#ejectionCause : this.#checkFailure
  }

  get isEjected(): boolean {
    return this.#isEjected
  }

  /** Whether it may be used. Nothing known is fit. */
  get isFit(): boolean {
    return this.#isFit
  }

  ejectedForMs(nowMs: number): number {
    return this.#isEjected ? Math.max(0, this.#ejectedUntil - nowMs) : 0
  }

  /**
   * A check has ended. Checks that find a target well again after they had found it ill end its ejection too: they see what made it fail.
   * Checks that found nothing wrong with it do so only where they are told to.
   * @param failure in plain words; null for a good one. @returns whether the verdict is another now, or an ejection has ended
   */
  onCheck(failure: string | null, { healthyAfter, unhealthyAfter, endsEjections }: ActiveCheckIr, nowMs: number): boolean {
    this.#checkFailure = failure
    this.#goodSinceEjection = failure === null ? this.#goodSinceEjection + 1 : 0
    const isBack = endsEjections && this.#isEjected && healthyAfter > 0 && this.#goodSinceEjection >= healthyAfter
    if (isBack) this.release(nowMs)
    const says = failure === null ? 'healthy' : 'unhealthy'
    // What is unknown is in use like what is healthy: a good check confirms it, bad ones must be as many.
    const confirms = says === this.#verdict || (says === 'healthy' && this.#verdict === 'unknown')
    this.#against = confirms ? 0 : this.#against + 1
    const wanted = failure === null ? healthyAfter : unhealthyAfter
    const isDecided = confirms || (wanted > 0 && this.#against >= wanted)
    if (!isDecided || says === this.#verdict) return isBack
    const isRecovery = this.#verdict === 'unhealthy'
    this.#against = 0
    this.#verdict = says
    if (isRecovery && this.#isEjected) this.release(nowMs)
    else this.#refit(nowMs)
    return true
  }

  /** No checks are made any more. */
  forgetChecks(nowMs: number): void {
    this.#verdict = 'unknown'
    this.#against = 0
    this.#checkFailure = null
    this.#refit(nowMs)
  }

  onSuccess(): void {
    this.#failuresInRow = 0
  }

  /** @returns failures in a row, when they are enough for an ejection; 0 otherwise. One that is ejected counts none: they began before. */
  onFailure({ failures }: PassiveCheckIr): number {
    if (this.#isEjected) return 0
    this.#failuresInRow++
    return this.#failuresInRow >= failures ? this.#failuresInRow : 0
  }

  /** The n-th time in a row for n times as long. One that behaved for as long as its last ejection was begins anew. */
  eject(cause: string, { ejectionMs, ejectionMaxMs }: PassiveCheckIr, nowMs: number): void {
    const behavedMs = nowMs - this.#ejectedUntil
    this.#ejections = this.#ejections > 0 && behavedMs < this.#ejectionMs ? this.#ejections + 1 : 1
    this.#ejectionMs = Math.min(this.#ejections * ejectionMs, ejectionMaxMs)
    this.#isEjected = true
    this.#goodSinceEjection = 0
    this.#ejectedUntil = nowMs + this.#ejectionMs
    this.#ejectionCause = cause
    this.#refit(nowMs)
  }

  /** Ends an ejection, before its time too. */
  release(nowMs: number): void {
    this.#isEjected = false
    this.#ejectedUntil = Math.min(this.#ejectedUntil, nowMs)
    this.#failuresInRow = 0
    this.#refit(nowMs)
  }

  #refit(nowMs: number): void {
    const isFit = !this.#isEjected && this.#verdict !== 'unhealthy'
    if (isFit && !this.#isFit) this.#fitSince = nowMs
    this.#isFit = isFit
  }

  /** Tenths of its weight that it gets: from 1, when it has become fit again, to all of them after the slow start. */
  tenths(slowStartMs: number, nowMs: number): number {
    if (this.#fitSince === null) return SLOW_START_STEPS
    const done = Math.floor(((nowMs - this.#fitSince) * SLOW_START_STEPS) / slowStartMs)
    if (done < SLOW_START_STEPS) return Math.max(1, done)
    this.#fitSince = null
    return SLOW_START_STEPS
  }

  /** When it changes by itself: its ejection ends, or it gets its next tenth. Infinity for never. */
  nextChangeAt(slowStartMs: number, nowMs: number): number {
    if (this.#isEjected) return this.#ejectedUntil
    if (!this.#isFit || this.#fitSince === null) return Number.POSITIVE_INFINITY
    const done = Math.floor(((nowMs - this.#fitSince) * SLOW_START_STEPS) / slowStartMs)
    return this.#fitSince + ((done + 1) * slowStartMs) / SLOW_START_STEPS
  }
}
