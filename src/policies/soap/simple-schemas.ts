/** Simple types as JSON Schema. */
import type { JsonValue } from '../../core/openapi.ts'
import { parseDecimal } from './decimals.ts'
import type { Facets, SimpleType } from './model.ts'

type Schema = Readonly<Record<string, JsonValue>>

/** What the texts of types without a format of their own look like. */
const EXAMPLES: Readonly<Record<string, string>> = {
  dateTime: '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  duration: 'P1DT12H',
  gYearMonth: '2026-01',
  gYear: '2026',
  gMonthDay: '--01-31',
  gDay: '---31',
  gMonth: '--01',
  QName: '{urn:example}name',
}

/** @param reference what stands for the type of a key */
export function simpleSchema(type: SimpleType, reference: (key: string) => Schema): Schema {
  const schema = shapeOf(type, reference)
  return type.doc === undefined ? schema : { ...schema, description: type.doc }
}

function shapeOf(type: SimpleType, reference: (key: string) => Schema): Schema {
  const { variety, facets } = type
  if (variety === 'list') return { type: 'array', items: reference(type.item ?? ''), ...lengthsOf(facets, 'minItems', 'maxItems') }
  if (variety === 'union') return { anyOf: (type.members ?? []).map(reference) }
  return atomicSchema(type)
}

function atomicSchema({ primitive, builtin, facets }: SimpleType): Schema {
  if (builtin === 'anySimpleType' || builtin === 'anyAtomicType') return { type: ['string', 'number', 'boolean'] }
  if (primitive === 'boolean') return { type: 'boolean' }
  if (primitive === 'decimal') return decimalSchema(builtin, facets)
  if (primitive === 'float' || primitive === 'double')
    return { anyOf: [{ type: 'number', ...boundsOf(facets) }, { enum: ['INF', '-INF', 'NaN'] }] }
  if (primitive === 'base64Binary') return { type: 'string', contentEncoding: 'base64', ...enumOf(facets) }
  if (primitive === 'hexBinary') return { type: 'string', ...enumOf(facets) }
  return stringSchema(primitive, facets)
}

function stringSchema(primitive: SimpleType['primitive'], facets: Facets): Schema {
  const example = EXAMPLES[primitive]
  const { patterns = [] } = facets
  const shape = {
    type: 'string',
    ...(example !== undefined && { description: `xs:${primitive}, as \`${example}\`` }),
    ...lengthsOf(facets, 'minLength', 'maxLength'),
    ...enumOf(facets),
  }
  if (patterns.length === 0) return shape
  const [first, ...others] = patterns.map((pattern) => ({ pattern: `^(?:${pattern})$` }))
  return { ...shape, ...first, ...(others.length > 0 && { allOf: others }) }
}

const FORMATS: Readonly<Record<string, string>> = { int: 'int32', long: 'int64' }

function decimalSchema(builtin: string, facets: Facets): Schema {
  const format = FORMATS[builtin]
  const values = facets.enumeration?.map(Number)
  return {
    type: facets.fractionDigits === 0 ? 'integer' : 'number',
    ...(format !== undefined && { format }),
    ...boundsOf(facets),
    ...(values?.every(Number.isFinite) === true && { enum: values }),
  }
}

const BOUNDS = [
  ['minInclusive', 'minimum'],
  ['maxInclusive', 'maximum'],
  ['minExclusive', 'exclusiveMinimum'],
  ['maxExclusive', 'exclusiveMaximum'],
] as const

/** Bounds that JSON can write exactly. */
function boundsOf(facets: Facets): Schema {
  const found = BOUNDS.flatMap(([facet, keyword]): [string, number][] => {
    const written = facets[facet]
    const value = written === undefined || parseDecimal(written) === undefined ? Number.NaN : Number(written)
    return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? [[keyword, value]] : []
  })
  return Object.fromEntries(found)
}

function lengthsOf({ length, minLength, maxLength }: Facets, least: string, most: string): Schema {
  const from = length ?? minLength
  const to = length ?? maxLength
  return { ...(from !== undefined && { [least]: from }), ...(to !== undefined && { [most]: to }) }
}

function enumOf({ enumeration }: Facets): Schema {
  return enumeration === undefined ? {} : { enum: [...enumeration] }
}
