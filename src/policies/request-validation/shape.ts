/** What a schema says of types: enough to turn the text of a parameter into the value that is meant. */
import { atPointer, isObject, isSchema, type JsonSchema, type SchemaObject, walkSchema } from './json-schema.ts'

/** Plain data. No types means any. */
export interface Shape {
  readonly types: readonly string[]
  /** Of items. */
  readonly items?: Shape
  /** Of named members. */
  readonly properties?: Readonly<Record<string, Shape>>
  /** Of all other members. */
  readonly rest?: Shape
}

/** Finds what a `$ref` means; undefined for nothing. */
export type Deref = (ref: string) => JsonSchema | undefined

/** References within one schema: by pointers, by anchors, and by its own id in front of either. */
export function localDeref(schema: JsonSchema): Deref {
  const id = isObject(schema) && typeof schema['$id'] === 'string' ? schema['$id'] : ''
  const anchors = new Map<string, JsonSchema>()
  walkSchema(schema, (inner) => {
    if (typeof inner['$anchor'] === 'string') anchors.set(`#${inner['$anchor']}`, inner)
  })
  return (ref) => {
    const fragment = id !== '' && ref.startsWith(id) ? ref.slice(id.length) : ref
    if (fragment !== '' && !fragment.startsWith('#')) return undefined
    const target = anchors.get(fragment) ?? atPointer(schema, fragment)
    return isSchema(target) ? target : undefined
  }
}

/** References that follow one another, and combinations within combinations. */
const STEPS_MAX = 32

/** The shape of a schema, combinations and references included, down to `levels` levels of members and items. */
export function shapeOf(schema: JsonSchema, deref: Deref, levels = 3): Shape {
  const parts = sameInstance(schema, deref)
  const types = new Set(parts.flatMap(typesOf))
  if (types.has('number')) types.delete('integer')
  const items = levels === 0 ? [] : parts.flatMap((part) => inner(part['items'], deref, levels))
  const rest = levels === 0 ? [] : parts.flatMap((part) => inner(part['additionalProperties'], deref, levels))
  const properties = levels === 0 ? [] : propertiesOf(parts, deref, levels)
  return {
    types: [...types].toSorted(),
    ...(items.length > 0 && { items: united(items) }),
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
    ...(rest.length > 0 && { rest: united(rest) }),
  }
}

function propertiesOf(parts: readonly SchemaObject[], deref: Deref, levels: number): [string, Shape][] {
  const byName = new Map<string, Shape[]>()
  for (const { properties } of parts) {
    if (!isObject(properties)) continue
    for (const [name, value] of Object.entries(properties)) {
      byName.set(name, [...(byName.get(name) ?? []), ...inner(value, deref, levels)])
    }
  }
  return [...byName].map(([name, shapes]) => [name, united(shapes)])
}

function inner(value: unknown, deref: Deref, levels: number): Shape[] {
  return isObject(value) ? [shapeOf(value, deref, levels - 1)] : []
}

function united(shapes: readonly Shape[]): Shape {
  const [first] = shapes
  if (shapes.length === 1 && first !== undefined) return first
  const items = shapes.flatMap((shape) => shape.items ?? [])
  return {
    types: [...new Set(shapes.flatMap(({ types }) => types))].toSorted(),
    ...(items.length > 0 && { items: united(items) }),
    properties: Object.fromEntries(shapes.flatMap(({ properties }) => Object.entries(properties ?? {}))),
  }
}

/** All schemas that speak of the same value as `schema`: itself, what it refers to, and its alternatives. */
export function sameInstance(schema: JsonSchema, deref: Deref): readonly SchemaObject[] {
  const found = new Set<SchemaObject>()
  const visit = (next: unknown, steps: number): void => {
    if (!isObject(next) || found.has(next) || steps > STEPS_MAX) return
    found.add(next)
    if (typeof next['$ref'] === 'string') visit(deref(next['$ref']), steps + 1)
    for (const keyword of ['allOf', 'anyOf', 'oneOf']) {
      const list = next[keyword]
      if (Array.isArray(list)) for (const item of list) visit(item, steps + 1)
    }
    for (const keyword of ['if', 'then', 'else']) visit(next[keyword], steps + 1)
    if (isObject(next['dependentSchemas'])) for (const value of Object.values(next['dependentSchemas'])) visit(value, steps + 1)
  }
  visit(schema, 0)
  return [...found]
}

function typesOf({ type, const: only, enum: values }: SchemaObject): string[] {
  if (typeof type === 'string') return [type]
  if (Array.isArray(type)) return type.map(String)
  if (only !== undefined) return [typeOf(only)]
  return Array.isArray(values) ? values.map(typeOf) : []
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

/** RFC 8259, 6: the way in which JSON writes numbers, so that `0x10`, ` 1` and `007` stay text. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** The value that a text stands for. What may be text stays text; what is none of the types stays text, which the schema then refuses. */
export function coerce(text: string, { types }: Shape): unknown {
  return types.length === 0 || types.includes('string') ? text : spelled(text, types)
}

/** The number, boolean or null that a text spells where these are among the types; else the text. */
export function spelled(text: string, types: readonly string[]): unknown {
  if ((types.includes('number') || types.includes('integer')) && NUMBER.test(text)) return Number(text)
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (types.includes('null') && text === '') return null
  return text
}
