import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Base64Decoder } from './base64.ts'

/** Decodes text that comes in these pieces. */
function decode(pieces: readonly string[]): Buffer {
  const decoder = new Base64Decoder()
  const decoded: Buffer[] = []
  const output = { data: (bytes: Buffer) => void decoded.push(Buffer.from(bytes)) }
  for (const piece of pieces) {
    // Somewhere within a larger buffer, as bytes come from a connection.
    const bytes = Buffer.from(`?${piece}?`, 'latin1')
    decoder.onData(bytes, 1, bytes.length - 1, output)
  }
  decoder.onEnd(null)
  return Buffer.concat(decoded)
}

test('what was flushed in pieces and cut anywhere is decoded to the same bytes', () => {
  const flushes = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 6 })
  const property = fc.property(flushes, fc.array(fc.nat(), { maxLength: 8 }), (written, cuts) => {
    const text = written.map((bytes) => Buffer.from(bytes).toString('base64')).join('')
    const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]
    const pieces = places.slice(1).map((end, index) => text.slice(places[index], end))
    assert.deepEqual(decode(pieces), Buffer.concat(written))
  })
  fc.assert(property, { seed: 7, numRuns: 1_000 })
})

test('whatever is decoded, others decode to the same', () => {
  const property = fc.property(
    fc.string({ unit: fc.constantFrom('A', 'Q', 'g', 'w', '=', '+', '/', '-', '\n'), maxLength: 12 }),
    (text) => {
      let decoded: Buffer
      try {
        decoded = decode([text])
      } catch {
        return
      }
      // Piece by piece, since lenient decoders stop at the first padding.
      const pieces = text.match(/.{4}/g) ?? []
      assert.deepEqual(decoded, Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))))
      assert.equal(decoded.length === 0, text.length === 0)
    },
  )
  fc.assert(property, { seed: 7, numRuns: 5_000 })
})

const MALFORMED = [
  'A',
  'AA',
  'AAA',
  'AA=',
  'AA=A',
  'A===',
  '=',
  '====',
  'AAAA=',
  'AA==A',
  'AAA==',
  'AB==',
  'AAB=',
  'AA A',
  'AA\r\n',
  'AA-_',
  'AAé=',
]
for (const text of MALFORMED) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => decode([text]), { code: 'request_body_invalid', origin: 'downstream' })
    assert.throws(() => decode(text.split('')), { code: 'request_body_invalid' })
  })
}
