import { STATIC_BYTES, STATIC_COUNT, STATIC_NAME_LENGTHS, STATIC_STARTS, STATIC_VALUE_LENGTHS } from './static-table.ts'

/** What an encoder knows of names beforehand: where they stand in the static table, and which hold secrets. Found by hash. */

const SLOTS = 512

/** A hash of `bytes[start..end)`, going on from `seed`. */
export function nameHash(bytes: Uint8Array, start: number, end: number, seed = 0): number {
  let hash = seed
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0
  return hash ^ (hash >>> 15)
}

/** Static indices by hash, 0 for none: of the first entry of a name, and of entries with a value. Each looks for the next free slot. */
const BY_NAME = new Uint8Array(SLOTS)
const BY_FIELD = new Uint8Array(SLOTS)
for (let index = 1; index <= STATIC_COUNT; index++) {
  const nameStart = STATIC_STARTS[index - 1] as number
  const nameEnd = nameStart + (STATIC_NAME_LENGTHS[index - 1] as number)
  const valueEnd = nameEnd + 2 + (STATIC_VALUE_LENGTHS[index - 1] as number)
  const hash = nameHash(STATIC_BYTES, nameStart, nameEnd)
  if (staticNameIndex(hash, STATIC_BYTES.subarray(nameStart), nameEnd - nameStart) === 0) put(BY_NAME, hash, index)
  if (valueEnd > nameEnd + 2) put(BY_FIELD, nameHash(STATIC_BYTES, nameEnd + 2, valueEnd, hash), index)
}

function put(slots: Uint8Array, hash: number, index: number): void {
  let slot = hash & (SLOTS - 1)
  while (slots[slot] !== 0) slot = (slot + 1) & (SLOTS - 1)
  slots[slot] = index
}

/** The static index of the name at `line[0..nameEnd)`, 0 for none. @param hash {@link nameHash} of the name */
export function staticNameIndex(hash: number, line: Uint8Array, nameEnd: number): number {
  for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
    const index = BY_NAME[slot] as number
    if (index === 0 || hasName(index, line, nameEnd)) return index
  }
}

/** The static index of the line whose value ends at `valueEnd`, 0 for none. @param hash of the value, going on from the name's */
export function staticFieldIndex(hash: number, line: Uint8Array, nameEnd: number, valueEnd: number): number {
  for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
    const index = BY_FIELD[slot] as number
    if (index === 0 || (hasName(index, line, nameEnd) && hasValue(index, line, nameEnd + 2, valueEnd))) return index
  }
}

function hasName(index: number, line: Uint8Array, nameEnd: number): boolean {
  if (STATIC_NAME_LENGTHS[index - 1] !== nameEnd) return false
  const start = STATIC_STARTS[index - 1] as number
  for (let at = 0; at < nameEnd; at++) if (STATIC_BYTES[start + at] !== line[at]) return false
  return true
}

function hasValue(index: number, line: Uint8Array, valueStart: number, valueEnd: number): boolean {
  if (STATIC_VALUE_LENGTHS[index - 1] !== valueEnd - valueStart) return false
  const start = (STATIC_STARTS[index - 1] as number) + valueStart
  for (let at = 0; at < valueEnd - valueStart; at++) if (STATIC_BYTES[start + at] !== line[valueStart + at]) return false
  return true
}

/** Names of fields that hold secrets, whatever they are called. That one too many is found costs a few bytes. */
const SECRET =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|authentication-info)$|key|token|secret|passw|session|signature|credential/

/** Names that {@link SECRET} has judged lately, by their hash. Compared in full: names can be made to have the same hash. */
const JUDGED = 256
const judgedNames: string[] = new Array<string>(JUDGED).fill('')
const secrets = new Uint8Array(JUDGED)

/** Whether the field named `line[0..nameEnd)` holds a secret, so that nobody may index it (RFC 7541, 7.1.3). @param hash of the name */
export function isSensitive(hash: number, line: Buffer, nameEnd: number): boolean {
  const slot = hash & (JUDGED - 1)
  if (!spells(judgedNames[slot] as string, line, nameEnd)) {
    const name = line.latin1Slice(0, nameEnd)
    judgedNames[slot] = name
    secrets[slot] = SECRET.test(name) ? 1 : 0
  }
  return secrets[slot] === 1
}

function spells(name: string, line: Uint8Array, nameEnd: number): boolean {
  if (name.length !== nameEnd) return false
  for (let at = 0; at < nameEnd; at++) if (line[at] !== name.charCodeAt(at)) return false
  return true
}
