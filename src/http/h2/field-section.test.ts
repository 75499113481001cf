import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Headers } from '../../core/headers.ts'
import { FieldBlock } from './field-block.ts'
import { FieldLines, FieldSectionReader, type SectionFault, type SectionLimits } from './field-section.ts'
import { HpackDecoder } from './hpack-decoder.ts'

type Field = readonly [string, string]
const LIMITS: SectionLimits = { headBytesMax: 1000, headersMax: 20 }

/** A block of literals, as no encoder of ours would write them. */
function block(fields: readonly Field[]): Buffer {
  const pieces: Buffer[] = []
  for (const [name, value] of fields) pieces.push(Buffer.from([0]), text(name), text(value))
  return Buffer.concat(pieces)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const rest = bytes.length - 127
  return Buffer.concat([Buffer.from([127, 0x80 | (rest & 127), rest >>> 7]), bytes])
}

interface Read {
  readonly fault: SectionFault
  readonly reader: FieldSectionReader
  readonly fields: Field[]
}

function read(kind: 'Request' | 'Response' | 'Trailers', fields: readonly Field[], limits: SectionLimits = LIMITS): Read {
  const lines = new FieldLines(new Headers())
  const reader = new FieldSectionReader(new HpackDecoder())
  const bytes = block(fields)
  const fault = reader[`read${kind}`](bytes, 0, bytes.length, lines, limits)
  return { fault, reader, fields: lines.headers.toPairs() }
}

const REQUEST: readonly Field[] = [
  [':method', 'PUT'],
  [':scheme', 'https'],
  [':path', '/a?b'],
  [':authority', 'h:8443'],
]

test('a request is its pseudo-header fields and lines as HTTP/1.1 has them', () => {
  const { fault, reader, fields } = read('Request', [
    ...REQUEST,
    ['accept', '*/*'],
    ['content-length', '12'],
    ['te', 'trailers'],
    ['expect', '100-continue'],
    ['x-obs', '\u00e4'],
    ['x-empty', ''],
    ['proxy-authorization', 'Basic x'],
  ])
  assert.equal(fault, 'none')
  const { method, scheme, path, authority, contentLength, acceptsTrailers, expect, proxyAuthorization } = reader
  assert.deepEqual(
    { method, scheme, path, authority, contentLength, acceptsTrailers, expect, proxyAuthorization },
    {
      method: 'PUT',
      scheme: 'https',
      path: '/a?b',
      authority: 'h:8443',
      contentLength: 12,
      acceptsTrailers: true,
      expect: '100-continue',
      proxyAuthorization: 'Basic x',
    },
  )
  assert.deepEqual(fields, [
    ['accept', '*/*'],
    ['content-length', '12'],
    ['x-obs', '\u00e4'],
    ['x-empty', ''],
  ])
})

test('nothing of one section is left in the next', () => {
  const lines = new FieldLines(new Headers())
  const reader = new FieldSectionReader(new HpackDecoder())
  const first = block([...REQUEST, ['te', 'trailers'], ['expect', 'x'], ['content-length', '1'], ['cookie', 'a=b'], ['a', 'b']])
  const second = block([...REQUEST, ['c', 'd']])
  assert.equal(reader.readRequest(first, 0, first.length, lines, LIMITS), 'none')
  assert.equal(reader.readRequest(second, 0, second.length, lines, LIMITS), 'none')
  assert.deepEqual(lines.headers.toPairs(), [['c', 'd']])
  assert.deepEqual([reader.acceptsTrailers, reader.expect, reader.contentLength], [false, '', -1])
})

test('empty crumbs of a cookie leave nothing behind', () => {
  const { fields } = read('Request', [...REQUEST, ['cookie', ''], ['cookie', 'a=b'], ['cookie', ''], ['cookie', 'c=d'], ['cookie', '']])
  assert.deepEqual(fields, [['cookie', 'a=b; c=d']])
})

test('crumbs of a cookie are put together', () => {
  const { fields } = read('Request', [...REQUEST, ['cookie', 'a=b'], ['x', 'y'], ['cookie', 'c=d'], ['cookie', 'e=f']])
  assert.deepEqual(fields, [
    ['x', 'y'],
    ['cookie', 'a=b; c=d; e=f'],
  ])
})

