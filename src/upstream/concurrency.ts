/** Who waits for a place at a service. Called back at most once, never within `enter`. */
export interface PlaceWaiter {
  onPlace(): void
  onNoPlace(): void
}

/** Bounds the exchanges that are with a service at once; a bounded number waits for a place, for a bounded time. */
export interface ConcurrencyGate {
  /** `entered`: has a place, and gives it back by {@link leave}. `waiting`: is called back. `refused`: too many wait. */
  enter(waiter: PlaceWaiter): 'entered' | 'waiting' | 'refused'
  /** Gives the place back, or stops waiting; harmless for one that has neither. */
  leave(waiter: PlaceWaiter): void
}
