import assert from 'node:assert/strict'
import { test } from 'node:test'
import { priorityOf } from './route-ranks.ts'
import { hasTopAlternation, nativeHost, nativePath } from './routes.ts'
import type { RouteFields } from './types.ts'

const FIELDS: RouteFields = {
  name: 'r',
  protocols: ['http', 'https'],
  methods: [],
  hosts: [],
  paths: [],
  headers: {},
  snis: [],
  stripPath: true,
  preserveHost: false,
  regexPriority: 0,
  httpsRedirectStatusCode: 426,
  pathHandling: 'v0',
  requestBuffering: true,
  responseBuffering: true,
  tags: [],
}

const bits = (value: bigint): string => value.toString(16).padStart(16, '0')

const NUMBERS: readonly (readonly [string, Partial<RouteFields>, number | null, string])[] = [
  ['no path, methods', { methods: ['GET'] }, null, '2000000000000000'],
  ['a prefix of 4 characters', {}, 4, '2000000000000004'],
  ['a prefix and methods', { methods: ['GET', 'POST'] }, 4, '4000000000000004'],
  ['plain hosts', { hosts: ['a.example'] }, null, '3000000000000000'],
  ['hosts with a star', { hosts: ['a.example', '*.example'] }, null, '2000000000000000'],
  ['two headers', { headers: { a: ['1'], b: ['1', '2'] } }, null, '2020000000000000'],
  ['an expression', {}, 0, '2008000000000000'],
  ['an expression with a priority', { regexPriority: 3 }, 0, '2008000000180000'],
  ['a prefix, for which regex_priority means nothing', { regexPriority: 3 }, 1, '2000000000000001'],
  ['all kinds', { methods: ['GET'], hosts: ['a'], headers: { a: ['1'] }, snis: ['a'] }, 1, 'b010000000000001'],
  [
    'more than 255 headers',
    { headers: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`h${i}`, ['1']])) },
    null,
    '2ff0000000000000',
  ],
]

for (const [what, fields, length, expected] of NUMBERS) {
  test(`2.4 the priority of ${what} is 0x${expected}`, () => {
    assert.equal(bits(priorityOf({ ...FIELDS, ...fields }, length)), expected)
  })
}

test('2.4 a prefix is an expression without anything special in it', () => {
  assert.equal(nativePath('/a.b/c+(d)'), '~/a\\.b/c\\+\\(d\\)')
  assert.equal(nativePath('~/a\\d'), '~/a\\d')
})

test('2.4 a star stands for one label or more', () => {
  assert.deepEqual(['*.Example.com', 'example.*', 'a.example.'].map(nativeHost), ['**.example.com', 'example.**', 'a.example'])
})

test('2.4 alternatives outside of groups are found', () => {
  assert.deepEqual(['~/a|/b', '~/(a|b)', '~/[|]', '~/a\\|b', '/a|b'].map(hasTopAlternation), [true, false, false, false, false])
})
