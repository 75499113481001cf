import type { GatewayIr } from '../config/ir.ts'
import {
  type DiscoveredTarget,
  type DiscoveredTargets,
  type DiscoveryEvents,
  type DiscoveryRule,
  type DiscoveryWatch,
  discoveryKey,
  findsTheSame,
  type LookupState,
} from '../core/discovery.ts'
import type { Gauge, Logger, Metrics } from '../core/observe.ts'

/** How long a new configuration waits for the first answers of its registries. Services without one are 503 until it comes. */
const FIRST_ANSWER_MS = 5_000
/** Changes of so short a time are told to the workers together. */
const COALESCE_MS = 20
/** Services that a line of the log names; more are counted. */
const NAMES_TOLD_MAX = 5

export interface DiscoveriesOptions {
  readonly watch: (rule: DiscoveryRule, events: DiscoveryEvents) => DiscoveryWatch
  /** Takes the new targets of the rules named. */
  readonly publish: (changed: DiscoveredTargets) => void
  readonly log: Logger
  readonly metrics: Metrics
  /** Default: {@link FIRST_ANSWER_MS}. */
  readonly firstAnswerMs?: number
}

/** What is known of the discovery of one service, for the admin listener. */
export interface DiscoveryState {
  readonly kind: DiscoveryRule['kind']
  /** Null when the registry has not answered yet. */
  readonly targets: number | null
  /** Why the registry cannot be asked; the last answer stays in force. Null when it answers. */
  readonly degraded: string | null
  /** The names that are looked up for it; empty where nothing is looked up. */
  readonly lookups: readonly LookupState[]
}

interface WatchedEvents {
  onTargets(): void
  onDegraded(): void
}

/** One watch, shared by the services that mean the same. */
class Watched {
  readonly rule: DiscoveryRule
  targets: readonly DiscoveredTarget[] | null
  degraded: string | null = null
  readonly first: Promise<void>
  readonly watch: DiscoveryWatch
  isOpen = true

  /** @param targets what holds until the registry answers; null for none */
  constructor(rule: DiscoveryRule, targets: Watched['targets'], start: DiscoveriesOptions['watch'], events: WatchedEvents) {
    this.rule = rule
    this.targets = targets
    const { promise, resolve } = Promise.withResolvers<void>()
    this.first = promise
    this.watch = start(rule, {
      onTargets: (targets) => {
        if (!this.isOpen) return
        this.targets = targets
        resolve()
        events.onTargets()
      },
      onDegraded: (reason) => {
        if (!this.isOpen || this.degraded === reason) return
        this.degraded = reason
        events.onDegraded()
      },
    })
  }

  close(): void {
    this.isOpen = false
    this.watch.close()
  }
}

/**
 * Watches the registries of all services that are discovered, once for the whole gateway, and tells the workers what targets there are.
 * Watches outlive reloads while nothing about them changes; the last good answer of each stays in force.
 */
export class Discoveries {
  readonly #options: DiscoveriesOptions
  /** By the keys of rules. */
  readonly #watches = new Map<string, Watched>()
  /** The keys of rules by the names of services, of the configuration that is in force or about to be. */
  #services = new Map<string, string>()
  /** Rules whose targets have not been told to the workers yet. */
  readonly #unpublished = new Set<string>()
  /** Rules of which there is something to be said and measured. */
  readonly #changed = new Set<string>()
  /** What was last said of each service's registry. */
  readonly #told = new Map<string, string | null>()
  #timer: NodeJS.Timeout | null = null
  readonly #gauges = new Map<string, { readonly targets: Gauge; readonly degraded: Gauge }>()

  constructor(options: DiscoveriesOptions) {
    this.#options = options
  }

