/** What one worker knows of the health of a service, as plain JSON for people and programs. */
export interface ServiceState {
  readonly name: string
  /** Null where the service has none. */
  readonly breaker: BreakerState | null
  /** Exchanges that have a place at the service; 0 where concurrency is not bounded. */
  readonly inFlight: number
  /** Exchanges that wait for a place. */
  readonly queued: number
  /** So few targets are usable that all are used. */
  readonly panic: boolean
  /** In the order of the configuration. */
  readonly targets: readonly TargetState[]
}

export type BreakerPosition = 'closed' | 'half-open' | 'open'

export interface BreakerState {
  readonly state: BreakerPosition
  /** 0 unless it is closed. */
  readonly failuresInRow: number
  /** What its window holds; null where it looks at no rate. */
  readonly window: { readonly requests: number; readonly failures: number } | null
  /** Successes since it became half open; 0 in other states. */
  readonly successes: number
  /** Tries under way as probes; 0 unless it is half open. */
  readonly probes: number
  /** Milliseconds until it lets a try through again; 0 when it does. */
  readonly retryAfterMs: number
  /** Milliseconds it has been in this state. */
  readonly sinceMs: number
}

/** `unknown`: is used, and no check has said anything yet; or none is configured. */
export type TargetHealthName = 'healthy' | 'unhealthy' | 'ejected' | 'unknown'

export interface TargetState {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string
  /** As configured. */
  readonly weight: number
  /** What it counts for now, between 0 and `weight`: 0 while it is not used, less than its weight in a slow start. */
  readonly effectiveWeight: number
  readonly health: TargetHealthName
  /** Whether an operator has taken it out. */
  readonly drained: boolean
  /** Milliseconds that an ejection still lasts; 0 for none. */
  readonly ejectedForMs: number
  /** What went wrong last, in plain words; null for nothing since it became healthy. */
  readonly reason: string | null
  /** Exchanges that are with it. */
  readonly inFlight: number
  /** Connections that are open, in use or not. */
  readonly connections: number
}
