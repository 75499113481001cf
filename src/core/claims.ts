import type { Claims } from './caller.ts'

/** Reads one value out of claims; undefined when it is not there. */
export type ClaimReader = (claims: Claims) => unknown

/**
 * A reader for a claim's name. A name that begins with a slash is a JSON Pointer (RFC 6901); any other is the claim of exactly that name, or,
 * when there is none, a path with dots: `realm_access.roles`. So names that are URLs work as they are.
 */
export function claimReader(name: string): ClaimReader {
  if (name.startsWith('/')) {
    const path = parsePointer(name)
    return (claims) => valueAt(claims, path)
  }
  const path = name.split('.')
  if (path.length === 1) return (claims) => member(claims, name)
  return (claims) => (Object.hasOwn(claims, name) ? claims[name] : valueAt(claims, path))
}

/** The tokens of a JSON Pointer (RFC 6901, 3): `/a~1b/0` is `a/b`, `0`. */
export function parsePointer(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The value at a path into parsed JSON; undefined when it is not there. Looks at own members only. */
export function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root
  for (const token of path) value = member(value, token)
  return value
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  // An object's own member, whatever it is: parsed JSON has no accessors.
  return (value as Readonly<Record<string, unknown>>)[key]
}

/** The texts of a claim that is a text or a list; others in the list do not count. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value)) return NO_TEXTS
  // Claims are kept while their token is: a list that is all texts, and most are, is given as it is.
  return value.every(isText) ? value : value.filter(isText)
}

const NO_TEXTS: readonly string[] = []

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
