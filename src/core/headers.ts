import { checkField, checkName, writeField } from './field-text.ts'
import { foldsTo, type HeaderName, headerName, knownNameId } from './header-names.ts'

/** Numbers per field in the table: where name and value start and end in the bytes, and the name's id. */
const STRIDE = 5
const NAME_START = 0
const NAME_END = 1
const VALUE_START = 2
const VALUE_END = 3
const NAME_ID = 4

/** A state of a header block to come back to; see {@link Headers.mark}. */
export interface HeadersMark {
  readonly removed: Uint8Array
  readonly names: readonly HeaderName[]
  readonly values: readonly string[]
}

/**
 * The fields of one message: offsets into the bytes as they were received, with an overlay of edits.
 *
 * Nothing is decoded until it is asked for, and fields that no rule names are written on as the very bytes that came.
 * The bytes hold whole lines `name: value CRLF`, one after the other, from `begin` to `end`.
 */
export class Headers {
  bytes: Buffer = EMPTY
  /** Where the first field line begins, and where the last one ends (its CRLF included). */
  begin = 0
  end = 0
  /** Fields as received, removed ones too. */
  count = 0
  #table = new Int32Array(24 * STRIDE)
  #removed = new Uint8Array(24)
  #removedCount = 0
  /** What {@link freeze} found removed: the state that {@link clearEdits} goes back to. */
  #frozen = new Uint8Array(24)
  #frozenCount = 0
  /** Edits are the first {@link #editCount} of these. They are never shortened: an array that is emptied has to be allocated anew. */
  #names: HeaderName[] = []
  #values: string[] = []
  #editCount = 0
  /** Which ids, and of other names which lengths (modulo 32), were received: most fields that are asked for are not there. */
  #idsLow = 0
  #idsHigh = 0
  #lengths = 0

  /** Empties the block, so that it can take the next message's bytes. */
  reset(bytes: Buffer, begin: number): void {
    this.bytes = bytes
    this.begin = begin
    this.end = begin
    this.count = 0
    this.#removedCount = 0
    this.#frozenCount = 0
    this.#editCount = 0
    this.#idsLow = 0
    this.#idsHigh = 0
    this.#lengths = 0
  }

