import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf } from '../policies/testing.ts'
import { checkedTemplate, escapeJson, escapeMarkup, parseTemplate } from './template.ts'

const exchange = exchangeOf({
  method: 'POST',
  path: '/orders/7',
  query: 'page=2&q=a%20b',
  headers: [['X-Tag', 'blue']],
  params: { id: '7' },
})
exchange.requestId = 'r-1'
exchange.caller.subject = 'ann'
exchange.caller.claims = { age: 41, 'https://x.example/tier': 'gold', realm: { roles: ['a', 'b'] } }

const filled: readonly (readonly [string, string])[] = [
  ['{method} {path}?{query}', 'POST /orders/7?page=2&q=a%20b'],
  ['{param.id}/{query.q}/{query.none}', '7/a b/'],
  ['{header.x-tag} {user} {request.id}', 'blue ann r-1'],
  ['{claim.age} {claim.https://x.example/tier} {claim.realm.roles}', '41 gold ["a","b"]'],
  ['{"a": {"b": {}}, "id": "{param.id}"}', '{"a": {"b": {}}, "id": "7"}'],
  ['{{param.id} {{}', '{param.id} {}'],
  ['a { b } {A} { }', 'a { b } {A} { }'],
]
for (const [template, text] of filled) {
  test(`${template} becomes ${text}`, () => assert.equal(checkedTemplate(template).render(exchange), text))
}

test('one placeholder alone gives the value as it is', () => {
  assert.equal(checkedTemplate('{claim.age}').value(exchange), 41)
  assert.equal(checkedTemplate('{claim.age} years').value(exchange), '41 years')
  assert.equal(checkedTemplate('{claim.none}').value(exchange), undefined)
})

test('values are quoted, the text around them is not', () => {
  const hostile = exchangeOf({ params: { id: '"}\n' } })
  assert.equal(checkedTemplate('{"id": "{param.id}"}').render(hostile, escapeJson), '{"id": "\\"}\\n"}')
})

for (const [template, message] of [
  ['{parm.id}', /did you mean/],
  ['{secret}', /there is no placeholder `\{secret\}`/],
  ['{param.a-b}', /there is no placeholder/],
  ['{claim.tid', /`\{claim.tid` is no whole placeholder: expected `\{claim.tid\}`, or `\{\{` for a brace/],
  ['{"a": "{claim.tid", "b": 1}', /`\{claim.tid` is no whole placeholder/],
  ['{ claim.tid }', /`\{ claim.tid` is no whole placeholder: expected `\{claim.tid\}`/],
  ['{header.a b}', /is no whole placeholder/],
  ['{ claims } {claim: 1} {{claim.tid {{ claim.tid }', null],
] as const) {
  test(`${template} is ${message === null ? 'text' : 'refused'}`, () => {
    const parsed = parseTemplate(template)
    if (message === null) assert.ok(!('problem' in parsed))
    else assert.match('problem' in parsed ? parsed.problem : '', message)
  })
}

test('each exchange gives its own query, and the status of its last try', () => {
  const template = checkedTemplate('{query.a}-{query.b}-{upstream.status}')
  for (const [query, expected] of [
    ['a=1&b=2', '1-2-0'],
    ['a=3', '3--0'],
    ['', '--0'],
  ] as const) {
    assert.equal(template.render(exchangeOf({ query })), expected)
  }
  const exchange = exchangeOf()
  const attempt = { number: 1, target: 'a:1', startedAt: 0, endedAt: 0, error: null }
  exchange.attempts.push({ ...attempt, status: 503 }, { ...attempt, status: 501 })
  exchange.response.status = 404
  assert.equal(template.render(exchange), '--501')
})

test('what is filled into markup is text there, whatever it is', () => {
  assert.equal(escapeMarkup(`a<b>&"c'`), 'a&#60;b&#62;&#38;&#34;c&#39;')
})
