import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { type ContentCoding, contentCodingOf, decodeContent, decodesBrotli, readableOnly } from './content-coding.ts'
import { Headers } from './headers.ts'

const TEXT = Buffer.from('a body of some length, a body of some length')
/** Random, so that it is large when it is encoded too: these go to another thread. */
const LARGE = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919 * (i >> 3)) & 0xff))

const ENCODINGS: readonly (readonly [string, ContentCoding, (body: Buffer) => Buffer])[] = [
  ['gzip', 'gzip', gzipSync],
  ['deflate', 'deflate', deflateSync],
  ['deflate without the zlib header', 'deflate', deflateRawSync],
  ['zstd', 'zstd', zstdCompressSync],
  // Only what this process encodes itself is decoded here; traffic is not, where it would not be safe.
  ['br', 'br', brotliCompressSync],
]

for (const [name, coding, encode] of ENCODINGS) {
  test(`${name}: a body is decoded, small or large, and one cut off or made up is malformed`, async () => {
    const encoded = encode(TEXT)
    assert.deepEqual(decodeContent(coding, encoded, 1_000), TEXT)
    assert.deepEqual(await decodeContent(coding, encode(LARGE), LARGE.length), LARGE)
    assert.equal(await decodeContent(coding, encoded.subarray(0, -4), 1_000), 'malformed')
    assert.equal(await decodeContent(coding, Buffer.from('not encoded at all'), 1_000), 'malformed')
    assert.equal(await decodeContent(coding, Buffer.alloc(0), 1_000), 'malformed')
  })

  test(`${name}: decoding stops at the bound, and a bomb is never decoded within the call`, async () => {
    const bomb = encode(Buffer.alloc(8_000_000))
    assert.ok(bomb.length < 65_536)
    assert.equal(decodeContent(coding, bomb, 1_000), 'too large')
    assert.equal(await decodeContent(coding, bomb, 7_999_999), 'too large')
    const late = decodeContent(coding, bomb, 8_000_000)
    assert.ok(late instanceof Promise)
    assert.equal((await late).length, 8_000_000)
    assert.deepEqual(decodeContent(coding, encode(TEXT), TEXT.length), TEXT)
    assert.equal(decodeContent(coding, encode(TEXT), TEXT.length - 1), 'too large')
  })
}

test('without a coding the bound holds too', () => {
  assert.equal(decodeContent('identity', TEXT, TEXT.length), TEXT)
  assert.equal(decodeContent('identity', TEXT, TEXT.length - 1), 'too large')
})

test('Brotli is decoded from Node 26.12.1 on', () => {
  const versions = ['v24.99.0', 'v26.10.0', 'v26.12.0', 'v26.12.1', 'v26.13.0', 'v27.0.0', 'v26.12.1-nightly']
  assert.deepEqual(versions.map(decodesBrotli), [false, false, false, true, true, true, true])
})

const BROTLI = decodesBrotli(process.version) ? ['br'] : []

test('the coding of a message: none, one that can be read, or not readable', () => {
  const cases: readonly (readonly [readonly string[], ContentCoding | null])[] = [
    [[], 'identity'],
    [['identity'], 'identity'],
    [['GZip'], 'gzip'],
    [['x-gzip'], 'gzip'],
    [[' deflate '], 'deflate'],
    [['zstd'], 'zstd'],
    [['br'], BROTLI.length > 0 ? 'br' : null],
    [['compress'], null],
    [['gzip, gzip'], null],
    [['gzip', 'gzip'], null],
    [[''], null],
  ]
  for (const [values, expected] of cases) {
    const headers = Headers.from(values.map((value) => ['Content-Encoding', value]))
    assert.equal(contentCodingOf(headers), expected, values.join(' | '))
  }
})

test('of Accept-Encoding only what can be read stays', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['gzip, deflate', 'gzip, deflate'],
    ['gzip;q=0.5, compress, ZSTD ;q=1', 'gzip;q=0.5, ZSTD ;q=1'],
    ['gzip, br', ['gzip', ...BROTLI].join(', ')],
    ['*', 'identity'],
    ['', 'identity'],
    ['compress', 'identity'],
  ]
  for (const [accepted, expected] of cases) assert.equal(readableOnly(accepted), expected)
})
