import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomUuid } from './uuid.ts'

test('identifiers are random UUIDs, all different, beyond one filling of the pool', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const id = randomUuid()
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    seen.add(id)
  }
  assert.equal(seen.size, 1_000)
})

test('every random digit takes every value', () => {
  const values = Array.from({ length: 36 }, () => new Set<string>())
  for (let i = 0; i < 2_000; i++) {
    const id = randomUuid()
    for (let place = 0; place < id.length; place++) values[place]?.add(id.charAt(place))
  }
  // Four hyphens and the version, the two bits of the variant, and thirty digits.
  const sizes = values.map(({ size }) => size).toSorted((a, b) => a - b)
  assert.deepEqual(sizes, [1, 1, 1, 1, 1, 4, ...Array.from({ length: 30 }, () => 16)])
})
