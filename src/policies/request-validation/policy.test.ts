import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { DetailedTrace } from '../../core/trace.ts'
import { exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { requestValidation } from './policy.ts'
import { remarksOn, stepsFor, toldOf, verdictOn } from './testing.ts'

const order = {
  type: 'object',
  required: ['item', 'amount'],
  properties: {
    item: { type: 'string', minLength: 1, maxLength: 5, pattern: '^[a-z]+$' },
    amount: { type: 'integer', minimum: 1, exclusiveMaximum: 100 },
    at: { type: 'string', format: 'date-time' },
    kind: { enum: ['a', 'b'] },
    tags: { type: 'array', items: { type: 'string' }, uniqueItems: true, maxItems: 3 },
  },
  additionalProperties: false,
}

test('a body that does not fit is told each place, with a pointer', async () => {
  const steps = await stepsFor({ body: order })
  const told = (value: unknown) => toldOf(steps, { body: JSON.stringify(value) })
  assert.equal(told({ item: 'abc', amount: 1, at: '2026-01-01T00:00:00Z', kind: 'a', tags: ['x', 'y'] }), null)
  assert.deepEqual(told([]), ['body  must be of type object'])
  assert.deepEqual(told({}), ['body /item is required', 'body /amount is required'])
  assert.deepEqual(told({ item: 'ABCDEF', amount: 0.5, at: 'today', kind: 'c', tags: ['x', 'x', 1, 2], 'a/b~': 1 }), [
    'body /a~1b~0 is not allowed here',
    'body /item must have at most 5 characters',
    'body /item must match the pattern ^[a-z]+$',
    'body /amount must be of type integer',
    'body /amount must be at least 1',
    'body /at must be in the format date-time',
    'body /kind must be one of "a", "b"',
    'body /tags must have at most 3 items',
    'body /tags/2 must be of type string',
    'body /tags/3 must be of type string',
    'body /tags must not have equal items',
  ])
  assert.deepEqual(told({ item: '', amount: 100 }), [
    'body /item must have at least 1 characters',
    'body /item must match the pattern ^[a-z]+$',
    'body /amount must be less than 100',
  ])
})

test('alternatives that fail are told as one, and what stands beside them is told too', async () => {
  const steps = await stepsFor({
    body: {
      $defs: { card: { properties: { number: { type: 'string' } }, required: ['number'] } },
      type: 'object',
      required: ['id'],
      oneOf: [{ $ref: '#/$defs/card' }, { required: ['iban'] }],
      not: { required: ['cash'] },
      if: { not: { required: ['a'] } },
      else: { required: ['b'] },
    },
  })
  const told = (value: unknown) => toldOf(steps, { body: JSON.stringify(value) })
  assert.deepEqual(told({ id: 1, iban: 1 }), null)
  assert.deepEqual(told({ number: 5 }), ['body  must fit one of the allowed forms', 'body /id is required'])
  assert.deepEqual(told({ id: 1, iban: 1, number: 'x' }), ['body  must fit exactly one of the allowed forms, and fits several'])
  assert.deepEqual(told({ id: 1, iban: 1, cash: 1, a: 1 }), ['body  is of a form that is not allowed', 'body /b is required'])
})

test('only 20 violations are listed, and how many there are is said', async () => {
  const steps = await stepsFor({ body: { type: 'array', items: { type: 'string' } } })
  const verdict = verdictOn(steps, { body: JSON.stringify(Array.from({ length: 50 }, () => 1)) })
  assert.equal(verdict?.detail, 'The request does not fit its schema in 50 places; the first 20 are listed')
  assert.ok(Array.isArray(verdict.members?.['violations']) && verdict.members['violations'].length === 20)
  assert.equal(verdict.members['violationsOmitted'], 30)
  // Of a large body not all violations are kept in memory.
  const large = verdictOn(steps, { body: JSON.stringify(Array.from({ length: 200_000 }, () => 1)) })
  assert.equal(large?.detail, 'The request does not fit its schema; only the first violation was looked for')
  const silent = verdictOn(await stepsFor({ body: false, report: 'none' }), { body: '1' })
  assert.deepEqual([silent?.code, silent?.detail, silent?.members], ['request_invalid', null, undefined])
})

test('a refusal repeats nothing that a client sent but names, and those not at length', async () => {
  const steps = await stepsFor({ body: { ...order, propertyNames: { maxLength: 30 } }, query: order })
  const secret = 'SECRET'.repeat(3)
  const body = JSON.stringify({ item: secret, amount: secret, at: secret, kind: secret, tags: secret, ['n'.repeat(100_000)]: 1 })
  const text = JSON.stringify([
    verdictOn(steps, { body, query: 'item=a&amount=1' }),
    verdictOn(steps, { body, query: `item=${secret}&amount=${secret}` }),
  ])
  assert.ok(!text.includes('SECRET'))
  assert.ok(text.length < 5_000, String(text.length))
})

test('JSON that can be read in two ways is refused', async () => {
  const steps = await stepsFor({ body: true, query: true })
  for (const [body, told] of [
    ['{"a":1,"b":{"c":1,"c":2}}', 'body /b/c stands twice in its object'],
    ['{"a":1', 'body  is not valid JSON'],
    [Buffer.from([0x22, 0xff, 0x22]), 'body  is not valid UTF-8'],
    ['['.repeat(65) + ']'.repeat(65), 'body  is nested deeper than 64 levels'],
  ] as const) {
    assert.deepEqual(toldOf(await stepsFor({ body: { type: ['object', 'array', 'string'] } }), { body }), [told])
  }
  assert.equal(toldOf(steps, { body: `${'['.repeat(64)}${']'.repeat(64)}` }), null)
})

test('the body must be there, of a type that is taken, and bare', async () => {
  const steps = await stepsFor({ body: { type: 'object' } })
  const withType = (...values: string[]) => toldOf(steps, { body: '{}', headers: values.map((value) => ['Content-Type', value] as const) })
  const wrong = 'request_media_type_unsupported'
  assert.deepEqual(toldOf(steps, { method: 'POST' }), ['body  is required'])
  assert.deepEqual(toldOf(steps, { body: '', bodyLength: LENGTH_UNKNOWN }), ['body  is required'])
  assert.equal(toldOf(await stepsFor({ body: { type: 'object' }, required: false }), { method: 'POST' }), null)
  for (const value of [
    'application/json',
    'APPLICATION/JSON; charset=UTF-8',
    'application/json;charset="utf-8"',
    'application/merge-patch+json',
  ]) {
    assert.equal(withType(value), null, value)
  }
  for (const value of [
    'text/plain',
    'application/jsonx',
    'application/json; charset=utf-16',
    'application/json;charset="latin1"',
    'json',
    '',
    '*/*',
  ]) {
    assert.equal(withType(value), wrong, value)
  }
  assert.equal(withType('application/json', 'application/json'), wrong)
  assert.equal(toldOf(steps, { method: 'POST', bodyLength: 5 }), wrong)
  const encoded = (coding: string) => verdictOn(steps, { body: '{}', headers: [['Content-Encoding', coding]] })
  assert.equal(encoded('identity'), undefined)
  assert.equal(encoded('gzip')?.code, wrong)
  assert.deepEqual(encoded('gzip')?.headers, [['Accept-Encoding', 'identity']])
  const text = await stepsFor({ body: { type: 'object' }, contentTypes: ['text/*'] })
  assert.equal(toldOf(text, { body: '{}', headers: [['Content-Type', 'text/plain']] }), null)
  assert.equal(toldOf(text, { body: '{}' }), wrong)
})

test('a form is an object of its fields', async () => {
  const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const
  const steps = await stepsFor({ body: order, contentTypes: ['application/x-www-form-urlencoded'] })
  assert.equal(toldOf(steps, { headers: form, body: 'item=ab%63&amount=5&tags=a&tags=b+c' }), null)
  assert.deepEqual(toldOf(steps, { headers: form, body: 'item=abc&amount=05&amount2=1' }), [
    'body /amount2 is not allowed here',
    'body /amount must be of type integer',
  ])
  assert.deepEqual(toldOf(steps, { headers: form, body: 'item=a&item=b&amount=5' }), ['body /item is given more than once'])
  for (const body of ['item=%ff', 'item=é', '%zz=1']) {
    assert.match(String(toldOf(steps, { headers: form, body })), /is not valid percent-encoded UTF-8/, body)
  }
})

test('text of the query becomes what the schema calls for', async () => {
  const steps = await stepsFor({
    query: {
      properties: {
        n: { type: 'integer', maximum: 10 },
        x: { type: 'number' },
        b: { type: 'boolean' },
        s: { type: 'string', maxLength: 3 },
        list: { type: 'array', items: { type: 'integer' }, maxItems: 2 },
        either: { type: ['string', 'integer'] },
        ref: { $ref: '#/$defs/flag' },
        part: { allOf: [{ type: 'integer' }, { minimum: 5 }] },
      },
      required: ['n'],
      additionalProperties: false,
      $defs: { flag: { enum: [true] } },
    },
  })
  const told = (query: string) => toldOf(steps, { query })
  for (const query of [
    'n=1',
    'n=-0&x=1.5e1&b=true&s=a%2Bb',
    'n=1&list=1&list=2',
    'n=1&list=3',
    'n=1&either=5&ref=true&part=5',
    '&n=1&&',
    's=&n=1',
    'n=1&s=a+b',
  ])
    assert.equal(told(query), null, query)
  for (const [query, violation] of [
    ['', 'query /n is required'],
    ['n=01', 'query /n must be of type integer'],
    ['n=0x1', 'query /n must be of type integer'],
    ['n=+1', 'query /n must be of type integer'],
    ['n=1.5', 'query /n must be of type integer'],
    ['n=1e999', 'query /n must be of type integer'],
    ['n=', 'query /n must be of type integer'],
    ['n=11', 'query /n must be at most 10'],
    ['n=1&n=2', 'query /n is given more than once'],
    ['n=1&x=NaN', 'query /x must be of type number'],
    ['n=1&b=1', 'query /b must be of type boolean'],
    ['n=1&s=abcd', 'query /s must have at most 3 characters'],
    ['n=1&list=1&list=x', 'query /list/1 must be of type integer'],
    ['n=1&list=1&list=2&list=3', 'query /list must have at most 2 items'],
    ['n=1&ref=false', 'query /ref must be one of true'],
    ['n=1&part=4', 'query /part must be at least 5'],
    ['n=1&other', 'query /other is not allowed here'],
    ['n=1&__proto__=1', 'query /__proto__ is not allowed here'],
    ['n=1&s=%ff', 'query /s is not valid percent-encoded UTF-8'],
    ['n=1&%=1', 'query  is not valid percent-encoded UTF-8'],
  ] as const) {
    assert.deepEqual(told(query), [violation], query)
  }
})

test('headers and captures are checked', async () => {
  const steps = await stepsFor({
    headers: {
      properties: { 'X-Count': { type: 'integer' }, 'X-List': { type: 'array', items: { enum: ['a', 'b'] } } },
      required: ['x-tenant'],
    },
    params: { properties: { id: { type: 'integer' } } },
  })
  const ok = ['X-TENANT', 't'] as const
  assert.equal(toldOf(steps, { headers: [ok, ['x-count', '5'], ['X-List', 'a, b'], ['X-List', 'a']], params: { id: '7' } }), null)
  assert.deepEqual(
    toldOf(steps, {
      headers: [
        ['X-Count', 'five'],
        ['X-List', 'a,c'],
      ],
      params: { id: '7x' },
    }),
    [
      'path /id must be of type integer',
      'header /x-tenant is required',
      'header /X-Count must be of type integer',
      'header /X-List/1 must be one of "a", "b"',
    ],
  )
})

test('a schema may bear an id, and refer to itself by it', async () => {
  const schema = {
    $id: 'https://a.example/s',
    $defs: { x: { type: 'integer' }, y: { $anchor: 'here', type: 'boolean' } },
    properties: { x: { $ref: 'https://a.example/s#/$defs/x' }, y: { $ref: '#here' } },
  }
  assert.deepEqual(await remarksOn({ body: schema, query: schema }), [])
  const steps = await stepsFor({ body: schema, query: schema })
  assert.equal(toldOf(steps, { body: '{"x":1}', query: 'x=1&y=true' }), null)
  assert.deepEqual(toldOf(steps, { body: '{"x":"1","y":1}' }), ['body /x must be of type integer', 'body /y must be of type boolean'])
})

test('names of objects in JavaScript are not members that were sent', async () => {
  const steps = await stepsFor({
    body: { required: ['constructor', 'toString', '__proto__'] },
    query: { required: ['hasOwnProperty'], additionalProperties: { type: 'integer' } },
  })
  const query = 'hasOwnProperty=1'
  assert.deepEqual(
    toldOf(steps, { body: '{}', query }),
    ['constructor', 'toString', '__proto__'].map((name) => `body /${name} is required`),
  )
  assert.equal(toldOf(steps, { body: '{"constructor":1,"toString":1,"__proto__":{"x":1}}', query }), null)
  assert.deepEqual(toldOf(steps, { body: '{}' }), ['query /hasOwnProperty is required'])
  assert.equal(Reflect.get({}, 'x'), undefined)
})

test('no body keeps the gateway busy, whatever the schema', async () => {
  const redos = await stepsFor({ body: { items: { pattern: '^(a|a)*b$' } }, query: true })
  assert.deepEqual(toldOf(redos, { body: JSON.stringify([`${'a'.repeat(50_000)}c`]) }), ['body /0 must match the pattern ^(a|a)*b$'])
  const unique = await stepsFor({ body: { uniqueItems: true } })
  const items = Array.from({ length: 60_000 }, (_, index) => ({ b: index, a: [index] }))
  assert.equal(toldOf(unique, { body: JSON.stringify(items) }), null)
  assert.notEqual(toldOf(unique, { body: JSON.stringify([...items, { a: [5], b: 5 }]) }), null)
  assert.equal(toldOf(unique, { body: '[1,"1",true,"true",null,"null",[1],{"0":1},"[1]","{\\"0\\":1}"]' }), null)
  // Each level looks at the next one twice: 2^60 looks for 60 levels.
  const next = { properties: { next: { $ref: '#/$defs/node' } }, minProperties: 1 }
  const fans = await stepsFor({
    body: {
      $defs: {
        node: {
          anyOf: [next, { ...next, title: 'again' }],
        },
      },
      $ref: '#/$defs/node',
    },
  })
  const deep = `${'{"next":'.repeat(60)}{}${'}'.repeat(60)}`
  assert.deepEqual(toldOf(fans, { body: deep }), ['body  is too complex to be checked'])
  const circle = await stepsFor({ body: { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' } })
  assert.deepEqual(toldOf(circle, { body: '1' }), ['body  is too complex to be checked'])
})

test('options are checked', async () => {
  for (const options of [
    {},
    { body: 5 },
    { body: [] },
    { openapi: 'a.yaml', body: true },
    { openapi: 'a.yaml', pathPrefix: 'x' },
    { openapi: 'a.yaml', pathPrefix: '/x/' },
    { body: true, pathPrefix: '/x' },
    { body: true, contentTypes: ['json'] },
    { body: true, contentTypes: [] },
    { body: true, bodyMax: 0 },
    { required: true },
  ]) {
    assert.notDeepEqual(await problemsOf(requestValidation, options), [], JSON.stringify(options))
  }
  assert.deepEqual(await problemsOf(requestValidation, { openapi: 'a.yaml', pathPrefix: '/x', unknownOperation: 'pass' }), [])
})

test('schemas that cannot be used are told at their place when the configuration is checked', async () => {
  const errors = async (options: unknown) => (await remarksOn(options)).filter((line) => line.startsWith('error'))
  for (const [options, expected] of [
    [{ body: { type: 'objekt' } }, /^error body\.type: not JSON Schema 2020-12: must be one of `array`, .*`string`, or must be array$/],
    [{ body: { properties: { a: { minimum: '5' } } } }, /^error body\.properties\.a\.minimum: .*must be number/],
    [{ body: { allOf: [{ required: 'a' }] } }, /^error body\.allOf\.0\.required: /],
    [{ body: { pattern: '(?=a)b' } }, /^error body\.pattern: the pattern cannot be used/],
    [{ body: { pattern: '(' } }, /^error body\.pattern: /],
    [{ body: { patternProperties: { '(?!a)': true } } }, /^error body\.patternProperties/],
    [{ body: { $ref: '#/$defs/nothing' } }, /^error body\.\$ref: the reference leads to nothing/],
    [{ body: { $ref: '#nothing' } }, /^error body: the schema cannot be used: /],
    [{ body: { $ref: 'https://example.com/s.json' } }, /^error body\.\$ref: a reference leads to a place in the same schema/],
    [{ body: { $schema: 'http://json-schema.org/draft-07/schema#' } }, /^error body\.\$schema: /],
    [{ body: { properties: { a: { type: 'string', nullable: true } } } }, /^error body\.properties\.a\.nullable: /],
    [{ body: { unevaluatedProperties: false, $ref: '#/$defs/a', oneOf: [true], $defs: { a: true } } }, /^error body: `\$ref` beside/],
    [{ body: { unevaluatedProperties: false, dependentSchemas: { a: true } } }, /^error body: `dependentSchemas` is not supported/],
    [{ body: { $async: true } }, /^error body\.\$async/],
    [{ query: { type: 'array' } }, /^error query: expected a schema of an object/],
    [{ headers: { additionalProperties: false } }, /^error headers: `additionalProperties` cannot be said of headers/],
  ] as const) {
    const found = await errors(options)
    assert.match(found.join('\n'), expected, JSON.stringify(options))
  }
})

test('what is allowed but seldom meant is a warning', async () => {
  assert.deepEqual(await remarksOn({ body: {} }), ['warning body: this schema accepts anything'])
  assert.deepEqual(await remarksOn({ body: { title: 'x', $defs: {} } }), ['warning body: this schema accepts anything'])
  assert.deepEqual(await remarksOn({ body: { requierd: ['a'], type: 'object', 'x-y': 1 } }), [
    'warning body.requierd: `requierd` is no keyword of JSON Schema and has no effect; did you mean `required`?',
  ])
  assert.deepEqual(await remarksOn({ query: { properties: { a: { format: 'phone' } } } }), [
    'warning query.properties.a.format: the format `phone` is not checked',
  ])
  assert.deepEqual(await remarksOn({ body: order }), [])
})

test('what was found is noted', async () => {
  const steps = await stepsFor({ query: { required: ['a'] } })
  const exchange = exchangeOf()
  const trace = new DetailedTrace()
  exchange.trace = trace
  assert.notEqual(onRequest(steps, exchange), undefined)
  assert.deepEqual(trace.pending, ['checked against schema', 'query /a is required'])
})
