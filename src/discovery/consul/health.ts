import { isIP } from 'node:net'
import type { DiscoveredTarget } from '../../core/discovery.ts'

/** What Consul tells of a service. */
export interface ConsulInstances {
  /** In the order of their addresses, each of them once. */
  readonly targets: readonly DiscoveredTarget[]
  /** IDs of instances that cannot be used, since they were registered without a port or a sound address. */
  readonly unusable: readonly string[]
}

/**
 * Reads an answer of `/v1/health/service/:name`. One bad registration costs only itself; an answer of another shape throws, with a sentence.
 *
 * @see https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-service
 */
export function readInstances(answer: unknown): ConsulInstances {
  if (!Array.isArray(answer)) throw new Error('is no list')
  const byAddress = new Map<string, DiscoveredTarget>()
  const unusable: string[] = []
  for (const [index, entry] of answer.entries()) {
    const { id, host, port, weight } = readEntry(entry, `[${index}]`)
    if (port < 1 || port > 65_535 || !isHost(host)) {
      unusable.push(id)
      continue
    }
    const target = { host, port, weight }
    // The same address, registered on several nodes: it still is one process.
    if ((byAddress.get(keyOf(target))?.weight ?? -1) < weight) byAddress.set(keyOf(target), target)
  }
  const keys = [...byAddress.keys()].sort()
  return { targets: keys.flatMap((key) => byAddress.get(key) ?? []), unusable }
}

/** What targets are told apart and put in order by. */
export function keyOf({ host, port }: DiscoveredTarget): string {
  return `${host} ${port}`
}

interface Entry {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly weight: number
}

function readEntry(entry: unknown, place: string): Entry {
  const service = objectAt(objectAt(entry, place)['Service'], `${place}.Service`)
  const own = textAt(service['Address'] ?? '', `${place}.Service.Address`)
  return {
    id: textAt(service['ID'], `${place}.Service.ID`),
    // A service without an address of its own is at its node's.
    host: own === '' ? nodeAddress(entry, place) : own,
    port: wholeAt(service['Port'] ?? 0, `${place}.Service.Port`),
    weight: weightOf(service['Weights'], `${place}.Service.Weights`),
  }
}

function nodeAddress(entry: unknown, place: string): string {
  const node = objectAt(objectAt(entry, place)['Node'], `${place}.Node`)
  return textAt(node['Address'], `${place}.Node.Address`)
}

/** 1 where nothing is said: versions before 1.2.3 know no weights. */
function weightOf(weights: unknown, place: string): number {
  if (weights === undefined || weights === null) return 1
  return wholeAt(objectAt(weights, place)['Passing'] ?? 1, `${place}.Passing`)
}

function objectAt(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw new Error(`has no object at ${place}`)
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textAt(value: unknown, place: string): string {
  if (typeof value !== 'string') throw new Error(`has no text at ${place}`)
  return value
}

function wholeAt(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Error(`has no whole number at ${place}`)
  return value
}

const LABELS = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/

/** An address, or a DNS name that could not be taken for one. */
function isHost(text: string): boolean {
  if (isIP(text) !== 0) return true
  return LABELS.test(text) && !/(^|\.)\d+\.?$/.test(text)
}
