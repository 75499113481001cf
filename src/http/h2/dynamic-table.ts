/** RFC 7541, 4.1: what an entry counts beyond its name and value. */
const OVERHEAD = 32
/** Bytes of a field line beyond its name and value: `: ` and CRLF. */
export const LINE_OVERHEAD = 4
const ENTRIES_FIRST = 16

/** The size of an entry as RFC 7541, 4.1 counts it. */
export function entrySize(nameLength: number, valueLength: number): number {
  return nameLength + valueLength + OVERHEAD
}

/**
 * A dynamic table (RFC 7541, 2.3.2): the fields that were added last, as far as the size allows. Entries are whole field lines,
 * `name: value CRLF`, so that a decoded one is copied in one piece; they lie one behind the other in one buffer, which grows with what is in it.
 *
 * Entries are named by a number that counts all that were ever added, so that it stays the same while an entry is there.
 */
export class DynamicTable {
  bytes: Buffer = Buffer.alloc(0)
  /** Entries ever added; the newest is `added - 1`. */
  added = 0
  /** Entries that are there. */
  count = 0
  /** Counts the changes: while it stays the same, every index means the same. */
  changes = 0
  #size = 0
  #sizeMax: number
  /** Where the next line begins. */
  #end = 0
  #mask = ENTRIES_FIRST - 1
  #starts = new Int32Array(ENTRIES_FIRST)
  #nameLengths = new Int32Array(ENTRIES_FIRST)
  #valueLengths = new Int32Array(ENTRIES_FIRST)
  #tags = new Int32Array(ENTRIES_FIRST)

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  get sizeMax(): number {
    return this.#sizeMax
  }

  get size(): number {
    return this.#size
  }

  /** RFC 7541, 4.3. */
  resize(sizeMax: number): void {
    this.#sizeMax = sizeMax
    this.changes++
    this.#evict(sizeMax)
  }

  /** Whether `number` is that of an entry that is there. */
  has(number: number): boolean {
    return number < this.added && number >= this.added - this.count
  }

  startOf(number: number): number {
    return this.#starts[number & this.#mask] as number
  }

  nameLengthOf(number: number): number {
    return this.#nameLengths[number & this.#mask] as number
  }

  valueLengthOf(number: number): number {
    return this.#valueLengths[number & this.#mask] as number
  }

  /** What was given with the entry. */
  tagOf(number: number): number {
    return this.#tags[number & this.#mask] as number
  }

  /**
   * Adds a copy of the line at `bytes[start]`. One that is larger than the table empties it (RFC 7541, 4.4).
   * @param bytes not those of this table: the entry they lie in may have to go
   * @returns whether it is there now
   */
  add(bytes: Buffer, start: number, nameLength: number, valueLength: number, tag: number): boolean {
    const size = entrySize(nameLength, valueLength)
    this.changes++
    this.#evict(this.#sizeMax - size)
    if (size > this.#sizeMax) return false
    const length = nameLength + valueLength + LINE_OVERHEAD
    this.#makeRoom(length)
    if (this.count > this.#mask) this.#growRing()
    const slot = this.added & this.#mask
    this.#starts[slot] = this.#end
    this.#nameLengths[slot] = nameLength
    this.#valueLengths[slot] = valueLength
    this.#tags[slot] = tag
    bytes.copy(this.bytes, this.#end, start, start + length)
    this.#end += length
    this.#size += size
    this.added++
    this.count++
    return true
  }

  #evict(sizeMax: number): void {
    while (this.count > 0 && this.#size > sizeMax) {
      const oldest = (this.added - this.count) & this.#mask
      this.#size -= entrySize(this.#nameLengths[oldest] as number, this.#valueLengths[oldest] as number)
      this.count--
    }
    if (this.count === 0) this.#end = 0
  }

  /** The lines that are there are moved to the beginning when the end is reached, into twice the room they need, so that this stays rare. */
  #makeRoom(length: number): void {
    if (this.#end + length <= this.bytes.length) return
    const first = this.added - this.count
    const begin = this.count === 0 ? 0 : this.startOf(first)
    const live = this.#end - begin
    if ((live + length) * 2 > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, (live + length) * 2))
      this.bytes.copy(larger, 0, begin, this.#end)
      this.bytes = larger
    } else {
      this.bytes.copyWithin(0, begin, this.#end)
    }
    for (let number = first; number < this.added; number++) this.#starts[number & this.#mask] = this.startOf(number) - begin
    this.#end = live
  }

  #growRing(): void {
    const mask = this.#mask * 2 + 1
    this.#starts = this.#regrown(this.#starts, mask)
    this.#nameLengths = this.#regrown(this.#nameLengths, mask)
    this.#valueLengths = this.#regrown(this.#valueLengths, mask)
    this.#tags = this.#regrown(this.#tags, mask)
    this.#mask = mask
  }

  #regrown(from: Int32Array, mask: number): Int32Array<ArrayBuffer> {
    const to = new Int32Array(mask + 1)
    for (let number = this.added - this.count; number < this.added; number++) to[number & mask] = from[number & this.#mask] as number
    return to
  }
}
