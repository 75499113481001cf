import type { HealthIr, PassiveCheckIr } from '../config/ir.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Logger } from '../core/observe.ts'
import { compileStatuses } from '../core/status-set.ts'
import { ActiveChecks, type ChecksContext } from './active-check.ts'
import { describeBlame, judge } from './outcome.ts'
import type { HealthMetrics } from './service-metrics.ts'
import type { TargetHealthName, TargetState } from './service-state.ts'
import type { Target } from './target.ts'
import { SLOW_START_STEPS } from './target-health.ts'

export interface HealthContext extends ChecksContext {
  readonly service: string
  readonly log: Logger
  /** Asked for where checks are configured. */
  metrics(): HealthMetrics
  /** The weights that targets count for are others now. */
  onChange(): void
}

const STATES: readonly TargetHealthName[] = ['healthy', 'unhealthy', 'ejected', 'unknown']

/**
 * The targets of a service as a group: which of them are used, and for how much of their weight. It learns from checks and from real
 * requests, ejects no more than allowed, and uses all when too few are left. Works out anew on changes only, never for a pick.
 */
export class ServiceHealth {
  readonly #context: HealthContext
  readonly #checks: ActiveChecks
  #ir: HealthIr
  #isFailure: (status: number) => boolean = () => false
  #targets: readonly Target[] = []
  #metrics: HealthMetrics | null = null
  #inPanic = false
  #isRunning = false
  #stopTimer = (): void => {}
  readonly #refreshNow = (): void => this.#refresh()

  constructor(ir: HealthIr, context: HealthContext) {
    this.#ir = ir
    this.#context = context
    this.#checks = new ActiveChecks(context, (target, failure) => this.#onCheck(target, failure))
  }

  get inPanic(): boolean {
    return this.#inPanic
  }

