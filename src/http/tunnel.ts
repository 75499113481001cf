import type { TunnelBounds, TunnelEnd } from '../core/exchange.ts'
import { Deadline, type TimerWheel } from '../core/timers.ts'
import { downstreamOutput } from './output.ts'
import type { Transport, TransportOwner } from './transport.ts'
import { closeFrame, maskedCloseFrame, WebSocketFrames } from './websocket-frames.ts'

/** RFC 6455, 7.4.1: an end goes away. */
const GOING_AWAY = 1001
/** RFC 6455, 11.7 and its registry: the service restarts, and the client is to connect again. */
const SERVICE_RESTART = 1012
/** How long a peer has to answer a close frame. */
const CLOSE_TIMEOUT_MS = 2_000
/** How long a message that is under way may go on when the tunnel's life is over. */
const MESSAGE_TIMEOUT_MS = 10_000

export interface TunnelOptions {
  /** Bytes received behind the head. */
  readonly ahead: Buffer | null
  readonly wheel: TimerWheel
  /** Whether frames are followed, so that a close frame can be put between them. */
  readonly isWebSocket: boolean
  /** What the end towards the client watches for both, as all bytes pass it. Null for the end towards the service. */
  readonly bounds: TunnelBounds | null
  /** Called once when this end is closed. */
  readonly onDone: () => void
}

/** A connection that has switched protocols: bytes pass as they come, with back-pressure, until either side closes or a bound is reached. */
export class TransportTunnel implements TunnelEnd, TransportOwner {
  readonly #transport: Transport
  readonly #wheel: TimerWheel
  readonly #bounds: TunnelBounds | null
  readonly #onDone: () => void
  /** What goes to this end, frame by frame; null for other protocols than WebSocket. */
  readonly #frames: WebSocketFrames | null
  /** For silence, and, once a close frame has been sent, for its answer. */
  readonly #silence = new Deadline(() => this.#onSilence())
  readonly #lifetime = new Deadline(() => this.#onLifetime())
  #ahead: Buffer | null
  #other: TunnelEnd | null = null
  #done = false
  /** `wanted`: a close frame goes out where the next message ends. `sent`: nothing more goes out. */
  #closing: 'no' | 'wanted' | 'sent' = 'no'
  #closeFrame: Buffer | null = null
  /** The lifetime is over, and a message is being waited for. */
  #isOvertime = false

  constructor(transport: Transport, { ahead, wheel, isWebSocket, bounds, onDone }: TunnelOptions) {
    this.#transport = transport
    this.#ahead = ahead
    this.#wheel = wheel
    this.#frames = isWebSocket ? new WebSocketFrames() : null
    this.#bounds = bounds
    this.#onDone = onDone
    transport.owner = this
    this.#touch()
    if (bounds !== null && bounds.lifetimeMs !== null) wheel.set(this.#lifetime, bounds.lifetimeMs)
  }

  join(other: TunnelEnd): void {
    this.#other = other
    const ahead = this.#ahead
    this.#ahead = null
    if (ahead !== null) this.onBytes(ahead, 0, ahead.length)
    this.resume()
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    this.#touch()
    if (this.#other === null) this.#ahead = Buffer.concat([this.#ahead ?? Buffer.alloc(0), bytes.subarray(start, end)])
    else if (!this.#other.write(bytes, start, end)) this.pause()
  }

  write(bytes: Buffer, start: number, end: number): boolean {
    if (this.#closing === 'sent') return true
    this.#touch()
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

  /** Bytes have moved, in either direction: also those that waited for a slow reader. */
  #touch(): void {
    if (this.#bounds !== null && this.#closing !== 'sent') this.#wheel.set(this.#silence, this.#bounds.idleTimeoutMs)
  }

  // --- the end of a WebSocket

  /**
   * For the end towards a client: has it told that the service restarts (close 1012), at once or where the message that is under way ends. Its
   * answer goes to the service, which thereby learns of it too; who does not answer is cut off after a while.
   * @returns whether this is a WebSocket, and still open
   */
  closeCleanly(): boolean {
    return this.#close(SERVICE_RESTART, 'service restart')
  }

  #close(code: number, reason: string): boolean {
    const frames = this.#frames
    if (frames === null || frames.closed || this.#done || this.#closing !== 'no') return false
    this.#closing = 'wanted'
    this.#closeFrame = this.#bounds === null ? maskedCloseFrame(code, reason) : closeFrame(code, reason)
    if (frames.isBetweenMessages) this.#sendClose()
    return true
  }

  #sendClose(): void {
    const frame = this.#closeFrame
    if (frame === null || this.#frames?.closed === true) return
    this.#closing = 'sent'
    this.#wheel.clear(this.#lifetime)
    this.#send(frame, 0, frame.length)
    // A client that reads slowly gets what waits for it, and then the close frame, as long as it reads at all.
    const stallTimeoutMs = this.#bounds?.idleTimeoutMs ?? CLOSE_TIMEOUT_MS
    this.#wheel.set(this.#silence, this.#transport.stalled ? stallTimeoutMs : CLOSE_TIMEOUT_MS)
  }

  /** The other end is gone, and what this one sends is for nobody: it is told, where its messages allow that, and closed. */
  leave(): void {
    this.#other = GONE
    this.resume()
    if (this.#frames?.isBetweenMessages !== true || !this.#close(GOING_AWAY, 'client gone')) this.#cut()
  }

  #onSilence(): void {
    if (this.#closing === 'sent') {
      // No reset: what was sent before the close frame may still be on its way.
      this.#transport.destroy()
      this.#settle('leaving')
    } else if (this.#frames?.isBetweenMessages !== true || !this.#close(GOING_AWAY, 'idle timeout')) {
      // Nothing can be said within a message, whose end has not come for as long as the bound is.
      this.#cut()
    }
  }

  #onLifetime(): void {
    const isOver = this.#isOvertime || (this.#closing === 'no' && !this.#close(GOING_AWAY, 'lifetime'))
    if (isOver) return this.#cut()
    this.#isOvertime = true
    if (this.#closing === 'wanted') this.#wheel.set(this.#lifetime, MESSAGE_TIMEOUT_MS)
  }

  // --- ends that come from outside

  finish(): void {
    if (!this.#done) this.#transport.finish()
  }

  destroy(): void {
    this.#cut()
  }

  pause(): void {
    this.#transport.pause()
  }

  resume(): void {
    this.#touch()
    this.#transport.resume()
  }

  onDrain(): void {
    if (this.#closing === 'sent') this.#wheel.set(this.#silence, CLOSE_TIMEOUT_MS)
    else this.#touch()
    this.#other?.resume()
  }

  onReadEnd(): void {
    this.#other?.finish()
    if (this.#other === GONE) this.#transport.finish()
  }

  onClosed(): void {
    this.#settle('cut')
  }

  #cut(): void {
    if (this.#done) return
    this.#transport.abort()
    this.#settle('cut')
  }

  /** @param how `leaving` where the other end is to be told rather than cut off */
  #settle(how: 'cut' | 'leaving'): void {
    if (this.#done) return
    this.#done = true
    this.#wheel.clear(this.#silence)
    this.#wheel.clear(this.#lifetime)
    if (how === 'leaving') this.#other?.leave()
    else this.#other?.destroy()
    this.#onDone()
  }
}

const nothing = (): void => undefined
/** In place of an end that is closed. */
const GONE: TunnelEnd = {
  write: () => true,
  finish: nothing,
  destroy: nothing,
  leave: nothing,
  join: nothing,
  pause: nothing,
  resume: nothing,
}
