/** Random JSON that fits a model, for tests. */
import type { Facets, Group, Particle, SimpleType, SoapModel, Type } from './model.ts'

export type Chance = () => number

/** A generator of numbers in [0, 1) (mulberry32). */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Json = Record<string, unknown>

const TEXTS = ['', 'a', 'é<&>"\'', ' x ', 'line\nfeed\r\ttab', ']]>', '😀', '<!DOCTYPE x>', '&amp;', '\u007f', 'n0:in']
const SAMPLES: Readonly<Record<string, readonly unknown[]>> = {
  boolean: [true, false],
  float: [0, 1.5, -3, 'INF', 'NaN'],
  double: [0, 1e300, -1.25, '-INF', 'NaN', 123456],
  date: ['2026-01-31', '2024-02-29Z', '-0044-03-15'],
  dateTime: ['2026-01-31T12:00:00', '2026-01-31T24:00:00Z', '2026-01-31T12:00:00.5+01:00'],
  time: ['12:00:00', '00:00:00.001Z'],
  duration: ['P1Y', 'PT0.5S', '-P1DT1H'],
  gYear: ['2026'],
  gYearMonth: ['2026-01'],
  gMonthDay: ['--02-29'],
  gDay: ['---31'],
  gMonth: ['--12'],
  hexBinary: ['', '00ff'],
  base64Binary: ['', 'AQI=', 'AQID'],
  anyURI: ['http://h/?a=b&c', ''],
  QName: ['a', '{urn:x}b', '{urn:t}c'],
}

export class Values {
  readonly #model: SoapModel
  readonly #chance: Chance

  constructor(model: SoapModel, chance: Chance) {
    this.#model = model
    this.#chance = chance
  }

  #below(count: number): number {
    return Math.floor(this.#chance() * count)
  }

  #oneOf<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)]
    if (item === undefined) throw new Error('there is nothing to choose from')
    return item
  }

  /** @param depth levels that may still come: then what is optional is left out */
  type(key: string, depth: number): unknown {
    const type = this.#model.types[key]
    if (type === undefined) throw new Error(`there is no type ${key}`)
    return type.kind === 'simple' ? this.#simple(type) : this.#complex(key, type, depth)
  }

  #simple({ variety, primitive, facets, item, members, builtin, whiteSpace }: SimpleType): unknown {
    if (facets.enumeration !== undefined) return this.#oneOf(facets.enumeration)
    if (variety === 'list') return Array.from({ length: 1 + this.#below(3) }, () => this.#listItem(item ?? ''))
    // The first of a union's types that fits is the one it is read as.
    if (variety === 'union') return this.type(this.#oneOf((members ?? []).slice(0, 1)), 0)
    if (primitive === 'decimal') return this.#decimal(facets)
    if (builtin === 'NMTOKEN') return 'n-1'
    const value = this.#oneOf<unknown>(SAMPLES[primitive] ?? TEXTS)
    return whiteSpace === 'collapse' && typeof value === 'string' ? value.replaceAll(/\s+/g, ' ').trim() : value
  }

  #listItem(key: string): unknown {
    const value = this.type(key, 0)
    return typeof value === 'string' ? value.replaceAll(/\s/g, '') || 'x' : value
  }

  #decimal({ fractionDigits, minInclusive = '-1000', maxInclusive = '1000' }: Facets): unknown {
    const edge = this.#oneOf([minInclusive, maxInclusive, 'within'])
    const digits = edge === 'within' ? String(this.#below(100) + (Number(minInclusive) > 0 ? 1 : 0)) : edge
    return fractionDigits === 0 || edge !== 'within'
      ? JSON.rawJSON(digits)
      : JSON.rawJSON(`${digits}.${this.#oneOf(['0', '5', '50', '123'])}`)
  }

  #complex(key: string, type: Type & { kind: 'complex' }, depth: number): unknown {
    const { derived, abstract, attributes, content } = type
    if (content.kind === 'any') return this.#oneOf<unknown>(['text', true, 5, { $xml: 'a<b xmlns="urn:b"/>' }])
    if (derived.length > 0 && (abstract || (depth > 0 && this.#chance() < 0.4))) {
      const chosen = this.#oneOf(derived)
      const value = this.#model.types[chosen]
      return value?.kind === 'complex' ? { $type: chosen, ...this.#object(value, depth) } : undefined
    }
    if (content.kind === 'simple' && attributes.length === 0) return this.type(content.type, depth)
    return this.#object(this.#model.types[key] ?? type, depth)
  }

  #object(type: Type, depth: number): Json {
    if (type.kind !== 'complex') throw new Error('only complex types make objects')
    const object: Json = {}
    for (const { member, required, default: fallback, fixed, type: key } of type.attributes) {
      if (fixed !== undefined) object[member] = fixed
      else if (required || fallback !== undefined || this.#chance() < 0.5) object[member] = this.type(key, depth)
    }
    const { content } = type
    if (content.kind === 'simple') object['$value'] = this.type(content.type, depth)
    if (content.kind === 'mixed') object['$xml'] = this.#oneOf(['', 'plain', 'a <b xmlns="urn:b">c</b> &amp; d'])
    if (content.kind === 'elements') this.#group(content.group, object, depth)
    return object
  }

  #group(group: Group, object: Json, depth: number): void {
    const parts = group.kind === 'choice' ? [this.#oneOf(group.parts)] : group.parts
    for (const part of parts) {
      const isAsked = group.kind === 'choice' || part.min > 0 || (depth > 0 && this.#chance() < 0.5)
      if (isAsked) this.#particle(part, object, depth)
    }
  }

  #particle(part: Particle, object: Json, depth: number): void {
    const count = part.max === 1 ? 1 : Math.max(1, part.min, Math.min(part.max, 1 + this.#below(3)))
    const many = (make: () => unknown): unknown[] => Array.from({ length: count }, make)
    if (part.kind === 'any') object['$any'] = many(() => this.#oneOf(['<e/>', '<p:f xmlns:p="urn:p" p:a="1">t</p:f>']))
    else if (part.kind === 'element') {
      const make = (): unknown => (part.nillable && this.#chance() < 0.3 ? null : this.type(part.type, depth - 1))
      const value = object[part.member]
      const before: unknown[] = Array.isArray(value) ? value : []
      if (part.array) object[part.member] = [...before, ...many(make)]
      else object[part.member] = make()
    } else if (part.member !== undefined) {
      object[part.member] = many(() => {
        const inner: Json = {}
        this.#group(part, inner, depth - 1)
        return inner
      })
    } else this.#group(part, object, depth)
  }
}
