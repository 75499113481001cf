import type { DiscoveredTarget } from '../../core/discovery.ts'
import { ADDRESS_TYPES, type EndpointSlice, type NamedPort, type SliceEndpoint } from './objects.ts'

export type Found = { readonly targets: readonly DiscoveredTarget[] } | { readonly problem: string }

/**
 * The targets that the slices of a service name, without doubles and in an order that depends on nothing but them.
 *
 * As kube-proxy chooses: those that are ready; when none is, those that end and still serve, so that the last pods of a service that is
 * replaced get requests until the first new ones are ready.
 *
 * @param portName of the slices' port; null for the only one
 */
export function targetsOf(slices: Iterable<EndpointSlice>, portName: string | null): Found {
  const filled = [...slices].filter(({ endpoints }) => endpoints.length > 0)
  if (filled.length === 0) return { targets: [] }
  const ports = filled.flatMap((slice) => slice.ports)
  const names = new Set(ports.map(({ name }) => name))
  const [onlyName] = names
  if (portName === null && names.size > 1) return { problem: `has several ports, of which \`port\` must name one: ${listOf(ports)}` }
  const wanted = portName ?? onlyName
  if (wanted === undefined || !names.has(wanted)) return { problem: `has no TCP port ${nameText(wanted)}; there is ${listOf(ports)}` }
  const endpoints = endpointsOf(filled, wanted)
  const ready = endpoints.filter(({ endpoint }) => endpoint.isReady)
  const usable = ready.length > 0 ? ready : endpoints.filter(({ endpoint }) => endpoint.isServing && endpoint.isTerminating)
  return { targets: distinct(usable) }
}

interface PortedEndpoint {
  readonly endpoint: SliceEndpoint
  readonly port: number
}

/** In the order of families. */
function endpointsOf(slices: readonly EndpointSlice[], portName: string): PortedEndpoint[] {
  return ADDRESS_TYPES.flatMap((type) =>
    slices
      .filter(({ addressType }) => addressType === type)
      .flatMap(({ endpoints, ports }) => {
        const port = ports.find(({ name }) => name === portName)?.port
        return port === undefined ? [] : endpoints.map((endpoint) => ({ endpoint, port }))
      }),
  )
}

/** While endpoints move from slice to slice they stand in both, and a pod with two families stands in a slice of each: each counts once. */
function distinct(endpoints: readonly PortedEndpoint[]): DiscoveredTarget[] {
  const pods = new Set<string>()
  const targets = new Map<string, DiscoveredTarget>()
  for (const { endpoint, port } of endpoints) {
    const { address, pod } = endpoint
    if (pod !== null && pods.has(pod)) continue
    if (pod !== null) pods.add(pod)
    targets.set(`${address} ${port}`, { host: address, port, weight: 1 })
  }
  return [...targets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target)
}

/** `web` (8080), `metrics` (9090) */
export function listOf(ports: readonly NamedPort[]): string {
  const texts = new Set(ports.map(({ name, port }) => `${nameText(name)} (${port})`))
  return texts.size === 0 ? 'none' : [...texts].slice(0, 20).join(', ')
}

function nameText(name: string | undefined): string {
  return name === undefined ? 'at all' : name === '' ? 'without a name' : `\`${name}\``
}
