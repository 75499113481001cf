import type { RouteIr, SourceLocation } from '../config/ir.ts'
import { matchesPath, type PathPattern, type PatternSegment } from '../core/path-pattern.ts'
import type { Compatibility } from '../core/policy-order.ts'
import { commonRequest, showRequest } from './common-request.ts'
import { coveringHosts, hostText } from './host-pattern.ts'
import { addByPrefix, newPrefixNode, nextByPrefix, type PrefixNode } from './prefix-tree.ts'
import {
  type Candidate,
  compareCandidates,
  compareSpecificity,
  expandCandidates,
  type RoutePredicates,
  type RouterEntry,
  reasonOfOrder,
  routingRules,
  takesMethod,
  type ValuePredicate,
} from './route-match.ts'

/** Something about routes that its author hardly meant. */
export interface RouteFinding {
  readonly severity: 'warning' | 'error'
  readonly route: string
  readonly at: SourceLocation
  readonly message: string
}

/** How many of the routes with one host and path each is compared with: keeps ten thousand routes on one path from taking minutes. */
const COMPARED_MAX = 200

/** A candidate with its place in the order, 0 for the one that beats all others. */
interface Ranked {
  readonly candidate: Candidate<RouteIr>
  readonly rank: number
}

/**
 * Finds routes that no request can reach, because another one takes all of theirs, and pairs of which only the name decides who takes a request.
 *
 * Unreachable is a warning, since a route for maintenance may well hide all others for a while; it is an error where only the name decides, for
 * then no order was ever stated. What is said is true of every request; not all that is true is said: a route that several others hide only
 * together, or that an expression hides, is not found.
 * @param compatibility whose way of routing; null for our own
 */
export function analyseRoutes(routes: readonly RouteIr[], compatibility: Compatibility | null = null): readonly RouteFinding[] {
  const findings: RouteFinding[] = []
  const candidates: Candidate<RouteIr>[] = []
  for (const route of routes) {
    const entry: RouterEntry<RouteIr> = { name: route.name, match: route.match, priority: route.priority, value: route }
    try {
      candidates.push(...expandCandidates([entry], routingRules(compatibility)))
    } catch (error) {
      findings.push(finding('error', route, error instanceof Error ? error.message : String(error)))
    }
  }
  const ranked = candidates.sort(compareCandidates).map((candidate, rank) => ({ candidate, rank }))
  const unreachable = findUnreachable(ranked, findings)
  findAmbiguous(ranked, unreachable, findings)
  return findings
}

function finding(severity: RouteFinding['severity'], route: RouteIr, message: string): RouteFinding {
  return { severity, route: route.name, at: route.at, message }
}

/** A route is unreachable when each of its candidates is covered by one that wins. Gives the names of those that are. */
function findUnreachable(ranked: readonly Ranked[], findings: RouteFinding[]): ReadonlySet<string> {
  const index = new CoverIndex(ranked)
  const winners = new Map<RouteIr, (readonly [Candidate<RouteIr>, Candidate<RouteIr>])[] | null>()
  for (const one of ranked) {
    const route = one.candidate.entry.value
    const known = winners.get(route) ?? []
    if (winners.get(route) === null) continue
    const winner = index.findWinner(one)
    winners.set(route, winner === null ? null : [...known, [winner.candidate, one.candidate]])
  }
  const unreachable = new Set<string>()
  for (const [route, pairs] of winners) {
    if (pairs === null) continue
    unreachable.add(route.name)
    const byName = pairs.some(([winner, loser]) => compareSpecificity(winner, loser) === 0)
    const reasons = new Set(pairs.map(([winner, loser]) => `\`${winner.entry.name}\` wins: ${reasonOfOrder(winner, loser)}`))
    const advice = byName ? '; nothing but the name decides: remove one or give one a `priority`' : ''
    findings.push(
      finding(byName ? 'error' : 'warning', route, `no request reaches this route: ${[...reasons].slice(0, 3).join(', ')}${advice}`),
    )
  }
  return unreachable
}

