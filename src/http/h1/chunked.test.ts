import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as assertProperty, nat, property, uint8Array } from 'fast-check'
import type { BodySink } from '../../core/body.ts'
import { ChunkedDecoder } from './chunked.ts'

class Collector implements BodySink {
  text = ''
  accepts = true

  onData(bytes: Buffer, start: number, end: number): boolean {
    this.text += bytes.latin1Slice(start, end)
    return this.accepts
  }

  onEnd(): void {}
  onError(): void {}
  flush(): void {}
}

/** Decodes pieces; `rest` is what follows the body in the last one, null when the coding is broken or has no end. */
function decode(pieces: readonly string[], decoder = new ChunkedDecoder()) {
  const sink = new Collector()
  decoder.reset()
  for (const piece of pieces) {
    const bytes = Buffer.from(`ab${piece}`, 'latin1')
    const at = decoder.decode(bytes, 2, bytes.length, sink)
    if (at === -1) return { body: sink.text, rest: null, broken: true, trailers: null }
    if (decoder.done) {
      const trailers = decoder.trailers()?.toPairs() ?? null
      return { body: sink.text, rest: bytes.latin1Slice(at), broken: false, trailers }
    }
    assert.equal(at, bytes.length)
  }
  return { body: sink.text, rest: null, broken: false, trailers: null }
}

const BODY = '5\r\nhello\r\n00b;x="a;\\"b"\r\n, big\r\n0\r\nw\r\n0\r\nX-A: b\r\nX-C:\td \r\n\r\n'

test('chunks are put together, and what follows is left alone', () => {
  const pairs = [
    ['x-a', 'b'],
    ['x-c', 'd'],
  ]
  assert.deepEqual(decode([`${BODY}GET /`]), { body: 'hello, big\r\n0\r\nw', rest: 'GET /', broken: false, trailers: pairs })
  assert.deepEqual(decode(['0\r\n\r\n']), { body: '', rest: '', broken: false, trailers: null })
  assert.equal(decode(['A\r\n0123456789\r\n0\r\n\r\n']).body, '0123456789')
})

test('cut in two anywhere, or into single bytes, the body is the same', () => {
  const whole = decode([BODY])
  for (let cut = 1; cut < BODY.length; cut++) assert.deepEqual(decode([BODY.slice(0, cut), BODY.slice(cut)]), whole, `cut at ${cut}`)
  assert.deepEqual(decode(BODY.split('')), whole)
})

test('any bytes in any chunks, cut anywhere, come out as they went in', () => {
  const decoder = new ChunkedDecoder()
  const chunk = uint8Array({ minLength: 1, maxLength: 40 })
  assertProperty(
    property(array(chunk, { maxLength: 6 }), array(nat(300), { maxLength: 8 }), (chunks, cuts) => {
      const texts = chunks.map((bytes) => Buffer.from(bytes).latin1Slice())
      const coded = `${texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}0\r\n\r\n`
      const ends = [...cuts.filter((cut) => cut < coded.length).toSorted((a, b) => a - b), coded.length]
      const pieces = ends.map((end, i) => coded.slice(ends[i - 1] ?? 0, end))
      const { body, rest } = decode(pieces, decoder)
      assert.equal(body, texts.join(''))
      assert.equal(rest, '')
    }),
  )
})

test('no beginning of a body is taken for the whole', () => {
  for (let length = 0; length < BODY.length; length++) {
    const { rest, broken } = decode([BODY.slice(0, length)])
    assert.equal(rest, null)
    assert.equal(broken, false, `${length} bytes`)
  }
})

const BROKEN: readonly (readonly [string, string])[] = [
  ['no size', '\r\nhello\r\n'],
  ['a size that is no hexadecimal number', 'g\r\n'],
  ['a size with 0x', '0x5\r\nhello\r\n'],
  ['a size with a sign', '+5\r\nhello\r\n'],
  ['a negative size', '-5\r\nhello\r\n'],
  ['a size of 13 digits', '0000000000005\r\nhello\r\n'],
  ['a space before the size', ' 5\r\nhello\r\n'],
  ['a space behind the size', '5 \r\nhello\r\n'],
  ['a bare LF behind the size', '5\nhello\r\n'],
  ['a bare CR behind the size', '5\rhello\r\n'],
  ['data longer than its size', '5\r\nhello!\r\n'],
  ['data shorter than its size', '5\r\nhell\r\n0\r\n'],
  ['a bare LF behind the data', '5\r\nhello\n0\r\n\r\n'],
  ['no line break behind the data', '5\r\nhello0\r\n\r\n'],
  ['a bare LF for the end', '0\r\n\n'],
  ['a bare CR for the end', '0\r\n\rx\n'],
  ['an extension without a name', '5;\r\nhello\r\n'],
  ['an extension with a control character', '5;a=\u0001\r\nhello\r\n'],
  ['an extension with a bare LF', '5;a\nhello\r\n0\r\n\r\n'],
  ['an extension with a bare CR', '5;a\rb\r\nhello\r\n'],
  ['an extension with an open quote', '5;a="b\r\nhello\r\n'],
  ['an extension with white space', '5; a\r\nhello\r\n'],
  ['an extension of 1025 bytes', `5;${'a'.repeat(1024)}\r\nhello\r\n`],
  ['a malformed trailer', '0\r\nA : b\r\n\r\n'],
  ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
  ['a trailer with a bare LF', '0\r\nA: b\n\r\n'],
  ['a length as trailer', '0\r\nContent-Length: 5\r\n\r\n'],
  ['a coding as trailer', '0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['a Host as trailer', '0\r\nHost: h\r\n\r\n'],
  ['trailers of more than 8 KiB', `0\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(9)}\r\n`],
  ['65 trailers', `0\r\n${'A: b\r\n'.repeat(65)}\r\n`],
]
for (const [what, text] of BROKEN) {
  test(`refused: ${what}`, () => {
    assert.equal(decode([text]).broken, true)
    assert.equal(decode(text.split('')).broken, true, 'byte for byte')
  })
}

test('trailers that the gateway gives a meaning to are dropped, the others kept (RFC 9110, 6.5.1)', () => {
  const { trailers } = decode(['0\r\nAuthorization: a\r\nX-A: b\r\nSet-Cookie: c\r\n\r\n'])
  assert.deepEqual(trailers, [['x-a', 'b']])
})

test('after a reset nothing is left of the last body', () => {
  const decoder = new ChunkedDecoder()
  for (const text of [BODY, '0\r\nX: y\r\n\r\n', '5;a\r\nhel', '0\r\n\r\n']) {
    assert.deepEqual(decode([text], decoder), decode([text]), JSON.stringify(text))
  }
})

test('a sink that has had enough pauses the decoder until it is called again', () => {
  const decoder = new ChunkedDecoder()
  const sink = new Collector()
  sink.accepts = false
  const bytes = Buffer.from('1\r\na\r\n')
  assert.equal(decoder.decode(bytes, 0, bytes.length, sink), bytes.length)
  assert.equal(decoder.paused, true)
  sink.accepts = true
  decoder.decode(bytes, 0, bytes.length, sink)
  assert.equal(decoder.paused, false)
})
