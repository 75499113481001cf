/** Random routes and requests over a small alphabet, so that they meet often. */
import * as fc from 'fast-check'
import type { RouteMatchIr, ValueMatchIr } from '../config/ir.ts'
import { Headers } from '../core/headers.ts'
import type { RouteQuery, RouterEntry } from './route-match.ts'
import { entry } from './testing.ts'

const segment = fc.constantFrom('a', 'b', 'bc', 'constructor')
const patternSegment = fc.constantFrom('a', 'b', 'constructor', ':p')

/** Captures get distinct names by their place. */
const pattern = fc.tuple(fc.array(patternSegment, { maxLength: 3 }), fc.constantFrom('', '', '/', '/*')).map(([segments, end]) => {
  const path = segments.map((text, i) => (text === ':p' ? `/:p${i}` : `/${text}`)).join('') + end
  return path === '' ? '/' : path
})
const path = fc.oneof(
  { weight: 6, arbitrary: pattern },
  { weight: 1, arbitrary: fc.constantFrom('~/a', '~/a/.*', '~/[ab]/b$', '~.*b', '~/(?<x>[^/]+)/a') },
  { weight: 2, arbitrary: fc.constantFrom('~/', '~/a/', '~/a/b', '~/a/co', '~/ab', '~/b', '~/a/b$', '~/a/bc?') },
)

const value: fc.Arbitrary<ValueMatchIr> = fc.constantFrom<ValueMatchIr>(
  { kind: 'present' },
  { kind: 'exact', value: '1' },
  { kind: 'exact', value: '2' },
  { kind: 'regex', source: '[12]' },
)
const predicates = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fc.record({ name: fc.constantFrom('x', 'y'), match: value }), { maxLength: 2 }) },
)

const hostPattern = fc.constantFrom('a.com', 'x.a.com', '*.a.com', '*.com', '**.a.com', '**.com', 'a.**', 'x.a.**')
const someHosts = fc.oneof(fc.constant([]), fc.uniqueArray(hostPattern, { maxLength: 2 }))
const rarely = <T>(arbitrary: fc.Arbitrary<readonly T[]>): fc.Arbitrary<readonly T[]> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary })

const match: fc.Arbitrary<RouteMatchIr> = fc.record({
  hosts: someHosts,
  paths: fc.uniqueArray(path, { minLength: 1, maxLength: 3 }),
  pathPriorities: rarely(fc.array(fc.constantFrom(null, -1, 0, 1, 2), { maxLength: 3 })),
  methods: fc.oneof(fc.constant([]), fc.uniqueArray(fc.constantFrom('GET', 'HEAD', 'POST'), { maxLength: 2 })),
  ports: rarely(fc.uniqueArray(fc.constantFrom(80, 443), { maxLength: 2 })),
  serverNames: rarely(someHosts),
  headers: predicates,
  query: predicates,
})

export const randomRoutes: fc.Arbitrary<RouterEntry<string>[]> = fc
  .array(fc.tuple(match, fc.constantFrom(0, 0, 0, 1, -1)), { minLength: 1, maxLength: 8 })
  .map((routes) => routes.map(([part, priority], i) => entry(`r${i}`, part, priority)))

const host = fc.constantFrom('', 'a.com', 'x.a.com', 'y.a.com', 'y.x.a.com', 'com', 'a.org', 'x.a.org', '.a.com', 'a.', 'a')

const values = fc.constantFrom('', 'x=1', 'x=2', 'y=1', 'x=1&y=2', 'x=3&x=1')

export const randomRequest: fc.Arbitrary<RouteQuery> = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT'),
  host: host,
  path: fc
    .tuple(fc.array(segment, { maxLength: 4 }), fc.constantFrom('', '/'))
    .map(([segments, end]) => (segments.length === 0 ? '/' : `/${segments.join('/')}${end}`)),
  query: values,
  port: fc.constantFrom(80, 443),
  serverName: fc.oneof(fc.constant(null), host),
  headers: values.map((text) => Headers.from(text === '' ? [] : text.split('&').map((pair) => [pair.slice(0, 1), pair.slice(2)] as const))),
})
