import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, type ParsedNode, parseDocument } from 'yaml'
import type { Problem } from './diagnostics.ts'
import type { SourceLocation } from './ir.ts'
import { type ConfigNode, DEPTH_MAX, type MapEntry, type MapNode, NODES_MAX, type Scalar } from './tree.ts'

/**
 * Reads YAML 1.2 (and so JSON; of YAML 1.1 what Kong files use) with the place of every key and value. An empty document is an empty map.
 * Syntax errors, duplicate keys, unknown tags, several documents and aliases that grow beyond the bounds of a tree become problems.
 *
 * @returns null when it is not worth looking further: the syntax is broken or the root is no map.
 */
export function parseYaml(file: string, text: string, problems: Problem[]): MapNode | null {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, keepSourceTokens: false })
  const locate = (offset: number): SourceLocation => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(1, line), column: Math.max(1, col) }
  }
  const complain = (location: SourceLocation, message: string): void => {
    problems.push({ severity: 'error', location, message })
  }
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    complain(locate(pos[0]), MESSAGES.get(code) ?? sentence(message))
  }
  if (document.errors.length > 0) return null
  const { contents } = document
  const start: SourceLocation = { file, line: 1, column: 1 }
  if (contents === null || (isScalar(contents) && contents.value === null)) return { kind: 'map', at: start, entries: new Map() }
  // Kong's reader is one of YAML 1.1: files for it repeat themselves by merge keys, and say `yes` and `off`.
  const reader = new Reader(document, locate, complain, isMap(contents) && contents.has('_format_version'))
  try {
    const root = reader.read(contents, 0)
    if (root.kind === 'map') return root
    complain(root.at, 'expected a map with keys such as `services` and `routes` at the top of the file')
  } catch (error) {
    if (!(error instanceof TreeFault)) throw error
    complain(error.location, error.message)
  }
  return null
}

const MESSAGES: ReadonlyMap<string, string> = new Map([
  ['MULTIPLE_DOCS', 'a configuration is one document: split it into several files, or remove this `---`'],
  ['TAB_AS_INDENT', 'tabs cannot indent: use spaces'],
])

/** The library's message as ours begin: in lower case and without a full stop. */
function sentence(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '')
}

class TreeFault extends Error {
  readonly location: SourceLocation
  constructor(location: SourceLocation, message: string) {
    super(message)
    this.location = location
  }
}

/** What an anchor names, read once: aliases share it, and count as if they had been written out. */
interface Anchored {
  readonly node: ConfigNode
  readonly nodes: number
  readonly height: number
}

class Reader {
  readonly #document: Document.Parsed
  readonly #locate: (offset: number) => SourceLocation
  readonly #complain: (location: SourceLocation, message: string) => void
  /** Whether merge keys and the booleans of YAML 1.1 are read as such. */
  readonly #isOld: boolean
  readonly #anchored = new Map<ParsedNode, Anchored>()
  #nodes = 0
  /** Deepest level reached so far within what is being read. */
  #deepest = 0

  constructor(
    document: Document.Parsed,
    locate: (offset: number) => SourceLocation,
    complain: (location: SourceLocation, message: string) => void,
    isOld: boolean,
  ) {
    this.#document = document
    this.#locate = locate
    this.#complain = complain
    this.#isOld = isOld
  }

  read(node: ParsedNode, depth: number): ConfigNode {
    const at = this.#locate(node.range[0])
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target === undefined) throw new TreeFault(at, `there is no anchor \`&${node.source}\` above this alias`)
      const { node: shared, nodes, height } = this.#readAnchored(target as ParsedNode, depth)
      this.#count(at, nodes, depth + height)
      return shared
    }
    this.#count(at, 1, depth)
    if (isSeq(node)) return { kind: 'list', at, items: node.items.map((item) => this.read(item, depth + 1)) }
    if (isMap(node)) return { kind: 'map', at, entries: this.#readEntries(node.items, depth) }
    const boolean = this.#isOld && node.type === 'PLAIN' ? OLD_BOOLEANS.get(node.source) : undefined
    return { kind: 'scalar', at, value: boolean ?? scalarOf(node.value, at), written: null }
  }

  #readAnchored(target: ParsedNode, depth: number): Anchored {
    const known = this.#anchored.get(target)
    if (known !== undefined) return known
    const [nodesBefore, deepestBefore] = [this.#nodes, this.#deepest]
    this.#deepest = depth
    const node = this.read(target, depth)
    const anchored = { node, nodes: this.#nodes - nodesBefore, height: this.#deepest - depth }
    this.#nodes = nodesBefore
    this.#deepest = Math.max(deepestBefore, this.#deepest)
    this.#anchored.set(target, anchored)
    return anchored
  }

  /** Keeps the tree within its bounds, so that a bomb of aliases ends early. */
  #count(at: SourceLocation, nodes: number, depth: number): void {
    this.#nodes += nodes
    this.#deepest = Math.max(this.#deepest, depth)
    if (this.#nodes > NODES_MAX) throw new TreeFault(at, `a configuration has at most ${NODES_MAX} values; do aliases repeat too much?`)
    if (depth > DEPTH_MAX) throw new TreeFault(at, `values are nested deeper than ${DEPTH_MAX} levels`)
  }

  #readEntries(pairs: readonly Pair<ParsedNode, ParsedNode | null>[], depth: number): Map<string, MapEntry> {
    const entries = new Map<string, MapEntry>()
    const merged: MapNode[] = []
    for (const { key, value } of pairs) {
      const keyAt = this.#locate(key.range[0])
      if (!isScalar(key)) throw new TreeFault(keyAt, 'a key is plain text')
      const name = String(key.value)
      if (this.#isOld && name === '<<' && value !== null) {
        merged.push(...mapsOf(this.read(value, depth + 1)))
        continue
      }
      if (name === '__proto__') throw new TreeFault(keyAt, '`__proto__` cannot be a key')
      // The library compares each key with all before it, which takes minutes for a hundred thousand consumers.
      if (entries.has(name)) {
        this.#complain(keyAt, 'this key stands twice in the same map')
        continue
      }
      const node: ConfigNode = value === null ? { kind: 'scalar', at: keyAt, value: null, written: null } : this.read(value, depth + 1)
      entries.set(name, { keyAt, node })
    }
    // What the map says itself goes before what it takes over, and what it takes over first before the rest.
    for (const [name, entry] of merged.flatMap((map) => [...map.entries])) if (!entries.has(name)) entries.set(name, entry)
    return entries
  }
}

const OLD_BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
])

/** What a merge key takes over: a map, or several in a list. */
function mapsOf(node: ConfigNode): readonly MapNode[] {
  const nodes = node.kind === 'list' ? node.items : [node]
  return nodes.map((map) => {
    if (map.kind !== 'map') throw new TreeFault(map.at, 'expected a map to take over, or a list of maps')
    return map
  })
}

function scalarOf(value: unknown, at: SourceLocation): Scalar {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw new TreeFault(at, 'expected text, a number, true, false or null')
}
