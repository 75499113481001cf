import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Headers } from '../../core/headers.ts'
import {
  HEAD_TOO_LARGE,
  INCOMPLETE,
  MALFORMED,
  METHOD_TOO_LONG,
  parseRequestHead,
  parseResponseHead,
  RequestLine,
  StatusLine,
  scanForHeadEnd,
  TARGET_TOO_LONG,
  VERSION_NOT_SUPPORTED,
} from './parser.ts'

const LIMITS = { headBytesMax: 200, headersMax: 4, uriBytesMax: 20 }

function parse(text: string): { result: number; line: RequestLine; headers: Headers; bytes: Buffer } {
  // Something in front, so that an offset that should count from the start and does not is seen.
  const bytes = Buffer.from(`ab${text}`, 'latin1')
  const [line, headers] = [new RequestLine(), new Headers()]
  const result = parseRequestHead(bytes, 2, bytes.length, LIMITS, line, headers)
  return { result: result > 0 ? result - 2 : result, line, headers, bytes }
}

function parseResponse(text: string): { result: number; line: StatusLine; headers: Headers } {
  const bytes = Buffer.from(text, 'latin1')
  const [line, headers] = [new StatusLine(), new Headers()]
  return { result: parseResponseHead(bytes, 0, bytes.length, LIMITS, line, headers), line, headers }
}

const HEAD = 'GET /a?b HTTP/1.1\r\nHost: h\r\nX-Y:  a b\t \r\nEmpty:\r\n\r\n'

test('the parts of a head are found, and what follows it is left alone', () => {
  const { result, line, headers, bytes } = parse(`${HEAD}body`)
  assert.equal(result, HEAD.length)
  assert.equal(bytes.latin1Slice(line.methodStart, line.methodEnd), 'GET')
  assert.equal(bytes.latin1Slice(line.targetStart, line.targetEnd), '/a?b')
  assert.equal(line.minorVersion, 1)
  assert.deepEqual(headers.toPairs(), [
    ['host', 'h'],
    ['x-y', 'a b'],
    ['empty', ''],
  ])
  assert.equal(bytes.latin1Slice(headers.begin, headers.end), 'Host: h\r\nX-Y:  a b\t \r\nEmpty:\r\n')
})

test('every beginning of a head asks for more', () => {
  for (let length = 0; length < HEAD.length; length++) assert.equal(parse(HEAD.slice(0, length)).result, INCOMPLETE, `${length} bytes`)
})

test('HTTP/1.0 is told from HTTP/1.1', () => {
  const { result, line } = parse('GET / HTTP/1.0\r\n\r\n')
  assert.equal(result, 18)
  assert.equal(line.minorVersion, 0)
})

test('one empty line in front is passed over, a second is not', () => {
  const { result, line, bytes } = parse('\r\nGET / HTTP/1.1\r\n\r\n')
  assert.equal(result, 20)
  assert.equal(bytes.latin1Slice(line.methodStart, line.methodEnd), 'GET')
  assert.equal(parse('\r\n\r\nGET / HTTP/1.1\r\n\r\n').result, MALFORMED)
})

test('any token is a method', () => {
  const { result, line, bytes } = parse("a!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n\r\n")
  assert.ok(result > 0)
  assert.equal(bytes.latin1Slice(line.methodStart, line.methodEnd), "a!#$%&'*+-.^_`|~9")
})

test('values may hold tabs and bytes beyond ASCII', () => {
  assert.deepEqual(parse('GET / HTTP/1.1\r\nA: \u0080\t\u00ff\r\n\r\n').headers.toPairs(), [['a', '\u0080\t\u00ff']])
})

