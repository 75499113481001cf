import { createHash } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { GatewayError } from '../../core/errors.ts'
import type { LimitDecision, LimitGroup, LimitKeys, LimitRule, LimitStore } from '../../core/store.ts'
import type { RedisConnection, Script } from './connection.ts'
import { Refusals } from './refusals.ts'
import { type LimitScripts, limitScripts } from './take-script.ts'

const SCRIPTS = limitScripts()

/**
 * Limits kept in Redis: one script for each take, whatever the number of rules.
 *
 * A take whose answer comes too late, or whose connection breaks, fails; whether it was counted is not known. So a Redis that is slow can
 * make a limit stricter, never looser.
 */
export class RedisLimits implements LimitStore {
  readonly reach = 'gateways'
  readonly #connection: RedisConnection
  readonly #keyPrefix: string
  readonly #clock: Clock
  readonly #scripts: LimitScripts

  /** @param scripts for tests, which have a time of their own */
  constructor(connection: RedisConnection, keyPrefix: string, clock: Clock, scripts: LimitScripts = SCRIPTS) {
    this.#connection = connection
    this.#keyPrefix = keyPrefix
    this.#clock = clock
    this.#scripts = scripts
  }

  group(id: string, rules: readonly LimitRule[]): LimitGroup {
    return new RedisLimitGroup(this.#connection, keyMaker(this.#keyPrefix, id, rules), rules, this.#clock, this.#scripts)
  }
}

class RedisLimitGroup implements LimitGroup {
  readonly #connection: RedisConnection
  readonly #keyOf: (rule: number, key: string) => string
  readonly #rules: readonly (readonly string[])[]
  readonly #clock: Clock
  readonly #scripts: LimitScripts
  readonly #refusals = new Refusals()
  readonly #nothing: LimitDecision

  constructor(
    connection: RedisConnection,
    keyOf: (rule: number, key: string) => string,
    rules: readonly LimitRule[],
    clock: Clock,
    scripts: LimitScripts,
  ) {
    this.#connection = connection
    this.#keyOf = keyOf
    this.#rules = rules.map(({ algorithm, capacity, periodMs }) => [algorithm, `${capacity}`, `${periodMs}`])
    this.#clock = clock
    this.#scripts = scripts
    const zeros = rules.map(() => 0)
    this.#nothing = { admitted: true, refusedBy: -1, retryAfterMs: 0, remaining: zeros, resetMs: zeros }
  }

  take(keys: LimitKeys, cost: number): LimitDecision | Promise<LimitDecision> {
    const asked = this.#asked(keys, cost)
    if (asked === null) return this.#nothing
    return this.#evaluate(this.#scripts.take, asked).then((decision) => {
      const { refusedBy, retryAfterMs } = decision
      // By the name that was asked for: the keys may be another exchange's by now.
      const name = asked.names[asked.rules.indexOf(refusedBy)]
      if (name !== undefined) this.#refusals.remember(name, cost, retryAfterMs, this.#clock.now())
      return decision
    })
  }

  peek(keys: LimitKeys, cost: number): LimitDecision | Promise<LimitDecision> {
    const asked = this.#asked(keys, cost)
    return asked === null ? this.#nothing : this.#evaluate(this.#scripts.peek, asked)
  }

  /** Keys and arguments of a script, and the rules they are for; null when no rule applies. */
  #asked(keys: LimitKeys, cost: number): Asked | null {
    const names: string[] = []
    const rules: number[] = []
    const args = [`${cost}`]
    for (let i = 0; i < this.#rules.length; i++) {
      const key = keys[i] as string
      if (key === '') continue
      names.push(this.#keyOf(i, key))
      rules.push(i)
      args.push(...(this.#rules[i] as readonly string[]))
    }
    return names.length === 0 ? null : { names, rules, args }
  }

  #evaluate(script: Script, { names, rules, args }: Asked): Promise<LimitDecision> {
    return this.#connection.evaluate(script, names, args).then(
      (answer) => this.#decisionOf(answer, rules),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        throw new GatewayError('limit_store_unavailable', message, 'internal', 'never', error)
      },
    )
  }

  refusal(keys: LimitKeys, cost: number): LimitDecision | null {
    const now = this.#clock.now()
    let refusedBy = -1
    let longest = 0
    for (let i = 0; i < this.#rules.length; i++) {
      const key = keys[i] as string
      if (key === '') continue
      const waitMs = this.#refusals.waitMs(this.#keyOf(i, key), cost, now)
      if (waitMs <= longest) continue
      refusedBy = i
      longest = waitMs
    }
    if (refusedBy === -1) return null
    const resetMs = this.#rules.map((_, i) => (i === refusedBy ? longest : 0))
    return { admitted: false, refusedBy, retryAfterMs: longest, remaining: this.#nothing.remaining, resetMs }
  }

  #decisionOf(answer: unknown, rules: readonly number[]): LimitDecision {
    if (!isNumbers(answer, 2 + 2 * rules.length)) {
      throw new GatewayError('limit_store_unavailable', 'redis answers a take with what is no decision', 'internal')
    }
    const [refused = 0, waitUs = 0] = answer
    const remaining = this.#rules.map(() => 0)
    const resetMs = this.#rules.map(() => 0)
    rules.forEach((rule, i) => {
      remaining[rule] = answer[2 + 2 * i] ?? 0
      resetMs[rule] = (answer[3 + 2 * i] ?? 0) / 1000
    })
    if (refused === 0) return { admitted: true, refusedBy: -1, retryAfterMs: 0, remaining, resetMs }
    const retryAfterMs = waitUs < 0 ? Number.POSITIVE_INFINITY : waitUs / 1000
    return { admitted: false, refusedBy: rules[refused - 1] ?? 0, retryAfterMs, remaining, resetMs }
  }
}

/** What a script is asked: names of states, the rules they belong to, and its arguments. */
interface Asked {
  readonly names: readonly string[]
  readonly rules: readonly number[]
  readonly args: readonly string[]
}

function isNumbers(value: unknown, length: number): value is readonly number[] {
  return Array.isArray(value) && value.length === length && value.every((part) => typeof part === 'number')
}

/**
 * Names of states. In a cluster all keys of a script must lie on one node, which the part in braces decides (its hash tag): the group, or,
 * where there is but one rule, what it counts, so that its states lie on all nodes.
 */
function keyMaker(prefix: string, id: string, rules: readonly LimitRule[]): (rule: number, key: string) => string {
  // Other rules begin anew, in states of their own: what was counted under one says nothing under another.
  const meaning = rules.map(({ algorithm, capacity, periodMs }) => [algorithm, capacity, periodMs])
  const group = withoutBraces(`${id}#${createHash('sha256').update(JSON.stringify(meaning)).digest('hex').slice(0, 8)}`)
  if (rules.length === 1) return (_, key) => `${prefix}limit:${group}:{${withoutBraces(key)}}`
  return (rule, key) => `${prefix}limit:{${group}}:${rule}:${key}`
}

function withoutBraces(text: string): string {
  return text.replaceAll(/[%{}]/g, encodeURIComponent)
}
