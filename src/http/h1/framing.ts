import type { ErrorCode } from '../../core/errors.ts'
import type { RequestHead } from '../../core/exchange.ts'
import {
  ID_CONNECTION,
  ID_CONTENT_LENGTH,
  ID_EXPECT,
  ID_HOST,
  ID_KEEP_ALIVE,
  ID_PROXY_AUTHENTICATE,
  ID_PROXY_AUTHORIZATION,
  ID_PROXY_CONNECTION,
  ID_TE,
  ID_TRANSFER_ENCODING,
  ID_UPGRADE,
} from '../../core/header-names.ts'
import type { Headers } from '../../core/headers.ts'

const HTAB = 0x09
const CR = 0x0d
const SP = 0x20

/** How a message's body is delimited (RFC 9112, 6). */
export type BodyFraming = 'none' | 'length' | 'chunked' | 'close'

/** What the fields of a head say about the message and the connection. One per connection, filled anew for each message. */
export class Framing {
  body: BodyFraming = 'none'
  /** Bytes of the body when it is delimited by length, else 0. */
  contentLength = 0
  /** Whether the connection may carry another message. */
  keepAlive = true
  /** Seconds of `Keep-Alive: timeout=`, 0 when the peer did not say. */
  keepAliveSeconds = 0
  /** The value of `Upgrade` when `Connection` names it, else empty. */
  upgrade = ''
}

/**
 * Decides the framing of a request, and takes out of `head.headers` what belongs to this connection only (RFC 9110, 7.6.1).
 * @returns the code to refuse it with, or null.
 */
export function frameRequest(head: RequestHead, framing: Framing): ErrorCode | null {
  const { headers } = head
  resetFraming(framing, head.minorVersion)
  head.acceptsTrailers = false
  head.proxyAuthorization = ''
  let hosts = 0
  let chunked = false
  let length = -1
  let connectionFields = 0
  let upgradeIndex = -1
  for (let i = 0; i < headers.count; i++) {
    switch (headers.idAt(i)) {
      case ID_HOST:
        // RFC 9112, 3.2: more than one Host is 400.
        if (++hosts > 1) return 'request_malformed'
        head.authority = headers.bytes.latin1Slice(headers.valueStartAt(i), headers.valueEndAt(i))
        break
      case ID_CONTENT_LENGTH:
        // RFC 9112, 6.3 (5): several lengths, also equal ones, are refused; we forward nothing that could be read in two ways.
        if (length !== -1) return 'request_framing_invalid'
        length = decimalAt(headers, i)
        if (length === -1) return 'request_framing_invalid'
        break
      case ID_TRANSFER_ENCODING:
        // RFC 9112, 6.1: `chunked` once and alone; from HTTP/1.0 it is a faulty message.
        if (chunked || head.minorVersion === 0 || !isChunked(headers, i)) return 'request_framing_invalid'
        chunked = true
        headers.deleteAt(i)
        break
      case ID_CONNECTION:
        connectionFields++
        break
      case ID_UPGRADE:
        upgradeIndex = i
        break
      case ID_EXPECT:
        // RFC 9110, 10.1.1: the only expectation there is; HTTP/1.0 has none.
        if (!valueIs(headers, i, '100-continue')) return 'expectation_not_supported'
        if (head.minorVersion === 1) head.expectsContinue = true
        headers.deleteAt(i)
        break
      case ID_TE:
        if (valueIs(headers, i, 'trailers')) head.acceptsTrailers = true
        headers.deleteAt(i)
        break
      case ID_KEEP_ALIVE:
      case ID_PROXY_CONNECTION:
        headers.deleteAt(i)
        break
      case ID_PROXY_AUTHORIZATION:
        head.proxyAuthorization = joinFields(
          head.proxyAuthorization,
          headers.bytes.latin1Slice(headers.valueStartAt(i), headers.valueEndAt(i)),
        )
        headers.deleteAt(i)
        break
    }
  }
  // RFC 9112, 6.1: both together is the classic of request smuggling.
  if (chunked && length !== -1) return 'request_framing_invalid'
  // RFC 9112, 3.2: HTTP/1.1 needs a Host, also an empty one.
  if (hosts === 0 && head.minorVersion === 1) return 'request_malformed'
  if (connectionFields > 0 && !readConnection(headers, framing)) return 'request_malformed'
  takeUpgrade(headers, upgradeIndex, framing, head.minorVersion)
  if (chunked) {
    framing.body = 'chunked'
  } else if (length > 0) {
    framing.body = 'length'
    framing.contentLength = length
  }
  if (framing.body === 'none') head.expectsContinue = false
  return null
}

