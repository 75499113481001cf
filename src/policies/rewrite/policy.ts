import type { Exchange } from '../../core/exchange.ts'
import { normalisePath } from '../../core/path.ts'
import { matchedLength } from '../../core/path-pattern.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import { compileRegex, type Regex } from '../../core/regex.ts'
import { refuse } from '../../core/reply.ts'
import { joinPaths } from './join.ts'
import type { RewriteOptions } from './schema.ts'

export const rewrite: PolicyDefinition<RewriteOptions> = {
  kind: 'rewrite',
  summary: 'Changes the path that the service sees.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile(options) {
    const toPath = compilePath(options)
    const { preserveHost, keepEmptyQuery } = options
    const refusal = refuse('request_path_invalid')
    return {
      onRequest(exchange) {
        const { forward, request } = exchange
        const path = toPath(exchange)
        const normal = normalisePath(path)
        if (normal === null || (normal !== path && segmentCount(normal) !== segmentCount(path))) return refusal
        forward.path = normal
        if (preserveHost) forward.authority = request.authority
        if (keepEmptyQuery) forward.emptyQuery = request.target.endsWith('?')
        return undefined
      },
    }
  },
}

/** The path to send, before it is brought into normal form. */
function compilePath({ stripPrefix, stripMatched, path: replacement, addPrefix = '', basePath, forwardedPrefix }: RewriteOptions) {
  const strip = stripPrefix === undefined ? null : withoutTrailingSlash(stripPrefix)
  const regex = replacement === undefined ? null : checkedRegex(replacement.match)
  const replace = replacement?.replace ?? ''
  const add = withoutTrailingSlash(addPrefix)
  return (exchange: Exchange): string => {
    const asked = exchange.forward.path
    let path = asked
    if (strip !== null) path = stripSegments(path, strip)
    if (stripMatched) {
      const matched = matchedText(exchange)
      path = path.slice(matched.length)
      if (forwardedPrefix) tellPrefix(exchange, matched)
    }
    if (regex !== null) path = regex.replaceFirst(path, replace) ?? path
    if (basePath !== undefined) return joinPaths(basePath, path, asked)
    return path.startsWith('/') ? add + path : `${add}/${path}`
  }
}

/** What the route's path has matched of the path that is forwarded; empty where something else has taken its place. */
function matchedText({ pathPattern, request, forward }: Exchange): string {
  const matched = pathPattern === null ? '' : request.path.slice(0, matchedLength(pathPattern, request.path))
  return forward.path.startsWith(matched) ? matched : ''
}

function tellPrefix({ request: { headers }, client }: Exchange, prefix: string): void {
  if (client.trusted && headers.has('X-Forwarded-Prefix')) return
  if (prefix === '' || prefix === '/') headers.delete('X-Forwarded-Prefix')
  else headers.set('X-Forwarded-Prefix', prefix)
}

function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/** Takes off whole segments: `/api` of `/api/x` and of `/api`, not of `/apix`. */
function stripSegments(path: string, prefix: string): string {
  if (!path.startsWith(prefix)) return path
  if (path.length === prefix.length) return '/'
  return path.charAt(prefix.length) === '/' ? path.slice(prefix.length) : path
}

function checkedRegex(source: string): Regex {
  const regex = compileRegex(source, 'none')
  if ('problem' in regex) throw new Error(`rewrite: ${regex.problem}`)
  return regex
}

/**
 * Segments that are not empty. Fewer of them in the normal form mean that a dot segment was removed, of which the request's own path has none: with
 * `/x(.*)` to `/files/$1` a client makes one of `/x../secret`, and would climb out of the directory that the operator wrote.
 */
function segmentCount(path: string): number {
  return path.split('/').filter((segment) => segment !== '').length
}
