import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RestartBackoff } from './restart-backoff.ts'

test('a few deaths cost no wait, the fifth within ten seconds does, and each one more doubles it up to ten seconds', () => {
  const backoff = new RestartBackoff()
  const waits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => backoff.next(i * 1_000))
  assert.deepEqual(waits, [0, 0, 0, 0, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000])
})

test('deaths far apart never cost a wait', () => {
  const backoff = new RestartBackoff()
  for (let i = 0; i < 50; i++) assert.equal(backoff.next(i * 3_000), 0)
})

test('waiting does not end by waiting, but by a minute without a death', () => {
  const backoff = new RestartBackoff()
  for (let i = 0; i < 5; i++) backoff.next(i)
  assert.equal(backoff.next(30_000), 500)
  assert.equal(backoff.next(89_000), 1_000)
  assert.equal(backoff.next(149_000), 0)
})