/** Of candidates that are alike but for the name, those that meet in one request. One finding a route. */
function findAmbiguous(ranked: readonly Ranked[], unreachable: ReadonlySet<string>, findings: RouteFinding[]): void {
  const told = new Set<string>()
  for (const group of Map.groupBy(ranked, ({ candidate }) => groupKey(candidate)).values()) {
    for (let i = 0; i < group.length; i++) {
      for (let j = i + 1; j < Math.min(group.length, i + 1 + COMPARED_MAX); j++) {
        const [winner, loser] = [group[i]?.candidate, group[j]?.candidate]
        // A group is in order: behind the first that is less specific, all are.
        if (winner === undefined || loser === undefined || compareSpecificity(winner, loser) !== 0) break
        const { name, value } = loser.entry
        if (winner.entry === loser.entry || told.has(name) || unreachable.has(name) || unreachable.has(winner.entry.name)) continue
        const example = commonRequest(winner, loser)
        if (example === null) continue
        told.add(name)
        const message = `\`${winner.entry.name}\` takes ${showRequest(example)} as well, and only the name decides: give one a \`priority\``
        findings.push(finding('warning', value, message))
      }
    }
  }
}

/** Candidates of equal specificity that meet at all have the same priority, host and path, but for the names of captures. */
function groupKey({ priority, host, path }: Candidate<RouteIr>): string {
  return JSON.stringify([priority, hostText(host), path.kind, path.kind === 'regex' ? path.regex.source : segmentsOf(path).map(segmentKey)])
}

function segmentKey(segment: PatternSegment): string | null {
  return 'param' in segment ? null : segment.literal
}

/** The segments of a pattern, an exact path's too. */
function segmentsOf(path: Exclude<PathPattern, { kind: 'regex' }>): readonly PatternSegment[] {
  if (path.kind !== 'exact') return path.segments
  return path.path
    .split('/')
    .slice(1)
    .map((literal) => ({ literal }))
}

/** A place in a trie of segments; see the router's. */
interface CoverNode {
  readonly literals: Map<string, CoverNode>
  param: CoverNode | null
  readonly here: Ranked[]
  readonly below: Ranked[]
}

interface CoverTable {
  readonly root: CoverNode
  readonly regexes: PrefixNode<Ranked>
}

/** Finds, for a candidate, one that takes all of its requests and wins. */
class CoverIndex {
  readonly #tables = new Map<string, CoverTable>()

  constructor(ranked: readonly Ranked[]) {
    for (const one of ranked) this.#add(one)
  }

  #add(one: Ranked): void {
    const { host, path } = one.candidate
    const key = hostText(host)
    const table = this.#tables.get(key) ?? { root: newCoverNode(), regexes: newPrefixNode() }
    this.#tables.set(key, table)
    if (path.kind === 'regex') {
      addByPrefix(table.regexes, path.literalPrefix, one, one.rank)
      return
    }
    let node = table.root
    for (const segment of segmentsOf(path)) node = childFor(node, segment)
    const list = path.kind === 'prefix' ? node.below : node.here
    list.push(one)
  }

  findWinner(one: Ranked): Ranked | null {
    const { path } = one.candidate
    for (const key of coveringHosts(one.candidate.host)) {
      const table = this.#tables.get(key)
      if (table === undefined) continue
      const winner = path.kind === 'regex' ? coverIn(table.root.below, one) : walk(table.root, segmentsOf(path), 0, one)
      if (winner !== null) return winner
      const byRegex = regexCover(table.regexes, one)
      if (byRegex !== null) return byRegex
    }
    return null
  }
}

function newCoverNode(): CoverNode {
  return { literals: new Map(), param: null, here: [], below: [] }
}

function childFor(node: CoverNode, segment: PatternSegment): CoverNode {
  if ('param' in segment) {
    node.param ??= newCoverNode()
    return node.param
  }
  const child = node.literals.get(segment.literal) ?? newCoverNode()
  node.literals.set(segment.literal, child)
  return child
}

