import type { GatewayIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/observe.ts'
import type { SharedFile } from '../core/store.ts'
import type { TappedExchange } from '../core/tap.ts'
import type { MetricsDump } from '../telemetry/metrics.ts'
import type { WorkerProcess } from './worker-process.ts'
import type { WorkerTimeouts } from './worker-timeouts.ts'

export interface WorkerPoolOptions {
  readonly fork: () => WorkerProcess
  readonly log: Logger
  readonly clock: Clock
  /** How the numbers of workers add up, and what of them outlives a worker. */
  readonly mergeDumps: (dumps: readonly MetricsDump[]) => MetricsDump
  /** The same of what is asked for while others wait. */
  readonly mergeDumpsInTurns: (dumps: readonly MetricsDump[]) => Promise<MetricsDump>
  readonly withoutGauges: (dump: MetricsDump) => MetricsDump
  /** What the workers of a configuration count in together. */
  readonly shared?: SharedState
  /** Told of services whose discovered targets cannot be connected to. */
  readonly onUnreachable?: (service: string) => void
  /** Told of exchanges that a tap wants. */
  readonly onTapped?: (exchanges: readonly TappedExchange[], lost: number) => void
  readonly timeouts?: Partial<WorkerTimeouts>
}

/** What workers share beside the configuration. */
export interface SharedState {
  /** The same for each worker of one configuration; null when they share nothing. */
  fileFor(ir: GatewayIr): SharedFile | null
  /** This configuration is in force, null for none, and no other is being prepared. */
  settle(ir: GatewayIr | null): void
}
