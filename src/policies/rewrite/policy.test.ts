import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { normalisePath } from '../../core/path.ts'
import { parsePathPattern } from '../../core/path-pattern.ts'
import { compilePolicy, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { rewrite } from './policy.ts'

/** The path that the service gets, or the code of the refusal. */
async function rewritten(options: unknown, path: string): Promise<string> {
  const exchange = exchangeOf({ path, query: 'q=1' })
  const verdict = onRequest(await compilePolicy(rewrite, options), exchange)
  assert.equal(exchange.request.path, path, 'what guards and logs see stays')
  assert.equal(exchange.forward.query, 'q=1')
  return verdict?.code ?? exchange.forward.path
}

test('a prefix is stripped by whole segments', async () => {
  for (const stripPrefix of ['/api', '/api/']) {
    assert.equal(await rewritten({ stripPrefix }, '/api/x/'), '/x/')
    assert.equal(await rewritten({ stripPrefix }, '/api'), '/')
    assert.equal(await rewritten({ stripPrefix }, '/api/'), '/')
    assert.equal(await rewritten({ stripPrefix }, '/apix'), '/apix')
    assert.equal(await rewritten({ stripPrefix }, '/x/api'), '/x/api')
  }
})

test('a prefix is added', async () => {
  assert.equal(await rewritten({ addPrefix: '/v2' }, '/x'), '/v2/x')
  assert.equal(await rewritten({ addPrefix: '/v2/' }, '/'), '/v2/')
  assert.equal(await rewritten({ stripPrefix: '/v1', addPrefix: '/v2' }, '/v1/x'), '/v2/x')
})

test('the first match of an expression is replaced, with its groups', async () => {
  const path = { match: '^/users/(\\d+)/(?<rest>.*)$', replace: '/u/$<rest>/$1/$$' }
  assert.equal(await rewritten({ path }, '/users/7/posts'), '/u/posts/7/$')
  assert.equal(await rewritten({ path }, '/users/x/posts'), '/users/x/posts')
  assert.equal(await rewritten({ path: { match: 'a', replace: 'b' } }, '/a/a'), '/b/a')
})

test('what is left always begins with one slash', async () => {
  assert.equal(await rewritten({ path: { match: '.*', replace: '' } }, '/a'), '/')
  assert.equal(await rewritten({ path: { match: '^/', replace: '' } }, '/a'), '/a')
  assert.equal(await rewritten({ path: { match: '^/p', replace: '/' } }, '/p/evil.com'), '/evil.com')
})

test('a client cannot make a dot segment out of part of a segment', async () => {
  const path = { match: '^/x(.*)', replace: '/files/$1' }
  assert.equal(await rewritten({ path }, '/xy'), '/files/y')
  for (const hostile of ['/x../secret', '/x..', '/x./a', '/x..;/a', '/x..%2Fsecret', '/x..%5Csecret']) {
    assert.equal(await rewritten({ path }, hostile), 'request_path_invalid', hostile)
  }
  const joined = { match: '^/(.*)-(.*)$', replace: '/files/$1$2' }
  assert.equal(await rewritten({ path: joined }, '/.-./secret'), 'request_path_invalid')
  assert.equal(await rewritten({ path: { match: '25', replace: '' } }, '/a/%252e'), 'request_path_invalid')
  assert.equal(await rewritten({ path: { match: '^/a', replace: '//%7eb/%c3' } }, '/a/x'), '/~b/%C3/x', 'other spellings are put right')
})

test('every rewritten path is in normal form and lies below the added prefix', async () => {
  const steps = await compilePolicy(rewrite, { stripPrefix: '/a', path: { match: '(b|c)(.*)', replace: '$2/$1' }, addPrefix: '/in' })
  const raw = fc
    .array(fc.constantFrom('a', 'b', 'c', '/', '.', '%2F', '%c3', ';', '-'), { maxLength: 12 })
    .map((parts) => `/${parts.join('')}`)
  fc.assert(
    fc.property(raw, (raw) => {
      const path = normalisePath(raw)
      if (path === null) return
      const exchange = exchangeOf({ path })
      if (onRequest(steps, exchange) !== undefined) return
      assert.equal(normalisePath(exchange.forward.path), exchange.forward.path)
      assert.match(exchange.forward.path, /^\/in\//)
    }),
  )
})

/** The path that the service gets where the route has this path. */
async function rewrittenBy(options: unknown, pattern: string, path: string): Promise<string> {
  const exchange = exchangeOf({ path })
  const parsed = parsePathPattern(pattern)
  if ('problem' in parsed) throw new Error(parsed.problem)
  exchange.pathPattern = parsed
  return onRequest(await compilePolicy(rewrite, options), exchange)?.code ?? exchange.forward.path
}

/** Service path, whether it is stripped, route path, request, what the service gets. */
const JOINED: readonly (readonly [base: string, strip: boolean, pattern: string, path: string, sent: string])[] = [
  ['/', true, '~/foo', '/foo', '/'],
  ['/', true, '~/foo', '/foo/', '/'],
  ['/', true, '~/foo', '/foo/bar', '/bar'],
  ['/', true, '~/foo', '/foobar', '/bar'],
  ['/api', true, '~/foo', '/foo', '/api'],
  ['/api', true, '~/foo', '/foo/', '/api/'],
  ['/api', true, '~/foo', '/foo/bar', '/api/bar'],
  ['/api', true, '~/foo', '/foobar', '/api/bar'],
  ['/api/', true, '~/foo', '/foo', '/api'],
  ['/api/', true, '~/foo', '/foo/', '/api/'],
  ['/api/', true, '~/foo', '/foo/bar', '/api/bar'],
  ['/api/', true, '~/foo', '/foobar', '/api/bar'],
  ['/api', true, '~/foo/', '/foo/', '/api/'],
  ['/api/', true, '~/foo/', '/foo/', '/api/'],
  ['/api', true, '~/', '/', '/api'],
  ['/api/', true, '~/', '/', '/api/'],
  ['/api', true, '~/', '/foo/bar', '/api/foo/bar'],
  ['/', false, '~/foo', '/', '/'],
  ['/', false, '~/foo', '/foo/bar', '/foo/bar'],
  ['/api', false, '~/', '/', '/api'],
  ['/api/', false, '~/', '/', '/api/'],
  ['/api', false, '~/foo', '/foo/bar', '/api/foo/bar'],
  ['/api/', false, '~/foo', '/foo/', '/api/foo/'],
  ['/api', true, '~/v[0-9]+/(a|b)', '/v12/a/c', '/api/c'],
  ['/api', true, '~/v[0-9]+/(a|b)', '/v12/ac', '/api/c'],
  ['/api', true, '/foo/*', '/foo/bar', '/api/bar'],
  ['/api', true, '/foo/*', '/foo', '/api'],
  ['/api', true, '/foo/:id/*', '/foo/7/bar', '/api/bar'],
  ['/api', true, '/foo/:id', '/foo/7', '/api'],
  ['/api', true, '/foo', '/foo', '/api'],
]
for (const [basePath, stripMatched, pattern, path, sent] of JOINED) {
  const how = stripMatched ? 'without what' : 'behind which what'
  test(`${path} becomes ${sent} at the service path ${basePath}, ${how} ${pattern} matches`, async () => {
    assert.equal(await rewrittenBy({ basePath, stripMatched }, pattern, path), sent)
  })
}

test('what is stripped of a route’s path leaves no dot segment behind', async () => {
  for (const path of ['/foo..', '/foo../secret', '/foo.', '/foo./x', '/foo..;x/y'])
    assert.equal(await rewrittenBy({ basePath: '/api', stripMatched: true }, '~/foo', path), 'request_path_invalid', path)
})

test('nothing is stripped where another policy has put a path of its own', async () => {
  const exchange = exchangeOf({ path: '/foo/x' })
  exchange.pathPattern = { kind: 'prefix', text: '/foo/*', segments: [{ literal: 'foo' }] }
  exchange.forward.path = '/elsewhere'
  onRequest(await compilePolicy(rewrite, { stripMatched: true }), exchange)
  assert.equal(exchange.forward.path, '/elsewhere')
})

test('the service is told the prefix that was taken off', async () => {
  const steps = await compilePolicy(rewrite, { stripMatched: true, forwardedPrefix: true })
  const told = (pattern: string, path: string, trusted: boolean, claim: string | null) => {
    const exchange = exchangeOf({ path, trusted, headers: claim === null ? [] : [['X-Forwarded-Prefix', claim]] })
    const parsed = parsePathPattern(pattern)
    if (!('problem' in parsed)) exchange.pathPattern = parsed
    onRequest(steps, exchange)
    return exchange.request.headers.getJoined('X-Forwarded-Prefix') ?? null
  }
  assert.equal(told('~/foo', '/foobar', false, null), '/foo')
  assert.equal(told('~/foo', '/foobar', false, '/claim'), '/foo')
  assert.equal(told('~/foo', '/foobar', true, '/outer'), '/outer')
  assert.equal(told('~/', '/foobar', false, '/claim'), null)
})

test('the client’s host and the mark of an empty query are kept where that is asked for', async () => {
  const exchange = exchangeOf({ path: '/a', authority: 'Shop.example:8443' })
  exchange.request.target = '/a?'
  onRequest(await compilePolicy(rewrite, { preserveHost: true, keepEmptyQuery: true }), exchange)
  assert.deepEqual(exchange.forward, { path: '/a', query: '', authority: 'Shop.example:8443', method: '', emptyQuery: true })
})

test('options that are no paths or do nothing are refused', async () => {
  for (const options of [
    {},
    { stripPrefix: 'api' },
    { stripPrefix: '/' },
    { stripPrefix: '/a/../b' },
    { addPrefix: '//a' },
    { addPrefix: '/a?b' },
    { path: { match: '(', replace: '/' } },
    { path: { match: '(?=a)', replace: '/' } },
    { path: { match: 'a', replace: '/?x' } },
    { path: { match: 'a', replace: '/ \r\n' } },
    { path: { match: 'a' } },
    { stripMatched: false },
    { stripMatched: true, stripPrefix: '/a' },
    { addPrefix: '/a', basePath: '/b' },
    { basePath: 'b' },
    { basePath: '/b', forwardedPrefix: true },
  ]) {
    assert.notDeepEqual(await problemsOf(rewrite, options), [], JSON.stringify(options))
  }
})
