/**
 * What a route asks of a request, compiled: the predicates, and the order in which routes win. The router, `explain`, the analysis of
 * routes and the tests' plain reference all stand on this file.
 */
import type { RouteMatchIr, ValueMatchIr } from '../config/ir.ts'
import type { Headers } from '../core/headers.ts'
import { type PathPattern, parsePathPattern } from '../core/path-pattern.ts'
import type { Compatibility } from '../core/policy-order.ts'
import { compileRegex } from '../core/regex.ts'
import { ANY_HOST, compareHosts, type HostPattern, matchesHost, parseHost } from './host-pattern.ts'

/** What routing looks at. */
export interface RouteQuery {
  /** Upper case as sent. */
  readonly method: string
  /** Lower case, without port; empty for none. */
  readonly host: string
  /** In the normal form of `core/path.ts`. */
  readonly path: string
  /** What follows the question mark, as received. */
  readonly query: string
  /** Of the listener. */
  readonly port: number
  /** What the client named in its TLS handshake (SNI), in lower case; empty for nothing, null for a request without TLS. */
  readonly serverName: string | null
  readonly headers: Headers
}

/** A route as the router takes it. */
export interface RouterEntry<T> {
  /** Unique. */
  readonly name: string
  readonly match: RouteMatchIr
  readonly priority: number
  /** What a request that takes the route is given. */
  readonly value: T
}

/** What is asked of one header field or query parameter. */
export interface ValuePredicate {
  /** A header's in lower case. */
  readonly name: string
  readonly match: ValueMatchIr
  /** @param value the value found, null for absent. */
  test(value: string | null): boolean
}

/** What depends on whose way of routing is asked for. */
export interface RoutingRules {
  /** Whether a route for GET takes HEAD as well (RFC 9110, 9.3.2: the same without the body). */
  readonly headAsGet: boolean
  /** Whether a request that would be taken but for its method is told so (405). */
  readonly tellsMethods: boolean
  /** Whether of a header that is sent several times one value is enough. Otherwise they are one value, so that none of its copies hides. */
  readonly anyValue: boolean
}

const NATIVE_RULES: RoutingRules = { headAsGet: true, tellsMethods: true, anyValue: false }
const KONG_RULES: RoutingRules = { headAsGet: false, tellsMethods: false, anyValue: true }

/** @param compatibility null for our own way */
export function routingRules(compatibility: Compatibility | null): RoutingRules {
  return compatibility === 'kong' ? KONG_RULES : NATIVE_RULES
}

/** The predicates of a route that do not depend on which of its hosts and paths matched. */
export interface RoutePredicates {
  /** Empty for any. */
  readonly methods: readonly string[]
  readonly headAsGet: boolean
  /** Empty for any. */
  readonly ports: readonly number[]
  /** Empty for any. */
  readonly serverNames: readonly HostPattern[]
  readonly headers: readonly ValuePredicate[]
  /** See {@link RoutingRules}. */
  readonly anyValue: boolean
  readonly query: readonly ValuePredicate[]
}

/** One route with one of its hosts and one of its paths: what is put in order. */
export interface Candidate<T> {
  readonly entry: RouterEntry<T>
  readonly host: HostPattern
  readonly path: PathPattern
  /** The path's own, or else the route's. */
  readonly priority: number
  readonly predicates: RoutePredicates
}

/**
 * All candidates of all routes, the one that wins first.
 * @throws Error when a pattern or an expression does not parse; configurations are checked before, with positions.
 */
export function expandCandidates<T>(routes: readonly RouterEntry<T>[], { headAsGet, anyValue } = NATIVE_RULES): Candidate<T>[] {
  const candidates: Candidate<T>[] = []
  for (const entry of routes) {
    const { match } = entry
    const predicates: RoutePredicates = {
      methods: match.methods,
      headAsGet,
      ports: match.ports,
      serverNames: match.serverNames.map(parseHost),
      headers: match.headers.map(({ name, match }) => valuePredicate(name.toLowerCase(), match)),
      anyValue,
      query: match.query.map(({ name, match }) => valuePredicate(name, match)),
    }
    const hosts = match.hosts.length === 0 ? [ANY_HOST] : match.hosts.map(parseHost)
    const paths = match.paths.map((text, i) => ({
      path: orThrow(parsePathPattern(text), entry.name),
      priority: match.pathPriorities[i] ?? entry.priority,
    }))
    for (const host of hosts) for (const path of paths) candidates.push({ entry, host, ...path, predicates })
  }
  return candidates.sort(compareCandidates)
}

function valuePredicate(name: string, match: ValueMatchIr): ValuePredicate {
  if (match.kind === 'present') return { name, match, test: (value) => value !== null }
  if (match.kind === 'exact') return { name, match, test: (value) => value === match.value }
  const regex = orThrow(compileRegex(match.source, 'both'), name)
  return { name, match, test: (value) => value !== null && regex.test(value) }
}

function orThrow<V extends object>(result: V | { readonly problem: string }, where: string): V {
  if ('problem' in result) throw new Error(`${where}: ${result.problem}`)
  return result
}

