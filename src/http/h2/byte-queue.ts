/** What small pieces are gathered in. */
const BLOCK_BYTES = 4096

/**
 * Bytes that wait, first in, first out. Small pieces are put together: a peer that sends a byte at a time makes us hold little more than
 * its bytes.
 */
export class ByteQueue {
  /** Bytes that wait. */
  length = 0
  #blocks: Buffer[] = []
  /** Where the first block's bytes begin, and where the last one's end. */
  #begin = 0
  #end = 0

  /** Adds a copy of `bytes[start..end)`. */
  push(bytes: Buffer, start: number, end: number): void {
    const size = end - start
    if (size === 0) return
    this.length += size
    const last = this.#blocks.at(-1)
    if (last !== undefined && last.length - this.#end >= size) {
      this.#end += bytes.copy(last, this.#end, start, end)
      return
    }
    // Full blocks end where their bytes do.
    if (last !== undefined) this.#blocks[this.#blocks.length - 1] = last.subarray(0, this.#end)
    // The first piece is often the only one.
    const block = Buffer.allocUnsafeSlow(last === undefined ? size : Math.max(size, BLOCK_BYTES))
    this.#end = bytes.copy(block, 0, start, end)
    this.#blocks.push(block)
  }

  /** Adds bytes that nobody changes, without copying them. */
  keep(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.length += bytes.length
    const last = this.#blocks.at(-1)
    if (last !== undefined) this.#blocks[this.#blocks.length - 1] = last.subarray(0, this.#end)
    this.#blocks.push(bytes)
    this.#end = bytes.length
  }

  /** The first bytes that wait, in one piece; they stay until they are dropped. Null for none. */
  first(): Buffer | null {
    const block = this.#blocks[0]
    if (block === undefined) return null
    return block.subarray(this.#begin, this.#blocks.length === 1 ? this.#end : block.length)
  }

  /** Drops so many of the first bytes, at most what {@link first} has given. */
  drop(bytes: number): void {
    this.length -= bytes
    this.#begin += bytes
    const block = this.#blocks[0]
    const end = this.#blocks.length === 1 ? this.#end : (block?.length ?? 0)
    if (this.#begin < end) return
    this.#blocks.shift()
    this.#begin = 0
  }

  clear(): void {
    this.length = 0
    this.#begin = 0
    this.#end = 0
    if (this.#blocks.length > 0) this.#blocks = []
  }
}
