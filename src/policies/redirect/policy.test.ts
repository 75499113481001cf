import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compilePolicy, type ExchangeShape, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { redirect } from './policy.ts'

/** Status and Location, or the code of the refusal. */
async function redirected(options: unknown, shape: ExchangeShape = {}): Promise<string> {
  const verdict = onRequest(await compilePolicy(redirect, options), exchangeOf(shape))
  if (verdict === undefined) throw new Error('a redirect always answers')
  return verdict.code ?? `${verdict.status} ${verdict.headers.map(([name, value]) => `${name}: ${value}`).join()}`
}

const request: ExchangeShape = { path: '/a/b', query: 'q=1&r', authority: 'Shop.example:8080', params: { id: 'x y' } }

test('placeholders are filled in', async () => {
  assert.equal(await redirected({ to: 'https://{host}{path}' }, request), '308 Location: https://shop.example/a/b?q=1&r')
  assert.equal(
    await redirected({ to: '{scheme}://{host}:81/n/{param.id}?id={param.id}' }, request),
    '308 Location: http://shop.example:81/n/x%20y?id=x%20y&q=1&r',
  )
  assert.equal(await redirected({ to: '/new{path}?was={query}', status: 302 }, request), '302 Location: /new/a/b?was=q=1&r')
  assert.equal(await redirected({ to: '{path}/x', preserveQuery: false, status: 303 }, request), '303 Location: /a/b/x')
  assert.equal(await redirected({ to: '/x#top' }, request), '308 Location: /x?q=1&r#top')
  assert.equal(await redirected({ to: '/x/{param.none}' }), '308 Location: /x/')
})

test('no form lets a client choose where it leads', async () => {
  for (const to of [
    '{host}/x',
    '{host}',
    '{query}',
    '{param.to}',
    '//evil.com',
    '/\\evil.com',
    '//{host}/x',
    'https://{param.tenant}.example.com/',
    'https://example.com{param.x}',
    'https://example.com{query}',
    'https://example.com{host}',
    'https://{host}.evil.com/',
    'https://{host}@evil.com/',
    'https://user@evil.com/',
    'https://{path}',
    '{scheme}:{path}',
    '{scheme}://{param.x}/',
    'javascript:alert(1)',
    'ftp://example.com/',
    'https://example.com/{nothing}',
    'https://example.com/a b',
    '/a\r\nSet-Cookie: x=1',
    'x',
    '',
  ]) {
    assert.notDeepEqual(await problemsOf(redirect, { to }), [], to)
  }
  for (const to of [
    '/',
    '/x',
    '{path}',
    'https://a.example',
    'https://a.example:8443/x',
    'https://[::1]/x',
    'https://a.example{path}',
    '{scheme}://{host}{path}',
  ]) {
    assert.deepEqual(await problemsOf(redirect, { to }), [], to)
  }
  assert.notDeepEqual(await problemsOf(redirect, { to: '/', status: 200 }), [])
})

test('no request can change the authority or break the header', async () => {
  const text = fc.oneof(
    fc.constantFrom('', '/evil.com', '//evil.com', '\\evil.com', '@evil.com', '.evil.com', '\r\nX: y', '"', '#', '%'),
    fc.string({ unit: 'binary', maxLength: 8 }),
  )
  const path = fc.constantFrom('/', '/evil.com', '/@evil.com', '/.evil.com', '/a%2Fb', '/{x}"<>')
  const targets = [
    '/{path}',
    '{path}',
    '/{param.x}{path}',
    '/{param.x}/{param.x}',
    'http://a.example{path}',
    'http://a.example/{param.x}?{query}#{param.x}',
    'http://a.example/?{query}',
  ]
  const compiled = await Promise.all(targets.map((to) => compilePolicy(redirect, { to })))
  fc.assert(
    fc.property(text, text, path, fc.nat(targets.length - 1), (param, query, path, index) => {
      const steps = compiled[index]
      assert.ok(steps)
      const verdict = onRequest(steps, exchangeOf({ path, query, params: { x: param } }))
      const location = verdict?.headers[0]?.[1] ?? ''
      assert.match(location, /^[\x21-\x7e]+$/)
      assert.equal(new URL(location, 'http://a.example/').host, 'a.example', location)
    }),
    { numRuns: 2_000 },
  )
})

test('a request whose host cannot stand in a URL is refused', async () => {
  for (const authority of ['', 'a.com@evil.com', 'a.com/x', 'a.com#', 'a b', '{x}']) {
    assert.equal(await redirected({ to: 'https://{host}{path}' }, { authority }), 'request_malformed', authority)
  }
  assert.equal(await redirected({ to: 'https://{host}{path}' }, { authority: '[::1]:80' }), '308 Location: https://[::1]/')
})

test('a redirect can have a body', async () => {
  const verdict = onRequest(await compilePolicy(redirect, { to: '/x', body: 'see there' }), exchangeOf())
  assert.deepEqual([String(verdict?.body), verdict?.headers], ['see there', [['Location', '/x']]])
})
