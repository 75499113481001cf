const WINDOW_MS = 10_000
const DEATHS_IN_WINDOW = 5
const FIRST_WAIT_MS = 250
const WAIT_MAX_MS = 10_000
/** So long without a death, and all is forgotten. */
const CALM_MS = 60_000

/**
 * How long to wait before a dead worker is replaced: not at all, unless they die again and again. From the fifth death within ten
 * seconds on, each one doubles the wait, up to ten seconds; a minute without a death ends that.
 */
export class RestartBackoff {
  #deaths: number[] = []
  #waitMs = 0

  /** Notes a death. @param nowMs of a clock that never goes back. @returns milliseconds to wait. */
  next(nowMs: number): number {
    const last = this.#deaths.at(-1)
    if (last !== undefined && nowMs - last >= CALM_MS) this.#waitMs = 0
    this.#deaths.push(nowMs)
    this.#deaths = this.#deaths.filter((at) => nowMs - at < WINDOW_MS)
    if (this.#waitMs > 0 || this.#deaths.length >= DEATHS_IN_WINDOW) {
      this.#waitMs = this.#waitMs === 0 ? FIRST_WAIT_MS : Math.min(this.#waitMs * 2, WAIT_MAX_MS)
    }
    return this.#waitMs
  }
}
