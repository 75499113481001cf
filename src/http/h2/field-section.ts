import type { Headers } from '../../core/headers.ts'
import {
  AUTHORITY,
  CONTENT_LENGTH,
  COOKIE,
  EXPECT,
  HOST,
  ILLEGAL_NAME,
  ILLEGAL_VALUE,
  METHOD,
  PATH,
  PLAIN,
  PROXY_AUTHENTICATE,
  PROXY_AUTHORIZATION,
  SCHEME,
  STATUS,
  TE,
} from './field-kind.ts'
import type { FieldSink, HpackDecoder } from './hpack-decoder.ts'

/** What a field section turned out to be. */
export type SectionFault =
  /** Well-formed. */
  | 'none'
  /** A stream error PROTOCOL_ERROR (RFC 9113, 8.1.1). */
  | 'malformed'
  /** More or larger fields than are taken. The connection is intact: a request can be answered with 431. */
  | 'too large'
  /** So much larger that it is an attack: a connection error ENHANCE_YOUR_CALM. */
  | 'flood'
  /** A connection error COMPRESSION_ERROR. */
  | 'compression'

/** Bounds of one section: bytes as HTTP/1.1 would have them on its lines, and fields. */
export interface SectionLimits {
  readonly headBytesMax: number
  readonly headersMax: number
}

/** How much of what is too large is still decoded, for the table's sake. */
const FLOOD_FACTOR = 8
const BYTES_FIRST = 512
const REQUEST = 0
const RESPONSE = 1
const TRAILERS = 2

/** Crumbs of cookies, until all are there. */
let cookie = Buffer.allocUnsafeSlow(1024)

/** The lines of one message's fields, which its {@link Headers} refer to. Each message that lives by itself has its own. */
export class FieldLines {
  readonly headers: Headers
  bytes: Buffer = Buffer.allocUnsafeSlow(BYTES_FIRST)

  constructor(headers: Headers) {
    this.headers = headers
  }
}

/**
 * Decodes field blocks into {@link Headers}, and judges them as RFC 9113, 8.2 and 8.3 say. One for each connection; what the last section
 * said besides its fields stands here until the next one.
 */
export class FieldSectionReader implements FieldSink {
  method = ''
  scheme = ''
  path = ''
  /** `:authority`, or else Host; the two are the same where both came. */
  authority = ''
  status = 0
  /** Of Content-Length; -1 for none. */
  contentLength = -1
  /** `TE: trailers` (RFC 9113, 8.2.2), which is taken out. */
  acceptsTrailers = false
  /** The value of Expect, which is taken out of a request; empty for none. */
  expect = ''
  /** The value of Proxy-Authorization, which is taken out of a request; several joined by a comma, empty for none. */
  proxyAuthorization = ''
  readonly #decoder: HpackDecoder
  #kind: typeof REQUEST | typeof RESPONSE | typeof TRAILERS = REQUEST
  #lines: FieldLines | null = null
  #limits: SectionLimits = { headBytesMax: 0, headersMax: 0 }
  #fault: SectionFault = 'none'
  /** Bit n: the pseudo-header field of kind n has come. */
  #pseudo = 0
  #hasField = false
  #host: string | null = null
  #end = 0
  #bytesSeen = 0
  #fieldsSeen = 0
  #cookieLength = 0

  constructor(decoder: HpackDecoder) {
    this.#decoder = decoder
  }

