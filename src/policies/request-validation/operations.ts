/** The operations of an API by method and path. */
import type { Api, Operation, Segment } from './api.ts'

export interface Found {
  readonly operation: Operation
  /** Captures of its template, still percent-encoded. */
  readonly captures: ReadonlyMap<string, string>
}

const NO_CAPTURES: ReadonlyMap<string, string> = new Map()

/** Finds operations. Of several templates that fit the one with text in the earlier segment wins, as OpenAPI says of concrete paths. */
export class OperationTable {
  readonly #prefix: string
  /** By method, number of segments and text of the first segment, the most specific first. */
  readonly #buckets = new Map<string, Operation[]>()

  constructor({ pathPrefix, operations }: Api) {
    this.#prefix = pathPrefix
    for (const operation of operations) {
      const [first] = operation.segments
      const key = keyOf(operation.method, operation.segments.length, first !== undefined && 'text' in first ? first.text : CAPTURE)
      const bucket = this.#buckets.get(key)
      if (bucket === undefined) this.#buckets.set(key, [operation])
      else bucket.push(operation)
    }
    for (const bucket of this.#buckets.values()) bucket.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
  }

  /** @param path in normal form */
  find(method: string, path: string): Found | null {
    const prefix = this.#prefix
    if (!path.startsWith(prefix)) return null
    const rest = path.slice(prefix.length)
    if (rest !== '' && !rest.startsWith('/')) return null
    const segments = (rest === '' ? '/' : rest).split('/').slice(1)
    // HEAD is GET without the content of the answer (RFC 9110, 9.3.2).
    return this.#match(method, segments) ?? (method === 'HEAD' ? this.#match('GET', segments) : null)
  }

  #match(method: string, segments: readonly string[]): Found | null {
    // Text in the first segment wins over a capture there, so that the buckets can be asked one after the other.
    return this.#matchIn(segments[0] ?? '', method, segments) ?? this.#matchIn(CAPTURE, method, segments)
  }

  #matchIn(first: string, method: string, segments: readonly string[]): Found | null {
    for (const operation of this.#buckets.get(keyOf(method, segments.length, first)) ?? []) {
      const captures = matches(operation.segments, segments)
      if (captures !== null) return { operation, captures }
    }
    return null
  }
}

/** In the place of text that a first segment can have: a path holds no blank. */
const CAPTURE = ' '

function keyOf(method: string, size: number, first: string): string {
  return `${method} ${size} ${first}`
}

function rank({ segments }: Operation): string {
  return segments.map((segment) => ('text' in segment ? '0' : segment.before + segment.after === '' ? '2' : '1')).join('')
}

function matches(template: readonly Segment[], segments: readonly string[]): ReadonlyMap<string, string> | null {
  let captures: Map<string, string> | null = null
  for (let index = 0; index < template.length; index++) {
    const part = template[index]
    const segment = segments[index]
    if (part === undefined || segment === undefined) return null
    if ('text' in part) {
      if (part.text !== segment) return null
      continue
    }
    const { param, before, after } = part
    if (segment.length <= before.length + after.length || !segment.startsWith(before) || !segment.endsWith(after)) return null
    captures ??= new Map()
    captures.set(param, segment.slice(before.length, segment.length - after.length))
  }
  return captures ?? NO_CAPTURES
}
