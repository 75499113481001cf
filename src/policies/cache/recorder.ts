import type { ResponseTap } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'

/** Why a body was not taken in as a whole. */
export type Loss = 'too large' | 'broken off'

/** Takes in the body of a response that is on its way to the client, up to a bound. */
export class Recorder implements ResponseTap {
  readonly #bytesMax: number
  readonly #onDone: (pieces: readonly Buffer[] | Loss, bytes: number) => void
  #pieces: Buffer[] = []
  #bytes = 0
  #isDone = false

  /** @param onDone called once */
  constructor(bytesMax: number, onDone: (pieces: readonly Buffer[] | Loss, bytes: number) => void) {
    this.#bytesMax = bytesMax
    this.#onDone = onDone
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#isDone) return
    this.#bytes += end - start
    if (this.#bytes > this.#bytesMax) return this.#done('too large')
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
    this.#onDone(outcome, this.#bytes)
    this.#pieces = []
  }
}
