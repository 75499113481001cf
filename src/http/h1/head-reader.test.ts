import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestHead } from '../../core/exchange.ts'
import { DEFAULT_LIMITS, type Limits } from '../../core/limits.ts'
import { HeadReader } from './head-reader.ts'

const NOTHING: { readonly fault: string | null; readonly taken: number; readonly path: string } = { fault: null, taken: 0, path: '' }

/** Reads a text in pieces, as a connection does, and says what came of it. */
function read(reader: HeadReader, head: RequestHead, pieces: readonly string[], limits: Limits = DEFAULT_LIMITS) {
  let taken = 0
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1')
    const offset = reader.read(bytes, 0, bytes.length, limits)
    // The bytes belong to the connection, which writes over them.
    bytes.fill(0x7a)
    taken += offset === HeadReader.INCOMPLETE ? bytes.length : offset
    if (reader.fault !== null || offset !== HeadReader.INCOMPLETE) break
  }
  const { method, target, path, query, host, authority, minorVersion, upgrade, expectsContinue, headers } = head
  const { body, contentLength, keepAlive } = reader.framing
  const request = { method, target, path, query, host, authority, minorVersion, upgrade, expectsContinue, fields: headers.toPairs() }
  return reader.fault === null ? { ...NOTHING, taken, ...request, body, contentLength, keepAlive } : { ...NOTHING, fault: reader.fault }
}

function readFresh(pieces: readonly string[], limits: Limits = DEFAULT_LIMITS) {
  const head = new RequestHead()
  return read(new HeadReader(head), head, pieces, limits)
}

const HEADS = [
  'GET /a?b HTTP/1.1\r\nHost: h:80\r\nAccept: */*\r\n\r\n',
  '\r\nPOST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
  'PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close, x-a\r\nX-A: b\r\n\r\n',
  'GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
]

for (const text of HEADS) {
  test(`cut anywhere, the head reads the same: ${JSON.stringify(text.slice(0, 20))}`, () => {
    const whole = readFresh([text])
    assert.equal(whole.taken, text.length)
    for (let cut = 1; cut < text.length; cut++) assert.deepEqual(readFresh([text.slice(0, cut), text.slice(cut)]), whole, `cut at ${cut}`)
    assert.deepEqual(readFresh(text.split('')), whole)
  })
}

test('a head that is refused is refused for the same cause however it is cut', () => {
  for (const text of [
    'GET / HTTP/1.1\r\nA : b\r\n\r\n',
    'GET / HTTP/2.0\r\n\r\n',
    'GET /../.. HTTP/1.1\r\nHost: h\r\n\r\n',
    'GET /\0 HTTP/1.1\r\n\r\n',
  ]) {
    const whole = readFresh([text])
    assert.ok(whole.fault)
    for (let cut = 1; cut < text.length; cut++) assert.deepEqual(readFresh([text.slice(0, cut), text.slice(cut)]), whole, `cut at ${cut}`)
  }
})

test('only the head is taken of what follows it', () => {
  const [text = ''] = HEADS
  const head = new RequestHead()
  const reader = new HeadReader(head)
  const bytes = Buffer.from(`${text}more`)
  assert.equal(reader.read(bytes, 0, bytes.length, DEFAULT_LIMITS), text.length)
  const first = bytes.subarray(0, 10)
  assert.equal(reader.read(first, 0, 10, DEFAULT_LIMITS), HeadReader.INCOMPLETE)
  const rest = bytes.subarray(10)
  assert.equal(reader.read(rest, 0, rest.length, DEFAULT_LIMITS), text.length - 10)
})

test('the same head again reads the same, without the edits made to the first', () => {
  for (const text of HEADS) {
    const head = new RequestHead()
    const reader = new HeadReader(head)
    const first = read(reader, head, [text])
    head.headers.delete('Accept')
    head.headers.set('X-New', 'y')
    assert.deepEqual(read(reader, head, [text]), first)
    assert.deepEqual(read(reader, head, text.split('')), first)
    assert.deepEqual(read(reader, head, [text]), first)
  }
})

test('a head that differs in one byte from the last is not taken for it', () => {
  const head = new RequestHead()
  const reader = new HeadReader(head)
  read(reader, head, ['GET /a HTTP/1.1\r\nHost: h\r\n\r\n'])
  assert.equal(read(reader, head, ['GET /b HTTP/1.1\r\nHost: h\r\n\r\n']).path, '/b')
})

const LIMITS: Limits = { ...DEFAULT_LIMITS, headBytesMax: 64, headersMax: 2, uriBytesMax: 16 }

test('each limit has its own code, at once and in pieces', () => {
  const cases: readonly (readonly [string, string])[] = [
    [`GET /${'a'.repeat(16)} HTTP/1.1\r\n\r\n`, 'request_target_too_long'],
    [`GET / HTTP/1.1\r\nHost: h\r\nA: ${'a'.repeat(64)}\r\n\r\n`, 'request_head_too_large'],
    ['GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\n\r\n', 'request_head_too_large'],
    ['GET / HTTP/3.0\r\n\r\n', 'http_version_not_supported'],
    ['CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n', 'method_not_supported'],
    [`${'M'.repeat(40)} / HTTP/1.1\r\n\r\n`, 'method_not_supported'],
  ]
  for (const [text, code] of cases) {
    assert.equal(readFresh([text], LIMITS).fault, code)
    assert.equal(readFresh(text.split(''), LIMITS).fault, code, `byte for byte: ${text}`)
  }
})

test('a head without an end is given up at the limit, not kept for ever', () => {
  const many = (letter: string): string[] => letter.repeat(200).split('')
  assert.equal(readFresh(many('a'), LIMITS).fault, 'method_not_supported')
  assert.equal(readFresh(['GET /', ...many('a')], LIMITS).fault, 'request_target_too_long')
  assert.equal(readFresh(['GET / HTTP/1.1\r\n', ...many('A')], LIMITS).fault, 'request_head_too_large')
})

test('a head that is refused keeps nothing of the one before it', () => {
  const head = new RequestHead()
  const reader = new HeadReader(head)
  for (const [refused, host] of [
    ['GET /../x?secret HTTP/1.1\r\nHost: two\r\n\r\n', 'two'],
    ['GET /x HTTP/1.1\r\nHost: two\r\nContent-Length: x\r\n\r\n', ''],
  ] as const) {
    assert.equal(read(reader, head, ['GET /first?q HTTP/1.1\r\nHost: one\r\n\r\n']).fault, null)
    assert.ok(read(reader, head, [refused]).fault)
    assert.deepEqual([head.path, head.host], ['', host])
  }
})