  /** Begins to watch what a configuration needs, and waits, for a bounded time, for the first answers. */
  async prepare(ir: GatewayIr): Promise<void> {
    const waiting: Promise<void>[] = []
    const services = rulesOf(ir)
    for (const [name, rule] of services) waiting.push((this.#watches.get(discoveryKey(rule)) ?? this.#begin(name, rule)).first)
    if (waiting.length > 0) await Promise.race([Promise.all(waiting), wait(this.#options.firstAnswerMs ?? FIRST_ANSWER_MS)])
    this.#services = keysOf(services)
    const silent = [...services.keys()].filter((name) => this.#watchOf(name)?.targets === null)
    if (silent.length > 0) {
      const fields = { services: silent.slice(0, NAMES_TOLD_MAX), count: silent.length }
      this.#options.log.warn(fields, 'the registry of these services has not answered yet: they have no targets')
    }
    for (const key of this.#services.values()) this.#changed.add(key)
    this.#tell()
  }

  /** This configuration is in force, whether or not it is the one that was prepared; null for none. What only another needs is closed. */
  settle(ir: GatewayIr | null): void {
    this.#services = ir === null ? new Map<string, string>() : keysOf(rulesOf(ir))
    const needed = new Set(this.#services.values())
    for (const [key, watched] of this.#watches) {
      if (needed.has(key)) continue
      this.#watches.delete(key)
      watched.close()
      if (watched.targets !== null) this.#unpublished.add(key)
    }
    for (const key of needed) this.#changed.add(key)
    for (const name of this.#told.keys()) if (!this.#services.has(name)) this.#told.delete(name)
    for (const [name, { targets, degraded }] of this.#gauges) {
      if (this.#services.has(name)) continue
      targets.set(0)
      degraded.set(0)
      this.#gauges.delete(name)
    }
    this.#tell()
  }

  /** A target of the service could not be connected to. */
  refresh(service: string): void {
    this.#watchOf(service)?.watch.refresh()
  }

  /** By the names of services; those with listed targets are not there. */
  state(): ReadonlyMap<string, DiscoveryState> {
    const states = new Map<string, DiscoveryState>()
    for (const name of this.#services.keys()) {
      const watched = this.#watchOf(name)
      if (watched === undefined) continue
      const { rule, targets, degraded, watch } = watched
      states.set(name, { kind: rule.kind, targets: targets?.length ?? null, degraded, lookups: watch.lookups?.() ?? [] })
    }
    return states
  }

  #watchOf(service: string): Watched | undefined {
    return this.#watches.get(this.#services.get(service) ?? '')
  }

  /** Where only the way to the registry has changed, what the service has found so far holds until there is an answer. */
  #begin(service: string, rule: DiscoveryRule): Watched {
    const key = discoveryKey(rule)
    const before = this.#watchOf(service)
    const targets = before !== undefined && findsTheSame(before.rule, rule) ? before.targets : null
    if (targets !== null) this.#unpublished.add(key)
    const watched = new Watched(rule, targets, this.#options.watch, {
      onTargets: () => {
        this.#unpublished.add(key)
        this.#tellSoon(key)
      },
      onDegraded: () => this.#tellSoon(key),
    })
    this.#watches.set(key, watched)
    return watched
  }

  #tellSoon(key: string): void {
    this.#changed.add(key)
    this.#timer ??= setTimeout(() => this.#tell(), COALESCE_MS)
  }

  /** Tells the workers what they do not know yet, and operators what has changed. */
  #tell(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const names = [...this.#services].flatMap(([name, key]) => (this.#changed.has(key) ? [name] : []))
    this.#changed.clear()
    this.#report(names)
    for (const name of names) this.#measure(name)
    const targets = Object.fromEntries([...this.#unpublished].map((key) => [key, this.#watches.get(key)?.targets ?? null]))
    this.#unpublished.clear()
    if (Object.keys(targets).length > 0) this.#options.publish(targets)
  }

  /** A registry that goes away takes many services along: said once for all of them. */
  #report(names: readonly string[]): void {
    const { log } = this.#options
    const byReason = new Map<string, { readonly registry: string; readonly reason: string | null; readonly services: string[] }>()
    for (const name of names) {
      const { rule, degraded } = this.#watchOf(name) ?? {}
      if (rule === undefined || degraded === undefined || degraded === (this.#told.get(name) ?? null)) continue
      this.#told.set(name, degraded)
      const key = `${rule.kind} ${degraded}`
      const told = byReason.get(key) ?? { registry: rule.kind, reason: degraded, services: [] }
      byReason.set(key, told)
      told.services.push(name)
    }
    for (const { registry, reason, services } of byReason.values()) {
      const fields = { registry, services: services.slice(0, NAMES_TOLD_MAX), count: services.length }
      if (reason === null) log.info(fields, 'a registry answers again')
      else log.warn({ ...fields, reason }, 'a registry cannot be asked: its last answer stays')
    }
  }

  #measure(service: string): void {
    const { metrics } = this.#options
    const { targets = null, degraded = null } = this.#watchOf(service) ?? {}
    let gauges = this.#gauges.get(service)
    if (gauges === undefined) {
      gauges = {
        targets: metrics.gauge('gateway_discovered_targets', 'Targets that a registry tells.', { service }),
        degraded: metrics.gauge('gateway_discovery_degraded', '1 while the registry of a service cannot be asked.', { service }),
      }
      this.#gauges.set(service, gauges)
    }
    gauges.targets.set(targets?.length ?? 0)
    gauges.degraded.set(degraded === null ? 0 : 1)
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#services.clear()
    for (const watched of this.#watches.values()) watched.close()
    this.#watches.clear()
  }
}

function rulesOf(ir: GatewayIr): Map<string, DiscoveryRule> {
  return new Map(ir.services.flatMap(({ name, discovery }) => (discovery === null ? [] : [[name, discovery]])))
}

function keysOf(rules: ReadonlyMap<string, DiscoveryRule>): Map<string, string> {
  return new Map([...rules].map(([name, rule]) => [name, discoveryKey(rule)]))
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
