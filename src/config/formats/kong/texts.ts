/** Checks of the texts in Kong's entities, in Kong's words. Null for nothing wrong. */
import { isIP } from 'node:net'
import { normalisePath } from '../../../core/path.ts'

/** Names: what is not ASCII is taken as it is. */
export const namePattern = /^[A-Za-z0-9.\-_~\u0080-\u{10ffff}]+$/u
export const tagPattern = /^[ \x21-\x2b\x2d\x2e\x30-\x7e\u0080-\u{10ffff}]+$/u

const HOST = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$/
const PATH = /^\/[\w.\-~/%:@!$&'()*+,;=]*$/

/** A host without a port: a name or an address. */
export function hostProblem(host: string): string | null {
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return null
  if (/^[^:]+:\d+$/.test(host)) return 'must not have a port'
  return HOST.test(host) ? null : `invalid value: ${host}`
}

/** The path of a service, a cookie or a health check. */
export function pathProblem(path: string): string | null {
  if (!path.startsWith('/')) return 'should start with: /'
  if (path.includes('//')) return 'must not have empty segments'
  if (!PATH.test(path)) return `invalid path: '${path}' (characters outside of the reserved list of RFC 3986 found)`
  return encodingProblem(path)
}

function encodingProblem(path: string): string | null {
  const wrong = /%(?![0-9A-Fa-f]{2}).{0,2}/.exec(path)?.[0]
  return wrong === undefined ? null : `invalid url-encoded value: '${wrong}'`
}

/** The path of a route: a prefix, or a regular expression behind `~`. */
export function routePathProblem(path: string): string | null {
  if (!path.startsWith('/') && !path.startsWith('~/')) return 'should start with: / (fixed path) or ~/ (regex path)'
  if (path.includes('//')) return 'must not have empty segments'
  if (path.startsWith('~')) return null
  const problem = encodingProblem(path)
  if (problem !== null) return problem
  const normal = normalRoutePath(path)
  return path === normal ? null : `non-normalized path, consider use '${normal}' instead`
}

/** The form in which Kong compares paths: encoded where that is needed, decoded where not, without dot segments. */
export function normalRoutePath(path: string): string {
  const encoded = path
    .replaceAll(/[^\x21-\x7e]+/gu, (run) => encodeURIComponent(run.toWellFormed()))
    .replaceAll(/[\\"<>^`{|}#?]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  return normalisePath(encoded) ?? encoded
}

/** A name that a client may ask for in its TLS handshake. */
export function snisProblem(name: string): string | null {
  const star = name.indexOf('*')
  if (star > 0 && star !== name.length - 1) return 'wildcard must be leftmost or rightmost character'
  if (name.lastIndexOf('*') !== star) return 'only one wildcard must be specified'
  const plain = name.replace('*', 'wildcard')
  if (isIP(plain) !== 0) return 'must not be an IP'
  return hostProblem(plain)
}

/** `host`, `host:port`, `[::1]` or `[::1]:port`. */
export function targetProblem(target: string): string | null {
  return parseTarget(target) === null ? `Invalid target ('${target}'); not a valid hostname or ip address` : null
}

const PORT_DEFAULT = 8_000

/** A target's host, IPv6 in brackets, and port; null for what is none. */
export function parseTarget(target: string): { readonly host: string; readonly port: number } | null {
  if (isIP(target) === 6) return { host: `[${target}]`, port: PORT_DEFAULT }
  const [, host = '', digits] = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(target) ?? []
  const port = digits === undefined ? PORT_DEFAULT : Number(digits)
  return host === '' || hostProblem(host) !== null || port < 1 || port > 65_535 ? null : { host, port }
}
