/** Declarations of elements, where they are used. */
import { type Component, childOf, documentationOf, fault, isTrue, nameOf, resolveName } from './components.ts'
import { type QName, XSD } from './names.ts'
import type { ComplexTypeOwner, Occurs } from './owners.ts'
import type { ElementDraft, ParticleDraft } from './particles.ts'
import { attributeOf } from './xml.ts'

/** An element in a content model: declared there, or one of the schema's with those that may take its place. */
export function readElementUse(component: Component, occurs: Occurs, owner: ComplexTypeOwner): ParticleDraft {
  const { element, schema } = component
  const ref = attributeOf(element, 'ref')
  if (ref === undefined) {
    const local = nameOf(schema, element)
    const form = attributeOf(element, 'form') ?? attributeOf(schema.root, 'elementFormDefault')
    return { ...declared(component, { ns: form === 'qualified' ? schema.targetNamespace : '', local }, owner), ...occurs }
  }
  const name = resolveName(schema, element, ref)
  const head = owner.components.get('element', name, component)
  const alternatives = owner.components.substitutesOf(name).flatMap((other) => {
    const found = owner.components.get('element', other, component)
    return isAbstract(found) ? [] : [globalElement(other, found, owner)]
  })
  const own = isAbstract(head) ? [] : [globalElement(name, head, owner)]
  const [first, ...others] = [...own, ...alternatives]
  if (first === undefined) throw fault(schema, element, `\`${name.local}\` is abstract, and no element takes its place`)
  return others.length === 0 ? { ...first, ...occurs } : { kind: 'choice', ...occurs, parts: [first, ...others] }
}

function isAbstract({ element }: Component): boolean {
  return isTrue(attributeOf(element, 'abstract'))
}

/** An element of the schema itself, once. */
export function globalElement(name: QName, component: Component, owner: ComplexTypeOwner): ElementDraft {
  return owner.globally(() => declared(component, name, owner))
}

function declared(component: Component, name: QName, owner: ComplexTypeOwner): ElementDraft {
  const { element } = component
  const doc = documentationOf(element)
  const fallback = attributeOf(element, 'default')
  const fixed = attributeOf(element, 'fixed')
  return {
    kind: 'element',
    name,
    type: typeOf(component, name.local, owner),
    min: 1,
    max: 1,
    nillable: isTrue(attributeOf(element, 'nillable')),
    ...(fallback !== undefined && { default: fallback }),
    ...(fixed !== undefined && { fixed }),
    ...(doc !== undefined && { doc }),
  }
}

function typeOf(component: Component, hint: string, owner: ComplexTypeOwner): string {
  const { element, schema } = component
  const named = attributeOf(element, 'type')
  if (named !== undefined) return owner.typeKey(resolveName(schema, element, named), component)
  const local = childOf(element, 'complexType') ?? childOf(element, 'simpleType')
  if (local !== null) return owner.localTypeKey({ element: local, schema }, hint)
  const head = attributeOf(element, 'substitutionGroup')
  if (head === undefined) return owner.typeKey(ANY, component)
  const name = resolveName(schema, element, head)
  return globalElement(name, owner.components.get('element', name, component), owner).type
}

const ANY: QName = { ns: XSD, local: 'anyType' }
