import { type Clock, systemClock } from '../../core/clock.ts'
import type { DiscoveryContext, DiscoveryEvents, DiscoveryWatch, KubernetesRule } from '../../core/discovery.ts'
import { readAccess, SERVICE_ACCOUNT_FOLDER } from './access.ts'
import { ApiError, KubernetesClient } from './client.ts'
import { ListWatch, type ListWatchTimings, TIMINGS } from './list-watch.ts'
import { type EndpointSlice, type NamedPort, readEndpointSlice, readServicePorts } from './objects.ts'
import { listOf, targetsOf } from './targets.ts'

/** What tests put in place of the surroundings. */
export interface KubernetesParts {
  readonly serviceAccountFolder: string
  readonly timings: ListWatchTimings
  readonly clock: Clock
}

const PARTS: KubernetesParts = { serviceAccountFolder: SERVICE_ACCOUNT_FOLDER, timings: TIMINGS, clock: systemClock }

/** Watches the EndpointSlices of a service. */
export function watchKubernetes(
  rule: KubernetesRule,
  context: DiscoveryContext,
  events: DiscoveryEvents,
  parts: KubernetesParts = PARTS,
): DiscoveryWatch {
  const { clock, timings, serviceAccountFolder } = parts
  const client = new KubernetesClient({ ...timings, clock, readAccess: () => readAccess(rule.api, context.env, serviceAccountFolder) })
  const namespace = `namespaces/${encodeURIComponent(rule.namespace)}`
  const servicePath = `/api/v1/${namespace}/services/${encodeURIComponent(rule.service)}`
  const state = new ServiceState(rule, events)
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
  return watch
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

/** Turns what is known of a service into what its events say. */
class ServiceState {
  readonly #rule: KubernetesRule
  readonly #events: DiscoveryEvents
  /** The service's own; null when there is no such service, or nobody asked. */
  ports: readonly NamedPort[] | null = null
  /** Why what the API says cannot be used. */
  problem: string | null = null
  #trouble: string | null = null
  #told = ''

  constructor(rule: KubernetesRule, events: DiscoveryEvents) {
    this.#rule = rule
    this.#events = events
  }

  setTrouble(reason: string | null): void {
    this.#trouble = reason
    this.#tellDegraded()
  }

  setSlices(slices: ReadonlyMap<string, EndpointSlice>): void {
    const found = this.#find([...slices.values()])
    this.problem = 'problem' in found ? `the service ${this.#rule.namespace}/${this.#rule.service} ${found.problem}` : null
    this.#tellDegraded()
    if ('problem' in found) return
    const told = JSON.stringify(found.targets)
    if (told === this.#told) return
    this.#told = told
    this.#events.onTargets(found.targets)
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
