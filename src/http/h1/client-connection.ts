import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { GatewayError } from '../../core/errors.ts'
import { Headers } from '../../core/headers.ts'
import { Deadline } from '../../core/timers.ts'
import { isTlsFault, reasonOf } from '../connect-fault.ts'
import { upstreamOutput } from '../output.ts'
import type { Transport, TransportOwner } from '../transport.ts'
import { TransportTunnel } from '../tunnel.ts'
import type { UpstreamConnection } from '../upstream-connection.ts'
import { acceptsKey } from '../websocket-handshake.ts'
import { ChunkedDecoder } from './chunked.ts'
import { Framing, frameResponse } from './framing.ts'
import { HEAD_TOO_LARGE, INCOMPLETE, parseResponseHead, StatusLine } from './parser.ts'
import { type RequestBodyOwner, RequestBodyWriter } from './request-body-writer.ts'
import { requestHeadSizeMax, type UpstreamRequest, writeRequestHead } from './request-head.ts'
import { type ConnectionPool, NOBODY, type UpstreamHandler } from './upstream-handler.ts'

const IDLE = 0
const HEAD = 1
const BODY = 2
const CLOSED = 3

/** More 1xx responses than this for one request are an attempt to keep us busy (RFC 9110, 15.2 sets no bound). */
const INFORMATIONAL_MAX = 32
const HEADERS_MAX = 200

/** What of a response that nobody wants is read to keep its connection, and for how long. */
const DISCARD_BYTES_MAX = 64 * 1024
const DISCARD_TIMEOUT_MS = 1_000

/** One connection to a target: one request at a time. It goes back to its pool only when both messages ended exactly where they should. */
export class ClientConnection implements UpstreamConnection, TransportOwner, RequestBodyOwner {
  readonly transport: Transport
  readonly requestBody: RequestBodyWriter
  /** Requests that this connection has carried before the present one: a first request cannot meet a connection that died of age. */
  requestsServed = 0
  readonly mayRefuse = false
  /** Milliseconds for which the server said it keeps an idle connection; 0 when it did not say. */
  keepAliveMs = 0
  /** A byte of the request may have reached the service. */
  requestSent = false
  readonly #pool: ConnectionPool
  readonly #framing = new Framing()
  readonly #line = new StatusLine()
  readonly #decoder = new ChunkedDecoder()
  readonly #headers = new Headers()
  readonly #deadline: Deadline
  #state = IDLE
  #handler: UpstreamHandler | null
  #method = ''
  #upgrade = ''
  /** What a switch to WebSocket has to answer; empty for other requests. */
  #webSocketKey = ''
  #bytes: Buffer = Buffer.alloc(0)
  #partial = 0
  /** Bytes of the last final head, when it lies at the beginning of `#bytes`, and the method that it answered; else 0. */
  #last = 0
  #lastMethod = ''
  #remaining = 0
  #informational = 0
  #switched = false
  #behindSwitch: Buffer | null = null
  #reusable = false
  #detained = false

  /** Takes over a connection that stands, for its first request. */
  constructor(transport: Transport, pool: ConnectionPool, handler: UpstreamHandler) {
    this.#pool = pool
    this.#handler = handler
    this.requestBody = new RequestBodyWriter(this)
    this.#deadline = new Deadline(() => this.#close())
    this.transport = transport
    transport.owner = this
  }

  get isClosed(): boolean {
    return this.#state === CLOSED
  }

  get idle(): boolean {
    return this.#state === IDLE
  }

  get stalled(): boolean {
    return this.transport.stalled
  }

  /** Closes the connection by itself after `delayMs` in the pool. */
  expireAfter(delayMs: number): void {
    this.#pool.wheel.set(this.#deadline, delayMs)
  }

  /** Takes an idle connection into use. */
  assign(handler: UpstreamHandler): void {
    this.#pool.wheel.clear(this.#deadline)
    this.#handler = handler
  }

