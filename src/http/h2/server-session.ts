import { GatewayError } from '../../core/errors.ts'
import { Deadline } from '../../core/timers.ts'
import type { DownstreamConnection, DownstreamStream, Peer, ServerContext } from '../http.ts'
import type { Transport, TransportOwner } from '../transport.ts'
import { ClosedStreams } from './closed-streams.ts'
import { ReceiveWindow } from './flow-control.ts'
import { FrameWriter, type WriterOwner } from './frame-writer.ts'
import { CLIENT_PREFACE, ENHANCE_YOUR_CALM, NO_ERROR, PROTOCOL_ERROR, SETTINGS_TIMEOUT, STREAM_ID_MAX, WINDOW_FIRST } from './frames.ts'
import { type FramesOwner, ServerFrames } from './server-frames.ts'
import { ServerStream, STREAM_WINDOW_BYTES, type StreamOwner } from './server-stream.ts'
import { INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE } from './settings.ts'

/** What a client may send on all streams together before somebody takes it: what one connection makes us hold at most. */
const CONNECTION_WINDOW_BYTES = 1024 * 1024
/** Streams that an idle connection keeps, to be used again. */
const IDLE_STREAMS_MAX = 16
const DISCARD_BYTES_MAX = 1024 * 1024
const DISCARD_TIMEOUT_MS = 2_000

/** What the reading half waits for, with a bound on how long. */
const NOTHING = 0
const PREFACE = 1
const HEAD = 2
const IDLE = 3
const CLOSE = 4
const ANSWER = 5

/** One client connection of HTTP/2 (RFC 9113): many requests at once, each on a stream with an exchange of its own. */
export class ServerSession implements DownstreamConnection, TransportOwner, StreamOwner, FramesOwner, WriterOwner {
  readonly transport: Transport
  readonly context: ServerContext
  readonly peer: Peer
  readonly writer: FrameWriter
  readonly active: Map<number, ServerStream> = new Map()
  readonly window: ReceiveWindow = new ReceiveWindow(CONNECTION_WINDOW_BYTES)
  readonly closed: ClosedStreams
  lastServedId: number = STREAM_ID_MAX
  readonly #frames: ServerFrames
  readonly #onClosed: (session: ServerSession) => void
  #prefaceLength = 0
  /** Ended as they should, and ready for another request. */
  readonly #spare: ServerStream[] = []
  #touched: ServerStream[] = []
  /** No more streams are served; the connection closes with the last of those that are. */
  #isLeaving = false
  /** Nothing that comes is looked at any more: GOAWAY has been sent, and the client gets time to read it. */
  #isClosing = false
  #isFinished = false
  #isGone = false
  #hasReadEnded = false
  #isReadPaused = false
  #discarded = 0
  #waitsFor = NOTHING
  /** Which head the deadline was set for. */
  #waitsForHead = 0
  readonly #readDeadline = new Deadline(() => this.#onReadTimeout())
  /** Set while the client does not read, or its window for the connection is used up. */
  readonly #writeDeadline = new Deadline(() => this.#gone('the client does not read', 'response_write_timeout'))
  #isWriteAwaited = false

  /** Sends its SETTINGS at once; all bytes of the client, from its preface on, are to come through {@link onBytes}. */
  constructor(accept: (owner: TransportOwner) => Transport, peer: Peer, context: ServerContext, onClosed: (s: ServerSession) => void) {
    this.context = context
    this.peer = peer
    this.#onClosed = onClosed
    this.#frames = new ServerFrames(this)
    this.transport = accept(this)
    this.writer = new FrameWriter(this.transport, this)
    const { streamsMax, headBytesMax } = context.limits
    this.closed = new ClosedStreams(2 * streamsMax)
    this.writer.ownSettings([
      MAX_CONCURRENT_STREAMS,
      streamsMax,
      INITIAL_WINDOW_SIZE,
      STREAM_WINDOW_BYTES,
      MAX_HEADER_LIST_SIZE,
      headBytesMax,
    ])
    this.writer.windowUpdate(0, CONNECTION_WINDOW_BYTES - WINDOW_FIRST)
    this.writer.flush()
    this.#watchReading()
  }

