/** Shapes for tests of this folder. */
import type { RouteMatchIr, ValueMatchIr } from '../config/ir.ts'
import { Headers } from '../core/headers.ts'
import type { RouteQuery, RouterEntry } from './route-match.ts'

/** A match that takes what `part` says and nothing less. */
export function routeMatch(part: Partial<RouteMatchIr>): RouteMatchIr {
  return { hosts: [], paths: ['/*'], pathPriorities: [], methods: [], ports: [], serverNames: [], headers: [], query: [], ...part }
}

/** A route whose value is its name. */
export function entry(name: string, part: Partial<RouteMatchIr>, priority = 0): RouterEntry<string> {
  return { name, match: routeMatch(part), priority, value: name }
}

/** `request('GET a.com /x?q=1', { 'x-a': '1' })`; the host may be left out. */
export function request(line: string, headers: Readonly<Record<string, string>> = {}): RouteQuery {
  const words = line.split(' ')
  const target = words.at(-1) ?? ''
  const mark = target.indexOf('?')
  return {
    method: words[0] ?? '',
    host: words.length > 2 ? (words[1] ?? '') : 'example.com',
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? '' : target.slice(mark + 1),
    port: 8080,
    serverName: null,
    headers: Headers.from(Object.entries(headers)),
  }
}

/** `exact('x-a', '1')`. */
export function exact(name: string, value: string): { readonly name: string; readonly match: ValueMatchIr } {
  return { name, match: { kind: 'exact', value } }
}
