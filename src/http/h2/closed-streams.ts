const REMEMBERED_MIN = 256

/**
 * The streams that we reset last. What the client had sent on them before it knew is ignored (RFC 9113, 5.1); on any other stream that is closed
 * it would be an error.
 */
export class ClosedStreams {
  readonly #count: number
  #ids: Int32Array | null = null
  #next = 0

  /** @param count how many are remembered: more than a client has open at once. */
  constructor(count: number) {
    this.#count = Math.max(REMEMBERED_MIN, count)
  }

  add(streamId: number): void {
    this.#ids ??= new Int32Array(this.#count)
    this.#ids[this.#next] = streamId
    this.#next = (this.#next + 1) % this.#count
  }

  has(streamId: number): boolean {
    return this.#ids?.includes(streamId) ?? false
  }
}