  /**
   * Decodes the block at `bytes[start..end)`, which must not be those of `lines`. Whatever the result but `none`, the fields are not to be
   * believed. Of a request, the fields that are the connection's own are not among them: Host (see {@link authority}), TE, Expect.
   */
  readRequest(bytes: Buffer, start: number, end: number, lines: FieldLines, limits: SectionLimits): SectionFault {
    this.#read(REQUEST, bytes, start, end, lines, limits)
    if (this.#fault === 'none' && !this.#isRequest()) this.#fault = 'malformed'
    return this.#fault
  }

  /** As {@link readRequest}, for the head of a response. */
  readResponse(bytes: Buffer, start: number, end: number, lines: FieldLines, limits: SectionLimits): SectionFault {
    this.#read(RESPONSE, bytes, start, end, lines, limits)
    if (this.#fault === 'none' && this.status === 0) this.#fault = 'malformed'
    return this.#fault
  }

  /** As {@link readRequest}, for trailers of either. Fields that the gateway itself reads or writes are not among them, as in HTTP/1.1. */
  readTrailers(bytes: Buffer, start: number, end: number, lines: FieldLines, limits: SectionLimits): SectionFault {
    this.#read(TRAILERS, bytes, start, end, lines, limits)
    const { headers } = lines
    // RFC 9110, 6.5.1: framing, routing, authentication and the like must not come in a trailer, where they would pass by every check.
    for (let i = 0; i < headers.count; i++) if (headers.idAt(i) !== 0) headers.deleteAt(i)
    headers.freeze()
    return this.#fault
  }

  #read(
    kind: typeof REQUEST | typeof RESPONSE | typeof TRAILERS,
    bytes: Buffer,
    start: number,
    end: number,
    lines: FieldLines,
    limits: SectionLimits,
  ): void {
    this.#kind = kind
    this.#lines = lines
    this.#limits = limits
    this.#fault = 'none'
    this.#pseudo = 0
    this.#hasField = false
    this.#host = null
    this.#end = 0
    this.#bytesSeen = 0
    this.#fieldsSeen = 0
    this.#cookieLength = 0
    this.method = ''
    this.scheme = ''
    this.path = ''
    this.authority = ''
    this.status = 0
    this.contentLength = -1
    this.acceptsTrailers = false
    this.expect = ''
    this.proxyAuthorization = ''
    const { headers } = lines
    headers.reset(lines.bytes, 0)
    const isDecoded = this.#decoder.decode(bytes, start, end, this)
    // `onField` may have set it meanwhile.
    if (!isDecoded && (this.#fault as SectionFault) !== 'flood') this.#fault = 'compression'
    if (this.#cookieLength > 0) this.#addCookie(lines)
    headers.end = this.#end
    this.#lines = null
  }

  onField(bytes: Buffer, start: number, nameLength: number, valueLength: number, kind: number): boolean {
    const limits = this.#limits
    this.#bytesSeen += nameLength + valueLength + 4
    this.#fieldsSeen++
    if (this.#bytesSeen > limits.headBytesMax || this.#fieldsSeen > limits.headersMax + 4) {
      this.#fault = 'too large'
      if (this.#bytesSeen <= limits.headBytesMax * FLOOD_FACTOR && this.#fieldsSeen <= limits.headersMax * FLOOD_FACTOR) return true
      this.#fault = 'flood'
      return false
    }
    if (this.#fault !== 'none') return true
    if (kind === PLAIN) this.#addLine(bytes, start, nameLength, valueLength)
    else if (!this.#takeSpecial(bytes, start, nameLength, valueLength, kind)) this.#fault = 'malformed'
    return true
  }

  /** Returns false when the field makes the message malformed. */
  #takeSpecial(bytes: Buffer, start: number, nameLength: number, valueLength: number, kind: number): boolean {
    if (kind === ILLEGAL_NAME || kind >= ILLEGAL_VALUE) return false
    const valueStart = start + nameLength + 2
    const valueEnd = valueStart + valueLength
    if (kind < HOST) return this.#takePseudo(bytes, valueStart, valueEnd, kind)
    // A length or a host in a trailer is an attempt to be read differently by someone further on.
    if (this.#kind === TRAILERS && (kind === HOST || kind === CONTENT_LENGTH)) return false
    switch (kind) {
      case CONTENT_LENGTH:
        // RFC 9110, 8.6: digits only; several, also equal ones, are refused as in HTTP/1.1.
        if (this.contentLength !== -1) return false
        this.contentLength = decimal(bytes, valueStart, valueEnd)
        if (this.contentLength === -1) return false
        break
      case TE:
        if (this.#kind !== REQUEST) return false
        if (bytes.latin1Slice(valueStart, valueEnd).toLowerCase() !== 'trailers') return false
        this.acceptsTrailers = true
        this.#hasField = true
        return true
      case HOST:
        if (this.#kind !== REQUEST) break
        if (this.#host !== null) return false
        this.#host = bytes.latin1Slice(valueStart, valueEnd)
        this.#hasField = true
        return true
      case COOKIE:
        if (this.#kind !== REQUEST) break
        this.#hasField = true
        this.#takeCrumb(bytes, valueStart, valueEnd)
        return true
      case EXPECT:
        if (this.#kind !== REQUEST) break
        this.expect = bytes.latin1Slice(valueStart, valueEnd)
        this.#hasField = true
        return true
      case PROXY_AUTHORIZATION:
        this.#hasField = true
        if (this.#kind === REQUEST) this.#takeProxyAuthorization(bytes.latin1Slice(valueStart, valueEnd))
        return true
      case PROXY_AUTHENTICATE:
        this.#hasField = true
        return true
    }
    this.#addLine(bytes, start, nameLength, valueLength)
    return true
  }

  #takeProxyAuthorization(value: string): void {
    this.proxyAuthorization = this.proxyAuthorization === '' ? value : `${this.proxyAuthorization}, ${value}`
  }

  /** RFC 9113, 8.3: in front of all fields, known, once, and none of them in trailers. That they are not empty is ours. */
  #takePseudo(bytes: Buffer, start: number, end: number, kind: number): boolean {
    if (this.#hasField || end === start || (this.#pseudo & (1 << kind)) !== 0) return false
    if (this.#kind !== (kind === STATUS ? RESPONSE : REQUEST)) return false
    this.#pseudo |= 1 << kind
    if (kind === STATUS) {
      this.status = end - start === 3 ? decimal(bytes, start, end) : -1
      return this.status >= 100 && this.status <= 599
    }
    if (kind === METHOD) this.method = textOf(bytes, start, end, METHODS)
    else if (kind === SCHEME) this.scheme = textOf(bytes, start, end, SCHEMES)
    else if (kind === AUTHORITY) this.authority = bytes.latin1Slice(start, end)
    else if (kind === PATH) this.path = bytes.latin1Slice(start, end)
    return true
  }

  /** RFC 9113, 8.3.1 and 8.5: what a request must have. */
  #isRequest(): boolean {
    const pseudo = this.#pseudo
    const host = this.#host
    if (this.method === 'CONNECT') {
      // Without extended CONNECT (RFC 8441), which we do not offer, there is neither scheme nor path.
      return pseudo === ((1 << METHOD) | (1 << AUTHORITY))
    }
    const needed = (1 << METHOD) | (1 << SCHEME) | (1 << PATH)
    if ((pseudo & needed) !== needed) return false
    // Two names for whom the request is for would be read differently by whoever looks at the other one.
    if (this.authority === '') this.authority = host ?? ''
    else if (host !== null && host !== this.authority && host.toLowerCase() !== this.authority.toLowerCase()) return false
    return this.authority !== ''
  }

  /** RFC 9113, 8.2.3: crumbs are put together before anybody sees them who knows one Cookie field only. */
  #takeCrumb(bytes: Buffer, start: number, end: number): void {
    // An empty one would leave a blank at the end of the value, for which others refuse the message (8.2.1).
    if (end === start) return
    const length = this.#cookieLength + end - start + 2
    if (cookie.length < length) {
      const larger = Buffer.allocUnsafeSlow(length * 2)
      cookie.copy(larger, 0, 0, this.#cookieLength)
      cookie = larger
    }
    if (this.#cookieLength > 0) {
      cookie[this.#cookieLength++] = 0x3b
      cookie[this.#cookieLength++] = 0x20
    }
    this.#cookieLength += bytes.copy(cookie, this.#cookieLength, start, end)
  }

  #addCookie(lines: FieldLines): void {
    const length = this.#cookieLength
    const at = this.#end
    this.#reserve(lines, length + COOKIE_NAME.length + 4)
    COOKIE_NAME.copy(lines.bytes, at)
    const valueStart = at + COOKIE_NAME.length + 2
    lines.bytes[valueStart - 2] = 0x3a
    lines.bytes[valueStart - 1] = 0x20
    cookie.copy(lines.bytes, valueStart, 0, length)
    lines.bytes[valueStart + length] = 0x0d
    lines.bytes[valueStart + length + 1] = 0x0a
    lines.headers.addParsed(at, at + COOKIE_NAME.length, valueStart, valueStart + length)
    this.#end = valueStart + length + 2
  }

  #addLine(bytes: Buffer, start: number, nameLength: number, valueLength: number): void {
    const lines = this.#lines
    if (lines === null) return
    this.#hasField = true
    const length = nameLength + valueLength + 4
    const at = this.#end
    this.#reserve(lines, length)
    const target = lines.bytes
    // A call into the runtime costs more than these turns.
    if (length > 40) bytes.copy(target, at, start, start + length)
    else for (let i = 0; i < length; i++) target[at + i] = bytes[start + i] as number
    const nameEnd = at + nameLength
    lines.headers.addParsed(at, nameEnd, nameEnd + 2, nameEnd + 2 + valueLength)
    this.#end = at + length
  }

  #reserve(lines: FieldLines, length: number): void {
    const needed = this.#end + length
    if (needed <= lines.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(needed * 2)
    lines.bytes.copy(larger, 0, 0, this.#end)
    lines.bytes = larger
    lines.headers.rebase(larger, 0)
  }
}

const COOKIE_NAME = Buffer.from('cookie')
const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']
const SCHEMES = ['https', 'http']

/** The text at `bytes[start..end)`, one of `common` where it is, so that no string is made for each message. */
function textOf(bytes: Buffer, start: number, end: number, common: readonly string[]): string {
  for (const text of common) {
    if (text.length !== end - start) continue
    let i = 0
    while (i < text.length && bytes[start + i] === text.charCodeAt(i)) i++
    if (i === text.length) return text
  }
  return bytes.latin1Slice(start, end)
}

/** A decimal number of at most 15 digits, which stays exact in a double, or -1. */
function decimal(bytes: Buffer, start: number, end: number): number {
  if (end === start || end - start > 15) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
