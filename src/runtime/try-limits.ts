import { Deadline, type TimerWheel } from '../core/timers.ts'

/** Who is told when a limit of a try is reached. */
export interface TryLimitOwner {
  /** The wait before the next try is over. */
  onBackoffOver(): void
  onAttemptTimeout(): void
  /** The service said nothing to `Expect`. */
  onContinueTimeout(): void
  /** The response of a try has gone on for the time that was asked for. */
  onLasting(): void
}

/** The time limits of the tries of one exchange, used again for the next. Setting and clearing them allocates nothing. */
export class TryLimits {
  readonly #wheel: TimerWheel
  readonly #attempt: Deadline
  /** Beside the attempt's own: a service that says nothing to `Expect` must not escape that one. */
  readonly #continue: Deadline
  #waiting: 'none' | 'backoff' | 'attempt' | 'response' = 'none'

  constructor(wheel: TimerWheel, owner: TryLimitOwner) {
    this.#wheel = wheel
    this.#attempt = new Deadline(() => {
      const waiting = this.#waiting
      this.#waiting = 'none'
      if (waiting === 'backoff') owner.onBackoffOver()
      else if (waiting === 'attempt') owner.onAttemptTimeout()
      else if (waiting === 'response') owner.onLasting()
    })
    this.#continue = new Deadline(() => owner.onContinueTimeout())
  }

  backOff(delayMs: number): void {
    this.#waiting = 'backoff'
    this.#wheel.set(this.#attempt, delayMs)
  }

  beginAttempt(delayMs: number): void {
    this.#waiting = 'attempt'
    this.#wheel.set(this.#attempt, delayMs)
  }

  /** The response has begun: waits for it to last. */
  beginResponse(delayMs: number): void {
    this.#waiting = 'response'
    this.#wheel.set(this.#attempt, delayMs)
  }

  awaitContinue(delayMs: number): void {
    this.#wheel.set(this.#continue, delayMs)
  }

  endContinue(): void {
    this.#wheel.clear(this.#continue)
  }

  /** No try is under way or awaited any more. */
  end(): void {
    this.#wheel.clear(this.#continue)
    if (this.#waiting === 'none') return
    this.#waiting = 'none'
    this.#wheel.clear(this.#attempt)
  }
}
