import type { ClientCertificate } from '../core/client-certificate.ts'
import type { Clock } from '../core/clock.ts'
import type { ErrorCode, GatewayError } from '../core/errors.ts'
import type { Exchange, ListenerInfo, TlsFacts } from '../core/exchange.ts'
import type { Limits } from '../core/limits.ts'
import type { Counter, Gauge } from '../core/observe.ts'
import type { TimerWheel } from '../core/timers.ts'

/** What drives one exchange; a connection has one, made with it. Called synchronously, and never again after `onFinished`. */
export interface ExchangeHandler {
  /** A whole, well-formed request head is in `exchange.request`. */
  onRequest(): void
  /** The bytes were no request that can be served: answer with this code and close. */
  onRefused(code: ErrorCode): void
  /** The client is gone or its body broke off; nothing can be answered any more. */
  onAborted(error: GatewayError): void
  /** The response waited for the client, which takes bytes again. */
  onDrain(): void
  /** The response has been handed over whole. */
  onFinished(): void
}

/** One client connection, as its listener sees it. */
export interface DownstreamConnection {
  /** The gateway goes away: where the protocol can say so, it is said now. Requests that are on their way are still served. */
  announceDrain(): void
  /** Closes when nothing is under way, else after the responses. For the drain. */
  closeWhenIdle(): void
  /** What goes on here that has no end of its own: a tunnel, or a response that has begun and streams. */
  streams(): readonly DownstreamStream[]
  /** Cuts the connection. For the end of the drain. */
  cut(): void
}

/** Something that goes on without an end of its own. */
export interface DownstreamStream {
  /** Ends it where nothing is cut: a WebSocket between two messages, an event stream between two events. For the drain. */
  endStream(): 'websocket' | 'events' | null
}

/** Who is at the other end of a connection. */
export interface Peer {
  readonly address: string
  /** What it showed in the TLS handshake; null for nothing. */
  readonly certificate: ClientCertificate | null
  /** Null for a connection without TLS. */
  readonly tls: TlsFacts | null
}

/** What the connections of one listener share. Limits may change with a reload; they hold from the next request on. */
export interface ServerContext {
  /** May change with a reload, as the limits may: what is new holds from the next request on. */
  listener: ListenerInfo
  limits: Limits
  readonly wheel: TimerWheel
  readonly clock: Clock
  /** Set while the gateway shuts down: responses then close their connection. */
  draining: boolean
  readonly isTrusted: (address: string) => boolean
  createHandler(exchange: Exchange): ExchangeHandler
  readonly connections: Gauge
  readonly requestsInFlight: Gauge
  readonly connectionsTotal: Counter
}
