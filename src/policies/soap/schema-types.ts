/** The types of a WSDL's schemas as data: those that operations use, each once. */
import { ANY_TYPE, builtinKey, builtinType } from './builtin-types.ts'
import { readComplexType } from './complex-types.ts'
import { type Component, type Components, fault } from './components.ts'
import type { SchemaDocument } from './documents.ts'
import type { ComplexType, SimpleType, Type } from './model.ts'
import { keyOf, type QName, XSD } from './names.ts'
import type { ComplexTypeOwner } from './owners.ts'
import { readSimpleType } from './simple-types.ts'
import type { XmlElement } from './xml.ts'

const TYPES_MAX = 5_000
const REMARKS_MAX = 20
const ENCODING = 'http://schemas.xmlsoap.org/soap/encoding/'

interface Entry {
  readonly component: Component
  readonly name: QName | null
  type: Type | null
  isReading: boolean
}

/** Reads types when they are asked for, and the types of their members later, so that they may refer to themselves. */
export class SchemaTypes implements ComplexTypeOwner {
  readonly components: Components
  readonly remarks = new Set<string>()
  readonly #types = new Map<string, Type>()
  readonly #entries = new Map<string, Entry>()
  readonly #keys = new Map<string, string>()
  readonly #localKeys = new Map<SchemaDocument, Map<XmlElement, string>>()
  readonly #taken = new Set<string>()
  /** The key of the type that is being read; anonymous types within it are named behind it. */
  #current = ''

  constructor(components: Components) {
    this.components = components
  }

  /** All types that have been asked for. */
  finish(): Readonly<Record<string, Type>> {
    // Reading one may ask for others, which a Map gives in the same loop.
    for (const key of this.#entries.keys()) this.#read(key)
    return Object.fromEntries(this.#types)
  }

  typeKey(name: QName, from: Component): string {
    if (name.ns === XSD) return this.#builtin(name.local, from)
    if (name.ns === ENCODING)
      throw fault(from.schema, from.element, `\`${name.local}\` of SOAP's encoding is not supported: only literal use is`)
    const id = keyOf(name.ns, name.local)
    const known = this.#keys.get(id)
    if (known !== undefined) return known
    const key = this.#newKey(name.local, from)
    this.#keys.set(id, key)
    this.#entries.set(key, { component: this.components.get('type', name, from), name, type: null, isReading: false })
    return key
  }

  localTypeKey(component: Component, hint: string): string {
    const keys = this.#localKeys.get(component.schema) ?? new Map<XmlElement, string>()
    this.#localKeys.set(component.schema, keys)
    const known = keys.get(component.element)
    if (known !== undefined) return known
    const key = this.#newKey(this.#current === '' ? hint : `${this.#current}.${hint}`, component)
    keys.set(component.element, key)
    this.#entries.set(key, { component, name: null, type: null, isReading: false })
    return key
  }

  addType(hint: string, type: Type, from: Component): string {
    const key = this.#newKey(this.#current === '' ? hint : `${this.#current}.${hint}`, from)
    this.#types.set(key, type)
    return key
  }

  globally<T>(read: () => T): T {
    const before = this.#current
    this.#current = ''
    try {
      return read()
    } finally {
      this.#current = before
    }
  }

  simpleType(key: string, from: Component): SimpleType {
    const type = this.#type(key, from)
    if (type.kind !== 'simple') throw fault(from.schema, from.element, `\`${key}\` is no simple type`)
    return type
  }

  complexType(key: string, from: Component): ComplexType {
    const type = this.#type(key, from)
    if (type.kind !== 'complex') throw fault(from.schema, from.element, `\`${key}\` is no complex type`)
    return type
  }

  isSimple(key: string, from: Component): boolean {
    return this.#type(key, from).kind === 'simple'
  }

  remark({ schema, element }: Component, message: string): void {
    if (this.remarks.size < REMARKS_MAX) this.remarks.add(`\`${schema.file}\`, line ${element.line}: ${message}`)
  }

  #builtin(local: string, from: Component): string {
    const key = builtinKey(local)
    if (this.#types.has(key)) return key
    const type: Type | undefined = key === ANY_TYPE ? anyType() : builtinType(local)
    if (type === undefined) throw fault(from.schema, from.element, `there is no type \`${local}\` in XML Schema`)
    this.#types.set(key, type)
    if (type.kind === 'simple' && type.item !== undefined) this.#builtin(type.item.slice('xs:'.length), from)
    return key
  }

  #type(key: string, from: Component): Type {
    if (this.#entries.get(key)?.isReading === true) throw fault(from.schema, from.element, `\`${key}\` derives from itself`)
    const type = this.#read(key)
    if (type === null) throw fault(from.schema, from.element, `there is no type \`${key}\``)
    return type
  }

  #read(key: string): Type | null {
    const known = this.#types.get(key)
    if (known !== undefined) return known
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const before = this.#current
    this.#current = key
    entry.isReading = true
    const { component, name } = entry
    const type = component.element.local === 'simpleType' ? readSimpleType(component, name, this) : readComplexType(component, name, this)
    entry.isReading = false
    this.#current = before
    this.#types.set(key, type)
    return type
  }

  /** A key that is also the name of a component in OpenAPI. */
  #newKey(wanted: string, from: Component): string {
    if (this.#taken.size >= TYPES_MAX) throw fault(from.schema, from.element, `the operations use more than ${TYPES_MAX} types`)
    const base = wanted.replaceAll(/[^A-Za-z0-9._-]/g, '_')
    let key = base
    for (let number = 2; this.#taken.has(key); number++) key = `${base}${number}`
    this.#taken.add(key)
    return key
  }
}

function anyType(): ComplexType {
  return { kind: 'complex', name: { ns: XSD, local: 'anyType' }, abstract: false, attributes: [], content: { kind: 'any' }, derived: [] }
}
