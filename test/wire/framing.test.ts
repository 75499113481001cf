/** Requests that two parties could read differently are refused, close the connection, and reach no service (RFC 9112, 2.2, 3.2, 5, 6.3, 7.1, 11). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, echo, splitEverywhere, startRig } from './harness.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
/** What an attacker would want to be taken for a request of its own. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'

const HEADS: Readonly<Record<string, readonly [head: string, code: string]>> = {
  'both Transfer-Encoding and Content-Length': ['Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked', 'request_framing_invalid'],
  'two equal Content-Length': ['Host: a\r\nContent-Length: 5\r\nContent-Length: 5', 'request_framing_invalid'],
  'two different Content-Length': ['Host: a\r\nContent-Length: 5\r\nContent-Length: 6', 'request_framing_invalid'],
  'a Content-Length that is a list': ['Host: a\r\nContent-Length: 5, 5', 'request_framing_invalid'],
  'a Content-Length with a sign': ['Host: a\r\nContent-Length: +5', 'request_framing_invalid'],
  'a negative Content-Length': ['Host: a\r\nContent-Length: -1', 'request_framing_invalid'],
  'a hexadecimal Content-Length': ['Host: a\r\nContent-Length: 0x5', 'request_framing_invalid'],
  'an empty Content-Length': ['Host: a\r\nContent-Length:', 'request_framing_invalid'],
  'a Content-Length with a space in it': ['Host: a\r\nContent-Length: 1 2', 'request_framing_invalid'],
  'a Content-Length beyond all numbers': ['Host: a\r\nContent-Length: 99999999999999999999', 'request_framing_invalid'],
  'an unknown transfer coding': ['Host: a\r\nTransfer-Encoding: gzip', 'request_framing_invalid'],
  'gzip before chunked': ['Host: a\r\nTransfer-Encoding: gzip, chunked', 'request_framing_invalid'],
  'chunked twice in one field': ['Host: a\r\nTransfer-Encoding: chunked, chunked', 'request_framing_invalid'],
  'two Transfer-Encoding fields': ['Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity', 'request_framing_invalid'],
  'chunked with a parameter': ['Host: a\r\nTransfer-Encoding: chunked;q=1', 'request_framing_invalid'],
  'a misspelt chunked': ['Host: a\r\nTransfer-Encoding: xchunked', 'request_framing_invalid'],
  'a folded line': ['Host: a\r\nX-A: 1\r\n folded', 'request_malformed'],
  'a fold in front of Transfer-Encoding': ['Host: a\r\nContent-Length: 5\r\n\tTransfer-Encoding: chunked', 'request_malformed'],
  'a folded first line': [' X-A: 1\r\nHost: a', 'request_malformed'],
  'a space before the colon': ['Host: a\r\nContent-Length : 5', 'request_malformed'],
  'a tab before the colon': ['Host: a\r\nTransfer-Encoding\t: chunked', 'request_malformed'],
  'a bare CR in a value': ['Host: a\r\nX-A: 1\rTransfer-Encoding: chunked', 'request_malformed'],
  'a bare LF between fields': ['Host: a\nX-A: 1', 'request_malformed'],
  'a bare LF that ends the head': ['Host: a\r\nX-A: 1\n', 'request_malformed'],
  'a NUL in a value': ['Host: a\r\nX-A: 1\0', 'request_malformed'],
  'a NUL in a name': ['Host: a\r\nX\0A: 1', 'request_malformed'],
  'a control character in a value': ['Host: a\r\nX-A: \x01', 'request_malformed'],
  'a space in a name': ['Host: a\r\nX A: 1', 'request_malformed'],
  'a parenthesis in a name': ['Host: a\r\nX(A): 1', 'request_malformed'],
  'a byte above ASCII in a name': ['Host: a\r\nX\xe9: 1', 'request_malformed'],
  'an empty name': ['Host: a\r\n: 1', 'request_malformed'],
  'a line without a colon': ['Host: a\r\nX-A', 'request_malformed'],
  'two equal Host': ['Host: a\r\nHost: a', 'request_malformed'],
  'two different Host': ['Host: a\r\nX-A: 1\r\nhost: b', 'request_malformed'],
  'no Host': ['X-A: 1', 'request_malformed'],
  'a Host that is a list': ['Host: a, b', 'request_malformed'],
  'a Host with a user': ['Host: me@a', 'request_malformed'],
  'a Host with a path': ['Host: a/b', 'request_malformed'],
  'Content-Length named in Connection': ['Host: a\r\nContent-Length: 5\r\nConnection: Content-Length', 'request_malformed'],
  'Transfer-Encoding named in Connection': [
    'Host: a\r\nTransfer-Encoding: chunked\r\nConnection: close, transfer-encoding',
    'request_malformed',
  ],
  'Host named in Connection': ['Host: a\r\nConnection: keep-alive, host', 'request_malformed'],
}

const LINES: Readonly<Record<string, readonly [line: string, status: number, code: string]>> = {
  'a bare LF after the request line': ['POST / HTTP/1.1\nX: 1', 400, 'request_malformed'],
  'a bare CR after the request line': ['POST / HTTP/1.1\rX: 1', 400, 'request_malformed'],
  'two spaces after the method': ['POST  / HTTP/1.1', 400, 'request_malformed'],
  'two spaces before the version': ['POST /  HTTP/1.1', 400, 'request_malformed'],
  'a tab in the request line': ['POST\t/ HTTP/1.1', 400, 'request_malformed'],
  'a space in front of the method': [' POST / HTTP/1.1', 400, 'request_malformed'],
  'no version': ['POST /', 400, 'request_malformed'],
  'a space behind the version': ['POST / HTTP/1.1 ', 400, 'request_malformed'],
  'a method that is no token': ['PO(ST / HTTP/1.1', 400, 'request_malformed'],
  'a fragment': ['POST /#a HTTP/1.1', 400, 'request_malformed'],
  'a NUL in the target': ['POST /\0 HTTP/1.1', 400, 'request_malformed'],
  'a byte above ASCII in the target': ['POST /\xe9 HTTP/1.1', 400, 'request_malformed'],
  'a target without a slash': ['POST a HTTP/1.1', 400, 'request_malformed'],
  'an absolute target that differs from Host': ['POST http://b/ HTTP/1.1', 400, 'request_malformed'],
  'a path above the root': ['POST /../a HTTP/1.1', 400, 'request_path_invalid'],
  'a lower-case protocol name': ['POST / http/1.1', 400, 'request_malformed'],
  'a version of three digits': ['POST / HTTP/1.10', 400, 'request_malformed'],
  'HTTP/2.0': ['POST / HTTP/2.0', 505, 'http_version_not_supported'],
  'HTTP/1.2': ['POST / HTTP/1.2', 505, 'http_version_not_supported'],
  'HTTP/0.9': ['POST / HTTP/0.9', 505, 'http_version_not_supported'],
  CONNECT: ['CONNECT a:443 HTTP/1.1', 501, 'method_not_supported'],
  'a method of 40 characters': [`${'M'.repeat(40)} / HTTP/1.1`, 501, 'method_not_supported'],
}

const CHUNKS: Readonly<Record<string, string>> = {
  'a chunk size that is not hexadecimal': 'g\r\nhello\r\n0\r\n\r\n',
  'a chunk size with 0x': '0x5\r\nhello\r\n0\r\n\r\n',
  'a chunk size with a sign': '+5\r\nhello\r\n0\r\n\r\n',
  'an empty chunk size': '\r\nhello\r\n0\r\n\r\n',
  'a space in front of the chunk size': ' 5\r\nhello\r\n0\r\n\r\n',
  'a space behind the chunk size': '5 \r\nhello\r\n0\r\n\r\n',
  'a chunk size beyond all numbers': 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n',
  'a chunk size that ends with LF': '5\nhello\r\n0\r\n\r\n',
  'a chunk size that ends with CR': '5\rhello\r\n0\r\n\r\n',
  'an extension with a bare LF': '5;a\nhello\r\n0\r\n\r\n',
  'an extension of 2,000 bytes': `5;${'a'.repeat(2000)}\r\nhello\r\n0\r\n\r\n`,
  'a chunk that ends without a line break': '5\r\nhello0\r\n\r\n',
  'a chunk that is longer than its size': '4\r\nhello\r\n0\r\n\r\n',
  'a chunk that ends with LF': '5\r\nhello\n0\r\n\r\n',
  'a last chunk that ends with LF': '5\r\nhello\r\n0\n\r\n',
  'a trailer with a space before the colon': '5\r\nhello\r\n0\r\nX-A : 1\r\n\r\n',
  'a trailer that is folded': '5\r\nhello\r\n0\r\nX-A: 1\r\n 2\r\n\r\n',
  'a trailer with a bare LF': '5\r\nhello\r\n0\r\nX-A: 1\n\r\n',
  'Content-Length as a trailer': '5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n',
  'Transfer-Encoding as a trailer': '5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n',
  'trailers of 9 KiB': `5\r\nhello\r\n0\r\nX-A: ${'a'.repeat(9 * 1024)}\r\n\r\n`,
}

function assertRefused(text: string, status: number, code: string): void {
  assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
  assert.match(text, new RegExp(`\\r\\nTurnpike-Error: ${code}\\r\\n`))
  assert.match(text, /\r\nConnection: close\r\n/)
  assert.equal(text.match(/HTTP\/1\.1 \d/g)?.length, 1, 'one answer, and none to what came behind')
}

for (const [name, [head, code]] of Object.entries(HEADS)) {
  test(`a head is refused with 400 and reaches no service: ${name}`, async (context) => {
    const rig = await startRig(context)
    const transcript = `POST / HTTP/1.1\r\n${head}\r\n\r\n`
    // Split replays say that the answer does not depend on how the bytes come.
    assertRefused(await splitEverywhere(rig, transcript), 400, code)
    assertRefused((await rig.exchange(`${transcript}5\r\nhello\r\n0\r\n\r\n${SMUGGLED}`)).text, 400, code)
    assert.equal(rig.upstream.peers.length, 0)
  })
}

for (const [name, [line, status, code]] of Object.entries(LINES)) {
  test(`a request line is refused with ${status} and reaches no service: ${name}`, async (context) => {
    const rig = await startRig(context)
    assertRefused(await splitEverywhere(rig, `${line}\r\nHost: a\r\n\r\n`), status, code)
    assertRefused((await rig.exchange(`${line}\r\nHost: a\r\n\r\n${SMUGGLED}`)).text, status, code)
    assert.equal(rig.upstream.peers.length, 0)
  })
}

for (const [name, chunks] of Object.entries(CHUNKS)) {
  test(`a chunked body is refused with 400 and never becomes whole: ${name}`, async (context) => {
    const rig = await startRig(context)
    const whole: string[] = []
    rig.upstream.onConnection = async (peer) => {
      whole.push((await peer.readRequest()).head)
      peer.write(OK)
    }
    const transcript = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`
    assertRefused(
      await (transcript.length < 300 ? splitEverywhere(rig, transcript) : rig.exchange(transcript).then(({ text }) => text)),
      400,
      'request_framing_invalid',
    )
    assertRefused((await rig.exchange(`${transcript}${SMUGGLED}`)).text, 400, 'request_framing_invalid')
    assert.deepEqual(whole, [])
  })
}

test('the answer before a malformed request is still given', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = always(OK)
  const text = await splitEverywhere(rig, 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n')
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nokHTTP\/1\.1 400 Bad Request\r\n/)
})

test('what is allowed is read the same wherever it is cut: an empty line in front, white space around values, mixed case, extensions', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = echo
  const text = await splitEverywhere(
    rig,
    '\r\nPOST /a?b=c HTTP/1.1\r\nhOST:a\r\nX-Empty:\r\nX-A: \t 1 \t \r\nTRANSFER-ENCODING: \tChunked \r\nTrailer: X-T\r\nConnection: close\r\n\r\n' +
      '5;ext="q"\r\nhello\r\n00006\r\n world\r\n000\r\nX-T: end\r\n\r\n',
  )
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.ok(text.endsWith('{"line":"POST /a?b=c HTTP/1.1","body":"hello world","trailers":"X-T: end\\r\\n"}'), text)
})

test('a body of stated length is read the same wherever it is cut', async (context) => {
  const rig = await startRig(context)
  rig.upstream.onConnection = echo
  const text = await splitEverywhere(rig, 'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nConnection: close\r\n\r\nhello\r\n\r\nab')
  assert.ok(text.endsWith('{"line":"PUT /a HTTP/1.1","body":"hello\\r\\n\\r\\nab","trailers":""}'), text)
})

test('fields that Connection names go no further', async (context) => {
  const rig = await startRig(context)
  const answered = rig.exchange(
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop, keep-alive\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: x\r\n' +
      'X-Hop: 1\r\nX-Stays: 1\r\n\r\n',
  )
  const service = await rig.upstream.accept()
  const { head } = await service.readRequest()
  service.write('HTTP/1.1 200 OK\r\nConnection: X-Back\r\nX-Back: 1\r\nX-Kept: 1\r\nKeep-Alive: timeout=9\r\nContent-Length: 0\r\n\r\n')
  const { text } = await answered
  assert.match(head, /\r\nX-Stays: 1\r\n/)
  assert.doesNotMatch(head, /^(x-hop|connection|keep-alive|te|proxy-connection):/im)
  assert.match(text, /\r\nX-Kept: 1\r\n/)
  assert.doesNotMatch(text, /^(x-back|keep-alive):/im)
})
