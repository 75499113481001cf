import type { ErrorCode } from '../../core/errors.ts'
import type { Headers } from '../../core/headers.ts'
import { Deadline, type TimerWheel } from '../../core/timers.ts'
import { isTlsFault, reasonOf } from '../connect-fault.ts'
import type { UpstreamRequest } from '../h1/request-head.ts'
import type { UpstreamHandler } from '../h1/upstream-handler.ts'
import type { Transport, TransportOwner } from '../transport.ts'
import type { ClientBody } from './client-body.ts'
import { ClientReader, CONNECTION_WINDOW } from './client-reader.ts'
import { ClientStream, STREAM_WINDOW } from './client-stream.ts'
import { SendWindow } from './flow-control.ts'
import { FrameOutput } from './frame-output.ts'
import * as h2 from './frames.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import { writeRequestBlock, writeTrailerBlock } from './request-block.ts'
import { ENABLE_PUSH, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE, PeerSettings } from './settings.ts'

/** Requests at once before a service has said how many it takes (RFC 9113, 6.5.2 recommends no fewer). */
export const STREAMS_ASSUMED = 100
/** However many it takes, no more share one connection, and what we hold of their responses. */
const STREAMS_MAX = 256
/** How long a service that has been silent has to answer a PING. */
const PING_TIMEOUT_MS = 3_000
const PING_PAYLOAD = Buffer.from('turnpike')

/** Who keeps a session. */
export interface SessionOwner {
  readonly label: string
  readonly headBytesMax: number
  readonly idleTimeoutMs: number
  readonly wheel: TimerWheel
  /** Whether TLS is spoken. */
  readonly isSecure: boolean
  /** It takes no more requests. Called once, before `onGone`. */
  onRetired(session: ClientSession): void
  /** Its connection is closed. */
  onGone(session: ClientSession): void
}

/** An HTTP/2 connection to a target, the client's side (RFC 9113): many requests at once, each on a stream. */
export class ClientSession implements TransportOwner {
  readonly output: FrameOutput
  readonly peer = new PeerSettings()
  /** What may be sent on all streams together. */
  readonly window = new SendWindow()
  bytesRead = 0
  /** The service's first SETTINGS have come. */
  isSettled = false
  /** Requests whose responses have ended. */
  requestsServed = 0
  readonly #transport: Transport
  readonly #owner: SessionOwner
  readonly #reader: ClientReader
  readonly #encoder = new HpackEncoder()
  readonly #streams = new Map<number, ClientStream>()
  /** Streams that wait to be used again. */
  readonly #spare: ClientStream[] = []
  /** Bodies that wait for windows, or for a service that reads, in turn. */
  readonly #queue = new Set<ClientBody>()
  readonly #idle: Deadline
  readonly #ping: Deadline
  #nextId = 1
  /** Streams that have been taken and whose request has yet to be sent. */
  #unsent = 0
  #isRetired = false
  #isProbing = false
  #isClosed = false

