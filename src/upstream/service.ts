import type { ServiceIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import { type Balancer, createBalancer } from './balancer.ts'
import type { ConcurrencyGate } from './concurrency.ts'
import { RetryBudget } from './retry.ts'
import { Target, type TargetContext, type TargetSettings } from './target.ts'

/** In place of a ticket: the breaker is open. */
export const REFUSED = -1

/**
 * A service as it runs: its targets with their pools, its balancer and its retry budget. It outlives reloads under its name, and so
 * does each target under its address: editing one leaves the others' connections and counts alone.
 */
export class Service {
  readonly name: string
  readonly budget: RetryBudget
  readonly #clock: Clock
  readonly #context: TargetContext
  readonly #settings: TargetSettings
  #ir: ServiceIr
  #targets = new Map<string, Target>()
  #balancer: Balancer

  constructor(ir: ServiceIr, clock: Clock, context: TargetContext) {
    this.name = ir.name
    this.#ir = ir
    this.#clock = clock
    this.#context = context
    this.#settings = { connectTimeoutMs: 0, idleTimeoutMs: 0, connectionsMax: 0, responseHeadBytesMax: 0 }
    this.budget = new RetryBudget(ir.retryBudget.ratio, ir.retryBudget.minPerSecond, clock.now())
    this.#balancer = this.#apply(ir)
  }

  get ir(): ServiceIr {
    return this.#ir
  }

  /** Every target, in the order of the configuration. */
  get targets(): readonly Target[] {
    return [...this.#targets.values()]
  }

  /** Takes a new configuration of this service over. */
  update(ir: ServiceIr): void {
    const unchanged = JSON.stringify({ ...ir, at: null }) === JSON.stringify({ ...this.#ir, at: null })
    this.#ir = ir
    if (!unchanged) this.#balancer = this.#apply(ir)
  }

  #apply(ir: ServiceIr): Balancer {
    Object.assign(this.#settings, {
      connectTimeoutMs: ir.connectTimeoutMs,
      idleTimeoutMs: ir.idleTimeoutMs,
      connectionsMax: ir.connectionsMax,
      responseHeadBytesMax: ir.responseHeadBytesMax,
    } satisfies TargetSettings)
    this.budget.ratio = ir.retryBudget.ratio
    this.budget.minPerSecond = ir.retryBudget.minPerSecond
    const targets = new Map<string, Target>()
    for (const { host, port, weight } of ir.targets) {
      const key = `${host} ${port}`
      const target = this.#targets.get(key) ?? new Target(host, port, weight, this.#settings, this.#context)
      target.weight = weight
      targets.set(key, target)
    }
    for (const [key, target] of this.#targets) if (!targets.has(key)) target.retire()
    this.#targets = targets
    return createBalancer(ir.balancer.kind, [...targets.values()], ir.balancer.hashKey, () => this.#clock.random())
  }

  /** A target for the next try: one that has not failed this exchange, or, when all have, any. Null when there is none at all. */
  pick(exchange: Exchange, failed: ReadonlySet<Target> | null): Target | null {
    const target = this.#balancer.pick(exchange, failed)
    return target === null && failed !== null ? this.#balancer.pick(exchange, null) : target
  }

  /** The bound on exchanges that are with this service at once; null for none. */
  get gate(): ConcurrencyGate | null {
    return null
  }

  /** Asks the breaker for a try: a ticket for {@link settle}, or {@link REFUSED} while it is open. */
  enter(): number {
    return 0
  }

  /** Milliseconds until the breaker lets tries through again; 0 when it does. */
  get retryAfterMs(): number {
    return 0
  }

  /**
   * Tells how a try ended, once for each ticket: breaker and health learn from it.
   * @param target null when none was picked. @param status of the answer, 0 for none
   * @param error null for an answer that is whole, or for a try that says nothing of the service because the client or the gateway ended it
   */
  settle(_target: Target | null, _ticket: number, _status: number, _error: ErrorCode | null): void {}

  /** No configuration names it any more. */
  retire(): void {
    for (const target of this.#targets.values()) target.retire()
  }
}
