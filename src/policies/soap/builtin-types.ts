/** The simple types that XML Schema comes with (XML Schema 2, 3), and the two of version 1.1 that others use too. */
import type { Facets, Primitive, SimpleType } from './model.ts'
import { XSD } from './names.ts'

type Spec = readonly [primitive: Primitive, facets?: Facets, whiteSpace?: SimpleType['whiteSpace']]

const WHOLE: Facets = { fractionDigits: 0 }
/** XML 1.0, 2.3, Nmtoken; Namespaces in XML, 3, NCName. */
const NAME_START = '\\p{L}_'
const NAME_REST = '\\p{L}\\p{Nd}\\p{M}._·\\-'
const NMTOKEN: Facets = { patterns: [`[${NAME_REST}:]+`] }
const NCNAME: Facets = { patterns: [`[${NAME_START}][${NAME_REST}]*`] }

function whole(minInclusive?: string, maxInclusive?: string): Spec {
  return ['decimal', { ...WHOLE, ...(minInclusive !== undefined && { minInclusive }), ...(maxInclusive !== undefined && { maxInclusive }) }]
}

const BUILTINS: Readonly<Record<string, Spec>> = {
  string: ['string', {}, 'preserve'],
  normalizedString: ['string', {}, 'replace'],
  token: ['string'],
  language: ['string', { patterns: ['[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*'] }],
  NMTOKEN: ['string', NMTOKEN],
  Name: ['string', { patterns: [`[${NAME_START}:][${NAME_REST}:]*`] }],
  NCName: ['string', NCNAME],
  ID: ['string', NCNAME],
  IDREF: ['string', NCNAME],
  ENTITY: ['string', NCNAME],
  anySimpleType: ['string', {}, 'preserve'],
  anyAtomicType: ['string', {}, 'preserve'],
  boolean: ['boolean'],
  decimal: ['decimal'],
  integer: whole(),
  nonPositiveInteger: whole(undefined, '0'),
  negativeInteger: whole(undefined, '-1'),
  nonNegativeInteger: whole('0'),
  positiveInteger: whole('1'),
  long: whole('-9223372036854775808', '9223372036854775807'),
  int: whole('-2147483648', '2147483647'),
  short: whole('-32768', '32767'),
  byte: whole('-128', '127'),
  unsignedLong: whole('0', '18446744073709551615'),
  unsignedInt: whole('0', '4294967295'),
  unsignedShort: whole('0', '65535'),
  unsignedByte: whole('0', '255'),
  float: ['float'],
  double: ['double'],
  duration: ['duration'],
  dateTime: ['dateTime'],
  dateTimeStamp: ['dateTime', { patterns: ['.*(Z|[+-][0-9]{2}:[0-9]{2})'] }],
  time: ['time'],
  date: ['date'],
  gYearMonth: ['gYearMonth'],
  gYear: ['gYear'],
  gMonthDay: ['gMonthDay'],
  gDay: ['gDay'],
  gMonth: ['gMonth'],
  hexBinary: ['hexBinary'],
  base64Binary: ['base64Binary'],
  anyURI: ['anyURI'],
  QName: ['QName'],
}

const LISTS: Readonly<Record<string, string>> = { NMTOKENS: 'NMTOKEN', IDREFS: 'IDREF', ENTITIES: 'ENTITY' }

/** The key of a built-in type: `xs:int`. No component has a colon in its key. */
export function builtinKey(local: string): string {
  return `xs:${local}`
}

/** The key of the type that says nothing. */
export const ANY_TYPE = builtinKey('anyType')

/** A built-in type; undefined for no such one. */
export function builtinType(local: string): SimpleType | undefined {
  const name = { ns: XSD, local }
  const item = Object.hasOwn(LISTS, local) ? LISTS[local] : undefined
  if (item !== undefined) {
    const facets = { minLength: 1 }
    return {
      kind: 'simple',
      name,
      variety: 'list',
      primitive: 'string',
      builtin: local,
      item: builtinKey(item),
      whiteSpace: 'collapse',
      facets,
    }
  }
  const spec = Object.hasOwn(BUILTINS, local) ? BUILTINS[local] : undefined
  if (spec === undefined) return undefined
  const [primitive, facets = {}, whiteSpace = 'collapse'] = spec
  return { kind: 'simple', name, variety: 'atomic', primitive, builtin: local, whiteSpace, facets }
}
