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

const AUTHORITY = /^([A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?$/

/** Compiles the template of a Host; what it makes gives null for what is none. */
export function compileHost(source: string): (exchange: Exchange) => string | null {
  const template = checkedTemplate(source)
  return (exchange) => {
    const host = template.render(exchange)
    return AUTHORITY.test(host) ? host : null
  }
}

function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

function encodeSegments(value: string): string {
  return value.includes('/') ? value.split('/').map(encode).join('/') : encode(value)
}

/** Makes the query for the service; also the text of a form, which is written in the same way. */
export type QueryMaker = (query: string, exchange: Exchange) => string

interface QueryPair {
  readonly name: string
  readonly text: string
}

/** Compiles edits of the query; null for nothing to do. Parameters that no rule names keep their text and their order. */
export function compileQueryEdits(edits: PairEdits): QueryMaker | null {
  if (isEmpty(edits)) return null
  const removed = new Set(edits.remove)
  const renames = Object.entries(edits.rename)
  const written = compilePairs(edits)
  return (query, exchange) => {
    const came = query === '' ? [] : query.split('&').map((text) => ({ name: nameOf(text), text }))
    let pairs: QueryPair[] = came.filter(({ name }) => !removed.has(name))
    for (const [from, to] of renames) pairs = renamed(pairs, from, to, edits.taken)
    // What is to be removed does not come in by another name.
    if (edits.taken === 'replace' && removed.size > 0) pairs = pairs.filter(({ name }) => !removed.has(name))
    for (const { name, when, valueFor } of written) {
      const value = valueFor(exchange)
      const isThere = pairs.some((pair) => pair.name === name)
      if (when !== 'set' && when !== 'add' && isThere !== (when === 'replace')) continue
      if (when === 'set' || when === 'replace') pairs = pairs.filter((pair) => pair.name !== name)
      if (value !== null) pairs.push({ name, text: `${encode(name)}=${encode(value)}` })
    }
    return pairs.map(({ text }) => text).join('&')
  }
}

/** A name that comes by renaming takes the place of those that had it, as for headers, or leaves it to them. */
function renamed(pairs: readonly QueryPair[], from: string, to: string, taken: PairEdits['taken']): QueryPair[] {
  if (from === to || !pairs.some(({ name }) => name === from)) return [...pairs]
  if (taken === 'keep' && pairs.some(({ name }) => name === to)) return pairs.filter(({ name }) => name !== from)
  return pairs
    .filter(({ name }) => name !== to)
    .map((pair) => (pair.name === from ? { name: to, text: encode(to) + valuePart(pair.text) } : pair))
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