const REFUSED: readonly (readonly [string, string, number])[] = [
  ['a CR without LF in front (RFC 9112, 2.2)', '\rGET / HTTP/1.1\r\n\r\n', MALFORMED],
  ['a bare LF in front', '\nGET / HTTP/1.1\r\n\r\n', MALFORMED],
  ['white space in front', ' GET / HTTP/1.1\r\n\r\n', MALFORMED],
  ['no method', ' / HTTP/1.1\r\n\r\n', MALFORMED],
  ['a method that is no token', 'G@T / HTTP/1.1\r\n\r\n', MALFORMED],
  ['a method of 33 bytes', `${'M'.repeat(33)} / HTTP/1.1\r\n\r\n`, METHOD_TOO_LONG],
  ['two spaces in the request line (RFC 9112, 3)', 'GET  / HTTP/1.1\r\n\r\n', MALFORMED],
  ['two spaces before the version', 'GET /  HTTP/1.1\r\n\r\n', MALFORMED],
  ['a tab for a space', 'GET\t/ HTTP/1.1\r\n\r\n', MALFORMED],
  ['no target', 'GET HTTP/1.1\r\n\r\n', MALFORMED],
  ['no version (HTTP/0.9)', 'GET /\r\n\r\n', MALFORMED],
  ['a fragment in the target (RFC 9112, 3.2)', 'GET /#a HTTP/1.1\r\n\r\n', MALFORMED],
  ['a quote in the target', 'GET /" HTTP/1.1\r\n\r\n', MALFORMED],
  ['a byte beyond ASCII in the target', 'GET /\u00e9 HTTP/1.1\r\n\r\n', MALFORMED],
  ['a NUL in the target', 'GET /\0 HTTP/1.1\r\n\r\n', MALFORMED],
  ['a target of 21 bytes', `GET /${'a'.repeat(20)} HTTP/1.1\r\n\r\n`, TARGET_TOO_LONG],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\n\r\n', VERSION_NOT_SUPPORTED],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\n\r\n', VERSION_NOT_SUPPORTED],
  ['HTTP/0.9', 'GET / HTTP/0.9\r\n\r\n', VERSION_NOT_SUPPORTED],
  ['a version in lower case (RFC 9112, 2.3)', 'GET / http/1.1\r\n\r\n', MALFORMED],
  ['a version without its point', 'GET / HTTP/1,1\r\n\r\n', MALFORMED],
  ['a version of two digits', 'GET / HTTP/1.10\r\n\r\n', MALFORMED],
  ['a space behind the version', 'GET / HTTP/1.1 \r\n\r\n', MALFORMED],
  ['a bare LF behind the request line', 'GET / HTTP/1.1\nHost: h\r\n\r\n', MALFORMED],
  ['a space before the colon (RFC 9112, 5.1)', 'GET / HTTP/1.1\r\nHost : h\r\n\r\n', MALFORMED],
  ['a folded line (RFC 9112, 5.2)', 'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n', MALFORMED],
  ['a line that begins with a tab', 'GET / HTTP/1.1\r\n\tA: b\r\n\r\n', MALFORMED],
  ['a field without a colon', 'GET / HTTP/1.1\r\nHost\r\n\r\n', MALFORMED],
  ['a field without a name', 'GET / HTTP/1.1\r\n: h\r\n\r\n', MALFORMED],
  ['a name that is no token', 'GET / HTTP/1.1\r\nA(b): c\r\n\r\n', MALFORMED],
  ['a NUL in a value (RFC 9110, 5.5)', 'GET / HTTP/1.1\r\nA: b\0\r\n\r\n', MALFORMED],
  ['another control character in a value', 'GET / HTTP/1.1\r\nA: \u0001\r\n\r\n', MALFORMED],
  ['DEL in a value', 'GET / HTTP/1.1\r\nA: \u007f\r\n\r\n', MALFORMED],
  ['a bare CR in a value', 'GET / HTTP/1.1\r\nA: b\rc\r\n\r\n', MALFORMED],
  ['a bare LF behind a value', 'GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n', MALFORMED],
  ['a bare LF for the empty line', 'GET / HTTP/1.1\r\nA: b\r\n\n', MALFORMED],
  ['a bare CR for the empty line', 'GET / HTTP/1.1\r\nA: b\r\n\rx', MALFORMED],
  ['five fields where four are allowed', `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(5)}\r\n`, HEAD_TOO_LARGE],
  ['a value that is too long', `GET / HTTP/1.1\r\nA: ${'b'.repeat(200)}\r\n\r\n`, HEAD_TOO_LARGE],
  ['a name that is too long', `GET / HTTP/1.1\r\n${'A'.repeat(200)}`, HEAD_TOO_LARGE],
]
for (const [what, text, fault] of REFUSED) {
  test(`refused: ${what}`, () => assert.equal(parse(text).result, fault))
}

test('a head of exactly the largest size is taken, one byte more is not', () => {
  const head = (length: number): string => `GET / HTTP/1.1\r\nA: ${'b'.repeat(length - 23)}\r\n\r\n`
  assert.equal(head(200).length, 200)
  assert.equal(parse(head(200)).result, 200)
  assert.equal(parse(head(201)).result, HEAD_TOO_LARGE)
})

const ANSWER = 'HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n'

test('the parts of a response head are found', () => {
  const { result, line, headers } = parseResponse(`${ANSWER}body`)
  assert.equal(result, ANSWER.length)
  assert.equal(line.status, 404)
  assert.equal(line.minorVersion, 1)
  assert.deepEqual(headers.toPairs(), [['a', 'b']])
})

test('every beginning of a response head asks for more', () => {
  for (let length = 0; length < ANSWER.length; length++) {
    assert.equal(parseResponse(ANSWER.slice(0, length)).result, INCOMPLETE, `${length} bytes`)
  }
})

test('a reason may be empty, may lack its space, and may hold what a value may', () => {
  for (const reason of ['', ' ', ' caf\u00e9\tau lait']) assert.equal(parseResponse(`HTTP/1.1 200${reason}\r\n\r\n`).line.status, 200)
})

const ANSWERS_REFUSED: readonly (readonly [string, string, number])[] = [
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', MALFORMED],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', MALFORMED],
  ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n', MALFORMED],
  ['a status above 599', 'HTTP/1.1 600 OK\r\n\r\n', MALFORMED],
  ['a status that is no number', 'HTTP/1.1 2x0 OK\r\n\r\n', MALFORMED],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n', MALFORMED],
  ['an empty line in front', '\r\nHTTP/1.1 200 OK\r\n\r\n', MALFORMED],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n', VERSION_NOT_SUPPORTED],
  ['another protocol', 'ICY 200 OK\r\n\r\n', MALFORMED],
  ['a NUL in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n', MALFORMED],
  ['a bare LF behind the reason', 'HTTP/1.1 200 OK\nA: b\r\n\r\n', MALFORMED],
  ['a reason that is too long', `HTTP/1.1 200 ${'O'.repeat(200)}`, HEAD_TOO_LARGE],
]
for (const [what, text, fault] of ANSWERS_REFUSED) {
  test(`refused in a response: ${what}`, () => assert.equal(parseResponse(text).result, fault))
}

test('the end of a head is found over any cut', () => {
  const bytes = Buffer.from(HEAD)
  for (let cut = 0; cut < HEAD.length; cut++) {
    assert.equal(scanForHeadEnd(bytes, 0, 0, cut), INCOMPLETE)
    assert.equal(scanForHeadEnd(bytes, 0, cut, bytes.length), 1, `cut at ${cut}`)
  }
})

test('a line break that no head may hold is found at once', () => {
  for (const text of ['\n', 'GET\n', 'GET / HTTP/1.1\r\nA: b\rc', 'GET /\0']) {
    assert.equal(scanForHeadEnd(Buffer.from(text), 0, 0, text.length), MALFORMED, JSON.stringify(text))
  }
})
