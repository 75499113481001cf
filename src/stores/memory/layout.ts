import { SLIDING_WIDTH, SMALL_WIDTH } from './rule-state.ts'
import { setsFor, tableBytes } from './slot-table.ts'

/** What a file of limits begins with, as 32-bit words. */
const MAGIC = 0x6c696d74
const VERSION = 1
const MAGIC_AT = 0
const VERSION_AT = 1
const KEYS_MAX_AT = 2
const SECRET_AT = 3
/** Pages are at most this large where Node runs, and mappings begin at pages. */
const PAGE_BYTES = 65_536

export const HEADER_BYTES = 4_096

/** The parts of a file of limits, each on pages of its own. */
export interface Layout {
  readonly sets: number
  readonly small: { readonly offset: number; readonly bytes: number }
  readonly sliding: { readonly offset: number; readonly bytes: number }
  readonly bytes: number
}

export function layoutFor(keysMax: number): Layout {
  const sets = setsFor(keysMax)
  const small = { offset: PAGE_BYTES, bytes: wholePages(tableBytes(sets, SMALL_WIDTH)) }
  const sliding = { offset: small.offset + small.bytes, bytes: wholePages(tableBytes(sets, SLIDING_WIDTH)) }
  return { sets, small, sliding, bytes: sliding.offset + sliding.bytes }
}

export function writeHeader(words: Int32Array, keysMax: number, secret: readonly [number, number]): void {
  words[MAGIC_AT] = MAGIC
  words[VERSION_AT] = VERSION
  words[KEYS_MAX_AT] = keysMax
  words[SECRET_AT] = secret[0]
  words[SECRET_AT + 1] = secret[1]
}

export function hasHeader(words: Int32Array, keysMax: number): boolean {
  return words[MAGIC_AT] === MAGIC && words[VERSION_AT] === VERSION && words[KEYS_MAX_AT] === keysMax
}

/** What all hashes of keys are made under. */
export function secretOf(words: Int32Array): readonly [number, number] {
  return [words[SECRET_AT] ?? 0, words[SECRET_AT + 1] ?? 0]
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
}
