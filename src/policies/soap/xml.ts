/** XML read into a tree: strictly, bounded, and without anything that a document could make a reader do. */
import { SaxesParser } from 'saxes'
import { keyOf, XML, XMLNS } from './names.ts'

export interface XmlBounds {
  readonly depthMax: number
  /** All elements together. */
  readonly elementsMax: number
  /** Of one element, declarations of namespaces among them. */
  readonly attributesMax: number
}

/** Of messages: about what a body of the usual bound can hold. */
export const MESSAGE_BOUNDS: XmlBounds = { depthMax: 100, elementsMax: 200_000, attributesMax: 100 }

/** Prefixes in force at an element: its own and, in `outer`, those around it. */
export interface Scope {
  readonly own: Readonly<Record<string, string>>
  readonly outer: Scope | null
}

export interface XmlElement {
  readonly ns: string
  readonly local: string
  readonly prefix: string
  /** By {@link keyOf}; declarations of namespaces are not among them. */
  readonly attributes: ReadonlyMap<string, XmlAttribute>
  /** Elements and text, in order; comments are left out, and the text around them is one. */
  readonly children: readonly (XmlElement | string)[]
  readonly scope: Scope | null
  /** 1 for the first; 0 where lines were not asked for. */
  readonly line: number
}

export interface XmlAttribute {
  readonly ns: string
  readonly local: string
  readonly prefix: string
  readonly value: string
}

/** What is wrong with a text; nothing of its content is in the message. */
export class XmlFault extends Error {
  readonly line: number

  constructor(message: string, line: number) {
    super(message)
    this.line = line
  }
}

interface Open {
  readonly ns: string
  readonly local: string
  readonly prefix: string
  readonly attributes: Map<string, XmlAttribute>
  readonly children: (XmlElement | string)[]
  readonly scope: Scope | null
  readonly line: number
}

const NO_ATTRIBUTES: ReadonlyMap<string, XmlAttribute> = new Map()

/**
 * Reads a document (XML 1.0, Namespaces in XML 1.0). Refused, beside what is not well-formed: document types and with them all entities but
 * the five of XML itself, processing instructions, XML 1.1, and what is beyond the bounds. Linear in the length.
 * Throws an XmlFault.
 */
export function parseXml(text: string, bounds: XmlBounds, lines = false): XmlElement {
  const parser = new SaxesParser({ xmlns: true, position: lines, defaultXMLVersion: '1.0', forceXMLVersion: true })
  const line = (): number => (lines ? parser.line : 0)
  const fault = (message: string): never => {
    throw new XmlFault(message, line())
  }
  const open: Open[] = []
  let root: XmlElement | null = null
  let elements = 0
  let attributes = 0
  let startLine = 0

  const addText = (piece: string): void => {
    const inner = open.at(-1)
    if (inner === undefined) return
    const { children } = inner
    const last = children.length - 1
    const before = children[last]
    if (typeof before === 'string') children[last] = before + piece
    else if (piece !== '') children.push(piece)
  }

  parser.on('error', (error) => fault(`is not well-formed: ${error.message.replace(/^[\d:]+ /, '').replace(/\.$/, '')}`))
  parser.on('xmldecl', ({ version }) => {
    if (version !== undefined && version !== '1.0') fault('is not XML 1.0')
  })
  // The one place where document types end: no entity is ever declared, nothing is fetched, nothing can expand.
  parser.on('doctype', () => fault('has a document type (DOCTYPE), which is not accepted'))
  parser.on('processinginstruction', () => fault('has a processing instruction, which is not accepted'))
  parser.on('opentagstart', () => {
    attributes = 0
    startLine = line()
    if (open.length >= bounds.depthMax) fault(`is nested deeper than ${bounds.depthMax} elements`)
    if (++elements > bounds.elementsMax) fault(`has more than ${bounds.elementsMax} elements`)
  })
  parser.on('attribute', () => {
    if (++attributes > bounds.attributesMax) fault(`has an element with more than ${bounds.attributesMax} attributes`)
  })
  parser.on('opentag', ({ uri, local, prefix, attributes: found, ns }) => {
    const outer = open.at(-1)?.scope ?? null
    let own: Record<string, string> | null = null
    for (const name in ns) {
      own ??= Object.create(null) as Record<string, string>
      own[name] = ns[name] ?? ''
    }
    const kept = new Map<string, XmlAttribute>()
    for (const name in found) {
      const attribute = found[name]
      if (attribute === undefined || attribute.uri === XMLNS) continue
      kept.set(keyOf(attribute.uri, attribute.local), {
        ns: attribute.uri,
        local: attribute.local,
        prefix: attribute.prefix,
        value: attribute.value,
      })
    }
    open.push({
      ns: uri,
      local,
      prefix,
      attributes: kept,
      children: [],
      scope: own === null ? outer : { own, outer },
      line: startLine,
    })
  })
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const element = open.pop()
    if (element === undefined) return
    const done: XmlElement = element.attributes.size === 0 ? { ...element, attributes: NO_ATTRIBUTES } : element
    const outer = open.at(-1)
    if (outer === undefined) root = done
    else outer.children.push(done)
  })
  parser.write(text).close()
  return root ?? fault('has no element')
}

/** The namespace of a prefix where an element stands; the empty prefix is the default namespace. Undefined for none. */
export function namespaceOf(scope: Scope | null, prefix: string): string | undefined {
  if (prefix === 'xml') return XML
  for (let at = scope; at !== null; at = at.outer) {
    const found = at.own[prefix]
    if (found !== undefined) return found
  }
  return prefix === '' ? '' : undefined
}

/** The child elements. */
export function elementsOf({ children }: XmlElement): readonly XmlElement[] {
  return children.filter((child) => typeof child !== 'string')
}

/** The text directly in an element. */
export function textOf({ children }: XmlElement): string {
  const [only] = children
  if (only === undefined) return ''
  if (children.length === 1) return typeof only === 'string' ? only : ''
  return children.filter((child) => typeof child === 'string').join('')
}

/** The value of an attribute without a namespace, or of one in `ns`; undefined for none. */
export function attributeOf({ attributes }: XmlElement, local: string, ns = ''): string | undefined {
  return attributes.get(keyOf(ns, local))?.value
}
