/** The window moves on by a slice at a time: it holds between nine and ten tenths of its length. */
const SLICES = 10

/** How many tries there were lately and how many of them failed, in constant memory. */
export class FailureWindow {
  readonly windowMs: number
  readonly #requestsOf = new Float64Array(SLICES)
  readonly #failuresOf = new Float64Array(SLICES)
  readonly #startedAt: number
  /** Number of the slice that is being filled, counted from the start. */
  #slice = 0
  #requests = 0
  #failures = 0

  constructor(windowMs: number, nowMs: number) {
    this.windowMs = windowMs
    this.#startedAt = nowMs
  }

  add(failed: boolean, nowMs: number): void {
    this.#moveTo(nowMs)
    const at = this.#slice % SLICES
    this.#requestsOf[at] = (this.#requestsOf[at] as number) + 1
    this.#requests++
    if (!failed) return
    this.#failuresOf[at] = (this.#failuresOf[at] as number) + 1
    this.#failures++
  }

  counts(nowMs: number): { readonly requests: number; readonly failures: number } {
    this.#moveTo(nowMs)
    return { requests: this.#requests, failures: this.#failures }
  }

  /** Whether there were enough tries, and at least this share of them failed. Meant right after {@link add}. */
  exceeds(percent: number, requestsMin: number): boolean {
    return this.#requests >= requestsMin && this.#failures * 100 >= percent * this.#requests
  }

  #moveTo(nowMs: number): void {
    const slice = Math.floor(((nowMs - this.#startedAt) * SLICES) / this.windowMs)
    const steps = Math.min(slice - this.#slice, SLICES)
    for (let i = 1; i <= steps; i++) {
      const at = (this.#slice + i) % SLICES
      this.#requests -= this.#requestsOf[at] as number
      this.#failures -= this.#failuresOf[at] as number
      this.#requestsOf[at] = 0
      this.#failuresOf[at] = 0
    }
    if (steps > 0) this.#slice = slice
  }
}
