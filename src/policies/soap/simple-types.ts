/** Simple types of a schema as data. */
import { compileRegex } from '../../core/regex.ts'
import { type Component, childOf, documentationOf, fault, resolveName } from './components.ts'
import type { SimpleType } from './model.ts'
import { clark, type QName, XSD } from './names.ts'
import type { SimpleTypeOwner } from './owners.ts'
import { translatePattern } from './pattern.ts'
import { attributeOf, elementsOf, type XmlElement } from './xml.ts'

const ENUMERATION_MAX = 5_000

/** Reads `xs:simpleType`. */
export function readSimpleType(component: Component, name: QName | null, owner: SimpleTypeOwner): SimpleType {
  const { element, schema } = component
  const doc = documentationOf(element)
  const about = { kind: 'simple' as const, name, ...(doc !== undefined && { doc }) }
  const restriction = childOf(element, 'restriction')
  if (restriction !== null) return { ...readRestriction({ element: restriction, schema }, owner), ...about }
  const list = childOf(element, 'list')
  if (list !== null) {
    const item = keyNamed({ element: list, schema }, 'itemType', owner)
    return { ...about, variety: 'list', primitive: 'string', builtin: 'list', item, whiteSpace: 'collapse', facets: {} }
  }
  const union = childOf(element, 'union')
  if (union === null) throw fault(schema, element, 'expected `restriction`, `list` or `union`')
  const named = (attributeOf(union, 'memberTypes') ?? '').split(/\s+/).filter((text) => text !== '')
  const members = [
    ...named.map((text) => owner.typeKey(resolveName(schema, union, text), { element: union, schema })),
    ...elementsOf(union)
      .filter(({ ns, local }) => ns === XSD && local === 'simpleType')
      .map((inner) => owner.localTypeKey({ element: inner, schema }, 'member')),
  ]
  for (const key of members) owner.simpleType(key, { element: union, schema })
  return { ...about, variety: 'union', primitive: 'string', builtin: 'union', members, whiteSpace: 'preserve', facets: {} }
}

/** The key of a simple type that an attribute names, or that stands in the element. */
function keyNamed({ element, schema }: Component, attribute: string, owner: SimpleTypeOwner): string {
  const named = attributeOf(element, attribute)
  const local = childOf(element, 'simpleType')
  if (named === undefined && local === null) throw fault(schema, element, `expected \`${attribute}\` or a type within`)
  const from = { element, schema }
  const key =
    named !== undefined
      ? owner.typeKey(resolveName(schema, element, named), from)
      : owner.localTypeKey({ element: local ?? element, schema }, 'item')
  owner.simpleType(key, from)
  return key
}

function readRestriction(component: Component, owner: SimpleTypeOwner): SimpleType {
  const base = owner.simpleType(keyNamed(component, 'base', owner), component)
  return restrictSimple(base, component, owner)
}

/** A simple type with the facets that stand in `xs:restriction`. */
export function restrictSimple(base: SimpleType, component: Component, owner: SimpleTypeOwner): SimpleType {
  const facets: Facet[] = elementsOf(component.element).flatMap((element) => {
    const value = element.ns === XSD ? attributeOf(element, 'value') : undefined
    return value === undefined ? [] : [{ name: element.local, value, element }]
  })
  const enumeration = facets
    .filter(({ name }) => name === 'enumeration')
    .map(({ value, element }) => (base.primitive === 'QName' ? clark(resolveName(component.schema, element, value)) : value))
  if (enumeration.length > ENUMERATION_MAX) throw fault(component.schema, component.element, `more than ${ENUMERATION_MAX} values`)
  const patterns = readPatterns(facets, component, owner)
  const whiteSpace = facets.find(({ name }) => name === 'whiteSpace')?.value
  return {
    ...base,
    name: null,
    whiteSpace: whiteSpace === 'collapse' || whiteSpace === 'replace' ? whiteSpace : base.whiteSpace,
    facets: {
      ...base.facets,
      ...Object.fromEntries(facets.flatMap((facet) => readBound(facet, component))),
      ...(patterns.length > 0 && { patterns: [...(base.facets.patterns ?? []), ...patterns] }),
      ...(enumeration.length > 0 && { enumeration }),
    },
  }
}

interface Facet {
  readonly name: string
  readonly value: string
  readonly element: XmlElement
}

const LENGTHS = ['length', 'minLength', 'maxLength', 'totalDigits', 'fractionDigits'] as const
const LIMITS = ['minInclusive', 'maxInclusive', 'minExclusive', 'maxExclusive'] as const

function readBound({ name, value, element }: Facet, { schema }: Component): [string, string | number][] {
  if (LIMITS.some((known) => known === name)) return [[name, value.trim()]]
  if (!LENGTHS.some((known) => known === name)) return []
  if (!/^\s*\+?\d{1,9}\s*$/.test(value)) throw fault(schema, element, `\`${value}\` is no length`)
  return [[name, Number(value)]]
}

/** Of several patterns in one step a text fits any; each step is one more (XML Schema 2, 4.3.4.3). */
function readPatterns(facets: readonly Facet[], component: Component, owner: SimpleTypeOwner): string[] {
  const written = facets.filter(({ name }) => name === 'pattern')
  if (written.length === 0) return []
  const translated = written.map(({ value }) => translatePattern(value))
  const pattern = translated.map((text) => `(?:${text})`).join('|')
  const known = translated.every((text) => text !== undefined) && !('problem' in compileRegex(pattern, 'both'))
  if (known) return [translated.length === 1 ? (translated[0] ?? '') : pattern]
  owner.remark(
    { element: written[0]?.element ?? component.element, schema: component.schema },
    'this pattern is left to the service to check',
  )
  return []
}
