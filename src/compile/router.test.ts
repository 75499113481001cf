import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { matchedLength, matchesPath } from '../core/path-pattern.ts'
import type { Compatibility } from '../core/policy-order.ts'
import { matchesHost } from './host-pattern.ts'
import {
  expandCandidates,
  failingHeader,
  failingQuery,
  queryValue,
  type RouteQuery,
  type RouterEntry,
  routingRules,
  takesMethod,
  takesPort,
  takesServerName,
} from './route-match.ts'
import { compileRouter } from './router.ts'
import { entry, exact, request } from './testing.ts'
import { randomRequest, randomRoutes } from './testing-arbitraries.ts'

/** Who takes each request line: a name, `405 GET,HEAD`, or `404`. */
function outcome(routes: readonly RouterEntry<string>[], query: RouteQuery): string {
  const match = compileRouter(routes).match(query)
  if (match.kind === 'found') return match.value
  return match.kind === 'not-found' ? '404' : `405 ${match.allow.join(',')}`
}

function check(routes: readonly RouterEntry<string>[], expected: Readonly<Record<string, string>>): void {
  // The order in a file never decides.
  for (const order of [routes, routes.toReversed()]) {
    for (const [line, name] of Object.entries(expected)) assert.equal(outcome(order, request(line)), name, line)
  }
}

test('an exact path takes itself alone', () => {
  check([entry('a', { paths: ['/a/b'] })], { 'GET /a/b': 'a', 'GET /a/b/': '404', 'GET /a': '404', 'GET /A/b': '404', 'GET /a/bc': '404' })
})

test('a prefix matches whole segments', () => {
  check([entry('users', { paths: ['/api/v1/users/*'] })], {
    'GET /api/v1/users': 'users',
    'GET /api/v1/users/': 'users',
    'GET /api/v1/users/7/x': 'users',
    'GET /api/v1/usersX': '404',
    'GET /api/v1': '404',
    'GET /': '404',
  })
})

test('a prefix of the root takes everything', () => {
  check([entry('all', { paths: ['/*'] })], { 'GET /': 'all', 'GET /a': 'all', 'GET /a/b/': 'all' })
})

test('a capture takes one segment that is not empty', () => {
  check([entry('user', { paths: ['/users/:id'] }), entry('posts', { paths: ['/users/:id/posts/'] })], {
    'GET /users/7': 'user',
    'GET /users/': '404',
    'GET /users': '404',
    'GET /users/7/': '404',
    'GET /users/7/posts/': 'posts',
    'GET /users/7/posts': '404',
  })
})

test('captures are decoded, but for what would free a slash or a control character', () => {
  const router = compileRouter([entry('x', { paths: ['/:a/*'] }), entry('re', { paths: ['~/re/(?<n>\\w+)(?<tail>/.*)?$'] })])
  const params = (line: string) => {
    const match = router.match(request(line))
    return match.kind === 'found' ? Object.fromEntries(match.params) : null
  }
  assert.deepEqual(params('GET /k%C3%A4se/x'), { a: 'käse' })
  assert.deepEqual(params('GET /a%2Fb'), { a: 'a%2Fb' })
  assert.deepEqual(params('GET /a%0D%0Ab'), { a: 'a%0D%0Ab' })
  const byRegex = compileRouter([entry('re', { paths: ['~/re/(?<n>\\w+)(?<tail>/.*)?$'] })]).match(request('GET /re/a1'))
  assert.deepEqual(byRegex.kind === 'found' && [...byRegex.params], [['n', 'a1']])
})

test('paths that are names of object members are ordinary paths', () => {
  check([entry('a', { paths: ['/__proto__', '/x/constructor/*', '/:p/toString'] })], {
    'GET /__proto__': 'a',
    'GET /x/constructor/y': 'a',
    'GET /z/toString': 'a',
    'GET /constructor': '404',
    'GET /hasOwnProperty/x': '404',
    'GET __proto__ /valueOf': '404',
  })
})

test('patterns are brought into the normal form that requests have', () => {
  check([entry('a', { paths: ['/%7eme/k%c3%a4se'] }), entry('b', { paths: ['/grüße//x/./*'] })], {
    'GET /~me/k%C3%A4se': 'a',
    'GET /gr%C3%BC%C3%9Fe/x/y': 'b',
  })
})

test('a regular expression matches from the start of the path', () => {
  check([entry('re', { paths: ['~/v[0-9]+/x'] }), entry('end', { paths: ['~/end$'] })], {
    'GET /v12/x': 're',
    'GET /v1/xyz': 're',
    'GET /a/v1/x': '404',
    'GET /end': 'end',
    'GET /end/': '404',
  })
})

