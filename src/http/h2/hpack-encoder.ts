import { writeAscii } from '../../core/field-text.ts'
import {
  ID_CONNECTION,
  ID_HOST,
  ID_KEEP_ALIVE,
  ID_PROXY_CONNECTION,
  ID_TE,
  ID_TRANSFER_ENCODING,
  ID_UPGRADE,
} from '../../core/header-names.ts'
import type { Headers } from '../../core/headers.ts'
import { DynamicTable, entrySize, LINE_OVERHEAD } from './dynamic-table.ts'
import { TABLE_SIZE } from './hpack-decoder.ts'
import { huffmanEncode, huffmanLength } from './huffman.ts'
import { isSensitive, nameHash, staticFieldIndex, staticNameIndex } from './name-index.ts'
import { STATIC_COUNT, STATUS_INDEX } from './static-table.ts'

/** Bytes of a block beyond names and values: for each field a prefix, two lengths of up to five bytes each, and as much at its beginning. */
const FIELD_OVERHEAD = 12
/** Longer strings are written as they are: coding them costs more than the fifth that it saves is worth. */
const HUFFMAN_BYTES_MAX = 128
/** Longer fields never enter the table: each would drive a large part of the others out. */
const INDEXED_SIZE_MAX = TABLE_SIZE / 4
const BUCKETS = 256
const RECENT = 64

const NEVER_INDEXED = 0x10
const NOT_INDEXED = 0x00

/** Fields of HTTP/1.1's own that no message of HTTP/2 may have (RFC 9113, 8.2.2); Host is sent as `:authority`, TE by who can tell what it says. */
const LEFT_OUT = new Uint8Array(64)
for (const id of [ID_CONNECTION, ID_HOST, ID_KEEP_ALIVE, ID_PROXY_CONNECTION, ID_TE, ID_TRANSFER_ENCODING, ID_UPGRADE]) LEFT_OUT[id] = 1

/** The field that is being written, as a line; shared, because writing one never waits. */
let line = Buffer.allocUnsafeSlow(4096)

