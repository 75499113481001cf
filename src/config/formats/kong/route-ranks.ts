/** In which order Kong's router tries routes: `reference/kong-semantics.md` 2.4. */
import { addTo } from './groups.ts'
import { routePartId } from './ids.ts'
import type { RouteEntity, RouteFields } from './types.ts'

/** A part of a route that Kong's router ranks by itself: its paths of one length, or its regular expressions. */
interface RoutePart {
  readonly route: RouteEntity
  readonly id: string
  readonly priority: bigint
  readonly paths: readonly string[]
}

/** The paths of a route as the native form ranks them, and the rank for each; the rank of a route without paths is under the empty one. */
export type RouteRanks = ReadonlyMap<RouteEntity, ReadonlyMap<string, number>>

/**
 * Ranks of all paths of all routes, 1 for the one that all others beat. Kong breaks ties by the id of the part, the greater first, and tries the
 * expressions of one part in their order.
 */
export function rankRoutes(routes: readonly RouteEntity[]): RouteRanks {
  const parts = routes.flatMap(partsOf).sort((a, b) => compare(a.priority, b.priority) || compare(a.id, b.id))
  const ranks = new Map<RouteEntity, Map<string, number>>(routes.map((route) => [route, new Map()]))
  let rank = 0
  for (const { route, paths } of parts) {
    const own = ranks.get(route)
    const isRegex = paths[0]?.startsWith('~') === true
    if (!isRegex) rank++
    // Two prefixes of one length never match one path; two expressions may.
    for (const path of paths.length === 0 ? [''] : paths.toReversed()) own?.set(path, isRegex ? ++rank : rank)
  }
  return ranks
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : Number(a > b)
}

function partsOf(route: RouteEntity): RoutePart[] {
  const { fields, id } = route
  const groups = new Map<number, string[]>()
  for (const path of new Set(fields.paths)) {
    const key = path.startsWith('~') ? 0 : Buffer.byteLength(path)
    addTo(groups, key, path)
  }
  if (groups.size === 0) return [{ route, id, priority: priorityOf(fields, null), paths: [] }]
  return [...groups].map(([length, paths], index) => ({
    route,
    id: groups.size === 1 ? id : routePartId(id, index + 1),
    priority: priorityOf(fields, length),
    paths,
  }))
}

const HEADERS_MAX = 255
const LENGTH_MASK = 0x7_ffffn

/**
 * Kong's number of 64 bits.
 * @param length of the prefixes in bytes, 0 for regular expressions, null for none
 */
export function priorityOf({ methods, hosts, headers, snis, regexPriority }: RouteFields, length: number | null): bigint {
  const headerCount = Object.keys(headers).length
  const kinds = [methods.length, hosts.length, headerCount, snis.length, Number(length !== null)].filter((count) => count > 0).length
  const isRegex = length === 0
  return BigInt.asUintN(
    64,
    (BigInt(kinds) << 61n) |
      (hosts.length > 0 && hosts.every((host) => !host.includes('*')) ? 1n << 60n : 0n) |
      (BigInt(Math.min(headerCount, HEADERS_MAX)) << 52n) |
      (isRegex ? 1n << 51n : 0n) |
      (isRegex ? BigInt.asUintN(64, BigInt(regexPriority) << 19n) : 0n) |
      (BigInt(length ?? 0) & LENGTH_MASK),
  )
}
