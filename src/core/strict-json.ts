/** JSON that can be read in one way only: what two parties could understand differently is refused. */

export interface StrictJsonOptions {
  /** Deepest nesting of arrays and objects. */
  readonly depthMax: number
}

/** What is wrong with a text, in words that can be shown to whoever sent it; nothing of the text but the names on the way is in it. */
export interface JsonProblem {
  readonly problem: string
  /** Where, as a JSON pointer (RFC 6901); empty for the whole text. */
  readonly pointer: string
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const POINTER_CHARS_MAX = 256

/**
 * Reads JSON (RFC 8259) from bytes or text. Refused are, beside what is no JSON: bytes that are not UTF-8, a byte order mark, nesting beyond
 * `depthMax`, and an object that names a member twice. Readers differ in which of the two they take (RFC 8259, 4), so that what is checked
 * here and what a service reads could be different things. A member `__proto__` is a member like any other.
 * Linear in the length.
 */
export function parseStrictJson(source: Uint8Array | string, { depthMax }: StrictJsonOptions): { readonly value: unknown } | JsonProblem {
  let text: string
  let value: unknown
  try {
    text = typeof source === 'string' ? source : UTF8.decode(source)
  } catch {
    return { problem: 'is not valid UTF-8', pointer: '' }
  }
  try {
    value = JSON.parse(text)
  } catch {
    return { problem: 'is not valid JSON', pointer: '' }
  }
  const named = countNames(text, depthMax)
  if (named === -1) return { problem: `is nested deeper than ${depthMax} levels`, pointer: '' }
  // Of a name that stands twice, one is lost: only then do the numbers differ.
  if (named !== countMembers(value)) return { problem: 'stands twice in its object', pointer: firstDuplicate(text) }
  return { value }
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/**
 * Names of members in a text, however often each stands there: one for each colon outside strings. -1 when it is nested too deep.
 * @param text valid JSON
 */
function countNames(text: string, depthMax: number): number {
  let names = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) at = stringEnd(text, at)
    else if (char === COLON) names++
    else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      if (++depth > depthMax) return -1
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) depth--
  }
  return names
}

/** Members of all objects in a value. Its depth is bounded already. */
function countMembers(value: unknown): number {
  if (!isObject(value)) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) count += countMembers(item)
    return count
  }
  // Not over `Object.values`, which makes an array for each object: four times as slow. Nothing enumerable is inherited.
  for (const name in value) count += 1 + countMembers(value[name])
  return count
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Where the closing quote of the string stands that begins at `at`. @param text valid JSON */
export function stringEnd(text: string, at: number): number {
  let end = text.indexOf('"', at + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text.charCodeAt(from - 1) === BACKSLASH) from--
  return (at - from) % 2 === 1
}

/** One object (with the names seen in it) or array that is open while a text is scanned, and the member that is being read. */
interface Open {
  readonly names: Set<string> | null
  key: string | number
}

/** The pointer of the first member that is named a second time. @param text valid JSON of bounded depth in which there is one */
function firstDuplicate(text: string): string {
  const open: Open[] = []
  let expectsName = false
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    const inner = open.at(-1)
    if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      open.push(char === OPEN_BRACE ? { names: new Set(), key: '' } : { names: null, key: 0 })
      expectsName = char === OPEN_BRACE
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      open.pop()
    } else if (char === COMMA && inner !== undefined) {
      if (typeof inner.key === 'number') inner.key++
      expectsName = inner.names !== null
    } else if (char === QUOTE) {
      const end = stringEnd(text, at)
      if (expectsName && inner !== undefined) {
        // An escape is another way to write the same name.
        inner.key = String(JSON.parse(text.slice(at, end + 1)))
        if (inner.names?.has(inner.key) === true) return pointerOf(open.map(({ key }) => key))
        inner.names?.add(inner.key)
        expectsName = false
      }
      at = end
    }
  }
  return ''
}

/** The JSON pointer (RFC 6901) of a path, cut off where it would be longer than 256 characters. */
export function pointerOf(path: readonly (string | number)[]): string {
  return boundPointer(path.map((part) => `/${pointerPart(part)}`).join(''))
}

/** One part of a JSON pointer, escaped (RFC 6901, 3). */
export function pointerPart(part: string | number): string {
  return String(part).replaceAll('~', '~0').replaceAll('/', '~1')
}

/** A pointer as it may be told: names in it are the client's, of whatever length. */
export function boundPointer(pointer: string): string {
  return pointer.length <= POINTER_CHARS_MAX ? pointer : `${pointer.slice(0, POINTER_CHARS_MAX)}…`
}
