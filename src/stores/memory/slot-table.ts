/** Slots in one set; a key lies in one of two sets. */
const SET_SLOTS = 8
/** Share of slots above the number of keys wanted: with two sets of eight to choose from, nothing is crowded out before that number is there. */
const ROOM = 1.25
const SETS_MIN = 4
/** Of a slot's numbers the first is the time at which it is forgotten, and the rest what the algorithm keeps. */
const EXPIRES = 0
export const STATE = 1

/** Sets of a table that holds so many keys. */
export function setsFor(keysMax: number): number {
  return Math.max(SETS_MIN, Math.ceil((keysMax * ROOM) / SET_SLOTS))
}

/** Bytes of a table. @param width numbers in a slot */
export function tableBytes(sets: number, width: number): number {
  return sets * SET_SLOTS * (8 + width * 8)
}

/** What happened to keys, for counters. */
export interface SlotEvents {
  added(): void
  /** A state that was still needed made room. */
  evicted(): void
}

/**
 * States under 64-bit hashes, in sets of eight slots. A key may lie in either of two sets and goes to the one with more room, so that
 * sets fill up evenly. A state that has expired is free. All lies in one buffer, which may be shared: first the hashes, so that those
 * of a set are one line of the cache, then the numbers.
 */
export class SlotTable {
  readonly #hashes: Int32Array
  readonly #sets: number
  readonly #events: SlotEvents
  /** `slot * width + STATE` is where a slot's state begins. */
  readonly numbers: Float64Array
  readonly width: number

  /** @param buffer zeros at first, of at least {@link tableBytes} */
  constructor(buffer: ArrayBuffer, sets: number, width: number, events: SlotEvents) {
    const slots = sets * SET_SLOTS
    this.#hashes = new Int32Array(buffer, 0, slots * 2)
    this.numbers = new Float64Array(buffer, slots * 8, slots * width)
    this.#sets = sets
    this.width = width
    this.#events = events
  }

  expiresAt(slot: number): number {
    return this.numbers[slot * this.width + EXPIRES] as number
  }

  setExpiry(slot: number, at: number): void {
    this.numbers[slot * this.width + EXPIRES] = at
  }

  /** The slot of a key, or -1. A hash of zeros is nobody's. */
  find(low: number, high: number): number {
    const found = this.#findIn(this.#setOf(low), low, high)
    return found === -1 ? this.#findIn(this.#setOf(high), low, high) : found
  }

  /**
   * A slot for a key that has none: a free one, or the one that would be forgotten first. Its state is that of its last owner.
   * @param now milliseconds, as expiry times are
   * @param busy slots that must stay, one of them perhaps in the same sets
   */
  claim(low: number, high: number, now: number, busy: Int32Array): number {
    const first = this.#roomIn(this.#setOf(low), now, busy)
    const second = this.#roomIn(this.#setOf(high), now, busy)
    let slot = second.live < first.live ? second.free : first.free
    if (slot === -1) {
      // Should one take hold all sixteen slots, it loses one of its own.
      const oldest = this.#expiresFirst(first.oldest, second.oldest)
      slot = oldest === -1 ? this.#setOf(low) * SET_SLOTS : oldest
      this.#events.evicted()
    }
    this.#events.added()
    this.#hashes[slot * 2] = low
    this.#hashes[slot * 2 + 1] = high
    return slot
  }

  #setOf(hash: number): number {
    return Math.floor(((hash >>> 0) / 4294967296) * this.#sets)
  }

  #findIn(set: number, low: number, high: number): number {
    const hashes = this.#hashes
    const end = (set + 1) * SET_SLOTS
    for (let slot = set * SET_SLOTS; slot < end; slot++) {
      const at = slot * 2
      const here = hashes[at] as number
      if (here === low && hashes[at + 1] === high) return slot
      // Slots are used from the first on and never become unused again.
      if (here === 0 && hashes[at + 1] === 0) return -1
    }
    return -1
  }

  #roomIn(set: number, now: number, busy: Int32Array): { readonly live: number; readonly free: number; readonly oldest: number } {
    let live = 0
    let free = -1
    let oldest = -1
    for (let slot = set * SET_SLOTS; slot < (set + 1) * SET_SLOTS; slot++) {
      if (busy.includes(slot)) live++
      else if (this.expiresAt(slot) <= now) free = free === -1 ? slot : free
      else {
        live++
        oldest = this.#expiresFirst(oldest, slot)
      }
    }
    return { live, free, oldest }
  }

  #expiresFirst(one: number, other: number): number {
    if (one === -1 || other === -1) return Math.max(one, other)
    return this.expiresAt(other) < this.expiresAt(one) ? other : one
  }
}
