/** Elements of a group that repeats, divided into its times. */
import type { Group, Particle } from './model.ts'
import { keyOf } from './names.ts'
import type { XmlElement } from './xml.ts'

/** The elements of each time, in order. Undefined where they are not in an order that the group allows. */
export function splitTimes(group: Group, elements: readonly XmlElement[]): readonly (readonly XmlElement[])[] | undefined {
  const keys = elements.map(({ ns, local }) => keyOf(ns, local))
  const times: XmlElement[][] = []
  for (let at = 0; at < elements.length; ) {
    const next = once(group, keys, at)
    if (next === at) return undefined
    times.push(elements.slice(at, next))
    at = next
  }
  return times
}

/** Where one time of a group ends that begins at `at`; `at` itself when nothing of it is there. */
function once(group: Group, keys: readonly string[], from: number): number {
  let at = from
  if (group.kind === 'choice') {
    const chosen = group.parts.find((part) => begins(part, keys[at]))
    return chosen === undefined ? at : consume(chosen, keys, at)
  }
  if (group.kind === 'sequence') {
    for (const part of group.parts) at = consume(part, keys, at)
    return at
  }
  const left = new Set(group.parts)
  for (;;) {
    const part = [...left].find((other) => begins(other, keys[at]))
    if (part === undefined) return at
    left.delete(part)
    at = consume(part, keys, at)
  }
}

function consume(part: Particle, keys: readonly string[], from: number): number {
  let at = from
  for (let count = 0; count < part.max; count++) {
    const next = part.kind === 'element' || part.kind === 'any' ? (begins(part, keys[at]) ? at + 1 : at) : once(part, keys, at)
    if (next === at) break
    at = next
  }
  return at
}

/** Whether an element can be the first of a particle. */
function begins(part: Particle, key: string | undefined): boolean {
  if (key === undefined) return false
  if (part.kind === 'element') return keyOf(part.name.ns, part.name.local) === key
  if (part.kind === 'any') return true
  if (part.kind !== 'sequence') return part.parts.some((inner) => begins(inner, key))
  for (const inner of part.parts) {
    if (begins(inner, key)) return true
    if (inner.min > 0) return false
  }
  return false
}
