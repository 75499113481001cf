/** The global components of all schemas of a WSDL, by their names. */
import { type Documents, FileFault, type SchemaDocument } from './documents.ts'
import { keyOf, type QName, XML, XSD } from './names.ts'
import { attributeOf, elementsOf, namespaceOf, textOf, type XmlElement } from './xml.ts'

export type ComponentKind = 'element' | 'attribute' | 'type' | 'group' | 'attributeGroup'

/** A declaration or definition, and the schema it stands in. */
export interface Component {
  readonly element: XmlElement
  readonly schema: SchemaDocument
}

const KINDS: Readonly<Record<string, ComponentKind>> = {
  element: 'element',
  attribute: 'attribute',
  simpleType: 'type',
  complexType: 'type',
  group: 'group',
  attributeGroup: 'attributeGroup',
}

export class Components {
  readonly #byKind: Readonly<Record<ComponentKind, Map<string, Component>>> = {
    element: new Map(),
    attribute: new Map(),
    type: new Map(),
    group: new Map(),
    attributeGroup: new Map(),
  }
  /** By the key of the head: the elements that may take its place. */
  readonly #substitutes = new Map<string, QName[]>()
  /** By the key of a base: the complex types that derive from it directly. */
  readonly #derived = new Map<string, QName[]>()

  constructor({ schemas }: Documents) {
    for (const schema of schemas) this.#index(schema)
  }

  #index(schema: SchemaDocument): void {
    for (const element of elementsOf(schema.root)) {
      const kind = element.ns === XSD ? KINDS[element.local] : undefined
      if (kind === undefined) continue
      const name = { ns: schema.targetNamespace, local: nameOf(schema, element) }
      const key = keyOf(name.ns, name.local)
      const twin = this.#byKind[kind].get(key)
      if (twin !== undefined)
        throw fault(schema, element, `\`${name.local}\` is defined twice: also in \`${twin.schema.file}\`, line ${twin.element.line}`)
      this.#byKind[kind].set(key, { element, schema })
      if (kind === 'element') this.#noteSubstitute(schema, element, name)
      if (element.local === 'complexType') this.#noteBase(schema, element, name)
    }
  }

  #noteSubstitute(schema: SchemaDocument, element: XmlElement, name: QName): void {
    const head = attributeOf(element, 'substitutionGroup')
    if (head !== undefined) add(this.#substitutes, resolveName(schema, element, head), name)
  }

  #noteBase(schema: SchemaDocument, element: XmlElement, name: QName): void {
    const content = childOf(element, 'complexContent')
    const derivation = content === null ? null : (childOf(content, 'extension') ?? childOf(content, 'restriction'))
    const base = derivation === null ? undefined : attributeOf(derivation, 'base')
    if (derivation !== null && base !== undefined) add(this.#derived, resolveName(schema, derivation, base), name)
  }

  /** What a name means. Throws a FileFault at `from` when nothing has it. */
  get(kind: ComponentKind, name: QName, from: Component): Component {
    const found = this.find(kind, name)
    if (found !== undefined) return found
    const what = kind === 'attributeGroup' ? 'attribute group' : kind
    throw fault(from.schema, from.element, `there is no ${what} \`${name.local}\` in the namespace \`${name.ns}\``)
  }

  find(kind: ComponentKind, { ns, local }: QName): Component | undefined {
    return this.#byKind[kind].get(keyOf(ns, local))
  }

  /** The elements that may take the place of one, those of theirs included. */
  substitutesOf(head: QName): readonly QName[] {
    return closure(this.#substitutes, head)
  }

  /** The types that derive from one, those from them included. */
  derivedFrom(base: QName): readonly QName[] {
    return closure(this.#derived, base)
  }
}

function add(map: Map<string, QName[]>, { ns, local }: QName, name: QName): void {
  const key = keyOf(ns, local)
  const list = map.get(key)
  if (list === undefined) map.set(key, [name])
  else list.push(name)
}

function closure(map: ReadonlyMap<string, readonly QName[]>, start: QName): readonly QName[] {
  const found = new Map<string, QName>()
  const queue = [start]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const name of map.get(keyOf(next.ns, next.local)) ?? []) {
      const key = keyOf(name.ns, name.local)
      if (found.has(key)) continue
      found.set(key, name)
      queue.push(name)
    }
  }
  return [...found.values()]
}

export function fault({ file }: { readonly file: string }, { line }: XmlElement, message: string): FileFault {
  return new FileFault(file, line, message)
}

/** The first child of XML Schema with a name; null for none. */
export function childOf(element: XmlElement, local: string): XmlElement | null {
  return elementsOf(element).find((child) => child.ns === XSD && child.local === local) ?? null
}

export function nameOf(schema: SchemaDocument, element: XmlElement): string {
  const name = attributeOf(element, 'name')
  if (name === undefined || name === '') throw fault(schema, element, `\`${element.local}\` has no \`name\``)
  return name
}

/** The name that a text such as `tns:Price` means where an element stands. */
export function resolveName(schema: SchemaDocument, element: XmlElement, text: string): QName {
  const name = qualify(schema, element, text)
  return name.ns === '' && schema.isLent ? { ns: schema.targetNamespace, local: name.local } : name
}

/** The same, in a document that lends no namespace. */
export function qualify(document: { readonly file: string }, element: XmlElement, text: string): QName {
  const trimmed = text.trim()
  const colon = trimmed.indexOf(':')
  const prefix = colon === -1 ? '' : trimmed.slice(0, colon)
  const ns = namespaceOf(element.scope, prefix)
  if (ns === undefined) throw fault(document, element, `the prefix \`${prefix}\` is not declared`)
  return { ns, local: trimmed.slice(colon + 1) }
}

/** The names of `xml:` that a schema may refer to without a file (XML Schema for the XML namespace). */
export function isXmlAttribute({ ns }: QName): boolean {
  return ns === XML
}

/** A boolean of XML Schema. */
export function isTrue(text: string | undefined): boolean {
  const trimmed = text?.trim()
  return trimmed === 'true' || trimmed === '1'
}

const DOC_CHARS_MAX = 2_000

/** The text of `xs:annotation/xs:documentation`; undefined for none. */
export function documentationOf(element: XmlElement): string | undefined {
  const annotation = childOf(element, 'annotation')
  const texts = annotation === null ? [] : elementsOf(annotation).filter(({ ns, local }) => ns === XSD && local === 'documentation')
  return plainText(texts)
}

/** The text of some elements in one line of prose; undefined for none. */
export function plainText(elements: readonly XmlElement[]): string | undefined {
  const text = elements.map(textOf).join(' ').replaceAll(/\s+/g, ' ').trim()
  return text === '' ? undefined : text.slice(0, DOC_CHARS_MAX)
}
