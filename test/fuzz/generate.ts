/** Makes messages that are nearly right: a grammar with the known ways to be misread, then a few bytes changed. */
import type { Random } from './random.ts'

/** Methods that llhttp knows, common ones more often; it refuses all others, so that they would show nothing. */
const METHODS: readonly [string, ...string[]] = [
  'GET',
  'GET',
  'GET',
  'POST',
  'POST',
  'POST',
  'PUT',
  'HEAD',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'CONNECT',
  'M-SEARCH',
  'PROPFIND',
  'QUERY',
  'PURGE',
  'LINK',
  'ACL',
  'SOURCE',
]
const TARGETS = [
  '/',
  '/',
  '/a',
  '/a/b?c=d&e',
  '*',
  'http://h/',
  'http://h',
  'https://h:1/x?y',
  '/%41',
  '/a//b',
  '/~',
  '/[',
  'h:1',
  '/a?b?c',
] as const
const VERSIONS = ['1.0', '1.0', '2.0', '0.9', '1.2'] as const
const STATUSES = ['200', '200', '200', '204', '304', '100', '101', '103', '206', '404', '500', '599', '600', '099', '20', '2000'] as const
const REASONS = [' OK', ' OK', ' ', '', ' Not\tFound', ' caf\u00e9', '  two'] as const
const SPACES = ['', ' ', ' ', ' ', ' ', '  ', '\t', ' \t '] as const
const NAMES = [
  'A',
  'X-Long-Name',
  'Accept',
  'Cookie',
  'content-type',
  'TE',
  'Via',
  "!#$%&'*+-.^_`|~",
  'Content-Lengt',
  'Content-Lengthh',
  'Date',
] as const
const VALUES = ['', 'a', 'b, c', '"q;,"', '*/*', 'caf\u00e9', 'a\tb', 'x  y', '\u0080\u00ff', ':', '=', 'chunked', '5'] as const
const LENGTHS = [
  '0',
  '1',
  '5',
  '05',
  '+5',
  '-1',
  '5,5',
  '5, 5',
  '5 5',
  '0x5',
  '',
  '5a',
  '999999999999999',
  '9999999999999999',
  '18446744073709551617',
] as const
const CODINGS = [
  'chunked',
  'chunked',
  'Chunked',
  'CHUNKED',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, chunked',
  'identity',
  'xchunked',
  'chunked,',
  ',chunked',
  '',
] as const
const OPTIONS = [
  'close',
  'keep-alive',
  'Close',
  'Keep-Alive',
  'upgrade',
  'Upgrade',
  'close, keep-alive',
  'keep-alive,close',
  'te, close',
  'x',
  '',
  ' ,close',
  'close,',
  'closed',
  'keep-alive, upgrade',
  'content-length',
  'clos',
  'c lose',
] as const
const EXTENSIONS = [';a', ';a=b', ';a="b"', '; a', ' ', ' ;a', ';', ';a="\\""', ';\u00e9', ';a=b;c', '\t', ';a=\rb'] as const
const BREAKS = ['\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\r\n\t', '', '\r\n\r\n'] as const
const SPECIAL = '\r\n\0 :,;\t=/?0a\u007f\u0080\u00ff\u000b\u0001"\\' as const
/** Longest text before it is cut: the heads stay far below every limit, so that no limit hides what is compared. */
const BYTES_MAX = 2048

/** Writes one input into `target`, which must have {@link BYTES_MAX} and 64 bytes of room. @returns its length */
export function generateInput(random: Random, isResponse: boolean, target: Buffer): number {
  let text = ''
  for (let left = random.oneIn(3) ? 2 + random.below(2) : 1; left > 0; left--) text += message(random, isResponse)
  const length = target.latin1Write(text.length > BYTES_MAX ? text.slice(0, BYTES_MAX) : text, 0)
  return random.oneIn(2) ? length : mutate(random, target, length)
}

