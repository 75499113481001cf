/**
 * What is read of the Kubernetes API's objects; all else in them is ignored. Lists that are empty may be missing or null there, and
 * conditions that are not known are taken as the API's reference says.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
 */
import { isIP } from 'node:net'

export interface EndpointSlice {
  readonly name: string
  readonly addressType: AddressType
  readonly endpoints: readonly SliceEndpoint[]
  /** Those for TCP that have a number. */
  readonly ports: readonly NamedPort[]
}

export type AddressType = (typeof ADDRESS_TYPES)[number]

/** In the order of preference: for one pod in slices of several families, the first is taken. */
export const ADDRESS_TYPES = ['IPv4', 'IPv6', 'FQDN'] as const

export interface SliceEndpoint {
  readonly address: string
  /** Takes new connections. Never while it ends, but where the service publishes addresses that are not ready. */
  readonly isReady: boolean
  /** As `isReady`, whether it ends or not. */
  readonly isServing: boolean
  readonly isTerminating: boolean
  /** UID of the pod behind it; null when it is none. */
  readonly pod: string | null
}

/** A port by its name, which is empty where the service's only port has none. */
export interface NamedPort {
  readonly name: string
  readonly port: number
}

const DOMAIN_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i

type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @returns null when it is none. */
export function readEndpointSlice(object: JsonObject): EndpointSlice | null {
  const name = nameOf(object)
  const addressType = ADDRESS_TYPES.find((type) => type === object['addressType'])
  if (name === null || addressType === undefined) return null
  return {
    name,
    addressType,
    endpoints: objectsIn(object['endpoints']).flatMap((endpoint) => readEndpoint(endpoint, addressType)),
    ports: objectsIn(object['ports']).flatMap(readPort),
  }
}

/** The ports of a Service for TCP. Null when it is none. */
export function readServicePorts(object: unknown): readonly NamedPort[] | null {
  if (!isObject(object) || !isObject(object['spec'])) return null
  return objectsIn(object['spec']['ports']).flatMap(readPort)
}

/** The name of an object. */
export function nameOf(object: JsonObject): string | null {
  const { metadata } = object
  return isObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : null
}

/** The version of an object, or of the list that it is; an opaque text. */
export function versionOf(object: JsonObject): string | null {
  const { metadata } = object
  const version = isObject(metadata) ? metadata['resourceVersion'] : undefined
  return typeof version === 'string' && version !== '' ? version : null
}

/** A list that may be missing or null. */
export function objectsIn(list: unknown): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

/** The reference gives no meaning to addresses after the first. */
function readEndpoint({ addresses, conditions, targetRef }: JsonObject, type: AddressType): SliceEndpoint[] {
  const address: unknown = Array.isArray(addresses) ? addresses[0] : undefined
  if (typeof address !== 'string' || !isOf(address, type)) return []
  const known = isObject(conditions) ? conditions : {}
  const isReady = known['ready'] !== false
  return [
    {
      address,
      isReady,
      isServing: typeof known['serving'] === 'boolean' ? known['serving'] : isReady,
      isTerminating: known['terminating'] === true,
      pod: isObject(targetRef) && typeof targetRef['uid'] === 'string' ? targetRef['uid'] : null,
    },
  ]
}

/** An API vouches for that; it is looked at again since one wrong address must not cost the others. */
function isOf(address: string, type: AddressType): boolean {
  const family = isIP(address)
  if (type === 'FQDN') return family === 0 && DOMAIN_NAME.test(address)
  return family === (type === 'IPv4' ? 4 : 6)
}

function readPort({ name, port, protocol = 'TCP' }: JsonObject): NamedPort[] {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535 || protocol !== 'TCP') return []
  return [{ name: typeof name === 'string' ? name : '', port }]
}
