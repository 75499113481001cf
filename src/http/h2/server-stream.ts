import { type BodySink, type BodySource, LENGTH_UNKNOWN } from '../../core/body.ts'
import { GatewayError } from '../../core/errors.ts'
import { type Downstream, Exchange, type TunnelEnd } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import { Deadline } from '../../core/timers.ts'
import { clientBehindProxies } from '../h1/client-address.ts'
import type { DownstreamStream, ExchangeHandler, Peer, ServerContext } from '../http.ts'
import { ByteQueue } from './byte-queue.ts'
import { ReceiveWindow } from './flow-control.ts'
import type { FrameWriter } from './frame-writer.ts'
import { CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR } from './frames.ts'
import { RequestReader } from './request-reader.ts'
import { ResponseSender, type SenderOwner } from './response-sender.ts'

/** What a client may send of one request body before somebody takes it (SETTINGS_INITIAL_WINDOW_SIZE). */
export const STREAM_WINDOW_BYTES: number = 256 * 1024

/** What a stream asks of its session. */
export interface StreamOwner {
  readonly context: ServerContext
  readonly peer: Peer
  readonly writer: FrameWriter
  /** Whether more than one stream is open. */
  readonly isBusy: boolean
  /** Bytes of the connection's window have been used. */
  giveBack(bytes: number): void
  /** The sink of this stream has been given something; it is flushed at the end of the read. */
  touch(stream: ServerStream): void
  /** The client's message was malformed, which is counted. */
  onMalformed(): void
  /** The stream is over. @param isReusable its exchange ended as it should */
  onStreamClosed(stream: ServerStream, isReusable: boolean): void
  /** As {@link onStreamClosed}, by an error: RST_STREAM is to be sent. */
  onStreamReset(stream: ServerStream, code: number): void
}

