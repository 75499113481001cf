import { type BodySink, LENGTH_UNKNOWN } from '../../core/body.ts'
import { writeAscii } from '../../core/field-text.ts'
import type { Headers } from '../../core/headers.ts'
import { upstreamOutput } from '../output.ts'
import type { Transport } from '../transport.ts'
import { chunkHeadBytesMax, LAST_CHUNK, writeChunkHead, writeLastChunk } from './wire.ts'

/** The connection that the body is written to. */
export interface RequestBodyOwner {
  readonly transport: Transport
  readonly isClosed: boolean
  /** The body broke off: the request is no whole message. */
  abort(): void
}

/** The writing half of a client connection: one request body at a time, framed as its head says; whole only when its source says so. */
export class RequestBodyWriter implements BodySink {
  /** The whole body has been written; at once for a request without one. */
  done = false
  readonly #owner: RequestBodyOwner
  #isChunked = false

  constructor(owner: RequestBodyOwner) {
    this.#owner = owner
  }

  /** Begins with the body of the request whose head is written now. @param length in bytes, 0 for none, LENGTH_UNKNOWN for chunked */
  begin(length: number): void {
    this.#isChunked = length === LENGTH_UNKNOWN
    this.done = length === 0
  }

  onData(bytes: Buffer, start: number, end: number): boolean {
    const { transport, isClosed } = this.#owner
    const size = end - start
    if (size === 0 || isClosed) return true
    const output = upstreamOutput
    output.begin(transport)
    if (this.#isChunked) {
      output.reserve(size + chunkHeadBytesMax + 2)
      output.length = writeChunkHead(output.buffer, output.length, size)
    }
    output.append(bytes, start, end)
    if (this.#isChunked) output.length = writeAscii(output.buffer, output.length, '\r\n')
    return !transport.stalled
  }

  onEnd(trailers: Headers | null): void {
    const { transport, isClosed } = this.#owner
    if (isClosed) return
    const output = upstreamOutput
    output.begin(transport)
    if (this.#isChunked) {
      if (trailers === null) output.append(LAST_CHUNK, 0, LAST_CHUNK.length)
      else writeLastChunk(output, trailers)
    }
    output.flush()
    this.done = true
  }

  onError(): void {
    this.#owner.abort()
  }

  flush(): void {
    const { transport, isClosed } = this.#owner
    if (isClosed) return
    upstreamOutput.begin(transport)
    upstreamOutput.flush()
  }
}
