import { type BodySink, LENGTH_UNKNOWN } from '../../core/body.ts'
import type { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import { EventBoundary, isEventStream } from '../event-boundary.ts'
import { downstreamOutput } from '../output.ts'
import { ByteQueue } from './byte-queue.ts'
import { SendWindow } from './flow-control.ts'
import type { FrameWriter, PendingSender } from './frame-writer.ts'
import { FRAME_SIZE_MAX } from './frames.ts'

/** What one stream may write ahead of others that are there, before it takes its turn among them. */
const QUANTUM_BYTES = 64 * 1024

/** What the sender asks of its stream. */
export interface SenderOwner {
  /** Whether other streams of the connection are open. */
  readonly isBusy: boolean
  /** The response has been handed over whole; some of it may still wait for the client's windows. */
  onHandedOver(): void
  /** END_STREAM has been written. */
  onSent(): void
  /** What waited has been written: more can be given. */
  onWritable(): void
  /** Whether data waits because the client's window for this stream is used up; told after each change. */
  onWindow(isClosed: boolean): void
  /** The response cannot be finished: the stream has to be reset. */
  onBrokenOff(): void
}

/** The writing half of a stream: one response within the windows that the client gives (RFC 9113, 5.2 and 8.1). */
export class ResponseSender implements BodySink, PendingSender {
  headSent = false
  readonly window: SendWindow = new SendWindow()
  readonly #writer: FrameWriter
  readonly #owner: SenderOwner
  #streamId = 0
  #exchange: Exchange | null = null
  /** Whether the message has a body at all: not after HEAD, 204 and 304. */
  #hasBody = false
  /** Bytes of the body still to come; LENGTH_UNKNOWN where it ends by END_STREAM alone. */
  #remaining = 0
  /** What waits for a window or for a client that reads: what one call gave at most, since callers pause. */
  readonly #pending = new ByteQueue()
  #isHandedOver = false
  #trailers: Headers | null = null
  /** The stream is over for us: nothing is written any more. */
  #isClosed = true
  #isQueued = false
  #wantsDrain = false
  /** The body ends where the event that is under way does. */
  #endsWithEvent = false
  readonly #events = new EventBoundary()
  /** The stream's last frame, as long as END_STREAM can still be set on it. */
  #frameAt = -1
  #frameFlushes = 0

  constructor(writer: FrameWriter, owner: SenderOwner) {
    this.#writer = writer
    this.#owner = owner
  }

  /** Begins with a new stream. */
  begin(streamId: number): void {
    this.#streamId = streamId
    this.window.left = this.#writer.settings.initialWindowSize
    this.headSent = false
    this.#exchange = null
    this.#isHandedOver = false
    this.#trailers = null
    this.#isClosed = false
    this.#wantsDrain = false
    this.#endsWithEvent = false
    this.#events.reset()
    this.#frameAt = -1
  }

  /** Forgets what waits: the stream is over. */
  close(): void {
    this.#isClosed = true
    this.#pending.clear()
    if (this.#isQueued) this.#writer.unqueue(this)
    this.#isQueued = false
    this.#trailers = null
    this.#exchange = null
  }

  sendInformational(status: number, headers: Headers | null): void {
    if (this.#isClosed) return
    this.#writer.headers(this.#streamId, 0, status, headers)
    this.#writer.flushSoon()
  }

  sendHead(exchange: Exchange): void {
    if (this.#isClosed) return
    const { response, request } = exchange
    const { headers, status, bodyLength } = response
    this.headSent = true
    this.#exchange = exchange
    const mayHaveBody = status !== 204 && status !== 304
    this.#hasBody = mayHaveBody && request.method !== 'HEAD'
    this.#remaining = bodyLength
    // RFC 9110, 8.6: for HEAD it says what GET would have sent, and is left out when that is not known.
    const stated = mayHaveBody && status >= 200 && bodyLength !== LENGTH_UNKNOWN && !headers.has('Content-Length') ? bodyLength : -1
    this.#writer.headers(this.#streamId, 0, status, headers, stated)
    this.#noteFrame()
  }

  #noteFrame(): void {
    this.#frameAt = this.#writer.lastFrameAt
    this.#frameFlushes = downstreamOutput.flushes
  }

  // --- the body

  onData(bytes: Buffer, start: number, end: number, isStable = false): boolean {
    const size = end - start
    if (size === 0 || !this.#hasBody || this.#isClosed || this.#isHandedOver) return true
    if (this.#endsWithEvent) return this.#endWithin(bytes, start, end)
    if (this.#remaining !== LENGTH_UNKNOWN) {
      // RFC 9113, 8.1.1: more than was stated makes the message malformed.
      if (size > this.#remaining) return this.#breakOff()
      this.#remaining -= size
    } else this.#events.note(bytes, start, end)
    if (this.#exchange !== null) this.#exchange.responseBytes += size
    const at = this.#pending.length === 0 ? this.#write(bytes, start, end, this.#owner.isBusy ? QUANTUM_BYTES : size) : start
    // A hundred streams whose client does not read would otherwise each hold a copy of the same answer of a cache.
    if (isStable) this.#pending.keep(bytes.subarray(at, end))
    else this.#pending.push(bytes, at, end)
    this.#waitFor()
    const takesMore = this.#pending.length === 0 && !this.#writer.stalled
    if (!takesMore) this.#wantsDrain = true
    return takesMore
  }

  /** Writes as much of `bytes[start..end)` as may be sent now, but no more than `bytesMax`. Returns where the rest begins. */
  #write(bytes: Buffer, start: number, end: number, bytesMax: number): number {
    const writer = this.#writer
    const last = Math.min(end, start + bytesMax)
    let at = start
    while (at < last && !writer.stalled) {
      const wanted = Math.min(last - at, FRAME_SIZE_MAX)
      const size = Math.min(wanted, this.window.left, writer.window.left)
      if (size <= 0) break
      writer.data(this.#streamId, bytes, at, at + size, size < wanted)
      this.#noteFrame()
      this.window.left -= size
      at += size
    }
    return at
  }

  /** Takes its place among the streams that wait for a turn, or waits for its own window. */
  #waitFor(): void {
    const waits = this.#pending.length > 0
    const isShut = waits && this.window.left <= 0
    if (waits && !isShut && !this.#isQueued) {
      this.#isQueued = true
      this.#writer.queue(this)
    }
    this.#owner.onWindow(isShut)
  }

  sendPending(): void {
    this.#isQueued = false
    const piece = this.#pending.first()
    if (piece !== null) this.#pending.drop(this.#write(piece, 0, piece.length, FRAME_SIZE_MAX))
    this.#waitFor()
    if (this.#pending.length > 0) return
    if (!this.#isHandedOver) return this.onDrain()
    this.#writeEnd(this.#trailers)
    this.#owner.onSent()
  }

  /** The client's window for the stream is wider. Returns false when it is wider than it may be. */
  widen(increment: number): boolean {
    if (!this.window.widen(increment)) return false
    if (!this.#isClosed) this.#waitFor()
    return true
  }

  /** The client reads again: who was told to pause may go on. */
  onDrain(): void {
    if (!this.#wantsDrain || this.#pending.length > 0 || this.#writer.stalled || this.#isHandedOver) return
    this.#wantsDrain = false
    this.#owner.onWritable()
  }

  onEnd(trailers: Headers | null): void {
    if (this.#isClosed || this.#isHandedOver) return
    if (this.#hasBody && this.#remaining > 0) {
      this.#breakOff()
      return
    }
    this.#isHandedOver = true
    const sent = this.#hasBody && trailers !== null && trailers.sizeMax() > 0 ? trailers : null
    const isSent = this.#pending.length === 0
    if (isSent) this.#writeEnd(sent)
    // They are the source's only during this call.
    else this.#trailers = sent?.clone() ?? null
    this.#owner.onHandedOver()
    if (isSent) this.#owner.onSent()
    this.#writer.flushSoon()
  }

  #writeEnd(trailers: Headers | null): void {
    const writer = this.#writer
    if (trailers !== null) writer.trailers(this.#streamId, trailers)
    else if (!writer.endStreamOf(this.#frameAt, this.#frameFlushes)) writer.endStream(this.#streamId)
    this.#isClosed = true
  }

  /** The message must not look whole: the stream is reset. */
  onError(_error: GatewayError): void {
    this.#breakOff()
  }

  #breakOff(): false {
    if (!this.#isClosed) this.#owner.onBrokenOff()
    return false
  }

  flush(): void {
    this.#writer.flushSoon()
  }

  // --- event streams

  /**
   * Has a stream of server-sent events end, at once or where the event that is under way does.
   * @returns whether this is one that can be ended so
   */
  endWithEvent(): boolean {
    const exchange = this.#exchange
    if (exchange === null || !this.#hasBody || this.#remaining !== LENGTH_UNKNOWN || this.#isHandedOver) return false
    if (!isEventStream(exchange.response.headers)) return false
    this.#endsWithEvent = true
    if (this.#events.isBetweenEvents) this.onEnd(null)
    return true
  }

  /** Writes what belongs to the event that is under way, and ends the body behind it; all of it when it does not end here. */
  #endWithin(bytes: Buffer, start: number, end: number): boolean {
    const eventEnd = this.#events.endWithin(bytes, start, end)
    this.#endsWithEvent = false
    const more = this.onData(bytes, start, eventEnd === -1 ? end : eventEnd)
    if (eventEnd === -1) {
      this.#endsWithEvent = true
      return more
    }
    this.onEnd(null)
    return false
  }
}
