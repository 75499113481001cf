import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { RouteIr } from '../config/ir.ts'
import { matchesPath } from '../core/path-pattern.ts'
import { analyseRoutes } from './analysis.ts'
import { commonRequest } from './common-request.ts'
import { compareSpecificity, expandCandidates, matchesHost, type RouterEntry, takesMethod } from './route-match.ts'
import { compileRouter } from './router.ts'
import { entry, exact } from './testing.ts'
import { randomRequest, randomRoutes } from './testing-arbitraries.ts'

function route({ name, match, priority }: RouterEntry<string>): RouteIr {
  return {
    name,
    match,
    priority,
    at: { file: 'test.yaml', line: 1, column: 1 },
    service: 's',
    split: null,
    mirror: null,
    fallback: null,
    timeoutMs: 1_000,
    attemptTimeoutMs: 1_000,
    streamIdleTimeoutMs: 1_000,
    retry: {
      attempts: 1,
      backoff: 'constant',
      backoffBaseMs: 1,
      backoffMaxMs: 1,
      statuses: [],
      grpcStatuses: [],
      nonIdempotent: false,
      bodyBytesMax: 0,
    },
    upgrades: [],
    tunnel: { idleTimeoutMs: 1_000, lifetimeMs: null },
    policies: [],
  }
}

/** One line a finding. */
function findings(...routes: readonly RouterEntry<string>[]): readonly string[] {
  return analyseRoutes(routes.map(route)).map(({ severity, route, message }) => `${severity} ${route}: ${message}`)
}

test('routes that each have requests of their own are fine', () => {
  assert.deepEqual(
    findings(
      entry('a', { paths: ['/a'] }),
      entry('a2', { paths: ['/a'], headers: [exact('x-v', '2')] }),
      entry('a3', { paths: ['/a'], headers: [exact('x-v', '3')] }),
      entry('param', { paths: ['/:x'] }),
      entry('below', { paths: ['/a/*'] }),
      entry('all', { paths: ['/*'] }),
      entry('host', { hosts: ['a.com'], paths: ['/*'] }),
      entry('get', { paths: ['/m'], methods: ['GET'] }),
      entry('post', { paths: ['/m'], methods: ['POST'] }),
      entry('head', { paths: ['/m'], methods: ['HEAD'] }),
    ),
    [],
  )
})

test('a route is named with the one that takes all of its requests', () => {
  assert.deepEqual(
    findings(entry('closed', { paths: ['/*'] }, 1), entry('x', { hosts: ['a.com'], paths: ['/x', '/y/:z', '/w/*', '~/r'] })),
    ['warning x: no request reaches this route: `closed` wins: its priority is higher'],
  )
  assert.deepEqual(findings(entry('get', { paths: ['/:id'], methods: ['GET'] }, 1), entry('head', { paths: ['/:x'], methods: ['HEAD'] })), [
    'warning head: no request reaches this route: `get` wins: its priority is higher',
  ])
  assert.deepEqual(
    findings(
      entry('present', { headers: [{ name: 'x', match: { kind: 'present' } }] }, 1),
      entry('one', { headers: [exact('x', '1')] }),
      entry('other', { headers: [exact('y', '1')] }),
    ),
    ['warning one: no request reaches this route: `present` wins: its priority is higher'],
  )
})

test('a route that is the same as another but for its name is an error', () => {
  assert.deepEqual(findings(entry('b', { paths: ['/x/:a'] }), entry('a', { paths: ['/x/:b'] })), [
    'error b: no request reaches this route: `a` wins: its name comes first; nothing but the name decides: remove one or give one a `priority`',
  ])
})

test('a route with one way left is reachable', () => {
  assert.deepEqual(
    findings(entry('a', { paths: ['/x'] }), entry('b', { paths: ['/x', '/y'] })).map((line) => line.split(':')[0]),
    ['warning b'],
  )
  assert.deepEqual(findings(entry('closed', { paths: ['/x/*'] }, 1), entry('b', { paths: ['/x/1', '/xy'] })), [])
  assert.deepEqual(
    findings(entry('closed', { paths: ['/:x'] }, 1), entry('root', { paths: ['/'] })),
    [],
    'a capture takes no empty segment',
  )
})

test('two routes that meet in a request with nothing but the name to tell them apart are shown that request', () => {
  assert.deepEqual(
    findings(
      entry('v2', { hosts: ['*.a.com'], paths: ['/u/:id'], methods: ['GET', 'PUT'], headers: [exact('x-v', '2')] }),
      entry('beta', { hosts: ['*.a.com'], paths: ['/u/:user'], methods: ['PUT'], query: [exact('beta', 'a b')] }),
    ),
    ['warning v2: `beta` takes PUT any.a.com/u/user?beta=a%20b with x-v: 2 as well, and only the name decides: give one a `priority`'],
  )
})

test('a route whose pattern does not parse is told as such', () => {
  assert.match(findings(entry('a', { paths: ['~('] }))[0] ?? '', /^error a: .*missing closing/)
})

test('what is called unreachable is never reached', () => {
  let claims = 0
  fc.assert(
    fc.property(randomRoutes, fc.array(randomRequest, { minLength: 4, maxLength: 20 }), (routes, requests) => {
      const unreachable = new Set(
        analyseRoutes(routes.map(route))
          .filter(({ message }) => message.startsWith('no request'))
          .map((finding) => finding.route),
      )
      claims += unreachable.size
      const router = compileRouter(routes)
      for (const request of requests) {
        const match = router.match(request)
        if (match.kind === 'found') assert.equal(unreachable.has(match.value), false)
      }
    }),
    { numRuns: 2_000 },
  )
  assert.ok(claims > 100, 'there must be something to refute')
})

test('an example is a request that both routes match', () => {
  let examples = 0
  fc.assert(
    fc.property(randomRoutes, (routes) => {
      const candidates = expandCandidates(routes)
      for (const a of candidates) {
        for (const b of candidates) {
          if (a === b || compareSpecificity(a, b) !== 0) continue
          const example = commonRequest(a, b)
          if (example === null) continue
          examples++
          for (const { host, path, predicates } of [a, b]) {
            assert.ok(matchesHost(host, example.host) && matchesPath(path, example.path) && takesMethod(predicates, example.method))
            assert.ok(predicates.headers.every((predicate) => predicate.test(example.headers.get(predicate.name) ?? null)))
            assert.ok(predicates.query.every((predicate) => predicate.test(example.query.get(predicate.name) ?? null)))
          }
        }
      }
    }),
    { numRuns: 2_000 },
  )
  assert.ok(examples > 100, 'there must be something to refute')
})
