/** States whose refusals are remembered at once. */
const REMEMBERED_MAX = 10_000
/** A refusal is believed for so long at most: an operator may have given the limit back. */
const BELIEVED_MAX_MS = 60_000

interface Refusal {
  /** Milliseconds of the clock: when the wait is over, and until when this is believed. */
  readonly until: number
  readonly believedUntil: number
  readonly cost: number
}

/**
 * What Redis has refused lately. Until its wait is over a state only gets worse, so that the same take or a larger one is refused again:
 * a guard can say so without asking. Two generations of half the size each: what is full becomes old, what was old is forgotten.
 */
export class Refusals {
  #young = new Map<string, Refusal>()
  #old = new Map<string, Refusal>()

  /** @param waitMs Infinity for ever */
  remember(key: string, cost: number, waitMs: number, now: number): void {
    if (this.#young.size >= REMEMBERED_MAX / 2 && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, { until: now + waitMs, believedUntil: now + Math.min(waitMs, BELIEVED_MAX_MS), cost })
  }

  /** Milliseconds that are left to wait; 0 when nothing is known. */
  waitMs(key: string, cost: number, now: number): number {
    if (this.#young.size + this.#old.size === 0) return 0
    const known = this.#young.get(key) ?? this.#old.get(key)
    return known === undefined || cost < known.cost || known.believedUntil <= now ? 0 : known.until - now
  }
}
