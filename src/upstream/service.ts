import type { ServiceIr, TargetIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { ErrorCode, GatewayError } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Logger } from '../core/observe.ts'
import { ClientTls } from '../http/tls-peer.ts'
import { type Balancer, createBalancer, TargetGroup } from './balancer.ts'
import { Breaker, REFUSED, type Tickets } from './breaker.ts'
import { type ConcurrencyGate, FifoGate } from './concurrency.ts'
import { ConnectWarnings } from './connect-warnings.ts'
import { ServiceHealth } from './health.ts'
import { judge } from './outcome.ts'
import type { TargetContext, TargetSettings } from './pool-context.ts'
import { RetryBudget } from './retry.ts'
import type { Scheduler } from './scheduler.ts'
import type { BreakerMetrics, ServiceMetrics } from './service-metrics.ts'
import type { BreakerPosition, ServiceState } from './service-state.ts'
import { Target } from './target.ts'
import { TargetCheck } from './target-check.ts'

export { REFUSED } from './breaker.ts'

/** What a service needs of its worker. */
export interface ServiceContext extends TargetContext {
  readonly log: Logger
  readonly scheduler: Scheduler
  readonly metrics: ServiceMetrics
  /** A target that was discovered could not be connected to: what is known may be old. */
  onUnreachable(service: string): void
}

/**
 * A service as it runs: its targets with their pools and health, its balancer, breaker, bound on exchanges and retry budget. It outlives
 * reloads under its name, and so does each target under its address: editing one leaves the others' connections, counts and health alone.
 */
export class Service {
  readonly name: string
  readonly budget: RetryBudget
  readonly #clock: Clock
  readonly #context: ServiceContext
  readonly #settings: TargetSettings
  readonly #tickets: Tickets = { last: 0 }
  readonly #health: ServiceHealth
  readonly #connectWarnings: ConnectWarnings
  #ir: ServiceIr
  /** What {@link #settings}' TLS was made of. */
  #writtenTls = ''
  #targets = new Map<string, Target>()
  /** What discovery told last; the configuration's own where nothing is discovered. */
  #listed: readonly TargetIr[] = []
  #group = new TargetGroup([])
  #balancer: Balancer
  #breaker: Breaker | null = null
  #breakerMetrics: BreakerMetrics | null = null
  #gate: FifoGate | null = null
  /** Labels of targets that an operator has taken out. */
  #drained: ReadonlySet<string> = new Set()
  #isRunning = false

