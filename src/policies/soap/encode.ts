/** JSON to XML, as the schema says; all that does not fit is told at once. */
import { pointerOf } from '../../core/strict-json.ts'
import type { Violation } from '../../core/violations.ts'
import { ANY_TYPE, builtinType } from './builtin-types.ts'
import type { Codecs, ComplexCodec } from './codecs.ts'
import { Misfit } from './facets.ts'
import { Members } from './members.ts'
import type { AttributeUse, ElementUse } from './model.ts'
import { type QName, XSD, XSI } from './names.ts'
import { fragmentText, parseFragment } from './raw-xml.ts'
import { digitsIn, type SimpleCodec, simpleCodec } from './simple-values.ts'
import type { XmlWriter } from './xml-writer.ts'

/** Where so many places do not fit, no more are looked for. */
const VIOLATIONS_MAX = 100
/** Pieces of XML in one request: a parser is made for each. */
const FRAGMENTS_MAX = 1_000
const TYPE: QName = { ns: XSI, local: 'type' }
const NIL: QName = { ns: XSI, local: 'nil' }

export class Encoder {
  readonly codecs: Codecs
  readonly writer: XmlWriter
  readonly violations: Violation[] = []
  readonly path: (string | number)[] = []
  #fragments = 0

  constructor(codecs: Codecs, writer: XmlWriter) {
    this.codecs = codecs
    this.writer = writer
  }

  /** Notes what is wrong at a member of the value that is written; at the value itself without one. */
  refuse(message: string, keyword: string, member?: string | number): void {
    if (this.violations.length >= VIOLATIONS_MAX) return
    this.violations.push({ in: 'body', pointer: pointerOf(member === undefined ? this.path : [...this.path, member]), message, keyword })
  }

  /** Writes what is at a member, or at an index. */
  at(part: string | number, write: () => void): void {
    this.path.push(part)
    write()
    this.path.pop()
  }

  /** Writes one element. */
  element(use: ElementUse, value: unknown): void {
    const { name, type } = use
    if (value === null) this.#nil(use)
    else if (this.codecs.isSimple(type)) this.#simpleElement(use, value)
    else if (type === ANY_TYPE) this.#anyElement(name, value)
    else this.#complexElement(name, this.codecs.complex(type), value, false)
  }

