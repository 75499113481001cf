import { upstreamOutput } from '../output.ts'
import type { Transport } from '../transport.ts'

/** What may wait for a service that does not read. DATA never does: streams keep it, within their bounds. */
const HELD_BYTES_MAX = 256 * 1024

/**
 * Where a session's frames are put together. What is written within one turn leaves in one piece at its end: over TLS every piece is a
 * record and a call of its own. Use: {@link begin}, write into `target`, {@link end}; nothing may come between.
 */
export class FrameOutput {
  target: Buffer = EMPTY
  readonly #transport: Transport
  #isAwaited = false
  /** Frames that wait because the service does not read; null for none. */
  #held: Buffer | null = null
  #heldLength = 0
  readonly #flushSoon = (): void => {
    this.#isAwaited = false
    this.flush()
  }

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** The service does not read: no DATA is to be written now. */
  get stalled(): boolean {
    return this.#transport.stalled
  }

  /** So much waits that the session is of no use. */
  get isOverfull(): boolean {
    return this.#heldLength > HELD_BYTES_MAX
  }

  /** Makes room for so many bytes in {@link target}. Returns where they go. */
  begin(bytesMax: number): number {
    if (this.#transport.stalled) return this.#beginHeld(bytesMax)
    upstreamOutput.begin(this.#transport)
    upstreamOutput.reserve(bytesMax)
    // Making room may have sent what was there, and found out that no more is taken.
    if (this.#transport.stalled) return this.#beginHeld(bytesMax)
    this.target = upstreamOutput.buffer
    return upstreamOutput.length
  }

  #beginHeld(bytesMax: number): number {
    const needed = this.#heldLength + bytesMax
    if (this.#held === null || this.#held.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, needed * 2))
      this.#held?.copy(larger, 0, 0, this.#heldLength)
      this.#held = larger
    }
    this.target = this.#held
    return this.#heldLength
  }

  end(at: number): void {
    if (this.target === this.#held) this.#heldLength = at
    else {
      upstreamOutput.length = at
      if (!this.#isAwaited) {
        this.#isAwaited = true
        queueMicrotask(this.#flushSoon)
      }
    }
    this.target = EMPTY
  }

  /** Hands over what there is. */
  flush(): void {
    upstreamOutput.flushOf(this.#transport)
  }

  /** The service reads again: what waited goes first. */
  onDrain(): void {
    const held = this.#held
    if (held === null) return
    const length = this.#heldLength
    this.#held = null
    this.#heldLength = 0
    const at = this.begin(length)
    this.end(at + held.copy(this.target, at, 0, length))
  }
}

const EMPTY = Buffer.alloc(0)
