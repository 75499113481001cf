import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ByteQueue } from './byte-queue.ts'

test('bytes come out as they went in, whatever is pushed and dropped in between', () => {
  const steps = fc.array(fc.oneof(fc.uint8Array({ maxLength: 6000 }), fc.nat({ max: 7000 })), { maxLength: 60 })
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new ByteQueue()
      let model = Buffer.alloc(0)
      for (const step of all) {
        if (typeof step === 'number') {
          const first = queue.first()
          const count = Math.min(step, first?.length ?? 0)
          assert.deepEqual(first?.subarray(0, count) ?? Buffer.alloc(0), model.subarray(0, count))
          if (count > 0) queue.drop(count)
          model = model.subarray(count)
        } else {
          const own = Buffer.concat([Buffer.from('__'), Buffer.from(step), Buffer.from('_')])
          queue.push(own, 2, own.length - 1)
          model = Buffer.concat([model, Buffer.from(step)])
          // The bytes are somebody else's, who writes over them.
          own.fill(0)
        }
        assert.equal(queue.length, model.length)
        assert.equal(queue.first() === null, model.length === 0)
      }
    }),
    { seed: 91, numRuns: 300 },
  )
})

test('what comes byte by byte is held in few pieces', () => {
  const queue = new ByteQueue()
  const byte = Buffer.from('x')
  for (let i = 0; i < 10_000; i++) queue.push(byte, 0, 1)
  let pieces = 0
  for (let first = queue.first(); first !== null; first = queue.first()) {
    pieces++
    queue.drop(first.length)
  }
  assert.ok(pieces <= 4, `${pieces} pieces`)
})

test('a queue that was cleared is empty and takes more', () => {
  const queue = new ByteQueue()
  queue.push(Buffer.from('abc'), 0, 3)
  queue.clear()
  assert.equal(queue.first(), null)
  queue.push(Buffer.from('de'), 0, 2)
  assert.equal(queue.first()?.toString(), 'de')
})

test('bytes that nobody changes are kept as they are, in their place', () => {
  const queue = new ByteQueue()
  const whole = Buffer.from('whole')
  queue.push(Buffer.from('ab'), 0, 2)
  queue.keep(whole)
  queue.push(Buffer.from('cd'), 0, 2)
  assert.equal(queue.length, 9)
  queue.drop(1)
  assert.equal(queue.first()?.toString(), 'b')
  queue.drop(1)
  assert.equal(queue.first()?.buffer, whole.buffer)
  queue.drop(2)
  assert.equal(queue.first()?.toString(), 'ole')
  queue.drop(3)
  assert.equal(queue.first()?.toString(), 'cd')
})
