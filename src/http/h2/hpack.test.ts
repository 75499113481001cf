import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Headers } from '../../core/headers.ts'
import { FieldLines, FieldSectionReader } from './field-section.ts'
import { type FieldSink, HpackDecoder } from './hpack-decoder.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import { decodedLengthMax, huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts'

type Field = readonly [string, string]

/** Decodes a block and collects its fields as text; null when the coding is broken. */
function decode(decoder: HpackDecoder, block: Buffer): Field[] | null {
  const fields: Field[] = []
  const sink: FieldSink = {
    onField(bytes, start, nameLength, valueLength) {
      const nameEnd = start + nameLength
      assert.equal(bytes.latin1Slice(nameEnd, nameEnd + 2), ': ')
      const valueEnd = nameEnd + 2 + valueLength
      assert.equal(bytes.latin1Slice(valueEnd, valueEnd + 2), '\r\n')
      fields.push([bytes.latin1Slice(start, nameEnd), bytes.latin1Slice(nameEnd + 2, valueEnd)])
      return true
    },
  }
  return decoder.decode(block, 0, block.length, sink) ? fields : null
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

const REQUESTS: readonly (readonly Field[])[] = [
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ],
]
const DATE = 'Mon, 21 Oct 2013 20:13:21 GMT'
const LOCATION: Field = ['location', 'https://www.example.com']
const RESPONSES: readonly (readonly Field[])[] = [
  [[':status', '302'], ['cache-control', 'private'], ['date', DATE], LOCATION],
  [[':status', '307'], ['cache-control', 'private'], ['date', DATE], LOCATION],
  [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    LOCATION,
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
]

/** RFC 7541, Appendix C: blocks of one connection each, one behind the other. */
const VECTORS: readonly { readonly name: string; readonly blocks: readonly string[]; readonly fields: readonly (readonly Field[])[] }[] = [
  { name: 'C.2.1', blocks: ['400a637573746f6d2d6b65790d637573746f6d2d686561646572'], fields: [[['custom-key', 'custom-header']]] },
  { name: 'C.2.2', blocks: ['040c2f73616d706c652f70617468'], fields: [[[':path', '/sample/path']]] },
  { name: 'C.2.3', blocks: ['100870617373776f726406736563726574'], fields: [[['password', 'secret']]] },
  { name: 'C.2.4', blocks: ['82'], fields: [[[':method', 'GET']]] },
  {
    name: 'C.3',
    blocks: [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ],
    fields: REQUESTS,
  },
  {
    name: 'C.4',
    blocks: ['828684418cf1e3c2e5f23a6ba0ab90f4ff', '828684be5886a8eb10649cbf', '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf'],
    fields: REQUESTS,
  },
]

for (const { name, blocks, fields } of VECTORS) {
  test(`the blocks of RFC 7541, ${name} are decoded to what it says`, () => {
    const decoder = new HpackDecoder()
    blocks.forEach((block, i) => {
      assert.deepEqual(decode(decoder, hex(block)), fields[i])
    })
  })
}

/** C.5 and C.6 use a table of 256 bytes, which the encoder asks for by its first bytes. */
const RESIZED = '3fe101'
test('the blocks of RFC 7541, C.5 are decoded to what it says, entries that are driven out included', () => {
  const decoder = new HpackDecoder()
  const blocks = [
    `${RESIZED}4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d`,
    '4803333037c1c0bf',
    '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
  ]
  blocks.forEach((block, i) => {
    assert.deepEqual(decode(decoder, hex(block)), RESPONSES[i])
  })
  assert.equal(decoder.table.size, 215)
})

test('the blocks of RFC 7541, C.6 are decoded to what it says, entries that are driven out included', () => {
  const decoder = new HpackDecoder()
  const blocks = [
    `${RESIZED}488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3`,
    '4883640effc1c0bf',
    '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  ]
  blocks.forEach((block, i) => {
    assert.deepEqual(decode(decoder, hex(block)), RESPONSES[i])
  })
  assert.equal(decoder.table.size, 215)
})

test('any bytes survive the Huffman code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const coded = Buffer.alloc(huffmanLength(bytes, 0, bytes.length))
      assert.equal(huffmanEncode(bytes, 0, bytes.length, coded, 0), coded.length)
      const back = Buffer.alloc(decodedLengthMax(coded.length))
      const end = huffmanDecode(coded, 0, coded.length, back, 0)
      assert.deepEqual(back.subarray(0, end), Buffer.from(bytes))
    }),
    { seed: 7541, numRuns: 500 },
  )
})

test('Huffman codes with EOS, with more than seven bits of padding or with padding of zeros are refused', () => {
  for (const text of ['ffffffff', 'f1e3c2e5f23a6ba0ab90f4ffff', '1800', 'fe', '18']) {
    const coded = hex(text)
    assert.equal(huffmanDecode(coded, 0, coded.length, Buffer.alloc(64), 0), -1, text)
  }
})

test('broken blocks are refused, whatever is wrong with them', () => {
  const broken = {
    'index 0': '80',
    'an index beyond the table': 'be',
    'an index far beyond the table': 'ffffffff07',
    'an integer without end': 'ff80',
    'an integer of more than 2^28': 'ffffffffffff0f',
    'a name that is cut off': '400a6375',
    'a value that is missing': '400161',
    'a value that is cut off': '40016105',
    'a name of an index beyond the table': '7e0161',
    'a table larger than we said': '3fe21f',
    'a change of the table behind a field': '8220',
    'a broken Huffman code': '4081ff0161',
  }
  for (const [what, block] of Object.entries(broken)) assert.equal(decode(new HpackDecoder(), hex(block)), null, what)
})

