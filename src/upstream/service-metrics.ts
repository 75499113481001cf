import type { Counter, Gauge } from '../core/observe.ts'
import type { BreakerPosition, TargetHealthName } from './service-state.ts'

/** What is counted of a service. Each part is asked for where it is configured, so that other services make no series. */
export interface ServiceMetrics {
  breaker(): BreakerMetrics
  gate(): GateMetrics
  health(): HealthMetrics
}

export interface BreakerMetrics {
  /** 1 for the state that this worker's breaker is in: the sum over workers is their number. */
  readonly workers: Readonly<Record<BreakerPosition, Gauge>>
  readonly transitions: Readonly<Record<BreakerPosition, Counter>>
  readonly refused: Counter
}

export interface GateMetrics {
  readonly inFlight: Gauge
  readonly queued: Gauge
  readonly queueFull: Counter
  readonly queueTimeout: Counter
}

export interface HealthMetrics {
  /** Targets of this worker by state. */
  readonly targets: Readonly<Record<TargetHealthName, Gauge>>
  /** 1 while this worker uses all targets because too few are usable. */
  readonly panicWorkers: Gauge
  readonly ejections: Counter
  readonly checksPassed: Counter
  readonly checksFailed: Counter
}
