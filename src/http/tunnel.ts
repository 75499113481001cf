import type { TunnelEnd } from '../core/exchange.ts'
import { Deadline, type TimerWheel } from '../core/timers.ts'
import { downstreamOutput } from './output.ts'
import type { Transport, TransportOwner } from './transport.ts'

/** Longest silence in both directions of a tunnel: a peer that vanished without a word must not hold a connection for ever. */
const IDLE_TIMEOUT_MS = 60 * 60 * 1000

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

  /** @param ahead bytes received behind the head. @param onDone called once when this end is closed. */
  constructor(transport: Transport, ahead: Buffer | null, wheel: TimerWheel, onDone: () => void) {
    this.#transport = transport
    this.#ahead = ahead
    this.#wheel = wheel
    this.#onDone = onDone
    this.#idle = new Deadline(() => this.#end(true))
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
    this.#wheel.set(this.#idle, IDLE_TIMEOUT_MS)
    if (this.#other === null) this.#ahead = Buffer.concat([this.#ahead ?? Buffer.alloc(0), bytes.subarray(start, end)])
    else if (!this.#other.write(bytes, start, end)) this.pause()
  }

  write(bytes: Buffer, start: number, end: number): boolean {
    this.#wheel.set(this.#idle, IDLE_TIMEOUT_MS)
    downstreamOutput.begin(this.#transport)
    downstreamOutput.append(bytes, start, end)
    return downstreamOutput.flush()
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
