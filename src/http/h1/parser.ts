import type { Headers } from '../../core/headers.ts'

/**
 * Parses heads of HTTP/1.1 messages in place, strictly: what two parties could read differently is refused (RFC 9112, 2.2, 5, 11).
 *
 * A head is looked at in one pass over the bytes as they lie in the receive buffer. The functions return the offset behind the
 * head, {@link INCOMPLETE} when more bytes are needed, or one of the faults below; on a fault nothing else is to be believed.
 */
export const INCOMPLETE = 0
export const MALFORMED = -1
export const TARGET_TOO_LONG = -2
export const HEAD_TOO_LARGE = -3
export const VERSION_NOT_SUPPORTED = -4
export const METHOD_TOO_LONG = -5

/** RFC 9112, 3: a method longer than any that is implemented is 501. */
const METHOD_BYTES_MAX = 32

const CR = 0x0d
const LF = 0x0a
const SP = 0x20
const HTAB = 0x09
const COLON = 0x3a

const TOKEN = 1
const TARGET = 2
const VALUE = 4
/** What each byte may be part of. */
const CLASS = new Uint8Array(256)
for (let byte = 0x21; byte <= 0x7e; byte++) CLASS[byte] = TARGET | VALUE
// RFC 3986 has no place for these in a URI, and servers differ in what they make of them. `[` and `]` stand in an IPv6 authority and in
// many a query; the path normaliser looks at them again.
for (const char of '"<>\\^`{|}') CLASS[char.charCodeAt(0)] = VALUE
// RFC 9110, 5.5: obs-text is allowed in values, and opaque.
for (let byte = 0x80; byte <= 0xff; byte++) CLASS[byte] = VALUE
CLASS[SP] = VALUE
CLASS[HTAB] = VALUE
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
  CLASS[char.charCodeAt(0)] = (CLASS[char.charCodeAt(0)] as number) | TOKEN
}
// A fragment never belongs into a request (RFC 9112, 3.2).
CLASS[0x23] = (CLASS[0x23] as number) & ~TARGET

export interface HeadLimits {
  readonly headBytesMax: number
  readonly headersMax: number
}

export interface RequestLimits extends HeadLimits {
  readonly uriBytesMax: number
}

/** Where the parts of a request line lie. Filled by {@link parseRequestHead}; the offsets are into the parsed bytes. */
export class RequestLine {
  methodStart = 0
  methodEnd = 0
  targetStart = 0
  targetEnd = 0
  minorVersion = 1
}

/** Parses request line and fields of `bytes[start..end)`. */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: RequestLimits,
  line: RequestLine,
  headers: Headers,
): number {
  let at = start
  // RFC 9112, 2.2: an empty line in front is ignored; some clients send one after a body.
  if (at < end && bytes[at] === CR) {
    if (at + 1 === end) return INCOMPLETE
    if (bytes[at + 1] !== LF) return MALFORMED
    at += 2
  }
  line.methodStart = at
  while (at < end && ((CLASS[bytes[at] as number] as number) & TOKEN) !== 0) at++
  if (at - line.methodStart > METHOD_BYTES_MAX) return METHOD_TOO_LONG
  if (at === end) return INCOMPLETE
  if (bytes[at] !== SP || at === line.methodStart) return MALFORMED
  line.methodEnd = at
  at++

  line.targetStart = at
  while (at < end && ((CLASS[bytes[at] as number] as number) & TARGET) !== 0) at++
  if (at - line.targetStart > limits.uriBytesMax) return TARGET_TOO_LONG
  if (at === end) return INCOMPLETE
  if (bytes[at] !== SP || at === line.targetStart) return MALFORMED
  line.targetEnd = at
  at++

  const version = parseVersion(bytes, at, end)
  if (version < 0) return version
  if (version === INCOMPLETE) return INCOMPLETE
  line.minorVersion = version - 1
  at += 8
  if (at + 1 >= end) return at < end && bytes[at] !== CR ? MALFORMED : INCOMPLETE
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return MALFORMED
  at += 2

  const result = parseFields(bytes, at, end, start + limits.headBytesMax, limits.headersMax, headers)
  return result
}

/** Where the parts of a status line lie. */
export class StatusLine {
  status = 0
  minorVersion = 1
}

