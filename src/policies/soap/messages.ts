/** Messages as the binding of an operation uses them: what stands in SOAP bodies and headers. */
import { fault } from './components.ts'
import { globalElement } from './element-uses.ts'
import type { ElementUse, Root } from './model.ts'
import { keyOf, type QName } from './names.ts'
import { assignMembers, type ElementDraft } from './particles.ts'
import { type ChosenPort, soapChild } from './ports.ts'
import type { SchemaTypes } from './schema-types.ts'
import { type Located, type WsdlIndex, wsdlChild, wsdlChildren } from './wsdl-index.ts'
import { attributeOf, elementsOf, type XmlElement } from './xml.ts'

/** What can stand in a quoted string of a header (RFC 9110, 5.6.4) and needs no escape there. */
const ACTION = /^[\x21\x23-\x5b\x5d-\x7e]*$/

const EMPTY: Root = { element: null, wrapped: false, anyName: false }

export class MessageReader {
  readonly #index: WsdlIndex
  readonly #types: SchemaTypes
  readonly #port: ChosenPort

  constructor(index: WsdlIndex, types: SchemaTypes, port: ChosenPort) {
    this.#index = index
    this.#types = types
    this.#port = port
  }

  action(binding: Located): string {
    const operation = soapChild(binding.element, 'operation')
    const action = (operation === null ? undefined : attributeOf(operation, 'soapAction'))?.trim() ?? ''
    if (!ACTION.test(action)) throw fault(binding, binding.element, 'the `soapAction` cannot stand in a header')
    return action
  }

  input(name: string, binding: Located, operation: Located): { readonly root: Root; readonly headers: readonly ElementUse[] } {
    const side = wsdlChild(binding.element, 'input')
    const headers = side === null ? [] : this.#headers({ ...binding, element: side })
    return { root: this.#root(name, name, 'input', binding, operation), headers }
  }

  /** Null for an operation without an answer. */
  output(name: string, binding: Located, operation: Located): Root | null {
    if (wsdlChild(operation.element, 'output') === null) return null
    return { ...this.#root(name, `${name}Response`, 'output', binding, operation), anyName: this.#styleOf(binding) === 'rpc' }
  }

  /** The element of a declared fault; null where its message says none. */
  faultElement(declaration: Located): ElementUse | null {
    const message = this.#index.get('message', declaration, 'message')
    const [part] = wsdlChildren(message.element, 'part')
    if (part === undefined || attributeOf(part, 'element') === undefined) return null
    return single(this.#partElement({ ...message, element: part }))
  }

  #styleOf(binding: Located): string {
    const operation = soapChild(binding.element, 'operation')
    return (operation === null ? undefined : attributeOf(operation, 'style')) ?? this.#port.style
  }

  #root(name: string, wrapper: string, direction: 'input' | 'output', binding: Located, operation: Located): Root {
    const abstract = wsdlChild(operation.element, direction)
    if (abstract === null) return EMPTY
    const message = this.#index.get('message', { ...operation, element: abstract }, 'message')
    const side = wsdlChild(binding.element, direction)
    const body = side === null ? null : this.#body({ ...binding, element: side })
    const listed = body === null ? undefined : attributeOf(body, 'parts')?.split(/\s+/)
    const parts = wsdlChildren(message.element, 'part')
      .filter((part) => listed === undefined || listed.includes(attributeOf(part, 'name') ?? ''))
      .map((element): Located => ({ ...message, element }))
    const style = this.#styleOf(binding)
    if (style === 'document') return this.#documentRoot(parts, message)
    if (style !== 'rpc') throw fault(binding, binding.element, `\`${style}\` is no style: expected \`document\` or \`rpc\``)
    const ns = (body === null ? undefined : attributeOf(body, 'namespace')) ?? ''
    return this.#rpcRoot(name, direction, { ns, local: wrapper }, parts)
  }

  /** `soap:body`, which may stand in `mime:multipartRelated`, where attachments come from. */
  #body(side: Located): XmlElement {
    const body = soapChild(side.element, 'body')
    if (body === null) {
      const isMime = elementsOf(side.element).some(({ local }) => local === 'multipartRelated')
      throw fault(side, side.element, isMime ? 'attachments are not supported' : 'the binding says nothing of the SOAP body')
    }
    const use = attributeOf(body, 'use') ?? 'literal'
    if (use !== 'literal') {
      throw fault(side, body, `the use \`${use}\` is not supported, only \`literal\` is: leave the operation out with \`expose\``)
    }
    return body
  }

