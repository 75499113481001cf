/** What limits mean, in whole numbers of any size and without a thought for speed; what the stores are compared with. */
import { type LimitDecision, type LimitRule, SLIDING_SLICES } from '../../src/core/store.ts'

/** The part of a capacity that a store may take for an error of calculating. */
const ROUNDING = 10n ** 12n

interface Usage {
  /** Rounded down. */
  readonly left: number
  /** Microseconds until `cost` fits; null for never. */
  readonly waitUs: bigint | null
  readonly resetUs: bigint
}

/** What was admitted for one rule and one key. */
class ModelState {
  readonly #capacity: bigint
  readonly #periodUs: bigint
  /** Slices of a window and how many of them a take counts: one more than a sliding window has, until all of its slice has left it. */
  readonly #slices: bigint
  readonly #life: bigint
  readonly #isBucket: boolean
  readonly #algorithm: LimitRule['algorithm']
  /** Of a bucket: what is missing, in parts of a request so small that each microsecond gives back `capacity` of them. */
  #debt = 0n
  #since = 0n
  /** Of windows: takes that count, in order. */
  #takes: { readonly endUs: bigint; readonly cost: bigint }[] = []

  constructor({ algorithm, capacity, periodMs }: LimitRule) {
    this.#capacity = BigInt(capacity)
    this.#periodUs = BigInt(periodMs) * 1000n
    this.#isBucket = algorithm === 'token-bucket'
    this.#algorithm = algorithm
    this.#slices = algorithm === 'sliding-window' ? BigInt(SLIDING_SLICES) : 1n
    this.#life = algorithm === 'sliding-window' ? this.#slices + 1n : 1n
  }

  take(nowUs: bigint, cost: bigint): void {
    this.#debt = this.#debtAt(nowUs) + cost * this.#periodUs
    this.#since = nowUs
    this.#takes = this.#takes.filter(({ endUs }) => endUs > nowUs)
    this.#takes.push({ endUs: this.#endOf(nowUs), cost })
  }

  /** When what is taken now no longer counts. */
  #endOf(nowUs: bigint): bigint {
    const date = new Date(Number(nowUs / 1000n))
    if (this.#algorithm === 'calendar-month') return BigInt(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)) * 1000n
    if (this.#algorithm === 'calendar-year') return BigInt(Date.UTC(date.getUTCFullYear() + 1, 0)) * 1000n
    const slice = (nowUs * this.#slices) / this.#periodUs
    return divideUp((slice + this.#life) * this.#periodUs, this.#slices)
  }

  usage(nowUs: bigint, cost: bigint): Usage {
    const usage = this.#isBucket ? this.#bucket(nowUs, cost) : this.#window(nowUs, cost)
    return cost > this.#capacity ? { ...usage, waitUs: null } : usage
  }

  #debtAt(nowUs: bigint): bigint {
    const debt = this.#debt - (nowUs - this.#since) * this.#capacity
    return debt > 0n ? debt : 0n
  }

  #bucket(nowUs: bigint, cost: bigint): Usage {
    const whole = this.#capacity * this.#periodUs
    const debt = this.#debtAt(nowUs)
    const over = debt + cost * this.#periodUs - whole
    return {
      left: Number((whole - debt + whole / ROUNDING) / this.#periodUs),
      waitUs: over * ROUNDING > whole ? divideUp(over, this.#capacity) : 0n,
      resetUs: divideUp(debt, this.#capacity),
    }
  }

  #window(nowUs: bigint, cost: bigint): Usage {
    const counted = this.#takes.filter(({ endUs }) => endUs > nowUs)
    const used = counted.reduce((sum, take) => sum + take.cost, 0n)
    let rest = used
    let waitUs = 0n
    for (const take of counted) {
      if (rest + cost <= this.#capacity) break
      rest -= take.cost
      waitUs = take.endUs - nowUs
    }
    const last = counted.at(-1)
    return { left: Number(this.#capacity - used), waitUs, resetUs: last === undefined ? 0n : last.endUs - nowUs }
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
    for (const state of this.#applied(keys)) state?.take(nowUs, BigInt(cost))
    const { remaining, resetMs } = this.look(keys, 1, nowUs)
    return { ...decision, remaining, resetMs }
  }

  look(keys: readonly string[], cost: number, nowUs: bigint): LimitDecision {
    const usages = this.#applied(keys).map((state) => state?.usage(nowUs, BigInt(cost)))
    const waits = usages.map((usage) => (usage === undefined ? 0 : usage.waitUs === null ? Number.POSITIVE_INFINITY : Number(usage.waitUs)))
    const longest = Math.max(0, ...waits)
    return {
      admitted: longest === 0,
      refusedBy: longest === 0 ? -1 : waits.indexOf(longest),
      retryAfterMs: longest / 1000,
      remaining: usages.map((usage) => usage?.left ?? 0),
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

function divideUp(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}
