/** How long to wait after failures: twice as long each time, with jitter, so that many gateways do not come back to a registry at once. */
export class Backoff {
  readonly #minMs: number
  readonly #maxMs: number
  readonly #random: () => number
  #failures = 0

  /** @param random gives numbers in [0, 1) */
  constructor({ minMs = 100, maxMs = 10_000, random = Math.random }: { minMs?: number; maxMs?: number; random?: () => number } = {}) {
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#random = random
  }

  /** After one more failure: from `minMs` up to twice that, doubled with each failure, `maxMs` at most. */
  nextMs(): number {
    const ms = this.#minMs * 2 ** this.#failures * (1 + this.#random())
    // Beyond the bound there still is jitter: from half of it.
    if (ms < this.#maxMs) this.#failures++
    return ms < this.#maxMs ? ms : (this.#maxMs / 2) * (1 + this.#random())
  }

  reset(): void {
    this.#failures = 0
  }
}

/** Lets a few events through at once and then so many a second: changes that come in a storm are asked for less often, and then together. */
export class TokenBucket {
  readonly #size: number
  readonly #refillMs: number
  #tokens: number
  #filledAt: number

  /** @param size events at once @param refillMs for one event more @param now in milliseconds */
  constructor(size: number, refillMs: number, now: number) {
    this.#size = size
    this.#refillMs = refillMs
    this.#tokens = size
    this.#filledAt = now
  }

  /** Takes one. @returns how many milliseconds to wait until it is there */
  takeMs(now: number): number {
    this.#tokens = Math.min(this.#size, this.#tokens + (now - this.#filledAt) / this.#refillMs)
    this.#filledAt = now
    this.#tokens--
    return this.#tokens >= 0 ? 0 : -this.#tokens * this.#refillMs
  }
}
