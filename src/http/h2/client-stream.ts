import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { type ErrorCode, GatewayError, type RetryAnswer } from '../../core/errors.ts'
import { Headers } from '../../core/headers.ts'
import type { UpstreamRequest } from '../h1/request-head.ts'
import type { UpstreamHandler } from '../h1/upstream-handler.ts'
import type { UpstreamConnection } from '../upstream-connection.ts'
import { ClientBody } from './client-body.ts'
import type { ClientSession } from './client-session.ts'
import { FieldLines } from './field-section.ts'
import { ReceiveWindow } from './flow-control.ts'
import { CANCEL, ENHANCE_YOUR_CALM, errorName, FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM } from './frames.ts'
import { HeldBytes } from './held-bytes.ts'

const IDLE = 0
const HEAD = 1
const BODY = 2
/** All has come, and the session knows the stream no more; the reader has yet to take it. */
const ENDED = 3
const CLOSED = 4

/** As in HTTP/1.1: more 1xx responses than this for one request are an attempt to keep us busy. */
const INFORMATIONAL_MAX = 32

/** Bytes of a response that a service may send ahead of who reads it: what one slow client makes us hold at most. */
export const STREAM_WINDOW = 128 * 1024

/** One request and its response on an HTTP/2 connection to a service. Used again for another once both have ended as they should. */
export class ClientStream implements UpstreamConnection {
  /** 0 until the request is sent. */
  id = 0
  readonly requestBody: ClientBody
  requestsServed = 0
  readonly mayRefuse = true
  /** Something has come in the read that is under way. */
  isTouched = false
  readonly lines = new FieldLines(new Headers())
  readonly #session: ClientSession
  #state = IDLE
  #handler: UpstreamHandler | null = null
  #method = ''
  #informational = 0
  /** Bytes of the body that Content-Length states and that have not come; -1 where it states nothing, or is not about what comes. */
  #remaining = -1
  #isBodiless = false
  readonly #window = new ReceiveWindow(STREAM_WINDOW)
  /** What the reader took when it asked for a pause: the service may send as much again only when the reader goes on. */
  #owed = 0
  #isPaused = false
  /** What came while the reader was paused. */
  readonly #held = new HeldBytes()
  #trailers: Headers | null = null
  /** Request and response have ended as they should, and nobody has taken the stream back or kept it out of use yet. */
  #isReusable = false
  #isDetained = false
  /** What the session had read when the request was sent. */
  #sentAtRead = 0
  readonly #deliver = (): void => this.#deliverHeld()

  constructor(session: ClientSession) {
    this.#session = session
    this.requestBody = new ClientBody(this, session)
  }

  /** Takes the stream into use. */
  assign(handler: UpstreamHandler, requestsServed: number): void {
    this.id = 0
    this.#handler = handler
    this.#state = IDLE
    this.requestsServed = requestsServed
    this.#informational = 0
    this.#remaining = -1
    this.#isBodiless = false
    this.#window.reset()
    this.#owed = 0
    this.#isPaused = false
    this.#trailers = null
  }

  get idle(): boolean {
    return this.#state === IDLE
  }

  /** Nothing more is sent on it. */
  get isClosed(): boolean {
    return this.#state >= ENDED
  }

  get stalled(): boolean {
    return this.requestBody.stalled
  }

