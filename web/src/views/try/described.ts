/** A request as the form describes it, the hash that holds it, and what `POST /explain` is asked. */
import { isSecretName, NO_SECRET_PLACES, shownTarget, shownValue } from '../../../../src/runtime/decisions/redact.ts'

export interface Described {
  readonly method: string
  /** `https://shop.example/orders/7`; without a host, that of a header, or `localhost`. */
  readonly url: string
  /** Each `Name: value`, one a line. */
  readonly headers: string
  /** Name of the listener; empty for the first that speaks the scheme. */
  readonly listener: string
  /** Address of the client; empty for nobody's. */
  readonly client: string
}

export const NOTHING: Described = { method: 'GET', url: '', headers: '', listener: '', client: '' }

const FIELDS = ['method', 'url', 'headers', 'listener', 'client'] as const
const HIDDEN = '***'

/** What the form describes, when the hash gives it. */
export function readDescribed(query: string): Described {
  const params = new URLSearchParams(query)
  const given = Object.fromEntries(FIELDS.flatMap((name) => (params.has(name) ? [[name, params.get(name) ?? '']] : [])))
  return { ...NOTHING, ...given }
}

/** A hash that describes the request again, but for credentials: it is shared, and stays in the browser's history. */
export function hashOf(described: Described): string {
  const lines = described.headers.split('\n').filter((line) => !holdsSecret(line))
  const all = { ...described, url: shownTarget(described.url, NO_SECRET_PLACES), headers: lines.join('\n') }
  const params = new URLSearchParams(FIELDS.flatMap((name) => (all[name] === '' ? [] : [[name, all[name]]])))
  return `#/try?${params.toString()}`
}

/** The form with a recorded request; what its record hides is left out. */
export function tryLink(
  request: {
    readonly method: string
    readonly scheme: string
    readonly host: string
    readonly target: string
    readonly headers: readonly (readonly string[])[]
  },
  listener: string,
): string {
  const headers = request.headers
    .filter(([name = '', value = '']) => name.toLowerCase() !== 'host' && !value.includes(HIDDEN))
    .map(([name = '', value = '']) => `${name}: ${value}`)
    .join('\n')
  const host = request.headers.find(([name = '']) => name.toLowerCase() === 'host')?.[1] ?? request.host
  return hashOf({ ...NOTHING, method: request.method, url: `${request.scheme}://${host}${request.target}`, headers, listener })
}

/** The body of `POST /explain`. @returns a sentence about what is no request */
export function bodyOf({ method, url, headers, listener, client }: Described): object | string {
  const [, scheme, authority, target = ''] = /^(?:(https?):\/\/([^/?#\s]+))?([/?][^#]*)?(?:#.*)?$/i.exec(url.trim()) ?? []
  if (authority === undefined && !target.startsWith('/')) return 'The URL begins with http://, https:// or, for a path alone, with /.'
  // No object: `constructor` is a name that a header may have.
  const fields = new Map<string, string[]>()
  let host = authority ?? 'localhost'
  for (const line of headers.split('\n').filter((one) => one.trim() !== '')) {
    const colon = line.indexOf(':')
    if (colon < 1) return `“${line}” is no header: it is written as Name: value.`
    const [name, value] = [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    if (name.toLowerCase() === 'host') host = value
    else fields.set(name, [...(fields.get(name) ?? []), value])
  }
  return {
    method: method.trim(),
    host,
    path: target.startsWith('/') ? target : `/${target}`,
    headers: Object.fromEntries(fields),
    ...(listener === '' ? scheme !== undefined && { scheme: scheme.toLowerCase() } : { listener }),
    ...(client.trim() !== '' && { client: client.trim() }),
  }
}

function holdsSecret(line: string): boolean {
  const colon = Math.max(0, line.indexOf(':'))
  const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1)]
  return isSecretName(name) || shownValue(name, value, NO_SECRET_PLACES) !== value
}
