import type { ConcurrencyIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Scheduler } from './scheduler.ts'
import type { GateMetrics } from './service-metrics.ts'

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

/** First come, first served. The queue has one timer, for its head: all wait equally long. */
export class FifoGate implements ConcurrencyGate {
  readonly #clock: Clock
  readonly #scheduler: Scheduler
  readonly #metrics: GateMetrics
  /** Null for no bound. */
  #ir: ConcurrencyIr | null
  readonly #inside = new Set<PlaceWaiter>()
  /** Since when each waits, in that order. */
  readonly #waiting = new Map<PlaceWaiter, number>()
  #isAdmitting = false
  #stopTimer: (() => void) | null = null
  readonly #admitNow = (): void => this.#admit()
  readonly #onTime = (): void => {
    this.#stopTimer = null
    this.#expire()
  }

  constructor(ir: ConcurrencyIr | null, clock: Clock, scheduler: Scheduler, metrics: GateMetrics) {
    this.#ir = ir
    this.#clock = clock
    this.#scheduler = scheduler
    this.#metrics = metrics
  }

  /** Takes other numbers over. Who has a place keeps it, who waits goes on waiting; null lets everybody in. */
  update(ir: ConcurrencyIr | null): void {
    this.#ir = ir
    this.#admitSoon()
    // The timer runs by the old timeout.
    this.#stopTimer?.()
    this.#stopTimer = null
    this.#time()
  }

  get inFlight(): number {
    return this.#inside.size
  }

  get queued(): number {
    return this.#waiting.size
  }

  enter(waiter: PlaceWaiter): 'entered' | 'waiting' | 'refused' {
    // Behind those who wait already, even if a place has just become free.
    if (this.#waiting.size === 0 && this.#hasPlace) {
      this.#inside.add(waiter)
      this.#metrics.inFlight.add(1)
      return 'entered'
    }
    if (this.#ir !== null && this.#waiting.size >= this.#ir.queue) {
      this.#metrics.queueFull.add(1)
      return 'refused'
    }
    this.#waiting.set(waiter, this.#clock.now())
    this.#metrics.queued.add(1)
    this.#time()
    return 'waiting'
  }

  leave(waiter: PlaceWaiter): void {
    if (this.#inside.delete(waiter)) {
      this.#metrics.inFlight.add(-1)
      this.#admitSoon()
    } else if (this.#waiting.delete(waiter)) {
      this.#metrics.queued.add(-1)
    }
  }

  get #hasPlace(): boolean {
    return this.#ir === null || this.#inside.size < this.#ir.max
  }

  /**
   * Not within `leave`: that is the end of another exchange, in the middle of whose work this one's would begin; and where each waiter
   * fails at once, they would call each other as deep as the queue is long.
   */
  #admitSoon(): void {
    if (this.#waiting.size === 0 || this.#isAdmitting) return
    this.#isAdmitting = true
    queueMicrotask(this.#admitNow)
  }

  #admit(): void {
    for (const waiter of this.#waiting.keys()) {
      if (!this.#hasPlace) break
      this.#waiting.delete(waiter)
      this.#inside.add(waiter)
      this.#metrics.queued.add(-1)
      this.#metrics.inFlight.add(1)
      waiter.onPlace()
    }
    this.#isAdmitting = false
  }

  /** One timer at a time: where it fires and the head is not due, it is set again. */
  #time(): void {
    const [since] = this.#waiting.values()
    if (this.#stopTimer !== null || since === undefined || this.#ir === null) return
    this.#stopTimer = this.#scheduler.after(Math.max(0, since + this.#ir.queueTimeoutMs - this.#clock.now()), this.#onTime)
  }

  #expire(): void {
    const ir = this.#ir
    const nowMs = this.#clock.now()
    if (ir === null) return
    for (const [waiter, since] of this.#waiting) {
      if (nowMs - since < ir.queueTimeoutMs) break
      this.#waiting.delete(waiter)
      this.#metrics.queued.add(-1)
      this.#metrics.queueTimeout.add(1)
      waiter.onNoPlace()
    }
    this.#time()
  }
}
