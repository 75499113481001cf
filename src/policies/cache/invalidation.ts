import type { Exchange } from '../../core/exchange.ts'
import { normalisePath } from '../../core/path.ts'

export interface Uri {
  readonly host: string
  readonly path: string
  readonly query: string
}

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** Whether a method may change what was stored (RFC 9110, 9.2.1); one that nobody knows may. */
export function isUnsafe(method: string): boolean {
  return !SAFE.has(method)
}

/**
 * The URIs whose stored responses an answer to an unsafe method makes obsolete (RFC 9111, 4.4): that of the request and, on the same
 * origin, those in Location and Content-Location. None for an error.
 */
export function obsoleteUris({ request, response }: Exchange): readonly Uri[] {
  if (response.status < 200 || response.status >= 400) return []
  const { host, path, query, scheme, authority } = request
  const uris: Uri[] = [{ host, path, query }]
  const base = parseUrl(`${scheme}://${authority}${path}${query === '' ? '' : `?${query}`}`)
  if (base === null) return uris
  for (const name of ['Location', 'Content-Location']) {
    const field = response.headers.get(name)
    const url = field === undefined ? null : parseUrl(field, base)
    const named = url === null || url.origin !== base.origin ? null : normalisePath(url.pathname)
    if (url !== null && named !== null) uris.push({ host, path: named, query: url.search.slice(1) })
  }
  return uris
}

function parseUrl(text: string, base?: URL): URL | null {
  return URL.parse(text, base)
}
