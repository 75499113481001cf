/** Edits of the request target: path and query. */
import type { Exchange } from '../../core/exchange.ts'
import { normalisePath } from '../../core/path.ts'
import { checkedTemplate, parseTemplate } from '../../core/template.ts'
import { compilePairs, isEmpty, type PairEdits } from './field-edits.ts'

/** Makes the path for the service; null for one that is none. */
export type PathMaker = (exchange: Exchange) => string | null

const PARAM = /(\{param\.[^{}]+\})/

/** What is wrong with the template of a path in one sentence; null for nothing. */
export function pathTemplateProblem(source: string): string | null {
  const template = parseTemplate(source)
  if ('problem' in template) return template.problem
  const sample = source.replaceAll(/\{[^{}]*\}/g, 'x')
  return normalisePath(sample) === sample
    ? null
    : 'expected a path in normal form, such as `/v2/users/{param.id}`: no `?`, `#`, `.` or `..`'
}

/**
 * Compiles the template of a path. Values are percent-encoded and stay within their segment; only a capture may hold slashes, when its
 * pattern lets it take several segments. A value that would leave a segment empty or make it a dot segment gives no path: with
 * `/users/{claim.tid}/orders` a caller without that claim would reach another resource.
 */
export function compilePath(source: string): PathMaker {
  const parts = source
    .split(PARAM)
    .filter((text) => text !== '')
    .map((text) => ({ template: checkedTemplate(text), quote: PARAM.test(text) ? encodeSegments : encode }))
  return (exchange) => {
    let path = ''
    for (const { template, quote } of parts) path += template.render(exchange, quote)
    return normalisePath(path) === path ? path : null
  }
}

function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

function encodeSegments(value: string): string {
  return value.includes('/') ? value.split('/').map(encode).join('/') : encode(value)
}

/** Makes the query for the service. */
export type QueryMaker = (query: string, exchange: Exchange) => string

/** Compiles edits of the query; null for nothing to do. Parameters that no rule names keep their text and their order. */
export function compileQueryEdits(edits: PairEdits): QueryMaker | null {
  if (isEmpty(edits)) return null
  const sets = compilePairs(edits.set)
  const adds = compilePairs(edits.add)
  const dropped = new Set([...edits.remove, ...sets.map(({ name }) => name)])
  const renames = new Map(Object.entries(edits.rename))
  const replaced = new Set(renames.values())
  return (query, exchange) => {
    const pairs = query === '' ? [] : query.split('&')
    const names = pairs.map(nameOf)
    // A name that comes by renaming takes the place of those that had it, as for headers.
    const renamed = new Set(names.map((name) => (dropped.has(name) ? undefined : renames.get(name))))
    const kept: string[] = []
    for (const [i, pair] of pairs.entries()) {
      const name = names[i] ?? ''
      const to = renames.get(name)
      if (dropped.has(to ?? name) || dropped.has(name)) continue
      if (to !== undefined) kept.push(encode(to) + valuePart(pair))
      else if (!replaced.has(name) || !renamed.has(name)) kept.push(pair)
    }
    for (const { name, valueFor } of [...sets, ...adds]) {
      const value = valueFor(exchange)
      if (value !== null) kept.push(`${encode(name)}=${encode(value)}`)
    }
    return kept.join('&')
  }
}

/** The name as services read it, which may have been percent-encoded to look like another. */
function nameOf(pair: string): string {
  const end = pair.indexOf('=')
  const name = end === -1 ? pair : pair.slice(0, end)
  if (!name.includes('%') && !name.includes('+')) return name
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}

function valuePart(pair: string): string {
  const at = pair.indexOf('=')
  return at === -1 ? '' : pair.slice(at)
}
