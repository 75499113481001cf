import { GatewayError } from '../../core/errors.ts'
import { Headers } from '../../core/headers.ts'
import type { ServerContext } from '../http.ts'
import { AbuseGuard, type AbuseKind } from './abuse.ts'
import type { ClosedStreams } from './closed-streams.ts'
import { FieldBlock } from './field-block.ts'
import { FieldLines, FieldSectionReader, type SectionLimits } from './field-section.ts'
import type { ReceiveWindow } from './flow-control.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import {
  COMPRESSION_ERROR,
  CONTINUATION,
  DATA,
  ENHANCE_YOUR_CALM,
  errorName,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_END_STREAM,
  FLOW_CONTROL_ERROR,
  GOAWAY,
  HEADERS,
  NO_ERROR,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  RST_STREAM,
  readUint31,
  SETTINGS,
  STREAM_CLOSED,
  WINDOW_UPDATE,
} from './frames.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { ServerStream } from './server-stream.ts'

/** As those of HTTP/1.1. */
const TRAILER_LIMITS: SectionLimits = { headBytesMax: 8 * 1024, headersMax: 64 }
/** A client that resets a stream after so long has waited for it, and holds one of its few streams meanwhile. */
const HASTY_MS = 1_000

/** What the frames ask of their session. */
export interface FramesOwner {
  readonly context: ServerContext
  readonly writer: FrameWriter
  /** By its number, each that is not closed. */
  readonly active: ReadonlyMap<number, ServerStream>
  /** What the client may still send on all streams together. */
  readonly window: ReceiveWindow
  readonly closed: ClosedStreams
  /** Streams beyond this one are not served: GOAWAY has said so. */
  readonly lastServedId: number
  takeStream(): ServerStream
  register(id: number, stream: ServerStream): void
  giveBack(bytes: number): void
  /** A connection error (RFC 9113, 5.4.1). */
  fail(code: number, reason: string): void
  /** The client has widened the window of the connection. */
  onWindowOpen(): void
  /** The client opens no more streams. */
  onGoaway(): void
}

/** The reading half of a session: what each frame of a client means, and what a client may not do (RFC 9113, 5 and 6). */
export class ServerFrames implements FrameSink {
  readonly reader: FrameReader = new FrameReader(this)
  readonly abuse: AbuseGuard
  /** The highest stream that the client has opened. */
  lastId = 0
  hasSettings = false
  readonly #session: FramesOwner
  readonly #decoder = new HpackDecoder()
  readonly #section = new FieldSectionReader(this.#decoder)
  readonly #block = new FieldBlock()
  /** Of the HEADERS frame whose block is read. */
  #blockId = 0
  #blockEndsStream = false
  #blockDependency = -1
  /** Of the DATA frame that is read; null when nobody takes it. */
  #dataStream: ServerStream | null = null
  #dataBytes = 0

  constructor(session: FramesOwner) {
    this.#session = session
    this.abuse = new AbuseGuard(() => session.context.clock.now())
  }