/**
 * Encodes the field blocks of one connection (RFC 7541). Use: {@link begin}, then any of the `write…`, then {@link end}; nothing may come
 * between, and the blocks have to be sent in that order.
 *
 * A field enters the table when it comes a second time, so that what differs each time (a date, a request id) drives nothing out. Fields
 * that hold secrets are never indexed, here or by whoever passes them on (7.1.3).
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(TABLE_SIZE)
  /** Numbers of entries, plus one, by the hash of field and of name; 0 for none. What is gone from the table is found out when it is looked at. */
  #byField: Int32Array | null = null
  #byName: Int32Array | null = null
  /** Hashes of fields that were written and are not in the table. */
  readonly #recent = new Int32Array(RECENT)
  /** The smallest size since the last block that the peer has to be told of; -1 for none (RFC 7541, 4.2). */
  #smallest = -1
  #target: Buffer = line
  #at = 0

  /** Takes over the peer's SETTINGS_HEADER_TABLE_SIZE. We use no more than {@link TABLE_SIZE} of it. */
  setTableSizeMax(peerSizeMax: number): void {
    const size = Math.min(peerSizeMax, TABLE_SIZE)
    if (size === this.#table.sizeMax && this.#smallest === -1) return
    this.#smallest = this.#smallest === -1 ? size : Math.min(this.#smallest, size)
    this.#table.resize(size)
  }

  /** Upper bound of the bytes that these headers take. With {@link FIELD_OVERHEAD} and its length for each field written besides. */
  static sizeMax(headers: Headers): number {
    return headers.sizeMax() + (headers.count + headers.editCount) * FIELD_OVERHEAD
  }

  /** Upper bound for one field besides, and for what stands at the beginning of a block. */
  static fieldSizeMax(name: string, value: string): number {
    return name.length + value.length + FIELD_OVERHEAD
  }

  /** Begins a block at `target[at]`, where there must be room for all of it. */
  begin(target: Buffer, at: number): void {
    this.#target = target
    this.#at = at
    if (this.#smallest === -1) return
    const size = this.#table.sizeMax
    if (this.#smallest < size) this.#writeInteger(this.#smallest, 0x1f, 0x20)
    this.#writeInteger(size, 0x1f, 0x20)
    this.#smallest = -1
  }

  /** Ends the block; returns where. */
  end(): number {
    this.#target = line
    return this.#at
  }

  writeStatus(status: number): void {
    const index = STATUS_INDEX[status]
    if (index === undefined) this.writeField(':status', String(status))
    else this.writeIndexed(index)
  }

  /** A field of the static table as it stands there. */
  writeIndexed(index: number): void {
    this.#target[this.#at++] = 0x80 | index
  }

  /** Any one field. @param name in lower case */
  writeField(name: string, value: string): void {
    this.#reserve(name.length + value.length + LINE_OVERHEAD)
    const nameEnd = writeAscii(line, 0, name)
    const valueEnd = writeAscii(line, nameEnd + 2, value)
    this.#write(nameEnd, valueEnd)
  }

  /** All fields that are there, but for those that HTTP/2 has no place for. */
  writeHeaders(headers: Headers): void {
    const { bytes, count, editCount } = headers
    for (let i = 0; i < count; i++) {
      const id = headers.idAt(i)
      if (id === -1 || LEFT_OUT[id] === 1) continue
      const nameStart = headers.nameStartAt(i)
      const nameLength = headers.nameEndAt(i) - nameStart
      const valueStart = headers.valueStartAt(i)
      const valueLength = headers.valueEndAt(i) - valueStart
      this.#reserve(nameLength + valueLength + LINE_OVERHEAD)
      for (let at = 0; at < nameLength; at++) line[at] = lowerCase(bytes[nameStart + at] as number)
      if (valueLength > 40) bytes.copy(line, nameLength + 2, valueStart, valueStart + valueLength)
      else for (let at = 0; at < valueLength; at++) line[nameLength + 2 + at] = bytes[valueStart + at] as number
      this.#write(nameLength, nameLength + 2 + valueLength)
    }
    for (let i = 0; i < editCount; i++) {
      const name = headers.editNameAt(i)
      if (LEFT_OUT[name.id] !== 1) this.writeField(name.lower, headers.editValueAt(i))
    }
  }

  #reserve(length: number): void {
    if (line.length < length) line = Buffer.allocUnsafeSlow(length * 2)
  }

  /** Writes the field in {@link line}: its name is in front of `nameEnd`, its value between two bytes behind that and `valueEnd`. */
  #write(nameEnd: number, valueEnd: number): void {
    const valueStart = nameEnd + 2
    const byName = nameHash(line, 0, nameEnd)
    if (isSensitive(byName, line, nameEnd)) return this.#writeLiteral(NEVER_INDEXED, 0x0f, byName, nameEnd, valueEnd)
    const size = entrySize(nameEnd, valueEnd - valueStart)
    if (size > INDEXED_SIZE_MAX || size > this.#table.sizeMax) return this.#writeLiteral(NOT_INDEXED, 0x0f, byName, nameEnd, valueEnd)
    const byField = nameHash(line, valueStart, valueEnd, byName)
    const index = staticFieldIndex(byField, line, nameEnd, valueEnd)
    if (index !== 0) return this.writeIndexed(index)
    const number = this.#find(this.#byField, byField)
    if (number !== -1 && this.#equals(number, nameEnd, valueEnd)) {
      return this.#writeInteger(STATIC_COUNT + this.#table.added - number, 0x7f, 0x80)
    }
    const slot = byField & (RECENT - 1)
    if (this.#recent[slot] !== byField) {
      this.#recent[slot] = byField
      return this.#writeLiteral(NOT_INDEXED, 0x0f, byName, nameEnd, valueEnd)
    }
    this.#writeLiteral(0x40, 0x3f, byName, nameEnd, valueEnd)
    this.#keep(byField, byName, nameEnd, valueEnd)
  }

  #keep(byField: number, byName: number, nameEnd: number, valueEnd: number): void {
    line[nameEnd] = 0x3a
    line[nameEnd + 1] = 0x20
    line[valueEnd] = 0x0d
    line[valueEnd + 1] = 0x0a
    if (!this.#table.add(line, 0, nameEnd, valueEnd - nameEnd - 2, 0)) return
    this.#byField ??= new Int32Array(BUCKETS)
    this.#byName ??= new Int32Array(BUCKETS)
    this.#byField[byField & (BUCKETS - 1)] = this.#table.added
    this.#byName[byName & (BUCKETS - 1)] = this.#table.added
  }

  #find(numbers: Int32Array | null, hash: number): number {
    if (numbers === null) return -1
    const number = (numbers[hash & (BUCKETS - 1)] as number) - 1
    return number >= 0 && this.#table.has(number) ? number : -1
  }

  #equals(number: number, nameEnd: number, valueEnd: number): boolean {
    const table = this.#table
    if (table.nameLengthOf(number) !== nameEnd || table.valueLengthOf(number) !== valueEnd - nameEnd - 2) return false
    const start = table.startOf(number)
    const { bytes } = table
    for (let at = 0; at < nameEnd; at++) if (bytes[start + at] !== line[at]) return false
    for (let at = nameEnd + 2; at < valueEnd; at++) if (bytes[start + at] !== line[at]) return false
    return true
  }

  /** The index of an entry with this name, 0 for none. */
  #nameIndex(hash: number, nameEnd: number): number {
    const index = staticNameIndex(hash, line, nameEnd)
    if (index !== 0) return index
    const number = this.#find(this.#byName, hash)
    if (number === -1 || this.#table.nameLengthOf(number) !== nameEnd) return 0
    const start = this.#table.startOf(number)
    for (let at = 0; at < nameEnd; at++) if (this.#table.bytes[start + at] !== line[at]) return 0
    return STATIC_COUNT + this.#table.added - number
  }

  /** RFC 7541, 6.2. @param pattern of the representation. @param prefix the bits beside it */
  #writeLiteral(pattern: number, prefix: number, byName: number, nameEnd: number, valueEnd: number): void {
    const index = this.#nameIndex(byName, nameEnd)
    this.#writeInteger(index, prefix, pattern)
    if (index === 0) this.#writeString(0, nameEnd)
    this.#writeString(nameEnd + 2, valueEnd)
  }

  /** RFC 7541, 5.2. */
  #writeString(start: number, end: number): void {
    const length = end - start
    if (length <= HUFFMAN_BYTES_MAX) {
      const coded = huffmanLength(line, start, end)
      if (coded < length) {
        this.#writeInteger(coded, 0x7f, 0x80)
        this.#at = huffmanEncode(line, start, end, this.#target, this.#at)
        return
      }
    }
    this.#writeInteger(length, 0x7f, 0)
    this.#at += line.copy(this.#target, this.#at, start, end)
  }

  /** RFC 7541, 5.1. */
  #writeInteger(value: number, prefix: number, pattern: number): void {
    const target = this.#target
    if (value < prefix) {
      target[this.#at++] = pattern | value
      return
    }
    target[this.#at++] = pattern | prefix
    let rest = value - prefix
    for (; rest >= 0x80; rest >>>= 7) target[this.#at++] = 0x80 | (rest & 0x7f)
    target[this.#at++] = rest
  }
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
}
