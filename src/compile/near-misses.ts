import { matchesPath, matchingSegments, type PathPattern } from '../core/path-pattern.ts'
import { type HostPattern, hostText, hostWanted, matchesHost } from './host-pattern.ts'
import {
  type Candidate,
  failingHeader,
  failingQuery,
  headerValue,
  queryValue,
  type RouteQuery,
  reasonOfOrder,
  takesMethod,
  takesPort,
  takesServerName,
  type ValuePredicate,
} from './route-match.ts'

/** Where a route dropped out; `order` when it matches and another wins. */
export type FailedPredicate = 'host' | 'path' | 'port' | 'server-name' | 'method' | 'headers' | 'query' | 'order'

/** A route that nearly takes a request. */
export interface NearMiss {
  readonly route: string
  readonly failed: FailedPredicate
  /** `path: /api/v1/usersX does not lie below /api/v1/users`. */
  readonly message: string
}

/** How near a candidate came: the stage it failed at, and for a path the segments it shares. */
interface Nearness {
  readonly stage: number
  readonly segments: number
}

interface Miss extends NearMiss, Nearness {}

const STAGES: readonly FailedPredicate[] = ['host', 'path', 'port', 'server-name', 'method', 'headers', 'query', 'order']
const SHOWN_CHARS_MAX = 200

/** See `Router.explain`. @param candidates in the order in which they win. */
export function nearMisses(candidates: readonly Candidate<unknown>[], request: RouteQuery, max: number): readonly NearMiss[] {
  const winner = candidates.find((candidate) => missOf(candidate, request) === null) ?? null
  const nearest = new Map<string, Miss>()
  for (const candidate of candidates) {
    const route = candidate.entry.name
    if (route === winner?.entry.name) continue
    const miss = missOf(candidate, request) ?? beaten(candidate, winner)
    const before = nearest.get(route)
    if (before === undefined || compareNearness(miss, before) < 0) nearest.set(route, miss)
  }
  return [...nearest.values()]
    .sort(compareNearness)
    .slice(0, max)
    .map(({ route, failed, message }) => ({ route, failed, message }))
}

function compareNearness(a: Nearness, b: Nearness): number {
  return b.stage - a.stage || b.segments - a.segments
}

/** The first predicate that a candidate fails, in the fixed order; null when it matches. */
function missOf(candidate: Candidate<unknown>, request: RouteQuery): Miss | null {
  const { host, path, predicates } = candidate
  if (!matchesHost(host, request.host)) return miss(candidate, 'host', hostMessage(host, request.host), request)
  if (!matchesPath(path, request.path)) return miss(candidate, 'path', pathMessage(path, request.path), request)
  if (!takesPort(predicates, request.port)) {
    return miss(candidate, 'port', `port: ${request.port} is not ${predicates.ports.join(' or ')}`, request)
  }
  if (!takesServerName(predicates, request.serverName)) {
    return miss(candidate, 'server-name', serverNameMessage(predicates.serverNames, request.serverName ?? ''), request)
  }
  if (!takesMethod(predicates, request.method)) {
    return miss(candidate, 'method', `method: ${show(request.method)} is not ${predicates.methods.join(' or ')}`, request)
  }
  const header = failingHeader(predicates, request.headers)
  if (header !== null) return miss(candidate, 'headers', valueMessage('header', header, headerValue(request.headers, header.name)), request)
  const query = failingQuery(predicates, request.query)
  if (query !== null) return miss(candidate, 'query', valueMessage('query', query, queryValue(request.query, query.name)), request)
  return null
}

function miss(candidate: Candidate<unknown>, failed: FailedPredicate, message: string, request: RouteQuery): Miss {
  const { path } = candidate
  const segments = path.kind === 'regex' ? 0 : sharedSegments(path, request.path)
  return { route: candidate.entry.name, failed, message, stage: STAGES.indexOf(failed), segments }
}

function beaten(candidate: Candidate<unknown>, winner: Candidate<unknown> | null): Miss {
  const message = winner === null ? 'matches' : `matches, but ${winner.entry.name} wins: ${reasonOfOrder(winner, candidate)}`
  return { route: candidate.entry.name, failed: 'order', message, stage: STAGES.indexOf('order'), segments: 0 }
}

function sharedSegments(pattern: Exclude<PathPattern, { kind: 'regex' }>, path: string): number {
  if (pattern.kind !== 'exact') return matchingSegments(pattern.segments, path)
  const segments = pattern.path.split('/').slice(1)
  return matchingSegments(
    segments.map((literal) => ({ literal })),
    path,
  )
}

function hostMessage(pattern: HostPattern, host: string): string {
  const wanted = hostWanted(pattern)
  return host === '' ? `host: expected ${wanted}, the request names none` : `host: ${show(host)} is not ${wanted}`
}

function serverNameMessage(patterns: readonly HostPattern[], name: string): string {
  const wanted = patterns.map(hostText).join(' or ')
  return name === '' ? `server name: expected ${wanted}, the client names none` : `server name: ${show(name)} is not ${wanted}`
}

function pathMessage(pattern: PathPattern, path: string): string {
  if (pattern.kind === 'exact') return `path: ${show(path)} is not ${pattern.path}`
  if (pattern.kind === 'prefix') return `path: ${show(path)} does not lie below ${pattern.text.slice(0, -2)}`
  return `path: ${show(path)} does not match ${pattern.text}`
}

function valueMessage(where: string, { name, match }: ValuePredicate, value: string | null): string {
  const wanted = match.kind === 'exact' ? match.value : match.kind === 'regex' ? `a match of ${match.source}` : 'any value'
  return `${where} ${name}: expected ${wanted}, was ${value === null ? 'absent' : show(value)}`
}

/** What a client sent, short enough to be read and on one line. */
function show(text: string): string {
  const short = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text
  return /^[\x21-\x7e…]+$/.test(short) ? short : JSON.stringify(short)
}