  // --- reading

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.#isClosing) {
      this.#discarded += end - start
      if (this.#discarded > DISCARD_BYTES_MAX) this.#gone('the client does not stop to send')
      return
    }
    const { writer } = this
    writer.isCorked = true
    const at = this.#prefaceLength < CLIENT_PREFACE.length ? this.#readPreface(bytes, start, end) : start
    this.#frames.reader.read(bytes, at, end)
    for (const stream of this.#touched) stream.flushSink()
    if (this.#touched.length > 0) this.#touched = []
    writer.isCorked = false
    writer.pump()
    writer.flush()
    this.#watchReading()
  }

  /** RFC 9113, 3.4. */
  #readPreface(bytes: Buffer, start: number, end: number): number {
    const length = Math.min(end - start, CLIENT_PREFACE.length - this.#prefaceLength)
    const isRight = bytes.compare(CLIENT_PREFACE, this.#prefaceLength, this.#prefaceLength + length, start, start + length) === 0
    this.#prefaceLength += length
    if (!isRight) this.fail(PROTOCOL_ERROR, 'no preface of HTTP/2')
    return start + length
  }

  /** Sets the bound on what is waited for now; one that runs for the same thing goes on. */
  #watchReading(): void {
    const { limits, wheel } = this.context
    const { reader, hasSettings } = this.#frames
    if (this.#isClosing) return
    let waitsFor = NOTHING
    if (this.#hasReadEnded) waitsFor = ANSWER
    else if (this.#isReadPaused) waitsFor = NOTHING
    else if (!hasSettings) waitsFor = PREFACE
    else if (reader.isWithinHead) waitsFor = HEAD
    else if (this.active.size === 0) waitsFor = IDLE
    if (waitsFor === this.#waitsFor && (waitsFor !== HEAD || this.#waitsForHead === reader.heads)) return
    this.#waitsFor = waitsFor
    this.#waitsForHead = reader.heads
    if (waitsFor === NOTHING) wheel.clear(this.#readDeadline)
    else if (waitsFor === ANSWER) wheel.set(this.#readDeadline, limits.halfCloseGraceMs)
    else wheel.set(this.#readDeadline, waitsFor === IDLE ? limits.idleTimeoutMs : limits.headTimeoutMs)
    if (waitsFor === IDLE && this.#spare.length > IDLE_STREAMS_MAX) this.#spare.length = IDLE_STREAMS_MAX
  }

  #onReadTimeout(): void {
    const waitsFor = this.#waitsFor
    this.#waitsFor = NOTHING
    if (waitsFor === PREFACE) this.fail(SETTINGS_TIMEOUT, 'no preface in time')
    else if (waitsFor === HEAD) this.fail(ENHANCE_YOUR_CALM, 'a frame took too long')
    else if (waitsFor === IDLE) this.#leave()
    else if (waitsFor === ANSWER) this.#endUnanswered()
    else {
      this.transport.destroy()
      this.onClosed(new Error('lingered long enough'))
    }
  }

  onReadEnd(): void {
    this.#hasReadEnded = true
    if (this.#isClosing) return
    if (this.active.size === 0) return this.#close()
    for (const stream of this.active.values()) {
      if (!stream.isRemoteClosed)
        stream.abort(new GatewayError('client_closed', 'the client closed within its request body', 'downstream'), null)
    }
    // The client may have closed its sending side alone, or be gone: TCP does not tell. An answer that begins soon is still given.
    this.#watchReading()
  }

  /** Nothing more comes of the client: no window will be opened either. */
  #endUnanswered(): void {
    for (const stream of this.active.values()) {
      if (stream.headSent && !stream.isShut && !this.writer.isWindowShut) continue
      stream.abort(new GatewayError('client_closed', 'the client closed while it waited', 'downstream'), null)
    }
    this.#waitsFor = ANSWER
  }

  // --- streams

  /** Whether more than one is open. */
  get isBusy(): boolean {
    return this.active.size > 1
  }

  takeStream(): ServerStream {
    return this.#spare.pop() ?? new ServerStream(this)
  }

  register(id: number, stream: ServerStream): void {
    this.active.set(id, stream)
  }

  touch(stream: ServerStream): void {
    if (stream.isTouched || !this.writer.isCorked) return
    stream.isTouched = true
    this.#touched.push(stream)
  }

  giveBack(bytes: number): void {
    if (this.#isClosing) return
    const increment = this.window.giveBack(bytes)
    if (increment === 0) return
    this.writer.windowUpdate(0, increment)
    this.writer.flushSoon()
  }

  onMalformed(): void {
    this.#frames.countFault()
  }

  onStreamClosed(stream: ServerStream, isReusable: boolean): void {
    this.active.delete(stream.id)
    stream.close()
    // While streams are ended one by one, each has to be known as what it was.
    if (isReusable && !this.context.draining) this.#spare.push(stream)
    if (this.active.size > 0 || this.#isClosing) return
    if (this.#isLeaving || this.#hasReadEnded) this.#close()
    else if (!this.writer.isCorked) this.#watchReading()
  }

  onStreamReset(stream: ServerStream, code: number): void {
    if (!this.#isClosing) {
      this.closed.add(stream.id)
      this.writer.reset(stream.id, code)
      this.writer.flushSoon()
    }
    this.onStreamClosed(stream, false)
  }

  onMessageFrame(): void {
    this.#frames.abuse.earn('ping', 2)
    this.#frames.abuse.earn('windowUpdate', 4)
  }

  // --- writing

  onWritten(): void {
    if (this.#isGone) return
    const { wheel, limits } = this.context
    const waits = this.writer.stalled || this.writer.isWindowShut
    if (waits === this.#isWriteAwaited) return this.#bound()
    this.#isWriteAwaited = waits
    if (waits) wheel.set(this.#writeDeadline, limits.writeIdleTimeoutMs)
    else wheel.clear(this.#writeDeadline)
    this.#bound()
  }

  /** A client that does not read is not read from either, once much waits for it: it could make us hold ever more. */
  #bound(): void {
    if (this.#isReadPaused || !this.writer.isOverfull || this.#isClosing) return
    this.#isReadPaused = true
    this.transport.pause()
    this.#watchReading()
  }

  onWindowOpen(): void {
    this.#isWriteAwaited = false
    this.context.wheel.clear(this.#writeDeadline)
  }

  onDrain(): void {
    const { writer } = this
    this.#isWriteAwaited = false
    this.context.wheel.clear(this.#writeDeadline)
    writer.onDrain()
    if (this.#isReadPaused && !writer.isOverfull) {
      this.#isReadPaused = false
      this.transport.resume()
      this.#watchReading()
    }
    if (this.#isClosing) return this.#finish()
    writer.pump()
    for (const stream of this.active.values()) stream.sender.onDrain()
    writer.flush()
  }

  // --- the end of things

  /** A connection error: the client is told why, all streams are over. */
  fail(code: number, reason: string): void {
    if (this.#isClosing) return
    this.writer.goAway(this.#frames.lastId, code, reason)
    this.#close()
    this.#abortAll(`the client broke the protocol: ${reason}`)
  }

  #abortAll(detail: string, code: 'client_closed' | 'response_write_timeout' = 'client_closed'): void {
    const error = new GatewayError(code, detail, 'downstream')
    for (const stream of this.active.values()) stream.abort(error, null)
  }

  onGoaway(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    if (this.active.size === 0) this.#close()
  }

  announceDrain(): void {
    if (this.#isClosing || this.#isLeaving) return
    // RFC 9113, 6.8: said first, so that nothing is lost that is on its way.
    this.writer.goAway(STREAM_ID_MAX, NO_ERROR, '')
    this.writer.flush()
  }

  closeWhenIdle(): void {
    this.#leave()
  }

  /** Serves no more streams than have begun, and closes behind them. */
  #leave(): void {
    if (this.#isClosing) return
    this.#isLeaving = true
    if (this.lastServedId === STREAM_ID_MAX) {
      this.lastServedId = this.#frames.lastId
      this.writer.goAway(this.lastServedId, NO_ERROR, '')
      this.writer.flush()
    }
    if (this.active.size === 0) this.#close()
  }

  /** Sends FIN behind what waits, and gives the client time to read it; closing at once would reset the connection under it. */
  #close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#frames.reader.stop()
    this.#waitsFor = CLOSE
    this.writer.flush()
    const { wheel, limits } = this.context
    wheel.set(this.#readDeadline, this.writer.stalled ? limits.writeIdleTimeoutMs : DISCARD_TIMEOUT_MS)
    if (this.#isReadPaused) this.transport.resume()
    this.#finish()
  }

  #finish(): void {
    if (this.#isFinished || this.writer.stalled) return
    this.#isFinished = true
    this.transport.finish()
  }

  streams(): readonly DownstreamStream[] {
    return [...this.active.values()].filter((stream) => stream.isActive && stream.headSent)
  }

  cut(): void {
    this.#gone('the gateway is shutting down')
  }

  #gone(detail: string, code: 'client_closed' | 'response_write_timeout' = 'client_closed'): void {
    this.#abortAll(detail, code)
    this.transport.abort()
    this.onClosed(new Error(detail))
  }

  onClosed(error: Error | null): void {
    if (this.#isGone) return
    this.#isGone = true
    const { wheel, connections } = this.context
    this.#isClosing = true
    this.#frames.reader.stop()
    wheel.clear(this.#readDeadline)
    wheel.clear(this.#writeDeadline)
    this.#abortAll(error?.message ?? 'the client closed the connection')
    connections.add(-1)
    this.#onClosed(this)
  }
}
