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
  /** By method and number of segments, the most specific first. */
  readonly #bySize = new Map<string, Operation[]>()

  constructor({ pathPrefix, operations }: Api) {
    this.#prefix = pathPrefix
    for (const operation of operations) {
      const key = `${operation.method} ${operation.segments.length}`
      const bucket = this.#bySize.get(key)
      if (bucket === undefined) this.#bySize.set(key, [operation])
      else bucket.push(operation)
    }
    for (const bucket of this.#bySize.values()) bucket.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
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
    for (const operation of this.#bySize.get(`${method} ${segments.length}`) ?? []) {
      const captures = matches(operation.segments, segments)
      if (captures !== null) return { operation, captures }
    }
    return null
  }
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
