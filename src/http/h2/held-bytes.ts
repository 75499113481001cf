/** Smaller pieces share buffers of this size: a peer that sends byte by byte must not make us hold a hundred times as much. */
const SHARED_BYTES = 4096

/** Bytes that wait, in pieces. */
export class HeldBytes {
  #pieces: Buffer[] = []
  /** What is used of the last piece, where it is a shared one; else all of it. */
  #used = 0

  get isEmpty(): boolean {
    return this.#pieces.length === 0
  }

  /** Keeps a copy of `bytes[start..end)`. */
  push(bytes: Buffer, start: number, end: number): void {
    const size = end - start
    const last = this.#pieces.at(-1)
    if (last !== undefined && last.length - this.#used >= size) {
      this.#used += bytes.copy(last, this.#used, start, end)
      return
    }
    this.#seal()
    const piece = Buffer.allocUnsafeSlow(Math.max(size, SHARED_BYTES))
    bytes.copy(piece, 0, start, end)
    this.#pieces.push(piece)
    this.#used = size
  }

  #seal(): void {
    const index = this.#pieces.length - 1
    const last = this.#pieces[index]
    if (last !== undefined) this.#pieces[index] = last.subarray(0, this.#used)
  }

  /** The first piece, which is held no more; undefined when there is none. */
  shift(): Buffer | undefined {
    if (this.#pieces.length === 1) this.#seal()
    return this.#pieces.shift()
  }

  /** Puts back what of a piece is still to wait. */
  unshift(piece: Buffer): void {
    if (this.#pieces.length === 0) this.#used = piece.length
    this.#pieces.unshift(piece)
  }

  clear(): void {
    if (this.#pieces.length > 0) this.#pieces = []
  }
}
