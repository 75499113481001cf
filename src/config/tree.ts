/** A configuration as it was written: values with the place of each. All formats are read into this form first. */
import type { Problem } from './diagnostics.ts'
import type { SourceLocation } from './ir.ts'

export type Scalar = string | number | boolean | null

export type ConfigNode = ScalarNode | ListNode | MapNode

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly at: SourceLocation
  readonly value: Scalar
  /** What stands in the file where it is not the value itself: text with `${…}` in it. Null where nothing was put in. */
  readonly written: string | null
}

export interface ListNode {
  readonly kind: 'list'
  readonly at: SourceLocation
  readonly items: readonly ConfigNode[]
}

export interface MapNode {
  readonly kind: 'map'
  readonly at: SourceLocation
  readonly entries: ReadonlyMap<string, MapEntry>
}

export interface MapEntry {
  readonly keyAt: SourceLocation
  readonly node: ConfigNode
}

export type ConfigPath = readonly (string | number)[]

/** Most values that one file may hold, those repeated by aliases included. */
export const NODES_MAX = 2_000_000
/** Deepest nesting of values. */
export const DEPTH_MAX = 64

/** The bare values. Keys become own properties, whatever they are called. */
export function toPlain(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(toPlain)
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toPlain(entry.node)]))
}

/** The node at a path, or null. */
export function nodeAt(root: ConfigNode, path: ConfigPath): ConfigNode | null {
  let node: ConfigNode = root
  for (const key of path) {
    const next = child(node, key)
    if (next === null) return null
    node = next.node
  }
  return node
}

function child(node: ConfigNode, key: string | number): MapEntry | null {
  if (node.kind === 'map') return node.entries.get(String(key)) ?? null
  const item = node.kind === 'list' && typeof key === 'number' ? node.items[key] : undefined
  return item === undefined ? null : { keyAt: item.at, node: item }
}

/** Where the value (or the key) at a path stands; for what is not there, the key of the nearest thing around it that is. */
export function locate(root: ConfigNode, path: ConfigPath, part: 'key' | 'value' = 'value'): SourceLocation {
  let node: ConfigNode = root
  let keyAt = root.at
  for (const key of path) {
    const next = child(node, key)
    if (next === null) return keyAt
    keyAt = next.keyAt
    node = next.node
  }
  return part === 'key' ? keyAt : node.at
}

/**
 * The tree in which the interpolated texts at these paths are the numbers and booleans they spell; the same tree when there are none.
 */
export function coerceAt(root: MapNode, paths: readonly ConfigPath[]): MapNode {
  const replaced = new Map<ConfigNode, ConfigNode>()
  for (const path of paths) {
    const node = nodeAt(root, path)
    if (node?.kind !== 'scalar' || node.written === null || typeof node.value !== 'string') continue
    const spelled = /^-?\d{1,15}(\.\d{1,9})?$/.test(node.value) ? Number(node.value) : BOOLEANS.get(node.value)
    if (spelled !== undefined) replaced.set(node, { ...node, value: spelled })
  }
  return replaced.size === 0 ? root : { ...root, entries: replaceEntries(root, replaced) }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

function replaceEntries(map: MapNode, replaced: ReadonlyMap<ConfigNode, ConfigNode>): Map<string, MapEntry> {
  const entries = new Map<string, MapEntry>()
  for (const [key, { keyAt, node }] of map.entries) entries.set(key, { keyAt, node: replaceNodes(node, replaced) })
  return entries
}

function replaceNodes(node: ConfigNode, replaced: ReadonlyMap<ConfigNode, ConfigNode>): ConfigNode {
  if (node.kind === 'map') return { ...node, entries: replaceEntries(node, replaced) }
  if (node.kind === 'list') return { ...node, items: node.items.map((item) => replaceNodes(item, replaced)) }
  return replaced.get(node) ?? node
}

/** Root keys whose entries may come from several files. */
const MERGED_MAPS: ReadonlySet<string> = new Set(['services', 'routes', 'consumers', 'policies'])
const MERGED_LISTS: ReadonlySet<string> = new Set(['listeners'])

/**
 * One tree of several files. Maps of services, routes, consumers and policies are united and listeners listed one after the other; what is said
 * twice is a problem that names both places, and the first one counts.
 */
export function mergeTrees(trees: readonly MapNode[], problems: Problem[]): MapNode {
  const [first, ...rest] = trees
  if (first === undefined) throw new Error('no configuration to merge')
  if (rest.length === 0) return first
  const entries = new Map(first.entries)
  for (const tree of rest) {
    for (const [key, entry] of tree.entries) {
      const before = entries.get(key)
      entries.set(key, before === undefined ? entry : mergeEntry(key, before, entry, problems))
    }
  }
  return { kind: 'map', at: first.at, entries }
}

function mergeEntry(key: string, before: MapEntry, entry: MapEntry, problems: Problem[]): MapEntry {
  const [a, b] = [before.node, entry.node]
  if (MERGED_LISTS.has(key) && a.kind === 'list' && b.kind === 'list') {
    return { keyAt: before.keyAt, node: { kind: 'list', at: a.at, items: [...a.items, ...b.items] } }
  }
  if (MERGED_MAPS.has(key) && a.kind === 'map' && b.kind === 'map') {
    const united = new Map(a.entries)
    for (const [name, inner] of b.entries) {
      const same = united.get(name)
      if (same === undefined) united.set(name, inner)
      else problems.push(saidTwice(`${SINGULAR.get(key) ?? key} \`${name}\``, same.keyAt, inner.keyAt))
    }
    return { keyAt: before.keyAt, node: { kind: 'map', at: a.at, entries: united } }
  }
  problems.push(saidTwice(`\`${key}\``, before.keyAt, entry.keyAt))
  return before
}

const SINGULAR: ReadonlyMap<string, string> = new Map([
  ['services', 'service'],
  ['routes', 'route'],
  ['consumers', 'consumer'],
  ['policies', 'policy'],
])

function saidTwice(what: string, first: SourceLocation, second: SourceLocation): Problem {
  return { severity: 'error', location: second, message: `${what} is already defined at ${first.file}:${first.line}:${first.column}` }
}
