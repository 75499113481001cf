import { type BodySink, type BodySource, LENGTH_UNKNOWN } from '../../core/body.ts'
import { type ErrorCode, GatewayError } from '../../core/errors.ts'
import { type Downstream, Exchange, type TunnelBounds, type TunnelEnd } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import { Deadline } from '../../core/timers.ts'
import type { DownstreamConnection, DownstreamStream, ExchangeHandler, Peer, ServerContext } from '../http.ts'
import type { Transport, TransportOwner } from '../transport.ts'
import { TransportTunnel } from '../tunnel.ts'
import { BodyReader } from './body-reader.ts'
import { clientBehindProxies } from './client-address.ts'
import { HeadReader } from './head-reader.ts'
import { ResponseWriter, type WriterOwner } from './response-writer.ts'

/** What the reading half is at. Writing is the {@link ResponseWriter}'s, and whether the connection goes on is `#keepAlive`. */
const HEAD = 0
const BODY = 1
/** The request is whole; its response is under way. */
const COMPLETE = 2
/** Nothing that comes is looked at any more: the response has been sent, and the client gets time to read it. */
const DISCARD = 3

/** Bytes that a client may send ahead of its turn (pipelined requests) before it is not read from. */
const AHEAD_BYTES_MAX = 64 * 1024
const DISCARD_BYTES_MAX = 1024 * 1024
const DISCARD_TIMEOUT_MS = 2_000
/** How long a connection stays open for a last request while the gateway drains. */
const DRAIN_GRACE_MS = 500

/** One client connection of HTTP/1.1 or HTTP/1.0. Requests are answered one after the other, in order (RFC 9112, 9.3.2). */
export class ServerConnection implements DownstreamConnection, DownstreamStream, TransportOwner, Downstream, BodySource, WriterOwner {
  readonly transport: Transport
  readonly exchange: Exchange
  readonly #context: ServerContext
  readonly #handler: ExchangeHandler
  readonly #reader: HeadReader
  readonly #writer: ResponseWriter
  readonly #body: BodyReader
  readonly #onClosed: (connection: ServerConnection) => void
  #reading = HEAD
  #sink: BodySink | null = null
  #bodyStarted = false
  /** An exchange has begun and not yet finished. */
  #active = false
  #consuming = false
  #readEnded = false
  /** Bytes received that could not be used yet. */
  #ahead: Buffer | null = null
  #paused = false
  #tunnel: TransportTunnel | null = null
  #discarded = 0
  /** Guards whatever the reading half waits for. */
  readonly #readDeadline = new Deadline(() => this.#onReadTimeout())
  readonly #writeDeadline = new Deadline(() => this.#onWriteTimeout())

  constructor(accept: (owner: TransportOwner) => Transport, peer: Peer, context: ServerContext, onClosed: (c: ServerConnection) => void) {
    this.#context = context
    this.#onClosed = onClosed
    this.exchange = new Exchange(context.listener, this)
    this.exchange.client.peerAddress = peer.address
    this.exchange.client.trusted = context.isTrusted(peer.address)
    this.exchange.client.certificate = peer.certificate
    this.exchange.client.tls = peer.tls
    this.exchange.request.scheme = context.listener.scheme
    this.exchange.request.serverName = peer.tls?.serverName ?? null
    this.#reader = new HeadReader(this.exchange.request)
    this.#body = new BodyReader(this.exchange, this.#reader.framing)
    this.#handler = context.createHandler(this.exchange)
    this.transport = accept(this)
    this.#writer = new ResponseWriter(this.transport, this)
    this.#context.wheel.set(this.#readDeadline, context.limits.headTimeoutMs)
  }

