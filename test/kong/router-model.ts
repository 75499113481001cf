/** Kong's router once more, written down as 2.4 of the reference says it and with nothing of ours. For tests. */

export interface ModelRoute {
  readonly name: string
  readonly id: string
  readonly methods?: readonly string[] | undefined
  readonly hosts?: readonly string[] | undefined
  readonly paths?: readonly string[] | undefined
  readonly headers?: Readonly<Record<string, readonly string[]>> | undefined
  readonly regex_priority?: number | undefined
}

export interface ModelRequest {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly headers: readonly (readonly [string, string])[]
}

interface Part {
  readonly route: ModelRoute
  readonly paths: readonly string[]
  readonly score: readonly number[]
}

/** The routes that beat all others for a request: one, or several that only their ids tell apart. */
export function modelMatch(routes: readonly ModelRoute[], request: ModelRequest): string[] {
  const matching = routes.flatMap(partsOf).filter((part) => matches(part, request))
  const best = matching.filter((part) => !matching.some((other) => beats(other, part)))
  return [...new Set(best.map(({ route }) => route.name))]
}

/** A route is divided by the lengths of its prefixes; its expressions are one part. */
function partsOf(route: ModelRoute): Part[] {
  const paths = route.paths ?? []
  const regexes = paths.filter(isRegex)
  const lengths = [...new Set(paths.filter((path) => !isRegex(path)).map((path) => path.length))]
  const groups = [
    ...(regexes.length > 0 ? [regexes] : []),
    ...lengths.map((length) => paths.filter((path) => !isRegex(path) && path.length === length)),
  ]
  return (groups.length === 0 ? [[]] : groups).map((group) => ({ route, paths: group, score: scoreOf(route, group) }))
}

function isRegex(path: string): boolean {
  return path.startsWith('~')
}

/** What counts, from the most to the least. */
function scoreOf({ methods = [], hosts = [], headers = {}, regex_priority = 0 }: ModelRoute, paths: readonly string[]): number[] {
  const [first = ''] = paths
  return [
    Number(methods.length > 0) + Number(hosts.length > 0) + Number(Object.keys(headers).length > 0) + Number(paths.length > 0),
    Number(hosts.length > 0 && hosts.every((host) => !host.includes('*'))),
    Object.keys(headers).length,
    Number(isRegex(first)),
    isRegex(first) ? regex_priority : 0,
    isRegex(first) ? 0 : first.length,
  ]
}

function beats(a: Part, b: Part): boolean {
  for (const [index, value] of a.score.entries()) {
    const other = b.score[index] ?? 0
    if (value !== other) return value > other
  }
  return false
}

function matches({ route, paths }: Part, { method, host, path, headers }: ModelRequest): boolean {
  const { methods = [], hosts = [] } = route
  if (methods.length > 0 && !methods.includes(method)) return false
  if (hosts.length > 0 && !hosts.some((pattern) => matchesHost(pattern, host))) return false
  if (paths.length > 0 && !paths.some((wanted) => matchesPath(wanted, path))) return false
  return Object.entries(route.headers ?? {}).every(([name, values]) =>
    headers.some(([sent, value]) => sent.toLowerCase() === name.toLowerCase() && values.some((wanted) => matchesValue(wanted, value))),
  )
}

function matchesHost(pattern: string, host: string): boolean {
  if (pattern.startsWith('*')) return host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
  if (pattern.endsWith('*')) return host.startsWith(pattern.slice(0, -1)) && host.length > pattern.length - 1
  return host === pattern
}

function matchesPath(wanted: string, path: string): boolean {
  return isRegex(wanted) ? new RegExp(`^(?:${wanted.slice(1)})`).test(path) : path.startsWith(wanted)
}

function matchesValue(wanted: string, value: string): boolean {
  const [lowWanted, low] = [wanted.toLowerCase(), value.toLowerCase()]
  return lowWanted.startsWith('~*') ? new RegExp(lowWanted.slice(2)).test(low) : lowWanted === low
}