/**
 * The order in which routes win, the one place where it is defined. Negative when `a` wins over `b`. The first difference decides:
 *
 * 1. the higher `priority`, the path's own (`pathPriority`) where it has one;
 * 2. the host: exact, then one label for the star (`*.`), then more before (`**.`) and more behind (`.**`), of two such the longer name, then any;
 * 3. the path: exact, then a fixed number of segments with captures, then prefixes, then regular expressions. Of two paths with captures the one
 *    with literal text where the other captures, at the first such segment; of two prefixes the one with more segments, then likewise; of
 *    two expressions the longer source;
 * 4. the greater number of header and query predicates, `port` and `serverName` counting as one each;
 * 5. a route that names methods before one that takes any; a route that names HEAD before one that takes it as a GET;
 * 6. the name, so that the outcome never depends on the order in a file. `check` reports when it comes to that.
 */
export function compareCandidates(a: Candidate<unknown>, b: Candidate<unknown>): number {
  return compareSpecificity(a, b) || compareText(a.entry.name, b.entry.name) || compareText(a.path.text, b.path.text)
}

/** The rules of {@link compareCandidates} without the last: 0 when only the name decides. */
export function compareSpecificity(a: Candidate<unknown>, b: Candidate<unknown>): number {
  for (const [, compare] of ORDER) {
    const order = compare(a, b)
    if (order !== 0) return order
  }
  return 0
}

/** Why `winner` comes before `loser`, to follow "because": the first rule that tells them apart. */
export function reasonOfOrder(winner: Candidate<unknown>, loser: Candidate<unknown>): string {
  return ORDER.find(([, compare]) => compare(winner, loser) !== 0)?.[0] ?? 'its name comes first'
}

const ORDER: readonly (readonly [string, (a: Candidate<unknown>, b: Candidate<unknown>) => number])[] = [
  ['its priority is higher', (a, b) => b.priority - a.priority],
  ['its host is more specific', (a, b) => compareHosts(a.host, b.host)],
  ['its path is more specific', (a, b) => PATH_ORDER[a.path.kind] - PATH_ORDER[b.path.kind] || compareSameKind(a.path, b.path)],
  ['it asks for more besides host and path', (a, b) => predicateCount(b) - predicateCount(a)],
  ['it names its methods', (a, b) => namesMethods(b) - namesMethods(a)],
  ['it names HEAD', (a, b) => namesHead(b) - namesHead(a)],
]

const PATH_ORDER = { exact: 0, segments: 1, prefix: 2, regex: 3 } as const

function compareSameKind(a: PathPattern, b: PathPattern): number {
  if (a.kind === 'regex' && b.kind === 'regex') return b.regex.source.length - a.regex.source.length
  if ((a.kind !== 'segments' && a.kind !== 'prefix') || (b.kind !== 'segments' && b.kind !== 'prefix')) return 0
  // Two patterns of unequal length and fixed size never match one path; the comparison only keeps the order total.
  const byLength = b.segments.length - a.segments.length
  if (byLength !== 0) return byLength
  for (let i = 0; i < a.segments.length; i++) {
    const order = Number('param' in (a.segments[i] ?? {})) - Number('param' in (b.segments[i] ?? {}))
    if (order !== 0) return order
  }
  return 0
}

function predicateCount({ predicates: { headers, query, ports, serverNames } }: Candidate<unknown>): number {
  return headers.length + query.length + Number(ports.length > 0) + Number(serverNames.length > 0)
}

function namesMethods({ predicates }: Candidate<unknown>): number {
  return Number(predicates.methods.length > 0)
}

function namesHead({ predicates }: Candidate<unknown>): number {
  return Number(predicates.methods.includes('HEAD'))
}

/** By UTF-16 code units, the same on every machine. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

/** Whether a method is taken; HEAD as a GET where the rules say so. */
export function takesMethod({ methods, headAsGet }: RoutePredicates, method: string): boolean {
  return methods.length === 0 || methods.includes(method) || (headAsGet && method === 'HEAD' && methods.includes('GET'))
}

export function takesPort({ ports }: RoutePredicates, port: number): boolean {
  return ports.length === 0 || ports.includes(port)
}

/** @param serverName null for a request without TLS, which is not asked */
export function takesServerName({ serverNames }: RoutePredicates, serverName: string | null): boolean {
  return serverName === null || serverNames.length === 0 || serverNames.some((pattern) => matchesHost(pattern, serverName))
}

/** The first header predicate that fails, or null. */
export function failingHeader({ headers: predicates, anyValue }: RoutePredicates, headers: Headers): ValuePredicate | null {
  for (const predicate of predicates) {
    const fits = anyValue
      ? headers.getAll(predicate.name).some((value) => predicate.test(value))
      : predicate.test(headerValue(headers, predicate.name))
    if (!fits) return predicate
  }
  return null
}

/** A field as predicates see it: one sent several times is one value, joined by a comma (RFC 9110, 5.3), so that none of its copies hides. */
export function headerValue(headers: Headers, name: string): string | null {
  return headers.getJoined(name) ?? null
}

/** The first query predicate that fails, or null. */
export function failingQuery({ query: predicates }: RoutePredicates, query: string): ValuePredicate | null {
  for (const predicate of predicates) {
    if (!predicate.test(queryValue(query, predicate.name))) return predicate
  }
  return null
}

/**
 * The first value of a query parameter, null for absent. Names and values are decoded as HTML forms are (`+` is a space); what is
 * malformed is compared as it stands.
 */
export function queryValue(query: string, name: string): string | null {
  let at = 0
  while (at < query.length) {
    let end = query.indexOf('&', at)
    if (end === -1) end = query.length
    let equals = query.indexOf('=', at)
    if (equals === -1 || equals > end) equals = end
    if (decodeForm(query.slice(at, equals)) === name) return decodeForm(query.slice(equals + 1, end))
    at = end + 1
  }
  return null
}

function decodeForm(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
