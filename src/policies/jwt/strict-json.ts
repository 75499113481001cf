/** Text in JSON that can be read in one way only. */

export type JsonObject = Readonly<Record<string, unknown>>

const DEPTH_MAX = 32

/**
 * The object that a text holds; null when it is none, when a member is named twice at any depth, or when it is nested deeper than 32 levels.
 * RFC 7519, 4 lets a reader refuse repeated names, and `JSON.parse` silently takes the last one: a service behind us may take the first.
 */
export function parseObject(text: string): JsonObject | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  return isObject(value) && namesAreUnique(text) ? value : null
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @param text valid JSON: then a string in front of a colon is a name, and of the object that was opened last. */
function namesAreUnique(text: string): boolean {
  const open: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      if (open.length === DEPTH_MAX) return false
      open.push(char === OPEN_BRACE ? new Set() : null)
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      open.pop()
    } else if (char === QUOTE) {
      const end = stringEnd(text, at)
      if (isName(text, end)) {
        const written = text.slice(at, end)
        // An escape is another way to write the same name.
        const name = written.includes('\\') ? String(JSON.parse(written)) : written.slice(1, -1)
        const names = open.at(-1)
        if (names?.has(name) === true) return false
        names?.add(name)
      }
      at = end - 1
    }
  }
  return true
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

/** Behind the closing quote of the string that begins at `at`. */
function stringEnd(text: string, at: number): number {
  let end = at + 1
  for (let char = text.charCodeAt(end); char !== QUOTE && end < text.length; char = text.charCodeAt(end)) end += char === BACKSLASH ? 2 : 1
  return end + 1
}

function isName(text: string, end: number): boolean {
  let at = end
  while (text.charCodeAt(at) <= 0x20) at++
  return text.charCodeAt(at) === COLON
}