/** Down the trie along a candidate's own segments: a literal is covered by itself and by a capture, a capture by a capture alone. */
function walk(node: CoverNode, segments: readonly PatternSegment[], depth: number, one: Ranked): Ranked | null {
  const below = coverIn(node.below, one)
  if (below !== null) return below
  const segment = segments[depth]
  if (segment === undefined) return one.candidate.path.kind === 'prefix' ? null : coverIn(node.here, one)
  const literal = 'literal' in segment ? node.literals.get(segment.literal) : undefined
  const byLiteral = literal === undefined ? null : walk(literal, segments, depth + 1, one)
  // A capture takes no empty segment, such as the one behind a trailing slash.
  if (byLiteral !== null || node.param === null || ('literal' in segment && segment.literal === '')) return byLiteral
  return walk(node.param, segments, depth + 1, one)
}

/** The first in a list, whose hosts and paths cover, that covers in all else and wins. */
function coverIn(list: readonly Ranked[], one: Ranked): Ranked | null {
  for (let i = 0; i < Math.min(list.length, COMPARED_MAX); i++) {
    const other = list[i]
    if (other === undefined || other.rank >= one.rank) return null
    if (coversPredicates(other.candidate, one.candidate)) return other
  }
  return null
}

/**
 * An expression covers the same expression and single paths; one that is plain text covers what begins with it. Of anything else it is hard to tell.
 * Whichever covers has a literal prefix that all of the candidate's paths begin with.
 */
function regexCover(root: PrefixNode<Ranked>, one: Ranked): Ranked | null {
  const { path } = one.candidate
  if (path.kind !== 'exact' && path.kind !== 'regex') return null
  const begin = path.kind === 'exact' ? path.path : path.literalPrefix
  let at = 0
  for (let node: PrefixNode<Ranked> | null = root; node !== null && node.rankMin < one.rank; node = nextByPrefix(node, begin, at)) {
    at += node.label.length
    const covering = node.items.slice(0, COMPARED_MAX).filter(({ candidate, rank }) => rank < one.rank && coversPath(candidate.path, path))
    const winner = coverIn(covering, one)
    if (winner !== null) return winner
  }
  return null
}

/** @param regex with a literal prefix that the other path begins with */
function coversPath(regex: PathPattern, path: PathPattern): boolean {
  if (regex.kind !== 'regex') return false
  return regex.isLiteral || (path.kind === 'exact' ? matchesPath(regex, path.path) : regex.text === path.text)
}

function coversPredicates(winner: Candidate<RouteIr>, loser: Candidate<RouteIr>): boolean {
  if (winner.entry === loser.entry) return false
  const [a, b] = [winner.predicates, loser.predicates]
  if (a.methods.length > 0 && (b.methods.length === 0 || !b.methods.every((method) => takesMethod(a, method)))) return false
  if (!coversPorts(a, b) || !coversServerNames(a, b)) return false
  return impliesAll(b.headers, a.headers) && impliesAll(b.query, a.query)
}

function coversPorts({ ports }: RoutePredicates, other: RoutePredicates): boolean {
  return ports.length === 0 || (other.ports.length > 0 && other.ports.every((port) => ports.includes(port)))
}

function coversServerNames({ serverNames }: RoutePredicates, other: RoutePredicates): boolean {
  if (serverNames.length === 0) return true
  const texts = serverNames.map(hostText)
  return other.serverNames.length > 0 && other.serverNames.every((name) => coveringHosts(name).some((text) => texts.includes(text)))
}

/** Whether whatever fulfils all of `known` fulfils all of `wanted`. */
function impliesAll(known: readonly ValuePredicate[], wanted: readonly ValuePredicate[]): boolean {
  return wanted.every((predicate) => known.some((other) => other.name === predicate.name && implies(other, predicate)))
}

function implies(known: ValuePredicate, wanted: ValuePredicate): boolean {
  if (wanted.match.kind === 'present') return true
  if (known.match.kind === 'exact') return wanted.test(known.match.value)
  return known.match.kind === 'regex' && wanted.match.kind === 'regex' && known.match.source === wanted.match.source
}