/** One stream: a request and its response. Used again for another one once both have ended as they should. */
export class ServerStream implements Downstream, BodySource, DownstreamStream, SenderOwner {
  id = 0
  /** Of the request body: what Content-Length says, or LENGTH_UNKNOWN; 0 where the head ends the request. */
  length = 0
  readonly exchange: Exchange
  readonly reader: RequestReader
  readonly sender: ResponseSender
  /** What the client may still send on this stream. */
  readonly window: ReceiveWindow = new ReceiveWindow(STREAM_WINDOW_BYTES)
  /** END_STREAM has been received. */
  isRemoteClosed = false
  isClosed = true
  /** The session flushes it at the end of the read that is under way. */
  isTouched = false
  readonly #session: StreamOwner
  readonly #handler: ExchangeHandler
  /** The exchange has begun and not yet finished. */
  #isActive = false
  #sink: BodySink | null = null
  #isPaused = false
  #isDelivering = false
  /** Received and not yet given. */
  readonly #held = new ByteQueue()
  #received = 0
  #trailers: Headers | null = null
  /** Why the request body cannot go on; nothing of it is given any more. */
  #bodyFault: GatewayError | null = null
  #isBodyGiven = false
  /** The code that the stream is reset with when its response ends before its request does. */
  #resetCode = NO_ERROR
  readonly #bodyDeadline = new Deadline(() =>
    this.#failBody(new GatewayError('request_body_timeout', 'the client stopped sending its body', 'downstream')),
  )
  readonly #windowDeadline = new Deadline(() => this.#onWindowTimeout())
  #isWindowShut = false

  constructor(session: StreamOwner) {
    this.#session = session
    const { context, peer } = session
    this.exchange = new Exchange(context.listener, this)
    this.exchange.client.peerAddress = peer.address
    this.exchange.client.certificate = peer.certificate
    this.exchange.client.tls = peer.tls
    this.exchange.request.serverName = peer.tls?.serverName ?? null
    this.reader = new RequestReader(this.exchange.request)
    this.sender = new ResponseSender(session.writer, this)
    this.#handler = context.createHandler(this.exchange)
  }

  /** The request's head is in the exchange, as {@link reader} left it. */
  begin(id: number, isRemoteClosed: boolean): void {
    this.id = id
    this.isRemoteClosed = isRemoteClosed
    this.length = isRemoteClosed ? 0 : this.reader.contentLength === -1 ? LENGTH_UNKNOWN : this.reader.contentLength
    this.isClosed = false
    this.#isPaused = false
    this.#received = 0
    this.#trailers = null
    this.#bodyFault = null
    this.#isBodyGiven = false
    this.#resetCode = NO_ERROR
    this.window.reset()
    this.sender.begin(id)
    this.#beginExchange()
    // RFC 9113, 8.1.1: a length that says more than what comes.
    if (isRemoteClosed && this.reader.contentLength > 0 && this.reader.fault === null) {
      this.#resetCode = PROTOCOL_ERROR
      this.#handler.onRefused('request_framing_invalid')
    } else if (this.reader.fault !== null) {
      if (this.reader.isMalformed) this.#resetCode = PROTOCOL_ERROR
      this.#bodyFault = new GatewayError(this.reader.fault, 'the request is refused', 'downstream')
      this.#handler.onRefused(this.reader.fault)
    } else this.#handler.onRequest()
  }

  #beginExchange(): void {
    const { exchange } = this
    const { context } = this.#session
    const { client } = exchange
    exchange.reset()
    this.#isActive = true
    exchange.listener = context.listener
    exchange.request.scheme = context.listener.scheme
    exchange.requestBodyBytesMax = context.limits.bodyBytesMax
    exchange.startedAt = context.clock.now()
    client.trusted = context.isTrusted(client.peerAddress)
    context.requestsInFlight.add(1)
    if (this.isRemoteClosed) exchange.request.expectsContinue = false
    if (client.trusted && this.reader.fault === null) {
      client.address = clientBehindProxies(exchange.request.headers, client.peerAddress, context.isTrusted)
    }
  }

  /** An exchange is under way that has not been answered whole. */
  get isActive(): boolean {
    return this.#isActive
  }

  /** The response waits for the client to open the window of this stream. */
  get isShut(): boolean {
    return this.#isWindowShut
  }

  /** How long the exchange has lasted, in milliseconds. */
  get ageMs(): number {
    return this.#session.context.clock.now() - this.exchange.startedAt
  }

  // --- the request body, as it comes

  /** Takes a piece of a DATA frame. */
  onBodyData(bytes: Buffer, start: number, end: number): void {
    const size = end - start
    this.#received += size
    const { contentLength } = this.reader
    if (contentLength !== -1 && this.#received > contentLength) this.#malformed('more data than Content-Length says')
    if (this.#bodyFault !== null || !this.#isActive) {
      // Nobody will read it: the window of the connection is the other streams' too, that of the stream stays used up.
      this.#session.giveBack(size)
    } else if (this.#sink === null || this.#isPaused || this.#held.length > 0 || this.#isDelivering) {
      this.#held.push(bytes, start, end)
    } else {
      this.#give(this.#sink, bytes, start, end)
      this.#watchBody()
    }
  }

  /** END_STREAM has come, with or without trailers, which are this stream's to keep. */
  onBodyEnd(trailers: Headers | null): void {
    this.isRemoteClosed = true
    const { contentLength } = this.reader
    if (contentLength !== -1 && this.#received < contentLength) this.#malformed('less data than Content-Length says')
    this.#trailers = trailers
    this.#deliver()
  }

  /** RFC 9113, 8.1.1: the stream ends with an error, but may be answered before. */
  #malformed(detail: string): void {
    if (this.#resetCode !== NO_ERROR) return
    this.#resetCode = PROTOCOL_ERROR
    this.#failBody(new GatewayError('request_framing_invalid', detail, 'downstream'))
    this.#session.onMalformed()
  }

  #give(sink: BodySink, bytes: Buffer, start: number, end: number): void {
    const { exchange } = this
    const size = end - start
    this.#giveBack(size)
    exchange.requestBytes += size
    if (exchange.requestBytes > exchange.requestBodyBytesMax) {
      this.#failBody(new GatewayError('request_body_too_large', 'the body is longer than allowed', 'downstream'))
      return
    }
    this.#session.touch(this)
    if (!sink.onData(bytes, start, end)) this.#isPaused = true
  }

  /** The bytes have been used: the client may send as many again. */
  #giveBack(size: number): void {
    this.#session.giveBack(size)
    if (!this.isRemoteClosed && !this.isClosed) this.#session.writer.windowUpdate(this.id, this.window.giveBack(size))
  }

  /** Gives what is held, and the end when there is nothing else. */
  #deliver(): void {
    if (this.#isDelivering) return
    this.#isDelivering = true
    for (let piece = this.#held.first(); piece !== null && this.#sink !== null && !this.#isPaused; piece = this.#held.first()) {
      this.#held.drop(piece.length)
      this.#give(this.#sink, piece, 0, piece.length)
    }
    this.#isDelivering = false
    this.#watchBody()
    const sink = this.#sink
    if (sink === null || this.#isPaused || this.#held.length > 0 || !this.isRemoteClosed || this.#bodyFault !== null) return
    this.#sink = null
    this.#isBodyGiven = true
    sink.onEnd(this.#trailers)
    sink.flush()
  }

  /**
   * Silence counts while somebody waits for the client. Once the response has begun nobody does: both flow side by side (bidirectional calls of
   * gRPC), and the silence of the response bounds the stream.
   */
  #watchBody(): void {
    const { wheel, limits } = this.#session.context
    if (this.#sink !== null && !this.#isPaused && !this.isRemoteClosed && !this.headSent)
      wheel.set(this.#bodyDeadline, limits.bodyIdleTimeoutMs)
    else wheel.clear(this.#bodyDeadline)
  }

  /** The body cannot go on: what its sink makes of it (an answer, if none has begun) is its own matter; no more of it is read. */
  #failBody(error: GatewayError): void {
    if (this.#bodyFault !== null || this.#isBodyGiven) return
    this.#bodyFault = error
    const sink = this.#sink
    this.#sink = null
    this.#session.context.wheel.clear(this.#bodyDeadline)
    this.#dropHeld()
    sink?.onError(error)
    this.#session.writer.flushSoon()
  }

  #dropHeld(): void {
    const bytes = this.#held.length
    if (bytes === 0) return
    this.#held.clear()
    this.#session.giveBack(bytes)
  }

  /** The read is over in which the sink was given something. */
  flushSink(): void {
    this.isTouched = false
    this.#sink?.flush()
  }

  // --- the request body, as its source

  get requestBody(): BodySource {
    return this
  }

  start(sink: BodySink): void {
    if (this.#isBodyGiven) {
      sink.onEnd(null)
      sink.flush()
      return
    }
    if (this.isClosed) return
    const { request } = this.exchange
    // RFC 9110, 10.1.1: the client waits for this unless part of the body is already here.
    if (request.expectsContinue && this.#received === 0 && !this.isRemoteClosed && !this.headSent) this.sender.sendInformational(100, null)
    // The client has been told: a try that begins from now on need not ask.
    request.expectsContinue = false
    if (this.#bodyFault !== null) {
      sink.onError(this.#bodyFault)
      return
    }
    this.#sink = sink
    this.#isPaused = false
    this.#deliver()
    this.#sink?.flush()
    this.#session.writer.flushSoon()
  }

  pause(): void {
    this.#isPaused = true
    // Silence is now ours, not the client's.
    this.#watchBody()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#deliver()
    this.#sink?.flush()
    this.#session.writer.flushSoon()
  }

  // --- the response

  get responseBody(): BodySink {
    return this.sender
  }

  get headSent(): boolean {
    return this.sender.headSent
  }

  sendInformational(status: number, headers: Headers): void {
    if (status === 100) this.exchange.request.expectsContinue = false
    this.sender.sendInformational(status, headers)
  }

  sendHead(exchange: Exchange): void {
    this.sender.sendHead(exchange)
    this.#watchBody()
  }

  openTunnel(): TunnelEnd {
    throw new Error('HTTP/2 has no upgrade')
  }

  // --- the response, as its sender tells

  get isBusy(): boolean {
    return this.#session.isBusy
  }

  onHandedOver(): void {
    this.#endExchange()
    this.#handler.onFinished()
  }

  onSent(): void {
    const isReusable = this.isRemoteClosed && this.#bodyFault === null
    // RFC 9113, 8.1: the answer is whole and the rest of the request is not wanted. Of a malformed one the client is told as well.
    if (!this.isRemoteClosed || this.#resetCode !== NO_ERROR) this.#session.onStreamReset(this, this.#resetCode)
    else this.#session.onStreamClosed(this, isReusable)
  }

  onWritable(): void {
    if (this.#isActive) this.#handler.onDrain()
  }

  /** The client has to widen the window in time: silence of one stream does not end the others. */
  onWindow(isShut: boolean): void {
    const { wheel, limits } = this.#session.context
    if (isShut && !this.#isWindowShut) wheel.set(this.#windowDeadline, limits.writeIdleTimeoutMs)
    else if (!isShut && this.#isWindowShut) wheel.clear(this.#windowDeadline)
    this.#isWindowShut = isShut
  }

  #onWindowTimeout(): void {
    this.#isWindowShut = false
    this.abort(new GatewayError('response_write_timeout', 'the client does not read', 'downstream'), CANCEL)
  }

  onBrokenOff(): void {
    this.abort(new GatewayError('client_closed', 'the response broke off', 'downstream'), INTERNAL_ERROR)
  }

  // --- the end of things

  #endExchange(): void {
    this.#isActive = false
    this.#sink = null
    this.#session.context.requestsInFlight.add(-1)
    this.#dropHeld()
  }

  /** The stream is over before its response: by an error of this code that the client is told, or, with null, by the client. */
  abort(error: GatewayError, code: number | null): void {
    if (this.isClosed) return
    if (code === null) this.#session.onStreamClosed(this, false)
    else this.#session.onStreamReset(this, code)
    const sink = this.#sink
    this.#sink = null
    this.#bodyFault ??= error
    sink?.onError(error)
    if (!this.#isActive) return
    this.#endExchange()
    this.#handler.onAborted(error)
  }

  /** Told by the session, which knows the stream no more. */
  close(): void {
    const { wheel } = this.#session.context
    this.isClosed = true
    wheel.clear(this.#bodyDeadline)
    wheel.clear(this.#windowDeadline)
    this.#isWindowShut = false
    this.sender.close()
    this.#dropHeld()
  }

  endStream(): 'events' | null {
    return this.sender.endWithEvent() ? 'events' : null
  }
}
