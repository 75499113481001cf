import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePurge } from './purge-request.ts'

function parse(value: unknown) {
  return parsePurge(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
}

test('each form of a purge becomes what stores are told, hosts and paths in the form that requests are brought to', () => {
  const cases: [unknown, unknown][] = [
    [
      { key: { host: 'Shop.Example', path: '/a/../b%7e/%2f', query: 'x=1' } },
      [{ kind: 'key', host: 'shop.example', path: '/b~/%2F', query: 'x=1' }],
    ],
    [{ key: { host: '[::1]', path: '/a' } }, [{ kind: 'key', host: '[::1]', path: '/a', query: '' }]],
    [{ prefix: { path: '/a//b/' } }, [{ kind: 'prefix', host: null, path: '/a/b/' }]],
    [{ prefix: { path: '/a', host: 'h' } }, [{ kind: 'prefix', host: 'h', path: '/a' }]],
    [{ tag: 't' }, [{ kind: 'tag', tag: 't' }]],
    [
      { tags: ['t', 'u', 't'] },
      [
        { kind: 'tag', tag: 't' },
        { kind: 'tag', tag: 'u' },
      ],
    ],
    [{ all: true }, [{ kind: 'all' }]],
  ]
  for (const [body, purges] of cases) assert.deepEqual(parse(body), { ok: true, purges }, JSON.stringify(body))
})

test('what is not exactly one purge is refused with what was expected', () => {
  const cases: [unknown, RegExp][] = [
    ['', /^The body is not valid JSON\.$/],
    ['{"all":true,"all":true}', /not JSON that can be read in one way: \/all stands twice/],
    [[], /expected a map/],
    [{}, /expected exactly one of `key`, `prefix`, `tag`, `tags`, `all`/],
    [{ all: true, tag: 't' }, /expected exactly one of/],
    [{ all: false }, /all: expected `true`/],
    [{ tga: 't' }, /unknown key `tga`; did you mean `tag`\?/],
    [{ key: { path: '/a' } }, /key\.host: expected text, found nothing/],
    [{ key: { host: 'h:80', path: '/a' } }, /key\.host: expected a host without a port/],
    [{ key: { host: 'h', path: '/a?x=1' } }, /key\.path: expected a path that a request can have/],
    [{ key: { host: 'h', path: 'a' } }, /key\.path: expected a path/],
    [{ key: { host: 'h', path: '/../a' } }, /key\.path: expected a path/],
    [{ key: { host: 'h', path: '/a', query: '?x' } }, /key\.query: expected a query as it is sent/],
    [{ prefix: { path: '' } }, /prefix\.path: expected text that is not empty/],
    [{ tags: [] }, /tags: expected at least 1 item/],
    [{ tags: Array.from({ length: 101 }, (_, i) => `t${i}`) }, /tags: expected at most 100 items/],
    [{ tag: 'x'.repeat(257) }, /tag: expected at most 256 characters/],
    [{ tag: '' }, /tag: expected text that is not empty/],
  ]
  for (const [body, reason] of cases) {
    const parsed = parse(body)
    assert.match(parsed.ok ? 'taken' : parsed.reason, reason, JSON.stringify(body))
  }
})
