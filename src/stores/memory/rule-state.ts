import { type CalendarUnit, calendarEnd } from '../../core/calendar.ts'
import { type LimitRule, SLIDING_SLICES } from '../../core/store.ts'
import type { HashKey } from './half-siphash.ts'
import { hashText } from './half-siphash.ts'
import { type SlotTable, STATE } from './slot-table.ts'

/** Capacities and costs count in thousandths, so that all sums are of whole numbers and have no rounding. */
const UNITS = 1_000
/** Slices that overlap a sliding window; the oldest and the newest do so partly. */
const SLICES_COUNTED = SLIDING_SLICES + 1
/** Numbers of a slot: its expiry, and one more; or the newest slice's number and a count for each slice. */
export const SMALL_WIDTH = STATE + 1
export const SLIDING_WIDTH = STATE + 1 + SLICES_COUNTED
/**
 * A state lasts about one period at most. One that seems to last longer was written before the clock was set back: it counts as it stands
 * while that is at most one more period, so that a small step frees nothing, and is forgotten beyond, so that a large one locks nobody out.
 */
const PERIODS_BELIEVED = 2

const NO_HASH_LOW = 1

/** A number of at most thousandths, as a whole number of them; anything above zero is at least one. */
export function inUnits(amount: number): number {
  return amount > 0 ? Math.max(1, Math.round(amount * UNITS)) : 0
}

/**
 * One rule, and what it found for the key it is looking at. `use` names the key, `look` reads its state and says how long to wait,
 * `take` writes; in between nobody else may write.
 */
export abstract class RuleState {
  readonly #key: HashKey
  readonly #hash = new Int32Array(2)
  #lastKey = ''
  protected readonly capacity: number
  protected readonly period: number
  /** Where the key's state lies; -1 for nowhere yet. */
  slot = -1
  applies = false
  /** When all will be there again, as last looked at or written. */
  protected fullAt = 0

  constructor(rule: LimitRule, key: HashKey) {
    this.#key = key
    this.capacity = inUnits(rule.capacity)
    this.period = Math.max(1, Math.round(rule.periodMs))
  }

  get low(): number {
    return this.#hash[0] as number
  }

  get high(): number {
    return this.#hash[1] as number
  }