  #documentRoot(parts: readonly Located[], message: Located): Root {
    const [part] = parts
    if (part === undefined) return EMPTY
    if (parts.length > 1) throw fault(message, message.element, 'a body in document style has one part at most (WS-I Basic Profile, R2201)')
    const element = single(this.#partElement(part))
    return { element, wrapped: !this.#makesObject(element.type, part), anyName: false }
  }

  /** One element named after the operation, with one child for each part, in no namespace (WS-I Basic Profile, R2735). */
  #rpcRoot(name: string, direction: string, wrapper: QName, parts: readonly Located[]): Root {
    const children = parts.map((part): ElementDraft => {
      const local = attributeOf(part.element, 'name') ?? ''
      const type = attributeOf(part.element, 'type')
      if (type === undefined) throw fault(part, part.element, 'a part in rpc style has a `type` (WS-I Basic Profile, R2203)')
      const key = this.#types.typeKey(this.#index.nameOf(part, type), asComponent(part))
      return { kind: 'element', name: { ns: '', local }, type: key, min: 1, max: 1, nillable: false }
    })
    const group = assignMembers({ kind: 'sequence', min: 1, max: 1, parts: children })
    const [from] = parts
    const content = group === null ? ({ kind: 'empty' } as const) : ({ kind: 'elements', group } as const)
    const type = this.#types.addType(
      `${name}.${direction}`,
      { kind: 'complex', name: null, abstract: false, attributes: [], content, derived: [] },
      asComponent(from ?? this.#port.binding),
    )
    const element = single({ kind: 'element', name: wrapper, type, min: 1, max: 1, nillable: false })
    return { element, wrapped: false, anyName: false }
  }

  #headers(side: Located): readonly ElementUse[] {
    const seen = new Set<string>()
    return elementsOf(side.element)
      .filter(({ ns, local }) => ns === this.#port.soap && local === 'header')
      .map((header) => {
        const from: Located = { ...side, element: header }
        if ((attributeOf(header, 'use') ?? 'literal') !== 'literal') throw fault(from, header, 'only literal use is supported')
        const message = this.#index.get('message', from, 'message')
        const name = attributeOf(header, 'part')
        const part = wsdlChildren(message.element, 'part').find((other) => attributeOf(other, 'name') === name)
        if (part === undefined) throw fault(from, header, `the message has no part \`${name ?? ''}\``)
        const use = single(this.#partElement({ ...message, element: part }))
        const key = keyOf(use.name.ns, use.name.local)
        if (seen.has(use.member)) throw fault(from, header, `the header \`${key}\` stands twice`)
        seen.add(use.member)
        return { ...use, min: 0 }
      })
  }

  #partElement(part: Located): ElementDraft {
    const text = attributeOf(part.element, 'element')
    if (text === undefined) throw fault(part, part.element, 'a part in document style has an `element` (WS-I Basic Profile, R2204)')
    const from = asComponent(part)
    const name = this.#index.nameOf(part, text)
    return globalElement(name, this.#types.components.get('element', name, from), this.#types)
  }

  /** Whether values of a type are JSON objects. */
  #makesObject(key: string, part: Located): boolean {
    const from = asComponent(part)
    if (this.#types.isSimple(key, from)) return false
    const { content, attributes } = this.#types.complexType(key, from)
    return (
      content.kind === 'elements' ||
      content.kind === 'empty' ||
      content.kind === 'mixed' ||
      (content.kind === 'simple' && attributes.length > 0)
    )
  }
}

function single(draft: ElementDraft): ElementUse {
  return { ...draft, member: draft.name.local, array: false }
}

/** A part of the WSDL, as the reader of types tells places. */
function asComponent({ file, element, targetNamespace }: Located) {
  return { element, schema: { file, root: element, targetNamespace, isLent: false } }
}
