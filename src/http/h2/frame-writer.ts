import type { Headers } from '../../core/headers.ts'
import { httpDate } from '../h1/wire.ts'
import { downstreamOutput } from '../output.ts'
import type { Transport } from '../transport.ts'
import { SendWindow } from './flow-control.ts'
import {
  DATA,
  FLAG_END_STREAM,
  FRAME_HEADER_BYTES,
  FRAME_SIZE_MAX,
  frameBlock,
  GOAWAY_REASON_MAX,
  writeFrameHeader,
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from './frames.ts'
import { HpackEncoder } from './hpack-encoder.ts'
import { PeerSettings } from './settings.ts'

/** What may wait besides DATA for a client that does not read, before that client is not read from either. */
const WAITING_BYTES_MAX = 64 * 1024

/** What a head takes besides its headers, a change of the table's size included. */
const STATUS_AND_DATE_BYTES_MAX = 128

const CRUMB_BYTES = 256

/** A stream with data that could be sent. */
export interface PendingSender {
  /** Sends one frame of it, and queues itself again when there is more that may be sent. */
  sendPending(): void
}

/** What the writer asks of its session. */
export interface WriterOwner {
  /** Whether other streams are likely to write in the same turn of the loop, so that one system call may do for all. */
  readonly isBusy: boolean
  /** What was written has been handed over; see {@link FrameWriter.stalled} and {@link FrameWriter.isWindowShut}. */
  onWritten(): void
  /** A frame has carried a part of a message. */
  onMessageFrame(): void
}

/**
 * The writing half of a session. Frames of one turn leave together: at the end of the read that made them, or, where streams write for
 * themselves and there are several, at the end of the turn. While the client does not read, DATA stays with its stream, and all else is kept
 * here; the session then stops to read when it is much.
 */
export class FrameWriter {
  readonly settings: PeerSettings = new PeerSettings()
  /** The client's window for the connection. */
  readonly window: SendWindow = new SendWindow()
  readonly #transport: Transport
  readonly #owner: WriterOwner
  readonly #encoder = new HpackEncoder()
  /** Where the frame that is being written goes: into the output, or {@link #held}. */
  #target: Buffer = EMPTY
  #held: Buffer | null = null
  #heldLength = 0
  /** Where the last frame begins in the output, and which of its fillings that was; see {@link endStreamOf}. */
  #frameAt = 0
  #queue: PendingSender[] = []
  #isTurnAwaited = false
  #isPumping = false
  /** The session is at its read, and flushes at its end. */
  isCorked = false
  readonly #onTurn = (): void => {
    this.#isTurnAwaited = false
    this.pump()
    this.flush()
  }

  constructor(transport: Transport, owner: WriterOwner) {
    this.#transport = transport
    this.#owner = owner
  }

  /** No DATA is to be written now. */
  get stalled(): boolean {
    return this.#transport.stalled
  }

  /** So much waits for the client that nothing more is to be done for it. */
  get isOverfull(): boolean {
    return this.#heldLength > WAITING_BYTES_MAX
  }

  /** Streams wait because the client's window for the connection is used up. */
  get isWindowShut(): boolean {
    return this.#queue.length > 0 && this.window.left <= 0
  }

  // --- frames

  /** Makes room for a frame of so many bytes in {@link #target}. Returns where it goes. */
  #begin(bytesMax: number): number {
    const output = downstreamOutput
    if (!this.#transport.stalled) {
      output.begin(this.#transport)
      output.reserve(bytesMax)
      // Making room may have sent what was there, and found out that no more is taken.
      if (!this.#transport.stalled) {
        this.#target = output.buffer
        return output.length
      }
    }
    const needed = this.#heldLength + bytesMax
    if (this.#held === null || this.#held.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, needed * 2))
      this.#held?.copy(larger, 0, 0, this.#heldLength)
      this.#held = larger
    }
    this.#target = this.#held
    return this.#heldLength
  }

  #end(start: number, end: number): void {
    if (this.#target === this.#held) this.#heldLength = end
    else {
      downstreamOutput.length = end
      this.#frameAt = start
    }
    this.#target = EMPTY
  }

  /**
   * A mark of the frame that was written last, for {@link endStreamOf}: where it lies in the output. -1 when it cannot be changed any more.
   * Together with `downstreamOutput.flushes` of the same moment it says whether it is still there.
   */
  get lastFrameAt(): number {
    return this.#transport.stalled ? -1 : this.#frameAt
  }

  /** Sets END_STREAM on a frame that has not gone out. Returns false when it has. */
  endStreamOf(frameAt: number, flushes: number): boolean {
    const output = downstreamOutput
    if (frameAt === -1 || output.flushes !== flushes || this.#transport.stalled) return false
    output.buffer[frameAt + 4] = (output.buffer[frameAt + 4] as number) | FLAG_END_STREAM
    return true
  }

  /** Writes HEADERS, and CONTINUATION where the block is long. @param contentLength what goes as Content-Length besides; -1 for none */
  headers(streamId: number, flags: number, status: number, headers: Headers | null, contentLength = -1): void {
    let bytesMax = STATUS_AND_DATE_BYTES_MAX + FRAME_HEADER_BYTES
    if (headers !== null) bytesMax += HpackEncoder.sizeMax(headers)
    bytesMax += FRAME_HEADER_BYTES * Math.ceil(bytesMax / FRAME_SIZE_MAX)
    const start = this.#begin(bytesMax)
    const target = this.#target
    const encoder = this.#encoder
    encoder.begin(target, start + FRAME_HEADER_BYTES)
    encoder.writeStatus(status)
    if (headers !== null) encoder.writeHeaders(headers)
    if (status >= 200 && headers?.has('Date') !== true) encoder.writeField('date', httpDate())
    if (contentLength !== -1) encoder.writeField('content-length', String(contentLength))
    this.#owner.onMessageFrame()
    this.#end(start, frameBlock(target, start, encoder.end(), flags, streamId, FRAME_SIZE_MAX))
  }

  /** Writes the HEADERS that end a stream. */
  trailers(streamId: number, trailers: Headers): void {
    const blockMax = HpackEncoder.sizeMax(trailers) + STATUS_AND_DATE_BYTES_MAX
    const start = this.#begin(blockMax + FRAME_HEADER_BYTES * (1 + Math.ceil(blockMax / FRAME_SIZE_MAX)))
    const target = this.#target
    this.#encoder.begin(target, start + FRAME_HEADER_BYTES)
    this.#encoder.writeHeaders(trailers)
    this.#end(start, frameBlock(target, start, this.#encoder.end(), FLAG_END_STREAM, streamId, FRAME_SIZE_MAX))
  }

  /**
   * Writes one DATA frame of at most {@link FRAME_SIZE_MAX} bytes, which the windows must have room for.
   * @param isCut whether a window left room for no more
   */
  data(streamId: number, bytes: Buffer, start: number, end: number, isCut: boolean): void {
    const at = this.#begin(FRAME_HEADER_BYTES + end - start)
    const body = writeFrameHeader(this.#target, at, end - start, DATA, 0, streamId)
    this.#end(at, body + bytes.copy(this.#target, body, start, end))
    this.window.left -= end - start
    // Crumbs for which the client opens its window byte by byte are no service to it.
    if (end - start >= CRUMB_BYTES || !isCut) this.#owner.onMessageFrame()
  }

  /** Writes an empty DATA frame that ends a stream. */
  endStream(streamId: number): void {
    const at = this.#begin(FRAME_HEADER_BYTES)
    this.#end(at, writeFrameHeader(this.#target, at, 0, DATA, FLAG_END_STREAM, streamId))
  }

  reset(streamId: number, code: number): void {
    const at = this.#begin(FRAME_HEADER_BYTES + 4)
    this.#end(at, writeRstStream(this.#target, at, streamId, code))
  }

  /** Tells the client that it may send so much more; 0 says nothing. */
  windowUpdate(streamId: number, increment: number): void {
    if (increment === 0) return
    const at = this.#begin(FRAME_HEADER_BYTES + 4)
    this.#end(at, writeWindowUpdate(this.#target, at, streamId, increment))
  }

  ownSettings(pairs: readonly number[]): void {
    const at = this.#begin(FRAME_HEADER_BYTES + pairs.length * 3)
    this.#end(at, writeSettings(this.#target, at, pairs))
  }

  /** The client's settings have been taken over into {@link settings}. */
  acknowledgeSettings(): void {
    this.#encoder.setTableSizeMax(this.settings.headerTableSize)
    const at = this.#begin(FRAME_HEADER_BYTES)
    this.#end(at, writeSettingsAck(this.#target, at))
  }

  answerPing(payload: Buffer, start: number): void {
    const at = this.#begin(FRAME_HEADER_BYTES + 8)
    this.#end(at, writePing(this.#target, at, true, payload, start))
  }

  goAway(lastStreamId: number, code: number, reason: string): void {
    const at = this.#begin(FRAME_HEADER_BYTES + 8 + GOAWAY_REASON_MAX)
    this.#end(at, writeGoaway(this.#target, at, lastStreamId, code, reason))
  }

  // --- when it goes out

  /** What was written should go out soon. */
  flushSoon(): void {
    if (this.isCorked) return
    if (this.#owner.isBusy) this.#awaitTurn()
    else this.flush()
  }

  /** Hands over what was written, now. */
  flush(): void {
    downstreamOutput.flushOf(this.#transport)
    this.#owner.onWritten()
  }

  /** Goes on with what waits at the end of this turn of the loop, behind all that other connections have received in it. */
  #awaitTurn(): void {
    if (this.#isTurnAwaited) return
    this.#isTurnAwaited = true
    setImmediate(this.#onTurn)
  }

  // --- streams that wait

  /** Takes a stream into the round of those that have data which their own windows let pass. It must not be in there already. */
  queue(sender: PendingSender): void {
    this.#queue.push(sender)
    if (!this.isCorked && !this.#isPumping && this.window.left > 0 && !this.#transport.stalled) this.#awaitTurn()
  }

  unqueue(sender: PendingSender): void {
    const index = this.#queue.indexOf(sender)
    if (index !== -1) this.#queue.splice(index, 1)
  }

  /** Sends what may be sent, a frame of each stream in turn. */
  pump(): void {
    if (this.#queue.length === 0 || this.#transport.closed) return
    this.#isPumping = true
    for (let sender = this.#next(); sender !== null; sender = this.#next()) sender.sendPending()
    this.#isPumping = false
  }

  #next(): PendingSender | null {
    if (this.#queue.length === 0 || this.window.left <= 0 || this.#transport.stalled) return null
    return this.#queue.shift() ?? null
  }

  /** The client reads again: what was kept goes first. */
  onDrain(): void {
    const held = this.#held
    if (held === null) return
    const length = this.#heldLength
    this.#held = null
    this.#heldLength = 0
    const at = this.#begin(length)
    this.#end(at, at + held.copy(this.#target, at, 0, length))
    this.flush()
  }
}

const EMPTY = Buffer.alloc(0)
