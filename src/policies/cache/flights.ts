import type { Clock } from '../../core/clock.ts'

/** So long a key whose answer turned out not to be one to share is not waited for. */
const ALONE_MS = 10_000
const ALONE_KEYS_MAX = 10_000
/** A longer one is not remembered: targets are written by clients, and ten thousand of the longest would fill the memory. */
const ALONE_KEY_CHARS_MAX = 2_048

/**
 * What a fetch that others wait for came to: kept, so that they find it; an answer that is of use to nobody else, as the next one will be;
 * an error, which says nothing of the next; or no answer at all.
 */
export type Landing = 'kept' | 'useless' | 'error' | 'failed'

/** What one who waited has to do: look again, fetch and have the others wait on, or fetch alone. */
export type Release = 'look' | Lease | 'alone'

interface Flight {
  readonly waiters: Set<Waiter>
  /** Somebody has waited for it in vain: nobody else need do so. */
  isSlow: boolean
}

/** The duty to fetch for all who wait. Ended exactly once counts, further ends are nothing. */
export class Lease {
  readonly #end: (landing: Landing) => void
  #isHeld = true

  constructor(end: (landing: Landing) => void) {
    this.#end = end
  }

  end(landing: Landing): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#end(landing)
  }
}

/** One who waits. {@link released} settles within the time limit, whatever happens. */
export class Waiter {
  readonly released: Promise<Release>
  readonly #timer: NodeJS.Timeout
  readonly #flight: Flight
  #resolve: (release: Release) => void = () => undefined

  constructor(flight: Flight, timeoutMs: number) {
    this.#flight = flight
    this.released = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#timer = setTimeout(() => {
      flight.isSlow = true
      this.release('alone')
    }, timeoutMs)
    flight.waiters.add(this)
  }

  /** Also for one whose client has gone. */
  release(release: Release): void {
    clearTimeout(this.#timer)
    this.#flight.waiters.delete(this)
    this.#resolve(release)
  }
}

/** Fetches of one worker that others may wait for, one for each key. */
export class Flights {
  readonly #clock: Clock
  readonly #flights = new Map<string, Flight>()
  /** Keys that nobody waits for, and until when; in the order in which they were put here. */
  readonly #alone = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  isUnderWay(key: string): boolean {
    return this.#flights.has(key)
  }

  /** Whether what was last fetched under this key was of no use to others. */
  isAlone(key: string): boolean {
    const until = this.#alone.get(key)
    if (until === undefined) return false
    if (until > this.#clock.now()) return true
    this.#alone.delete(key)
    return false
  }

  /** Takes the lead where nobody has it, and waits otherwise; null where the wait would be in vain. */
  enter(key: string, timeoutMs: number): Lease | Waiter | null {
    const flight = this.#flights.get(key)
    if (flight !== undefined) return flight.isSlow ? null : new Waiter(flight, timeoutMs)
    const own: Flight = { waiters: new Set(), isSlow: false }
    this.#flights.set(key, own)
    return this.#lease(key, own)
  }

  #lease(key: string, flight: Flight): Lease {
    return new Lease((landing) => this.#land(key, flight, landing))
  }

  #land(key: string, flight: Flight, landing: Landing): void {
    const [next] = flight.waiters
    if (landing === 'failed' && next !== undefined) {
      flight.isSlow = false
      next.release(this.#lease(key, flight))
      return
    }
    this.#flights.delete(key)
    if (landing === 'useless') this.#note(key)
    else if (landing === 'kept') this.#alone.delete(key)
    for (const waiter of flight.waiters) waiter.release(landing === 'kept' ? 'look' : 'alone')
  }

  #note(key: string): void {
    if (key.length > ALONE_KEY_CHARS_MAX) return
    this.#alone.delete(key)
    this.#alone.set(key, this.#clock.now() + ALONE_MS)
    if (this.#alone.size <= ALONE_KEYS_MAX) return
    const [oldest] = this.#alone.keys()
    if (oldest !== undefined) this.#alone.delete(oldest)
  }
}
