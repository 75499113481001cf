/** Frames that one block may be cut into: more is a flood of small pieces (CVE-2024-27316 and its kin). */
const CONTINUATIONS_MAX = 64

/** Puts a field block together that comes in more than one frame: HEADERS and the CONTINUATION frames behind it (RFC 9113, 4.3). */
export class FieldBlock {
  /** What has come so far is `bytes[0..length)`. */
  bytes: Buffer = Buffer.alloc(0)
  length = 0
  #bytesMax = 0
  #frames = 0

  /** @param bytesMax largest block that is taken; one has to be decoded whole or not at all. */
  begin(bytesMax: number): void {
    this.length = 0
    this.#bytesMax = bytesMax
    this.#frames = 0
  }

  /** Adds a fragment. Returns false when the block is too large, or comes in too many pieces: ENHANCE_YOUR_CALM. */
  add(bytes: Buffer, start: number, end: number): boolean {
    const length = this.length + end - start
    if (length > this.#bytesMax || ++this.#frames > CONTINUATIONS_MAX) return false
    if (this.bytes.length < length) {
      const larger = Buffer.allocUnsafeSlow(length * 2)
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    bytes.copy(this.bytes, this.length, start, end)
    this.length = length
    return true
  }

  /** Forgets the block: it is decoded, and an idle connection holds none. */
  clear(): void {
    this.bytes = EMPTY
    this.length = 0
  }
}

const EMPTY = Buffer.alloc(0)