  constructor(ir: ServiceIr, clock: Clock, context: ServiceContext) {
    this.name = ir.name
    this.#ir = ir
    this.#clock = clock
    this.#context = context
    this.#settings = { connectTimeoutMs: 0, idleTimeoutMs: 0, connectionsMax: 0, responseHeadBytesMax: 0, tls: null, protocol: 'auto' }
    this.budget = new RetryBudget(ir.retryBudget.ratio, ir.retryBudget.minPerSecond, clock.now())
    const { log, wheel, scheduler, metrics } = context
    this.#connectWarnings = new ConnectWarnings(ir.name, log, clock)
    this.#health = new ServiceHealth(ir.health, {
      service: ir.name,
      clock,
      log,
      scheduler,
      startCheck: (target, rule, onDone) => new TargetCheck(target, rule, wheel, scheduler, onDone),
      metrics: () => metrics.health(),
      onChange: () => this.#group.refresh(),
    })
    this.#balancer = this.#apply(ir)
  }

  get ir(): ServiceIr {
    return this.#ir
  }

  /** Every target, in the order of the configuration. */
  get targets(): readonly Target[] {
    return [...this.#targets.values()]
  }

  /** The configuration that names it is in force: checks begin. Harmless when they have begun. */
  start(): void {
    this.#isRunning = true
    this.#health.start()
    this.#tellBreaker()
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
      tls: this.#tlsOf(ir),
      protocol: ir.protocol,
    } satisfies TargetSettings)
    this.budget.ratio = ir.retryBudget.ratio
    this.budget.minPerSecond = ir.retryBudget.minPerSecond
    this.#applyBreaker(ir)
    this.#applyGate(ir)
    if (ir.discovery === null) this.#listed = ir.targets
    return this.#applyTargets(ir)
  }

  /** A renewed certificate is another text: the same text gives the same object, and so keeps connections. */
  #tlsOf({ tls }: ServiceIr): TargetSettings['tls'] {
    const written = JSON.stringify(tls)
    if (written === this.#writtenTls) return this.#settings.tls
    this.#writtenTls = written
    return tls === null ? null : new ClientTls(tls)
  }

  /** Takes over what discovery has found. The services of a configuration that lists its targets do not listen. */
  setTargets(targets: readonly TargetIr[]): void {
    if (this.#ir.discovery === null || targets === this.#listed) return
    this.#listed = targets
    this.#balancer = this.#applyTargets(this.#ir)
  }

  /** Takes targets out, by their labels, and lets all others back in. What is under way with them goes on. */
  setDrained(labels: ReadonlySet<string>): void {
    this.#drained = labels
    for (const target of this.#targets.values()) target.isDrained = labels.has(target.label)
    this.#health.update(this.#ir.health, this.targets)
    // Before the start, health tells nobody.
    this.#group.refresh()
  }

  #applyTargets(ir: ServiceIr): Balancer {
    const targets = new Map<string, Target>()
    for (const { host, port, weight } of this.#listed) {
      const key = `${host} ${port}`
      const target = this.#targets.get(key) ?? new Target(host, port, weight, this.#settings, this.#context)
      target.weight = weight
      target.isDrained = this.#drained.has(target.label)
      target.renew()
      targets.set(key, target)
    }
    for (const [key, target] of this.#targets) if (!targets.has(key)) target.retire()
    this.#targets = targets
    const all = [...targets.values()]
    this.#health.update(ir.health, all)
    this.#group = new TargetGroup(all)
    return createBalancer(ir.balancer.kind, this.#group, ir.balancer.hash, () => this.#clock.random())
  }

  #applyBreaker({ breaker: ir }: ServiceIr): void {
    const nowMs = this.#clock.now()
    if (ir === null) this.#breaker = null
    else if (this.#breaker !== null) this.#breaker.update(ir, nowMs)
    else this.#breaker = new Breaker(ir, nowMs, this.#tickets, (from, to, cause) => this.#onBreaker(from, to, cause))
    if (this.#isRunning) this.#tellBreaker()
  }

  /** Who is in stays counted when the bound goes, so that it is right when it comes back. */
  #applyGate({ concurrency: ir }: ServiceIr): void {
    if (ir !== null && this.#gate === null) {
      this.#gate = new FifoGate(ir, this.#clock, this.#context.scheduler, this.#context.metrics.gate())
    }
    this.#gate?.update(ir)
  }

  /** A target for the next try: one that has not failed this exchange, or, when all have, any. Null when there is none at all. */
  pick(exchange: Exchange, failed: ReadonlySet<Target> | null): Target | null {
    const target = this.#balancer.pick(exchange, failed)
    return target === null && failed !== null ? this.#balancer.pick(exchange, null) : target
  }

  /** The bound on exchanges that are with this service at once; null for none. */
  get gate(): ConcurrencyGate | null {
    return this.#ir.concurrency === null ? null : this.#gate
  }

  /** Asks the breaker for a try: a ticket for {@link settle}, or {@link REFUSED} while it is open. */
  enter(): number {
    if (this.#breaker === null) return 0
    const ticket = this.#breaker.enter(this.#clock.now())
    if (ticket === REFUSED) this.#breakerMetrics?.refused.add(1)
    return ticket
  }

  /** Closes the breaker and forgets what it has counted. @returns where it was; null where there is none */
  resetBreaker(): BreakerPosition | null {
    const position = this.#breaker?.position ?? null
    this.#breaker?.reset(this.#clock.now())
    return position
  }

  /** Milliseconds until the breaker lets tries through again; 0 when it does. */
  get retryAfterMs(): number {
    return this.#breaker === null ? 0 : this.#breaker.retryAfterMs(this.#clock.now())
  }

  /**
   * Tells how a try ended, once for each ticket: breaker and health learn from it.
   * @param target null when none was picked. @param status of the answer, 0 for none
   * @param error null for an answer that is whole, or for a try that says nothing of the service because the client or the gateway ended it
   */
  settle(target: Target | null, ticket: number, status: number, error: ErrorCode | null): void {
    if (target !== null) this.#health.onTry(target, status, error)
    const breaker = this.#breaker
    if (breaker !== null) {
      const outcome = judge(status, error, breaker.isFailure)
      // An ejected target's illness has been dealt with: tries that still hang there must not close the service that the others keep up.
      const isDealtWith = outcome === 'failure' && target?.health.isEjected === true && !this.#health.inPanic
      breaker.settle(ticket, isDealtWith ? 'neither' : outcome, error ?? status, this.#clock.now())
    }
    if (error !== null && this.#ir.discovery !== null && error.startsWith('upstream_connect_')) this.#context.onUnreachable(this.name)
  }

  /** A try could not reach its target: what the code leaves out is told to the operator, not each time. */
  warnOf(target: Target, error: GatewayError): void {
    this.#connectWarnings.tell(target.label, error)
  }

  #onBreaker(from: BreakerPosition, to: BreakerPosition, cause: string): void {
    const fields = { service: this.name, from, to, cause }
    if (to === 'open') this.#context.log.warn(fields, 'the breaker of a service opened')
    else this.#context.log.info(fields, to === 'closed' ? 'the breaker of a service closed' : 'the breaker of a service is half open')
    this.#breakerMetrics?.transitions[to].add(1)
    // A service that is gone may have a successor of its name, which shows its own state.
    if (this.#isRunning) this.#tellBreaker()
  }

  #tellBreaker(): void {
    const position = this.#isRunning ? (this.#breaker?.position ?? null) : null
    if (position !== null) this.#breakerMetrics ??= this.#context.metrics.breaker()
    const workers = this.#breakerMetrics?.workers
    workers?.closed.set(position === 'closed' ? 1 : 0)
    workers?.['half-open'].set(position === 'half-open' ? 1 : 0)
    workers?.open.set(position === 'open' ? 1 : 0)
  }

  /** What this worker knows of it, as plain JSON. */
  state(): ServiceState {
    return {
      name: this.name,
      breaker: this.#breaker?.state(this.#clock.now()) ?? null,
      inFlight: this.#gate?.inFlight ?? 0,
      queued: this.#gate?.queued ?? 0,
      panic: this.#health.inPanic,
      targets: this.#health.state(),
    }
  }

  /** No configuration names it any more. */
  retire(): void {
    this.#isRunning = false
    this.#health.stop()
    this.#tellBreaker()
    for (const target of this.#targets.values()) target.retire()
  }
}
