/** Content models: from what a schema says to groups that members of JSON objects stand for. */
import { type AnyUse, type ElementUse, type Group, type Particle, UNBOUNDED } from './model.ts'
import { clark, keyOf } from './names.ts'

/** An element before it is known what else stands beside it. */
export type ElementDraft = Omit<ElementUse, 'member' | 'array'>
export interface GroupDraft extends Omit<Group, 'parts' | 'member'> {
  readonly parts: readonly ParticleDraft[]
}
export type ParticleDraft = ElementDraft | AnyUse | GroupDraft

/** A content model that cannot be told in JSON. */
export class ContentFault extends Error {}

/**
 * Simplifies a content model and says which members its elements are. A group of several that repeats becomes one member, `$items`, an array
 * with an object for each time: in one flat object nobody could tell what belongs together. Null for no content.
 */
export function assignMembers(content: ParticleDraft): Group | null {
  const simple = simplify(content)
  if (simple === null) return null
  const isPlain = simple.kind !== 'element' && simple.kind !== 'any' && simple.min === 1 && simple.max === 1
  return name(isPlain ? simple : { kind: 'sequence', min: 1, max: 1, parts: [simple] })
}

function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : Math.min(UNBOUNDED, a * b)
}

function simplify(particle: ParticleDraft): ParticleDraft | null {
  if (particle.max === 0) return null
  if (particle.kind === 'element' || particle.kind === 'any') return particle
  const { kind } = particle
  const parts: ParticleDraft[] = []
  for (const written of particle.parts) {
    const part = simplify(written)
    if (part === null) continue
    // A sequence within a sequence, or a choice within a choice, says nothing of its own.
    if (part.kind === kind && kind !== 'all' && part.min === 1 && part.max === 1) parts.push(...part.parts)
    else parts.push(part)
  }
  const [only] = parts
  if (only === undefined) return null
  if (parts.length > 1) return { ...particle, parts }
  return { ...only, min: times(only.min, particle.min), max: times(only.max, particle.max) }
}

/** Names the members of one object. */
function name(scope: GroupDraft): Group {
  const names = new Names()
  const counts = countIn(scope, names)
  let lists = 0
  const finish = (part: ParticleDraft): Particle => {
    if (part.kind === 'any') return part
    if (part.kind === 'element') return { ...part, member: names.memberOf(part), array: (counts.get(keyOfDraft(part)) ?? 0) > 1 }
    if (part.max === 1) return { ...part, parts: part.parts.map(finish) }
    lists++
    return { ...name({ ...part, min: 1, max: 1 }), min: part.min, max: part.max, member: lists === 1 ? '$items' : `$items${lists}` }
  }
  return { ...scope, parts: scope.parts.map(finish) }
}

function keyOfDraft({ name: { ns, local } }: ElementDraft): string {
  return keyOf(ns, local)
}

/** How often each element can be there in one object: in a choice, as often as in the alternative that has it most. */
function countIn(group: GroupDraft, names: Names): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const add = (key: string, max: number): void => {
    const before = counts.get(key) ?? 0
    counts.set(key, Math.min(UNBOUNDED, group.kind === 'choice' ? Math.max(before, max) : before + max))
  }
  for (const part of group.parts) {
    if (part.kind === 'element') {
      names.add(part)
      add(keyOfDraft(part), part.max)
    } else if (part.kind !== 'any' && part.max === 1) for (const [key, max] of countIn(part, names)) add(key, max)
  }
  return counts
}

class Names {
  readonly #types = new Map<string, string>()
  readonly #members = new Map<string, string>()
  readonly #taken = new Set<string>()

  add(draft: ElementDraft): void {
    const key = keyOfDraft(draft)
    const { name: qname, type } = draft
    const known = this.#types.get(key)
    if (known !== undefined && known !== type) throw new ContentFault(`\`${qname.local}\` stands twice, with different types`)
    if (known !== undefined) return
    this.#types.set(key, type)
    const member = this.#taken.has(qname.local) ? clark(qname) : qname.local
    this.#taken.add(member)
    this.#members.set(key, member)
  }

  memberOf(draft: ElementDraft): string {
    return this.#members.get(keyOfDraft(draft)) ?? draft.name.local
  }
}