test('Host may stand for :authority, or say the same', () => {
  const withoutAuthority = REQUEST.slice(0, 3)
  assert.equal(read('Request', [...withoutAuthority, ['host', 'h']]).reader.authority, 'h')
  const both = read('Request', [...REQUEST, ['host', 'H:8443']])
  assert.deepEqual([both.fault, both.reader.authority, both.fields], ['none', 'h:8443', []])
})

const MALFORMED: Readonly<Record<string, readonly Field[]>> = {
  'no fields at all': [],
  'no :method': REQUEST.slice(1),
  'no :path': REQUEST.filter(([name]) => name !== ':path'),
  'no :scheme': REQUEST.filter(([name]) => name !== ':scheme'),
  'neither :authority nor Host': REQUEST.slice(0, 3),
  'an empty :path': [...REQUEST.slice(0, 2), [':path', ''], [':authority', 'h']],
  'an empty :authority': [...REQUEST.slice(0, 3), [':authority', '']],
  'an empty :method': [[':method', ''], ...REQUEST.slice(1)],
  'a pseudo-header field twice': [...REQUEST, [':path', '/a?b']],
  'a pseudo-header field behind a field': [...REQUEST.slice(0, 3), ['a', 'b'], [':authority', 'h']],
  'a pseudo-header field behind a cookie': [...REQUEST.slice(0, 3), ['cookie', 'b'], [':authority', 'h']],
  'a pseudo-header field behind TE': [...REQUEST.slice(0, 3), ['te', 'trailers'], [':authority', 'h']],
  'an unknown pseudo-header field': [...REQUEST, [':protocol', 'websocket']],
  'a pseudo-header field of a response': [...REQUEST, [':status', '200']],
  'a name with an upper-case letter': [...REQUEST, ['X-a', 'b']],
  'a name with a blank': [...REQUEST, ['x a', 'b']],
  'a name with a colon': [...REQUEST, ['x:a', 'b']],
  'an empty name': [...REQUEST, ['', 'b']],
  'a name with a byte above 0x7f': [...REQUEST, ['x\u00e4', 'b']],
  'a value with CR': [...REQUEST, ['x', 'a\rb']],
  'a value with LF': [...REQUEST, ['x', 'a\nb']],
  'a value with NUL': [...REQUEST, ['x', 'a\0b']],
  'a value with a blank in front': [...REQUEST, ['x', ' a']],
  'a value with a tab behind': [...REQUEST, ['x', 'a\t']],
  'a value that is a blank': [...REQUEST, ['x', ' ']],
  'a path with a line break': [...REQUEST.slice(0, 2), [':path', '/ HTTP/1.1\r\nx: y'], [':authority', 'h']],
  Connection: [...REQUEST, ['connection', 'close']],
  'Keep-Alive': [...REQUEST, ['keep-alive', 'timeout=5']],
  'Proxy-Connection': [...REQUEST, ['proxy-connection', 'keep-alive']],
  'Transfer-Encoding': [...REQUEST, ['transfer-encoding', 'chunked']],
  Upgrade: [...REQUEST, ['upgrade', 'h2c']],
  'TE with more than trailers': [...REQUEST, ['te', 'trailers, deflate']],
  'a Host that is another': [...REQUEST, ['host', 'g:8443']],
  'Host twice': [...REQUEST, ['host', 'h:8443'], ['host', 'h:8443']],
  'two lengths': [...REQUEST, ['content-length', '1'], ['content-length', '1']],
  'a length that is no number': [...REQUEST, ['content-length', '+1']],
  'CONNECT with a path': [[':method', 'CONNECT'], ...REQUEST.slice(1)],
}

for (const [what, fields] of Object.entries(MALFORMED)) {
  test(`a request with ${what} is malformed`, () => {
    assert.equal(read('Request', fields).fault, 'malformed')
  })
}

test('CONNECT has an authority alone', () => {
  const { fault, reader } = read('Request', [
    [':method', 'CONNECT'],
    [':authority', 'h:1'],
  ])
  assert.deepEqual([fault, reader.method, reader.authority], ['none', 'CONNECT', 'h:1'])
})

test('a response is its status and its fields', () => {
  const { fault, reader, fields } = read('Response', [
    [':status', '404'],
    ['content-length', '3'],
    ['host', 'x'],
    ['proxy-authenticate', 'Basic'],
    ['set-cookie', 'a'],
    ['set-cookie', 'b'],
  ])
  assert.deepEqual([fault, reader.status, reader.contentLength], ['none', 404, 3])
  assert.deepEqual(fields, [
    ['content-length', '3'],
    ['host', 'x'],
    ['set-cookie', 'a'],
    ['set-cookie', 'b'],
  ])
})

