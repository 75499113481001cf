import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backoff, TokenBucket } from './backoff.ts'

test('waits double up to the bound, and begin anew after a success', () => {
  const backoff = new Backoff({ minMs: 100, maxMs: 1_000, random: () => 0 })
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(() => backoff.nextMs()),
    [100, 200, 400, 800, 500, 500],
  )
  backoff.reset()
  assert.equal(backoff.nextMs(), 100)
})

test('waits are spread, and never above the bound however many failures there were', () => {
  for (const random of [0, 0.5, 0.999_999]) {
    const backoff = new Backoff({ minMs: 100, maxMs: 10_000, random: () => random })
    for (let failures = 0; failures < 2_000; failures++) {
      const ms = backoff.nextMs()
      assert.ok(ms >= 100 && ms <= 10_000, `${ms}`)
    }
  }
})

test('a bucket lets a burst through, then one for each refill, and fills up to its size only', () => {
  const bucket = new TokenBucket(2, 100, 0)
  assert.deepEqual([bucket.takeMs(0), bucket.takeMs(0), bucket.takeMs(0)], [0, 0, 100])
  assert.equal(bucket.takeMs(100), 100)
  assert.equal(bucket.takeMs(300), 0)
  assert.deepEqual([bucket.takeMs(10_000), bucket.takeMs(10_000), bucket.takeMs(10_000)], [0, 0, 100])
})
