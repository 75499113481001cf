import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RequestHead } from '../../core/exchange.ts'
import { Headers } from '../../core/headers.ts'
import { Framing, frameRequest, frameResponse } from './framing.ts'
import { parseFields } from './parser.ts'

function parseInto(headers: Headers, fields: readonly string[]): void {
  const bytes = Buffer.from(`${fields.map((field) => `${field}\r\n`).join('')}\r\n`, 'latin1')
  assert.equal(parseFields(bytes, 0, bytes.length, 10_000, 100, headers), bytes.length)
}

/** What a request with these fields beside Host is framed as. */
function request(fields: readonly string[], minorVersion = 1) {
  const head = new RequestHead()
  head.minorVersion = minorVersion
  parseInto(head.headers, ['Host: h', ...fields])
  const framing = new Framing()
  const fault = frameRequest(head, framing)
  return { fault, head, framing, names: head.headers.toPairs().map(([name]) => name) }
}

function response(fields: readonly string[], status = 200, method = 'GET', minorVersion = 1) {
  const [headers, framing] = [new Headers(), new Framing()]
  parseInto(headers, fields)
  const ok = frameResponse(headers, status, minorVersion, method, framing)
  return { ok, framing, names: headers.toPairs().map(([name]) => name) }
}

test('without length and coding a request has no body, and its connection goes on', () => {
  const { fault, framing } = request([])
  assert.equal(fault, null)
  assert.equal(framing.body, 'none')
  assert.equal(framing.keepAlive, true)
})

test('a length delimits, and stays to be forwarded', () => {
  const { framing, names } = request(['Content-Length: 123456789012345'])
  assert.equal(framing.body, 'length')
  assert.equal(framing.contentLength, 123456789012345)
  assert.deepEqual(names, ['host', 'content-length'])
  assert.equal(request(['Content-Length: 0']).framing.body, 'none')
  assert.equal(request(['Content-Length: 007']).framing.contentLength, 7)
})

test('chunked delimits in any case, and is not forwarded', () => {
  for (const value of ['chunked', 'Chunked', 'CHUNKED', 'chunked  ']) {
    const { fault, framing, names } = request([`Transfer-Encoding: ${value}`])
    assert.equal(fault, null)
    assert.equal(framing.body, 'chunked')
    assert.deepEqual(names, ['host'])
  }
})

