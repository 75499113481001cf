import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, type StartOptions, startKong } from './kong-gateway.ts'
import { fieldsLike, withPlugins } from './one-plugin.ts'

const cache = (config: object = {}, more = ''): string =>
  `- name: proxy-cache\n  config: ${JSON.stringify({ strategy: 'memory', ...config })}\n${more}`

/** A service that numbers its answers, and takes their fields from the query. */
function counting(): NonNullable<StartOptions['respond']> {
  let count = 0
  return ({ url }, response) => {
    const asked = new URL(url, 'http://x').searchParams
    const headers: Record<string, string> = { 'Content-Type': asked.get('type') ?? 'application/json' }
    for (const name of ['Cache-Control', 'Set-Cookie', 'Expires']) if (asked.has(name)) headers[name] = asked.get(name) ?? ''
    response.writeHead(Number(asked.get('status') ?? 200), headers).end(`${++count}`)
  }
}

const word = ({ headers }: Answer): string | undefined => headers['x-cache-status']

test('2.10 proxy-cache: the first is a Miss, the next a Hit with its age and the same key', async (t) => {
  const kong = await startKong(t, withPlugins(cache()), { respond: counting() })
  const first = await kong.ask('/a')
  const second = await kong.ask('/a')
  assert.deepEqual([word(first), first.body, first.headers['age']], ['Miss', '1', undefined])
  assert.deepEqual([word(second), second.body, second.headers['age']], ['Hit', '1', '0'])
  assert.match(first.headers['x-cache-key'] ?? '', /^[0-9a-f]{64}$/)
  assert.equal(second.headers['x-cache-key'], first.headers['x-cache-key'])
  assert.equal(second.headers['cache-status'], undefined)
  assert.equal(second.headers['content-type'], 'application/json')
  assert.equal(word(await kong.ask('/a', { method: 'HEAD' })), 'Hit')
  assert.equal(word(await kong.ask('/b')), 'Miss')
})

test('2.10 proxy-cache: Kong’s headers are left out where that is asked for', async (t) => {
  const off = { age: false, 'X-Cache-Status': false, 'X-Cache-Key': false }
  const kong = await startKong(t, withPlugins(cache({ response_headers: off })), { respond: counting() })
  await kong.ask('/a')
  const hit = await kong.ask('/a')
  assert.deepEqual([hit.body, fieldsLike(hit.headers, /^(age|x-cache-.*|cache-status)$/)], ['1', {}])
})

test('2.10 proxy-cache: content types count with their parameters', async (t) => {
  const kong = await startKong(t, withPlugins(cache({ content_type: ['application/json', 'text/html; charset=utf-8', 'image/*'] })), {
    respond: counting(),
  })
  const cases: readonly (readonly [string, string])[] = [
    ['application/json', 'Miss'],
    ['Application/JSON', 'Miss'],
    ['application/json; charset=utf-8', 'Bypass'],
    ['text/html; charset=UTF-8', 'Miss'],
    ['text/html;charset=utf-8', 'Miss'],
    ['text/html', 'Bypass'],
    ['text/html; charset=utf-8; x=1', 'Bypass'],
    ['image/png', 'Miss'],
    ['text/plain', 'Bypass'],
  ]
  for (const [type, expected] of cases) {
    const target = `/a?type=${encodeURIComponent(type)}`
    assert.equal(word(await kong.ask(target)), expected, type)
    assert.equal(word(await kong.ask(target)), expected === 'Miss' ? 'Hit' : 'Bypass', type)
  }
})

test('2.10 proxy-cache: statuses 200, 301 and 404 are kept, others are not', async (t) => {
  const kong = await startKong(t, withPlugins(cache()), { respond: counting() })
  for (const [status, expected] of [
    [200, 'Hit'],
    [301, 'Hit'],
    [404, 'Hit'],
    [203, 'Bypass'],
    [500, 'Bypass'],
  ] as const) {
    await kong.ask(`/a?status=${status}`)
    const answer = await kong.ask(`/a?status=${status}`)
    assert.deepEqual([answer.status, word(answer)], [status, expected])
  }
})

test('2.10 proxy-cache: other methods are a Bypass without a key', async (t) => {
  const kong = await startKong(t, withPlugins(cache({ request_method: ['GET'] })), { respond: counting() })
  for (const method of ['POST', 'HEAD', 'OPTIONS']) {
    const answer = await kong.ask('/a', { method })
    assert.deepEqual([word(answer), answer.headers['x-cache-key']], ['Bypass', undefined], method)
  }
})

test('2.10 proxy-cache: parameters count in any order, and with vary_query_params those alone', async (t) => {
  const all = await startKong(t, withPlugins(cache()), { respond: counting() })
  await all.ask('/a?x=1&y=2')
  assert.equal(word(await all.ask('/a?y=2&x=1')), 'Hit')
  assert.equal(word(await all.ask('/a?x=1')), 'Miss')
  const some = await startKong(t, withPlugins(cache({ vary_query_params: ['x'] })), { respond: counting() })
  await some.ask('/a?x=1&y=2')
  assert.equal(word(await some.ask('/a?y=3&x=1')), 'Hit')
  assert.equal(word(await some.ask('/a?x=2')), 'Miss')
})

