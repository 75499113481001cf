/**
 * Reading and writing members of JSON values. A name may be any text, `__proto__` and `constructor` too: they are members like others, and
 * reach no prototype. A member that is undefined is not there: `JSON.stringify` leaves it out, and an object keeps its fast form, which it
 * loses with `delete`.
 */
import { type JsonObject, put } from '../../core/members.ts'
import type { Name } from './pointer.ts'

export type Container = JsonObject | unknown[]

/** Whether it has members or elements; raw numbers have none. */
export function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null && !JSON.isRawJSON(value)
}

/** What is at a name; undefined for nothing. */
export function childOf(holder: Container, { name, index }: Name): unknown {
  if (Array.isArray(holder)) return index === -1 ? undefined : holder[index]
  return Object.hasOwn(holder, name) ? holder[name] : undefined
}

/** The value at the end of the names; undefined for none. */
export function valueAt(value: unknown, names: readonly Name[]): unknown {
  let found = value
  for (const name of names) {
    if (!isContainer(found)) return undefined
    found = childOf(found, name)
  }
  return found
}

/** Removes what is at a name; tells whether there was anything. */
export function removeAt(holder: Container, name: Name): boolean {
  if (childOf(holder, name) === undefined) return false
  if (Array.isArray(holder)) holder.splice(name.index, 1)
  else put(holder, name.name, undefined)
  return true
}

/** A value that shares nothing with the other. */
export function copyOf(value: unknown): unknown {
  if (!isContainer(value)) return value
  if (Array.isArray(value)) return value.map(copyOf)
  const copy: JsonObject = {}
  for (const [name, member] of Object.entries(value)) put(copy, name, copyOf(member))
  return copy
}

/** About how many characters a value takes as text, counted no further than `max`. */
export function sizeOf(value: unknown, max: number): number {
  if (typeof value === 'string') return value.length + 2
  if (typeof value !== 'object' || value === null) return 5
  if (JSON.isRawJSON(value)) return value.rawJSON.length
  let size = 2
  if (Array.isArray(value)) {
    for (const item of value) {
      if (size > max) break
      size += 1 + sizeOf(item, max - size)
    }
    return size
  }
  for (const [name, member] of Object.entries(value)) {
    if (size > max) break
    size += name.length + 4 + sizeOf(member, max - size)
  }
  return size
}