const UNCLEAR: readonly (readonly string[])[] = [
  ['Content-Length: 5', 'Content-Length: 6'],
  ['Content-Length: 5', 'Content-Length: 5'],
  ['Content-Length: 5, 5'],
  ['Content-Length: +5'],
  ['Content-Length: -5'],
  ['Content-Length: 5 5'],
  ['Content-Length: 0x5'],
  ['Content-Length: 5.0'],
  ['Content-Length:'],
  ['Content-Length: 1234567890123456'],
  ['Transfer-Encoding: chunked', 'Content-Length: 5'],
  ['Content-Length: 5', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: chunked, chunked'],
  ['Transfer-Encoding: gzip, chunked'],
  ['Transfer-Encoding: chunked, gzip'],
  ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'],
  ['Transfer-Encoding: identity'],
  ['Transfer-Encoding: xchunked'],
  ['Transfer-Encoding: "chunked"'],
  ['Transfer-Encoding: chunked\t'],
  ['Transfer-Encoding:'],
]
for (const fields of UNCLEAR) {
  test(`a body whose end is not clear is refused: ${JSON.stringify(fields)}`, () => {
    assert.equal(request(fields).fault, 'request_framing_invalid')
    assert.equal(response(fields).ok, false)
  })
}

test('a coding from HTTP/1.0 is refused (RFC 9112, 6.1)', () => {
  assert.equal(request(['Transfer-Encoding: chunked'], 0).fault, 'request_framing_invalid')
  assert.equal(response(['Transfer-Encoding: chunked'], 200, 'GET', 0).ok, false)
})

test('HTTP/1.1 needs one Host, HTTP/1.0 at most one (RFC 9112, 3.2)', () => {
  const framed = (fields: readonly string[], minorVersion: number) => {
    const head = new RequestHead()
    head.minorVersion = minorVersion
    parseInto(head.headers, fields)
    return { fault: frameRequest(head, new Framing()), authority: head.authority }
  }
  assert.equal(framed([], 1).fault, 'request_malformed')
  assert.equal(framed([], 0).fault, null)
  assert.equal(framed(['Host:'], 1).fault, null)
  assert.equal(framed(['Host: h', 'Host: h'], 1).fault, 'request_malformed')
  assert.equal(framed(['Host: h', 'Host: h'], 0).fault, 'request_malformed')
  assert.equal(framed(['hOST: H:1'], 1).authority, 'H:1')
})

const PERSISTENCE: readonly (readonly [readonly string[], number, boolean])[] = [
  [[], 1, true],
  [[], 0, false],
  [['Connection: close'], 1, false],
  [['Connection: CLOSE'], 1, false],
  [['Connection: keep-alive'], 0, true],
  [['Connection: Keep-Alive'], 1, true],
  [['Connection: keep-alive, close'], 1, false],
  [['Connection: close, keep-alive'], 0, false],
  [['Connection: close', 'Connection: keep-alive'], 1, false],
  [['Connection: keep-alive', 'Connection: ,\tclose ,'], 0, false],
  [['Connection: closed'], 1, true],
  [['Connection: \u00a0close'], 1, true],
  [['Connection:'], 1, true],
]
for (const [fields, minorVersion, keepAlive] of PERSISTENCE) {
  test(`HTTP/1.${minorVersion} with ${JSON.stringify(fields)} ${keepAlive ? 'goes on' : 'ends the connection'} (RFC 9112, 9.3)`, () => {
    const { fault, framing, names } = request(fields, minorVersion)
    assert.equal(fault, null)
    assert.equal(framing.keepAlive, keepAlive)
    assert.deepEqual(names, ['host'])
    assert.equal(response(['Content-Length: 1', ...fields], 200, 'GET', minorVersion).framing.keepAlive, keepAlive)
  })
}

test("the connection's own fields are taken out, and those it names (RFC 9110, 7.6.1)", () => {
  const { names } = request([
    'X-A: 1',
    'Connection: x-a, X-B,x-c',
    'TE: trailers',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic a',
    'x-b: 2',
    'X-B: 3',
    'X-D: 4',
  ])
  assert.deepEqual(names, ['host', 'x-d'])
  const answer = response([
    'Content-Length: 1',
    'Connection: X-A',
    'X-A: 1',
    'Proxy-Authenticate: Basic',
    'Keep-Alive: timeout=5',
    'X-D: 4',
  ])
  assert.deepEqual(answer.names, ['content-length', 'x-d'])
})

test('what is meant for proxies is taken out and kept aside (RFC 9110, 11.7.2)', () => {
  assert.equal(request(['Proxy-Authorization: Basic a']).head.proxyAuthorization, 'Basic a')
  assert.equal(request(['Proxy-Authorization: Basic a', 'Proxy-Authorization: Basic b']).head.proxyAuthorization, 'Basic a, Basic b')
  const { head } = request(['Proxy-Authorization: Basic a'])
  parseInto(head.headers, ['Host: h'])
  frameRequest(head, new Framing())
  assert.equal(head.proxyAuthorization, '')
})

test('every Connection field counts, also those behind a close', () => {
  assert.deepEqual(request(['Connection: close', 'Connection: x-a', 'X-A: 1']).names, ['host'])
  assert.equal(request(['Connection: close', 'Connection: content-length', 'Content-Length: 1']).fault, 'request_malformed')
})

test('a connection that claims the framing for itself is refused', () => {
  for (const name of ['Content-Length', 'transfer-encoding', 'HOST']) {
    assert.equal(request([`Connection: ${name}`]).fault, 'request_malformed')
    assert.equal(response([`Connection: ${name}`]).ok, false)
  }
})

test('an upgrade is asked for by Connection and Upgrade together, in HTTP/1.1', () => {
  assert.equal(request(['Connection: Upgrade', 'Upgrade: WebSocket']).framing.upgrade, 'websocket')
  assert.equal(request(['Upgrade: websocket', 'Connection: keep-alive, upgrade']).framing.upgrade, 'websocket')
  assert.equal(request(['Upgrade: websocket']).framing.upgrade, '')
  assert.equal(request(['Connection: upgrade']).framing.upgrade, '')
  assert.equal(request(['Connection: upgrade', 'Upgrade: websocket'], 0).framing.upgrade, '')
  assert.deepEqual(request(['Connection: upgrade', 'Upgrade: websocket']).names, ['host'])
  assert.deepEqual(request(['Upgrade: websocket']).names, ['host'])
})

test('Expect is honoured where there is a body to wait for, and refused when it asks for more (RFC 9110, 10.1.1)', () => {
  assert.equal(request(['Expect: 100-Continue', 'Content-Length: 1']).head.expectsContinue, true)
  assert.equal(request(['Expect: 100-continue', 'Content-Length: 0']).head.expectsContinue, false)
  assert.equal(request(['Expect: 100-continue', 'Content-Length: 1'], 0).head.expectsContinue, false)
  assert.equal(request(['Expect: 200-ok']).fault, 'expectation_not_supported')
  assert.deepEqual(request(['Expect: 100-continue']).names, ['host'])
})

test('one framing is filled anew for each message', () => {
  const framing = new Framing()
  const head = new RequestHead()
  parseInto(head.headers, ['Host: h', 'Content-Length: 5', 'Connection: close, upgrade', 'Upgrade: a'])
  assert.equal(frameRequest(head, framing), null)
  parseInto(head.headers, ['Host: h'])
  assert.equal(frameRequest(head, framing), null)
  assert.deepEqual(framing, new Framing())
})

test('what a response answers decides whether it has a body (RFC 9112, 6.3)', () => {
  assert.equal(response(['Content-Length: 5'], 200, 'HEAD').framing.body, 'none')
  assert.equal(response(['Transfer-Encoding: chunked'], 200, 'HEAD').framing.body, 'none')
  assert.equal(response([], 200, 'HEAD').framing.keepAlive, true)
  assert.equal(response(['Content-Length: 5'], 304).framing.body, 'none')
  assert.equal(response(['Content-Length: 5'], 204).framing.body, 'none')
  assert.equal(response([], 100).framing.body, 'none')
  assert.equal(response(['Content-Length: 5']).framing.body, 'length')
  assert.equal(response(['Content-Length: 0']).framing.body, 'none')
  assert.equal(response(['Transfer-Encoding: chunked']).framing.body, 'chunked')
})

test('a response without length and coding ends with its connection', () => {
  const { framing } = response(['Connection: keep-alive'])
  assert.equal(framing.body, 'close')
  assert.equal(framing.keepAlive, false)
})

test('a length is dropped where a response may not have one, and a 1xx with a body is refused', () => {
  assert.deepEqual(response(['Content-Length: 5'], 204).names, [])
  assert.deepEqual(response(['Content-Length: 5'], 304).names, ['content-length'])
  assert.deepEqual(response(['Content-Length: 0'], 100).names, [])
  assert.equal(response(['Content-Length: 5'], 103).ok, false)
  assert.equal(response(['Transfer-Encoding: chunked'], 100).ok, false)
})

test('how long a server keeps a connection is read from Keep-Alive', () => {
  const seconds = (value: string): number => response([`Keep-Alive: ${value}`]).framing.keepAliveSeconds
  assert.equal(seconds('timeout=5'), 5)
  assert.equal(seconds('max=100, Timeout=60'), 60)
  assert.equal(seconds('max=100'), 0)
  assert.equal(seconds('xtimeout=5'), 0)
  assert.equal(seconds('timeout=abc'), 0)
})
