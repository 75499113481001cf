import { DynamicTable, LINE_OVERHEAD } from './dynamic-table.ts'
import { kindOfName, kindOfValue } from './field-kind.ts'
import { decodedLengthMax, huffmanDecode } from './huffman.ts'
import { STATIC_BYTES, STATIC_COUNT, STATIC_NAME_LENGTHS, STATIC_STARTS, STATIC_VALUE_LENGTHS } from './static-table.ts'

/** The size of a decoder's table (SETTINGS_HEADER_TABLE_SIZE), of which we say nothing, so that it is the one everybody begins with. */
export const TABLE_SIZE = 4096

const STATIC_KINDS = Uint8Array.from(STATIC_STARTS, (start, i) =>
  kindOfName(STATIC_BYTES, start, start + (STATIC_NAME_LENGTHS[i] as number)),
)

/** Takes the fields of a block as they are decoded. */
export interface FieldSink {
  /**
   * Takes the field whose line `name: value CRLF` begins at `bytes[start]`; valid during the call only.
   * @param kind what its name means, plus {@link ILLEGAL_VALUE}; see `field-kind.ts`
   * @returns false to decode no more of the block; the connection cannot go on then
   */
  onField(bytes: Buffer, start: number, nameLength: number, valueLength: number, kind: number): boolean
}

/** Where a literal field is put together; larger when a block asks for it. */
let scratch = Buffer.allocUnsafeSlow(4096)

/** Decodes the field blocks of one connection (RFC 7541). Each has to be decoded whole, in the order in which they came. */
export class HpackDecoder {
  readonly table: DynamicTable = new DynamicTable(TABLE_SIZE)
  /** Where the last {@link #integer} or {@link #string} ended. */
  #at = 0

  /**
   * @returns false when the coding is broken, or the sink has had enough; the connection's state is lost then (RFC 9113, 4.3:
   * COMPRESSION_ERROR).
   */
  decode(block: Buffer, start: number, end: number, sink: FieldSink): boolean {
    this.#at = start
    const roomMax = decodedLengthMax(end - start) + LINE_OVERHEAD + this.table.sizeMax
    if (scratch.length < roomMax) scratch = Buffer.allocUnsafeSlow(roomMax)
    let mayResize = true
    while (this.#at < end) {
      const first = block[this.#at] as number
      if (first >= 0x80) {
        const index = this.#integer(block, end, 0x7f)
        if (!this.#give(index, sink)) return false
      } else if (first >= 0x40) {
        if (!this.#literal(block, end, 0x3f, true, sink)) return false
      } else if (first >= 0x20) {
        // RFC 7541, 4.2: a change of the size comes before all fields of a block, and is never more than we said.
        const size = this.#integer(block, end, 0x1f)
        if (!mayResize || size < 0 || size > TABLE_SIZE) return false
        this.table.resize(size)
        continue
      } else if (!this.#literal(block, end, 0x0f, false, sink)) {
        return false
      }
      mayResize = false
    }
    return true
  }

  /** An indexed field (RFC 7541, 6.1). */
  #give(index: number, sink: FieldSink): boolean {
    if (index <= 0) return false
    if (index <= STATIC_COUNT) {
      const i = index - 1
      const kind = STATIC_KINDS[i] as number
      return sink.onField(
        STATIC_BYTES,
        STATIC_STARTS[i] as number,
        STATIC_NAME_LENGTHS[i] as number,
        STATIC_VALUE_LENGTHS[i] as number,
        kind,
      )
    }
    const { table } = this
    const number = table.added - (index - STATIC_COUNT)
    if (!table.has(number)) return false
    return sink.onField(table.bytes, table.startOf(number), table.nameLengthOf(number), table.valueLengthOf(number), table.tagOf(number))
  }

  /** A literal field (RFC 7541, 6.2), whose name may be that of an entry. */
  #literal(block: Buffer, end: number, prefix: number, isKept: boolean, sink: FieldSink): boolean {
    const index = this.#integer(block, end, prefix)
    let nameLength: number
    let kind: number
    if (index === 0) {
      nameLength = this.#string(block, end, 0)
      if (nameLength < 0) return false
      kind = kindOfName(scratch, 0, nameLength)
    } else if (index > 0 && index <= STATIC_COUNT) {
      const i = index - 1
      const from = STATIC_STARTS[i] as number
      nameLength = STATIC_NAME_LENGTHS[i] as number
      kind = STATIC_KINDS[i] as number
      copyShort(STATIC_BYTES, from, nameLength)
    } else {
      const number = this.table.added - (index - STATIC_COUNT)
      if (index < 0 || !this.table.has(number)) return false
      const from = this.table.startOf(number)
      nameLength = this.table.nameLengthOf(number)
      kind = this.table.tagOf(number) & 0x1f
      copyShort(this.table.bytes, from, nameLength)
    }
    scratch[nameLength] = 0x3a
    scratch[nameLength + 1] = 0x20
    const valueStart = nameLength + 2
    const valueLength = this.#string(block, end, valueStart)
    if (valueLength < 0) return false
    const valueEnd = valueStart + valueLength
    scratch[valueEnd] = 0x0d
    scratch[valueEnd + 1] = 0x0a
    kind |= kindOfValue(scratch, valueStart, valueEnd)
    if (isKept) this.table.add(scratch, 0, nameLength, valueLength, kind)
    return sink.onField(scratch, 0, nameLength, valueLength, kind)
  }

  /** Reads a string (RFC 7541, 5.2) into the scratch at `offset`. Returns its length, or -1. */
  #string(block: Buffer, end: number, offset: number): number {
    if (this.#at >= end) return -1
    const isCoded = (block[this.#at] as number) >= 0x80
    const length = this.#integer(block, end, 0x7f)
    const start = this.#at
    if (length < 0 || start + length > end) return -1
    this.#at = start + length
    if (isCoded) {
      const written = huffmanDecode(block, start, start + length, scratch, offset)
      return written < 0 ? -1 : written - offset
    }
    block.copy(scratch, offset, start, start + length)
    return length
  }

  /** Reads an integer (RFC 7541, 5.1) whose first byte holds the bits of `prefix`. Returns -1 when it is cut off, or beyond 2^28. */
  #integer(block: Buffer, end: number, prefix: number): number {
    let value = (block[this.#at++] as number) & prefix
    if (value < prefix) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= end) return -1
      const byte = block[this.#at++] as number
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return -1
  }
}

/** Copies a name to the beginning of the scratch. Most are so short that a loop is faster than a call. */
function copyShort(from: Buffer, start: number, length: number): void {
  if (length > 40) from.copy(scratch, 0, start, start + length)
  else for (let i = 0; i < length; i++) scratch[i] = from[start + i] as number
}
