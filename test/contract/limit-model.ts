/** What limits mean, in whole numbers of any size and without a thought for speed; what the stores are compared with. */
import { type LimitDecision, type LimitRule, SLIDING_SLICES } from '../../src/core/store.ts'

/** The part of a capacity that a store may take for an error of calculating. */
const ROUNDING = 10n ** 12n

interface Usage {
  readonly used: number
  /** Microseconds until `cost` fits; null for never. */
  readonly waitUs: bigint | null
  readonly resetUs: bigint
}

/** Every take that was admitted, for one rule and one key. */
class ModelState {
  readonly #capacity: bigint
  readonly #periodUs: bigint
  readonly #algorithm: LimitRule['algorithm']
  /** In order. */
  readonly #takes: { readonly atUs: bigint; readonly cost: bigint }[] = []

  constructor({ algorithm, capacity, periodMs }: LimitRule) {
    this.#algorithm = algorithm
    this.#capacity = BigInt(capacity)
    this.#periodUs = BigInt(periodMs) * 1000n
  }

  take(atUs: bigint, cost: number): void {
    this.#takes.push({ atUs, cost: BigInt(cost) })
  }

  usage(nowUs: bigint, cost: number): Usage {
    const usage = this.#algorithm === 'token-bucket' ? this.#bucket(nowUs, BigInt(cost)) : this.#window(nowUs, BigInt(cost))
    return BigInt(cost) > this.#capacity ? { ...usage, waitUs: null } : usage
  }

  /** Counts in parts of a request so small that each microsecond gives back `capacity` of them. */
  #bucket(nowUs: bigint, cost: bigint): Usage {
    const [capacity, period] = [this.#capacity, this.#periodUs]
    let debt = 0n
    let since = 0n
    for (const take of this.#takes) {
      debt = max(0n, debt - (take.atUs - since) * capacity) + take.cost * period
      since = take.atUs
    }
    debt = max(0n, debt - (nowUs - since) * capacity)
    const over = debt + (cost - capacity) * period
    const isOver = over * ROUNDING > capacity * period
    const room = capacity * period - debt + (capacity * period) / ROUNDING
    return {
      used: Number(capacity - room / period),
      waitUs: isOver ? divideUp(over, capacity) : 0n,
      resetUs: divideUp(debt, capacity),
    }
  }

  #window(nowUs: bigint, cost: bigint): Usage {
    const slices = this.#algorithm === 'fixed-window' ? 1n : BigInt(SLIDING_SLICES)
    // A slice of a sliding window counts until all of it has left the window: one length longer.
    const life = this.#algorithm === 'fixed-window' ? 1n : slices + 1n
    const endOf = ({ atUs }: { atUs: bigint }): bigint => {
      const slice = (atUs * slices) / this.#periodUs
      return divideUp((slice + life) * this.#periodUs, slices)
    }
    const counted = this.#takes.filter((take) => endOf(take) > nowUs)
    let used = counted.reduce((sum, take) => sum + take.cost, 0n)
    const whole = used
    let waitUs = 0n
    for (const take of counted) {
      if (used + cost <= this.#capacity) break
      used -= take.cost
      waitUs = endOf(take) - nowUs
    }
    const last = counted.at(-1)
    return { used: Number(whole), waitUs, resetUs: last === undefined ? 0n : endOf(last) - nowUs }
  }
}

/** Limits that are taken together or not at all. Time is given, in microseconds, and never goes back. */
export class ModelGroup {
  readonly #rules: readonly LimitRule[]
  readonly #states = new Map<string, ModelState>()

  constructor(rules: readonly LimitRule[]) {
    this.#rules = rules
  }

  take(keys: readonly string[], cost: number, nowUs: bigint): LimitDecision {
    const decision = this.look(keys, cost, nowUs)
    if (!decision.admitted) return decision
    for (const state of this.#applied(keys)) state?.take(nowUs, cost)
    const { remaining, resetMs } = this.look(keys, 1, nowUs)
    return { ...decision, remaining, resetMs }
  }

  look(keys: readonly string[], cost: number, nowUs: bigint): LimitDecision {
    const usages = this.#applied(keys).map((state) => state?.usage(nowUs, cost))
    const waits = usages.map((usage) => (usage === undefined ? 0 : usage.waitUs === null ? Number.POSITIVE_INFINITY : Number(usage.waitUs)))
    const longest = Math.max(0, ...waits)
    return {
      admitted: longest === 0,
      refusedBy: longest === 0 ? -1 : waits.indexOf(longest),
      retryAfterMs: longest / 1000,
      remaining: usages.map((usage, i) => (usage === undefined ? 0 : (this.#rules[i]?.capacity ?? 0) - usage.used)),
      resetMs: usages.map((usage) => (usage === undefined ? 0 : Number(usage.resetUs) / 1000)),
    }
  }

  #applied(keys: readonly string[]): (ModelState | undefined)[] {
    return this.#rules.map((rule, i) => {
      const key = keys[i] ?? ''
      if (key === '') return undefined
      const name = `${i} ${key}`
      const state = this.#states.get(name) ?? new ModelState(rule)
      this.#states.set(name, state)
      return state
    })
  }
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function divideUp(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}
