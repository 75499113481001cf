import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Headers } from './headers.ts'
import { decodeResponse, encodeResponse } from './response-codec.ts'
import { isBelow, joinVary, type StoredResponse, varyValues } from './response-store.ts'

const times = fc.nat(2 ** 31)
const responses: fc.Arbitrary<StoredResponse> = fc.record({
  status: fc.integer({ min: 200, max: 599 }),
  head: fc
    .array(fc.tuple(fc.stringMatching(/^[A-Za-z-]{1,20}$/), fc.stringMatching(/^[!-~\u00a1-\u00ff]([ -~]{0,20}[!-~])?$/)), { maxLength: 8 })
    .map((pairs) => Headers.from(pairs).clone()),
  body: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
  vary: fc.array(fc.string(), { maxLength: 3 }),
  tags: fc.array(fc.string(), { maxLength: 3 }),
  receivedAtMs: times,
  initialAgeMs: times,
  lifetimeMs: times,
  neverStale: fc.boolean(),
  staleWhileRevalidateMs: times,
  staleIfErrorMs: times,
  keepUntilMs: times,
  memo: fc.constant(null),
})

const plain = ({ head, body, ...rest }: StoredResponse): unknown => ({ ...rest, head: head.toPairs(), body: body.toString('hex') })

test('a response comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(responses, (response) => {
      const decoded = decodeResponse(encodeResponse(response))
      assert.ok(decoded)
      assert.deepEqual(plain(decoded), plain(response))
    }),
  )
})

test('bytes of another form, or cut off within facts or fields, are refused and never thrown at', () => {
  const response: StoredResponse = { ...(fc.sample(responses, { numRuns: 1, seed: 1 })[0] as StoredResponse), body: Buffer.alloc(0) }
  const bytes = encodeResponse(response)
  for (let length = 0; length < bytes.length; length++) assert.equal(decodeResponse(bytes.subarray(0, length)), null, String(length))
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(bytes)
      damaged[at] = byte
      decodeResponse(damaged)
    }),
  )
  assert.equal(decodeResponse(Buffer.from('TPR2'.padEnd(40))), null)
})

test('a field that would be two is refused', () => {
  const head = Headers.from([['X-A', 'abcdef']]).clone()
  const bytes = encodeResponse({ ...(fc.sample(responses, { numRuns: 1, seed: 1 })[0] as StoredResponse), head, body: Buffer.alloc(0) })
  const at = bytes.indexOf('abcdef')
  for (const text of ['a\nb: c', 'a\rb: c', 'a\u0000bcde']) {
    const damaged = Buffer.from(bytes)
    damaged.write(text, at, 'latin1')
    assert.equal(decodeResponse(damaged), null, JSON.stringify(text))
  }
  const twoLines = Buffer.from(bytes)
  twoLines.write('a\r\nbcd', at, 'latin1')
  assert.equal(decodeResponse(twoLines), null)
})

test('names of Vary are joined up to their bound, and beyond it only the new ones count', () => {
  const known = ['a', 'c']
  assert.equal(joinVary(known, ['c']), known)
  assert.deepEqual(joinVary(known, ['b', 'c']), ['a', 'b', 'c'])
  const many = Array.from({ length: 16 }, (_, i) => String.fromCharCode(97 + i))
  assert.equal(joinVary(['z'], many), many)
})

test('values are told apart unless they are the same, absent ones too', () => {
  const names = ['a', 'b']
  const texts = [
    [],
    [['a', '']],
    [['a', '1']],
    [['b', '1']],
    [
      ['a', '1'],
      ['b', ''],
    ],
    [
      ['a', '='],
      ['b', '1'],
    ],
  ] as const
  const values = texts.map((pairs) => varyValues(names, Headers.from(pairs)))
  assert.equal(new Set(values).size, values.length)
  assert.equal(varyValues(['accept-encoding'], Headers.from([['Accept-Encoding', 'GZIP,\tbr']])), '=gzip,br\n')
})

test('what lies below a path is told by whole segments', () => {
  const cases = [
    ['/a', '/a', true],
    ['/a', '/a/', true],
    ['/a', '/a/b', true],
    ['/a', '/ab', false],
    ['/a/', '/a', false],
    ['/a/', '/a/b', true],
    ['/', '/x', true],
  ] as const
  for (const [prefix, path, expected] of cases) assert.equal(isBelow(prefix, path), expected, `${prefix} ${path}`)
})
