import type { ErrorCode } from '../../core/errors.ts'
import type { RequestHead } from '../../core/exchange.ts'
import type { Limits } from '../../core/limits.ts'
import { readTarget } from '../h1/request-target.ts'
import { FieldLines, type FieldSectionReader } from './field-section.ts'
import type { HpackDecoder } from './hpack-decoder.ts'

/** As in HTTP/1.1: a method longer than any that is implemented is 501. */
const METHOD_BYTES_MAX = 32
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/**
 * What may stand in a path: the same as in a target of HTTP/1.1, which it may become. Other characters servers read differently, a blank or a
 * line break would end the request line, and a fragment never belongs here (RFC 9113, 8.3.1).
 */
const PATH = /^[!$-;=?-[\]_a-z~]+$/
/** Longer blocks are not remembered: what is in the client's table is short. */
const MEMO_BYTES_MAX = 512

/** Why a connection cannot go on. */
export type ConnectionFault = 'compression' | 'flood'

/**
 * Reads request heads into one {@link RequestHead}, whose fields lie in bytes of its own. Most clients send the same head again and again: once
 * it is in the table, its block is the same too, and as long as the table has not changed, so is its meaning. Then there is nothing to decode.
 */
export class RequestReader {
  /** Why the request is refused; null when it is not. */
  fault: ErrorCode | null = null
  /** Whether the request is malformed (RFC 9113, 8.1.1): its stream ends with an error, whatever it was answered. */
  isMalformed = false
  /** Of Content-Length; -1 for none. */
  contentLength = -1
  readonly #head: RequestHead
  readonly #lines: FieldLines
  /** The last block, when the next one may be compared with it, and the state of the table in which it was read. */
  #memo: Buffer | null = null
  #memoLength = 0
  #memoChanges = 0

  constructor(head: RequestHead) {
    this.#head = head
    this.#lines = new FieldLines(head.headers)
  }

  /** Reads a whole block. Returns why the connection cannot go on, or null; {@link fault} tells about the request then. */
  read(
    block: Buffer,
    start: number,
    end: number,
    section: FieldSectionReader,
    decoder: HpackDecoder,
    limits: Limits,
  ): ConnectionFault | null {
    const length = end - start
    const { table } = decoder
    if (this.#memo !== null && length === this.#memoLength && table.changes === this.#memoChanges) {
      if (this.#memo.compare(block, start, end, 0, length) === 0) {
        this.#head.headers.clearEdits()
        return null
      }
    }
    this.#memoLength = -1
    const before = table.changes
    const fault = section.readRequest(block, start, end, this.#lines, limits)
    if (fault === 'compression' || fault === 'flood') return fault
    this.isMalformed = fault === 'malformed'
    this.contentLength = section.contentLength
    this.#take(section, fault === 'too large' ? 'request_head_too_large' : fault === 'malformed' ? 'request_malformed' : null, limits)
    if (this.fault === null && !this.#head.expectsContinue && table.changes === before) this.#remember(block, start, end, before)
    return null
  }

  #remember(block: Buffer, start: number, end: number, changes: number): void {
    const length = end - start
    if (length > MEMO_BYTES_MAX) return
    if (this.#memo === null || this.#memo.length < length) this.#memo = Buffer.allocUnsafeSlow(Math.max(64, length * 2))
    block.copy(this.#memo, 0, start, end)
    this.#memoLength = length
    this.#memoChanges = changes
  }

  #take(section: FieldSectionReader, fault: ErrorCode | null, limits: Limits): void {
    const head = this.#head
    head.serial++
    head.logMemo = null
    head.authMemo = null
    head.majorVersion = 2
    head.minorVersion = 0
    head.upgrade = ''
    // One that is refused must not stand in the log under what the request before it asked for.
    head.path = ''
    head.query = ''
    head.host = ''
    head.expectsContinue = false
    head.acceptsTrailers = section.acceptsTrailers
    head.proxyAuthorization = section.proxyAuthorization
    const isBelieved = fault === null
    head.method = isBelieved && TOKEN.test(section.method) ? section.method : ''
    head.target = isBelieved ? (section.method === 'CONNECT' ? section.authority : section.path) : ''
    head.authority = isBelieved ? section.authority : ''
    this.fault = fault ?? this.#judge(section, limits)
    if (this.fault === null) head.expectsContinue = section.expect !== ''
    else if (!isBelieved) head.headers.reset(this.#lines.bytes, 0)
    head.headers.freeze()
  }

  /** What a well-formed section may still be refused for, as in HTTP/1.1. */
  #judge(section: FieldSectionReader, limits: Limits): ErrorCode | null {
    const head = this.#head
    if (section.method.length > METHOD_BYTES_MAX) return 'method_not_supported'
    if (head.method === '') return this.#malformed()
    if (head.method === 'CONNECT') return 'method_not_supported'
    // Of the schemes that exist, only these two lead to us (RFC 9113, 8.3.1). Behind a proxy that ends TLS it may be another than our port's.
    if (section.scheme !== 'http' && section.scheme !== 'https') return this.#malformed()
    if (section.path.length > limits.uriBytesMax) return 'request_target_too_long'
    if (!isPath(section.path, head.method)) return this.#malformed()
    if (section.expect !== '' && section.expect.toLowerCase() !== '100-continue') return 'expectation_not_supported'
    return readTarget(head)
  }

  #malformed(): ErrorCode {
    this.isMalformed = true
    return 'request_malformed'
  }
}

/** RFC 9113, 8.3.1: an absolute path, or `*` for OPTIONS. The absolute form of HTTP/1.1 is no path. */
function isPath(path: string, method: string): boolean {
  if (path === '*') return method === 'OPTIONS'
  return path.charCodeAt(0) === 0x2f && PATH.test(path)
}
