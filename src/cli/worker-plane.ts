import type { GatewayIr } from '../config/ir.ts'
import type { DecisionAnswer, DecisionQuery } from '../core/decision.ts'
import type { DiscoveredTargets } from '../core/discovery.ts'
import type { LimitsAnswer, LimitsQuery } from '../core/limit-view.ts'
import type { Purge } from '../core/response-store.ts'
import type { SharedFile, StoreName } from '../core/store.ts'
import type { TapRule } from '../core/tap.ts'
import type { DataPlane, DrainedTargets, DrainResult, ListenerAddress } from '../runtime/control-protocol.ts'
import type { AccessLog } from '../telemetry/access-log.ts'
import type { EventLog } from '../telemetry/event-log.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { BreakerPosition, ServiceState } from '../upstream/service-state.ts'

export interface WorkerTelemetry {
  readonly accessLog: AccessLog
  readonly eventLog: EventLog
  readonly tracing: Tracing
}

/** The gateway and its access log as one: both take a new configuration, or neither does. */
export class LoggedPlane implements DataPlane {
  readonly #gateway: DataPlane
  readonly #accessLog: AccessLog
  readonly #eventLog: EventLog
  readonly #tracing: Tracing
  #preparedIr: GatewayIr | null = null

  constructor(gateway: DataPlane, { accessLog, eventLog, tracing }: WorkerTelemetry) {
    this.#gateway = gateway
    this.#accessLog = accessLog
    this.#eventLog = eventLog
    this.#tracing = tracing
  }

  async prepare(ir: GatewayIr, shared: SharedFile | null, ticketSeed: string): Promise<void> {
    try {
      this.#accessLog.prepare(ir.accessLog)
    } catch (error) {
      throw new Error(`the access log cannot be opened: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    try {
      await this.#gateway.prepare(ir, shared, ticketSeed)
    } catch (error) {
      this.#accessLog.abandon()
      throw error
    }
    this.#preparedIr = ir
  }

  setTargets(targets: DiscoveredTargets): void {
    this.#gateway.setTargets(targets)
  }

  commit(): void {
    if (this.#preparedIr !== null) {
      this.#eventLog.use(this.#preparedIr.eventOutputs)
      this.#tracing.use(this.#preparedIr.tracing)
    }
    this.#preparedIr = null
    this.#accessLog.commit()
    this.#gateway.commit()
  }

  abandon(): void {
    this.#preparedIr = null
    this.#accessLog.abandon()
    this.#gateway.abandon()
  }

  listeners(): readonly ListenerAddress[] {
    return this.#gateway.listeners()
  }

  serviceStates(): readonly ServiceState[] {
    return this.#gateway.serviceStates()
  }

  purge(purges: readonly Purge[], shared: boolean): Promise<readonly StoreName[]> {
    return this.#gateway.purge(purges, shared)
  }

  decisions(query: DecisionQuery): DecisionAnswer {
    return this.#gateway.decisions(query)
  }

  limits(query: LimitsQuery): Promise<LimitsAnswer> {
    return this.#gateway.limits(query)
  }

  setDrained(targets: DrainedTargets): void {
    this.#gateway.setDrained(targets)
  }

  setTapRules(rules: readonly TapRule[]): void {
    this.#gateway.setTapRules(rules)
  }

  resetBreaker(service: string): BreakerPosition | null {
    return this.#gateway.resetBreaker(service)
  }

  drain(timeoutMs: number): Promise<DrainResult> {
    return this.#gateway.drain(timeoutMs)
  }
}
