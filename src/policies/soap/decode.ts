/**
 * XML to JSON, as the schema says. Elements and attributes that the schema does not know are left out, and the order of elements does not
 * matter where each has a name of its own: services differ from their schemas there. What has the wrong type, or is not there and must be,
 * is no answer of this service.
 */

import { type JsonObject, put } from '../../core/members.ts'
import { pointerOf } from '../../core/strict-json.ts'
import { ANY_TYPE, builtinType } from './builtin-types.ts'
import type { Codecs, ComplexCodec, ListScope, ObjectScope } from './codecs.ts'
import { Misfit } from './facets.ts'
import { placesOf, splitTimes } from './list-items.ts'
import type { ElementUse, Group, Particle } from './model.ts'
import { keyOf, XSD, XSI } from './names.ts'
import { fragmentText } from './raw-xml.ts'
import { simpleCodec } from './simple-values.ts'
import { attributeOf, elementsOf, namespaceOf, textOf, type XmlElement } from './xml.ts'

/** What a document holds is not what the schema says. The message names members, and no values. */
export class Unfit extends Error {}

export class Decoder {
  readonly #codecs: Codecs
  readonly #path: string[] = []

  constructor(codecs: Codecs) {
    this.#codecs = codecs
  }

  #fail(problem: string): never {
    throw new Unfit(`${pointerOf(this.#path)} ${problem}`)
  }

  /** The value of one element. Throws {@link Unfit}. */
  element(use: ElementUse, element: XmlElement): unknown {
    const { type } = use
    if (isNil(element)) return use.nillable || type === ANY_TYPE ? null : this.#fail('is nil')
    if (this.#codecs.isSimple(type)) return this.#simple(type, element, use.fixed ?? use.default)
    return type === ANY_TYPE ? this.#any(element) : this.#complex(this.#codecs.complex(type), element)
  }

  /** @param given what an empty element stands for; undefined for itself */
  #simple(type: string, element: XmlElement, given?: string): unknown {
    if (elementsOf(element).length > 0) return this.#fail('holds elements')
    const text = textOf(element)
    return this.#value(type, text === '' && given !== undefined ? given : text, element)
  }

  #value(type: string, text: string, { scope }: XmlElement): unknown {
    const value = this.#codecs.simple(type).toJson(text, scope)
    return value instanceof Misfit ? this.#fail(value.message) : value
  }

  #complex(declared: ComplexCodec, element: XmlElement): unknown {
    const codec = this.#chosenType(declared, element)
    if (codec.type.abstract) return this.#fail('does not say its type')
    if (codec.isPlain && codec === declared) return this.#content(codec, element)
    const object: JsonObject = {}
    if (codec !== declared) object['$type'] = codec.key
    return this.#object(codec, element, object)
  }

  #object(codec: ComplexCodec, element: XmlElement, object: JsonObject): JsonObject {
    for (const [key, use] of codec.attributes) {
      const text = element.attributes.get(key)?.value ?? use.fixed ?? use.default
      if (text !== undefined) this.#within(use.member, () => put(object, use.member, this.#value(use.type, text, element)))
      else if (use.required) this.#within(use.member, () => this.#fail('is missing'))
    }
    const { kind } = codec.type.content
    if (codec.scope !== null) this.#members(codec.scope, elementsOf(element), object)
    else if (kind === 'simple') this.#within('$value', () => put(object, '$value', this.#content(codec, element)))
    else if (kind === 'mixed') put(object, '$xml', fragmentText(element.children))
    return object
  }

  #content({ type: { content } }: ComplexCodec, element: XmlElement): unknown {
    return content.kind === 'simple' ? this.#simple(content.type, element) : undefined
  }

  #within(part: string | number, read: () => void): void {
    this.#path.push(String(part))
    read()
    this.#path.pop()
  }

  /** The type that `xsi:type` names, where it derives from the declared one. */
  #chosenType(declared: ComplexCodec, element: XmlElement): ComplexCodec {
    const named = typeName(element)
    if (named === null) return declared
    const key = this.#codecs.keyOf(named.ns, named.local)
    if (key === declared.key) return declared
    return key !== undefined && declared.type.derived.includes(key)
      ? this.#codecs.complex(key)
      : this.#fail('is of a type that may not be here')
  }

  /** Gives each element to the member of its name. */
  #members(scope: ObjectScope, children: readonly XmlElement[], object: JsonObject): void {
    const pending = new Map<ListScope, XmlElement[]>()
    const extra: string[] = []
    const listOf = listsIn(scope, children)
    for (const [index, child] of children.entries()) {
      const use = scope.elements.get(keyOf(child.ns, child.local))
      const list = listOf(index, child)
      if (list !== undefined) addTo(pending, list, child)
      else if (use !== undefined) this.#member(use, child, object)
      else if (scope.any !== null) extra.push(fragmentText([child]))
    }
    for (const [list, found] of pending) this.#within(list.member, () => put(object, list.member, this.#times(list, found)))
    if (extra.length > 0) put(object, '$any', extra)
    if (!isThere({ ...scope.group, min: 1, max: 1 }, object)) this.#fail(missingIn(scope.group, object))
  }

  #member(use: ElementUse, child: XmlElement, object: JsonObject): void {
    const { member } = use
    const before = Object.hasOwn(object, member) ? object[member] : undefined
    if (before !== undefined && !use.array) return this.#within(member, () => this.#fail('stands twice'))
    this.#within(member, () => {
      const value = this.element(use, child)
      if (!use.array) put(object, member, value)
      else if (Array.isArray(before)) before.push(value)
      else put(object, member, [value])
    })
  }

  #times(list: ListScope, children: readonly XmlElement[]): readonly JsonObject[] {
    const times = splitTimes(list.group, children)
    if (times === undefined) return this.#fail('has elements in an order that the schema does not allow')
    return times.map((found, index) => {
      const object: JsonObject = {}
      this.#within(index, () => this.#members(list, found, object))
      return object
    })
  }

  /** `xs:anyType`: by what `xsi:type` says, else text, or XML where there are elements. */
  #any(element: XmlElement): unknown {
    const named = typeName(element)
    if (named?.ns === XSD) return this.#anyBuiltin(named.local, element)
    const key = named === null ? undefined : this.#codecs.keyOf(named.ns, named.local)
    if (key !== undefined && !this.#codecs.isSimple(key)) return this.#object(this.#codecs.complex(key), element, { $type: key })
    return elementsOf(element).length === 0 ? textOf(element) : { $xml: fragmentText(element.children) }
  }

  #anyBuiltin(local: string, element: XmlElement): unknown {
    if (elementsOf(element).length > 0) return { $xml: fragmentText(element.children) }
    const type = builtinType(local)
    if (type?.variety !== 'atomic') return textOf(element)
    const value = simpleCodec(type, none).toJson(textOf(element), element.scope)
    return value instanceof Misfit ? this.#fail(value.message) : value
  }
}

