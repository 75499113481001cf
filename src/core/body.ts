import type { GatewayError } from './errors.ts'
import type { Headers } from './headers.ts'

/** Length of a body that ends by its framing (chunked, or the close of the connection) and is not known beforehand. */
export const LENGTH_UNKNOWN = -1

/** Takes a body's bytes. Every call is synchronous; exactly one of `onEnd` and `onError` comes last. */
export interface BodySink {
  /**
   * Takes `bytes[start..end)`. They are valid during the call only: who needs them longer copies them.
   * @param isStable whether nobody changes them any more, so that they may be kept as they are: a whole body of a cache, say
   * @returns false when the source should pause until it is told to resume.
   */
  onData(bytes: Buffer, start: number, end: number, isStable?: boolean): boolean
  /** The body is complete. Trailers are valid during the call only. */
  onEnd(trailers: Headers | null): void
  /** The body breaks off here; what came before is not a whole message. */
  onError(error: GatewayError): void
  /** The source has nothing more for now: what was held back to be written in one piece should go out. */
  flush(): void
}

/** Takes a request body in before it is known who calls, for a credential in it. For all others it is then there as it would have been. */
export interface EarlyBody {
  /** @returns the body, or why it cannot be taken in. Never settles where it breaks off: the exchange has ended then */
  read(bytesMax: number): Promise<Buffer | 'too large' | 'no room'>
  /** Has another body take the place of the one that was read. */
  replace(body: Buffer): void
}

/** Gives a body's bytes once it has been started. */
export interface BodySource {
  /** Bytes to come, {@link LENGTH_UNKNOWN}, or 0 for no body. */
  readonly length: number
  /** Begins the flow; what has been received already is given within the call. */
  start(sink: BodySink): void
  pause(): void
  resume(): void
}
