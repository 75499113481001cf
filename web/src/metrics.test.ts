import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketGrowth, growth, quantile, sum } from './metrics.ts'

test('counters grow by what came in between; one that is new by all, one that began anew by what it has', () => {
  assert.deepEqual(growth({ a: 7, b: 2, c: 1 }, { a: 5, c: 9, gone: 3 }), { a: 2, b: 2, c: 1 })
})

test('buckets grow together, and begin anew together', () => {
  assert.deepEqual(bucketGrowth([3, 4, 1], [1, 4, 0]), [2, 0, 1])
  assert.deepEqual(bucketGrowth([3, 1], [2, 4]), [3, 1])
  assert.deepEqual(bucketGrowth([3, 1], []), [3, 1])
})

test('a quantile is linear within its bucket', () => {
  const bounds = [10, 20, 40]
  assert.equal(quantile(bounds, [10, 0, 0, 0], 0.5), 5)
  assert.equal(quantile(bounds, [5, 5, 0, 0], 0.5), 10)
  assert.equal(quantile(bounds, [5, 0, 5, 0], 0.75), 30)
  assert.equal(quantile(bounds, [0, 0, 4, 0], 1), 40)
})

test('what is beyond the last bound is taken for that bound, and nothing has no quantile', () => {
  assert.equal(quantile([10, 20], [1, 0, 99], 0.99), 20)
  assert.equal(quantile([10, 20], [0, 0, 0], 0.5), null)
  assert.equal(quantile([], [], 0.5), null)
})

test('a sum of nothing is 0', () => {
  assert.equal(sum([]), 0)
  assert.equal(sum([1, 2.5]), 3.5)
})
