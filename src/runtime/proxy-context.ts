import type { RoutePlan } from '../compile/plan.ts'
import type { Snapshot } from '../compile/snapshot.ts'
import type { Clock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Logger } from '../core/observe.ts'
import type { Outcome } from '../core/policy.ts'
import type { TimerWheel } from '../core/timers.ts'
import type { RouteMetrics } from '../telemetry/gateway-metrics.ts'
import type { DecisionLog } from './decisions/decision-log.ts'
import type { DetachedExchanges } from './detached.ts'
import type { GatheringRoom } from './request-relay.ts'

/** What all exchanges of a worker share. */
export interface ProxyContext {
  /** The configuration that new exchanges get. */
  snapshot(): Snapshot
  metricsOf(plan: RoutePlan): RouteMetrics
  /** Told of each exchange that a client waits for when its head is there. */
  onBegin(exchange: Exchange): void
  /** Told when the head of its response is about to go out. */
  onHead(exchange: Exchange): void
  /** Takes an exchange that has ended. */
  record(exchange: Exchange, plan: RoutePlan, outcome: Outcome): void
  /** The same, where no client waited. */
  recordDetached(exchange: Exchange, outcome: Outcome): void
  readonly decisions: DecisionLog
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly log: Logger
  /** For bodies that policies look at as a whole. */
  readonly room: GatheringRoom
  readonly detached: DetachedExchanges
}
