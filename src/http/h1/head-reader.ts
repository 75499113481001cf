import type { ErrorCode } from '../../core/errors.ts'
import type { RequestHead } from '../../core/exchange.ts'
import type { Limits } from '../../core/limits.ts'
import { Framing, frameRequest } from './framing.ts'
import {
  HEAD_TOO_LARGE,
  METHOD_TOO_LONG,
  INCOMPLETE as PARSE_INCOMPLETE,
  parseRequestHead,
  RequestLine,
  scanForHeadEnd,
  TARGET_TOO_LONG,
  VERSION_NOT_SUPPORTED,
} from './parser.ts'
import { methodAt, readTarget } from './request-target.ts'

const FIRST_BYTES = 1024

/**
 * Reads request heads into one {@link RequestHead}. The head's bytes are kept until the next one, because the exchange refers to them;
 * and because most clients send the same head again and again, the next one is first compared with it: then there is nothing to parse.
 */
export class HeadReader {
  /** Returned by {@link read} when all bytes were taken and more are needed. */
  static readonly INCOMPLETE = -1
  readonly framing = new Framing()
  fault: ErrorCode | null = null
  readonly #head: RequestHead
  readonly #line = new RequestLine()
  #bytes: Buffer = Buffer.alloc(0)
  /** Bytes of a head that is not yet whole. */
  #partial = 0
  /** Bytes of the last whole head, when the next may be compared with it; else 0. */
  #last = 0

  constructor(head: RequestHead) {
    this.#head = head
  }

  /** Whether no byte of a next head has come. */
  get isEmpty(): boolean {
    return this.#partial === 0
  }

  /**
   * Reads from `bytes[start..end)`.
   * @returns the offset behind the head, or INCOMPLETE. With {@link fault} set the rest is not to be read.
   */
  read(bytes: Buffer, start: number, end: number, limits: Limits): number {
    this.fault = null
    if (this.#partial > 0) return this.#readMore(bytes, start, end, limits)
    const last = this.#last
    if (last > 0 && end - start >= last && this.#bytes.compare(bytes, start, start + last, 0, last) === 0) {
      this.#head.headers.clearEdits()
      return start + last
    }
    this.#last = 0
    this.#head.logMemo = null
    this.#head.authMemo = null
    const result = parseRequestHead(bytes, start, end, limits, this.#line, this.#head.headers)
    if (result === PARSE_INCOMPLETE) return this.#keep(bytes, start, end, start, limits)
    if (result < 0) return this.#refuse(result, bytes, end)
    this.#reserve(result - start)
    bytes.copy(this.#bytes, 0, start, result)
    this.#head.headers.rebase(this.#bytes, -start)
    this.#take(bytes, result - start)
    return result
  }

  /** The first part has been kept: looks at the new bytes only, until the head may be whole. */
  #readMore(bytes: Buffer, start: number, end: number, limits: Limits): number {
    this.#head.logMemo = null
    this.#head.authMemo = null
    const before = this.#partial
    const taken = Math.min(end, start + limits.headBytesMax + 4 - before)
    this.#append(bytes, start, taken)
    const state = scanForHeadEnd(this.#bytes, 0, before, this.#partial)
    if (state === PARSE_INCOMPLETE) {
      if (this.#partial > limits.headBytesMax) return this.#refuse(this.#tooLarge(limits), this.#bytes, end)
      return HeadReader.INCOMPLETE
    }
    const result = parseRequestHead(this.#bytes, 0, this.#partial, limits, this.#line, this.#head.headers)
    if (result === PARSE_INCOMPLETE) return state < 0 ? this.#refuse(state, this.#bytes, end) : HeadReader.INCOMPLETE
    if (result < 0) return this.#refuse(result, this.#bytes, end)
    const offset = start + result - before
    this.#partial = 0
    this.#take(this.#bytes, result)
    return offset
  }

  #keep(bytes: Buffer, start: number, end: number, from: number, limits: Limits): number {
    if (end - start > limits.headBytesMax) return this.#refuse(HEAD_TOO_LARGE, bytes, end)
    this.#append(bytes, from, end)
    // The parser stops where it cannot go on; a line break that is refused may lie in what it has not judged yet.
    if (scanForHeadEnd(this.#bytes, 0, 0, this.#partial) < 0) return this.#refuse(-1, this.#bytes, end)
    return HeadReader.INCOMPLETE
  }

  /** `read` has a whole, well-formed head of `length` bytes in `#bytes`: makes the request of it. `line` is relative to `source`. */
  #take(source: Buffer, length: number): void {
    const head = this.#head
    const line = this.#line
    head.method = methodAt(source, line.methodStart, line.methodEnd)
    head.target = source.latin1Slice(line.targetStart, line.targetEnd)
    head.minorVersion = line.minorVersion
    head.authority = ''
    // One that is refused must not stand in the log under what the request before it asked for.
    head.path = ''
    head.query = ''
    head.host = ''
    head.expectsContinue = false
    head.serial++
    this.fault = frameRequest(head, this.framing) ?? readTarget(head)
    head.upgrade = this.framing.body === 'none' ? this.framing.upgrade : ''
    head.headers.freeze()
    if (this.fault === null && !head.expectsContinue) this.#last = length
  }

  #refuse(fault: number, source: Buffer, end: number): number {
    this.fault = codeOf(fault)
    this.#partial = 0
    this.#describe(source, end)
    return end
  }

  /** What is known of a request that is refused, for the log: its method, if that much was sense. */
  #describe(source: Buffer, end: number): void {
    const head = this.#head
    const line = this.#line
    head.headers.reset(this.#bytes, 0)
    head.logMemo = null
    head.authMemo = null
    head.method = line.methodEnd > line.methodStart && line.methodEnd <= end ? methodAt(source, line.methodStart, line.methodEnd) : ''
    head.target = ''
    head.path = ''
    head.query = ''
    head.host = ''
    head.authority = ''
    head.minorVersion = 1
    head.expectsContinue = false
    head.upgrade = ''
    this.framing.body = 'none'
    this.framing.contentLength = 0
    this.framing.keepAlive = false
  }

  /** As {@link #describe}, for a head that never became whole. */
  describePartial(): void {
    this.#partial = 0
    this.#describe(this.#bytes, 0)
  }

  /** Which limit a head broke that is still not whole: what the parser says of it, or else that of the head. */
  #tooLarge(limits: Limits): number {
    const result = parseRequestHead(this.#bytes, 0, this.#partial, limits, this.#line, this.#head.headers)
    return result < 0 ? result : HEAD_TOO_LARGE
  }

  #append(bytes: Buffer, start: number, end: number): void {
    this.#reserve(this.#partial + end - start)
    bytes.copy(this.#bytes, this.#partial, start, end)
    this.#partial += end - start
  }

  #reserve(length: number): void {
    if (this.#bytes.length >= length) return
    let size = Math.max(FIRST_BYTES, this.#bytes.length)
    while (size < length) size *= 2
    const larger = Buffer.allocUnsafeSlow(size)
    this.#bytes.copy(larger, 0, 0, this.#partial)
    this.#bytes = larger
  }
}

function codeOf(fault: number): ErrorCode {
  if (fault === TARGET_TOO_LONG) return 'request_target_too_long'
  if (fault === HEAD_TOO_LARGE) return 'request_head_too_large'
  if (fault === VERSION_NOT_SUPPORTED) return 'http_version_not_supported'
  if (fault === METHOD_TOO_LONG) return 'method_not_supported'
  return 'request_malformed'
}
