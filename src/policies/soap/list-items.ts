/** Elements of groups that repeat: to which of them each belongs, and how they divide into times. */
import type { Group, Particle } from './model.ts'
import { keyOf } from './names.ts'
import type { XmlElement } from './xml.ts'

/** The elements of each time, in order. Undefined where they are not in an order that the group allows. */
export function splitTimes(group: Group, elements: readonly XmlElement[]): readonly (readonly XmlElement[])[] | undefined {
  const keys = keysOf(elements)
  const times: XmlElement[][] = []
  for (let at = 0; at < elements.length; ) {
    const next = once(group, keys, at, null)
    if (next === at) return undefined
    times.push(elements.slice(at, next))
    at = next
  }
  return times
}

/**
 * For each element the group that repeats to which it belongs by its place; null for one that is a member itself. Undefined where they are
 * not in an order that the group allows.
 */
export function placesOf(group: Group, elements: readonly XmlElement[]): readonly (Group | null)[] | undefined {
  const places: (Group | null)[] = elements.map(() => null)
  const end = once(group, keysOf(elements), 0, (list, from, to) => places.fill(list, from, to))
  return end === elements.length ? places : undefined
}

/** Told of a group that repeats, and of the elements that it takes. */
type Note = ((list: Group, from: number, to: number) => void) | null

function keysOf(elements: readonly XmlElement[]): readonly string[] {
  return elements.map(({ ns, local }) => keyOf(ns, local))
}

/** Where one time of a group ends that begins at `at`; `at` itself when nothing of it is there. */
function once(group: Group, keys: readonly string[], from: number, note: Note): number {
  let at = from
  if (group.kind === 'choice') {
    const chosen = group.parts.find((part) => begins(part, keys[at]))
    return chosen === undefined ? at : consume(chosen, keys, at, note)
  }
  if (group.kind === 'sequence') {
    for (const part of group.parts) at = consume(part, keys, at, note)
    return at
  }
  const left = new Set(group.parts)
  for (;;) {
    const part = [...left].find((other) => begins(other, keys[at]))
    if (part === undefined) return at
    left.delete(part)
    at = consume(part, keys, at, note)
  }
}

function consume(part: Particle, keys: readonly string[], from: number, note: Note): number {
  const isList = part.kind !== 'element' && part.kind !== 'any' && part.member !== undefined
  let at = from
  for (let count = 0; count < part.max; count++) {
    const isOne = part.kind === 'element' || part.kind === 'any'
    const next = isOne ? (begins(part, keys[at]) ? at + 1 : at) : once(part, keys, at, isList ? null : note)
    if (next === at) break
    at = next
  }
  if (isList && at > from) note?.(part, from, at)
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
