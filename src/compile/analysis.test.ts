import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { RouteIr, RouteMatchIr } from '../config/ir.ts'
import { matchesPath } from '../core/path-pattern.ts'
import { analyseRoutes } from './analysis.ts'
import { commonRequest } from './common-request.ts'
import { matchesHost } from './host-pattern.ts'
import { compareSpecificity, expandCandidates, type RouterEntry, takesMethod, takesPort, takesServerName } from './route-match.ts'
import { compileRouter } from './router.ts'
import { entry, exact } from './testing.ts'
import { randomRequest, randomRoutes } from './testing-arbitraries.ts'

function route({ name, match, priority }: RouterEntry<string>): RouteIr {
  return {
    name,
    match,
    priority,
    protocols: null,
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

test('hosts of several labels, ports and server names cover those that lie within them', () => {
  const line = (covering: Partial<RouteMatchIr>, covered: Partial<RouteMatchIr>) =>
    findings(entry('wide', covering, 1), entry('narrow', covered)).map((text) => text.split(':')[0])
  const pairs: readonly (readonly [Partial<RouteMatchIr>, Partial<RouteMatchIr>, boolean])[] = [
    [{ hosts: ['**.com'] }, { hosts: ['a.com', '*.a.com', '**.a.com', 'x.y.com'] }, true],
    [{ hosts: ['**.a.com'] }, { hosts: ['a.com'] }, false],
    [{ hosts: ['*.com'] }, { hosts: ['**.com'] }, false],
    [{ hosts: ['a.**'] }, { hosts: ['a.com', 'a.b.com', 'a.b.**'] }, true],
    [{ hosts: ['a.**'] }, { hosts: ['*.a.com'] }, false],
    [{ hosts: ['**.com', 'a.**'] }, { hosts: ['a.**'] }, true],
    [{ ports: [80, 443] }, { ports: [443] }, true],
    [{ ports: [443] }, { ports: [80, 443] }, false],
    [{ ports: [443] }, {}, false],
    [{ serverNames: ['**.com'] }, { serverNames: ['a.com', '*.a.com'] }, true],
    [{ serverNames: ['a.com'] }, {}, false],
    [{ serverNames: ['a.com'] }, { serverNames: ['a.com', 'b.com'] }, false],
    [{ paths: ['~/foo'] }, { paths: ['~/foobar', '~/foo/[0-9]+$', '/foox'] }, true],
    [{ paths: ['~/foo$'] }, { paths: ['~/foobar'] }, false],
  ]
  for (const [covering, covered, is] of pairs) {
    assert.deepEqual(line(covering, covered), is ? ['warning narrow'] : [], JSON.stringify([covering, covered]))
  }
})

test('routes told apart by port, by server name or by the priorities of their paths are not ambiguous', () => {
  assert.deepEqual(findings(entry('a', { ports: [80] }), entry('b', { ports: [443] })), [])
  assert.deepEqual(findings(entry('a', { serverNames: ['a.com'] }), entry('b', { serverNames: ['b.com'] })), [])
  assert.deepEqual(
    findings(entry('a', { methods: ['GET', 'PUT'], pathPriorities: [1] }), entry('b', { methods: ['GET', 'POST'], pathPriorities: [2] })),
    [],
  )
  assert.deepEqual(findings(entry('a', { ports: [80, 8080] }), entry('b', { ports: [8080, 443], serverNames: ['*.b.com'] })), [])
  assert.deepEqual(
    findings(
      entry('a', { ports: [80, 8080], serverNames: ['x.b.com', 'c.com'] }),
      entry('b', { ports: [8080, 443], serverNames: ['*.b.com'] }),
    ),
    ['warning b: `a` takes GET :8080/ with the server name x.b.com as well, and only the name decides: give one a `priority`'],
  )
})

test('where a route for GET does not take HEAD, it hides no route that does', () => {
  const routes = [entry('get', { paths: ['/x'], methods: ['GET'] }, 1), entry('head', { paths: ['/x'], methods: ['HEAD'] })].map(route)
  assert.equal(analyseRoutes(routes).length, 1)
  assert.deepEqual(analyseRoutes(routes, 'kong'), [])
})

test('ten thousand textual prefixes are looked at in linear time', () => {
  const routes = Array.from({ length: 10_000 }, (_, i) => entry(`r${i}`, { paths: [`~/api/${i}/`] }))
  assert.deepEqual(findings(...routes), [])
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
            assert.ok(takesPort(predicates, example.port ?? 0) && takesServerName(predicates, example.serverName))
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
