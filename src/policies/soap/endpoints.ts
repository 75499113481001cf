/** The REST endpoints of operations, found by method and path. */
import { type PathPattern, parsePathPattern } from '../../core/path-pattern.ts'

type Segments = readonly ({ readonly literal: string } | { readonly param: string })[]

export interface Endpoint<Operation> {
  readonly operation: Operation
  readonly method: string
  readonly segments: Segments
}

export type Found<Operation> =
  /** Captures are still percent-encoded. */
  | { readonly kind: 'found'; readonly operation: Operation; readonly captures: ReadonlyMap<string, string> }
  /** Other methods have this path. */
  | { readonly kind: 'method'; readonly allowed: readonly string[] }
  | { readonly kind: 'none' }

const NO_CAPTURES: ReadonlyMap<string, string> = new Map()

/** Of several paths that fit, the one with text in the earlier segment wins. */
export class Endpoints<Operation> {
  readonly #basePath: string
  /** By number of segments, the most specific first. */
  readonly #bySize = new Map<number, Endpoint<Operation>[]>()

  constructor(basePath: string, endpoints: readonly Endpoint<Operation>[]) {
    this.#basePath = basePath
    for (const endpoint of endpoints) {
      const bucket = this.#bySize.get(endpoint.segments.length) ?? []
      bucket.push(endpoint)
      this.#bySize.set(endpoint.segments.length, bucket)
    }
    for (const bucket of this.#bySize.values()) bucket.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  }

  /** @param path in normal form */
  find(method: string, path: string): Found<Operation> {
    const rest = path.startsWith(`${this.#basePath}/`) ? path.slice(this.#basePath.length) : null
    if (rest === null) return { kind: 'none' }
    const segments = rest.split('/').slice(1)
    const allowed = new Set<string>()
    for (const endpoint of this.#bySize.get(segments.length) ?? []) {
      const captures = match(endpoint.segments, segments)
      if (captures === null) continue
      if (endpoint.method === method) return { kind: 'found', operation: endpoint.operation, captures }
      allowed.add(endpoint.method)
    }
    return allowed.size === 0 ? { kind: 'none' } : { kind: 'method', allowed: [...allowed].toSorted() }
  }
}

function rank<Operation>({ segments }: Endpoint<Operation>): string {
  return segments.map((segment) => ('literal' in segment ? '0' : '1')).join('')
}

function match(pattern: Segments, segments: readonly string[]): ReadonlyMap<string, string> | null {
  let captures: Map<string, string> | null = null
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if ('literal' in part) {
      if (part.literal !== segment) return null
      continue
    }
    if (segment === '') return null
    captures ??= new Map()
    captures.set(part.param, segment)
  }
  return captures ?? NO_CAPTURES
}

/** The segments of a path as it is written, which has been checked. */
export function segmentsOf(path: string): Segments {
  const pattern: PathPattern | { readonly problem: string } = parsePathPattern(path)
  if ('problem' in pattern || (pattern.kind !== 'exact' && pattern.kind !== 'segments'))
    throw new Error(`${path} is no path of an endpoint`)
  if (pattern.kind === 'segments') return pattern.segments
  return pattern.path
    .split('/')
    .slice(1)
    .map((literal) => ({ literal }))
}

/** The same as a template of OpenAPI: `/prices/{symbol}`. */
export function templateOf(segments: Segments): string {
  return segments.map((segment) => `/${'literal' in segment ? segment.literal : `{${segment.param}}`}`).join('')
}

/** What two endpoints that fit the same requests have in common. */
export function shapeOf(method: string, segments: Segments): string {
  return `${method} ${segments.map((segment) => ('literal' in segment ? segment.literal : ':')).join('/')}`
}