/** Parses status line and fields of `bytes[start..end)`. */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  line: StatusLine,
  headers: Headers,
): number {
  let at = start
  const version = parseVersion(bytes, at, end)
  if (version < 0) return version
  if (version === INCOMPLETE) return INCOMPLETE
  line.minorVersion = version - 1
  at += 8
  // RFC 9112, 4: SP, three digits, and SP before the reason; the last SP is often left out with an empty reason.
  if (at + 4 >= end) return looksLikeStatus(bytes, at, end) ? INCOMPLETE : MALFORMED
  if (!looksLikeStatus(bytes, at, at + 4)) return MALFORMED
  const status = ((bytes[at + 1] as number) - 0x30) * 100 + ((bytes[at + 2] as number) - 0x30) * 10 + (bytes[at + 3] as number) - 0x30
  if (status < 100 || status > 599) return MALFORMED
  line.status = status
  at += 4
  if (bytes[at] === SP) {
    at++
    while (at < end && ((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
  }
  if (at - start > limits.headBytesMax) return HEAD_TOO_LARGE
  if (at === end) return INCOMPLETE
  if (bytes[at] !== CR) return MALFORMED
  if (at + 1 === end) return INCOMPLETE
  if (bytes[at + 1] !== LF) return MALFORMED
  return parseFields(bytes, at + 2, end, start + limits.headBytesMax, limits.headersMax, headers)
}

/** Whether `bytes[at..end)` may be the beginning of SP and three digits. */
function looksLikeStatus(bytes: Buffer, at: number, end: number): boolean {
  if (at < end && bytes[at] !== SP) return false
  for (let i = at + 1; i < end && i < at + 4; i++) {
    const byte = bytes[i] as number
    if (byte < 0x30 || byte > 0x39) return false
  }
  return true
}

const VERSION_PREFIX = [0x48, 0x54, 0x54, 0x50, 0x2f] // HTTP/

/** 1 plus the minor version of `HTTP/1.0` or `HTTP/1.1` at `at`, or a fault. */
function parseVersion(bytes: Buffer, at: number, end: number): number {
  if (at + 8 > end) {
    for (let i = 0; at + i < end && i < 5; i++) if (bytes[at + i] !== VERSION_PREFIX[i]) return MALFORMED
    return INCOMPLETE
  }
  for (let i = 0; i < 5; i++) if (bytes[at + i] !== VERSION_PREFIX[i]) return MALFORMED
  const major = bytes[at + 5] as number
  const minor = bytes[at + 7] as number
  if (bytes[at + 6] !== 0x2e || major < 0x30 || major > 0x39 || minor < 0x30 || minor > 0x39) return MALFORMED
  if (major !== 0x31 || minor > 0x31) return VERSION_NOT_SUPPORTED
  return 1 + minor - 0x30
}

/**
 * Parses field lines from `at` on, up to and with the empty line. Also used for trailers.
 * @param limit offset that the head must not reach beyond.
 * @returns the offset behind the empty line, or a fault.
 */
export function parseFields(bytes: Buffer, start: number, end: number, limit: number, headersMax: number, headers: Headers): number {
  let at = start
  headers.reset(bytes, start)
  for (;;) {
    if (at > limit) return HEAD_TOO_LARGE
    if (at >= end) return INCOMPLETE
    if (bytes[at] === CR) {
      if (at + 1 === end) return INCOMPLETE
      if (bytes[at + 1] !== LF) return MALFORMED
      headers.end = at
      return at + 2 > limit ? HEAD_TOO_LARGE : at + 2
    }
    if (headers.count === headersMax) return HEAD_TOO_LARGE

    // RFC 9112, 5.1: no white space between name and colon; 5.2: no folded lines, which would begin with white space here.
    const nameStart = at
    while (at < end && ((CLASS[bytes[at] as number] as number) & TOKEN) !== 0) at++
    if (at === end) return at > limit ? HEAD_TOO_LARGE : INCOMPLETE
    if (bytes[at] !== COLON || at === nameStart) return MALFORMED
    const nameEnd = at
    at++
    while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++
    const valueStart = at
    while (at < end && ((CLASS[bytes[at] as number] as number) & VALUE) !== 0) at++
    if (at > limit) return HEAD_TOO_LARGE
    if (at === end) return INCOMPLETE
    // RFC 9112, 2.2: a bare CR or LF, and NUL (RFC 9110, 5.5), have no place in a value.
    if (bytes[at] !== CR) return MALFORMED
    if (at + 1 === end) return INCOMPLETE
    if (bytes[at + 1] !== LF) return MALFORMED
    let valueEnd = at
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--
    headers.addParsed(nameStart, nameEnd, valueStart, valueEnd)
    at += 2
  }
}

/**
 * Looks for the end of a head that arrives in pieces, over the new bytes only, so that a head sent one byte at a time costs no more
 * than any other. Also finds line breaks that no head may hold, to refuse at once what could only be refused later.
 * @param from offset of the first new byte; what lies before has been looked at.
 * @returns {@link MALFORMED}, {@link INCOMPLETE}, or 1 when the head may be complete.
 */
export function scanForHeadEnd(bytes: Buffer, start: number, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at] as number
    if (byte === LF) {
      if (at === start || bytes[at - 1] !== CR) return MALFORMED
      if (at - start >= 3 && bytes[at - 2] === LF && bytes[at - 3] === CR) return 1
    } else if (at > start && bytes[at - 1] === CR) {
      return MALFORMED
    } else if (byte === 0) {
      return MALFORMED
    }
  }
  return INCOMPLETE
}
