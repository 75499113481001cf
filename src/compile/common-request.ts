import { matchesPath, type PathPattern } from '../core/path-pattern.ts'
import { type Candidate, type HostPattern, matchesHost, takesMethod, type ValuePredicate } from './route-match.ts'

/** A request, as an example for people. Header and query values are plain text, by name. */
export interface ExampleRequest {
  readonly method: string
  readonly host: string
  readonly path: string
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
  const [host, path] = [exampleHost(a.host), examplePath(a.path)]
  const bothMatch = [a, b].every((candidate) => matchesHost(candidate.host, host) && matchesPath(candidate.path, path))
  return method === undefined || headers === null || query === null || !bothMatch ? null : { method, host, path, headers, query }
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

function exampleHost(host: HostPattern): string {
  return host.kind === 'any' ? '' : host.kind === 'exact' ? host.host : `any${host.suffix}`
}

function examplePath(path: PathPattern): string {
  if (path.kind === 'exact') return path.path
  if (path.kind === 'regex') return path.literalPrefix === '' ? '/' : path.literalPrefix
  return `/${path.segments.map((segment) => ('param' in segment ? segment.param : segment.literal)).join('/')}`
}

/** `GET any.example.com/a?v=1 with x-version: 2`. */
export function showRequest({ method, host, path, headers, query }: ExampleRequest): string {
  const pairs = [...query].map(([name, value]) => `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`)
  const fields = [...headers].map(([name, value]) => `${name}: ${value}`)
  return `${method} ${host}${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}${fields.length === 0 ? '' : ` with ${fields.join(', ')}`}`
}
