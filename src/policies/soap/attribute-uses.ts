/** Declarations of attributes, where they are used. */
import { type Component, childOf, documentationOf, fault, isXmlAttribute, nameOf, resolveName } from './components.ts'
import type { AttributeUse } from './model.ts'
import { clark, keyOf, type QName, XSD } from './names.ts'
import type { ComplexTypeOwner } from './owners.ts'
import { attributeOf, elementsOf, type XmlElement } from './xml.ts'

const GROUPS_DEEP_MAX = 50

/** The attributes of a type: those of its base, and what stands in `component`. `xs:anyAttribute` adds none. */
export function readAttributes(component: Component, inherited: readonly AttributeUse[], owner: ComplexTypeOwner): readonly AttributeUse[] {
  const uses = new Map<string, AttributeUse>(inherited.map((use) => [keyOf(use.name.ns, use.name.local), use]))
  collect(component, uses, owner, 0)
  const taken = new Set<string>()
  return [...uses.values()].map((use): AttributeUse => {
    const member = taken.has(`@${use.name.local}`) ? `@${clark(use.name)}` : `@${use.name.local}`
    taken.add(member)
    return { ...use, member }
  })
}

function collect(component: Component, uses: Map<string, AttributeUse>, owner: ComplexTypeOwner, depth: number): void {
  const { element, schema } = component
  if (depth > GROUPS_DEEP_MAX) throw fault(schema, element, 'attribute groups lead in a circle, or too deep')
  for (const child of elementsOf(element)) {
    if (child.ns !== XSD) continue
    if (child.local === 'attribute') readUse({ element: child, schema }, uses, owner)
    if (child.local !== 'attributeGroup') continue
    const ref = attributeOf(child, 'ref')
    if (ref === undefined) throw fault(schema, child, '`attributeGroup` has no `ref`')
    const from = { element: child, schema }
    collect(owner.components.get('attributeGroup', resolveName(schema, child, ref), from), uses, owner, depth + 1)
  }
}

function readUse(component: Component, uses: Map<string, AttributeUse>, owner: ComplexTypeOwner): void {
  const { element, schema } = component
  const ref = attributeOf(element, 'ref')
  const name = ref === undefined ? ownName(component) : resolveName(schema, element, ref)
  const key = keyOf(name.ns, name.local)
  const use = attributeOf(element, 'use')
  if (use === 'prohibited') {
    uses.delete(key)
    return
  }
  const isKnown = ref === undefined || isXmlAttribute(name)
  const declaration = isKnown ? component : owner.components.get('attribute', name, component)
  const fallback = attributeOf(element, 'default') ?? attributeOf(declaration.element, 'default')
  const fixed = attributeOf(element, 'fixed') ?? attributeOf(declaration.element, 'fixed')
  const doc = documentationOf(element) ?? documentationOf(declaration.element)
  uses.set(key, {
    member: '',
    name,
    type: typeOf(declaration, name.local, owner),
    required: use === 'required',
    ...(fallback !== undefined && { default: fallback }),
    ...(fixed !== undefined && { fixed }),
    ...(doc !== undefined && { doc }),
  })
}

function ownName({ element, schema }: Component): QName {
  const form = attributeOf(element, 'form') ?? attributeOf(schema.root, 'attributeFormDefault')
  return { ns: form === 'qualified' ? schema.targetNamespace : '', local: nameOf(schema, element) }
}

function typeOf(component: Component, hint: string, owner: ComplexTypeOwner): string {
  const { element, schema } = component
  const named = attributeOf(element, 'type')
  const local: XmlElement | null = childOf(element, 'simpleType')
  const key =
    named !== undefined
      ? owner.typeKey(resolveName(schema, element, named), component)
      : local !== null
        ? owner.localTypeKey({ element: local, schema }, hint)
        : owner.typeKey({ ns: XSD, local: 'string' }, component)
  owner.simpleType(key, component)
  return key
}
