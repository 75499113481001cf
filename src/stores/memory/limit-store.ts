import type { Clock } from '../../core/clock.ts'
import type { Resource } from '../../core/resources.ts'
import type { LimitDecision, LimitGroup, LimitKeys, LimitReach, LimitRule, LimitStore } from '../../core/store.ts'
import { type HashKey, hashText } from './half-siphash.ts'
import type { LimitMemory } from './memory.ts'
import { inUnits, type RuleState, ruleState } from './rule-state.ts'
import type { SlotTable } from './slot-table.ts'
import type { SpinLock } from './spin-lock.ts'

/** Limits that need not be waited for. */
export interface MemoryGroup extends LimitGroup {
  take(keys: LimitKeys, cost: number): LimitDecision
  peek(keys: LimitKeys, cost: number): LimitDecision
}

/** Limits whose states lie in the memory of this machine. Everything is synchronous. */
export class MemoryLimits implements LimitStore, Resource {
  readonly #memory: LimitMemory
  readonly #clock: Clock
  readonly #parts: number
  readonly reach: LimitReach

  /** @param parts how many such stores there are beside each other, each with its part of every limit; see {@link partOf} */
  constructor(memory: LimitMemory, clock: Clock, parts = 1) {
    this.#memory = memory
    this.#clock = clock
    this.#parts = parts
    this.reach = parts === 1 ? 'gateway' : 'worker'
  }

  group(id: string, rules: readonly LimitRule[]): MemoryGroup {
    const states = rules.map((rule, i) => ruleState(partOf(rule, this.#parts), this.#keyOf(id, i, rule)))
    const isSliding = rules.map(({ algorithm }) => algorithm === 'sliding-window')
    // Room for it is made, or found missing, while a configuration is prepared.
    if (isSliding.includes(true)) this.#memory.sliding()
    return new MemoryLimitGroup(this.#memory, this.#clock, states, isSliding)
  }

  close(): void {
    this.#memory.close()
  }

  /** A key of its own for each rule's hashes: what gives a state its meaning need not be hashed with each key again. */
  #keyOf(id: string, index: number, { algorithm, capacity, periodMs }: LimitRule): HashKey {
    const { secret } = this.#memory
    const out = new Int32Array(4)
    for (const [at, width] of [
      [0, 'narrow'],
      [2, 'wide'],
    ] as const) {
      hashText({ narrow: secret, wide: secret }, JSON.stringify([width, id, index, algorithm, capacity, periodMs]), out, at)
    }
    const [n0 = 0, n1 = 0, w0 = 0, w1 = 0] = out
    return { narrow: [n0, n1], wide: [w0, w1] }
  }
}

/**
 * A rule for one of several workers that cannot count together: all of them admit no more than the whole rule. A capacity of one or more
 * stays one, since it would admit nothing otherwise; a window then admits one in each worker.
 */
export function partOf(rule: LimitRule, parts: number): LimitRule {
  const capacity = rule.capacity / parts
  if (capacity >= 1 || rule.capacity < 1) return { ...rule, capacity }
  const periodMs = rule.algorithm === 'token-bucket' ? rule.periodMs / capacity : rule.periodMs
  return { ...rule, capacity: 1, periodMs }
}

class MemoryLimitGroup implements MemoryGroup {
  readonly #memory: LimitMemory
  readonly #clock: Clock
  readonly #rules: readonly RuleState[]
  readonly #isSliding: readonly boolean[]
  /** Slots of the take that is going on. */
  readonly #busy: Int32Array
  readonly #zeros: readonly number[]
  #now = 0
  #refusedBy = -1
  #retryAfterMs = 0

  constructor(memory: LimitMemory, clock: Clock, rules: readonly RuleState[], isSliding: readonly boolean[]) {
    this.#memory = memory
    this.#clock = clock
    this.#rules = rules
    this.#isSliding = isSliding
    this.#zeros = rules.map(() => 0)
    this.#busy = new Int32Array(rules.length)
  }

  take(keys: LimitKeys, cost: number): LimitDecision {
    this.#decide(keys, inUnits(cost), true)
    return this.#decision()
  }

  refusal(keys: LimitKeys, cost: number): LimitDecision | null {
    this.#decide(keys, inUnits(cost), false)
    return this.#refusedBy === -1 ? null : this.#decision()
  }

  peek(keys: LimitKeys, cost: number): LimitDecision {
    this.#decide(keys, inUnits(cost), false)
    return this.#decision()
  }

  #decide(keys: LimitKeys, units: number, takes: boolean): void {
    const rules = this.#rules
    for (let i = 0; i < rules.length; i++) (rules[i] as RuleState).use(keys[i] ?? '')
    const lock: SpinLock | null = this.#memory.lock
    lock?.acquire()
    try {
      // Under the lock, so that what one worker writes is never in another's future.
      this.#now = Math.floor(this.#clock.epochMs())
      this.#look(units)
      if (takes && units > 0 && this.#refusedBy === -1) this.#take(units)
    } finally {
      lock?.release()
    }
  }

  #look(units: number): void {
    this.#refusedBy = -1
    this.#retryAfterMs = 0
    const rules = this.#rules
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as RuleState
      if (!rule.applies) continue
      const waitMs = rule.look(this.#tableOf(i), this.#now, units)
      if (waitMs <= this.#retryAfterMs) continue
      this.#retryAfterMs = waitMs
      this.#refusedBy = i
    }
  }

  #take(units: number): void {
    const rules = this.#rules
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as RuleState
      if (!rule.applies) continue
      const table = this.#tableOf(i)
      if (rule.slot === -1) rule.slot = table.claim(rule.low, rule.high, this.#now, this.#busyBeside(i))
      rule.take(table, this.#now, units)
    }
  }

  /** Slots in the table of a rule that other rules of this take use. */
  #busyBeside(index: number): Int32Array {
    const rules = this.#rules
    for (let i = 0; i < rules.length; i++) {
      const { applies, slot } = rules[i] as RuleState
      this.#busy[i] = applies && this.#isSliding[i] === this.#isSliding[index] ? slot : -1
    }
    return this.#busy
  }

  #tableOf(index: number): SlotTable {
    return this.#isSliding[index] === true ? this.#memory.sliding() : this.#memory.small
  }

  #decision(): LimitDecision {
    const rules = this.#rules
    const remaining = this.#zeros.slice()
    const resetMs = this.#zeros.slice()
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i] as RuleState
      if (!rule.applies) continue
      remaining[i] = rule.remaining
      resetMs[i] = rule.resetMs(this.#now)
    }
    return { admitted: this.#refusedBy === -1, refusedBy: this.#refusedBy, retryAfterMs: this.#retryAfterMs, remaining, resetMs }
  }
}
