/** Which route Kong's default router takes: 2.4 of the reference. Read from Kong's source, not measured against a running Kong. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Ask, startKong } from './kong-gateway.ts'

type Fields = Readonly<Record<string, unknown>>

/** Runs routes that answer with their names, and gives what asks them: the name of the route that a request takes, or null. */
async function router(t: TestContext, routes: Readonly<Record<string, Fields>>, env: Record<string, string> = {}) {
  const document = {
    _format_version: '3.0',
    services: [{ name: 'any', url: 'http://ECHO' }],
    routes: Object.entries(routes).map(([name, fields]) => ({ name, service: 'any', ...fields })),
    plugins: Object.keys(routes).map((name) => ({
      name: 'request-termination',
      route: name,
      config: { status_code: 200, content_type: 'text/plain', body: name },
    })),
  }
  const kong = await startKong(t, JSON.stringify(document), { env })
  return async (target: string, ask: Ask & { host?: string } = {}): Promise<string | null> => {
    const headers = { ...(ask.host !== undefined && { Host: ask.host }), ...ask.headers }
    const { status, body } = await kong.ask(target, { ...ask, port: kong.ports[ask.port ?? 0] ?? 0, headers })
    return status === 404 ? null : body
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}

test('2.4 a prefix is text, not segments: /foo takes /foobar', async (t) => {
  const taken = await router(t, { foo: { paths: ['/foo'] } })
  assert.equal(await taken('/foo'), 'foo')
  assert.equal(await taken('/foobar'), 'foo')
  assert.equal(await taken('/foo/bar?x=/y'), 'foo')
  assert.equal(await taken('/fo'), null)
  assert.equal(await taken('/FOO'), null)
  assert.equal(await taken('/bar/foo'), null)
})

test('2.4 characters of a prefix that mean something in an expression are plain text', async (t) => {
  const taken = await router(t, { dots: { paths: ['/a.b+c(d)$'] } })
  assert.equal(await taken('/a.b+c(d)$/x'), 'dots')
  assert.equal(await taken('/aXb+c(d)$'), null)
})

test('2.4 an expression is tied to the start of the path and not to its end', async (t) => {
  const taken = await router(t, { numbers: { paths: ['~/n/\\d+'] }, whole: { paths: ['~/w/\\d+$'] } })
  assert.equal(await taken('/n/12x/y'), 'numbers')
  assert.equal(await taken('/x/n/1'), null)
  assert.equal(await taken('/w/12'), 'whole')
  assert.equal(await taken('/w/12/y'), null)
})

test('2.4 an expression may name what it captures', async (t) => {
  const taken = await router(t, { user: { paths: ['~/users/(?<id>[a-z]+)$'] } })
  assert.equal(await taken('/users/alice'), 'user')
  assert.equal(await taken('/users/7'), null)
})

test('2.4 the path is compared decoded where that changes nothing, and without dot segments', async (t) => {
  const taken = await router(t, { users: { paths: ['/users'] } })
  assert.equal(await taken('/%75sers'), 'users')
  assert.equal(await taken('/x/../users'), 'users')
  assert.equal(await taken('/./users'), 'users')
})

test('2.4 all else equal the longer prefix wins, wherever it stands', async (t) => {
  const taken = await router(t, { short: { paths: ['/a'] }, long: { paths: ['/a/b'] } })
  assert.equal(await taken('/a/b/c'), 'long')
  assert.equal(await taken('/a/c'), 'short')
})

test('2.4 any expression beats any prefix', async (t) => {
  const taken = await router(t, { prefix: { paths: ['/api/users/seven'] }, regex: { paths: ['~/a'] } })
  assert.equal(await taken('/api/users/seven'), 'regex')
})

test('2.4 more kinds of fields beat a longer path', async (t) => {
  const taken = await router(t, { long: { paths: ['/very/long/path'] }, two: { paths: ['/'], methods: ['GET'] } })
  assert.equal(await taken('/very/long/path'), 'two')
  assert.equal(await taken('/very/long/path', { method: 'POST' }), 'long')
})

test('2.4 more kinds of fields beat an expression', async (t) => {
  const taken = await router(t, { regex: { paths: ['~/a'], regex_priority: 1_000 }, two: { paths: ['/'], hosts: ['a.example'] } })
  assert.equal(await taken('/a', { host: 'a.example' }), 'two')
  assert.equal(await taken('/a', { host: 'b.example' }), 'regex')
})

test('2.4 plain hosts alone beat hosts with a star, a longer path notwithstanding', async (t) => {
  const taken = await router(t, {
    star: { hosts: ['*.example.com'], paths: ['/a/long/path'] },
    mixed: { hosts: ['b.example.com', '*.example.org'], paths: ['/a/long'] },
    plain: { hosts: ['a.example.com', 'b.example.com'], paths: ['/'] },
  })
  assert.equal(await taken('/a/long/path', { host: 'a.example.com' }), 'plain')
  assert.equal(await taken('/a/long/path', { host: 'b.example.com' }), 'plain')
  assert.equal(await taken('/a/long/path', { host: 'c.example.com' }), 'star')
  assert.equal(await taken('/a/long/path', { host: 'c.example.org' }), 'mixed')
})

test('2.4 a star takes one label or more, before a host and behind one', async (t) => {
  const taken = await router(t, { before: { hosts: ['*.example.com'] }, behind: { hosts: ['shop.*'] } })
  assert.equal(await taken('/', { host: 'a.example.com' }), 'before')
  assert.equal(await taken('/', { host: 'a.b.example.com' }), 'before')
  assert.equal(await taken('/', { host: 'example.com' }), null)
  assert.equal(await taken('/', { host: 'shop.example' }), 'behind')
  assert.equal(await taken('/', { host: 'shop.example.org' }), 'behind')
  assert.equal(await taken('/', { host: 'shops.example' }), null)
})

test('2.4 the case of a host does not count, nor does its port', async (t) => {
  const taken = await router(t, { a: { hosts: ['A.example'] } })
  assert.equal(await taken('/', { host: 'a.EXAMPLE' }), 'a')
  assert.equal(await taken('/', { host: 'a.example:8080' }), 'a')
})

test('2.4 a host with a port asks for the port that was listened on', async (t) => {
  const [one, two] = [await freePort(), await freePort()]
  const taken = await router(
    t,
    { first: { hosts: [`a.example:${one}`, `b.example:${two}`, 'c.example'] }, any: { paths: ['/'] } },
    { KONG_PROXY_LISTEN: `127.0.0.1:${one}, 127.0.0.1:${two}` },
  )
  assert.equal(await taken('/', { host: 'a.example', port: 0 }), 'first')
  assert.equal(await taken('/', { host: `a.example:${two}`, port: 0 }), 'first')
  assert.equal(await taken('/', { host: 'a.example', port: 1 }), 'any')
  assert.equal(await taken('/', { host: 'b.example', port: 1 }), 'first')
  assert.equal(await taken('/', { host: 'c.example', port: 0 }), 'first')
  assert.equal(await taken('/', { host: 'c.example', port: 1 }), 'first')
})

test('2.4 more header names beat fewer, and their values any beats none', async (t) => {
  const taken = await router(t, {
    one: { paths: ['/long/path'], headers: { 'x-a': ['1'] } },
    two: { paths: ['/'], headers: { 'x-a': ['1'], 'x-b': ['2', '3'] } },
    none: { paths: ['/long'] },
  })
  assert.equal(await taken('/long/path', { headers: { 'X-A': '1', 'X-B': '3' } }), 'two')
  assert.equal(await taken('/long/path', { headers: { 'X-A': '1', 'X-B': '4' } }), 'one')
  assert.equal(await taken('/long/path', { headers: { 'X-A': '2' } }), 'none')
})

test('2.4 values of headers are compared without case, and ~* begins an expression', async (t) => {
  const taken = await router(t, { beta: { headers: { 'X-Version': ['Beta', '~*^v[0-9]+$'] } } })
  assert.equal(await taken('/', { headers: { 'x-version': 'BETA' } }), 'beta')
  assert.equal(await taken('/', { headers: { 'X-Version': 'V12' } }), 'beta')
  assert.equal(await taken('/', { headers: { 'X-Version': 'v12b' } }), null)
  assert.equal(await taken('/', { headers: { 'X-Version': 'beta2' } }), null)
  assert.equal(await taken('/'), null)
})

test('2.4 of a header that is sent several times one value is enough', async (t) => {
  const taken = await router(t, { beta: { headers: { 'X-Version': ['beta'] } } })
  assert.equal(await taken('/', { headers: { 'X-Version': ['alpha', 'beta'] } }), 'beta')
  assert.equal(await taken('/', { headers: { 'X-Version': 'alpha, beta' } }), null)
})

test('2.4 server names are not asked of requests without TLS', async (t) => {
  const taken = await router(t, { named: { snis: ['a.example'], protocols: ['http', 'https'], paths: ['/'] } })
  assert.equal(await taken('/'), 'named')
})

test('2.4 the higher regex_priority beats the lower, and means nothing for prefixes', async (t) => {
  const taken = await router(t, {
    low: { paths: ['~/a/long/expression'], regex_priority: 1 },
    high: { paths: ['~/a'], regex_priority: 2 },
    prefix: { paths: ['/b'], regex_priority: 100 },
    longer: { paths: ['/b/c'] },
  })
  assert.equal(await taken('/a/long/expression'), 'high')
  assert.equal(await taken('/b/c'), 'longer')
})

test('2.4 a route with paths of several lengths is ranked for each by itself', async (t) => {
  const taken = await router(t, { both: { paths: ['/a', '/a/b/c'] }, middle: { paths: ['/a/b'] } })
  assert.equal(await taken('/a/x'), 'both')
  assert.equal(await taken('/a/b/x'), 'middle')
  assert.equal(await taken('/a/b/c'), 'both')
})

test('2.4 of a route with prefixes and expressions only the expressions beat prefixes', async (t) => {
  const taken = await router(t, { mixed: { paths: ['/m', '~/r'] }, prefix: { paths: ['/m/long', '/r/long'] } })
  assert.equal(await taken('/m/long'), 'prefix')
  assert.equal(await taken('/r/long'), 'mixed')
})

test('2.4 methods are compared as they are: a route for GET does not take HEAD, and no method is told of', async (t) => {
  const taken = await router(t, { get: { methods: ['GET'] } })
  assert.equal(await taken('/'), 'get')
  assert.equal(await taken('/', { method: 'HEAD' }), null)
  assert.equal(await taken('/', { method: 'POST' }), null)
})

test('2.4 of two routes that are equal the greater id wins', async (t) => {
  const ids = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222']
  const taken = await router(t, { greater: { paths: ['/a'], id: ids[1] }, smaller: { paths: ['/a'], id: ids[0] } })
  assert.equal(await taken('/a'), 'greater')
})

test('2.4 of the expressions of one route the first that matches counts', async (t) => {
  const document = {
    _format_version: '3.0',
    services: [{ name: 'any', url: 'http://ECHO', routes: [{ name: 'r', paths: ['~/a', '~/a/longer'], strip_path: false }] }],
  }
  const kong = await startKong(t, JSON.stringify(document))
  assert.equal((await kong.upstreamOf('/a/longer')).url, '/a/longer')
  assert.deepEqual(kong.loaded.ir.routes[0]?.match.pathPriorities, [2, 1])
})

test('2.2 a service that is not enabled takes its routes with it', async (t) => {
  const document = {
    _format_version: '3.0',
    services: [{ name: 'off', url: 'http://ECHO', enabled: false, routes: [{ name: 'r', paths: ['/a'] }] }],
    routes: [{ name: 'other', paths: ['/b'] }],
  }
  const kong = await startKong(t, JSON.stringify(document))
  assert.equal((await kong.ask('/a')).status, 404)
})

test('2.1 paths of the formats 1.1 and 2.1 are expressions where they look like one', async (t) => {
  for (const format of ['1.1', '2.1']) {
    const document = {
      _format_version: format,
      services: [{ name: 'any', url: 'http://ECHO', routes: [{ name: 'r', paths: ['/users/\\d+$', '/plain.txt'], strip_path: false }] }],
    }
    const kong = await startKong(t, JSON.stringify(document))
    assert.equal((await kong.ask('/users/7')).status, 200)
    assert.equal((await kong.ask('/users/x')).status, 404)
    assert.equal((await kong.ask('/plain.txt')).status, 200)
    assert.equal((await kong.ask('/plainxtxt')).status, 404)
  }
})