  send(request: UpstreamRequest): void {
    if (this.#state !== IDLE) return
    this.#state = HEAD
    this.#method = request.method
    this.#sentAtRead = this.#session.bytesRead
    this.id = this.#session.send(this, request)
    this.requestBody.begin(request.bodyLength, this.#session.peer.initialWindowSize)
  }

  // --- the response, as the session reads it

  /** A head has come, and is in {@link lines}. @param contentLength -1 for none */
  onHead(status: number, contentLength: number, isEnd: boolean): void {
    const handler = this.#handler
    if (handler === null) return
    const { headers } = this.lines
    if (status < 200) {
      if (status === 101 || isEnd || contentLength > 0) return this.#malformed('an informational response that is none')
      if (++this.#informational > INFORMATIONAL_MAX) return this.#malformed('too many informational responses', ENHANCE_YOUR_CALM)
      if (contentLength === 0) headers.delete('Content-Length')
      headers.freeze()
      handler.onInformational(status, headers)
      return
    }
    // RFC 9110, 6.4.1: these have no body, whatever their fields say.
    this.#isBodiless = this.#method === 'HEAD' || status === 204 || status === 304
    if (isEnd && contentLength > 0 && !this.#isBodiless) return this.#malformed('a body without what Content-Length states')
    // RFC 9110, 8.6: not in a 204; a peer that reads it would wait for a body.
    if (status === 204) headers.delete('Content-Length')
    headers.freeze()
    this.#state = BODY
    this.#remaining = this.#isBodiless ? 0 : contentLength
    handler.onHead(status, headers, this.#lengthOf(contentLength, isEnd))
    if (isEnd && this.#state === BODY) this.#end(null)
  }

  #lengthOf(contentLength: number, isEnd: boolean): number {
    // As in HTTP/1.1: an answer to HEAD that states no length has one that nobody knows, and not 0.
    if (this.#method === 'HEAD' && contentLength === -1) return LENGTH_UNKNOWN
    if (this.#isBodiless || isEnd) return 0
    return contentLength === -1 ? LENGTH_UNKNOWN : contentLength
  }

  /** A HEADERS frame behind the final head has come; what it holds are trailers. */
  get awaitsTrailers(): boolean {
    return this.#state === BODY
  }

  /** A DATA frame has begun. @param length of it, padding included. @returns whether the service may send so much */
  onDataFrame(length: number): boolean {
    if (this.#window.take(length)) return true
    this.reset(FLOW_CONTROL_ERROR, 'more than its window allows')
    return false
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const handler = this.#handler
    if (handler === null) return
    if (this.#state === HEAD) return this.#malformed('a body without a head')
    const size = end - start
    if (this.#remaining !== -1) {
      if (size > this.#remaining) return this.#malformed('more than Content-Length states')
      this.#remaining -= size
    }
    if (this.#isPaused || !this.#held.isEmpty) this.#held.push(bytes, start, end)
    else this.#give(handler, bytes, start, end)
  }

  #give(handler: UpstreamHandler, bytes: Buffer, start: number, end: number): void {
    if (!handler.onData(bytes, start, end)) this.#isPaused = true
    this.credit(end - start)
  }

  /** So much is taken, or was padding: the service may send as much again, once the reader goes on. */
  credit(size: number): void {
    this.#owed += size
    if (this.#isPaused || this.#state !== BODY) return
    const increment = this.#window.giveBack(this.#owed)
    this.#owed = 0
    if (increment > 0) this.#session.writeWindowUpdate(this.id, increment)
  }

  /** The service has ended the stream. @param trailers the caller's, valid during the call only */
  onEndStream(trailers: Headers | null): void {
    if (this.#state === HEAD) return this.#malformed('an end without a head')
    if (this.#remaining > 0) return this.#malformed('less than Content-Length states')
    if (this.#held.isEmpty) return this.#end(trailers)
    this.#leave()
    this.#trailers = trailers?.clone() ?? null
  }

  /** The response is whole. */
  #end(trailers: Headers | null): void {
    const handler = this.#handler
    this.#handler = null
    if (this.#state !== ENDED) this.#leave()
    this.#state = CLOSED
    this.#isReusable = this.requestBody.done
    handler?.onEnd(trailers)
    // The handler may have detained it, and given it back already.
    if (this.#isReusable) this.#release()
  }

  /** Once for each response: one stream in the hands of two would mix their messages. */
  #release(): void {
    this.#isReusable = false
    this.#session.reuse(this)
  }

  /** Nothing more comes. What is left of the request is of no use to a service that has answered it (RFC 9113, 8.1). */
  #leave(): void {
    this.#state = ENDED
    this.requestBody.drop()
    this.#session.requestsServed++
    this.#session.onStreamClosed(this, this.requestBody.done ? NO_ERROR : CANCEL)
  }

  flush(): void {
    this.isTouched = false
    this.#handler?.flush()
  }

  onWritable(): void {
    this.#handler?.onWritable()
  }

  // --- its ends

  /** RFC 9113, 8.1.1. Garbage in place of a head has reached nobody: another target may do better. */
  #malformed(detail: string, code = PROTOCOL_ERROR): void {
    const isHead = this.#close(code)
    this.#failWith(isHead ? 'upstream_response_malformed' : 'upstream_body_aborted', detail, isHead ? 'safe' : 'never')
  }

  /** The response cannot be taken. @param code for the service */
  reset(code: number, detail: string): void {
    this.#malformed(detail, code)
  }

  onHeadTooLarge(): void {
    this.#close(CANCEL)
    this.#failWith('upstream_head_too_large', 'the response head is too large', 'never')
  }

  /** The service has given the stream up. */
  onReset(code: number): void {
    if (code === REFUSED_STREAM && this.#state === HEAD) return this.refuse(`the request was refused (${errorName(code)})`, false)
    this.lose(`the stream was reset (${errorName(code)})`)
  }

  /** The service has not looked at the request (RFC 9113, 8.7). @param isConnectionOver whether the connection takes no more at all */
  refuse(detail: string, isConnectionOver: boolean): void {
    // One that refuses a request and lives did not die of age: the next try has to wait as after any failure.
    if (!isConnectionOver) this.requestsServed = 0
    this.#close(NO_ERROR)
    this.#failWith('upstream_reset_before_headers', detail, 'if-unsent')
  }

  /** The stream is gone, with its connection or without. */
  lose(detail: string, code: ErrorCode = 'upstream_reset_before_headers'): void {
    // An unused connection that dies of age does so without a word. This one was alive when it had the request: that is a failure as any other.
    if (this.#session.bytesRead !== this.#sentAtRead) this.requestsServed = 0
    if (this.#close(NO_ERROR)) this.#failWith(code, detail, 'safe')
    else this.#failWith('upstream_body_aborted', detail, 'never')
  }

  #failWith(code: ErrorCode, detail: string, retry: RetryAnswer): void {
    const handler = this.#handler
    this.#handler = null
    handler?.onFailed(new GatewayError(code, `${this.#session.label}: ${detail}`, 'upstream', retry))
  }

  /** @param code for the service; NO_ERROR when it need not be told. @returns whether no final head had come */
  #close(code: number): boolean {
    const state = this.#state
    this.#state = CLOSED
    this.#held.clear()
    this.requestBody.drop()
    if (state < ENDED) this.#session.onStreamClosed(this, code)
    return state < BODY
  }

  /** Gives the request up: the service is told. One that has said nothing at all since then may be gone without a word. */
  abort(): void {
    if (this.#state === CLOSED) return
    const isSilent = this.#state === HEAD && this.#sentAtRead === this.#session.bytesRead
    this.#handler = null
    this.#close(this.id === 0 ? NO_ERROR : CANCEL)
    if (isSilent) this.#session.probe()
  }

  /** A stream costs its connection nothing: there is no rest to read. */
  discard(): void {
    this.abort()
  }

  detain(): void {
    if (!this.#isReusable) return
    this.#isReusable = false
    this.#isDetained = true
  }

  giveBack(): void {
    if (!this.#isDetained) return
    this.#isDetained = false
    this.#release()
  }

  // --- the reader

  pause(): void {
    this.#isPaused = true
  }

  /** What was held comes in a turn of its own: who resumes is not in the middle of a reader's call. */
  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#held.isEmpty) this.credit(0)
    else queueMicrotask(this.#deliver)
  }

  #deliverHeld(): void {
    const handler = this.#handler
    if (handler === null) return
    while (!this.#isPaused) {
      const piece = this.#held.shift()
      if (piece === undefined) break
      this.#give(handler, piece, 0, piece.length)
      if (this.#state !== BODY && this.#state !== ENDED) return
    }
    if (this.#held.isEmpty && this.#state === ENDED) this.#end(this.#trailers)
    else handler.flush()
  }
}