function joinFields(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`
}

/**
 * Decides the framing of a response (RFC 9112, 6.3), and takes out of its headers what belongs to that connection only.
 * @returns false when it is to be refused.
 */
export function frameResponse(headers: Headers, status: number, minorVersion: number, requestMethod: string, framing: Framing): boolean {
  resetFraming(framing, minorVersion)
  let chunked = false
  let length = -1
  let connectionFields = 0
  let upgradeIndex = -1
  for (let i = 0; i < headers.count; i++) {
    switch (headers.idAt(i)) {
      case ID_CONTENT_LENGTH:
        if (length !== -1) return false
        length = decimalAt(headers, i)
        if (length === -1) return false
        // RFC 9110, 8.6: not in a 1xx or 204; a peer that reads it would wait for a body.
        if (status < 200 || status === 204) headers.deleteAt(i)
        break
      case ID_TRANSFER_ENCODING:
        if (chunked || minorVersion === 0 || !isChunked(headers, i)) return false
        chunked = true
        headers.deleteAt(i)
        break
      case ID_CONNECTION:
        connectionFields++
        break
      case ID_UPGRADE:
        upgradeIndex = i
        break
      case ID_KEEP_ALIVE:
        framing.keepAliveSeconds = keepAliveTimeout(headers, i)
        headers.deleteAt(i)
        break
      case ID_TE:
      case ID_PROXY_CONNECTION:
      case ID_PROXY_AUTHENTICATE:
        headers.deleteAt(i)
        break
    }
  }
  if (chunked && length !== -1) return false
  // RFC 9112, 6.3 (1): a 1xx has no body. One that states a body is read in two ways (llhttp waits for it after all but a few).
  if (status < 200 && (chunked || length > 0)) return false
  if (connectionFields > 0 && !readConnection(headers, framing)) return false
  takeUpgrade(headers, upgradeIndex, framing, minorVersion)
  // RFC 9112, 6.3 (1): these have no body, whatever their fields say.
  if (requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304) {
    framing.body = 'none'
  } else if (chunked) {
    framing.body = 'chunked'
  } else if (length !== -1) {
    framing.body = length === 0 ? 'none' : 'length'
    framing.contentLength = length
  } else {
    framing.body = 'close'
    framing.keepAlive = false
  }
  return true
}

function resetFraming(framing: Framing, minorVersion: number): void {
  framing.body = 'none'
  framing.contentLength = 0
  framing.keepAlive = minorVersion === 1
  framing.keepAliveSeconds = 0
  framing.upgrade = ''
}

/**
 * Reads the Connection fields and removes them with the fields they name (RFC 9110, 7.6.1).
 * @returns false when they name a field that is never the connection's own: removing it would change the message.
 */
function readConnection(headers: Headers, framing: Framing): boolean {
  for (let i = 0; i < headers.count; i++) {
    if (headers.idAt(i) !== ID_CONNECTION) continue
    // Most connections say just this.
    if (valueIs(headers, i, 'keep-alive')) {
      framing.keepAlive = true
    } else if (valueIs(headers, i, 'close')) {
      framing.keepAlive = false
      headers.deleteAt(i)
      return closeWins(headers, framing)
    } else {
      const options = headers.bytes.latin1Slice(headers.valueStartAt(i), headers.valueEndAt(i)).toLowerCase().split(',')
      let closes = false
      for (const raw of options) {
        const option = trimSpace(raw)
        if (option === 'close') closes = true
        else if (option === 'keep-alive') framing.keepAlive = true
        else if (option === 'upgrade') framing.upgrade = 'asked'
        else if (option === 'host' || option === 'content-length' || option === 'transfer-encoding') return false
        else if (option !== '') headers.deleteReceived(option)
      }
      if (closes) {
        framing.keepAlive = false
        headers.deleteAt(i)
        return closeWins(headers, framing)
      }
    }
    headers.deleteAt(i)
  }
  return true
}

/** Without spaces and tabs at both ends. `trim` would take a byte 0xa0 as well, which is part of a name to everyone else. */
function trimSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isSpace(unit: number): boolean {
  return unit === SP || unit === HTAB
}

/** A `close` anywhere decides (RFC 9112, 9.3); the other Connection fields still have to be read and removed. */
function closeWins(headers: Headers, framing: Framing): boolean {
  const sane = readConnection(headers, framing)
  framing.keepAlive = false
  return sane
}

/**
 * Takes the Upgrade field out, and keeps its value when Connection asked for it. RFC 9110, 7.8: HTTP/1.0 has no upgrade.
 * @param index of the field; -1 when there is none, and then `Connection: upgrade` alone asks for nothing.
 */
function takeUpgrade(headers: Headers, index: number, framing: Framing, minorVersion: number): void {
  const asked = framing.upgrade !== '' && minorVersion === 1
  framing.upgrade = ''
  if (index === -1) return
  if (asked && headers.idAt(index) !== -1) {
    framing.upgrade = headers.bytes.latin1Slice(headers.valueStartAt(index), headers.valueEndAt(index)).toLowerCase()
  }
  headers.delete('Upgrade')
}

/** The decimal number of a field's value, or -1. RFC 9110, 8.6: digits only; 15 of them stay exact in a double. */
function decimalAt(headers: Headers, index: number): number {
  const start = headers.valueStartAt(index)
  const end = headers.valueEndAt(index)
  if (end === start || end - start > 15) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (headers.bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

/** Whether a field's value is `lower`, letters in either case. */
function valueIs(headers: Headers, index: number, lower: string): boolean {
  const start = headers.valueStartAt(index)
  if (headers.valueEndAt(index) - start !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const byte = headers.bytes[start + i] as number
    const folded = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (folded !== lower.charCodeAt(i)) return false
  }
  return true
}

/**
 * Whether a Transfer-Encoding is `chunked` and nothing else. RFC 9110, 5.5 lets a tab follow; with one, llhttp does not see the coding, and
 * what is read in two ways is refused.
 */
function isChunked(headers: Headers, index: number): boolean {
  if (!valueIs(headers, index, 'chunked')) return false
  let at = headers.valueEndAt(index)
  while (headers.bytes[at] === SP) at++
  return headers.bytes[at] === CR
}

/** The seconds of `timeout=` in a Keep-Alive field, 0 when there are none. */
function keepAliveTimeout(headers: Headers, index: number): number {
  const value = headers.bytes.latin1Slice(headers.valueStartAt(index), headers.valueEndAt(index))
  const match = /(?:^|,)[ \t]*timeout=([0-9]{1,6})/i.exec(value)
  return match === null ? 0 : Number(match[1])
}
