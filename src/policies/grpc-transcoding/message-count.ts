/**
 * How many messages there would be within a message, before they are made: an empty one takes two bytes, or three of JSON, and several hundred
 * once it is made. A few megabytes of nothing but those would take the worker's memory, and seconds of its time.
 */
import type { DescField, DescMessage, Registry } from '@bufbuild/protobuf'
import { stringEnd } from '../../core/strict-json.ts'

/** Most messages within one. */
export const MESSAGES_MAX = 100_000
/** Shortest text or bytes that could hold more than that. */
const BYTES_MIN = 2 * MESSAGES_MAX
/** Readers refuse what is deeper. */
const DEPTH_MAX = 100

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/**
 * Whether JSON makes more than {@link MESSAGES_MAX} messages, at its worst.
 * @param text valid JSON
 * @param isFree whether any value may become a message of its own, as in google.protobuf.Value; otherwise objects and lists may
 */
export function jsonHoldsTooMany(text: string, isFree: boolean): boolean {
  if (text.length < BYTES_MIN) return false
  let count = 0
  let before = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char <= SPACE) continue
    if (char === QUOTE) at = stringEnd(text, at)
    else if (char === OPEN_BRACE || char === OPEN_BRACKET || (isFree && char === COMMA)) count++
    // What has n items has n - 1 commas: its bracket stands for the other, unless there is none.
    else if (isFree && (char === CLOSE_BRACE || char === CLOSE_BRACKET) && (before === OPEN_BRACE || before === OPEN_BRACKET)) count--
    before = char
  }
  return count > MESSAGES_MAX
}

/** Whether a message holds more than {@link MESSAGES_MAX} others. Of bytes that are no message it says nothing: the reader will. */
export function bytesHoldTooMany(desc: DescMessage, bytes: Uint8Array, registry: Registry): boolean {
  return bytes.length >= BYTES_MIN && new Counter(bytes, registry).count(desc, 0, bytes.length, 0) > MESSAGES_MAX
}

const VARINT = 0
const FIXED64 = 1
const DELIMITED = 2
const FIXED32 = 5
const ANY = 'google.protobuf.Any'

/** Counts within bytes, over each of them at most once for each level that it is nested in. */
class Counter {
  readonly #bytes: Uint8Array
  readonly #registry: Registry
  readonly #fields = new Map<DescMessage, ReadonlyMap<number, DescField>>()
  #at = 0

  constructor(bytes: Uint8Array, registry: Registry) {
    this.#bytes = bytes
    this.#registry = registry
  }

  /** Messages in the content of one that stands from `start` to `end`. Groups count as what they are at least: one. */
  count(desc: DescMessage, start: number, end: number, depth: number): number {
    let count = 0
    let packed: DescMessage | undefined
    this.#at = start
    while (this.#at < end && count <= MESSAGES_MAX) {
      const tag = this.#varint()
      const kind = tag & 7
      if (kind === VARINT) this.#varint()
      else if (kind === FIXED64) this.#at += 8
      else if (kind === FIXED32) this.#at += 4
      else if (kind !== DELIMITED) count++
      else {
        const from = this.#delimited()
        const to = this.#at
        const field = this.#fieldOf(desc, tag >>> 3)
        if (desc.typeName === ANY && field?.number === 1) packed = this.#typeAt(from, to)
        const inner = desc.typeName === ANY && field?.number === 2 ? packed : field?.message
        if (inner !== undefined || field?.fieldKind === 'map') count++
        if (inner !== undefined && depth < DEPTH_MAX && to <= end) {
          const content = field?.fieldKind === 'map' ? this.#mapValue(from, to) : from
          count += this.count(inner, content, to, depth + 1)
        }
        this.#at = to
      }
    }
    return count
  }

  /** Where the content of an entry's value begins; the entry's end for none. */
  #mapValue(start: number, end: number): number {
    this.#at = start
    while (this.#at < end) {
      const tag = this.#varint()
      const kind = tag & 7
      if (kind === DELIMITED) {
        const from = this.#delimited()
        if (tag >>> 3 === 2) return from
      } else if (kind === VARINT) this.#varint()
      else this.#at += kind === FIXED64 ? 8 : 4
    }
    return end
  }

  #typeAt(start: number, end: number): DescMessage | undefined {
    const url = Buffer.from(this.#bytes.subarray(start, end)).toString()
    return this.#registry.getMessage(url.slice(url.lastIndexOf('/') + 1))
  }

  #fieldOf(desc: DescMessage, number: number): DescField | undefined {
    let fields = this.#fields.get(desc)
    if (fields === undefined) {
      fields = new Map(desc.fields.map((field) => [field.number, field]))
      this.#fields.set(desc, fields)
    }
    return fields.get(number)
  }

  /** Steps over a length and what has it. @returns where that begins */
  #delimited(): number {
    const length = this.#varint()
    const from = this.#at
    this.#at += length
    return from
  }

  /** Of large numbers, which are no tags and no lengths, only where they end is right. */
  #varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++] ?? 0
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }
}