test('a wildcard host takes exactly one label', () => {
  check([entry('wild', { hosts: ['*.example.com'] }), entry('one', { hosts: ['a.example.com'] })], {
    'GET a.example.com /': 'one',
    'GET b.example.com /': 'wild',
    'GET a.b.example.com /': '404',
    'GET example.com /': '404',
    'GET .example.com /': '404',
    'GET bexample.com /': '404',
  })
})

test('two stars take one or more labels, before a name or behind it', () => {
  const routes = [
    entry('one', { hosts: ['*.example.com'] }),
    entry('before', { hosts: ['**.example.com'] }),
    entry('longer', { hosts: ['**.b.example.com'] }),
    entry('behind', { hosts: ['example.**'] }),
  ]
  check(routes, {
    'GET a.example.com /': 'one',
    'GET a.c.example.com /': 'before',
    'GET a.b.example.com /': 'longer',
    'GET a.a.b.example.com /': 'longer',
    'GET b.example.com /': 'one',
    'GET example.com /': 'behind',
    'GET example.co.uk /': 'behind',
    'GET example. /': '404',
    'GET .example.com /': '404',
    'GET bexample.com /': '404',
    'GET example /': '404',
  })
})

test('a route may ask for ports of listeners', () => {
  const routes = [entry('web', { ports: [80, 8080] }), entry('any', {})]
  assert.equal(outcome(routes, { ...request('GET /'), port: 80 }), 'web')
  assert.equal(outcome(routes, { ...request('GET /'), port: 443 }), 'any')
})

test('a route may ask for what the client names in its handshake, of which a request without TLS is not asked', () => {
  const routes = [entry('a', { serverNames: ['a.com', '**.b.com'] }), entry('any', {})]
  for (const [serverName, name] of [
    ['a.com', 'a'],
    ['x.y.b.com', 'a'],
    ['b.com', 'any'],
    ['', 'any'],
    [null, 'a'],
  ] as const) {
    assert.equal(outcome(routes, { ...request('GET /'), serverName }), name)
  }
})

test('a path may have a priority of its own', () => {
  const routes = [
    entry('two', { paths: ['~/a', '~/b'], pathPriorities: [5, null] }, 1),
    entry('other', { paths: ['~/a/long', '~/b/long'] }, 3),
  ]
  check(routes, { 'GET /a/long': 'two', 'GET /b/long': 'other', 'GET /b': 'two' })
})

test('of textual prefixes the one that wins is found among many, and says how much it took', () => {
  const paths = Array.from({ length: 2_000 }, (_, i) => entry(`r${i}`, { paths: [`~/${i}`] }))
  const router = compileRouter([...paths, entry('tail', { paths: ['~/1999[a-z]'] })])
  const found = (line: string) => {
    const match = router.match(request(line))
    return match.kind === 'found' && `${match.value} ${matchedLength(match.pattern, request(line).path)}`
  }
  assert.equal(found('GET /1234x'), 'r1234 5')
  assert.equal(found('GET /12345'), 'r1234 5')
  assert.equal(found('GET /1999z/1'), 'tail 6')
  assert.equal(found('GET /x'), false)
})

test('as Kong routes, no method is told of, and GET does not take HEAD', () => {
  const router = compileRouter([entry('get', { paths: ['/x'], methods: ['GET'] })], 'kong')
  assert.equal(router.match(request('GET /x')).kind, 'found')
  assert.equal(router.match(request('HEAD /x')).kind, 'not-found')
  assert.equal(router.match(request('POST /x')).kind, 'not-found')
})

test('explain names ports and server names', () => {
  const router = compileRouter([entry('p', { ports: [80, 81] }), entry('s', { serverNames: ['a.com', '*.b.com'] })])
  const told = (serverName: string) => router.explain({ ...request('GET /'), serverName }).map(({ failed, message }) => [failed, message])
  assert.deepEqual(told('c.com'), [
    ['server-name', 'server name: c.com is not a.com or *.b.com'],
    ['port', 'port: 8080 is not 80 or 81'],
  ])
  assert.deepEqual(told('')[0], ['server-name', 'server name: expected a.com or *.b.com, the client names none'])
})

test('the host is more telling than the path', () => {
  check([entry('host', { hosts: ['a.com'], paths: ['/*'] }), entry('any', { paths: ['/x'] })], {
    'GET a.com /x': 'host',
    'GET b.com /x': 'any',
  })
})

