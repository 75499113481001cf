import { normalisePath } from '../../core/path.ts'
import type { PolicyDefinition } from '../../core/policy.ts'
import { compileRegex, type Regex } from '../../core/regex.ts'
import { refuse } from '../../core/reply.ts'
import type { RewriteOptions } from './schema.ts'

export const rewrite: PolicyDefinition<RewriteOptions> = {
  kind: 'rewrite',
  summary: 'Changes the path that the service sees.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile({ stripPrefix, path: replacement, addPrefix = '' }) {
    const strip = stripPrefix === undefined ? null : withoutTrailingSlash(stripPrefix)
    const regex = replacement === undefined ? null : checkedRegex(replacement.match)
    const replace = replacement?.replace ?? ''
    const add = withoutTrailingSlash(addPrefix)
    const refusal = refuse('request_path_invalid')
    return {
      onRequest(exchange) {
        let { path } = exchange.forward
        if (strip !== null) path = stripSegments(path, strip)
        if (regex !== null) path = regex.replaceFirst(path, replace) ?? path
        if (!path.startsWith('/')) path = `/${path}`
        path = add + path
        const normal = normalisePath(path)
        if (normal === null || (normal !== path && segmentCount(normal) !== segmentCount(path))) return refusal
        exchange.forward.path = normal
        return undefined
      },
    }
  },
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