  /** Counts what costs us and not the client. Returns false when the connection ends for it. */
  #spend(kind: AbuseKind): boolean {
    if (this.abuse.spend(kind)) return true
    this.#session.fail(ENHANCE_YOUR_CALM, `too much: ${kind}`)
    return false
  }

  /** The client has sent a malformed message: a cheap way to have us give a request up. */
  countFault(): void {
    this.#spend('reset')
  }

  onFrameFault(code: number, reason: string): void {
    this.#session.fail(code, reason)
  }

  onFrameBegin(): void {
    const { type, flags } = this.reader
    if (!this.hasSettings && (type !== SETTINGS || flags & FLAG_ACK)) this.#session.fail(PROTOCOL_ERROR, 'SETTINGS come first')
    else if (type === DATA) this.#beginData()
  }

  onFrame(bytes: Buffer, start: number, end: number): void {
    const { reader } = this
    switch (reader.type) {
      case DATA:
        return this.#endData()
      case HEADERS:
        this.#blockId = reader.streamId
        this.#blockEndsStream = (reader.flags & FLAG_END_STREAM) !== 0
        this.#blockDependency = reader.dependency
        if (reader.flags & FLAG_END_HEADERS) return this.#onBlock(bytes, start, end)
        this.#block.begin(this.#session.context.limits.headBytesMax * 2)
        return this.#addToBlock(bytes, start, end)
      case CONTINUATION:
        return this.#addToBlock(bytes, start, end)
      case SETTINGS:
        return this.#onSettings(bytes, start, end)
      case PING:
        if (reader.flags & FLAG_ACK) this.#spend('meaningless')
        else if (this.#spend('ping')) this.#session.writer.answerPing(bytes, start)
        return
      case RST_STREAM:
        return this.#onReset(readUint31(bytes, start))
      case WINDOW_UPDATE:
        return this.#onWindowUpdate(readUint31(bytes, start))
      case PRIORITY:
        return this.#onPriority()
      case GOAWAY:
        if (this.#spend('meaningless')) this.#session.onGoaway()
        return
      default:
        // RFC 9113, 5.5: what is unknown is ignored.
        this.#spend('meaningless')
    }
  }

  // --- streams that are not there

  /** RFC 9113, 5.1.1: a stream that the client has not opened, or could not. */
  #isIdle(streamId: number): boolean {
    return (streamId & 1) === 0 || streamId > this.lastId
  }

  /** Whether what comes for a stream that is closed is to be ignored: the client may have sent it before it knew (RFC 9113, 5.1 and 6.8). */
  #isForgiven(streamId: number): boolean {
    return streamId > this.#session.lastServedId || this.#session.closed.has(streamId)
  }

  #failClosed(streamId: number): void {
    if (this.#isIdle(streamId)) this.#session.fail(PROTOCOL_ERROR, 'the stream is idle')
    else if (!this.#isForgiven(streamId)) this.#session.fail(STREAM_CLOSED, 'the stream is closed')
  }

  /** An error of one stream (RFC 9113, 5.4.2) that the client has made. */
  #failStream(stream: ServerStream, code: number): void {
    stream.abort(new GatewayError('client_closed', `the client broke the protocol: ${errorName(code)}`, 'downstream'), code)
    this.#spend('reset')
  }

  // --- DATA

  #beginData(): void {
    const { streamId, length } = this.reader
    const stream = this.#session.active.get(streamId)
    this.#dataStream = null
    this.#dataBytes = 0
    if (!this.#session.window.take(length)) this.#session.fail(FLOW_CONTROL_ERROR, 'more than the window of the connection')
    else if (stream === undefined) this.#failClosed(streamId)
    else if (stream.isRemoteClosed) this.#failStream(stream, STREAM_CLOSED)
    else if (!stream.window.take(length)) this.#failStream(stream, FLOW_CONTROL_ERROR)
    else this.#dataStream = stream
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const stream = this.#dataStream
    if (stream === null || stream.isClosed) return
    this.#dataBytes += end - start
    stream.onBodyData(bytes, start, end)
  }

  #endData(): void {
    const stream = this.#dataStream
    const { length, flags } = this.reader
    this.#dataStream = null
    // Padding, and what nobody takes.
    const unused = length - this.#dataBytes
    if (unused > 0) this.#session.giveBack(unused)
    if (stream === null || stream.isClosed) {
      if (length === 0) this.#spend('emptyData')
      return
    }
    if (flags & FLAG_END_STREAM) return stream.onBodyEnd(null)
    if (this.#dataBytes === 0 && !this.#spend('emptyData')) return
    if (unused > 0) this.#session.writer.windowUpdate(stream.id, stream.window.giveBack(unused))
  }

  // --- field blocks

  #addToBlock(bytes: Buffer, start: number, end: number): void {
    const block = this.#block
    if (!block.add(bytes, start, end)) return this.#session.fail(ENHANCE_YOUR_CALM, 'too large a field block')
    if ((this.reader.flags & FLAG_END_HEADERS) === 0) return
    this.#onBlock(block.bytes, 0, block.length)
    block.clear()
  }

  #onBlock(bytes: Buffer, start: number, end: number): void {
    const session = this.#session
    const id = this.#blockId
    const stream = session.active.get(id)
    if (stream !== undefined) return this.#onTrailers(stream, bytes, start, end)
    if ((id & 1) === 0) return session.fail(PROTOCOL_ERROR, 'clients have odd streams')
    if (id <= this.lastId) {
      if (this.#skipBlock(bytes, start, end) && this.#spend('meaningless')) this.#failClosed(id)
      return
    }
    this.lastId = id
    if (id > session.lastServedId) {
      if (this.#skipBlock(bytes, start, end)) this.#spend('meaningless')
      return
    }
    if (this.#blockDependency === id) {
      if (this.#skipBlock(bytes, start, end)) this.#refuse(id, PROTOCOL_ERROR, 'reset')
      return
    }
    if (session.active.size >= session.context.limits.streamsMax) {
      if (this.#skipBlock(bytes, start, end)) this.#refuse(id, REFUSED_STREAM, 'refused')
      return
    }
    this.#open(id, bytes, start, end)
  }

  #open(id: number, bytes: Buffer, start: number, end: number): void {
    const session = this.#session
    const stream = session.takeStream()
    const { reader } = stream
    const fault = reader.read(bytes, start, end, this.#section, this.#decoder, session.context.limits)
    if (fault !== null) return this.#failBlock(fault)
    if (reader.isMalformed && !this.#spend('reset')) return
    session.register(id, stream)
    stream.begin(id, this.#blockEndsStream)
  }

  #refuse(id: number, code: number, kind: AbuseKind): void {
    this.#session.closed.add(id)
    this.#session.writer.reset(id, code)
    this.#spend(kind)
  }

  /** Decodes a block that nobody wants, so that the table stays what the client takes it for (RFC 9113, 4.3). False when that fails. */
  #skipBlock(bytes: Buffer, start: number, end: number): boolean {
    const lines = new FieldLines(new Headers())
    const fault = this.#section.readRequest(bytes, start, end, lines, this.#session.context.limits)
    if (fault !== 'compression' && fault !== 'flood') return true
    this.#failBlock(fault)
    return false
  }

  #failBlock(fault: 'compression' | 'flood'): void {
    if (fault === 'flood') this.#session.fail(ENHANCE_YOUR_CALM, 'too many fields')
    else this.#session.fail(COMPRESSION_ERROR, 'broken field block')
  }

  #onTrailers(stream: ServerStream, bytes: Buffer, start: number, end: number): void {
    if (stream.isRemoteClosed || !this.#blockEndsStream || this.#blockDependency === stream.id) {
      // RFC 9113, 8.1: a second head that does not end the stream is malformed.
      if (this.#skipBlock(bytes, start, end)) this.#failStream(stream, stream.isRemoteClosed ? STREAM_CLOSED : PROTOCOL_ERROR)
      return
    }
    const lines = new FieldLines(new Headers())
    const fault = this.#section.readTrailers(bytes, start, end, lines, TRAILER_LIMITS)
    if (fault === 'none') stream.onBodyEnd(lines.headers.count === 0 ? null : lines.headers)
    else if (fault === 'flood' || fault === 'compression') this.#failBlock(fault)
    else this.#failStream(stream, PROTOCOL_ERROR)
  }

  // --- the other frames

  #onSettings(bytes: Buffer, start: number, end: number): void {
    const { writer, active } = this.#session
    this.hasSettings = true
    if (this.reader.flags & FLAG_ACK) {
      this.#spend('meaningless')
      return
    }
    if (!this.#spend('settings')) return
    const before = writer.settings.initialWindowSize
    const fault = writer.settings.apply(bytes, start, end)
    if (fault !== NO_ERROR) return this.#session.fail(fault, 'a setting out of its range')
    // RFC 9113, 6.9.2: the windows of streams that are open change by as much.
    const change = writer.settings.initialWindowSize - before
    if (change !== 0) {
      for (const stream of active.values()) {
        if (!stream.sender.widen(change)) return this.#session.fail(FLOW_CONTROL_ERROR, 'too large a window')
      }
    }
    writer.acknowledgeSettings()
  }

  #onReset(code: number): void {
    const { streamId } = this.reader
    const stream = this.#session.active.get(streamId)
    if (stream === undefined) {
      if (this.#isIdle(streamId)) this.#session.fail(PROTOCOL_ERROR, 'the stream is idle')
      else this.#spend('meaningless')
      return
    }
    const isHasty = stream.isActive && stream.ageMs < HASTY_MS
    stream.abort(new GatewayError('client_closed', `the client reset the stream: ${errorName(code)}`, 'downstream'), null)
    if (isHasty) this.#spend('reset')
  }

  #onWindowUpdate(increment: number): void {
    const session = this.#session
    const { streamId } = this.reader
    if (!this.#spend('windowUpdate')) return
    if (streamId === 0) {
      if (increment === 0) session.fail(PROTOCOL_ERROR, 'a window update of 0')
      else if (session.writer.window.widen(increment)) session.onWindowOpen()
      else session.fail(FLOW_CONTROL_ERROR, 'too large a window')
      return
    }
    const stream = session.active.get(streamId)
    if (stream === undefined) {
      // RFC 9113, 5.1: they may still come for a while.
      if (this.#isIdle(streamId)) session.fail(PROTOCOL_ERROR, 'the stream is idle')
    } else if (increment === 0) this.#failStream(stream, PROTOCOL_ERROR)
    else if (!stream.sender.widen(increment)) this.#failStream(stream, FLOW_CONTROL_ERROR)
  }

  /** RFC 9113, 5.3.2: the scheme is gone. That no stream depends on itself is left of it (RFC 7540, 5.3.1). */
  #onPriority(): void {
    const { streamId, dependency } = this.reader
    if (!this.#spend('meaningless') || dependency !== streamId) return
    const stream = this.#session.active.get(streamId)
    if (stream === undefined) this.#session.fail(PROTOCOL_ERROR, 'a stream that depends on itself')
    else this.#failStream(stream, PROTOCOL_ERROR)
  }
}