test('a less specific host takes what the more specific one has no route for', () => {
  check([entry('host', { hosts: ['a.com'], paths: ['/x'] }), entry('any', { paths: ['/*'] })], { 'GET a.com /y': 'any' })
})

test('the most specific path wins', () => {
  const routes = [
    entry('exact', { paths: ['/a/b'] }),
    entry('left', { paths: ['/a/:x'] }),
    entry('right', { paths: ['/:x/b'] }),
    entry('both', { paths: ['/:x/:y'] }),
    entry('long', { paths: ['/a/b/*'] }),
    entry('short', { paths: ['/a/*'] }),
    entry('regexLong', { paths: ['~/[a-z]/[a-z]/c'] }),
    entry('regex', { paths: ['~/.'] }),
  ]
  check(routes, {
    'GET /a/b': 'exact',
    'GET /a/c': 'left',
    'GET /c/b': 'right',
    'GET /c/d': 'both',
    'GET /a/b/c': 'long',
    'GET /a/c/c': 'short',
    'GET /x/x/c': 'regexLong',
    'GET /x/x/x': 'regex',
  })
})

test('a capture is tried again when the literal segment leads nowhere', () => {
  check([entry('a', { paths: ['/a/b/c'] }), entry('lit', { paths: ['/a/b/:x/d'] }), entry('cap', { paths: ['/a/:y/c/e'] })], {
    'GET /a/b/c/e': 'cap',
    'GET /a/b/c/d': 'lit',
  })
})

test('priority beats every rule of specificity', () => {
  check([entry('low', { hosts: ['a.com'], paths: ['/x'] }), entry('high', { paths: ['~/'] }, 1), entry('last', { paths: ['/x'] }, -1)], {
    'GET a.com /x': 'high',
  })
})

test('header and query predicates win over none, and are looked at in full', () => {
  const routes = [
    entry('plain', { paths: ['/x'] }),
    entry('v2', { paths: ['/x'], headers: [exact('X-Version', '2')] }),
    entry('beta', { paths: ['/x'], headers: [exact('x-version', '2')], query: [{ name: 'beta', match: { kind: 'present' } }] }),
    entry('lang', { paths: ['/l'], headers: [{ name: 'accept-language', match: { kind: 'regex', source: 'de(-[A-Z]+)?' } }] }),
  ]
  assert.equal(outcome(routes, request('GET /x')), 'plain')
  assert.equal(outcome(routes, request('GET /x', { 'X-VERSION': '2' })), 'v2')
  assert.equal(outcome(routes, request('GET /x', { 'x-version': '22' })), 'plain')
  assert.equal(outcome(routes, request('GET /x?a=1&beta', { 'x-version': '2' })), 'beta')
  assert.equal(outcome(routes, request('GET /l', { 'accept-language': 'de-AT' })), 'lang')
  assert.equal(outcome(routes, request('GET /l', { 'accept-language': 'de-AT,en' })), '404')
})

test('a header sent twice is one value, so that no copy hides', () => {
  const routes = [entry('v2', { headers: [exact('x-v', '2')] })]
  const query = request('GET /x')
  query.headers.append('X-V', '2')
  query.headers.append('X-V', '3')
  assert.equal(outcome(routes, query), '404')
})

test('query values are decoded as forms are, the first one counts, and nonsense is compared as it stands', () => {
  assert.equal(queryValue('a=1&b=x+y%21&b=2', 'b'), 'x y!')
  assert.equal(queryValue('%61=1', 'a'), '1')
  assert.equal(queryValue('a&b', 'a'), '')
  assert.equal(queryValue('ab=1', 'a'), null)
  assert.equal(queryValue('a=%zz', 'a'), '%zz')
  assert.equal(queryValue('&&=x&a==1', 'a'), '=1')
  assert.equal(queryValue('', ''), null)
})

test('HEAD takes the route for GET unless a route of the same specificity names HEAD', () => {
  check([entry('get', { paths: ['/x'], methods: ['GET'] }), entry('any', { paths: ['/*'] })], { 'HEAD /x': 'get' })
  check([entry('get', { paths: ['/x'], methods: ['GET'] }), entry('head', { paths: ['/x'], methods: ['HEAD'] })], {
    'HEAD /x': 'head',
    'GET /x': 'get',
  })
})

