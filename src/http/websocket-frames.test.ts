import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { closeFrame, WebSocketFrames } from './websocket-frames.ts'

function frame(opcode: number, length: number, { final = true, masked = false } = {}): Buffer {
  const extended = length > 65_535 ? 8 : length > 125 ? 2 : 0
  const head = Buffer.alloc(2 + extended + (masked ? 4 : 0), 0xff)
  head[0] = (final ? 0x80 : 0) | opcode
  head[1] = (masked ? 0x80 : 0) | (extended === 8 ? 127 : extended === 2 ? 126 : length)
  if (extended === 2) head.writeUInt16BE(length, 2)
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2)
  // The payload looks like frames, to be misread by who loses count.
  return Buffer.concat([head, Buffer.alloc(length, 0x81)])
}

test('a message ends with its final frame, also where a control frame stands within it', () => {
  const frames = new WebSocketFrames()
  const parts: readonly (readonly [Buffer, boolean])[] = [
    [frame(1, 5), true],
    [frame(2, 300, { masked: true, final: false }), false],
    [frame(9, 4), false],
    [frame(0, 70_000, { final: false }), false],
    [frame(0, 0), true],
    [frame(8, 2), true],
  ]
  for (const [bytes, ends] of parts) {
    assert.equal(frames.follow(bytes, 0, bytes.length), ends ? bytes.length : -1)
    assert.equal(frames.isBetweenMessages, ends)
  }
  assert.equal(frames.closed, true)
})

test('however the bytes are split, the boundaries are the same', () => {
  const part = fc.record({ opcode: fc.constantFrom(1, 2, 9, 10), length: fc.constantFrom(0, 1, 125, 126, 400), masked: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }),
      (parts, steps) => {
        const buffers = parts.map(({ opcode, length, masked }) => frame(opcode, length, { masked }))
        const bytes = Buffer.concat(buffers)
        const ends = new Set<number>()
        let sum = 0
        for (const buffer of buffers) {
          sum += buffer.length
          ends.add(sum)
        }
        const frames = new WebSocketFrames()
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const end = Math.min(bytes.length, at + (steps[i % steps.length] ?? 1))
          const boundary = frames.follow(bytes, at, end)
          const expected = [...ends].findLast((offset) => offset > at && offset <= end) ?? -1
          assert.equal(boundary, expected)
          assert.equal(frames.isBetweenMessages, ends.has(end))
          at = end
        }
      },
    ),
  )
})

test('a close frame is that of a server', () => {
  assert.deepEqual([...closeFrame(1012, 'ab')], [0x88, 4, 0x03, 0xf4, 0x61, 0x62])
})
