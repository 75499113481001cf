import {
  CONTINUATION,
  DATA,
  FLAG_ACK,
  FLAG_END_HEADERS,
  FLAG_PADDED,
  FLAG_PRIORITY,
  FRAME_HEADER_BYTES,
  FRAME_SIZE_ERROR,
  FRAME_SIZE_MAX,
  GOAWAY,
  HEADERS,
  NO_ERROR,
  PING,
  PRIORITY,
  PROTOCOL_ERROR,
  PUSH_PROMISE,
  RST_STREAM,
  readUint31,
  SETTINGS,
  WINDOW_UPDATE,
} from './frames.ts'

/** What a connection does with the frames it receives. The frame's type, flags and stream are in the reader. */
export interface FrameSink {
  /** A frame has begun: its header is here. Of DATA, `length` bytes count against the windows, padding included (RFC 9113, 6.9.1). */
  onFrameBegin(): void
  /** A piece of the data of a DATA frame, without padding, as it comes; valid during the call only. */
  onData(bytes: Buffer, start: number, end: number): void
  /**
   * A frame is whole. `bytes[start..end)` is its payload, valid during the call only: of HEADERS the fragment of the block alone, of DATA
   * nothing, since that was given already.
   */
  onFrame(bytes: Buffer, start: number, end: number): void
  /** The peer breaks the protocol: a connection error (RFC 9113, 5.4.1). Nothing more is read. */
  onFrameFault(code: number, reason: string): void
}

/**
 * Reads frames from bytes in whatever pieces they come, and judges what needs no knowledge of streams: sizes, padding, the stream identifiers
 * that a type may have, and that nothing comes between the frames of a field block (RFC 9113, 4 and 6).
 */
export class FrameReader {
  type = 0
  flags = 0
  streamId = 0
  /** Length of the payload as it stands in the header. */
  length = 0
  /** The stream that a HEADERS or PRIORITY frame wants to depend on; -1 where it says nothing. The scheme itself is gone from RFC 9113. */
  dependency = -1
  /** Counts what has been read whole: frames, of which those of one field block are one. */
  heads = 0
  readonly #sink: FrameSink
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #headerLength = 0
  /** Bytes of the payload still to come; -1 between frames. */
  #left = -1
  /** A payload that comes in more than one read; null while none has. */
  #partial: Buffer | null = null
  #partialLength = 0
  /** Of a DATA frame: padding at its end, -1 while the byte that says so is still to come. */
  #padding = 0
  /** The stream whose field block goes on in CONTINUATION frames; 0 for none. */
  #continues = 0
  #stopped = false

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Something other than DATA has begun and is not whole, a frame or a field block, so that nothing else can come before its end. */
  get isWithinHead(): boolean {
    return this.#continues !== 0 || (this.#left === -1 ? this.#headerLength > 0 : this.type !== DATA)
  }

  /** Reads nothing more, in a call of {@link read} that is under way neither. */
  stop(): void {
    this.#stopped = true
    this.#partial = null
  }

  /** Reads `bytes[start..end)`, all of it. */
  read(bytes: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && !this.#stopped) at = this.#left === -1 ? this.#readHeader(bytes, at, end) : this.#readPayload(bytes, at, end)
  }

