/** JSON pointers (RFC 6901) with `*` for every member or element. */

/** Every member of an object, every element of an array. */
export const EACH = null

/** A name, and the index that it is in an array; -1 where it can be none. */
export interface Name {
  readonly name: string
  readonly index: number
}

/** The parts of a pointer, the last of which names what is meant. */
export type Pointer = readonly (Name | typeof EACH)[]

/** A pointer as it is written: one part or more. */
export const POINTER: RegExp = /^(\/([^~/]|~[01])*)+$/
const INDEX = /^(0|[1-9]\d{0,8})$/

/** @param text that {@link POINTER} matches */
export function parsePointer(text: string): Pointer {
  return text
    .slice(1)
    .split('/')
    .map((part) => (part === '*' ? EACH : nameOf(part.replaceAll('~1', '/').replaceAll('~0', '~'))))
}

/** A pointer, or the name of a member of the whole. */
export function parsePlace(text: string): readonly Name[] {
  return text.startsWith('/') ? parsePointer(text).map((part) => part ?? nameOf('*')) : [nameOf(text)]
}

function nameOf(name: string): Name {
  return { name, index: INDEX.test(name) ? Number(name) : -1 }
}