test('a response without a status, or with one that is none, is malformed', () => {
  for (const status of ['', '20', '099', '600', '2000', '2x0'])
    assert.equal(read('Response', [[':status', status]]).fault, 'malformed', status)
  assert.equal(read('Response', [['a', 'b']]).fault, 'malformed')
  assert.equal(
    read('Response', [
      [':status', '200'],
      [':path', '/'],
    ]).fault,
    'malformed',
  )
  assert.equal(
    read('Response', [
      [':status', '200'],
      ['connection', 'x'],
    ]).fault,
    'malformed',
  )
})

test('trailers have no pseudo-header fields, no length and no host, and what the gateway reads or writes is not among them', () => {
  assert.equal(read('Trailers', [[':status', '200']]).fault, 'malformed')
  assert.equal(read('Trailers', [[':path', '/']]).fault, 'malformed')
  assert.equal(read('Trailers', [['content-length', '0']]).fault, 'malformed')
  assert.equal(read('Trailers', [['host', 'h']]).fault, 'malformed')
  assert.equal(read('Trailers', [['te', 'trailers']]).fault, 'malformed')
  const trailers = read('Trailers', [
    ['grpc-status', '0'],
    ['authorization', 'x'],
    ['cookie', 'x'],
  ])
  assert.deepEqual([trailers.fault, trailers.fields], ['none', [['grpc-status', '0']]])
})

test('more than is taken is found out and the connection stays intact; far more is a flood', () => {
  const many = (count: number): Field[] => [...REQUEST, ...Array.from({ length: count }, (_, i): Field => [`x-${i}`, 'a'])]
  assert.equal(read('Request', many(20)).fault, 'none')
  assert.equal(read('Request', many(21)).fault, 'too large')
  assert.equal(read('Request', many(200)).fault, 'flood')
  assert.equal(read('Request', [...REQUEST, ['x', 'a'.repeat(1100)]]).fault, 'too large')
  assert.equal(read('Request', [...REQUEST, ['x', 'a'.repeat(9000)]]).fault, 'flood')
})

test('a bomb of one large entry that is named again and again is not unfolded', () => {
  const entry = Buffer.concat([Buffer.from([0x40]), text('x'), text('a'.repeat(4000))])
  const bomb = Buffer.concat([entry, Buffer.alloc(20_000, 0xbe)])
  const lines = new FieldLines(new Headers())
  const fault = new FieldSectionReader(new HpackDecoder()).readRequest(bomb, 0, bomb.length, lines, {
    headBytesMax: 32_768,
    headersMax: 100,
  })
  assert.equal(fault, 'flood')
  assert.ok(lines.bytes.length <= 2 * 32_768)
})

test('what is too large is still decoded, so that the next block is read right', () => {
  const reader = new FieldSectionReader(new HpackDecoder())
  const lines = new FieldLines(new Headers())
  const entry = Buffer.concat([Buffer.from([0x40]), text('x-kept'), text('value')])
  const first = Buffer.concat([block([...REQUEST, ['x', 'a'.repeat(1100)]]), entry])
  assert.equal(reader.readRequest(first, 0, first.length, lines, LIMITS), 'too large')
  const second = Buffer.concat([block(REQUEST), Buffer.from([0xbe])])
  assert.equal(reader.readRequest(second, 0, second.length, lines, LIMITS), 'none')
  assert.deepEqual(lines.headers.toPairs(), [['x-kept', 'value']])
})

test('a section with a broken block is a fault of compression', () => {
  const reader = new FieldSectionReader(new HpackDecoder())
  assert.equal(reader.readRequest(Buffer.from([0x80]), 0, 1, new FieldLines(new Headers()), LIMITS), 'compression')
})

test('a block is put together up to its bounds in bytes and frames', () => {
  const whole = new FieldBlock()
  const bytes = Buffer.from('abcdef')
  whole.begin(10)
  assert.ok(whole.add(bytes, 0, 6))
  assert.ok(whole.add(bytes, 2, 6))
  assert.equal(whole.bytes.latin1Slice(0, whole.length), 'abcdefcdef')
  assert.equal(whole.add(bytes, 0, 1), false)
  whole.begin(1000)
  let added = 0
  while (whole.add(bytes, 0, 0)) added++
  assert.equal(added, 64)
})