function none(): never {
  throw new Error('an atomic type is made of no others')
}

/** Finds the group that repeats to which an element belongs: by its name, or, where names stand in several places, by its place. */
function listsIn(
  { group, lists, isAmbiguous }: ObjectScope,
  children: readonly XmlElement[],
): (index: number, child: XmlElement) => ListScope | undefined {
  const places = isAmbiguous ? placesOf(group, children) : undefined
  if (places !== undefined) return (index) => lists.find((list) => list.group === places[index])
  return (_, { ns, local }) => lists.find(({ names }) => names.has(keyOf(ns, local)))
}

function addTo(map: Map<ListScope, XmlElement[]>, list: ListScope, child: XmlElement): void {
  const found = map.get(list)
  if (found === undefined) map.set(list, [child])
  else found.push(child)
}

function isNil(element: XmlElement): boolean {
  const nil = attributeOf(element, 'nil', XSI)?.trim()
  return nil === 'true' || nil === '1'
}

function typeName(element: XmlElement): { readonly ns: string; readonly local: string } | null {
  const text = attributeOf(element, 'type', XSI)?.trim()
  if (text === undefined) return null
  const colon = text.indexOf(':')
  const ns = namespaceOf(element.scope, colon === -1 ? '' : text.slice(0, colon))
  return ns === undefined ? null : { ns, local: text.slice(colon + 1) }
}

/** Whether what a particle demands is there. */
function isThere(part: Particle, object: JsonObject): boolean {
  if (part.min === 0) return true
  if (part.kind === 'element') return hasCount(object, part.member, part.array ? part.min : 1)
  if (part.kind === 'any') return hasCount(object, '$any', part.min)
  if (part.member !== undefined && part.max > 1) return hasCount(object, part.member, part.min) || part.parts.every(({ min }) => min === 0)
  return part.kind === 'choice' ? part.parts.some((inner) => isThere(inner, object)) : part.parts.every((inner) => isThere(inner, object))
}

function hasCount(object: JsonObject, member: string, count: number): boolean {
  if (!Object.hasOwn(object, member)) return false
  const value = object[member]
  return !Array.isArray(value) || value.length >= count
}

function missingIn(group: Group, object: JsonObject): string {
  const missing = group.parts.find((part) => !isThere(part, object))
  return missing?.kind === 'element' ? `has no ${missing.member}, or too few` : 'lacks elements'
}
