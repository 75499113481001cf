import type { BodySink } from '../core/body.ts'
import type { UpstreamRequest } from './h1/request-head.ts'

/**
 * What carries one request to a target and its response back: a connection of HTTP/1.1, or a stream of HTTP/2. It tells an
 * `UpstreamHandler` what becomes of it.
 */
export interface UpstreamConnection {
  /** Takes the request body once {@link send} has been called. */
  readonly requestBody: BodySink
  /** Whether a request can be sent now; otherwise `onConnected` tells. */
  readonly idle: boolean
  /** Requests that its connection has carried before: a first request cannot meet a connection that died of age. */
  readonly requestsServed: number
  /** Whether a request can still be refused unread when its body is under way, so that any method may be tried again (RFC 9113, 8.7). */
  readonly mayRefuse: boolean
  /** The service takes no more of the body for now: `onWritable` tells when it does. */
  readonly stalled: boolean
  /** Writes the request head; with a body, it goes out together with what of the body is there (`requestBody.flush`). */
  send(request: UpstreamRequest): void
  /** Reads no more of the response, until {@link resume}. */
  pause(): void
  resume(): void
  /** Nobody wants the rest of the response: it is read where that keeps the connection, otherwise this is {@link abort}. */
  discard(): void
  /** Gives the request up: the service sees that nobody waits for it any more. */
  abort(): void
  /** For a handler in its `onEnd`: the response's headers stay valid until {@link giveBack}. */
  detain(): void
  giveBack(): void
}
