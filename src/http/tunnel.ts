import type { TunnelEnd } from '../core/exchange.ts'
import { Deadline, type TimerWheel } from '../core/timers.ts'
import { downstreamOutput } from './output.ts'
import type { Transport, TransportOwner } from './transport.ts'
import { closeFrame, WebSocketFrames } from './websocket-frames.ts'

/** Longest silence in both directions of a tunnel: a peer that vanished without a word must not hold a connection for ever. */
const IDLE_TIMEOUT_MS = 60 * 60 * 1000

/** RFC 6455, 7.4.1, and the registry: the service restarts, and the client is to connect again. */
const SERVICE_RESTART = 1012
/** How long a client has to answer a close frame. */
const CLOSE_TIMEOUT_MS = 2_000

/** A connection that has switched protocols: bytes pass as they come, with back-pressure, until either side closes. */
export class TransportTunnel implements TunnelEnd, TransportOwner {
  readonly #transport: Transport
  readonly #wheel: TimerWheel
  readonly #onDone: () => void
  readonly #idle: Deadline
  #ahead: Buffer | null
  #other: TunnelEnd | null = null
  #done = false
  #readEnded = false
  /** What goes to this end, frame by frame; null for other protocols than WebSocket. */
  readonly #frames: WebSocketFrames | null
  /** `wanted`: a close frame goes out where the next message ends. `sent`: nothing more goes out. */
  #closing: 'no' | 'wanted' | 'sent' = 'no'

  /**
   * @param ahead bytes received behind the head. @param onDone called once when this end is closed.
   * @param isWebSocket whether the frames that go to this end are followed, so that {@link closeCleanly} can be asked for
   */
  constructor(transport: Transport, ahead: Buffer | null, wheel: TimerWheel, onDone: () => void, isWebSocket = false) {
    this.#frames = isWebSocket ? new WebSocketFrames() : null
    this.#transport = transport
    this.#ahead = ahead
    this.#wheel = wheel
    this.#onDone = onDone
    this.#idle = new Deadline(() => this.#onSilence())
    transport.owner = this
    wheel.set(this.#idle, IDLE_TIMEOUT_MS)
  }

  join(other: TunnelEnd): void {
    this.#other = other
    const ahead = this.#ahead
    this.#ahead = null
    if (ahead !== null) this.onBytes(ahead, 0, ahead.length)
    this.resume()
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.#closing !== 'sent') this.#wheel.set(this.#idle, IDLE_TIMEOUT_MS)
    if (this.#other === null) this.#ahead = Buffer.concat([this.#ahead ?? Buffer.alloc(0), bytes.subarray(start, end)])
    else if (!this.#other.write(bytes, start, end)) this.pause()
  }

  write(bytes: Buffer, start: number, end: number): boolean {
    if (this.#closing === 'sent') return true
    this.#wheel.set(this.#idle, IDLE_TIMEOUT_MS)
    const boundary = this.#frames?.follow(bytes, start, end) ?? -1
    if (this.#closing === 'wanted' && boundary !== -1) {
      // What stands behind the last whole message would be cut off by the end anyway: it does not begin.
      this.#send(bytes, start, boundary)
      this.#sendClose()
      return true
    }
    return this.#send(bytes, start, end)
  }

  #send(bytes: Buffer, start: number, end: number): boolean {
    downstreamOutput.begin(this.#transport)
    downstreamOutput.append(bytes, start, end)
    return downstreamOutput.flush()
  }

  /**
   * Has the client told that the service restarts (close 1012), at once or where the message that is under way ends. Its answer goes to the
   * service, which thereby learns of it too; who does not answer is cut off after a while.
   * @returns whether this is a WebSocket, and still open
   */
  closeCleanly(): boolean {
    const frames = this.#frames
    if (frames === null || frames.closed || this.#done || this.#closing !== 'no') return false
    this.#closing = 'wanted'
    if (frames.isBetweenMessages) this.#sendClose()
    return true
  }

  #sendClose(): void {
    if (this.#frames?.closed === true) return
    this.#closing = 'sent'
    const frame = closeFrame(SERVICE_RESTART, 'service restart')
    this.#send(frame, 0, frame.length)
    this.#wheel.set(this.#idle, CLOSE_TIMEOUT_MS)
  }

  #onSilence(): void {
    if (this.#closing !== 'sent') return this.#end(true)
    // A client that reads slowly: the end of the drain is its bound.
    if (this.#transport.stalled) return this.#wheel.set(this.#idle, CLOSE_TIMEOUT_MS)
    // No reset: what was sent before the close frame may still be on its way.
    this.#transport.destroy()
    this.#settle()
  }

  finish(): void {
    if (this.#readEnded) this.#end(false)
    else this.#transport.finish()
  }

  destroy(): void {
    this.#end(true)
  }

  pause(): void {
    this.#transport.pause()
  }

  resume(): void {
    this.#transport.resume()
  }

  onDrain(): void {
    this.#other?.resume()
  }

  onReadEnd(): void {
    this.#readEnded = true
    this.#other?.finish()
  }

  onClosed(): void {
    this.#settle()
  }

  #end(abortive: boolean): void {
    if (this.#done) return
    if (abortive) {
      this.#transport.abort()
      this.#settle()
    } else {
      // What waits is sent; the socket closes by itself once both directions have ended, and `onClosed` settles.
      this.#transport.finish()
    }
  }

  #settle(): void {
    if (this.#done) return
    this.#done = true
    this.#wheel.clear(this.#idle)
    this.#other?.destroy()
    this.#onDone()
  }
}
