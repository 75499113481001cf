import type { PathTemplate, TemplateSegment } from './template.ts'

/** Leaves of one place in the tree: by verb (empty for none), then by HTTP method (`*` for any but HEAD, whose answers have no body to be read). */
type Leaves<T> = Map<string, Map<string, T>>

interface Node<T> {
  readonly literals: Map<string, Node<T>>
  any: Node<T> | null
  /** Of templates that end here. */
  readonly ends: Leaves<T>
  /** Of templates that end here in `**`. */
  readonly rests: Leaves<T>
}

/** A route, and the path that its variables look at: without the verb. */
export interface FoundRoute<T> {
  readonly route: T
  readonly segments: readonly string[]
}

/** What a request finds: a route, or the methods that would have found one; null where no template fits its path. */
export type Found<T> = FoundRoute<T> | { readonly allowed: readonly string[] } | null

/**
 * Finds the route for a path. Of several that fit, literal text goes before `*` and `*` before `**`, from the first segment on, and a template
 * with the path's verb before those without. A look-up visits each node of the tree once at most.
 */
export class RouteTable<T> {
  readonly #root: Node<T> = newNode()
  readonly #verbs = new Set<string>()

  /** @returns the route that is there already for the same paths and method; null when it has been added */
  add(method: string, { segments, verb }: PathTemplate, route: T): T | null {
    let node = this.#root
    let isRest = false
    for (const segment of segments) {
      if (segment === '**') isRest = true
      else node = childOf(node, segment)
    }
    const leaves = isRest ? node.rests : node.ends
    const byMethod = leaves.get(verb) ?? new Map<string, T>()
    const known = byMethod.get(method)
    if (known !== undefined) return known
    leaves.set(verb, byMethod.set(method, route))
    if (verb !== '') this.#verbs.add(verb)
    return null
  }

  /** @param segments of a path in normal form, what is between its slashes */
  find(method: string, segments: readonly string[]): Found<T> {
    const last = segments.at(-1) ?? ''
    // A slash at the end names another resource, of which no template speaks.
    if (last === '') return null
    const search = new Search<T>(method)
    const colon = last.lastIndexOf(':')
    const verb = last.slice(colon + 1)
    if (colon !== -1 && this.#verbs.has(verb)) {
      const stem = last.slice(0, colon)
      search.run(this.#root, stem === '' ? segments.slice(0, -1) : [...segments.slice(0, -1), stem], verb)
    }
    return search.run(this.#root, segments, '').result()
  }
}

/** What `Allow` lists where any method would do. */
const USUAL = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT']

class Search<T> {
  readonly #method: string
  readonly #allowed = new Set<string>()
  #found: FoundRoute<T> | null = null

  constructor(method: string) {
    this.#method = method
  }

  run(root: Node<T>, segments: readonly string[], verb: string): this {
    if (this.#found === null) this.#visit(root, segments, 0, verb)
    return this
  }

  result(): Found<T> {
    if (this.#found !== null) return this.#found
    return this.#allowed.size === 0 ? null : { allowed: [...this.#allowed].sort() }
  }

  #visit(node: Node<T>, segments: readonly string[], at: number, verb: string): boolean {
    const segment = segments[at]
    if (segment === undefined) return this.#take(node.ends, segments, verb) || this.#take(node.rests, segments, verb)
    const literal = node.literals.get(segment)
    if (literal !== undefined && this.#visit(literal, segments, at + 1, verb)) return true
    if (node.any !== null && this.#visit(node.any, segments, at + 1, verb)) return true
    return this.#take(node.rests, segments, verb)
  }

  #take(leaves: Leaves<T>, segments: readonly string[], verb: string): boolean {
    const byMethod = leaves.get(verb)
    if (byMethod === undefined) return false
    const route = byMethod.get(this.#method) ?? (this.#method === 'HEAD' ? undefined : byMethod.get('*'))
    if (route !== undefined) this.#found = { route, segments }
    else for (const method of byMethod.keys()) for (const one of method === '*' ? USUAL : [method]) this.#allowed.add(one)
    return route !== undefined
  }
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), any: null, ends: new Map(), rests: new Map() }
}

function childOf<T>(node: Node<T>, segment: Exclude<TemplateSegment, '**'>): Node<T> {
  if (segment === '*') {
    node.any ??= newNode()
    return node.any
  }
  const known = node.literals.get(segment.literal)
  if (known !== undefined) return known
  const made = newNode<T>()
  node.literals.set(segment.literal, made)
  return made
}
