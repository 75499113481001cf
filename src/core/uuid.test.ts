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
  for (let i = 0; i < 2_000; i++) for (const [place, digit] of [...randomUuid()].entries()) values[place]?.add(digit)
  // Four hyphens, the version and the two bits of the variant.
  assert.deepEqual(
    values.map(({ size }) => size).toSorted((a, b) => a - b),
    [1, 1, 1, 1, 1, 4, ...Array<number>(30).fill(16)],
  )
})
