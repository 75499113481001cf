/** One JSON object's members as the elements of a content model, in its order. */
import { membersOf, membersWithin } from './codecs.ts'
import type { Encoder } from './encode.ts'
import type { ElementUse, Group, Particle } from './model.ts'

type JsonMembers = Readonly<Record<string, unknown>>

export class Members {
  readonly #encoder: Encoder
  readonly #object: JsonMembers
  /** How many items of arrays have been written: an element may stand in several places. */
  readonly #taken = new Map<string, number>()
  readonly #notArrays = new Set<string>()

  constructor(encoder: Encoder, object: JsonMembers) {
    this.#encoder = encoder
    this.#object = object
  }

  /** Writes one time of a group that the object stands for. */
  group(group: Group): void {
    this.#once(group)
    for (const [member, taken] of this.#taken) {
      const value = this.#object[member]
      if (Array.isArray(value) && value.length > taken) this.#encoder.refuse(`must have at most ${taken} items`, 'maxItems', member)
    }
  }

  #once(group: Group): void {
    if (group.kind === 'choice') this.#choice(group)
    else for (const part of group.parts) this.#particle(part)
  }

  #particle(part: Particle): void {
    if (part.kind === 'element') this.#element(part)
    else if (part.kind === 'any') this.#list('$any', part.min, part.max, (item) => this.#encoder.anyItem(item))
    else if (part.member !== undefined) this.#list(part.member, part.min, part.max, (item) => this.#listItem(part, item))
    else if (part.min > 0 || this.#has(part)) this.#once(part)
  }

  /** Whether anything is left that a particle stands for. */
  #has(part: Particle): boolean {
    for (const member of membersOf(part)) if (this.#isLeft(member)) return true
    return false
  }

  #isLeft(member: string): boolean {
    if (!Object.hasOwn(this.#object, member)) return false
    const value = this.#object[member]
    return value !== undefined && (!Array.isArray(value) || (this.#taken.get(member) ?? 0) < value.length)
  }

  #element(use: ElementUse): void {
    const { member, min, max, array } = use
    if (array) return this.#list(member, min, max, (item) => this.#encoder.element(use, item))
    if (Object.hasOwn(this.#object, member)) return this.#encoder.at(member, () => this.#encoder.element(use, this.#object[member]))
    if (min > 0) this.#missing(use)
  }

  /** What a schema gives a value to need not be given. */
  #missing({ name, member, default: fallback, fixed }: ElementUse): void {
    const given = fixed ?? fallback
    if (given === undefined) return this.#encoder.refuse('is required', 'required', member)
    this.#encoder.writer.start(name)
    this.#encoder.writer.text(given)
    this.#encoder.writer.end()
  }

  #list(member: string, min: number, max: number, write: (item: unknown) => void): void {
    const encoder = this.#encoder
    const value = Object.hasOwn(this.#object, member) ? this.#object[member] : []
    if (!Array.isArray(value)) {
      if (!this.#notArrays.has(member)) encoder.refuse('must be of type array', 'type', member)
      this.#notArrays.add(member)
      return
    }
    const from = this.#taken.get(member) ?? 0
    const to = Math.min(value.length, from + max)
    this.#taken.set(member, to)
    encoder.at(member, () => {
      for (let index = from; index < to; index++) encoder.at(index, () => write(value[index]))
    })
    if (to - from >= min) return
    if (Object.hasOwn(this.#object, member)) encoder.refuse(`must have at least ${from + min} items`, 'minItems', member)
    else encoder.refuse('is required', 'required', member)
  }

  #listItem(group: Group, item: unknown): void {
    const encoder = this.#encoder
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return encoder.refuse('must be of type object', 'type')
    const members: JsonMembers = { ...item }
    const known = membersWithin(group)
    for (const member of Object.keys(members)) {
      if (!known.has(member)) encoder.refuse('is not allowed here', 'additionalProperties', member)
    }
    new Members(encoder, members).group(group)
  }

  #choice(group: Group): void {
    const alternatives = group.parts.filter((part) => this.#has(part))
    if (alternatives.length === 0) {
      if (group.parts.some((part) => this.#isOptional(part))) return
      const names = group.parts.flatMap((part) => [...membersOf(part)])
      return this.#encoder.refuse(`must have ${names.length > 20 ? 'one of several members' : `one of ${names.join(', ')}`}`, 'oneOf')
    }
    const left = [...membersWithin(group)].filter((member) => this.#isLeft(member))
    const covering = alternatives.filter((part) => left.every((member) => membersOf(part).has(member)))
    const chosen = covering.find((part) => this.#isComplete(part)) ?? covering[0]
    if (chosen === undefined) return this.#encoder.refuse(`has members that do not go together: ${left.join(', ')}`, 'oneOf')
    this.#particle(chosen)
  }

  /** Whether nothing at all satisfies it. */
  #isOptional(part: Particle): boolean {
    if (part.min === 0) return true
    if (part.kind === 'element') return (part.default ?? part.fixed) !== undefined
    if (part.kind === 'any') return false
    if (part.member !== undefined) return part.parts.every((inner) => this.#isOptional(inner))
    return part.kind === 'choice'
      ? part.parts.some((inner) => this.#isOptional(inner))
      : part.parts.every((inner) => this.#isOptional(inner))
  }

  /** Whether what must be there is there. */
  #isComplete(part: Particle): boolean {
    if (part.min === 0 || this.#isOptional(part)) return true
    if (part.kind === 'element') return this.#isLeft(part.member)
    if (part.kind === 'any') return this.#isLeft('$any')
    if (part.member !== undefined) return this.#isLeft(part.member)
    return part.kind === 'choice'
      ? part.parts.some((inner) => this.#isComplete(inner))
      : part.parts.every((inner) => this.#isComplete(inner))
  }
}
