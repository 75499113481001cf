import type { Counter, Gauge } from '../core/observe.ts'
import type { TimerWheel } from '../core/timers.ts'
import type { Address, Wire } from '../http/dial.ts'
import type { ClientTls } from '../http/tls-peer.ts'

/** What is configured for the connections of a service. One object for all its targets, changed in place when the configuration is. */
export interface TargetSettings {
  connectTimeoutMs: number
  idleTimeoutMs: number
  connectionsMax: number
  responseHeadBytesMax: number
  /** Null for no TLS. Another object where anything about it is different. */
  tls: ClientTls | null
  protocol: Wire['protocol']
}

/** What all targets of a worker share. */
export interface TargetContext {
  readonly wheel: TimerWheel
  readonly connections: Gauge
  /** Of these, HTTP/1.1 connections that carry no request. */
  readonly connectionsIdle: Gauge
  readonly connectionsTotal: Counter
}

/** What the pools of one target share. */
export interface PoolContext {
  readonly address: Address
  readonly settings: Readonly<TargetSettings>
  readonly wheel: TimerWheel
  readonly count: ConnectionCount
}

/** How many connections one target has, in use or not, those in the making included. */
export class ConnectionCount {
  open = 0
  readonly #context: TargetContext

  constructor(context: TargetContext) {
    this.#context = context
  }

  get idle(): Gauge {
    return this.#context.connectionsIdle
  }

  /** Counts a connection that is made now; false when there are `max` already. */
  take(max: number): boolean {
    if (this.open >= max) return false
    this.open++
    this.#context.connections.add(1)
    this.#context.connectionsTotal.add(1)
    return true
  }

  /** A connection is gone. */
  give(): void {
    this.open--
    this.#context.connections.add(-1)
  }
}
