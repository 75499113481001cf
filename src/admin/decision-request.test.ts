import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDecisionsQuery, parseWhatIf } from './decision-request.ts'

test('a query says which records are wanted', () => {
  const cases: [string, unknown, number][] = [
    ['', {}, 50],
    ['limit=3', {}, 3],
    ['status=404', { statusMin: 404, statusMax: 404 }, 50],
    ['status=5xx', { statusMin: 500, statusMax: 599 }, 50],
    ['status=400-499&route=orders', { route: 'orders', statusMin: 400, statusMax: 499 }, 50],
    ['status=0', { statusMin: 0, statusMax: 0 }, 50],
    ['since=2026-01-31T12:00:00Z', { sinceMs: Date.UTC(2026, 0, 31, 12) }, 50],
    [
      'path=%2Fa+b&method=GET&consumer=app&error=rate_limited&policy=rate-limit&service=s',
      { path: '/a b', method: 'GET', consumer: 'app', error: 'rate_limited', policy: 'rate-limit', service: 's' },
      50,
    ],
  ]
  for (const [query, filter, max] of cases) assert.deepEqual(parseDecisionsQuery(query), { ok: true, filter, max }, query)
})

test('what is no such query is refused with a sentence', () => {
  const cases: [string, RegExp][] = [
    ['statsu=1', /There is no parameter statsu; there is route, /],
    ['status=6xx', /status: expected/],
    ['status=4-x', /status: expected/],
    ['since=yesterday', /since: expected a time/],
    ['limit=0', /limit: expected 1 to 1000/],
    ['limit=1001', /limit: expected 1 to 1000/],
    ['limit=1e3', /limit: expected 1 to 1000/],
    ['route=a&route=b', /route stands twice/],
    [`path=${'x'.repeat(1_025)}`, /longer than 1024/],
    ['__proto__=1', /There is no parameter/],
  ]
  for (const [query, reason] of cases) {
    const parsed = parseDecisionsQuery(query)
    assert.match(parsed.ok ? 'taken' : parsed.reason, reason, query)
  }
})

test('a what-if names headers', () => {
  const parse = (text: string): unknown => parseWhatIf(Buffer.from(text))
  assert.deepEqual(parse('{"headers":{"X-Beta":"1","Cookie":null}}'), { ok: true, headers: { 'X-Beta': '1', Cookie: null } })
  for (const text of ['', '[]', '{}', '{"headers":{"a":1}}', '{"headers":{},"more":1}', '{"headers":{"a":"1","a":"2"}}']) {
    const parsed = parseWhatIf(Buffer.from(text))
    assert.equal(parsed.ok, false, text)
  }
})
