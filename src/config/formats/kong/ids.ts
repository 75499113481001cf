import { hash } from 'node:crypto'
import type { EntityKind } from './entities.ts'

/** The namespace of the ids that Kong gives in its DB-less mode, below which each kind has one of its own. */
const NAMESPACE = 'fd02801f-0957-4a15-a55a-c8d9606f30b5'
/** Of the parts into which Kong's router divides a route. */
const ROUTE_PARTS = '7f145bf9-0dce-4f91-98eb-debbce4b9f6b'

/** The UUID of a name in a namespace (RFC 9562, version 5). */
export function uuidOf(namespace: string, name: string): string {
  const bytes = Buffer.concat([Buffer.from(namespace.replaceAll('-', ''), 'hex'), Buffer.from(name)])
  const digest = hash('sha1', bytes, 'buffer')
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80
  const digits = digest.toString('hex')
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20, 32)].join('-')
}

/** The id that Kong gives an entity for its unique key. */
export function entityId(kind: EntityKind, key: string): string {
  return uuidOf(uuidOf(NAMESPACE, kind), key)
}

/** The id of a part of a route in Kong's router. @param index from 1, in the order of the paths */
export function routePartId(route: string, index: number): string {
  return uuidOf(ROUTE_PARTS, `${route}#${index}`)
}