  #nil({ name, nillable }: ElementUse): void {
    if (!nillable) return this.refuse('must not be null', 'type')
    this.writer.start(name)
    this.writer.attribute(NIL, 'true')
    this.writer.end()
  }

  #simpleElement({ name, type, fixed }: ElementUse, value: unknown): void {
    this.writer.start(name)
    this.writer.text(this.#text(type, value, fixed) ?? '')
    this.writer.end()
  }

  /** The text of a value of a simple type; undefined where it is refused. */
  #text(type: string, value: unknown, fixed: string | undefined, member?: string): string | undefined {
    const codec = this.codecs.simple(type)
    const text = codec.toText(value, this.writer)
    if (text instanceof Misfit) this.refuse(text.message, text.keyword, member)
    else if (fixed === undefined || text === codec.normalize(fixed)) return text
    else this.refuse(`must be ${JSON.stringify(fixed)}`, 'const', member)
    return undefined
  }

  /** @param isDerived whether the type takes the place of another, so that it has to be named */
  #complexElement(name: QName, declared: ComplexCodec, value: unknown, isDerived: boolean): void {
    const chosen = this.#chosenType(declared, value)
    if (chosen === null) return
    const { type } = chosen
    if (type.abstract) return this.refuse('must name a type in `$type`', 'required', '$type')
    this.writer.start(name)
    if ((isDerived || chosen !== declared) && type.name !== null) this.writer.attribute(TYPE, this.#qname(type.name))
    if (chosen.isPlain && chosen === declared) this.writer.text(this.#contentText(chosen, value) ?? '')
    else if (isObject(value)) this.#content(chosen, value)
    else this.refuse('must be of type object', 'type')
    this.writer.end()
  }

  #contentText({ type: { content } }: ComplexCodec, value: unknown, member?: string): string | undefined {
    return content.kind === 'simple' ? this.#text(content.type, value, undefined, member) : undefined
  }

  #qname({ ns, local }: QName): string {
    return ns === '' ? local : `${this.writer.prefixOf(ns)}:${local}`
  }

  /** The type that `$type` names, which must be the declared one or derive from it. */
  #chosenType(declared: ComplexCodec, value: unknown): ComplexCodec | null {
    const named = isObject(value) && Object.hasOwn(value, '$type') ? value['$type'] : undefined
    if (named === undefined || named === declared.key) return declared
    const { derived } = declared.type
    if (typeof named === 'string' && derived.includes(named)) return this.codecs.complex(named)
    const known = [...(declared.type.abstract ? [] : [declared.key]), ...derived].map((key) => JSON.stringify(key))
    this.refuse(known.length > 20 ? 'must name a type that may be here' : `must be one of ${known.join(', ')}`, 'enum', '$type')
    return null
  }

  #content(codec: ComplexCodec, value: Readonly<Record<string, unknown>>): void {
    for (const member of Object.keys(value)) {
      if (!codec.members.has(member) && member !== '$type') this.refuse('is not allowed here', 'additionalProperties', member)
    }
    for (const use of codec.attributes.values()) this.#attribute(use, value)
    const { content } = codec.type
    if (codec.scope !== null) new Members(this, value).group(codec.scope.group)
    else if (content.kind === 'simple') {
      if (!Object.hasOwn(value, '$value')) this.refuse('is required', 'required', '$value')
      else this.writer.text(this.#contentText(codec, value['$value'], '$value') ?? '')
    } else if (content.kind === 'mixed') this.#raw(value)
  }

  #attribute({ member, name, type, required, default: fallback, fixed }: AttributeUse, value: Readonly<Record<string, unknown>>): void {
    if (!Object.hasOwn(value, member)) {
      const given = fixed ?? fallback
      if (required && given === undefined) this.refuse('is required', 'required', member)
      if (required && given !== undefined) this.writer.attribute(name, given)
      return
    }
    const text = this.#text(type, value[member], fixed, member)
    if (text !== undefined) this.writer.attribute(name, text)
  }

  /** The content of an element as XML. */
  #raw(value: Readonly<Record<string, unknown>>): void {
    if (!Object.hasOwn(value, '$xml')) return
    if (++this.#fragments > FRAGMENTS_MAX) return this.refuse(`is one of more than ${FRAGMENTS_MAX} pieces of XML`, 'maxItems', '$xml')
    const nodes = typeof value['$xml'] === 'string' ? parseFragment(value['$xml']) : undefined
    if (nodes === undefined) this.refuse('must be well-formed XML', 'format', '$xml')
    else this.writer.raw(fragmentText(nodes))
  }

  /** An element that the schema does not name. */
  anyItem(value: unknown): void {
    if (++this.#fragments > FRAGMENTS_MAX) return this.refuse(`is one of more than ${FRAGMENTS_MAX} elements as XML`, 'maxItems')
    const nodes = typeof value === 'string' ? parseFragment(value) : undefined
    const [only] = nodes ?? []
    if (nodes?.length !== 1 || only === undefined || typeof only === 'string') this.refuse('must be one element as XML', 'format')
    else this.writer.raw(fragmentText([only]))
  }

  /** `xs:anyType`: text, a number or a boolean; XML in `$xml`; or an object of a type that `$type` names. */
  #anyElement(name: QName, value: unknown): void {
    if (isObject(value)) return this.#anyObject(name, value)
    const simple = typeof value === 'boolean' ? 'boolean' : digitsIn(value) === undefined ? 'string' : 'decimal'
    const text = ANY_VALUES[simple].toText(value, this.writer)
    if (text instanceof Misfit) return this.refuse(text.message, text.keyword)
    this.writer.start(name)
    this.writer.attribute(TYPE, this.#qname({ ns: XSD, local: simple }))
    this.writer.text(text)
    this.writer.end()
  }

  #anyObject(name: QName, value: Readonly<Record<string, unknown>>): void {
    const named = Object.hasOwn(value, '$type') ? value['$type'] : undefined
    if (named !== undefined) {
      const type = typeof named === 'string' ? this.codecs.find(named) : undefined
      if (typeof named === 'string' && type?.kind === 'complex' && type.name !== null && type.content.kind !== 'any')
        return this.#complexElement(name, this.codecs.complex(named), value, true)
      return this.refuse('must name a type of this API', 'enum', '$type')
    }
    for (const member of Object.keys(value)) if (member !== '$xml') this.refuse('is not allowed here', 'additionalProperties', member)
    this.writer.start(name)
    this.#raw(value)
    this.writer.end()
  }
}

const none = (): never => {
  throw new Error('a built-in type is made of no others')
}

/** What stands for values whose type only they know. */
const ANY_VALUES = { string: codecOf('string'), boolean: codecOf('boolean'), decimal: codecOf('decimal') }

function codecOf(builtin: string): SimpleCodec {
  const type = builtinType(builtin)
  return type === undefined ? none() : simpleCodec(type, none)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
}