  #readHeader(bytes: Buffer, start: number, end: number): number {
    if (this.#headerLength === 0 && end - start >= FRAME_HEADER_BYTES) {
      this.#begin(bytes, start)
      return start + FRAME_HEADER_BYTES
    }
    const taken = Math.min(end - start, FRAME_HEADER_BYTES - this.#headerLength)
    bytes.copy(this.#header, this.#headerLength, start, start + taken)
    this.#headerLength += taken
    if (this.#headerLength === FRAME_HEADER_BYTES) {
      this.#headerLength = 0
      this.#begin(this.#header, 0)
    }
    return start + taken
  }

  #begin(header: Buffer, at: number): void {
    this.length = ((header[at] as number) << 16) | ((header[at + 1] as number) << 8) | (header[at + 2] as number)
    this.type = header[at + 3] as number
    this.flags = header[at + 4] as number
    this.streamId = readUint31(header, at + 5)
    this.dependency = -1
    const fault = this.length > FRAME_SIZE_MAX ? FRAME_SIZE_ERROR : this.#judge()
    if (fault !== NO_ERROR) return this.#fail(fault, fault === FRAME_SIZE_ERROR ? 'frame size' : 'frame not allowed here')
    this.#padding = this.type === DATA && (this.flags & FLAG_PADDED) !== 0 ? -1 : 0
    this.#left = this.length
    this.#sink.onFrameBegin()
    if (this.length === 0 && !this.#stopped) this.#finish(header, at, at)
  }

  /** NO_ERROR, or what is wrong with the header. */
  #judge(): number {
    const { type, length, streamId } = this
    if (this.#continues !== 0 ? type !== CONTINUATION || streamId !== this.#continues : type === CONTINUATION) return PROTOCOL_ERROR
    switch (type) {
      case DATA:
      case HEADERS: {
        if (streamId === 0) return PROTOCOL_ERROR
        const least = (this.flags & FLAG_PADDED ? 1 : 0) + (type === HEADERS && this.flags & FLAG_PRIORITY ? 5 : 0)
        return length < least ? FRAME_SIZE_ERROR : NO_ERROR
      }
      case PRIORITY:
        return streamId === 0 ? PROTOCOL_ERROR : length === 5 ? NO_ERROR : FRAME_SIZE_ERROR
      case RST_STREAM:
        return streamId === 0 ? PROTOCOL_ERROR : length === 4 ? NO_ERROR : FRAME_SIZE_ERROR
      case SETTINGS:
        if (streamId !== 0) return PROTOCOL_ERROR
        return (this.flags & FLAG_ACK ? length === 0 : length % 6 === 0) ? NO_ERROR : FRAME_SIZE_ERROR
      case PING:
        return streamId !== 0 ? PROTOCOL_ERROR : length === 8 ? NO_ERROR : FRAME_SIZE_ERROR
      case GOAWAY:
        return streamId !== 0 ? PROTOCOL_ERROR : length >= 8 ? NO_ERROR : FRAME_SIZE_ERROR
      case WINDOW_UPDATE:
        return length === 4 ? NO_ERROR : FRAME_SIZE_ERROR
      case PUSH_PROMISE:
        // We push nothing, and let nobody push (RFC 9113, 8.4).
        return PROTOCOL_ERROR
      default:
        return NO_ERROR
    }
  }

  #readPayload(bytes: Buffer, start: number, end: number): number {
    const at = Math.min(end, start + this.#left)
    if (this.type === DATA) this.#readData(bytes, start, at)
    else if (this.type > CONTINUATION) this.#left -= at - start
    else if (this.#partial === null && at - start === this.#left) this.#left = 0
    else {
      this.#partial ??= Buffer.allocUnsafe(this.length)
      this.#partialLength += bytes.copy(this.#partial, this.#partialLength, start, at)
      this.#left -= at - start
    }
    if (this.#left > 0 || this.#stopped) return at
    const partial = this.#partial
    if (partial === null) this.#finish(bytes, start, at)
    else {
      this.#partial = null
      this.#partialLength = 0
      this.#finish(partial, 0, partial.length)
    }
    return at
  }

  #readData(bytes: Buffer, start: number, end: number): void {
    let from = start
    if (this.#padding === -1) {
      this.#padding = bytes[from++] as number
      this.#left--
      if (this.#padding > this.#left) return this.#fail(PROTOCOL_ERROR, 'padding too long')
    }
    const dataEnd = Math.min(end, from + this.#left - this.#padding)
    this.#left -= end - from
    if (dataEnd > from) this.#sink.onData(bytes, from, dataEnd)
  }

  #finish(bytes: Buffer, start: number, end: number): void {
    const { type, flags } = this
    let from = start
    let to = end
    if (type === DATA || type > CONTINUATION) from = to
    else if (type === HEADERS) {
      if (flags & FLAG_PADDED) to -= bytes[from++] as number
      if (flags & FLAG_PRIORITY) {
        this.dependency = readUint31(bytes, from)
        from += 5
      }
      // RFC 9113, 6.2: as long as the padding fits in, it may take all that is left.
      if (from > to) return this.#fail(PROTOCOL_ERROR, 'padding too long')
    } else if (type === PRIORITY) this.dependency = readUint31(bytes, from)
    if (type === HEADERS || type === CONTINUATION) this.#continues = flags & FLAG_END_HEADERS ? 0 : this.streamId
    this.#left = -1
    if (this.#continues === 0) this.heads++
    this.#sink.onFrame(bytes, from, to)
  }

  #fail(code: number, reason: string): void {
    this.stop()
    this.#sink.onFrameFault(code, reason)
  }
}
