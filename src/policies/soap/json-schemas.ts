/** Types of a model as JSON Schema. */
import type { JsonValue } from '../../core/openapi.ts'
import { builtinKey } from './builtin-types.ts'
import type { AttributeUse, ComplexType, ElementUse, Group, Particle, Root, Type } from './model.ts'
import { UNBOUNDED } from './model.ts'
import { simpleSchema } from './simple-schemas.ts'

export type SchemaObject = Readonly<Record<string, JsonValue>>

const NOTHING: ReadonlySet<string> = new Set()
const ANY_XML: SchemaObject = { type: 'string', description: 'An element as XML.' }

interface Members {
  readonly properties: Record<string, JsonValue>
  readonly required: Set<string>
}

export class JsonSchemas {
  readonly #types: Readonly<Record<string, Type>>
  /** Types that take the place of others, so that `$type` has to name them there. */
  readonly #derived: ReadonlySet<string>

  constructor(types: Readonly<Record<string, Type>>) {
    this.#types = types
    this.#derived = new Set(Object.values(types).flatMap((type) => (type.kind === 'complex' ? type.derived : [])))
  }

  /** All types but the built-in ones, which stand where they are used. */
  components(): Readonly<Record<string, JsonValue>> {
    const own = Object.entries(this.#types).filter(([key]) => !isBuiltin(key))
    return Object.fromEntries(own.map(([key, type]) => [key, this.#schema(key, type)]))
  }

  /** A type where it is used, with those that may take its place. */
  reference(key: string): SchemaObject {
    const type = this.#types[key]
    if (type === undefined) return {}
    if (isBuiltin(key)) return this.#schema(key, type)
    const own: SchemaObject = { $ref: `#/components/schemas/${key}` }
    if (type.kind === 'simple' || type.derived.length === 0) return own
    const others = type.derived.map((other) => ({
      allOf: [{ $ref: `#/components/schemas/${other}` }, { type: 'object', required: ['$type'] }],
    }))
    return { anyOf: type.abstract ? others : [own, ...others] }
  }

  element({ type, nillable, doc }: ElementUse): SchemaObject {
    const schema = this.reference(type)
    const value = nillable ? { anyOf: [schema, { type: 'null' }] } : schema
    return doc === undefined ? value : { ...value, description: doc }
  }

  /** What a request or an answer consists of, without some members. */
  root(root: Root, omitted: ReadonlySet<string>): SchemaObject {
    const { element, wrapped } = root
    return element === null || wrapped || omitted.size > 0 ? this.rootObject(root, omitted) : this.element(element)
  }

  /** The same, without a reference. */
  rootObject({ element, wrapped }: Root, omitted: ReadonlySet<string>): SchemaObject {
    if (element === null) return { type: 'object', additionalProperties: false }
    if (wrapped) return objectOf({ properties: { [element.member]: this.element(element) }, required: new Set([element.member]) }, omitted)
    const type = this.#types[element.type]
    return type?.kind === 'complex' ? this.#object(element.type, type, omitted) : this.element(element)
  }

  requiredOf({ element, wrapped }: Root): readonly string[] {
    if (element === null) return []
    if (wrapped) return [element.member]
    const type = this.#types[element.type]
    return type?.kind === 'complex' ? [...this.#members(element.type, type).required] : []
  }

  #schema(key: string, type: Type): SchemaObject {
    if (type.kind === 'simple') return simpleSchema(type, (other) => this.reference(other))
    const { content, attributes, doc } = type
    if (content.kind === 'any') return {}
    if (content.kind !== 'simple' || attributes.length > 0) return this.#object(key, type, NOTHING)
    const plain = this.reference(content.type)
    const schema = this.#derived.has(key) ? { anyOf: [plain, this.#object(key, type, NOTHING)] } : plain
    return doc === undefined ? schema : { ...schema, description: doc }
  }

  #object(key: string, type: ComplexType, omitted: ReadonlySet<string>): SchemaObject {
    const schema = objectOf(this.#members(key, type), omitted)
    return type.doc === undefined ? schema : { ...schema, description: type.doc }
  }

  #members(key: string, { name, attributes, content }: ComplexType): Members {
    const members: Members = { properties: {}, required: new Set() }
    if (name !== null) members.properties['$type'] = { const: key }
    for (const use of attributes) this.#attribute(use, members)
    if (content.kind === 'elements') this.#group(content.group, members, true)
    if (content.kind === 'mixed') members.properties['$xml'] = { type: 'string', description: 'The content as XML.' }
    if (content.kind === 'simple') {
      members.properties['$value'] = this.reference(content.type)
      members.required.add('$value')
    }
    return members
  }

  #attribute({ member, type, required, doc, default: fallback, fixed }: AttributeUse, { properties, required: all }: Members): void {
    const schema = this.reference(type)
    properties[member] = doc === undefined ? schema : { ...schema, description: doc }
    if (required && (fallback ?? fixed) === undefined) all.add(member)
  }

  /** @param demands whether what the group demands has to be there: not within a choice */
  #group(group: Group, members: Members, demands: boolean): void {
    const inner = demands && group.kind !== 'choice'
    for (const part of group.parts) this.#particle(part, members, inner)
  }

  #particle(part: Particle, members: Members, demands: boolean): void {
    const isDemanded = demands && part.min > 0
    if (part.kind === 'element') {
      members.properties[part.member] = this.#member(part, demands)
      if (isDemanded && (part.array || (part.default ?? part.fixed) === undefined)) members.required.add(part.member)
    } else if (part.kind === 'any') {
      members.properties['$any'] = { type: 'array', items: ANY_XML }
      if (isDemanded) members.required.add('$any')
    } else if (part.member !== undefined) {
      members.properties[part.member] = this.#list(part, isDemanded)
      if (isDemanded) members.required.add(part.member)
    } else this.#group(part, members, isDemanded)
  }

  #member(use: ElementUse, demands: boolean): JsonValue {
    const schema = this.element(use)
    return use.array ? { type: 'array', items: schema, ...(demands && use.min > 0 && { minItems: use.min }) } : schema
  }

  #list(group: Group, demands: boolean): JsonValue {
    const inner: Members = { properties: {}, required: new Set() }
    this.#group(group, inner, true)
    return {
      type: 'array',
      items: objectOf(inner, NOTHING),
      ...(demands && { minItems: group.min }),
      ...(group.max < UNBOUNDED && { maxItems: group.max }),
    }
  }
}

function objectOf({ properties, required }: Members, omitted: ReadonlySet<string>): SchemaObject {
  const kept = Object.entries(properties).filter(([name]) => !omitted.has(name))
  const demanded = [...required].filter((name) => !omitted.has(name))
  return {
    type: 'object',
    ...(kept.length > 0 && { properties: Object.fromEntries(kept) }),
    ...(demanded.length > 0 && { required: demanded }),
    additionalProperties: false,
  }
}

function isBuiltin(key: string): boolean {
  return key.startsWith(builtinKey(''))
}
