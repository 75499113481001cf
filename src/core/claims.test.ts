import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Claims } from './caller.ts'
import { claimReader, parsePointer, textsOf } from './claims.ts'

const claims: Claims = JSON.parse(`{
  "sub": "u", "a.b": 1, "a": { "b": 2, "c": [10, { "d": 11 }], "x/y": 3, "m~n": 4 },
  "https://example.com/roles": ["r"], "__proto__": { "own": 5 }
}`)

for (const [name, expected] of [
  ['sub', 'u'],
  ['a.b', 1],
  ['a.c.1.d', 11],
  ['/a/b', 2],
  ['/a.b', 1],
  ['/a/c/0', 10],
  ['/a/x~1y', 3],
  ['/a/m~0n', 4],
  ['https://example.com/roles', ['r']],
  ['__proto__.own', 5],
  ['none', undefined],
  ['a.none.x', undefined],
  ['sub.length', undefined],
  ['sub.0', undefined],
  ['a.c.length.x', undefined],
  ['toString', undefined],
  ['a.constructor', undefined],
  ['/constructor/name', undefined],
  ['a.__proto__', undefined],
] as const) {
  test(`the claim ${name} reads as ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(claimReader(name)(claims), expected)
  })
}

test('the escapes of a pointer are undone once, in the order of RFC 6901', () => {
  assert.deepEqual(parsePointer('/~01/~1/'), ['~1', '/', ''])
  assert.deepEqual(parsePointer(''), [])
})

test('texts are a text or the texts of a list', () => {
  assert.deepEqual(textsOf('a b'), ['a b'])
  assert.deepEqual(textsOf(['a', 1, null, 'b', ['c']]), ['a', 'b'])
  for (const other of [undefined, null, 1, true, { a: 'b' }]) assert.deepEqual(textsOf(other), [])
})
