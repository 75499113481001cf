import { type Clock, systemClock } from '../../core/clock.ts'
import type { DiscoveredTarget, DiscoveryContext, DiscoveryEvents, DiscoveryWatch, KubernetesRule } from '../../core/discovery.ts'
import { readAccess, SERVICE_ACCOUNT_FOLDER } from './access.ts'
import { ApiError, KubernetesClient } from './client.ts'
import { ListWatch, type ListWatchTimings, TIMINGS } from './list-watch.ts'
import { type EndpointSlice, type NamedPort, readEndpointSlice, readServicePorts } from './objects.ts'
import { listOf, targetsOf } from './targets.ts'

/** How long an API that was away, and comes back without a slice of a service that had targets, is not believed. */
const DOUBT_MS = 60_000

/** What tests put in place of the surroundings. */
export interface KubernetesParts {
  readonly doubtMs: number
  readonly serviceAccountFolder: string
  readonly timings: ListWatchTimings
  readonly clock: Clock
}

const PARTS: KubernetesParts = { doubtMs: DOUBT_MS, serviceAccountFolder: SERVICE_ACCOUNT_FOLDER, timings: TIMINGS, clock: systemClock }

/** Watches the EndpointSlices of a service. */
export function watchKubernetes(
  rule: KubernetesRule,
  context: DiscoveryContext,
  events: DiscoveryEvents,
  parts: KubernetesParts = PARTS,
): DiscoveryWatch {
  const { clock, timings, doubtMs, serviceAccountFolder } = parts
  const client = new KubernetesClient({ ...timings, clock, readAccess: () => readAccess(rule.api, context.env, serviceAccountFolder) })
  const namespace = `namespaces/${encodeURIComponent(rule.namespace)}`
  const servicePath = `/api/v1/${namespace}/services/${encodeURIComponent(rule.service)}`
  const state = new ServiceState(rule, events, doubtMs)
  const watch = new ListWatch({
    client,
    clock,
    timings,
    log: context.log,
    path: `/apis/discovery.k8s.io/v1/${namespace}/endpointslices`,
    selector: { labelSelector: `kubernetes.io/service-name=${rule.service}` },
    read: readEndpointSlice,
    beforeItems: async (signal) => {
      // Slices name a port as the service does; only the service knows its number.
      if (typeof rule.port === 'number') state.ports = await servicePorts(client, servicePath, signal)
    },
    onItems: (slices) => {
      state.setSlices(slices)
      // The service may have changed since it was read, as its slices have.
      if (state.problem !== null && typeof rule.port === 'number') watch.refresh()
    },
    onTrouble: (reason) => state.setTrouble(reason),
  })
  return {
    refresh: () => watch.refresh(),
    close: () => {
      watch.close()
      state.close()
    },
  }
}

/** @returns null when there is no such service */
async function servicePorts(client: KubernetesClient, path: string, signal: AbortSignal): Promise<readonly NamedPort[] | null> {
  try {
    return readServicePorts(await client.get(path, signal))
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}

const NOTHING = '[]'

/** Turns what is known of a service into what its events say. */
class ServiceState {
  readonly #rule: KubernetesRule
  readonly #events: DiscoveryEvents
  /** The service's own; null when there is no such service, or nobody asked. */
  ports: readonly NamedPort[] | null = null
  /** Why what the API says cannot be used. */
  problem: string | null = null
  #trouble: string | null = null
  /** As JSON; null before the first answer. */
  #told: string | null = null
  readonly #doubtMs: number
  #hasFailed = false
  /** Until when it is not believed that nothing is there, by `performance.now`. */
  #doubtUntil = 0
  #doubt: NodeJS.Timeout | null = null

  constructor(rule: KubernetesRule, events: DiscoveryEvents, doubtMs: number) {
    this.#rule = rule
    this.#events = events
    this.#doubtMs = doubtMs
  }

  setTrouble(reason: string | null): void {
    if (reason !== null) this.#hasFailed = true
    this.#trouble = reason
    this.#tellDegraded()
  }

  setSlices(slices: ReadonlyMap<string, EndpointSlice>): void {
    this.#endDoubt()
    const now = performance.now()
    if (this.#hasFailed) this.#doubtUntil = now + this.#doubtMs
    this.#hasFailed = false
    if (slices.size === 0 && this.#told !== null && this.#told !== NOTHING && now < this.#doubtUntil) {
      this.#doubtEmpty(this.#doubtUntil - now)
      return
    }
    const found = this.#find([...slices.values()])
    this.problem = 'problem' in found ? `the service ${this.#name} ${found.problem}` : null
    if ('targets' in found) this.#tell(found.targets)
    this.#tellDegraded()
  }

  close(): void {
    this.#endDoubt()
  }

  get #name(): string {
    return `${this.#rule.namespace}/${this.#rule.service}`
  }

  /**
   * Kubernetes keeps a slice for every service, were it an empty one. An API that comes back and has none may have lost what it knew, while the
   * pods run on: the last answer stays until it has had time to be told again.
   */
  #doubtEmpty(ms: number): void {
    this.problem = `the Kubernetes API was away and now knows no slice of the service ${this.#name}: believed in ${Math.ceil(ms / 1_000)} s`
    this.#doubt = setTimeout(() => {
      this.problem = null
      this.#tell([])
      this.#tellDegraded()
    }, ms)
    this.#tellDegraded()
  }

  #endDoubt(): void {
    if (this.#doubt !== null) clearTimeout(this.#doubt)
    this.#doubt = null
  }

  #tell(targets: readonly DiscoveredTarget[]): void {
    const told = JSON.stringify(targets)
    if (told === this.#told) return
    this.#told = told
    this.#events.onTargets(targets)
  }

  #find(slices: readonly EndpointSlice[]): ReturnType<typeof targetsOf> {
    const { port } = this.#rule
    if (typeof port !== 'number') return targetsOf(slices, port)
    const name = this.ports?.find((one) => one.port === port)?.name
    if (name !== undefined) return targetsOf(slices, name)
    // Nothing to be mapped, and so nothing that could be mapped wrongly.
    if (slices.every(({ endpoints }) => endpoints.length === 0)) return { targets: [] }
    return { problem: this.ports === null ? 'is not there any more' : `has no TCP port ${port}; there is ${listOf(this.ports)}` }
  }

  #tellDegraded(): void {
    this.#events.onDegraded(this.#trouble ?? this.problem)
  }
}
