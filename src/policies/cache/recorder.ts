import type { ResponseTap } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'

/** Bytes of bodies that the recorders of one place hold at once: slow clients must not fill the memory with what is not stored yet. */
const ROOM_BYTES = 64 * 2 ** 20

/** Why a body was not taken in as a whole. */
export type Loss = 'too large' | 'no room' | 'broken off'

/** What the recorders of one place have together. */
export class RecordingRoom {
  #bytes = 0

  take(bytes: number): boolean {
    if (this.#bytes + bytes > ROOM_BYTES) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** Takes in the body of a response that is on its way to the client, up to a bound. */
export class Recorder implements ResponseTap {
  readonly #bytesMax: number
  readonly #room: RecordingRoom
  readonly #onDone: (pieces: readonly Buffer[] | Loss, bytes: number) => void
  #pieces: Buffer[] = []
  #bytes = 0
  #isDone = false

  /** @param onDone called once */
  constructor(bytesMax: number, room: RecordingRoom, onDone: (pieces: readonly Buffer[] | Loss, bytes: number) => void) {
    this.#bytesMax = bytesMax
    this.#room = room
    this.#onDone = onDone
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isDone) return
    const size = end - start
    if (this.#bytes + size > this.#bytesMax) return this.#done('too large')
    if (!this.#room.take(size)) return this.#done('no room')
    this.#bytes += size
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)))
  }

  /** Trailers are left out (RFC 9110, 6.5.2: they may be discarded). */
  onEnd(_trailers: Headers | null): void {
    this.#done(this.#pieces)
  }

  onAbort(): void {
    this.#done('broken off')
  }

  #done(outcome: readonly Buffer[] | Loss): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#room.give(this.#bytes)
    this.#onDone(outcome, this.#bytes)
    this.#pieces = []
  }
}
