import type { BodySink } from '../../core/body.ts'
import type { Headers } from '../../core/headers.ts'
import type { ClientSession } from './client-session.ts'
import type { ClientStream } from './client-stream.ts'
import { SendWindow } from './flow-control.ts'
import { DATA, FLAG_END_STREAM, FRAME_HEADER_BYTES, FRAME_SIZE_MAX, writeFrameHeader } from './frames.ts'
import { HeldBytes } from './held-bytes.ts'

/** The writing half of a stream: a request body within the windows that the service gives (RFC 9113, 5.2). */
export class ClientBody implements BodySink {
  /** The end of the request has been sent; at once for a request without a body. */
  done = false
  readonly #stream: ClientStream
  readonly #session: ClientSession
  readonly #window = new SendWindow()
  /** What waits for a window, or for a service that reads: what one call gave, or what was kept for another try. */
  readonly #held = new HeldBytes()
  #ended = false
  #trailers: Headers | null = null

  constructor(stream: ClientStream, session: ClientSession) {
    this.#stream = stream
    this.#session = session
  }

  /** Begins with the body of the request whose head is written now. @param length 0 for none. @param window the service's first one */
  begin(length: number, window: number): void {
    this.done = length === 0
    this.#window.left = window
    this.#ended = false
    this.#trailers = null
  }

  get stalled(): boolean {
    return !this.#held.isEmpty || this.#session.output.stalled
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    if (this.done || this.#stream.isClosed) return true
    const at = this.#held.isEmpty ? this.#write(bytes, start, end) : start
    if (at < end) this.#held.push(bytes, at, end)
    if (!this.stalled) return true
    this.#session.queue(this)
    return false
  }

  onEnd(trailers: Headers | null): void {
    if (this.done || this.#stream.isClosed) return
    if (this.#held.isEmpty) return this.#finish(trailers)
    this.#ended = true
    // They are the source's only during this call.
    this.#trailers = trailers?.clone() ?? null
  }

  onError(): void {
    this.#stream.abort()
  }

  /** Frames of one turn leave together at its end. */
  flush(): void {}

  /** Forgets the body: the stream is over. */
  drop(): void {
    this.#held.clear()
    this.#session.unqueue(this)
  }

  /** Widens the window, or, by SETTINGS, narrows it below zero too (RFC 9113, 6.9.2). Returns false when it becomes larger than it may be. */
  widen(increment: number): boolean {
    return this.#window.widen(increment)
  }

  /** Windows are wider, or the service reads again. Returns whether it waits no more; its source is told by who asked. */
  pump(): boolean {
    for (let piece = this.#held.shift(); piece !== undefined; piece = this.#held.shift()) {
      const at = this.#write(piece, 0, piece.length)
      if (at === piece.length) continue
      this.#held.unshift(piece.subarray(at))
      return false
    }
    if (this.#session.output.stalled) return false
    if (this.#ended) this.#finish(this.#trailers)
    return true
  }

  tellWritable(): void {
    this.#stream.onWritable()
  }

  /** Writes as much of `bytes[start..end)` as may be sent now. Returns where the rest begins. */
  #write(bytes: Buffer, start: number, end: number): number {
    const { output } = this.#session
    let at = start
    while (at < end && !output.stalled) {
      const size = Math.min(end - at, this.#window.left, this.#session.window.left, FRAME_SIZE_MAX)
      if (size <= 0) break
      const offset = output.begin(FRAME_HEADER_BYTES + size)
      const body = writeFrameHeader(output.target, offset, size, DATA, 0, this.#stream.id)
      output.end(body + bytes.copy(output.target, body, at, at + size))
      this.#window.left -= size
      this.#session.window.left -= size
      at += size
    }
    return at
  }

  #finish(trailers: Headers | null): void {
    this.done = true
    if (trailers !== null && this.#session.writeTrailers(this.#stream.id, trailers)) return
    const { output } = this.#session
    const at = output.begin(FRAME_HEADER_BYTES)
    output.end(writeFrameHeader(output.target, at, 0, DATA, FLAG_END_STREAM, this.#stream.id))
  }
}
