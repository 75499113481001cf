import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Problem } from './diagnostics.ts'
import type { SourceLocation } from './ir.ts'
import { type ConfigNode, DEPTH_MAX, type MapEntry, type MapNode, NODES_MAX } from './tree.ts'

/** Distinguishes imports of one file, since Node keeps modules for ever under their URL. */
let imports = 0

/**
 * Runs a TypeScript or JavaScript file whose default export is the configuration, as an object or a promise of one. What the file throws
 * is a problem.
 *
 * The places of its values are found by looking for their keys in `text` in order, since an object does not know where it was written;
 * what is not found (keys that are computed) is placed with what is around it.
 */
export async function parseModule(file: string, text: string, problems: Problem[]): Promise<MapNode | null> {
  const start: SourceLocation = { file, line: 1, column: 1 }
  const complain = (message: string, location = start): void => {
    problems.push({ severity: 'error', location, message })
  }
  let value: unknown
  try {
    const module: unknown = await import(`${pathToFileURL(resolve(file)).href}?turnpike=${++imports}`)
    value = typeof module === 'object' && module !== null && 'default' in module ? await module.default : undefined
  } catch (error) {
    complain(
      `the file cannot be run: ${error instanceof Error ? firstLine(error.message) : 'it threw something that is no error'}`,
      faultAt(file, error),
    )
    return null
  }
  if (value === undefined) {
    complain('the file has no default export: write `export default defineGateway({ … })`')
    return null
  }
  try {
    const root = new Reader(new TextIndex(file, text)).read(value, 0, 0, 0)
    if (root.kind === 'map') return root
    complain('the default export is no object')
  } catch (error) {
    if (!(error instanceof ValueFault)) throw error
    complain(error.message, error.location)
  }
  return null
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0] ?? ''
}

/** Where an error was made, when its stack names a place in the file. */
function faultAt(file: string, error: unknown): SourceLocation {
  const url = pathToFileURL(resolve(file)).href
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const from = stack.indexOf(url)
  const place = from === -1 ? null : /^(?:\?turnpike=\d+)?:(\d+)(?::(\d+))?/.exec(stack.slice(from + url.length))
  return { file, line: Number(place?.[1] ?? 1), column: Number(place?.[2] ?? 1) }
}

class ValueFault extends Error {
  readonly location: SourceLocation
  constructor(location: SourceLocation, message: string) {
    super(message)
    this.location = location
  }
}

/** Finds keys and their lines in a text. */
class TextIndex {
  readonly #file: string
  readonly #text: string
  readonly #lineStarts: number[] = [0]

  constructor(file: string, text: string) {
    this.#file = file
    this.#text = text
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#lineStarts.push(at + 1)
  }

  /** Offset of the next `key` that is used as one (`key:`, `'key':`, or the shorthand `key,`) at or after `from`; -1 for none. */
  find(key: string, from: number): number {
    for (let at = this.#text.indexOf(key, from); at !== -1; at = this.#text.indexOf(key, at + 1)) {
      const before = this.#text.charAt(at - 1)
      const quoted = before === '"' || before === "'" || before === '`'
      const after = this.#text.slice(at + key.length, at + key.length + 16)
      if (quoted ? new RegExp(`^${before}\\s*:`).test(after) : !/[\w$.-]/.test(before) && /^\s*[:,}(]/.test(after)) return at
    }
    return -1
  }

  locate(offset: number): SourceLocation {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { file: this.#file, line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 }
  }
}

class Reader {
  readonly #index: TextIndex
  #nodes = 0
  /** Where the last key was found. Objects keep the order of the source, so that the next one most likely stands behind it. */
  #cursor = 0

  constructor(index: TextIndex) {
    this.#index = index
  }

  /**
   * @param offset where the value stands, as far as is known
   * @param from where to look for what is in it
   */
  read(value: unknown, offset: number, from: number, depth: number): ConfigNode {
    const at = this.#index.locate(offset)
    if (++this.#nodes > NODES_MAX) throw new ValueFault(at, `a configuration has at most ${NODES_MAX} values`)
    if (depth > DEPTH_MAX) throw new ValueFault(at, `values are nested deeper than ${DEPTH_MAX} levels`)
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', at, value, written: null }
    }
    if (Array.isArray(value)) return { kind: 'list', at, items: value.map((item: unknown) => this.read(item, offset, from, depth + 1)) }
    if (typeof value !== 'object') throw new ValueFault(at, `a configuration is plain data: a ${typeof value} has no meaning in it`)
    const entries = new Map<string, MapEntry>()
    for (const [key, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      if (key === '__proto__') throw new ValueFault(at, '`__proto__` cannot be a key')
      const ahead = this.#index.find(key, this.#cursor)
      const found = ahead === -1 ? this.#index.find(key, from) : ahead
      const keyOffset = found === -1 ? offset : found
      if (found !== -1) this.#cursor = found + key.length
      entries.set(key, { keyAt: this.#index.locate(keyOffset), node: this.read(inner, keyOffset, this.#cursor, depth + 1) })
    }
    return { kind: 'map', at, entries }
  }
}