function message(random: Random, isResponse: boolean): string {
  const version = random.oneIn(8) ? random.pick(VERSIONS) : '1.1'
  const start = isResponse
    ? `HTTP/${version} ${random.pick(STATUSES)}${random.pick(REASONS)}`
    : `${random.oneIn(40) ? '\r\n' : ''}${random.pick(METHODS)} ${random.oneIn(5) ? random.pick(TARGETS) : '/a/b'} HTTP/${version}`
  let head = start + lineBreak(random)
  let length = -1
  let chunked = false
  if (!isResponse && !random.oneIn(30))
    head += `Host:${random.pick(SPACES)}${random.oneIn(30) ? random.pick(VALUES) : 'h'}${lineBreak(random)}`
  for (let left = random.below(5); left > 0; left--) head += field(random, random.pick(NAMES), random.pick(VALUES))
  switch (random.below(11)) {
    case 0:
    case 1:
      break
    case 8:
    case 2:
    case 3:
      length = random.below(12)
      head += field(random, caseOf(random, 'Content-Length'), random.oneIn(6) ? random.pick(LENGTHS) : String(length))
      break
    case 4:
    case 5:
    case 6:
    case 7:
      chunked = true
      head += field(random, caseOf(random, 'Transfer-Encoding'), random.oneIn(4) ? random.pick(CODINGS) : 'chunked')
      break
    default:
      // What request smuggling is made of: lengths and codings together, and more than once.
      for (let left = 1 + random.below(3); left > 0; left--) {
        if (random.oneIn(2)) head += field(random, caseOf(random, 'Content-Length'), random.pick(LENGTHS))
        else head += field(random, caseOf(random, 'Transfer-Encoding'), random.pick(CODINGS))
      }
      if (random.oneIn(2)) chunked = true
      else length = 5
  }
  if (random.oneIn(3)) head += field(random, 'Connection', random.pick(OPTIONS))
  if (random.oneIn(12)) head += field(random, 'Upgrade', random.pick(['websocket', 'h2c', '']))
  if (random.oneIn(24)) head += field(random, 'Expect', random.pick(['100-continue', '200-ok']))
  if (random.oneIn(20)) for (let left = 60; left > 0; left--) head += `n${left}: ${left}\r\n`
  return `${head}${lineBreak(random)}${chunked ? chunks(random) : data(random, Math.max(0, length))}`
}

function field(random: Random, name: string, value: string): string {
  const space = random.oneIn(150) ? ' ' : ''
  return `${name}${space}:${random.pick(SPACES)}${value}${random.oneIn(4) ? random.pick(SPACES) : ''}${lineBreak(random)}`
}

function lineBreak(random: Random): string {
  return random.oneIn(250) ? random.pick(BREAKS) : '\r\n'
}

function caseOf(random: Random, name: string): string {
  return random.oneIn(4) ? name.toUpperCase() : random.oneIn(4) ? name.toLowerCase() : name
}

/** A body that would be read as something else one byte too early or too late. */
function data(random: Random, length: number): string {
  const text = length > 6 && random.oneIn(2) ? 'GET / HTTP/1.1\r\nHost: h\r\n\r\n' : 'body\r\n0\r\n\r\n'
  return text.slice(0, length).padEnd(length, 'x')
}

function chunks(random: Random): string {
  let text = ''
  for (let left = random.below(4); left > 0; left--) {
    const length = random.oneIn(8) ? 16 + random.below(20) : 1 + random.below(9)
    const size = random.oneIn(6) ? `00${length.toString(16)}` : length.toString(16)
    const stated = random.oneIn(60) ? random.pick(['', 'g', '0x1', '-1', '+1', 'ffffffffffffffff', '10000000000000001', '1 ']) : size
    text += `${stated}${random.oneIn(20) ? random.pick(EXTENSIONS) : ''}${lineBreak(random)}${data(random, length)}${lineBreak(random)}`
  }
  text += `0${random.oneIn(25) ? random.pick(EXTENSIONS) : ''}${lineBreak(random)}`
  if (random.oneIn(4))
    text += field(
      random,
      random.oneIn(4) ? random.pick(['Content-Length', 'Transfer-Encoding', 'Host']) : random.pick(NAMES),
      random.pick(VALUES),
    )
  return text + lineBreak(random)
}

/** Changes one to four places of `bytes[0..length)`. @returns the new length */
function mutate(random: Random, bytes: Buffer, length: number): number {
  let end = length
  for (let left = 1 + random.below(4); left > 0 && end > 0; left--) {
    const at = random.below(end)
    switch (random.below(6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
        break
      case 1:
        bytes[at] = SPECIAL.charCodeAt(random.below(SPECIAL.length))
        break
      case 2:
      case 3:
        bytes.copyWithin(at + 1, at, end)
        bytes[at] = SPECIAL.charCodeAt(random.below(SPECIAL.length))
        end++
        break
      case 4:
        bytes.copyWithin(at, at + 1, end)
        end--
        break
      default: {
        // A piece written twice: doubled fields, lines and chunks.
        const size = Math.min(1 + random.below(16), end - at)
        bytes.copyWithin(at + size, at, end)
        end += size
      }
    }
  }
  return end
}
