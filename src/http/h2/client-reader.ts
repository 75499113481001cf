import { Headers } from '../../core/headers.ts'
import { AbuseGuard } from './abuse.ts'
import type { ClientSession } from './client-session.ts'
import type { ClientStream } from './client-stream.ts'
import { FieldBlock } from './field-block.ts'
import { FieldLines, FieldSectionReader } from './field-section.ts'
import { ReceiveWindow } from './flow-control.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import * as h2 from './frames.ts'
import { HpackDecoder } from './hpack-decoder.ts'

/** What a service may send on all streams ahead of what we have read. Streams bound what is held; this one only has to be wide enough. */
export const CONNECTION_WINDOW = 1024 * 1024
const HEADERS_MAX = 200
/** A block is decoded whole or the connection ends: what is too large by less than this costs its own request only. */
const BLOCK_FACTOR = 4
/** gRPC servers send a PING for many a message, to measure the connection. */
const PINGS_PER_MESSAGE = 4

/** The reading half of a session with a service: what its frames mean, and what of them is too much. */
export class ClientReader implements FrameSink {
  readonly #session: ClientSession
  readonly #limits: { readonly headBytesMax: number }
  readonly #frames = new FrameReader(this)
  readonly #section = new FieldSectionReader(new HpackDecoder())
  readonly #block = new FieldBlock()
  readonly #abuse = new AbuseGuard(() => performance.now())
  readonly #window = new ReceiveWindow(CONNECTION_WINDOW)
  /** Streams that have been given something in this read. */
  readonly #touched: ClientStream[] = []
  /** For trailers, and for what comes on streams that are gone: the table must see it. */
  readonly #scratch = new FieldLines(new Headers())
  /** The stream of the DATA frame that is being read, and how much of it was data. */
  #current: ClientStream | null = null
  #dataRead = 0
  /** Flags of the HEADERS frame that began the block. */
  #headFlags = 0
  #isStopped = false

  /** @param limits may change; they hold from the next head on */
  constructor(session: ClientSession, limits: { readonly headBytesMax: number }) {
    this.#session = session
    this.#limits = limits
  }

  read(bytes: Buffer, start: number, end: number): void {
    this.#frames.read(bytes, start, end)
    const touched = this.#touched
    for (let i = 0; i < touched.length; i++) touched[i]?.flush()
    touched.length = 0
  }

  /** Reads nothing more. */
  stop(): void {
    this.#isStopped = true
    this.#frames.stop()
  }

  /** A request was sent: the service may measure what it costs. */
  onRequest(): void {
    this.#abuse.earn('ping', PINGS_PER_MESSAGE)
  }