  // --- reading

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.#ahead !== null) {
      this.#keepAhead(bytes, start, end)
      this.#useAhead()
      return
    }
    const at = this.#consume(bytes, start, end)
    if (at < end) this.#keepAhead(bytes, at, end)
  }

  /** Uses what it can of the bytes; returns where it stopped. */
  #consume(bytes: Buffer, start: number, end: number): number {
    let at = start
    this.#consuming = true
    while (at < end && !this.transport.closed) {
      if (this.#reading === HEAD) {
        if (this.transport.stalled) break
        at = this.#readHead(bytes, at, end)
      } else if (this.#reading === BODY) {
        if (this.#sink === null) break
        at = this.#readBody(this.#sink, bytes, at, end)
      } else if (this.#reading === DISCARD) {
        this.#discarded += end - at
        if (this.#discarded > DISCARD_BYTES_MAX) this.transport.destroy()
        at = end
      } else {
        break
      }
    }
    this.#consuming = false
    this.#sink?.flush()
    return at
  }

  #keepAhead(bytes: Buffer, start: number, end: number): void {
    const piece = bytes.subarray(start, end)
    this.#ahead = this.#ahead === null ? Buffer.from(piece) : Buffer.concat([this.#ahead, piece])
    if (this.#ahead.length >= AHEAD_BYTES_MAX) this.pause()
  }

  #useAhead(): void {
    while (this.#ahead !== null && !this.#consuming && !this.transport.closed) {
      const bytes = this.#ahead
      this.#ahead = null
      const at = this.#consume(bytes, 0, bytes.length)
      if (at < bytes.length) {
        const rest = bytes.subarray(at)
        this.#ahead = this.#ahead === null ? rest : Buffer.concat([rest, this.#ahead])
        if (at === 0) break
      }
    }
    if (this.#paused && (this.#ahead === null || this.#ahead.length < AHEAD_BYTES_MAX) && this.#sink === null) this.resume()
    if (this.#ahead === null && this.#readEnded && !this.#active && this.#reading === HEAD) this.#close()
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const { limits, wheel } = this.#context
    const wasEmpty = this.#reader.isEmpty
    const at = this.#reader.read(bytes, start, end, limits)
    if (at === HeadReader.INCOMPLETE) {
      if (wasEmpty) wheel.set(this.#readDeadline, limits.headTimeoutMs)
      return end
    }
    wheel.clear(this.#readDeadline)
    this.#beginExchange()
    if (this.#reader.fault !== null) {
      this.#reading = DISCARD
      this.#handler.onRefused(this.#reader.fault)
      return end
    }
    this.#body.reset()
    this.#reading = this.#body.done ? COMPLETE : BODY
    this.#handler.onRequest()
    // Here the end of the client's sending side came before its request could be looked at.
    if (this.#readEnded && this.#active && this.#reading === COMPLETE) wheel.set(this.#readDeadline, limits.halfCloseGraceMs)
    return at
  }

  #beginExchange(): void {
    const { exchange } = this
    const { client } = exchange
    exchange.reset()
    exchange.listener = this.#context.listener
    this.#writer.reset()
    this.#active = true
    this.#bodyStarted = false
    exchange.requestBodyBytesMax = this.#context.limits.bodyBytesMax
    exchange.startedAt = this.#context.clock.now()
    this.#context.requestsInFlight.add(1)
    if (client.trusted && this.#reader.fault === null) {
      client.address = clientBehindProxies(exchange.request.headers, client.peerAddress, this.#context.isTrusted)
    }
  }

  #readBody(sink: BodySink, bytes: Buffer, start: number, end: number): number {
    const body = this.#body
    const at = body.read(bytes, start, end, sink)
    // The sink may have ended the exchange, and with it the reading, while it took the bytes.
    if (this.#sink !== sink) return end
    if (body.fault !== null) {
      this.#failBody(body.fault)
      return end
    }
    if (body.paused) this.pause()
    if (!body.done) {
      if (!this.#paused) this.#context.wheel.set(this.#readDeadline, this.#context.limits.bodyIdleTimeoutMs)
      return at
    }
    this.#context.wheel.clear(this.#readDeadline)
    this.#reading = COMPLETE
    this.#sink = null
    sink.onEnd(body.trailers())
    return at
  }

  /** The body cannot go on: what its sink makes of it (an answer, if none has begun) is its own matter; no more of it is read. */
  #failBody(error: GatewayError): void {
    const sink = this.#sink
    this.#sink = null
    this.#reading = DISCARD
    sink?.onError(error)
  }

  // --- the request body, as its source

  get requestBody(): BodySource {
    return this
  }

  get length(): number {
    const { framing } = this.#reader
    return framing.body === 'chunked' ? LENGTH_UNKNOWN : framing.contentLength
  }

  start(sink: BodySink): void {
    if (this.#reading === COMPLETE) {
      sink.onEnd(null)
      sink.flush()
      return
    }
    if (this.#reading !== BODY) return
    this.#sink = sink
    if (!this.#bodyStarted) {
      this.#bodyStarted = true
      // RFC 9110, 10.1.1: the client waits for this unless part of the body is already here.
      const { request } = this.exchange
      if (request.expectsContinue && this.#ahead === null && !this.#writer.headSent) this.#writer.sendInformational(100, null)
      // The client has been told: a try that begins from now on need not ask.
      request.expectsContinue = false
    }
    this.#context.wheel.set(this.#readDeadline, this.#context.limits.bodyIdleTimeoutMs)
    if (!this.#consuming) {
      this.#useAhead()
      if (this.#paused) this.resume()
    }
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.transport.pause()
    // Silence is now ours, not the client's.
    if (this.#reading === BODY) this.#context.wheel.clear(this.#readDeadline)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.transport.resume()
    if (this.#reading === BODY) this.#context.wheel.set(this.#readDeadline, this.#context.limits.bodyIdleTimeoutMs)
  }

  // --- the response

  get responseBody(): BodySink {
    return this.#writer
  }

  get headSent(): boolean {
    return this.#writer.headSent
  }

  sendInformational(status: number, headers: Headers): void {
    if (status === 100) this.exchange.request.expectsContinue = false
    if (this.exchange.request.minorVersion === 1) this.#writer.sendInformational(status, headers)
  }

  sendHead(exchange: Exchange): void {
    this.#writer.sendHead(exchange)
  }

  mayKeepAlive(): boolean {
    // RFC 9112, 9.6: what is still to come of the request could be taken for the next one.
    // A client that pipelined and then closed its sending side still waits for every answer.
    const nothingMore = this.#readEnded && this.#ahead === null
    return this.#reading === COMPLETE && this.#reader.framing.keepAlive && !this.#context.draining && !nothingMore
  }

  onResponseWritten(keepAlive: boolean): void {
    this.#endExchange()
    if (this.transport.stalled) this.#context.wheel.set(this.#writeDeadline, this.#context.limits.writeIdleTimeoutMs)
    if (!keepAlive || this.#reading !== COMPLETE || (this.#readEnded && this.#ahead === null)) {
      this.#close()
      return
    }
    this.#reading = HEAD
    // A response that began before the drain has not said that its connection closes: a request may be on its way, and is still answered.
    this.#context.wheel.set(this.#readDeadline, this.#context.draining ? DRAIN_GRACE_MS : this.#context.limits.idleTimeoutMs)
    if (this.#ahead !== null && !this.#consuming) this.#useAhead()
    else if (this.#paused) this.resume()
  }

  #endExchange(): void {
    this.#active = false
    this.#sink = null
    this.#context.requestsInFlight.add(-1)
    this.#handler.onFinished()
  }

  openTunnel(exchange: Exchange, bounds: TunnelBounds): TunnelEnd {
    this.#writer.sendSwitch(exchange, exchange.request.upgrade)
    const { wheel } = this.#context
    wheel.clear(this.#readDeadline)
    wheel.clear(this.#writeDeadline)
    const ahead = this.#ahead
    this.#ahead = null
    this.#tunnel = new TransportTunnel(this.transport, {
      ahead,
      wheel,
      isWebSocket: exchange.request.upgrade === 'websocket',
      bounds,
      onDone: () => {
        this.#endExchange()
        this.#context.connections.add(-1)
        this.#onClosed(this)
      },
    })
    return this.#tunnel
  }

  // --- the end of things

  onDrain(): void {
    this.#context.wheel.clear(this.#writeDeadline)
    if (this.#active) this.#handler.onDrain()
    else if (this.#ahead !== null) this.#useAhead()
  }

  /** The response waits for a client that does not read. */
  onStalled(): void {
    this.#context.wheel.set(this.#writeDeadline, this.#context.limits.writeIdleTimeoutMs)
  }

  onReadEnd(): void {
    this.#readEnded = true
    if (this.#reading === BODY) {
      this.#gone('the client closed within its request body')
    } else if (!this.#active) {
      this.#close()
    } else if (!this.#writer.headSent) {
      // The client may have closed its sending side alone, or be gone: TCP does not tell. An answer that begins soon is still given.
      this.#context.wheel.set(this.#readDeadline, this.#context.limits.halfCloseGraceMs)
    }
  }

  onClosed(error: Error | null): void {
    const { wheel } = this.#context
    wheel.clear(this.#readDeadline)
    wheel.clear(this.#writeDeadline)
    if (this.#active) this.#abort(error?.message ?? 'the client closed the connection')
    this.#context.connections.add(-1)
    this.#onClosed(this)
  }

  #gone(detail: string): void {
    this.transport.abort()
    this.#forget(detail)
  }

  /** After the transport was closed from here, which reports nothing back. */
  #forget(detail: string): void {
    this.onClosed(new Error(detail))
  }

  #abort(detail: string, code: ErrorCode = 'client_closed'): void {
    const sink = this.#sink
    this.#sink = null
    this.#reading = DISCARD
    const error = new GatewayError(code, detail, 'downstream')
    sink?.onError(error)
    if (this.#active) {
      this.#active = false
      this.#context.requestsInFlight.add(-1)
      this.#handler.onAborted(error)
    }
  }

  #onReadTimeout(): void {
    if (this.#reading === HEAD) {
      if (this.#reader.isEmpty) {
        this.transport.destroy()
        this.#forget('idle')
        return
      }
      this.#beginExchange()
      this.#reading = DISCARD
      this.#reader.describePartial()
      this.#handler.onRefused('request_head_timeout')
    } else if (this.#reading === BODY) {
      this.#failBody(new GatewayError('request_body_timeout', 'the client stopped sending its body', 'downstream'))
    } else if (this.#reading === COMPLETE) {
      if (!this.#writer.headSent) this.#gone('the client closed while it waited')
    } else {
      this.transport.destroy()
      this.#forget('lingered long enough')
    }
  }

  #onWriteTimeout(): void {
    if (this.#active) this.#abort('the client does not read', 'response_write_timeout')
    this.#gone('the client does not read')
  }

  /** Sends FIN and gives the client time to read the response; closing at once would reset the connection under it (RFC 9112, 9.6). */
  #close(): void {
    if (this.transport.closed) return
    this.#reading = DISCARD
    this.#ahead = null
    this.transport.finish()
    this.#context.wheel.set(this.#readDeadline, this.transport.stalled ? this.#context.limits.writeIdleTimeoutMs : DISCARD_TIMEOUT_MS)
    if (this.#paused) this.resume()
  }

  /** HTTP/1.1 has no word for it but `Connection: close` on the next response. */
  announceDrain(): void {}

  closeWhenIdle(): void {
    if (!this.#active && this.#reading === HEAD && this.#reader.isEmpty) this.#close()
  }

  streams(): readonly DownstreamStream[] {
    return this.#tunnel !== null || (this.#active && this.#writer.headSent) ? [this] : []
  }

  endStream(): 'websocket' | 'events' | null {
    if (this.#tunnel !== null) return this.#tunnel.closeCleanly() ? 'websocket' : null
    return this.#writer.endWithEvent() ? 'events' : null
  }

  cut(): void {
    if (this.#tunnel !== null) this.#tunnel.destroy()
    else this.#gone('the gateway is shutting down')
  }

  onBrokenOff(): void {
    this.#gone('the response broke off')
  }

  get active(): boolean {
    return this.#active
  }
}
