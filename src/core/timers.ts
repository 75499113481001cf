/** A deadline that can be set and cleared any number of times without allocating. Made once per connection or exchange. */
export class Deadline {
  /** Tick at which it fires; 0 while it is not set. */
  dueTick = 0
  slot = -1
  next: Deadline | null = null
  previous: Deadline | null = null
  readonly onDue: () => void

  constructor(onDue: () => void) {
    this.onDue = onDue
  }
}

const SLOTS = 512
/** How far the wheel may lag behind the clock. A deadline gets so many ticks on top, so that it never fires early. */
const TICKS_BEHIND_MAX = 2

/**
 * One coarse timer wheel for all timeouts of a worker: setting and clearing a deadline is a few pointer writes, where a
 * `setTimeout` for each request would cost more than parsing it. A deadline fires up to three ticks late, never early.
 */
export class TimerWheel {
  readonly tickMs: number
  #tick = 0
  #count = 0
  #interval: NodeJS.Timeout | null = null
  #startedAt = 0
  readonly #now: () => number
  readonly #slots: (Deadline | null)[] = new Array<Deadline | null>(SLOTS).fill(null)

  /** @param tickMs granularity in milliseconds. */
  constructor(tickMs = 20, now: () => number = () => performance.now()) {
    this.tickMs = tickMs
    this.#now = now
    this.#startedAt = now()
  }

  /** Sets or moves a deadline to `delayMs` from now. */
  set(deadline: Deadline, delayMs: number): void {
    if (deadline.slot !== -1) this.#unlink(deadline)
    if (this.#interval === null) this.#start()
    const dueTick = this.#tick + Math.ceil(delayMs / this.tickMs) + TICKS_BEHIND_MAX
    deadline.dueTick = dueTick
    const slot = dueTick % SLOTS
    deadline.slot = slot
    const head = this.#slots[slot] ?? null
    deadline.next = head
    if (head !== null) head.previous = deadline
    this.#slots[slot] = deadline
    this.#count++
  }

  /** Clears a deadline; harmless when it is not set. */
  clear(deadline: Deadline): void {
    if (deadline.slot !== -1) this.#unlink(deadline)
  }

  #unlink(deadline: Deadline): void {
    const { previous, next } = deadline
    if (previous === null) this.#slots[deadline.slot] = next
    else previous.next = next
    if (next !== null) next.previous = previous
    deadline.slot = -1
    deadline.dueTick = 0
    deadline.next = null
    deadline.previous = null
    this.#count--
  }

  #start(): void {
    // The wheel stood still while it was empty: no tick may be counted for that time.
    this.#startedAt = this.#now() - this.#tick * this.tickMs
    this.#interval = setInterval(() => this.#turn(), this.tickMs)
    this.#interval.unref()
  }

  /**
   * Fires what is due. When the event loop was held longer than the lag allowed, the wheel stood still with it: time in which
   * we could not have read a client's bytes must not count against that client.
   */
  #turn(): void {
    let target = Math.floor((this.#now() - this.#startedAt) / this.tickMs)
    const lost = target - this.#tick - TICKS_BEHIND_MAX
    if (lost > 0) {
      this.#startedAt += lost * this.tickMs
      target -= lost
    }
    while (this.#tick < target) {
      this.#tick++
      let deadline = this.#slots[this.#tick % SLOTS] ?? null
      while (deadline !== null) {
        // `onDue` may clear or set any deadline, its neighbours too: take the due ones out one at a time, from the head.
        if (deadline.dueTick <= this.#tick) {
          this.#unlink(deadline)
          deadline.onDue()
          deadline = this.#slots[this.#tick % SLOTS] ?? null
        } else {
          deadline = deadline.next
        }
      }
    }
    if (this.#count === 0 && this.#interval !== null) {
      clearInterval(this.#interval)
      this.#interval = null
    }
  }
}
