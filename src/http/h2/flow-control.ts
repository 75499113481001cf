import { WINDOW_FIRST, WINDOW_MAX } from './frames.ts'

/** How much the peer may be sent (RFC 9113, 6.9). A change of its settings can make it negative. */
export class SendWindow {
  left: number = WINDOW_FIRST

  /** Returns false when the window becomes larger than one may be: FLOW_CONTROL_ERROR. */
  widen(increment: number): boolean {
    this.left += increment
    return this.left <= WINDOW_MAX
  }
}

/**
 * How much the peer may send: `size` bytes that nobody has used yet. What has been used is given back in large pieces, since each costs a
 * frame; what nobody uses stays taken, so that a peer never makes us hold more than `size`.
 */
export class ReceiveWindow {
  readonly #size: number
  #left: number
  #used = 0

  constructor(size: number) {
    this.#size = size
    this.#left = size
  }

  reset(): void {
    this.#left = this.#size
    this.#used = 0
  }

  /** Counts what has come. Returns false when it is more than was allowed: FLOW_CONTROL_ERROR. */
  take(bytes: number): boolean {
    this.#left -= bytes
    return this.#left >= 0
  }

  /** Counts what has been used. Returns the increment that the peer is to be told now, or 0. */
  giveBack(bytes: number): number {
    this.#used += bytes
    if (this.#used < this.#size / 2) return 0
    const increment = this.#used
    this.#used = 0
    this.#left += increment
    return increment
  }
}
