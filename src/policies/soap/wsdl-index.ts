/** The parts of a WSDL by their names. */
import { fault, plainText, qualify } from './components.ts'
import type { Documents } from './documents.ts'
import { keyOf, type QName, WSDL } from './names.ts'
import { attributeOf, elementsOf, type XmlElement } from './xml.ts'

/** An element of a WSDL, and where it stands. */
export interface Located {
  readonly file: string
  readonly element: XmlElement
  readonly targetNamespace: string
}

const PARTS = ['message', 'portType', 'binding'] as const
type Part = (typeof PARTS)[number]

export class WsdlIndex {
  /** In the order of the files. */
  readonly services: readonly Located[]
  readonly #parts = new Map<string, Located>()

  constructor({ definitions }: Documents) {
    const services: Located[] = []
    for (const { file, root, targetNamespace } of definitions) {
      for (const element of elementsOf(root)) {
        if (element.ns !== WSDL) continue
        const located = { file, element, targetNamespace }
        if (element.local === 'service') services.push(located)
        else if (PARTS.some((part) => part === element.local)) this.#add(located)
      }
    }
    this.services = services
  }

  #add(located: Located): void {
    const { element, targetNamespace } = located
    const name = attributeOf(element, 'name') ?? ''
    const key = `${element.local} ${keyOf(targetNamespace, name)}`
    if (this.#parts.has(key)) throw fault(located, element, `\`${name}\` is defined twice`)
    this.#parts.set(key, located)
  }

  /** The part that an attribute of `from` names. */
  get(part: Part, from: Located, attribute: string): Located {
    const { element } = from
    const text = attributeOf(element, attribute)
    if (text === undefined) throw fault(from, element, `\`${element.local}\` has no \`${attribute}\``)
    const name = this.nameOf(from, text)
    const found = this.#parts.get(`${part} ${keyOf(name.ns, name.local)}`)
    if (found === undefined) throw fault(from, element, `there is no ${part === 'portType' ? 'port type' : part} \`${text}\``)
    return found
  }

  /** The name that a text means; without a prefix and a default namespace many tools mean the target namespace. */
  nameOf(from: Located, text: string): QName {
    const name = qualify(from, from.element, text)
    return name.ns === '' && !text.includes(':') ? { ns: from.targetNamespace, local: name.local } : name
  }
}

/** The children with a name of WSDL. */
export function wsdlChildren(element: XmlElement, local: string): readonly XmlElement[] {
  return elementsOf(element).filter((child) => child.ns === WSDL && child.local === local)
}

/** The first of them; null for none. */
export function wsdlChild(element: XmlElement, local: string): XmlElement | null {
  return wsdlChildren(element, local)[0] ?? null
}

/** The text of `wsdl:documentation`; undefined for none. */
export function wsdlDocumentation(element: XmlElement): string | undefined {
  return plainText(wsdlChildren(element, 'documentation'))
}
