import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, double, assert as holds, integer, oneof, property, record } from 'fast-check'
import { HeldBytes } from './held-bytes.ts'

test('what was put in comes out, in whatever pieces', () => {
  const step = oneof(
    record({ push: integer({ min: 1, max: 9_000 }) }),
    record({ push: integer({ min: 1, max: 30 }) }),
    // How much of the first piece is used; the rest is put back.
    record({ take: double({ min: 0, max: 1, noNaN: true }) }),
  )
  holds(
    property(array(step, { maxLength: 200 }), (steps) => {
      const held = new HeldBytes()
      let [put, taken] = [0, 0]
      for (const one of steps) {
        if ('push' in one) {
          held.push(Buffer.from(Array.from({ length: one.push + 2 }, (_, i) => put + i - 1)), 1, one.push + 1)
          put += one.push
          continue
        }
        const piece = held.shift()
        assert.equal(piece === undefined, put === taken)
        if (piece === undefined) continue
        const used = Math.ceil(piece.length * one.take)
        for (let i = 0; i < used; i++) assert.equal(piece[i], (taken + i) & 0xff)
        if (used < piece.length) held.unshift(piece.subarray(used))
        taken += used
        assert.equal(held.isEmpty, put === taken)
      }
    }),
    { seed: 7, numRuns: 200 },
  )
})

test('bytes that come one by one are held as bytes, not as buffers', () => {
  const held = new HeldBytes()
  for (let i = 0; i < 4_096; i++) held.push(Buffer.from('x'), 0, 1)
  assert.equal(held.shift()?.length, 4_096)
  assert.ok(held.isEmpty)
})