test('a known path with a wrong method is told the methods of all its routes', () => {
  const routes = [
    entry('get', { paths: ['/x'], methods: ['GET'] }),
    entry('put', { paths: ['/*'], methods: ['PUT'] }),
    entry('other', { hosts: ['b.com'], paths: ['/x'], methods: ['DELETE'] }),
    entry('header', { paths: ['/x'], methods: ['PATCH'], headers: [exact('x-a', '1')] }),
  ]
  check(routes, { 'POST /x': '405 GET,HEAD,PUT', 'POST b.com /x': '405 DELETE,GET,HEAD,PUT', 'PUT /x': 'put', 'get /y': '405 PUT' })
  assert.equal(outcome(routes, request('POST /x', { 'x-a': '1' })), '405 GET,HEAD,PATCH,PUT')
})

test('a less specific route that takes the method is used rather than 405', () => {
  check([entry('get', { paths: ['/x'], methods: ['GET'] }), entry('all', { paths: ['/*'] })], { 'POST /x': 'all' })
})

test('a hit without captures gives one shared answer', () => {
  const router = compileRouter([entry('a', { paths: ['/a'] }), entry('b', { paths: ['/b/*'] })])
  for (const line of ['GET /a', 'GET /b/c']) assert.equal(router.match(request(line)), router.match(request(line)))
})

test('explain names the first predicate that each route failed, nearest first', () => {
  const router = compileRouter([
    entry('users', { paths: ['/api/v1/users/*'] }),
    entry('v2', { paths: ['/api/v1/usersX'], headers: [exact('x-version', '2')] }),
    entry('post', { paths: ['/api/v1/usersX'], methods: ['POST'] }),
    entry('host', { hosts: ['a.com'], paths: ['/api/v1/usersX'] }),
    entry('query', { paths: ['/*'], query: [exact('q', '1')] }),
    entry('far', { paths: ['/b'] }),
  ])
  assert.deepEqual(
    router.explain(request('GET /api/v1/usersX?q=2')).map(({ route, message }) => `${route}: ${message}`),
    [
      'query: query q: expected 1, was 2',
      'v2: header x-version: expected 2, was absent',
      'post: method: GET is not POST',
      'users: path: /api/v1/usersX does not lie below /api/v1/users',
      'far: path: /api/v1/usersX is not /b',
      'host: host: example.com is not a.com',
    ],
  )
  assert.equal(router.explain(request('GET /api/v1/usersX'), 2).length, 2)
})

test('explain says why a route that matches is beaten', () => {
  const router = compileRouter([entry('exact', { paths: ['/x'] }), entry('all', { paths: ['/*'] })])
  assert.deepEqual(router.explain(request('GET /x')), [
    { route: 'all', failed: 'order', message: 'matches, but exact wins: its path is more specific' },
  ])
})

/** The definition: sort all routes by the documented order, take the first that matches. */
function reference(
  routes: readonly RouterEntry<string>[],
  query: RouteQuery,
  compatibility: Compatibility | null,
): { readonly name: string; readonly path: string; readonly allow: readonly string[] } {
  const rules = routingRules(compatibility)
  const allow = new Set<string>()
  for (const { host, path, predicates, entry } of expandCandidates(routes, rules)) {
    if (!matchesHost(host, query.host) || !matchesPath(path, query.path)) continue
    if (!takesPort(predicates, query.port) || !takesServerName(predicates, query.serverName)) continue
    if (failingHeader(predicates, query.headers) !== null || failingQuery(predicates, query.query) !== null) continue
    if (takesMethod(predicates, query.method)) return { name: entry.name, path: path.text, allow: [] }
    for (const method of predicates.methods) {
      allow.add(method)
      if (method === 'GET') allow.add('HEAD')
    }
  }
  return { name: '', path: '', allow: rules.tellsMethods ? [...allow].sort() : [] }
}

for (const compatibility of [null, 'kong'] as const) {
  test(`the router agrees with sorting all routes and taking the first that matches (compatibility ${compatibility})`, () => {
    let found = 0
    fc.assert(
      fc.property(randomRoutes, fc.array(randomRequest, { minLength: 4, maxLength: 12 }), (routes, requests) => {
        const router = compileRouter(routes, compatibility)
        for (const query of requests) {
          const match = router.match(query)
          const expected = reference(routes, query, compatibility)
          if (match.kind === 'found') found++
          assert.equal(match.kind === 'found' ? match.value : '', expected.name)
          assert.equal(match.kind === 'found' ? match.pattern.text : '', expected.path)
          assert.deepEqual(match.kind === 'method-not-allowed' ? match.allow : [], expected.allow)
        }
      }),
      { numRuns: 1_000, seed: 8 },
    )
    assert.ok(found > 1_000, 'the requests must hit')
  })
}
