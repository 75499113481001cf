import type { LimitsAnswer, LimitsQuery } from '../core/limit-view.ts'
import type { Logger } from '../core/observe.ts'
import type { Purge } from '../core/response-store.ts'
import type { ControlStatus } from '../runtime/control.ts'
import type { DecisionDesk } from '../runtime/decisions/desk.ts'
import type { DiscoveryState } from '../runtime/discoveries.ts'
import type { EverywhereResult, PurgeResult, WorkerServices } from '../runtime/workers.ts'
import type { ConfigDesk } from './config-desk.ts'
import type { TapDesk } from './tap-desk.ts'
import type { TrafficDesk } from './traffic-desk.ts'

/** What the endpoints of the admin listener ask the gateway for. */
export interface AdminParts {
  readonly log: Logger
  readonly status: () => ControlStatus
  /** The running configuration as it may be shown, secrets hidden. */
  readonly display: () => unknown
  readonly config: ConfigDesk
  /** Prometheus text of all workers. */
  readonly metrics: () => Promise<string | Buffer>
  /** The same, for who looks often. */
  readonly traffic: TrafficDesk
  /** What each worker knows of its services. */
  readonly services: () => Promise<readonly WorkerServices[]>
  /** What is known of the discovery of services, by their names. */
  readonly discoveries?: () => ReadonlyMap<string, DiscoveryState>
  /** Takes a target of a service out of picks, or lets it back in; until the control process ends. */
  readonly setDrained: (service: string, address: string, isDrained: boolean) => Promise<EverywhereResult>
  readonly resetBreaker: (service: string) => Promise<EverywhereResult>
  readonly tap: TapDesk
  /** Decision records. */
  readonly decisions: Pick<DecisionDesk, 'newest' | 'find' | 'whatIf' | 'judge'>
  /** What is left of limits; null when no worker answers. */
  readonly limits: (query: LimitsQuery) => Promise<LimitsAnswer | null>
  /** Has cached responses forgotten, everywhere. */
  readonly purge: (purges: readonly Purge[]) => Promise<PurgeResult>
}
