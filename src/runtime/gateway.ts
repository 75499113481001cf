import { randomBytes } from 'node:crypto'
import { placesFor } from '../compile/limit-places.ts'
import type { RoutePlan } from '../compile/plan.ts'
import { compileSnapshot, loadPolicies, type Snapshot } from '../compile/snapshot.ts'
import type { GatewayIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { DecisionAnswer, DecisionQuery } from '../core/decision.ts'
import { type DiscoveredTarget, type DiscoveredTargets, discoveryKey } from '../core/discovery.ts'
import type { Exchange } from '../core/exchange.ts'
import type { LimitsAnswer, LimitsQuery } from '../core/limit-view.ts'
import type { BoundedMetrics, Logger } from '../core/observe.ts'
import type { Outcome, PolicyDefinition } from '../core/policy.ts'
import type { RecordOutputs } from '../core/record-output.ts'
import type { HttpClient, Resources } from '../core/resources.ts'
import type { Purge } from '../core/response-store.ts'
import type { SharedFile, StoreName, Stores } from '../core/store.ts'
import type { TapRule } from '../core/tap.ts'
import { TimerWheel } from '../core/timers.ts'
import { countConsumer, RouteMetrics, resilienceMetrics, routeMetrics, upstreamMetrics } from '../telemetry/gateway-metrics.ts'
import { RecordSinks } from '../telemetry/record-sinks.ts'
import { timers } from '../upstream/scheduler.ts'
import { Service } from '../upstream/service.ts'
import type { BreakerPosition, ServiceState } from '../upstream/service-state.ts'
import { BodyBudget } from './body-steps.ts'
import type { DataPlane, DrainedTargets, DrainResult, ListenerAddress } from './control-protocol.ts'
import { DecisionLog } from './decisions/decision-log.ts'
import { DetachedExchanges } from './detached.ts'
import { Listener, type ListenerTls, prepareTls } from './listener.ts'
import { ExchangeProxy } from './proxy.ts'
import type { ProxyContext } from './proxy-context.ts'
import { PurgedStores } from './purging.ts'
import { type Lease, ResourceRegistry } from './resources.ts'
import { StreamEnding } from './stream-ending.ts'
import { type TapListener, TrafficTap } from './traffic-tap.ts'

export interface GatewayParts {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: BoundedMetrics
  readonly accessLog: {
    onHead?(exchange: Exchange): void
    write(exchange: Exchange, outcome: Outcome): void
  } | null
  /** Makes exchanges part of traces; absent for none. */
  readonly tracing?: {
    begin(exchange: Exchange): void
    /** The same for one that no client waits for, made of another. */
    beginDetached(exchange: Exchange, source: Exchange, what: 'mirror' | 'refetch'): void
    end(exchange: Exchange, outcome: Outcome): void
  }
  /** Told of services whose discovered targets cannot be connected to. */
  readonly onUnreachable?: (service: string) => void
  /** Told of exchanges that a tap wants. */
  readonly onTapped?: TapListener
  /** In the order in which they act. */
  readonly policies: readonly PolicyDefinition<unknown>[]
  readonly http: HttpClient
  /** Where policies send records to; those of the gateway itself unless given, which its drain waits for. */
  readonly outputs?: RecordOutputs
  /** Makes the stores of a configuration; those that are the same as before come from `resources`. */
  readonly createStores: (ir: GatewayIr, resources: Resources, shared: SharedFile | null) => Stores
}

/** What has been compiled and opened, and waits for `commit`. */
interface Prepared {
  readonly snapshot: Snapshot
  readonly services: ReadonlyMap<string, Service>
  readonly stores: PurgedStores
  readonly newListeners: ReadonlyMap<string, Listener>
  /** Of each listener, by its key. */
  readonly tls: ReadonlyMap<string, ListenerTls | null>
  readonly lease: Lease
}

/** TLS sessions of a gateway that has only this worker; each start has its own. */
const OWN_SEED = randomBytes(32).toString('base64')

const NONE: ReadonlySet<string> = new Set()

/** How often a drain looks whether it is done. */
const DRAIN_POLL_MS = 20
/** Of a drain's time, the share over which streams are ended: what is left is for clients to answer. */
const DRAIN_SPREAD_SHARE = 0.7

/** The data plane of one worker: listeners, the snapshot that serves, and what outlives snapshots. */
export class Gateway implements DataPlane {
  readonly #parts: GatewayParts
  readonly #wheel = new TimerWheel()
  readonly #context: ProxyContext
  #snapshot: Snapshot | null = null
  #services: ReadonlyMap<string, Service> = new Map()
  #stores: PurgedStores | null = null
  #listeners = new Map<string, Listener>()
  /** No longer configured; their connections finish. */
  readonly #leaving = new Set<Listener>()
  #prepared: Prepared | null = null
  /** What discovery has found, by the keys of rules; also of those that only a configuration which is being prepared has. */
  readonly #discovered = new Map<string, readonly DiscoveredTarget[]>()
  /** The services in force whose targets a rule finds, by its key. */
  #servicesByRule: ReadonlyMap<string, readonly Service[]> = new Map()
  /** When it was last said of a service that its targets cannot be connected to. */
  readonly #unreachableSaidAt = new Map<string, number>()
  readonly #bodies = new BodyBudget()
  readonly #resources = new ResourceRegistry()
  readonly #ownOutputs: RecordSinks
  readonly #decisions: DecisionLog
  readonly #tap: TrafficTap
  /** Targets that an operator has taken out, by their services; also of services that are not there now. */
  #drained: ReadonlyMap<string, ReadonlySet<string>> = new Map()

  constructor(parts: GatewayParts) {
    this.#parts = parts
    this.#ownOutputs = new RecordSinks(parts)
    this.#decisions = new DecisionLog(parts.clock)
    this.#tap = new TrafficTap(parts.clock, parts.onTapped ?? (() => {}))
    this.#context = {
      snapshot: () => this.#snapshot as Snapshot,
      metricsOf: (plan) => this.#metricsOf(plan),
      onBegin: (exchange) => parts.tracing?.begin(exchange),
      onHead: (exchange) => parts.accessLog?.onHead?.(exchange),
      record: (exchange, plan, outcome) => {
        parts.tracing?.end(exchange, outcome)
        parts.accessLog?.write(exchange, outcome)
        this.#decisions.record(exchange, plan, outcome)
        this.#tap.add(exchange, plan, outcome)
        this.#countConsumer(exchange, outcome)
      },
      recordDetached: (exchange, outcome) => parts.tracing?.end(exchange, outcome),
      decisions: this.#decisions,
      clock: parts.clock,
      wheel: this.#wheel,
      log: parts.log,
      detached: new DetachedExchanges(
        (exchange) => new ExchangeProxy(exchange, this.#context),
        parts.metrics,
        parts.clock,
        (...begun) => parts.tracing?.beginDetached(...begun),
      ),
      room: {
        take: (bytes) => this.#bodies.take(bytes, this.#snapshot?.ir.limits.gatheredBytesMax ?? 0),
        give: (bytes) => this.#bodies.give(bytes),
      },
    }
  }

  async prepare(ir: GatewayIr, shared: SharedFile | null, ticketSeed = OWN_SEED): Promise<void> {
    this.abandon()
    // What is prepared asks for series already.
    this.#parts.metrics.seriesMax = ir.metrics.seriesMax
    const services = new Map<string, Service>()
    for (const service of ir.services) services.set(service.name, this.#services.get(service.name) ?? this.#newService(service))
    await loadPolicies(ir, this.#parts.policies)
    const lease = this.#resources.lease()
    const newListeners = new Map<string, Listener>()
    const tls = new Map<string, ListenerTls | null>()
    const stores = new PurgedStores(this.#parts.createStores(ir, lease, shared))
    let snapshot: Snapshot
    try {
      snapshot = this.#compile(ir, services, stores, lease)
      for (const listenerIr of ir.listeners) {
        const key = keyOf(listenerIr)
        const own = prepareTls(listenerIr, ticketSeed, ir.limits, this.#parts.clock, this.#listeners.get(key)?.tls ?? null)
        tls.set(key, own)
        if (this.#listeners.has(key)) continue
        const listener = new Listener(listenerIr, own, {
          clock: this.#parts.clock,
          wheel: this.#wheel,
          metrics: this.#parts.metrics,
          log: this.#parts.log,
          limits: ir.limits,
          createHandler: (exchange) => new ExchangeProxy(exchange, this.#context),
        })
        // A connection may come in before the commit of a first configuration: the snapshot must be there.
        this.#snapshot ??= snapshot
        await listener.open()
        newListeners.set(key, listener)
      }
    } catch (error) {
      for (const listener of newListeners.values()) listener.stop()
      lease.abandon()
      throw error
    }
    this.#prepared = { snapshot, services, stores, newListeners, tls, lease }
  }

  #compile(ir: GatewayIr, services: ReadonlyMap<string, Service>, stores: Stores, lease: Lease): Snapshot {
    const { clock, log, metrics, policies, http, outputs = this.#ownOutputs } = this.#parts
    return compileSnapshot(ir, {
      clock,
      log,
      metrics,
      policies,
      http,
      resources: lease,
      outputs,
      stores,
      service: (name) => services.get(name) as Service,
    })
  }

  #newService(ir: GatewayIr['services'][number]): Service {
    const { clock, log, metrics } = this.#parts
    return new Service(ir, clock, {
      wheel: this.#wheel,
      ...upstreamMetrics(metrics, ir.name),
      log,
      scheduler: timers,
      metrics: resilienceMetrics(metrics, ir.name),
      onUnreachable: (service) => this.#onUnreachable(service),
    })
  }

  /** At most once a second for each service: where all targets are gone, every try says so. */
  #onUnreachable(service: string): void {
    const nowMs = this.#parts.clock.now()
    if (nowMs - (this.#unreachableSaidAt.get(service) ?? Number.NEGATIVE_INFINITY) < 1_000) return
    this.#unreachableSaidAt.set(service, nowMs)
    this.#parts.onUnreachable?.(service)
  }

  setTargets(targets: DiscoveredTargets): void {
    for (const [key, list] of Object.entries(targets)) {
      if (list === null) {
        this.#discovered.delete(key)
        continue
      }
      this.#discovered.set(key, list)
      for (const service of this.#servicesByRule.get(key) ?? []) service.setTargets(list)
    }
  }

  commit(): void {
    const prepared = this.#prepared
    if (prepared === null) return
    this.#prepared = null
    const { snapshot, services, stores, newListeners, tls, lease } = prepared
    const { ir } = snapshot
    const byRule = new Map<string, Service[]>()
    for (const serviceIr of ir.services) {
      const service = services.get(serviceIr.name)
      if (service === undefined) continue
      service.update(serviceIr)
      if (serviceIr.discovery !== null) {
        const key = discoveryKey(serviceIr.discovery)
        byRule.set(key, [...(byRule.get(key) ?? []), service])
        // None where the registry has not answered: what another rule has found, or was listed, is not what is asked for now.
        service.setTargets(this.#discovered.get(key) ?? [])
      }
      service.setDrained(this.#drained.get(service.name) ?? NONE)
      service.start()
    }
    this.#servicesByRule = byRule
    for (const [name, service] of this.#services) if (!services.has(name)) service.retire()
    this.#services = services
    this.#snapshot = snapshot
    this.#decisions.use(ir.decisions)
    this.#stores = stores
    lease.commit()

    const listeners = new Map<string, Listener>()
    for (const listenerIr of ir.listeners) {
      const key = keyOf(listenerIr)
      const listener = newListeners.get(key) ?? this.#listeners.get(key)
      if (listener === undefined) continue
      listener.update(listenerIr, tls.get(key) ?? null, ir.limits)
      listeners.set(key, listener)
    }
    for (const [key, listener] of this.#listeners) {
      if (listeners.has(key)) continue
      listener.stop()
      this.#leaving.add(listener)
    }
    for (const listener of this.#leaving) if (listener.connections.size === 0) this.#leaving.delete(listener)
    this.#listeners = listeners
  }

  abandon(): void {
    for (const listener of this.#prepared?.newListeners.values() ?? []) {
      listener.stop()
      listener.cut()
    }
    this.#prepared?.lease.abandon()
    this.#prepared = null
    if (this.#snapshot !== null) this.#parts.metrics.seriesMax = this.#snapshot.ir.metrics.seriesMax
  }

  listeners(): readonly ListenerAddress[] {
    return (this.#snapshot?.ir.listeners ?? []).flatMap((ir) => {
      const listener = this.#listeners.get(keyOf(ir))
      return listener === undefined ? [] : [{ name: ir.name, ...listener.address, scheme: ir.tls === null ? 'http' : 'https' }]
    })
  }

  /** The targets of the running services, for `explain` and tests. */
  get services(): ReadonlyMap<string, Service> {
    return this.#services
  }

  serviceStates(): readonly ServiceState[] {
    return [...this.#services.values()].map((service) => service.state())
  }

  purge(purges: readonly Purge[], shared: boolean): Promise<readonly StoreName[]> {
    return this.#stores?.purge(purges, shared) ?? Promise.resolve([])
  }

  decisions(query: DecisionQuery): DecisionAnswer {
    return this.#decisions.find(query)
  }

  async limits(query: LimitsQuery): Promise<LimitsAnswer> {
    if (this.#snapshot === null) return { total: 0, policies: [] }
    const { ir, limits } = this.#snapshot
    const places = placesFor(ir, limits, query)
    const policies = places.slice(0, query.max).map(async ({ place: { policy, scope, limits: view }, subjects }) => ({
      policy: { kind: policy.kind, mode: policy.mode, scope, at: policy.at },
      reading: await view.read(subjects),
    }))
    return { total: places.length, policies: await Promise.all(policies) }
  }

  setDrained(targets: DrainedTargets): void {
    this.#drained = new Map(Object.entries(targets).map(([service, labels]) => [service, new Set(labels)]))
    for (const service of this.#services.values()) service.setDrained(this.#drained.get(service.name) ?? NONE)
  }

  setTapRules(rules: readonly TapRule[]): void {
    this.#tap.use(rules)
  }

  resetBreaker(service: string): BreakerPosition | null {
    return this.#services.get(service)?.resetBreaker() ?? null
  }

  async drain(timeoutMs: number): Promise<DrainResult> {
    this.abandon()
    const all = [...this.#listeners.values(), ...this.#leaving]
    const before = countConnections(all)
    for (const listener of all) listener.stop()
    const spreadMs = Math.min(this.#snapshot?.ir.drainSpreadMs ?? 0, timeoutMs * DRAIN_SPREAD_SHARE)
    const streams = new StreamEnding(spreadMs, this.#parts.clock)
    const endAt = performance.now() + timeoutMs
    while (countConnections(all) > 0 && performance.now() < endAt) {
      for (const listener of all) streams.turn(listener.connections)
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS))
    }
    const aborted = all.reduce((sum, listener) => sum + listener.cut(), 0)
    this.#context.detached.close()
    for (const service of this.#services.values()) service.retire()
    this.#resources.close()
    await this.#ownOutputs.close()
    const { websockets, eventStreams } = streams
    return { closed: before - aborted, aborted, websockets, eventStreams }
  }

  #countConsumer({ caller: { consumer } }: Exchange, { status }: Outcome): void {
    if (consumer !== null && this.#snapshot?.ir.metrics.byConsumer === true) countConsumer(this.#parts.metrics, consumer.name, status)
  }

  #metricsOf(plan: RoutePlan): RouteMetrics {
    if (plan.metrics instanceof RouteMetrics) return plan.metrics
    const metrics = routeMetrics(this.#parts.metrics, plan.pattern, plan.serviceName)
    plan.metrics = metrics
    return metrics
  }
}

function countConnections(listeners: readonly Listener[]): number {
  return listeners.reduce((sum, { connections }) => sum + connections.size, 0)
}

/** A listener is the same one while its address is. */
function keyOf({ host, port, name }: { readonly host: string; readonly port: number; readonly name: string }): string {
  return port === 0 ? `${host}:0 ${name}` : `${host}:${port}`
}
