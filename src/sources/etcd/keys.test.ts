import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FRAGMENTS_BYTES_MAX } from '../../core/config-source.ts'
import { rangeOf, readRange } from './keys.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

test('a range holds what begins with its prefix, and nothing else', () => {
  assert.deepEqual(rangeOf('gw/a'), { key: base64('gw/a') })
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (prefix, key) => {
      const { range_end: end = '' } = rangeOf(`${prefix}/`)
      const [from, to, bytes] = [Buffer.from(`${prefix}/`), Buffer.from(end, 'base64'), Buffer.from(key)]
      const isInside = Buffer.compare(bytes, from) >= 0 && Buffer.compare(bytes, to) < 0
      assert.equal(isInside, bytes.subarray(0, from.length).equals(from))
    }),
  )
})

test('keys and texts are read with the revision they are of, beyond 53 bits', () => {
  const answer = {
    header: { revision: '9007199254740993' },
    kvs: [{ key: base64('gw/ä'), value: base64('a: ü') }, { key: base64('gw/b') }],
    count: '2',
  }
  assert.deepEqual(readRange(answer, 'etcd://h'), {
    revision: 9_007_199_254_740_993n,
    fragments: [
      { name: 'etcd://h/gw/ä', text: 'a: ü' },
      { name: 'etcd://h/gw/b', text: '' },
    ],
  })
  assert.deepEqual(readRange({ header: { revision: '1' } }, 'etcd://h').fragments, [])
})

for (const [what, answer, words] of [
  ['no header', {}, /told no revision/],
  ['a revision in words', { header: { revision: 'x' } }, /told no revision/],
  ['no list', { header: { revision: '1' }, kvs: {} }, /told no list of keys/],
  ['a key that is none', { header: { revision: '1' }, kvs: [{ key: 1 }] }, /told a key that is none/],
  ['more than is taken', { header: { revision: '1' }, kvs: [], more: true }, /has more than 10000 keys/],
  [
    'too much',
    { header: { revision: '1' }, kvs: [{ key: '', value: 'A'.repeat((FRAGMENTS_BYTES_MAX * 4) / 3 + 8) }] },
    /has more than \d+ bytes/,
  ],
] as const) {
  test(`an answer with ${what} is refused`, () => {
    assert.throws(() => readRange(answer, 'etcd://h'), words)
  })
}

test('whatever is answered, it is read or refused with a sentence', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (header, kvs) => {
      try {
        readRange({ header, kvs }, 'etcd://h')
      } catch (error) {
        assert.match(String(error), /^Error: (told|has) /)
      }
    }),
  )
})