  /** Becomes what another block holds, edits included. The bytes are shared, so that the other must stay as it is for as long. */
  adopt(other: Headers): void {
    this.bytes = other.bytes
    this.begin = other.begin
    this.end = other.end
    this.count = other.count
    while (this.#removed.length < other.count) this.#grow()
    this.#table.set(other.#table.length === this.#table.length ? other.#table : other.#table.subarray(0, other.count * STRIDE))
    for (let i = 0; i < other.count; i++) this.#removed[i] = other.#removed[i] as number
    this.#removedCount = other.#removedCount
    this.#frozen.set(this.#removed)
    this.#frozenCount = other.#removedCount
    this.#editCount = other.#editCount
    for (let i = 0; i < other.#editCount; i++) {
      this.#names[i] = other.#names[i] as HeaderName
      this.#values[i] = other.#values[i] as string
    }
    this.#idsLow = other.#idsLow
    this.#idsHigh = other.#idsHigh
    this.#lengths = other.#lengths
  }

  /** Makes what is removed so far (the connection's own fields) part of what was received. */
  freeze(): void {
    this.#frozenCount = this.#removedCount
    if (this.#frozenCount > 0) this.#frozen.set(this.#removed)
  }

  /** Takes every edit back, so that the block is again what was received. */
  clearEdits(): void {
    if (this.#removedCount !== this.#frozenCount) {
      // A loop: a call into the runtime costs more than the few turns of it.
      if (this.#frozenCount === 0) for (let i = 0; i < this.count; i++) this.#removed[i] = 0
      else this.#removed.set(this.#frozen)
      this.#removedCount = this.#frozenCount
    }
    this.#editCount = 0
  }

  /** Adds a parsed field; for the parser. Returns the name's id. */
  addParsed(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): number {
    const at = this.count * STRIDE
    if (at === this.#table.length) this.#grow()
    const table = this.#table
    table[at] = nameStart
    table[at + NAME_END] = nameEnd
    table[at + VALUE_START] = valueStart
    table[at + VALUE_END] = valueEnd
    const id = knownNameId(this.bytes, nameStart, nameEnd)
    table[at + NAME_ID] = id
    if (id === 0) this.#lengths |= 1 << (nameEnd - nameStart)
    else if (id < 32) this.#idsLow |= 1 << id
    else this.#idsHigh |= 1 << id
    this.#removed[this.count] = 0
    this.count++
    return id
  }

  /** Moves a parsed block onto a copy of its bytes that lies `shift` bytes further on (negative: back). */
  rebase(bytes: Buffer, shift: number): void {
    this.bytes = bytes
    if (shift === 0) return
    this.begin += shift
    this.end += shift
    const table = this.#table
    for (let i = 0, at = 0; i < this.count; i++, at += STRIDE) {
      table[at] = (table[at] as number) + shift
      table[at + NAME_END] = (table[at + NAME_END] as number) + shift
      table[at + VALUE_START] = (table[at + VALUE_START] as number) + shift
      table[at + VALUE_END] = (table[at + VALUE_END] as number) + shift
    }
  }

  /** The first value of a field, or undefined. Names are compared without regard to case, here and below. */
  get(name: string): string | undefined {
    const wanted = headerName(name)
    const index = this.#find(wanted, 0)
    if (index !== -1) return this.#valueAt(index)
    const edit = this.#findEdit(wanted, 0)
    return edit === -1 ? undefined : this.#values[edit]
  }

  /** All values of a field, in order. */
  getAll(name: string): string[] {
    const wanted = headerName(name)
    const values: string[] = []
    for (let index = this.#find(wanted, 0); index !== -1; index = this.#find(wanted, index + 1)) values.push(this.#valueAt(index))
    for (let edit = this.#findEdit(wanted, 0); edit !== -1; edit = this.#findEdit(wanted, edit + 1))
      values.push(this.#values[edit] as string)
    return values
  }

  /** All values joined with a comma, as RFC 9110, 5.3 allows for list fields; undefined when there is none. */
  getJoined(name: string): string | undefined {
    const values = this.getAll(name)
    return values.length === 0 ? undefined : values.join(', ')
  }

  has(name: string): boolean {
    const wanted = headerName(name)
    return this.#find(wanted, 0) !== -1 || this.#findEdit(wanted, 0) !== -1
  }

  /** Replaces all values of a field by one. Throws as {@link append} does. */
  set(name: string, value: string): void {
    const wanted = headerName(name)
    this.#delete(wanted)
    this.#append(wanted, value)
  }

  /** As {@link set}, for a value that differs each time and is known to be one that a field may have: it is not looked at. */
  setKnown(name: string, value: string): void {
    const wanted = headerName(name)
    checkName(wanted)
    this.#delete(wanted)
    this.#names[this.#editCount] = wanted
    this.#values[this.#editCount] = value
    this.#editCount++
  }

  /** Adds a value behind those that are there. Throws a GatewayError for a name or a value that no field may have. */
  append(name: string, value: string): void {
    this.#append(headerName(name), value)
  }

  /** Removes all values of a field; tells whether there were any. */
  delete(name: string): boolean {
    return this.#delete(headerName(name))
  }

  /** Moves all values of a field to another name, in place of those that one had; tells whether there were any. One look for each value. */
  rename(from: string, to: string): boolean {
    const source = headerName(from)
    const target = headerName(to)
    if (source.lower === target.lower) return this.has(from)
    let index = this.#find(source, 0)
    const hasEdits = this.#findEdit(source, 0) !== -1
    if (index === -1 && !hasEdits) return false
    this.#delete(target)
    for (; index !== -1; index = this.#find(source, index + 1)) {
      this.#append(target, this.#valueAt(index))
      this.deleteAt(index)
    }
    // What was edited stays where it is, under its new name, which is behind what was received.
    if (hasEdits)
      for (let edit = 0; edit < this.#editCount; edit++) if (this.#names[edit]?.lower === source.lower) this.#names[edit] = target
    return true
  }

  #append(name: HeaderName, value: string): void {
    this.#names[this.#editCount] = name
    this.#values[this.#editCount] = checkField(name, value)
    this.#editCount++
  }

  #delete(wanted: HeaderName): boolean {
    let found = false
    for (let index = this.#find(wanted, 0); index !== -1; index = this.#find(wanted, index + 1)) {
      this.#removed[index] = 1
      this.#removedCount++
      found = true
    }
    for (let edit = this.#findEdit(wanted, 0); edit !== -1; edit = this.#findEdit(wanted, edit)) {
      this.#names.copyWithin(edit, edit + 1, this.#editCount)
      this.#values.copyWithin(edit, edit + 1, this.#editCount)
      this.#editCount--
      found = true
    }
    return found
  }

  /** Removes the field as received at `index` (0 and up, as {@link addParsed} counted them); for the framing code. */
  deleteAt(index: number): void {
    if (this.#removed[index] === 1) return
    this.#removed[index] = 1
    this.#removedCount++
  }

  /** Removes what was received under a name that a peer chose. {@link delete} would keep the name for ever, as it may one from configuration. */
  deleteReceived(lowerName: string): void {
    for (let i = 0; i < this.count; i++) if (this.#nameEquals(i * STRIDE, lowerName)) this.deleteAt(i)
  }

  /** Removes what was received under any spelling of a name that servers take for the same; see `foldName`. For names without an id. */
  deleteForged(folded: string): void {
    if (((this.#lengths >>> folded.length) & 1) === 0) return
    const table = this.#table
    for (let i = 0, at = 0; i < this.count; i++, at += STRIDE) {
      const start = table[at] as number
      const end = table[at + NAME_END] as number
      // Most fields have a name with an id, or one of another length: a call for each of them would cost more than the look.
      if (table[at + NAME_ID] === 0 && end - start === folded.length && foldsTo(this.bytes, start, end, folded)) this.deleteAt(i)
    }
  }

  /** The id of the received field at `index`, for loops that look at each field once; -1 when it has been removed. */
  idAt(index: number): number {
    return this.#removed[index] === 1 ? -1 : (this.#table[index * STRIDE + NAME_ID] as number)
  }

  /** Where the received name at `index` begins and ends in {@link bytes}. */
  nameStartAt(index: number): number {
    return this.#table[index * STRIDE] as number
  }

  nameEndAt(index: number): number {
    return this.#table[index * STRIDE + NAME_END] as number
  }

  /** Where the received value at `index` begins and ends in {@link bytes}. */
  valueStartAt(index: number): number {
    return this.#table[index * STRIDE + VALUE_START] as number
  }

  valueEndAt(index: number): number {
    return this.#table[index * STRIDE + VALUE_END] as number
  }

  /** Fields that were added by edits; see {@link editNameAt}. */
  get editCount(): number {
    return this.#editCount
  }

  /** Name and value of the edit at `index`, which is below {@link editCount}. */
  editNameAt(index: number): HeaderName {
    return this.#names[index] as HeaderName
  }

  editValueAt(index: number): string {
    return this.#values[index] as string
  }

  /** Calls back for each field that is there, received ones first. Names come in lower case. */
  forEach(visit: (lowerName: string, value: string) => void): void {
    for (let i = 0; i < this.count; i++) {
      if (this.#removed[i] === 1) continue
      const at = i * STRIDE
      visit(this.bytes.latin1Slice(this.#table[at + NAME_START], this.#table[at + NAME_END]).toLowerCase(), this.#valueAt(i))
    }
    for (let i = 0; i < this.#editCount; i++) visit((this.#names[i] as HeaderName).lower, this.#values[i] as string)
  }

  /** All fields as pairs of lower-case name and value. */
  toPairs(): [string, string][] {
    const pairs: [string, string][] = []
    this.forEach((name, value) => {
      pairs.push([name, value])
    })
    return pairs
  }

  /** Remembers the edits so far. For tries that each edit the head anew, and for policies in shadow. */
  mark(): HeadersMark {
    return {
      removed: this.#removed.slice(0, this.count),
      names: this.#names.slice(0, this.#editCount),
      values: this.#values.slice(0, this.#editCount),
    }
  }

  /** Goes back to a state remembered by {@link mark} for the same message. */
  restore(mark: HeadersMark): void {
    this.#removed.set(mark.removed)
    this.#removedCount = mark.removed.reduce((sum, flag) => sum + flag, 0)
    this.#names = mark.names.slice()
    this.#values = mark.values.slice()
    this.#editCount = mark.names.length
  }

  /** Upper bound of the bytes that {@link writeTo} writes. */
  sizeMax(): number {
    let size = this.end - this.begin
    for (let i = 0; i < this.#editCount; i++) size += (this.#names[i] as HeaderName).text.length + (this.#values[i] as string).length + 4
    return size
  }

  /** Writes all fields as HTTP/1.1 field lines to `target` at `offset`, which must have {@link sizeMax} bytes of room. Returns the end. */
  writeTo(target: Buffer, offset: number): number {
    let at = offset
    if (this.#removedCount === 0) {
      at += this.bytes.copy(target, at, this.begin, this.end)
    } else {
      // Runs of lines that stayed are copied as one piece.
      let i = 0
      while (i < this.count) {
        if (this.#removed[i] === 1) {
          i++
          continue
        }
        const runStart = this.#table[i * STRIDE] as number
        while (i < this.count && this.#removed[i] === 0) i++
        const runEnd = i === this.count ? this.end : (this.#table[i * STRIDE] as number)
        at += this.bytes.copy(target, at, runStart, runEnd)
      }
    }
    for (let i = 0; i < this.#editCount; i++) {
      at = writeField(target, at, this.#names[i] as HeaderName, this.#values[i] as string)
    }
    return at
  }

  /** A block of its own, holding what this one holds now. */
  clone(): Headers {
    const bytes = Buffer.allocUnsafe(this.sizeMax())
    const end = this.writeTo(bytes, 0)
    const copy = new Headers()
    copy.reset(bytes, 0)
    copy.#parseOwnLines(end)
    return copy
  }

  /** A block made of pairs; throws as {@link append} does. */
  static from(pairs: Iterable<readonly [string, string]>): Headers {
    const headers = new Headers()
    for (const [name, value] of pairs) headers.append(name, value)
    return headers
  }

  /** Parses lines that {@link writeTo} wrote, so known to be well formed. */
  #parseOwnLines(end: number): void {
    let at = 0
    while (at < end) {
      const colon = this.bytes.indexOf(0x3a, at)
      const lineEnd = this.bytes.indexOf(0x0d, colon)
      let valueStart = colon + 1
      while (valueStart < lineEnd && (this.bytes[valueStart] === 0x20 || this.bytes[valueStart] === 0x09)) valueStart++
      let valueEnd = lineEnd
      while (valueEnd > valueStart && (this.bytes[valueEnd - 1] === 0x20 || this.bytes[valueEnd - 1] === 0x09)) valueEnd--
      this.addParsed(at, colon, valueStart, valueEnd)
      at = lineEnd + 2
    }
    this.end = end
  }

  #valueAt(index: number): string {
    const at = index * STRIDE
    return this.bytes.latin1Slice(this.#table[at + VALUE_START], this.#table[at + VALUE_END])
  }

  /** False when no received field can be the one wanted. Shifts count modulo 32. */
  #mayHave({ id, lower }: HeaderName): boolean {
    const seen = id === 0 ? this.#lengths >>> lower.length : id < 32 ? this.#idsLow >>> id : this.#idsHigh >>> id
    return (seen & 1) !== 0
  }

  #find(wanted: HeaderName, from: number): number {
    if (!this.#mayHave(wanted)) return -1
    const table = this.#table
    for (let i = from; i < this.count; i++) {
      const at = i * STRIDE
      if (table[at + NAME_ID] !== wanted.id || this.#removed[i] === 1) continue
      if (wanted.id !== 0 || this.#nameEquals(at, wanted.lower)) return i
    }
    return -1
  }

  #nameEquals(at: number, lower: string): boolean {
    const start = this.#table[at + NAME_START] as number
    if ((this.#table[at + NAME_END] as number) - start !== lower.length) return false
    for (let i = 0; i < lower.length; i++) {
      const byte = this.bytes[start + i] as number
      const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
      if (folded !== lower.charCodeAt(i)) return false
    }
    return true
  }

  #findEdit(wanted: HeaderName, from: number): number {
    for (let i = from; i < this.#editCount; i++) {
      if ((this.#names[i] as HeaderName).lower === wanted.lower) return i
    }
    return -1
  }

  #grow(): void {
    const table = new Int32Array(this.#table.length * 2)
    table.set(this.#table)
    this.#table = table
    const removed = new Uint8Array(this.#removed.length * 2)
    removed.set(this.#removed)
    this.#removed = removed
    const frozen = new Uint8Array(this.#frozen.length * 2)
    frozen.set(this.#frozen)
    this.#frozen = frozen
  }
}

const EMPTY = Buffer.alloc(0)
