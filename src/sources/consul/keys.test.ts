import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAGMENTS_MAX } from '../../core/config-source.ts'
import { readKeys } from './keys.ts'

const pair = (Key: string, text: string | null): unknown => ({
  Key,
  Value: text === null ? null : Buffer.from(text).toString('base64'),
  Flags: 0,
})

test('keys are documents, in the order of their names, and folders are none', () => {
  const answer = [pair('gateway/', null), pair('gateway/b', 'routes: {} # ü'), pair('gateway/a', null), pair('gateway/c/d', '{}')]
  assert.deepEqual(readKeys(answer, 'consul://h:8500'), [
    { name: 'consul://h:8500/gateway/a', text: '' },
    { name: 'consul://h:8500/gateway/b', text: 'routes: {} # ü' },
    { name: 'consul://h:8500/gateway/c/d', text: '{}' },
  ])
})

for (const [what, answer, message] of [
  ['no list', {}, 'is no list'],
  ['an entry that is none', [null], 'has no key and value at [0]'],
  ['a key that is none', [pair('a', 'x'), { Key: 1, Value: null }], 'has no key and value at [1]'],
  ['a key without a value', [{ Key: 'a' }], 'has no key and value at [0]'],
  ['a value that is none', [{ Key: 'a', Value: {} }], 'has no key and value at [0]'],
  ['too many keys', Array.from({ length: FRAGMENTS_MAX + 1 }, () => pair('a', 'x')), 'has more than 10000 keys'],
  ['too many bytes', Array.from({ length: 33 }, (_, i) => pair(`${i}`, 'x'.repeat(2 ** 20))), 'has more than 33554432 bytes'],
] as const) {
  test(`${what} is told`, () => {
    assert.throws(() => readKeys(answer, 'consul://h'), { message })
  })
}