test('a block that is cut off anywhere is either broken or another block', () => {
  const whole = hex('828684418cf1e3c2e5f23a6ba0ab90f4ff')
  for (let cut = 0; cut < whole.length; cut++) {
    const fields = decode(new HpackDecoder(), whole.subarray(0, cut))
    assert.ok(fields === null || fields.length === cut, `cut at ${cut}`)
  }
})

const name = fc.oneof(
  fc.constantFrom('accept', 'Content-Type', 'x-a', 'X-B', 'date', 'etag', 'set-cookie', 'authorization', 'vary', 'x-api-key'),
  fc.stringMatching(/^[a-zA-Z0-9-]{1,40}$/),
)
const value = fc.oneof(
  fc.constantFrom('', 'gzip, deflate', 'a', 'text/html; charset=utf-8', 'x'.repeat(200), '\u00e4\u00ff'),
  fc.stringMatching(/^[!-~]{0,80}$/),
)
const message = fc.array(fc.tuple(name, value), { maxLength: 12 })

/** Fields that HTTP/2 has a place for, as they arrive. */
function sent(headers: Headers): Field[] {
  const gone = ['connection', 'host', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']
  return headers.toPairs().filter(([name]) => !gone.includes(name))
}

/** A block of headers as they were received, so that names stand in bytes. */
function received(pairs: readonly Field[]): Headers {
  return Headers.from(pairs).clone()
}

test('what one side encodes the other decodes, over many messages and changes of the table', () => {
  const sizes = fc.constantFrom(null, 0, 100, 4096, 65_536)
  const conversation = fc.array(fc.tuple(message, fc.boolean(), sizes), { minLength: 1, maxLength: 25 })
  fc.assert(
    fc.property(conversation, (messages) => {
      const encoder = new HpackEncoder()
      const decoder = new HpackDecoder()
      for (const [pairs, areEdits, size] of messages) {
        if (size !== null) encoder.setTableSizeMax(size)
        const headers = areEdits ? Headers.from(pairs) : received(pairs)
        const target = Buffer.alloc(HpackEncoder.sizeMax(headers) + HpackEncoder.fieldSizeMax(':status', '200'))
        encoder.begin(target, 0)
        encoder.writeStatus(200)
        encoder.writeHeaders(headers)
        const end = encoder.end()
        assert.ok(end <= target.length)
        assert.deepEqual(decode(decoder, target.subarray(0, end)), [[':status', '200'], ...sent(headers)])
      }
    }),
    { seed: 9113, numRuns: 300 },
  )
})

function encode(encoder: HpackEncoder, headers: Headers): Buffer {
  const target = Buffer.alloc(HpackEncoder.sizeMax(headers) + 64)
  encoder.begin(target, 0)
  encoder.writeHeaders(headers)
  return target.subarray(0, encoder.end())
}

test('a field that comes again and again is one byte in the end', () => {
  const encoder = new HpackEncoder()
  const headers = received([['Content-Type', 'application/json']])
  const sizes = [1, 2, 3].map(() => encode(encoder, headers).length)
  assert.ok((sizes[0] as number) > 5)
  assert.equal(sizes[2], 1)
})

test('secrets are written so that nobody may index them', () => {
  const encoder = new HpackEncoder()
  for (const secret of ['Authorization', 'Cookie', 'Set-Cookie', 'X-API-Key', 'X-Session-Id', 'X-Csrf-Token']) {
    for (let i = 0; i < 3; i++) assert.equal((encode(encoder, received([[secret, 'abc']]))[0] as number) >>> 4, 1, secret)
  }
})

test('fields of the connection are left out, edited or received', () => {
  const pairs: Field[] = [
    ['Connection', 'x'],
    ['Host', 'a'],
    ['TE', 'trailers'],
    ['Transfer-Encoding', 'chunked'],
    ['A', 'b'],
  ]
  for (const headers of [Headers.from(pairs), received(pairs)]) {
    assert.deepEqual(decode(new HpackDecoder(), encode(new HpackEncoder(), headers)), [['a', 'b']])
  }
})

test('a removed field is not written', () => {
  const headers = received([
    ['a', 'b'],
    ['c', 'd'],
  ])
  headers.delete('a')
  headers.append('E', 'f')
  assert.deepEqual(decode(new HpackDecoder(), encode(new HpackEncoder(), headers)), [
    ['c', 'd'],
    ['e', 'f'],
  ])
})

test('the smallest table between two blocks is told, and then the present one', () => {
  const encoder = new HpackEncoder()
  encoder.setTableSizeMax(0)
  encoder.setTableSizeMax(1000)
  const block = encode(encoder, Headers.from([]))
  assert.equal(block.toString('hex'), '203fc907')
  assert.equal(encode(encoder, Headers.from([])).length, 0)
})

test('any block that can be decoded leaves headers that a writer of HTTP/1.1 can write as lines', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const lines = new FieldLines(new Headers())
      const reader = new FieldSectionReader(new HpackDecoder())
      const fault = reader.readTrailers(Buffer.from(bytes), 0, bytes.length, lines, { headBytesMax: 1000, headersMax: 20 })
      if (fault !== 'none') return
      const target = Buffer.alloc(lines.headers.sizeMax())
      const text = target.latin1Slice(0, lines.headers.writeTo(target, 0))
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the characters that must not be there
      assert.match(text, /^(?:[!#-'*+.^-z|~0-9-]+: [^\u0000-\u0008\u000a-\u001f\u007f]*\r\n)*$/)
    }),
    { seed: 1, numRuns: 3000 },
  )
})