  use(key: string): void {
    this.applies = key !== ''
    // The guard asks for the key that the take then names, and one client often sends several requests in a row.
    if (!this.applies || key === this.#lastKey) return
    this.#lastKey = key
    hashText(this.#key, key, this.#hash, 0)
    // Two zeros stand for a slot that nobody used yet.
    if (this.low === 0 && this.high === 0) this.#hash[0] = NO_HASH_LOW
  }

  /** Milliseconds until `units` can be taken; 0 for now, Infinity for never. Finds the slot. */
  look(table: SlotTable, now: number, units: number): number {
    this.slot = table.find(this.low, this.high)
    const expiresAt = this.slot === -1 ? 0 : table.expiresAt(this.slot)
    const isBelieved = expiresAt > now && expiresAt - now <= this.period * PERIODS_BELIEVED
    this.read(table, now, isBelieved ? expiresAt : 0)
    return units > this.capacity ? Number.POSITIVE_INFINITY : this.wait(now, units)
  }

  /** Takes what `look` found to be there; a slot without the key's state has been claimed. */
  take(table: SlotTable, now: number, units: number): void {
    this.write(table, now, units)
    table.setExpiry(this.slot, this.fullAt)
  }

  resetMs(now: number): number {
    return Math.max(0, this.fullAt - now)
  }

  /** Whole units of the rule that are left, as last looked at or written. */
  abstract get remaining(): number
  /** @param expiresAt 0 when there is no state that counts */
  protected abstract read(table: SlotTable, now: number, expiresAt: number): void
  protected abstract wait(now: number, units: number): number
  protected abstract write(table: SlotTable, now: number, units: number): void
}

/**
 * Kept as the time at which the bucket is full again, rounded up to a millisecond, and how much fuller than empty-by-then that makes
 * it. Levels count in units times milliseconds: each millisecond brings `capacity` of them, exactly.
 */
class BucketState extends RuleState {
  #missing = 0

  get remaining(): number {
    return Math.max(0, wholes(this.capacity * this.period - this.#missing, this.period * UNITS))
  }

  protected read(table: SlotTable, now: number, expiresAt: number): void {
    this.fullAt = expiresAt
    const surplus = expiresAt === 0 ? 0 : (table.numbers[this.slot * table.width + STATE] as number)
    this.#missing = expiresAt === 0 ? 0 : (expiresAt - now) * this.capacity - surplus
  }

  protected wait(_now: number, units: number): number {
    const tooMuch = this.#missing + (units - this.capacity) * this.period
    return tooMuch <= 0 ? 0 : ceilings(tooMuch, this.capacity)
  }

  protected write(table: SlotTable, now: number, units: number): void {
    this.#missing += units * this.period
    const fillMs = ceilings(this.#missing, this.capacity)
    this.fullAt = now + fillMs
    table.numbers[this.slot * table.width + STATE] = fillMs * this.capacity - this.#missing
  }
}

/** Kept as the end of the window and the count. */
class FixedWindowState extends RuleState {
  #count = 0
  #end = 0

  get remaining(): number {
    return wholes(this.capacity - this.#count, UNITS)
  }

  protected read(table: SlotTable, now: number, expiresAt: number): void {
    this.#count = expiresAt === 0 ? 0 : (table.numbers[this.slot * table.width + STATE] as number)
    this.#end = expiresAt === 0 ? this.endOf(now) : expiresAt
    this.fullAt = expiresAt
  }

  protected wait(now: number, units: number): number {
    return this.#count + units <= this.capacity ? 0 : this.#end - now
  }

  protected write(table: SlotTable, _now: number, units: number): void {
    this.#count += units
    this.fullAt = this.#end
    table.numbers[this.slot * table.width + STATE] = this.#count
  }

  /** When the window of `now` ends. */
  protected endOf(now: number): number {
    return now - (now % this.period) + this.period
  }
}

class CalendarWindowState extends FixedWindowState {
  readonly #unit: CalendarUnit

  constructor(rule: LimitRule, key: HashKey, unit: CalendarUnit) {
    super(rule, key)
    this.#unit = unit
  }

  protected override endOf(now: number): number {
    return calendarEnd(this.#unit, now)
  }
}

/** Kept as the number of the newest slice and a ring of counts, in which slice `n` stands at `n` modulo the ring's length. */
class SlidingWindowState extends RuleState {
  readonly #counts = new Float64Array(SLICES_COUNTED)
  /** The slice of now. */
  #newest = 0
  #total = 0

  get remaining(): number {
    return wholes(this.capacity - this.#total, UNITS)
  }

  protected read(table: SlotTable, now: number, expiresAt: number): void {
    this.fullAt = expiresAt
    this.#newest = Math.floor((now * SLIDING_SLICES) / this.period)
    this.#total = 0
    this.#counts.fill(0)
    if (expiresAt === 0) return
    const at = this.slot * table.width + STATE
    const newestKept = table.numbers[at] as number
    // The clock was set back a little: the slice of then is filled on.
    if (newestKept > this.#newest) this.#newest = newestKept
    for (let slice = this.#newest - SLIDING_SLICES; slice <= newestKept; slice++) {
      const place = placeOf(slice)
      const count = table.numbers[at + 1 + place] as number
      this.#counts[place] = count
      this.#total += count
    }
  }

  protected wait(now: number, units: number): number {
    let total = this.#total
    let gone = 0
    while (total + units > this.capacity && gone < SLICES_COUNTED) {
      total -= this.#counts[placeOf(this.#newest - SLIDING_SLICES + gone)] as number
      gone++
    }
    return gone === 0 ? 0 : this.#startOf(this.#newest + gone) - now
  }

  protected write(table: SlotTable, _now: number, units: number): void {
    const place = placeOf(this.#newest)
    this.#counts[place] = (this.#counts[place] as number) + units
    this.#total += units
    this.fullAt = this.#startOf(this.#newest + SLICES_COUNTED)
    const at = this.slot * table.width + STATE
    table.numbers[at] = this.#newest
    table.numbers.set(this.#counts, at + 1)
  }

  /** The first millisecond of a slice. */
  #startOf(slice: number): number {
    return Math.ceil((slice * this.period) / SLIDING_SLICES)
  }
}

/** Slices before 1970 are negative, in virtual time. */
function placeOf(slice: number): number {
  const place = slice % SLICES_COUNTED
  return place < 0 ? place + SLICES_COUNTED : place
}

/** How often `part` goes into `all`, and how often it takes to make `all`; right where the quotient would be rounded. */
function wholes(all: number, part: number): number {
  const times = Math.floor(all / part)
  return times * part > all ? times - 1 : times
}

function ceilings(all: number, part: number): number {
  const times = Math.ceil(all / part)
  if (times * part < all) return times + 1
  return (times - 1) * part >= all ? times - 1 : times
}

export function ruleState(rule: LimitRule, key: HashKey): RuleState {
  switch (rule.algorithm) {
    case 'token-bucket':
      return new BucketState(rule, key)
    case 'fixed-window':
      return new FixedWindowState(rule, key)
    case 'calendar-month':
      return new CalendarWindowState(rule, key, 'month')
    case 'calendar-year':
      return new CalendarWindowState(rule, key, 'year')
    case 'sliding-window':
      return new SlidingWindowState(rule, key)
  }
}