  #touch(stream: ClientStream): void {
    if (stream.isTouched) return
    stream.isTouched = true
    this.#touched.push(stream)
  }

  #fail(code: number, reason: string): void {
    this.#session.fail(code, reason)
  }

  onFrameFault(code: number, reason: string): void {
    this.#fail(code, reason)
  }

  onFrameBegin(): void {
    const { type, flags, length, streamId } = this.#frames
    // RFC 9113, 3.4: SETTINGS come first. Whatever else this is, a proxy's error page say, it is no HTTP/2.
    if (!this.#session.isSettled && (type !== h2.SETTINGS || (flags & h2.FLAG_ACK) !== 0))
      return this.#fail(h2.PROTOCOL_ERROR, 'no SETTINGS')
    if (type !== h2.DATA) return
    this.#dataRead = 0
    this.#current = null
    if (!this.#window.take(length)) return this.#fail(h2.FLOW_CONTROL_ERROR, 'more than the window')
    const stream = this.#session.streamOf(streamId)
    if (stream?.onDataFrame(length) === true) this.#current = stream
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#dataRead += end - start
    const stream = this.#current
    if (stream === null) return
    this.#touch(stream)
    stream.onData(bytes, start, end)
  }

  onFrame(bytes: Buffer, start: number, end: number): void {
    switch (this.#frames.type) {
      case h2.DATA:
        return this.#onDataEnd()
      case h2.HEADERS:
      case h2.CONTINUATION:
        return this.#onFragment(bytes, start, end)
      case h2.RST_STREAM:
        return this.#session.streamOf(this.#frames.streamId)?.onReset(h2.readUint32(bytes, start))
      case h2.WINDOW_UPDATE:
        return this.#onWindowUpdate(h2.readUint31(bytes, start))
    }
    const { type } = this.#frames
    const kind = type === h2.SETTINGS ? 'settings' : type === h2.PING ? 'ping' : 'meaningless'
    if (!this.#abuse.spend(kind)) return this.#fail(h2.ENHANCE_YOUR_CALM, `too many frames (${kind})`)
    if (type === h2.SETTINGS) this.#onSettings(bytes, start, end)
    else if (type === h2.PING) this.#onPing(bytes, start)
    else if (type === h2.GOAWAY) this.#session.onGoaway(h2.readUint31(bytes, start), h2.readUint32(bytes, start + 4))
  }

  #onDataEnd(): void {
    const { length, flags } = this.#frames
    const isEnd = (flags & h2.FLAG_END_STREAM) !== 0
    const stream = this.#current
    this.#current = null
    if (length > 0 || isEnd) this.#abuse.earn('ping', PINGS_PER_MESSAGE)
    else if (!this.#abuse.spend('emptyData')) return this.#fail(h2.ENHANCE_YOUR_CALM, 'too many empty frames')
    // At once: what is held is bounded by the windows of streams, and a slow client must not stop all others.
    const increment = this.#window.giveBack(length)
    if (increment > 0) this.#session.writeWindowUpdate(0, increment)
    if (stream === null) return
    if (length > this.#dataRead) stream.credit(length - this.#dataRead)
    if (isEnd) stream.onEndStream(null)
  }

  #onFragment(bytes: Buffer, start: number, end: number): void {
    const { type, flags } = this.#frames
    const isLast = (flags & h2.FLAG_END_HEADERS) !== 0
    if (type === h2.HEADERS) {
      this.#headFlags = flags
      if (isLast) return this.#onBlock(bytes, start, end)
      this.#block.begin(this.#limits.headBytesMax * BLOCK_FACTOR)
    }
    if (!this.#block.add(bytes, start, end)) return this.#onFlood()
    if (!isLast) return
    const { bytes: block, length } = this.#block
    this.#block.clear()
    this.#onBlock(block, 0, length)
  }

  #onFlood(): void {
    this.#session.streamOf(this.#frames.streamId)?.onHeadTooLarge()
    this.#fail(h2.ENHANCE_YOUR_CALM, 'a head much too large')
  }

  #onBlock(bytes: Buffer, start: number, end: number): void {
    const stream = this.#session.streamOf(this.#frames.streamId)
    if (this.#isStopped) return
    const isEnd = (this.#headFlags & h2.FLAG_END_STREAM) !== 0
    const isHead = stream !== null && !stream.awaitsTrailers
    const lines = isHead ? stream.lines : this.#scratch
    const limits = { headBytesMax: this.#limits.headBytesMax, headersMax: HEADERS_MAX }
    const section = this.#section
    const fault = isHead ? section.readResponse(bytes, start, end, lines, limits) : section.readTrailers(bytes, start, end, lines, limits)
    if (fault === 'compression') return this.#fail(h2.COMPRESSION_ERROR, 'a field block is broken')
    if (fault === 'flood') return this.#onFlood()
    if (stream === null) return
    this.#touch(stream)
    if (fault === 'too large') stream.onHeadTooLarge()
    else if (fault === 'malformed') stream.reset(h2.PROTOCOL_ERROR, 'the fields are not well-formed HTTP')
    else if (isHead) stream.onHead(section.status, section.contentLength, isEnd)
    else if (isEnd) stream.onEndStream(lines.headers)
    else stream.reset(h2.PROTOCOL_ERROR, 'trailers before the end')
  }

  #onWindowUpdate(increment: number): void {
    const { streamId } = this.#frames
    if (streamId === 0) {
      if (increment === 0) return this.#fail(h2.PROTOCOL_ERROR, 'a window update of 0')
      if (!this.#session.window.widen(increment)) return this.#fail(h2.FLOW_CONTROL_ERROR, 'a window too large')
      return this.#session.pump()
    }
    const stream = this.#session.streamOf(streamId)
    if (stream === null) return
    if (increment === 0) stream.reset(h2.PROTOCOL_ERROR, 'a window update of 0')
    else if (!stream.requestBody.widen(increment)) stream.reset(h2.FLOW_CONTROL_ERROR, 'a window too large')
    else this.#session.pump()
  }

  #onSettings(bytes: Buffer, start: number, end: number): void {
    if (this.#frames.flags & h2.FLAG_ACK) return
    const { peer } = this.#session
    const before = peer.initialWindowSize
    const fault = peer.apply(bytes, start, end)
    if (fault === h2.NO_ERROR) this.#session.onSettings(before)
    else this.#fail(fault, 'settings that are none')
  }

  #onPing(bytes: Buffer, start: number): void {
    if (this.#frames.flags & h2.FLAG_ACK) return
    this.#session.writePong(bytes, start)
  }
}
