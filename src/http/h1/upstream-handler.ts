import type { BodySink } from '../../core/body.ts'
import type { GatewayError } from '../../core/errors.ts'
import type { TunnelEnd } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { TimerWheel } from '../../core/timers.ts'
import type { UpstreamConnection } from '../upstream-connection.ts'
import type { ClientConnection } from './client-connection.ts'

/** Who waits for a response. After `onEnd`, `onFailed` or `onUpgraded` nothing more is called for this request. */
export interface UpstreamHandler extends BodySink {
  onConnected(connection: UpstreamConnection): void
  onInformational(status: number, headers: Headers): void
  /** The final head. The headers stay valid until the connection's next response. */
  onHead(status: number, headers: Headers, bodyLength: number): void
  onUpgraded(headers: Headers, tunnel: () => TunnelEnd): void
  onFailed(error: GatewayError): void
  /** The request body waited; the service takes bytes again. */
  onWritable(): void
}

const ignore = (): void => undefined
/** Waits for a response that nobody wants. */
export const NOBODY: UpstreamHandler = {
  onConnected: ignore,
  onInformational: ignore,
  onHead: ignore,
  onUpgraded: ignore,
  onFailed: ignore,
  onWritable: ignore,
  onData: () => true,
  onEnd: ignore,
  onError: ignore,
  flush: ignore,
}

/** The pool a connection belongs to. */
export interface ConnectionPool {
  readonly label: string
  readonly headBytesMax: number
  readonly wheel: TimerWheel
  /** The connection is clean and may serve another request. */
  onReusable(connection: ClientConnection): void
  onGone(connection: ClientConnection): void
}