  /** Writes the request head; with a body, it goes out together with what of the body is there (see {@link requestBody}'s `flush`). */
  send(request: UpstreamRequest): void {
    this.#state = HEAD
    this.#method = request.method
    this.#upgrade = request.upgrade
    this.#webSocketKey = request.upgrade === 'websocket' ? (request.headers.get('Sec-WebSocket-Key') ?? '') : ''
    this.requestBody.begin(request.bodyLength)
    this.#partial = 0
    this.#informational = 0
    this.requestSent = true

    const output = upstreamOutput
    output.begin(this.transport)
    output.reserve(requestHeadSizeMax(request))
    output.length = writeRequestHead(output.buffer, output.length, request)
    if (this.requestBody.done) output.flush()
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && this.#state !== CLOSED) {
      if (this.#state === HEAD) {
        at = this.#readHead(bytes, at, end)
        if (this.transport.owner !== this) {
          // The protocol was switched: what came behind the head is the tunnel's.
          if (at < end) this.transport.owner.onBytes(bytes, at, end)
          return
        }
        if (this.#switched) {
          // A response step still waits: the tunnel gets these when it is opened. Nothing more is read before.
          if (at < end) this.#behindSwitch = Buffer.from(bytes.subarray(at, end))
          return
        }
      } else if (this.#state === BODY) {
        at = this.#readBody(bytes, at, end)
      } else {
        // RFC 9112, 9.3: nothing may come that was not asked for. Taken for the next request's response it would poison the pool.
        this.#close()
        return
      }
    }
    this.#handler?.flush()
    // Only now is it certain that nothing followed the response in the same read.
    if (this.#reusable) this.#release()
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const limits = { headBytesMax: this.#pool.headBytesMax, headersMax: HEADERS_MAX }
    const before = this.#partial
    let result: number
    if (before === 0 && this.#isLastHead(bytes, start, end)) {
      this.#headers.clearEdits()
      this.#onHead()
      return start + this.#last
    }
    this.#last = 0
    if (before === 0) {
      result = parseResponseHead(bytes, start, end, limits, this.#line, this.#headers)
      if (result > 0) {
        // The read buffer is soon used again: the head moves to bytes of its own.
        this.#keep(bytes, start, result)
        this.#headers.rebase(this.#bytes, -start)
        result -= start
      }
    } else {
      this.#keep(bytes, start, Math.min(end, start + limits.headBytesMax + 4 - before))
      result = parseResponseHead(this.#bytes, 0, this.#partial, limits, this.#line, this.#headers)
    }
    if (result === INCOMPLETE && before === 0) this.#keep(bytes, start, Math.min(end, start + limits.headBytesMax + 4))
    if (result === INCOMPLETE && this.#partial <= limits.headBytesMax) return end
    if (result === INCOMPLETE || result === HEAD_TOO_LARGE) {
      this.#fail('upstream_head_too_large', 'the response head is too large')
      return end
    }
    if (result < 0 || !frameResponse(this.#headers, this.#line.status, this.#line.minorVersion, this.#method, this.#framing)) {
      this.#fail('upstream_response_malformed', 'the response head is not well-formed HTTP')
      return end
    }
    this.#partial = 0
    this.#headers.freeze()
    if (this.#line.status >= 200) {
      this.#last = result
      this.#lastMethod = this.#method
    }
    this.#onHead()
    return start + result - before
  }

  /** Whether the head is the same as the one before, as most are within a second: then there is nothing to parse. */
  #isLastHead(bytes: Buffer, start: number, end: number): boolean {
    const last = this.#last
    if (last === 0 || end - start < last || this.#lastMethod !== this.#method) return false
    return this.#bytes.compare(bytes, start, start + last, 0, last) === 0
  }

  #onHead(): void {
    const { status } = this.#line
    const handler = this.#handler
    if (handler === null) return
    if (status === 101) {
      this.#onSwitch(handler)
      return
    }
    if (status < 200) {
      if (++this.#informational > INFORMATIONAL_MAX) this.#fail('upstream_response_malformed', 'too many informational responses')
      else handler.onInformational(status, this.#headers)
      return
    }
    const framing = this.#framing
    this.keepAliveMs = framing.keepAliveSeconds * 1000
    this.#state = BODY
    this.#remaining = framing.contentLength
    if (framing.body === 'chunked') this.#decoder.reset()
    let length = framing.body === 'length' ? framing.contentLength : framing.body === 'none' ? 0 : LENGTH_UNKNOWN
    // RFC 9110, 8.6: an answer to HEAD that states no length has one that nobody knows, and not 0.
    if (this.#method === 'HEAD' && !this.#headers.has('Content-Length')) length = LENGTH_UNKNOWN
    handler.onHead(status, this.#headers, length)
    if (framing.body === 'none' && this.#state === BODY) this.#end(null)
  }

  #onSwitch(handler: UpstreamHandler): void {
    // RFC 9110, 15.2.2: only to the protocol that was asked for.
    if (this.#upgrade === '' || this.#framing.upgrade !== this.#upgrade) {
      this.#fail('upstream_response_malformed', 'a switch of protocols that was not asked for')
      return
    }
    if (this.#webSocketKey !== '' && !acceptsKey(this.#headers, this.#webSocketKey)) {
      this.#fail('upstream_response_malformed', 'an answer to another WebSocket handshake')
      return
    }
    this.#state = CLOSED
    this.#switched = true
    this.#handler = null
    this.transport.pause()
    handler.onUpgraded(this.#headers, () => {
      const isWebSocket = this.#upgrade === 'websocket'
      const onDone = (): void => this.#pool.onGone(this)
      return new TransportTunnel(this.transport, { ahead: this.#behindSwitch, wheel: this.#pool.wheel, isWebSocket, bounds: null, onDone })
    })
  }

  #readBody(bytes: Buffer, start: number, end: number): number {
    const handler = this.#handler
    if (handler === null) return end
    const { body } = this.#framing
    if (body === 'length') {
      const at = Math.min(end, start + this.#remaining)
      this.#remaining -= at - start
      if (!handler.onData(bytes, start, at)) this.pause()
      if (this.#remaining === 0 && this.#state === BODY) this.#end(null)
      return at
    }
    if (body === 'chunked') {
      const at = this.#decoder.decode(bytes, start, end, handler)
      if (this.#state !== BODY) return end
      if (at === -1) {
        this.#fail('upstream_body_aborted', 'broken chunked coding')
        return end
      }
      if (this.#decoder.paused) this.pause()
      if (this.#decoder.done) this.#end(this.#decoder.trailers())
      return at
    }
    if (!handler.onData(bytes, start, end)) this.pause()
    return end
  }

  /** The response is whole. */
  #end(trailers: Headers | null): void {
    const handler = this.#handler
    this.#handler = null
    this.#state = IDLE
    if (this.#framing.keepAlive && this.requestBody.done) this.#reusable = true
    else this.#close()
    handler?.onEnd(trailers)
  }

  /** For a handler in its `onEnd`: the connection stays out of its pool, and the response's headers valid, until {@link giveBack}. */
  detain(): void {
    if (!this.#reusable) return
    this.#reusable = false
    this.#detained = true
  }

  giveBack(): void {
    if (!this.#detained) return
    this.#detained = false
    this.#release()
  }

  #release(): void {
    this.#reusable = false
    if (this.#state !== IDLE) return
    this.requestsServed++
    this.transport.resume()
    this.#pool.onReusable(this)
  }

  pause(): void {
    this.transport.pause()
  }

  resume(): void {
    this.transport.resume()
  }

  onDrain(): void {
    this.#handler?.onWritable()
  }

  onReadEnd(): void {
    if (this.#state === BODY && this.#framing.body === 'close' && this.transport.endsWhole) {
      const handler = this.#handler
      this.#handler = null
      this.#close()
      handler?.onEnd(null)
      return
    }
    this.#onLost(null)
  }

  onClosed(error: Error | null): void {
    this.#onLost(error)
  }

  #onLost(error: Error | null): void {
    if (this.#state === CLOSED) return
    const detail = `${this.#pool.label}: ${reasonOf(error) ?? 'connection closed'}`
    // In TLS 1.3 a service judges our certificate when we take the handshake for done already (RFC 8446, 4.4.2.4).
    if (this.#state === HEAD && isTlsFault(error)) this.#failWith(new GatewayError('upstream_tls_failed', detail, 'upstream', 'safe'))
    else if (this.#state === HEAD) this.#failWith(new GatewayError('upstream_reset_before_headers', detail, 'upstream', 'safe'))
    else if (this.#state === BODY) this.#failWith(new GatewayError('upstream_body_aborted', detail, 'upstream'))
    else this.#close()
  }

  #fail(code: 'upstream_head_too_large' | 'upstream_response_malformed' | 'upstream_body_aborted', detail: string): void {
    // Garbage in place of a head has reached nobody: another target may do better. A head that is too large would be so again.
    const retry = this.#state === HEAD && code === 'upstream_response_malformed' ? 'safe' : 'never'
    this.#failWith(new GatewayError(code, `${this.#pool.label}: ${detail}`, 'upstream', retry))
  }

  #failWith(error: GatewayError): void {
    const handler = this.#handler
    this.#handler = null
    this.#close()
    handler?.onFailed(error)
  }

  /**
   * Nobody wants the rest of the response. It is read where its end is near, so that the connection can be used again; otherwise this is
   * {@link abort}.
   */
  discard(): void {
    const { body } = this.#framing
    const isNear = body === 'none' || (body === 'length' && this.#remaining <= DISCARD_BYTES_MAX)
    if (this.#state !== BODY || !isNear) return this.abort()
    this.#handler = NOBODY
    this.#pool.wheel.set(this.#deadline, DISCARD_TIMEOUT_MS)
    this.transport.resume()
  }

  /** Gives the request up: the service sees its connection closed. */
  abort(): void {
    this.#handler = null
    this.#close()
  }

  #close(): void {
    if (this.#state === CLOSED) return
    this.#state = CLOSED
    this.#reusable = false
    this.#pool.wheel.clear(this.#deadline)
    this.transport.destroy()
    this.#pool.onGone(this)
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const length = this.#partial + end - start
    if (this.#bytes.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, 2 ** Math.ceil(Math.log2(length))))
      this.#bytes.copy(larger, 0, 0, this.#partial)
      this.#bytes = larger
    }
    bytes.copy(this.#bytes, this.#partial, start, end)
    this.#partial = length
  }
}
