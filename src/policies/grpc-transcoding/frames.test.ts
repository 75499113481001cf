import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { FrameFault, FrameReader, frameOf, messageEncodingOf } from './frames.ts'

/** The messages of a body that comes in pieces which are gone behind each call. */
function messagesOf(reader: FrameReader, pieces: readonly Uint8Array[]): string[] {
  const messages: string[] = []
  for (const piece of pieces) {
    const bytes = Buffer.from(piece)
    reader.read(bytes, (message) => void messages.push(message.toString('hex')))
    bytes.fill(0xff)
  }
  return messages
}

test('messages come out whole, wherever their bytes are parted', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), fc.array(fc.nat(12), { maxLength: 60 }), (messages, cuts) => {
      const body = Buffer.concat(messages.map(frameOf))
      const pieces: Buffer[] = []
      let at = 0
      for (const cut of cuts) {
        pieces.push(body.subarray(at, at + cut))
        at += cut
      }
      pieces.push(body.subarray(at))
      const reader = new FrameReader(40, 'identity')
      assert.deepEqual(
        messagesOf(reader, pieces),
        messages.map((message) => Buffer.from(message).toString('hex')),
      )
      assert.equal(reader.isInside, false)
    }),
    { seed: 6, numRuns: 1_000 },
  )
})

test('a large message may come in pieces of one byte each', () => {
  const message = Buffer.alloc(100_000, 'ab')
  const pieces = [...frameOf(message)].map((byte) => Uint8Array.of(byte))
  assert.deepEqual(messagesOf(new FrameReader(100_000, 'identity'), [...pieces, frameOf(Buffer.from('c'))]), [
    message.toString('hex'),
    '63',
  ])
})

function compressed(message: Buffer): Buffer {
  const frame = frameOf(gzipSync(message))
  frame[0] = 1
  return frame
}

test('a compressed message is decompressed, up to the bound of messages', () => {
  const body = Buffer.concat([compressed(Buffer.from('abc')), frameOf(Buffer.from('d'))])
  assert.deepEqual(messagesOf(new FrameReader(100, 'gzip'), [body]), ['616263', '64'])
  assert.throws(() => messagesOf(new FrameReader(1_000, 'gzip'), [compressed(Buffer.alloc(1_001))]), { kind: 'too large' })
  assert.throws(() => messagesOf(new FrameReader(1_000, 'identity'), [compressed(Buffer.from('a'))]), { kind: 'malformed' })
  const broken = frameOf(Buffer.from('no gzip'))
  broken[0] = 1
  assert.throws(() => messagesOf(new FrameReader(1_000, 'gzip'), [broken]), { kind: 'malformed' })
})

test('a message that is too large is refused from its length on', () => {
  const head = frameOf(Buffer.alloc(11)).subarray(0, 5)
  assert.throws(() => messagesOf(new FrameReader(10, 'identity'), [head]), FrameFault)
})

test('a message that has not ended is noticed', () => {
  const reader = new FrameReader(10, 'identity')
  assert.deepEqual(messagesOf(reader, [frameOf(Buffer.from('abc')).subarray(0, 7)]), [])
  assert.equal(reader.isInside, true)
})

test('encodings that were not asked for are not read', () => {
  assert.equal(messageEncodingOf(undefined), 'identity')
  assert.equal(messageEncodingOf('identity'), 'identity')
  assert.equal(messageEncodingOf('gzip'), 'gzip')
  assert.equal(messageEncodingOf('br'), null)
})
