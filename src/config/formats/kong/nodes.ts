/** Nodes of the native form, each at the place in the Kong file that it comes from. */
import type { SourceLocation } from '../../ir.ts'
import type { ConfigNode, MapEntry } from '../../tree.ts'
import type { Written } from './types.ts'

/** A value as nodes that all stand at `at`, but for those that are nodes already. What is undefined is left out. */
export function nodeOf(value: Written, at: SourceLocation): ConfigNode {
  if (isNode(value)) return value
  if (isList(value)) return { kind: 'list', at, items: value.map((item) => nodeOf(item, at)) }
  if (typeof value !== 'object' || value === null) return { kind: 'scalar', at, value, written: null }
  const entries = new Map<string, MapEntry>()
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue
    const node = nodeOf(inner, at)
    entries.set(key, { keyAt: node.at, node })
  }
  return { kind: 'map', at, entries }
}

function isNode(value: Written): value is ConfigNode {
  return typeof value === 'object' && value !== null && 'kind' in value && 'at' in value && typeof value.at === 'object'
}

function isList(value: Written): value is readonly Written[] {
  return Array.isArray(value)
}
