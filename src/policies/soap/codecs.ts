/** The types of a model, made ready for values when they are first needed. */
import type { AttributeUse, ComplexType, ElementUse, Group, Particle, Type } from './model.ts'
import { keyOf } from './names.ts'
import { type SimpleCodec, simpleCodec } from './simple-values.ts'

/** One object's elements: what each name is, and the groups in it that repeat. */
export interface ObjectScope {
  readonly group: Group
  readonly elements: ReadonlyMap<string, ElementUse>
  readonly lists: readonly ListScope[]
  /** Whether elements that the schema does not name may be there, and how many. */
  readonly any: { readonly max: number } | null
  readonly members: ReadonlySet<string>
  /** Whether a name stands in more than one place, of which one is a group that repeats: then the place of an element counts. */
  readonly isAmbiguous: boolean
}

/** A group that repeats, each time an object. */
export interface ListScope extends ObjectScope {
  readonly member: string
  /** The names of all elements in it, by key. */
  readonly names: ReadonlySet<string>
}

export interface ComplexCodec {
  readonly key: string
  readonly type: ComplexType
  readonly attributes: ReadonlyMap<string, AttributeUse>
  /** Null where the content is no elements. */
  readonly scope: ObjectScope | null
  readonly members: ReadonlySet<string>
  /** Whether its values are those of its text: there is nothing else in it. */
  readonly isPlain: boolean
}

export class Codecs {
  readonly #types: Readonly<Record<string, Type>>
  readonly #simple = new Map<string, SimpleCodec>()
  readonly #complex = new Map<string, ComplexCodec>()
  readonly #keys = new Map<string, string>()

  constructor(types: Readonly<Record<string, Type>>) {
    this.#types = types
    for (const [key, { name }] of Object.entries(types)) if (name !== null) this.#keys.set(keyOf(name.ns, name.local), key)
  }

  /** The key of a named type; undefined for none that operations use. */
  keyOf(ns: string, local: string): string | undefined {
    return this.#keys.get(keyOf(ns, local))
  }

  /** The type of a key that a client names; undefined for none. */
  find(key: string): Type | undefined {
    return Object.hasOwn(this.#types, key) ? this.#types[key] : undefined
  }

  isSimple(key: string): boolean {
    return this.#type(key).kind === 'simple'
  }

  simple(key: string): SimpleCodec {
    const known = this.#simple.get(key)
    if (known !== undefined) return known
    const type = this.#type(key)
    if (type.kind !== 'simple') throw new Error(`the type ${key} is not simple`)
    const codec = simpleCodec(type, (other) => this.simple(other))
    this.#simple.set(key, codec)
    return codec
  }

  complex(key: string): ComplexCodec {
    const known = this.#complex.get(key)
    if (known !== undefined) return known
    const type = this.#type(key)
    if (type.kind !== 'complex') throw new Error(`the type ${key} is not complex`)
    const scope = type.content.kind === 'elements' ? scopeOf(type.content.group) : null
    const attributes = new Map(type.attributes.map((use) => [keyOf(use.name.ns, use.name.local), use]))
    const own = type.content.kind === 'simple' ? ['$value'] : type.content.kind === 'mixed' ? ['$xml'] : []
    const codec: ComplexCodec = {
      key,
      type,
      attributes,
      scope,
      members: new Set([...type.attributes.map(({ member }) => member), ...(scope?.members ?? []), ...own]),
      isPlain: type.content.kind === 'simple' && type.attributes.length === 0,
    }
    this.#complex.set(key, codec)
    return codec
  }

  #type(key: string): Type {
    const type = this.find(key)
    if (type === undefined) throw new Error(`there is no type ${key}`)
    return type
  }
}

function scopeOf(group: Group): ObjectScope {
  const elements = new Map<string, ElementUse>()
  const lists: ListScope[] = []
  let any: ObjectScope['any'] = null
  const visit = (part: Particle): void => {
    if (part.kind === 'any') any = { max: Math.max(any?.max ?? 0, part.max) }
    else if (part.kind === 'element') elements.set(keyOf(part.name.ns, part.name.local), part)
    else if (part.member === undefined) for (const inner of part.parts) visit(inner)
    else lists.push({ ...scopeOf(part), member: part.member, names: namesIn(part) })
  }
  for (const part of group.parts) visit(part)
  return { group, elements, lists, any, members: membersWithin(group), isAmbiguous: isAmbiguous(elements, lists) }
}

function isAmbiguous(elements: ReadonlyMap<string, ElementUse>, lists: readonly ListScope[]): boolean {
  const seen = new Set(elements.keys())
  return lists.some(({ names }) => {
    const isShared = [...names].some((name) => seen.has(name))
    for (const name of names) seen.add(name)
    return isShared
  })
}

function namesIn(group: Group): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (part: Particle): void => {
    if (part.kind === 'element') names.add(keyOf(part.name.ns, part.name.local))
    else if (part.kind !== 'any') for (const inner of part.parts) visit(inner)
  }
  visit(group)
  return names
}

/** By particle: a model's are few, and each is asked about again and again. */
const MEMBERS = new WeakMap<Particle, ReadonlySet<string>>()

/** The members of an object that a particle stands for; for a group that repeats, the one that holds its objects. */
export function membersOf(particle: Particle): ReadonlySet<string> {
  const known = MEMBERS.get(particle)
  if (known !== undefined) return known
  const found =
    particle.kind !== 'element' && particle.kind !== 'any' && particle.member === undefined ? membersWithin(particle) : undefined
  const members = found ?? new Set([particle.kind === 'any' ? '$any' : (particle.member ?? '')])
  MEMBERS.set(particle, members)
  return members
}

/** The members of one time of a group. */
export function membersWithin({ parts }: Group): ReadonlySet<string> {
  return new Set(parts.flatMap((part) => [...membersOf(part)]))
}
