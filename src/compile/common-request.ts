import { matchesPath, type PathPattern } from '../core/path-pattern.ts'
import { exampleHost, type HostPattern, matchesHost } from './host-pattern.ts'
import { type Candidate, takesMethod, takesPort, type ValuePredicate } from './route-match.ts'

/** A request, as an example for people. Header and query values are plain text, by name. */
export interface ExampleRequest {
  readonly method: string
  readonly host: string
  readonly path: string
  /** Null for any. */
  readonly port: number | null
  /** Null for any, or none. */
  readonly serverName: string | null
  readonly headers: ReadonlyMap<string, string>
  readonly query: ReadonlyMap<string, string>
}

/**
 * A request that both candidates match, for two with the same host and path pattern; null when there is none or none is easily found. Whatever
 * is given has been tried on both.
 */
export function commonRequest(a: Candidate<unknown>, b: Candidate<unknown>): ExampleRequest | null {
  const methods = ['GET', ...a.predicates.methods, ...b.predicates.methods]
  const method = methods.find((name) => takesMethod(a.predicates, name) && takesMethod(b.predicates, name))
  const headers = commonValues([...a.predicates.headers, ...b.predicates.headers])
  const query = commonValues([...a.predicates.query, ...b.predicates.query])
  const ports = [...a.predicates.ports, ...b.predicates.ports]
  const port = ports.find((port) => takesPort(a.predicates, port) && takesPort(b.predicates, port)) ?? null
  const [host, path] = [exampleHost(a.host), examplePath(a.path)]
  const serverName = commonServerName(a.predicates.serverNames, b.predicates.serverNames)
  const bothMatch = [a, b].every((candidate) => matchesHost(candidate.host, host) && matchesPath(candidate.path, path))
  const isReal = method !== undefined && headers !== null && query !== null && serverName !== undefined
  if (!isReal || !bothMatch || (ports.length > 0 && port === null)) return null
  return { method, host, path, port, serverName, headers, query }
}

/**
 * A name that both take; null where neither asks for one, undefined for none. Without TLS both take any request, but who tells routes apart by
 * this name hardly serves without.
 */
function commonServerName(a: readonly HostPattern[], b: readonly HostPattern[]): string | null | undefined {
  const takes = (patterns: readonly HostPattern[], name: string) =>
    patterns.length === 0 || patterns.some((pattern) => matchesHost(pattern, name))
  if (a.length === 0 && b.length === 0) return null
  return [...a, ...b].map(exampleHost).find((name) => takes(a, name) && takes(b, name))
}

/** Values that fulfil all predicates at once. */
function commonValues(predicates: readonly ValuePredicate[]): ReadonlyMap<string, string> | null {
  const values = new Map<string, string>()
  for (const [name, group] of Map.groupBy(predicates, (predicate) => predicate.name)) {
    const guesses = [
      ...group.flatMap(({ match }) => (match.kind === 'exact' ? [match.value] : match.kind === 'regex' ? [match.source] : [])),
      '1',
      'a',
    ]
    const value = guesses.find((guess) => group.every((predicate) => predicate.test(guess)))
    if (value === undefined) return null
    values.set(name, value)
  }
  return values
}

function examplePath(path: PathPattern): string {
  if (path.kind === 'exact') return path.path
  if (path.kind === 'regex') return path.literalPrefix === '' ? '/' : path.literalPrefix
  return `/${path.segments.map((segment) => ('param' in segment ? segment.param : segment.literal)).join('/')}`
}

/** `GET any.example.com:8080/a?v=1 with x-version: 2`. */
export function showRequest({ method, host, path, port, serverName, headers, query }: ExampleRequest): string {
  const pairs = [...query].map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
  const fields = [...headers].map(([name, value]) => `${name}: ${value}`)
  if (serverName !== null) fields.unshift(`the server name ${serverName}`)
  const target = `${host}${port === null ? '' : `:${port}`}${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`
  return `${method} ${target}${fields.length === 0 ? '' : ` with ${fields.join(', ')}`}`
}
