/** Kong's routes in the native form. */

import { addTo } from './groups.ts'
import type { NativeNames } from './native-names.ts'
import { nodeOf } from './nodes.ts'
import type { Notes } from './notes.ts'
import type { RouteRanks } from './route-ranks.ts'
import { retryOf } from './services.ts'
import type { FidelityRules, RouteEntity, Written } from './types.ts'

export const ROUTE_RULES = {
  path_handling: { fidelity: 'approximated', reason: "`v1` does nothing under Kong's default router, and does nothing here" },
  'paths#alternation': {
    fidelity: 'approximated',
    reason:
      'Kong ties only the first alternative of an expression to the start of the path; here all of them are: put them in a group, `~/(a|b)`',
  },
  response_buffering: { fidelity: 'approximated', reason: 'responses are always streamed' },
  request_buffering: {
    fidelity: 'approximated',
    reason: 'requests are always streamed; one with a large body is not sent again to another target once it has been sent',
  },
  'hosts#port': {
    fidelity: 'approximated',
    reason: 'hosts with different ports make routes of their own, so that limits of the route are counted for each port',
  },
} as const satisfies FidelityRules

/** A native route without its policies. */
export interface NativeRoute {
  readonly name: string
  readonly fields: Readonly<Record<string, Written | undefined>>
}

/** The native routes of a route: one, or one for each port that its hosts name. */
export function nativeRoutes(route: RouteEntity, ranks: RouteRanks, names: NativeNames, notes: Notes): NativeRoute[] {
  noteOf(route, notes)
  const byPort = hostsByPort(route.fields.hosts)
  return [...byPort].map(([port, hosts], index) => ({
    name: index === 0 ? route.fields.name : names.take(`${route.fields.name}-${port ?? 'any'}`, route.id),
    fields: fieldsOf(route, hosts, port, ranks.get(route) ?? new Map()),
  }))
}

function noteOf(route: RouteEntity, notes: Notes): void {
  const { label, fields, node } = route
  const say = (rule: keyof typeof ROUTE_RULES, path: readonly (string | number)[]): void =>
    notes.note(label, ROUTE_RULES, rule, route.locate(path))
  if (fields.pathHandling === 'v1') say('path_handling', ['path_handling'])
  for (const [index, path] of fields.paths.entries()) if (hasTopAlternation(path)) say('paths#alternation', ['paths', index])
  if (hostsByPort(fields.hosts).size > 1) say('hosts#port', ['hosts'])
  if (fields.responseBuffering && node.entries.has('response_buffering')) say('response_buffering', ['response_buffering'])
  if (fields.requestBuffering && node.entries.has('request_buffering')) say('request_buffering', ['request_buffering'])
}

function fieldsOf(
  route: RouteEntity,
  hosts: readonly string[],
  port: number | null,
  ranks: ReadonlyMap<string, number>,
): NativeRoute['fields'] {
  const { fields, service } = route
  const at = (key: string, value: Written): Written => nodeOf(value, route.locate([key]))
  // An expression without anything special in it and the prefix of the same text are one path: the higher rank is what Kong would find first.
  const paths = new Map<string, number>()
  for (const path of fields.paths) {
    const native = nativePath(path)
    paths.set(native, Math.max(ranks.get(path) ?? 0, paths.get(native) ?? 0))
  }
  const [first = 0, ...others] = paths.size === 0 ? ranks.values() : paths.values()
  const isEven = others.every((rank) => rank === first)
  return {
    path: paths.size === 0 ? '/*' : itemsOf(route, 'paths', fields.paths, nativePath),
    ...(hosts.length > 0 && { host: itemsOf(route, 'hosts', fields.hosts, (host) => (hosts.includes(host) ? nativeHost(host) : null)) }),
    ...(port !== null && { port: at('hosts', port) }),
    ...(fields.methods.length > 0 && { method: itemsOf(route, 'methods', fields.methods, (method) => method) }),
    ...(Object.keys(fields.headers).length > 0 && {
      headers: Object.fromEntries(
        Object.entries(fields.headers).map(([name, values]) => [name, nodeOf(headerMatch(values), route.locate(['headers']))]),
      ),
    }),
    ...(!isDefault(fields.protocols) && {
      protocols: at('protocols', [...new Set(fields.protocols)]),
      ...(asksForTls(fields.protocols) &&
        fields.httpsRedirectStatusCode !== 426 && {
          httpsRedirect: at('https_redirect_status_code', fields.httpsRedirectStatusCode),
        }),
    }),
    ...(fields.snis.length > 0 && { serverName: itemsOf(route, 'snis', fields.snis, nativeHost) }),
    ...(isEven ? { priority: first } : { pathPriority: Object.fromEntries(paths) }),
    ...(service !== null && { service: service.fields.name, ...retryOf(service) }),
  }
}

/** A list in the native form, each item at its place and none twice. @param native null for items that do not belong to it */
function itemsOf(route: RouteEntity, key: string, written: readonly string[], native: (item: string) => string | null): Written {
  const items = new Map<string, Written>()
  for (const [index, item] of written.entries()) {
    const text = native(item)
    if (text !== null && !items.has(text)) items.set(text, nodeOf(text, route.locate([key, index])))
  }
  return nodeOf([...items.values()], route.locate([key]))
}

/** Whether requests may come by http and by https. */
function isDefault(protocols: readonly string[]): boolean {
  return protocols.includes('http')
}

function asksForTls(protocols: readonly string[]): boolean {
  return protocols.includes('https') && !protocols.includes('http')
}

/** `/foo` takes every path that begins with these characters; an expression is one already. */
export function nativePath(path: string): string {
  return path.startsWith('~') ? path : `~${path.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`
}

/** `*.example.com` takes one label or more, and so does `example.*`. Without the port, which the route asks for. */
export function nativeHost(host: string): string {
  const plain = host.toLowerCase().replace(PORT, '').replace(/\.$/, '')
  if (plain.startsWith('*.')) return `*${plain}`
  return plain.endsWith('.*') ? `${plain}*` : plain
}

const PORT = /:(\d+)$/

/** Hosts as written by the port that stands behind them, null for none. */
function hostsByPort(hosts: readonly string[]): ReadonlyMap<number | null, string[]> {
  const byPort = new Map<number | null, string[]>()
  for (const host of hosts) {
    const digits = PORT.exec(host)?.[1]
    const port = digits === undefined ? null : Number(digits)
    addTo(byPort, port, host)
  }
  return byPort.size === 0 ? new Map([[null, []]]) : byPort
}

/** One of the values, whatever their case, or what one of the expressions finds. */
function headerMatch(values: readonly string[]): string {
  const alternatives = values.map((value) => {
    const lower = value.toLowerCase()
    return lower.startsWith('~*') ? `.*(?:${lower.slice(2)}).*` : lower.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  })
  return `~(?is)(?:${alternatives.join('|')})`
}

/** Whether an expression has a `|` outside of all groups and classes. */
export function hasTopAlternation(path: string): boolean {
  if (!path.startsWith('~')) return false
  let depth = 0
  let isClass = false
  for (let at = 1; at < path.length; at++) {
    const char = path.charAt(at)
    if (char === '\\') at++
    else if (isClass) isClass = char !== ']'
    else if (char === '[') isClass = true
    else if (char === '(') depth++
    else if (char === ')') depth--
    else if (char === '|' && depth === 0) return true
  }
  return false
}