  /** Takes over a connection on which HTTP/2 has been agreed. */
  constructor(transport: Transport, owner: SessionOwner) {
    this.#transport = transport
    this.#owner = owner
    this.output = new FrameOutput(transport)
    this.#reader = new ClientReader(this, owner)
    this.#idle = new Deadline(() => this.retire())
    this.#ping = new Deadline(() => this.#lose('no answer to a PING'))
    transport.owner = this
    this.#writePreface()
    owner.wheel.set(this.#idle, owner.idleTimeoutMs)
  }

  get label(): string {
    return this.#owner.label
  }

  /** Whether it takes one more request now. */
  get hasRoom(): boolean {
    if (this.#isRetired || this.#isProbing || this.output.isOverfull) return false
    const max = this.isSettled ? Math.min(this.peer.maxConcurrentStreams, STREAMS_MAX) : STREAMS_ASSUMED
    return this.#streams.size + this.#unsent < max
  }

  #writePreface(): void {
    const { output } = this
    const at = output.begin(128)
    const { target } = output
    let end = at + h2.CLIENT_PREFACE.copy(target, at)
    const headMax = this.#owner.headBytesMax
    end = h2.writeSettings(target, end, [ENABLE_PUSH, 0, INITIAL_WINDOW_SIZE, STREAM_WINDOW, MAX_HEADER_LIST_SIZE, headMax])
    output.end(h2.writeWindowUpdate(target, end, 0, CONNECTION_WINDOW - h2.WINDOW_FIRST))
  }

  // --- requests

  /** Takes a stream for a request, which must be sent in this turn; only while it {@link hasRoom}. */
  open(handler: UpstreamHandler): ClientStream {
    if (this.#streams.size + this.#unsent === 0) this.#owner.wheel.clear(this.#idle)
    this.#unsent++
    const stream = this.#spare.pop() ?? new ClientStream(this)
    stream.assign(handler, this.requestsServed)
    return stream
  }

  /** Sends the head of a request. Returns the number of its stream: in the order of sending, as they have to be (RFC 9113, 5.1.1). */
  send(stream: ClientStream, request: UpstreamRequest): number {
    const id = this.#nextId
    this.#unsent--
    this.#nextId += 2
    this.#streams.set(id, stream)
    if (this.#isClosed) {
      // Its connection died between being taken and being used. The sender hears of it when it has done sending.
      queueMicrotask(() => stream.refuse('connection closed', true))
      return id
    }
    writeRequestBlock(this.output, this.#encoder, id, request, this.#owner.isSecure)
    this.#reader.onRequest()
    if (this.#nextId > h2.STREAM_ID_MAX) this.retire()
    return id
  }

  /** Ends a request with trailers; false when there is none among them that could be sent. */
  writeTrailers(streamId: number, trailers: Headers): boolean {
    return writeTrailerBlock(this.output, this.#encoder, streamId, trailers)
  }

  writeWindowUpdate(streamId: number, increment: number): void {
    if (this.#isClosed) return
    const at = this.output.begin(13)
    this.output.end(h2.writeWindowUpdate(this.output.target, at, streamId, increment))
  }

  /** Answers a PING, whose payload is the eight bytes at `payload[start]`. */
  writePong(payload: Buffer, start: number): void {
    const at = this.output.begin(17)
    this.output.end(h2.writePing(this.output.target, at, true, payload, start))
  }

  /** A body waits. */
  queue(body: ClientBody): void {
    this.#queue.add(body)
  }

  unqueue(body: ClientBody): void {
    this.#queue.delete(body)
  }

  /** Windows are wider, or the service reads again. */
  pump(): void {
    if (this.#queue.size === 0) return
    const waiting = Array.from(this.#queue)
    for (const body of waiting) {
      if (this.window.left <= 0 || this.output.stalled || this.#isClosed) return
      this.#queue.delete(body)
      // Behind the others, so that no large body keeps the window of the connection to itself.
      if (body.pump()) body.tellWritable()
      else this.#queue.add(body)
    }
  }

  /** A stream is over. @param code what the service is told; NO_ERROR for nothing */
  onStreamClosed(stream: ClientStream, code: number): void {
    if (stream.id === 0) this.#unsent--
    else this.#streams.delete(stream.id)
    if (this.#isClosed) return
    if (code !== h2.NO_ERROR) {
      const at = this.output.begin(13)
      this.output.end(h2.writeRstStream(this.output.target, at, stream.id, code))
    }
    if (this.#streams.size + this.#unsent > 0) return
    if (this.#isRetired) this.#end(h2.NO_ERROR, '')
    else this.#owner.wheel.set(this.#idle, this.#owner.idleTimeoutMs)
  }

  /** Takes a stream back whose request and response have ended, and which nobody looks at any more. */
  reuse(stream: ClientStream): void {
    if (this.#spare.length < STREAMS_ASSUMED) this.#spare.push(stream)
  }

  /** Takes no more requests, and closes after the last one. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.#owner.onRetired(this)
    if (this.#streams.size + this.#unsent === 0) this.#end(h2.NO_ERROR, '')
  }

  /** Asks a service that has been silent whether it is there; if it does not say so soon, everything on this connection is lost. */
  probe(): void {
    if (this.#isClosed || this.#isProbing) return
    this.#isProbing = true
    const at = this.output.begin(17)
    this.output.end(h2.writePing(this.output.target, at, false, PING_PAYLOAD, 0))
    this.#owner.wheel.set(this.#ping, PING_TIMEOUT_MS)
  }

  // --- the connection

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.bytesRead += end - start
    if (this.#isProbing) {
      this.#isProbing = false
      this.#owner.wheel.clear(this.#ping)
    }
    this.#reader.read(bytes, start, end)
  }

  onDrain(): void {
    this.output.onDrain()
    this.pump()
  }

  onReadEnd(): void {
    this.#lose('connection closed')
  }

  onClosed(error: Error | null): void {
    // In TLS 1.3 a service judges our certificate when we take the handshake for done already (RFC 8446, 4.4.2.4).
    const isRefused = isTlsFault(error) && this.bytesRead === 0
    this.#lose(reasonOf(error) ?? 'connection closed', isRefused ? 'upstream_tls_failed' : 'upstream_reset_before_headers')
  }

  #lose(detail: string, code: ErrorCode = 'upstream_reset_before_headers'): void {
    if (this.#isClosed) return
    this.#close()
    for (const stream of this.#streams.values()) stream.lose(detail, code)
  }

  /** The service breaks the protocol. */
  fail(code: number, reason: string): void {
    if (this.#isClosed) return
    const detail = this.isSettled ? `HTTP/2 is broken (${h2.errorName(code)}: ${reason})` : 'what is spoken there is not HTTP/2'
    this.#end(code, reason)
    for (const stream of this.#streams.values()) stream.lose(detail, 'upstream_response_malformed')
  }

  /** Says goodbye and closes. */
  #end(code: number, reason: string): void {
    if (this.#isClosed) return
    const { output } = this
    const at = output.begin(17 + h2.GOAWAY_REASON_MAX)
    output.end(h2.writeGoaway(output.target, at, 0, code, reason.slice(0, h2.GOAWAY_REASON_MAX)))
    output.flush()
    this.#close()
  }

  #close(): void {
    this.#isClosed = true
    this.#reader.stop()
    this.#owner.wheel.clear(this.#idle)
    this.#owner.wheel.clear(this.#ping)
    this.#transport.destroy()
    if (!this.#isRetired) {
      this.#isRetired = true
      this.#owner.onRetired(this)
    }
    this.#owner.onGone(this)
  }

  // --- what the service says of the connection

  /** The stream of that number, or null when it is over: what a service sent before it knew is ignored. */
  streamOf(id: number): ClientStream | null {
    const stream = this.#streams.get(id)
    if (stream !== undefined) return stream
    // RFC 9113, 5.1: on a stream that nobody has opened yet nothing may come.
    if (id >= this.#nextId || (id & 1) === 0) this.fail(h2.PROTOCOL_ERROR, 'a stream that is not open')
    return null
  }

  /** Takes over what {@link peer} says now. @param before the first window of streams as it was */
  onSettings(before: number): void {
    this.isSettled = true
    const change = this.peer.initialWindowSize - before
    for (const stream of this.#streams.values()) {
      if (!stream.requestBody.widen(change)) return this.fail(h2.FLOW_CONTROL_ERROR, 'a window too large')
    }
    this.#encoder.setTableSizeMax(this.peer.headerTableSize)
    const at = this.output.begin(h2.FRAME_HEADER_BYTES)
    this.output.end(h2.writeSettingsAck(this.output.target, at))
    if (change > 0) this.pump()
  }

  /** RFC 9113, 6.8: streams above the last one have not been looked at; the others go on. */
  onGoaway(lastStreamId: number, code: number): void {
    this.retire()
    for (const [id, stream] of this.#streams) {
      if (id > lastStreamId) stream.refuse(`the connection takes no more requests (GOAWAY, ${h2.errorName(code)})`, true)
    }
  }
}
