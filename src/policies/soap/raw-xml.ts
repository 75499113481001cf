/** XML that no schema describes, as text that stands for itself: in JSON members `$any` and `$xml`. */
import { XML } from './names.ts'
import { namespaceOf, parseXml, type Scope, type XmlBounds, type XmlElement, XmlFault } from './xml.ts'
import { escapeAttribute, escapeText, isXmlText } from './xml-text.ts'

const BOUNDS: XmlBounds = { depthMax: 50, elementsMax: 10_000, attributesMax: 100 }

type Nodes = readonly (XmlElement | string)[]

/** Reads a fragment as strictly as any document. Undefined for what is none. */
export function parseFragment(text: string): Nodes | undefined {
  if (!isXmlText(text)) return undefined
  try {
    // What would close the element around it is not well-formed behind it.
    return parseXml(`<x>${text}</x>`, BOUNDS).children
  } catch (error) {
    if (error instanceof XmlFault) return undefined
    throw error
  }
}

/** Nodes as text that declares all the prefixes it uses. */
export function fragmentText(nodes: Nodes): string {
  return nodes.map((node) => (typeof node === 'string' ? escapeText(node) : elementText(node, null))).join('')
}

/** @param written prefixes as they are declared around it in what is written; null for none */
function elementText(element: XmlElement, written: Scope | null): string {
  const declared: Record<string, string> = Object.create(null) as Record<string, string>
  const use = (prefix: string): void => {
    const ns = namespaceOf(element.scope, prefix) ?? ''
    if (ns !== XML && (namespaceOf(written, prefix) ?? '') !== ns) declared[prefix] = ns
  }
  use(element.prefix)
  for (const prefix of prefixesIn(element)) use(prefix)
  const scope: Scope = { own: declared, outer: written }
  const tag = element.prefix === '' ? element.local : `${element.prefix}:${element.local}`
  const declarations = Object.entries(declared).map(([prefix, ns]) => ` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeAttribute(ns)}"`)
  const attributes = [...element.attributes.values()].map(
    ({ prefix, local, value }) => ` ${prefix === '' ? local : `${prefix}:${local}`}="${escapeAttribute(value)}"`,
  )
  const content = element.children.map((child) => (typeof child === 'string' ? escapeText(child) : elementText(child, scope))).join('')
  const start = `<${tag}${declarations.join('')}${attributes.join('')}`
  return content === '' ? `${start}/>` : `${start}>${content}</${tag}>`
}

const NAME_IN_TEXT = /^\s*([A-Za-z_][\w.-]*):[A-Za-z_][\w.-]*\s*$/

/** Prefixes of attributes, and of texts that look like names: `xsi:type="xs:int"`. */
function prefixesIn({ attributes, children, scope }: XmlElement): readonly string[] {
  const texts = [...attributes.values()].map(({ value }) => value)
  if (children.length === 1 && typeof children[0] === 'string') texts.push(children[0])
  const named = texts
    .map((text) => NAME_IN_TEXT.exec(text)?.[1] ?? '')
    .filter((prefix) => prefix !== '' && namespaceOf(scope, prefix) !== undefined)
  return [...[...attributes.values()].map(({ prefix }) => prefix).filter((prefix) => prefix !== ''), ...named]
}