  /** Takes over what is configured. Targets that stay keep what is known of them. */
  update(ir: HealthIr, targets: readonly Target[]): void {
    const nowMs = this.#context.clock.now()
    this.#ir = ir
    this.#targets = targets
    if (ir.passive !== null) this.#isFailure = compileStatuses(ir.passive.statuses)
    for (const { health } of targets) {
      if (ir.active === null) health.forgetChecks(nowMs)
      if (ir.passive === null && health.isEjected) health.release(nowMs)
    }
    if (ir.active !== null || ir.passive !== null) this.#metrics ??= this.#context.metrics()
    if (this.#isRunning) this.#checks.update(ir.active, targets)
    this.#refresh()
  }

  /** Begins to check, and to tell. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#checks.update(this.#ir.active, this.#targets)
    this.#refresh()
  }

  stop(): void {
    this.#isRunning = false
    this.#checks.stop()
    this.#stopTimer()
    for (const state of STATES) this.#metrics?.targets[state].set(0)
    this.#metrics?.panicWorkers.set(0)
  }

  /** A real request has ended at a target; parameters as for `Service.settle`. */
  onTry(target: Target, status: number, error: ErrorCode | null): void {
    const { passive } = this.#ir
    if (passive === null || !this.#isRunning) return
    const outcome = judge(status, error, this.#isFailure)
    if (outcome === 'success') target.health.onSuccess()
    if (outcome !== 'failure') return
    const failures = target.health.onFailure(passive)
    if (failures > 0 && this.#mayEject(target, passive)) {
      this.#eject(target, passive, `${failures} failures in a row, the last one: ${describeBlame(error ?? status)}`)
    }
  }

  /** No more than the share allowed, but one; and the last one that is fit only where that is asked for: nothing takes its place. */
  #mayEject(target: Target, { ejectedPercentMax, ejectsLast }: PassiveCheckIr): boolean {
    let total = 0
    let ejected = 0
    let others = 0
    let isOurs = false
    for (const other of this.#targets) {
      isOurs ||= other === target
      if (other.weight === 0 || other.isDrained) continue
      total++
      if (other.health.isEjected) ejected++
      if (other !== target && other.health.isFit) others++
    }
    return isOurs && (others > 0 || ejectsLast) && ejected < Math.max(1, Math.floor((total * ejectedPercentMax) / 100))
  }

  #eject(target: Target, passive: PassiveCheckIr, cause: string): void {
    const nowMs = this.#context.clock.now()
    target.health.eject(cause, passive, nowMs)
    this.#checks.onUnfit(target)
    this.#metrics?.ejections.add(1)
    const ejectedForMs = Math.ceil(target.health.ejectedForMs(nowMs))
    this.#context.log.warn({ service: this.#context.service, target: target.label, cause, ejectedForMs }, 'a target is ejected')
    this.#refresh()
  }

  #onCheck(target: Target, failure: string | null): void {
    const { active } = this.#ir
    if (active === null) return
    const counter = failure === null ? this.#metrics?.checksPassed : this.#metrics?.checksFailed
    counter?.add(1)
    const wasUnhealthy = target.health.verdict === 'unhealthy' || target.health.isEjected
    if (!target.health.onCheck(failure, active, this.#context.clock.now())) return
    const fields = { service: this.#context.service, target: target.label }
    // The first good check of a target changes nothing that an operator should know.
    if (wasUnhealthy) this.#context.log.info(fields, 'a target is healthy again')
    else if (failure !== null) this.#context.log.warn({ ...fields, cause: failure }, 'a target is unhealthy')
    this.#refresh()
  }

  /** Works out which targets are used, and for how much. */
  #refresh(): void {
    const nowMs = this.#context.clock.now()
    this.#endEjections(nowMs)
    this.#judgePanic()
    const { slowStartMs } = this.#ir
    let changed = false
    let nextAt = Number.POSITIVE_INFINITY
    for (const target of this.#targets) {
      const { health, weight } = target
      const isUsable = (health.isFit || this.#inPanic) && !target.isDrained
      const tenths = health.isFit ? health.tenths(slowStartMs, nowMs) : SLOW_START_STEPS
      const effectiveWeight = isUsable ? (this.#inPanic ? weight : (weight * tenths) / SLOW_START_STEPS) : 0
      changed ||= isUsable !== target.isUsable || effectiveWeight !== target.effectiveWeight
      target.isUsable = isUsable
      target.effectiveWeight = effectiveWeight
      nextAt = Math.min(nextAt, health.nextChangeAt(slowStartMs, nowMs))
    }
    this.#stopTimer()
    if (!this.#isRunning) return
    if (nextAt < Number.POSITIVE_INFINITY) {
      this.#stopTimer = this.#context.scheduler.after(Math.max(1, Math.ceil(nextAt - nowMs)), this.#refreshNow)
    }
    this.#tell()
    if (changed) this.#context.onChange()
  }

  #endEjections(nowMs: number): void {
    for (const { health, label } of this.#targets) {
      if (!health.isEjected || health.ejectedForMs(nowMs) > 0) continue
      health.release(nowMs)
      this.#context.log.info({ service: this.#context.service, target: label }, 'a target is no longer ejected')
    }
  }

  #judgePanic(): void {
    let total = 0
    let fit = 0
    for (const { weight, health, isDrained } of this.#targets) {
      if (weight === 0 || isDrained) continue
      total++
      if (health.isFit) fit++
    }
    const { panicPercent } = this.#ir
    const inPanic = fit * 100 < panicPercent * total
    if (inPanic === this.#inPanic) return
    this.#inPanic = inPanic
    const fields = { service: this.#context.service, fit, targets: total }
    if (inPanic) this.#context.log.warn(fields, 'so few targets are fit that all are used')
    else this.#context.log.info(fields, 'enough targets are fit again')
  }

  #tell(): void {
    const metrics = this.#metrics
    if (metrics === null) return
    const isWatched = this.#ir.active !== null || this.#ir.passive !== null
    for (const state of STATES) {
      metrics.targets[state].set(isWatched ? this.#targets.reduce((sum, { health }) => sum + (health.name === state ? 1 : 0), 0) : 0)
    }
    metrics.panicWorkers.set(this.#inPanic ? 1 : 0)
  }

  /** In the order of the configuration. */
  state(): readonly TargetState[] {
    const nowMs = this.#context.clock.now()
    return this.#targets.map((target) => ({
      address: target.label,
      weight: target.weight,
      effectiveWeight: target.effectiveWeight,
      health: target.health.name,
      drained: target.isDrained,
      ejectedForMs: Math.ceil(target.health.ejectedForMs(nowMs)),
      reason: target.health.reason,
      inFlight: target.inFlight,
      connections: target.open,
    }))
  }
}