test('2.10 proxy-cache: vary_headers and ignore_uri_case', async (t) => {
  const kong = await startKong(t, withPlugins(cache({ vary_headers: ['X-A'], ignore_uri_case: true })), { respond: counting() })
  await kong.ask('/Path', { headers: { 'X-A': '1' } })
  assert.equal(word(await kong.ask('/pATH', { headers: { 'X-A': '1' } })), 'Hit')
  assert.equal(word(await kong.ask('/path', { headers: { 'X-A': '2' } })), 'Miss')
})

test('2.10 proxy-cache: what is not fresh any more but still stored is a Refresh', async (t) => {
  const kong = await startKong(t, withPlugins(cache({ cache_ttl: 1, storage_ttl: 60 })), { respond: counting() })
  assert.equal(word(await kong.ask('/a')), 'Miss')
  const deadline = Date.now() + 10_000
  let answer = await kong.ask('/a')
  while (word(answer) === 'Hit' && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    answer = await kong.ask('/a')
  }
  assert.deepEqual([word(answer), answer.body], ['Refresh', '2'])
  assert.equal(word(await kong.ask('/a')), 'Hit')
})

test('2.10 proxy-cache: Cache-Control of clients and services counts with cache_control alone', async (t) => {
  const plain = await startKong(t, withPlugins(cache()), { respond: counting() })
  await plain.ask('/a')
  for (const directive of ['no-cache', 'no-store', 'max-age=0', 'only-if-cached']) {
    assert.equal(word(await plain.ask('/a', { headers: { 'Cache-Control': directive } })), 'Hit', directive)
  }
  const kong = await startKong(t, withPlugins(cache({ cache_control: true })), { respond: counting() })
  const only = await kong.ask('/a', { headers: { 'Cache-Control': 'only-if-cached' } })
  assert.deepEqual([only.status, only.body], [504, ''])
  assert.equal(word(await kong.ask('/a')), 'Bypass')
  const target = '/a?Cache-Control=max-age%3D60'
  assert.equal(word(await kong.ask(target)), 'Miss')
  assert.equal(word(await kong.ask(target)), 'Hit')
  assert.equal(word(await kong.ask(target, { headers: { 'Cache-Control': 'no-store' } })), 'Bypass')
  assert.equal(word(await kong.ask(target, { headers: { 'Cache-Control': 'no-cache' } })), 'Bypass')
  assert.equal(word(await kong.ask(target, { headers: { Authorization: 'Bearer x' } })), 'Bypass')
  assert.equal(word(await kong.ask(target, { headers: { 'Cache-Control': 'min-fresh=120' } })), 'Refresh')
  for (const directive of ['private, max-age=60', 'no-store', 'max-age=0']) {
    assert.equal(word(await kong.ask(`/b?Cache-Control=${encodeURIComponent(directive)}`)), 'Bypass', directive)
  }
})

test('2.10 proxy-cache: answers to credentials are kept for each caller alone, unless the file says otherwise', async (t) => {
  const safe = await startKong(t, withPlugins(cache()), { respond: counting() })
  for (const headers of [{ Authorization: 'Bearer ann' }, { Cookie: 's=ann' }]) {
    assert.equal(word(await safe.ask('/a', { headers })), 'Miss')
    assert.equal(word(await safe.ask('/a', { headers })), 'Hit')
  }
  assert.equal(word(await safe.ask('/a', { headers: { Authorization: 'Bearer bob' } })), 'Miss')
  const shared = await startKong(t, withPlugins(cache({}, '  tags: [turnpike-share-authenticated]\n')), { respond: counting() })
  await shared.ask('/a', { headers: { Authorization: 'Bearer ann', Cookie: 's=1' } })
  assert.equal(word(await shared.ask('/a', { headers: { Authorization: 'Bearer bob' } })), 'Hit')
  assert.equal(word(await shared.ask('/c?Set-Cookie=s%3D1')), 'Bypass')
  assert.equal(word(await shared.ask('/c?Set-Cookie=s%3D1')), 'Bypass')
})

test('2.10 proxy-cache: consumers never share, also where the file says otherwise', async (t) => {
  const kong = await startKong(
    t,
    `
_format_version: "3.0"
consumers:
  - { username: ann, keyauth_credentials: [{ key: a1 }, { key: a2 }] }
  - { username: bob, keyauth_credentials: [{ key: b1 }] }
services:
  - name: shop
    url: http://ECHO
    routes: [{ name: all, paths: [/] }]
    plugins:
      - { name: key-auth }
      - { name: proxy-cache, config: { strategy: memory }, tags: [turnpike-share-authenticated] }
`,
    { respond: counting() },
  )
  const by = async (apikey: string): Promise<string | undefined> => word(await kong.ask('/a', { headers: { apikey } }))
  assert.deepEqual([await by('a1'), await by('a2'), await by('b1'), await by('b1')], ['Miss', 'Hit', 'Miss', 'Hit'])
})
