import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Places } from './places.ts'

test('no more run at once than there are places, in the order in which they came, also when some fail', async () => {
  const places = new Places(2)
  const begun: number[] = []
  let running = 0
  const results = await Promise.allSettled(
    Array.from({ length: 7 }, (_, i) =>
      places.run(async () => {
        begun.push(i)
        running++
        assert.ok(running <= 2)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        if (i % 3 === 0) throw new Error(`${i}`)
        return i
      }),
    ),
  )
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6])
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : null)),
    [null, 1, 2, null, 4, 5, null],
  )
})
