/** Streams that are remembered: more than a client has open at once, as a rule. */
const REMEMBERED = 256

/**
 * The streams that we reset last. What the client had sent on them before it knew is ignored (RFC 9113, 5.1); on any other stream that is closed
 * it would be an error.
 */
export class ClosedStreams {
  #ids: Int32Array | null = null
  #next = 0

  add(streamId: number): void {
    this.#ids ??= new Int32Array(REMEMBERED)
    this.#ids[this.#next] = streamId
    this.#next = (this.#next + 1) % REMEMBERED
  }

  has(streamId: number): boolean {
    return this.#ids?.includes(streamId) ?? false
  }
}
