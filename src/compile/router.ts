import { decodeSegment } from '../core/path.ts'
import { captureNames, type PathPattern, type PatternSegment } from '../core/path-pattern.ts'
import type { Compatibility } from '../core/policy-order.ts'
import type { HostPattern } from './host-pattern.ts'
import { type NearMiss, nearMisses } from './near-misses.ts'
import { addByPrefix, newPrefixNode, nextByPrefix, type PrefixNode } from './prefix-tree.ts'
import {
  type Candidate,
  expandCandidates,
  failingHeader,
  failingQuery,
  type RouteQuery,
  type RouterEntry,
  routingRules,
  takesMethod,
  takesPort,
  takesServerName,
} from './route-match.ts'

export type { NearMiss } from './near-misses.ts'
export type { RouteQuery, RouterEntry } from './route-match.ts'

/** What the router says of a request. Shared objects: never changed. */
export type RouteMatch<T> =
  /** `params` holds the captures of the path, decoded by `decodeSegment`; `pattern` is the one of the route's paths that takes it. */
  | { readonly kind: 'found'; readonly value: T; readonly params: ReadonlyMap<string, string>; readonly pattern: PathPattern }
  /** Routes take the request but for its method: 405 with these in `Allow`, sorted. */
  | { readonly kind: 'method-not-allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'not-found' }

export interface Router<T> {
  /** The route that takes the request: of all that match, the first in the order of `compareCandidates`. */
  match(request: RouteQuery): RouteMatch<T>
  /**
   * The routes that come near to taking the request but do not, with the first predicate each failed in the order host, path, port,
   * server name, method, headers, query; also those that match and are beaten. Nearest first, at most `max` (10).
   */
  explain(request: RouteQuery, max?: number): readonly NearMiss[]
}

/**
 * Compiles routes. Finding one takes a look into a map of hosts, then one into a map of whole paths, then a walk down a trie of segments; it
 * does not depend on how many routes there are. Regular expressions are found by the text that they begin with. Nothing is allocated for a
 * route with an exact path.
 *
 * @param compatibility whose way of routing; null for our own
 * @throws Error when a pattern does not parse.
 */
export function compileRouter<T>(routes: readonly RouterEntry<T>[], compatibility: Compatibility | null = null): Router<T> {
  const rules = routingRules(compatibility)
  return new CompiledRouter(expandCandidates(routes, rules), rules.tellsMethods)
}

const NO_PARAMS: ReadonlyMap<string, string> = new Map()
const NOT_FOUND = { kind: 'not-found' } as const

/** A candidate with its place in the order, 0 for the one that beats all others, and its answer ready. */
interface Ranked<T> {
  readonly candidate: Candidate<T>
  readonly rank: number
  readonly hasPredicates: boolean
  /** The answer, shared, when nothing is captured. */
  readonly found: (RouteMatch<T> & { kind: 'found' }) | null
}

/** A place in a trie of segments. Lists are in order; `rankMin` is the best rank at and below, so that a walk can stop early. */
interface TrieNode<T> {
  rankMin: number
  literals: Map<string, TrieNode<T>> | null
  param: TrieNode<T> | null
  /** Patterns with as many segments as lead here. */
  readonly here: Ranked<T>[]
  /** Prefixes of the segments that lead here. */
  readonly below: Ranked<T>[]
}

/** Everything asked of one host pattern. */
interface HostTable<T> {
  readonly exact: Map<string, Ranked<T>[]>
  readonly root: TrieNode<T>
  readonly regexes: PrefixNode<Ranked<T>>
}

class CompiledRouter<T> implements Router<T> {
  readonly #candidates: readonly Candidate<T>[]
  readonly #tellsMethods: boolean
  readonly #hosts = new Map<string, HostTable<T>>()
  /** By the suffix behind the star, its dot included. */
  readonly #wildcards = new Map<string, HostTable<T>>()
  readonly #suffixes = new Map<string, HostTable<T>>()
  readonly #prefixes = new Map<string, HostTable<T>>()
  readonly #anyHost: HostTable<T> = newHostTable()
  // The state of one match, which is synchronous: fields, so that the walk allocates nothing.
  #best: Ranked<T> | null = null
  #bestRank = Number.POSITIVE_INFINITY
  #methodFailed = false
  /** Set while methods are collected for 405; then every candidate but for its method is a hit and none ends the search. */
  #allow: Set<string> | null = null

  /** @param candidates in the order in which they win. */
  constructor(candidates: readonly Candidate<T>[], tellsMethods: boolean) {
    this.#candidates = candidates
    this.#tellsMethods = tellsMethods
    for (let rank = 0; rank < candidates.length; rank++) {
      const candidate = candidates[rank] as Candidate<T>
      insert(this.#tableFor(candidate.host), toRanked(candidate, rank))
    }
  }

  match(request: RouteQuery): RouteMatch<T> {
    this.#best = null
    this.#bestRank = Number.POSITIVE_INFINITY
    this.#methodFailed = false
    this.#search(request)
    const best = this.#best as Ranked<T> | null
    if (best !== null) return best.found ?? capture(best.candidate, request.path)
    return this.#methodFailed && this.#tellsMethods ? this.#matchWithoutMethod(request) : NOT_FOUND
  }

  explain(request: RouteQuery, max = 10): readonly NearMiss[] {
    return nearMisses(this.#candidates, request, max)
  }

  #tableFor(host: HostPattern): HostTable<T> {
    switch (host.kind) {
      case 'any':
        return this.#anyHost
      case 'exact':
        return getOrInsert(this.#hosts, host.host, newHostTable<T>)
      case 'wildcard':
        return getOrInsert(this.#wildcards, host.suffix, newHostTable<T>)
      case 'suffix':
        return getOrInsert(this.#suffixes, host.suffix, newHostTable<T>)
      case 'prefix':
        return getOrInsert(this.#prefixes, host.prefix, newHostTable<T>)
    }
  }

  #search(request: RouteQuery): void {
    const { host } = request
    if (this.#hosts.size > 0) {
      const table = this.#hosts.get(host)
      if (table !== undefined) this.#searchTable(table, request)
    }
    if (this.#wildcards.size > 0) {
      const dot = host.indexOf('.')
      const table = dot > 0 ? this.#wildcards.get(host.slice(dot)) : undefined
      if (table !== undefined) this.#searchTable(table, request)
    }
    if (this.#suffixes.size > 0 || this.#prefixes.size > 0) this.#searchByDots(request)
    this.#searchTable(this.#anyHost, request)
  }

  /** What asks for some labels of the host: each dot may be the first or the last of them, with something on its other side. */
  #searchByDots(request: RouteQuery): void {
    const { host } = request
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const below = dot > 0 ? this.#suffixes.get(host.slice(dot)) : undefined
      if (below !== undefined) this.#searchTable(below, request)
      const behind = dot < host.length - 1 ? this.#prefixes.get(host.slice(0, dot + 1)) : undefined
      if (behind !== undefined) this.#searchTable(behind, request)
    }
  }

  #searchTable(table: HostTable<T>, request: RouteQuery): void {
    if (table.exact.size > 0) {
      const list = table.exact.get(request.path)
      if (list !== undefined) this.#consider(list, request)
    }
    if (table.root.rankMin < this.#bestRank) this.#walk(table.root, request, 1)
    if (table.regexes.rankMin < this.#bestRank) this.#walkRegexes(table.regexes, request)
  }

  #walkRegexes(root: PrefixNode<Ranked<T>>, request: RouteQuery): void {
    const { path } = request
    let at = 0
    let node: PrefixNode<Ranked<T>> | null = root
    while (node !== null && node.rankMin < this.#bestRank) {
      at += node.label.length
      const items: readonly Ranked<T>[] = node.items
      for (const ranked of items) {
        if (ranked.rank >= this.#bestRank) break
        const { path: pattern } = ranked.candidate
        // The text it begins with stands here already.
        if (pattern.kind !== 'regex' || !(pattern.isLiteral || pattern.regex.test(path))) continue
        if (this.#take(ranked, request)) break
      }
      node = nextByPrefix(node, path, at)
    }
  }

  /** @param at where the next segment of the path begins; behind its end when there is none. */
  #walk(node: TrieNode<T>, request: RouteQuery, at: number): void {
    const { path } = request
    if (at > path.length) {
      this.#consider(node.here, request)
    } else if (node.literals !== null || node.param !== null) {
      const slash = path.indexOf('/', at)
      const end = slash === -1 ? path.length : slash
      const literal = node.literals?.get(path.slice(at, end))
      if (literal !== undefined && literal.rankMin < this.#bestRank) this.#walk(literal, request, end + 1)
      const { param } = node
      if (param !== null && end > at && param.rankMin < this.#bestRank) this.#walk(param, request, end + 1)
    }
    this.#consider(node.below, request)
  }

  #consider(list: readonly Ranked<T>[], request: RouteQuery): void {
    for (let i = 0; i < list.length; i++) {
      const ranked = list[i] as Ranked<T>
      if (ranked.rank >= this.#bestRank || this.#take(ranked, request)) return
    }
  }

  /** Takes a candidate whose host and path match, when its other predicates do. Returns whether it did. */
  #take(ranked: Ranked<T>, request: RouteQuery): boolean {
    if (ranked.hasPredicates) {
      const { predicates } = ranked.candidate
      if (this.#allow === null && !takesMethod(predicates, request.method)) {
        this.#methodFailed = true
        return false
      }
      if (!takesPort(predicates, request.port) || !takesServerName(predicates, request.serverName)) return false
      if (failingHeader(predicates, request.headers) !== null || failingQuery(predicates, request.query) !== null) return false
      if (this.#allow !== null) {
        addMethods(this.#allow, predicates.methods)
        return false
      }
    }
    this.#best = ranked
    this.#bestRank = ranked.rank
    return true
  }

  /** Nothing was found, so that no walk was cut short: looks again for what would have taken the request but for its method. */
  #matchWithoutMethod(request: RouteQuery): RouteMatch<T> {
    const allow = new Set<string>()
    this.#allow = allow
    try {
      this.#search(request)
    } finally {
      this.#allow = null
    }
    return allow.size === 0 ? NOT_FOUND : { kind: 'method-not-allowed', allow: [...allow].sort() }
  }
}

function addMethods(allow: Set<string>, methods: readonly string[]): void {
  for (const method of methods) {
    allow.add(method)
    if (method === 'GET') allow.add('HEAD')
  }
}

function toRanked<T>(candidate: Candidate<T>, rank: number): Ranked<T> {
  const { methods, ports, serverNames, headers, query } = candidate.predicates
  const captures = captureNames(candidate.path).length > 0
  return {
    candidate,
    rank,
    hasPredicates: [methods, ports, serverNames, headers, query].some(({ length }) => length > 0),
    found: captures ? null : { kind: 'found', value: candidate.entry.value, params: NO_PARAMS, pattern: candidate.path },
  }
}

/** The answer for a path that the candidate is known to match. */
function capture<T>({ path: pattern, entry }: Candidate<T>, path: string): RouteMatch<T> {
  return { kind: 'found', value: entry.value, params: captureParams(pattern, path), pattern }
}

function captureParams(pattern: PathPattern, path: string): ReadonlyMap<string, string> {
  if (pattern.kind === 'exact') return NO_PARAMS
  const params = new Map<string, string>()
  if (pattern.kind === 'regex') {
    for (const [name, value] of pattern.regex.captures(path) ?? NO_PARAMS) params.set(name, decodeSegment(value))
    return params
  }
  let at = 1
  for (const segment of pattern.segments) {
    const slash = path.indexOf('/', at)
    const end = slash === -1 ? path.length : slash
    if ('param' in segment) params.set(segment.param, decodeSegment(path.slice(at, end)))
    at = end + 1
  }
  return params
}

function newHostTable<T>(): HostTable<T> {
  return { exact: new Map(), root: newNode(), regexes: newPrefixNode() }
}

function newNode<T>(): TrieNode<T> {
  return { rankMin: Number.POSITIVE_INFINITY, literals: null, param: null, here: [], below: [] }
}

/** Puts a candidate in its place. They come in order, so that each list is in order too. */
function insert<T>(table: HostTable<T>, ranked: Ranked<T>): void {
  const { path } = ranked.candidate
  if (path.kind === 'exact') {
    getOrInsert(table.exact, path.path, () => []).push(ranked)
  } else if (path.kind === 'regex') {
    addByPrefix(table.regexes, path.literalPrefix, ranked, ranked.rank)
  } else {
    const node = nodeFor(table.root, path.segments, ranked.rank)
    const list = path.kind === 'prefix' ? node.below : node.here
    list.push(ranked)
  }
}

function nodeFor<T>(root: TrieNode<T>, segments: readonly PatternSegment[], rank: number): TrieNode<T> {
  let node = root
  node.rankMin = Math.min(node.rankMin, rank)
  for (const segment of segments) {
    if ('param' in segment) {
      node.param ??= newNode()
      node = node.param
    } else {
      node.literals ??= new Map()
      node = getOrInsert(node.literals, segment.literal, newNode<T>)
    }
    node.rankMin = Math.min(node.rankMin, rank)
  }
  return node
}

function getOrInsert<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
