/** Complex types of a schema as data. */
import { readAttributes } from './attribute-uses.ts'
import { type Component, childOf, documentationOf, fault, isTrue, resolveName } from './components.ts'
import { readElementUse } from './element-uses.ts'
import { type AttributeUse, type ComplexType, type Content, type Group, UNBOUNDED } from './model.ts'
import { type QName, XSD } from './names.ts'
import type { ComplexTypeOwner, Occurs } from './owners.ts'
import { assignMembers, ContentFault, type GroupDraft, type ParticleDraft } from './particles.ts'
import { restrictSimple } from './simple-types.ts'
import { attributeOf, elementsOf } from './xml.ts'

/** Group definitions within group definitions. */
const GROUPS_DEEP_MAX = 50

/** Reads `xs:complexType`. */
export function readComplexType(component: Component, name: QName | null, owner: ComplexTypeOwner): ComplexType {
  const { element } = component
  const doc = documentationOf(element)
  const { content, attributes } = readBody(component, owner)
  return {
    kind: 'complex',
    name,
    ...(doc !== undefined && { doc }),
    abstract: isTrue(attributeOf(element, 'abstract')),
    attributes,
    content,
    derived: name === null ? [] : owner.components.derivedFrom(name).map((other) => owner.typeKey(other, component)),
  }
}

interface Body {
  readonly content: Content
  readonly attributes: readonly AttributeUse[]
}

function readBody(component: Component, owner: ComplexTypeOwner): Body {
  const { element, schema } = component
  const simple = childOf(element, 'simpleContent')
  if (simple !== null) return readSimpleContent({ element: simple, schema }, owner)
  const complex = childOf(element, 'complexContent')
  const isMixed = isTrue(attributeOf(element, 'mixed')) || (complex !== null && isTrue(attributeOf(complex, 'mixed')))
  if (complex !== null) return readComplexContent({ element: complex, schema }, isMixed, owner)
  return {
    content: isMixed ? { kind: 'mixed' } : contentOf(readContent(component, owner), component),
    attributes: readAttributes(component, [], owner),
  }
}

function derivationOf({ element, schema }: Component): Component {
  const derivation = childOf(element, 'extension') ?? childOf(element, 'restriction')
  if (derivation === null) throw fault(schema, element, 'expected `extension` or `restriction`')
  return { element: derivation, schema }
}

function baseOf({ element, schema }: Component, owner: ComplexTypeOwner): string {
  const base = attributeOf(element, 'base')
  if (base === undefined) throw fault(schema, element, `\`${element.local}\` has no \`base\``)
  return owner.typeKey(resolveName(schema, element, base), { element, schema })
}

function readSimpleContent(component: Component, owner: ComplexTypeOwner): Body {
  const derivation = derivationOf(component)
  const base = baseOf(derivation, owner)
  const isSimple = owner.isSimple(base, derivation)
  const complex = isSimple ? null : owner.complexType(base, derivation)
  const type = complex === null ? base : complex.content.kind === 'simple' ? complex.content.type : null
  if (type === null) throw fault(derivation.schema, derivation.element, `\`${base}\` has no simple content`)
  const attributes = readAttributes(derivation, complex?.attributes ?? [], owner)
  if (derivation.element.local === 'extension') return { content: { kind: 'simple', type }, attributes }
  const restricted = restrictSimple(owner.simpleType(type, derivation), derivation, owner)
  return { content: { kind: 'simple', type: owner.addType('value', restricted, derivation) }, attributes }
}

function readComplexContent(component: Component, isMixed: boolean, owner: ComplexTypeOwner): Body {
  const derivation = derivationOf(component)
  const base = owner.complexType(baseOf(derivation, owner), derivation)
  const attributes = readAttributes(derivation, base.attributes, owner)
  const own = readContent(derivation, owner)
  const isExtension = derivation.element.local === 'extension' && base.content.kind !== 'any'
  if (isMixed || (isExtension && base.content.kind === 'mixed')) return { content: { kind: 'mixed' }, attributes }
  if (!isExtension) return { content: contentOf(own, derivation), attributes }
  if (base.content.kind === 'simple')
    throw fault(derivation.schema, derivation.element, 'the base has simple content: expected `simpleContent`')
  const inherited: readonly Group[] = base.content.kind === 'elements' ? [base.content.group] : []
  const parts: readonly ParticleDraft[] = own === null ? inherited : [...inherited, own]
  return { content: contentOf({ kind: 'sequence', min: 1, max: 1, parts }, derivation), attributes }
}

function contentOf(draft: ParticleDraft | null, { schema, element }: Component): Content {
  try {
    const group = draft === null ? null : assignMembers(draft)
    return group === null ? { kind: 'empty' } : { kind: 'elements', group }
  } catch (error) {
    if (error instanceof ContentFault) throw fault(schema, element, error.message)
    throw error
  }
}

/** The content model that stands in a type or a derivation; null for none. */
function readContent({ element, schema }: Component, owner: ComplexTypeOwner): ParticleDraft | null {
  const model = elementsOf(element).find(({ ns, local }) => ns === XSD && /^(?:sequence|choice|all|group)$/.test(local))
  return model === undefined ? null : readParticle({ element: model, schema }, owner, 0)
}

function readParticle(component: Component, owner: ComplexTypeOwner, depth: number): ParticleDraft | null {
  const { element, schema } = component
  const occurs = occursOf(component)
  if (depth > GROUPS_DEEP_MAX) throw fault(schema, element, 'groups within groups lead in a circle, or too deep')
  switch (element.local) {
    case 'element':
      return readElementUse(component, occurs, owner)
    case 'any':
      return { kind: 'any', ...occurs }
    case 'group':
      return readGroupReference(component, occurs, owner, depth)
    case 'sequence':
    case 'choice':
    case 'all':
      return readGroup(component, element.local, occurs, owner, depth)
    default:
      return null
  }
}

function readGroup(component: Component, kind: GroupDraft['kind'], occurs: Occurs, owner: ComplexTypeOwner, depth: number): GroupDraft {
  const { element, schema } = component
  const parts: ParticleDraft[] = []
  for (const child of elementsOf(element)) {
    const part = child.ns === XSD ? readParticle({ element: child, schema }, owner, depth + 1) : null
    if (part !== null) parts.push(part)
  }
  return { kind, ...occurs, parts }
}

function readGroupReference(component: Component, occurs: Occurs, owner: ComplexTypeOwner, depth: number): ParticleDraft | null {
  const { element, schema } = component
  const ref = attributeOf(element, 'ref')
  if (ref === undefined) throw fault(schema, element, '`group` has no `ref`')
  const definition = owner.components.get('group', resolveName(schema, element, ref), component)
  const model = elementsOf(definition.element).find(({ ns, local }) => ns === XSD && /^(?:sequence|choice|all)$/.test(local))
  if (model === undefined) return null
  const inner = readParticle({ element: model, schema: definition.schema }, owner, depth + 1)
  return inner === null ? null : { kind: 'sequence', ...occurs, parts: [inner] }
}

function occursOf({ element, schema }: Component): Occurs {
  const read = (name: string): number => {
    const text = (attributeOf(element, name) ?? '1').trim()
    if (text === 'unbounded' && name === 'maxOccurs') return UNBOUNDED
    if (!/^\d{1,9}$/.test(text)) throw fault(schema, element, `\`${text}\` is no \`${name}\``)
    return Number(text)
  }
  return { min: read('minOccurs'), max: read('maxOccurs') }
}
