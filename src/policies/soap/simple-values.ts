/** Values of simple types: as JSON, and as the text that XML holds. */
import { canonicalDecimal, formatDecimal, parseDecimal } from './decimals.ts'
import { type FacetCheck, facetChecks, Misfit } from './facets.ts'
import { LEXICAL } from './lexical.ts'
import type { SimpleType } from './model.ts'
import { namespaceOf, type Scope } from './xml.ts'
import { isXmlText } from './xml-text.ts'

/** Who knows the prefixes of the document that is written. */
export interface Prefixes {
  /** Of a namespace that is not empty. */
  prefixOf(ns: string): string
}

export interface SimpleCodec {
  readonly type: SimpleType
  /** The text of a JSON value, checked against the facets. */
  toText(value: unknown, prefixes: Prefixes): string | Misfit
  /** The JSON value of a text; facets are the writer's affair. Gives a {@link Misfit} for what is none. */
  toJson(text: string, scope: Scope | null): unknown
  /** The text without the blanks that do not count. */
  normalize(text: string): string
}

/** @param codecOf of the types that this one is made of */
export function simpleCodec(type: SimpleType, codecOf: (key: string) => SimpleCodec): SimpleCodec {
  const check = facetChecks(type)
  const normalize = NORMALIZERS[type.whiteSpace]
  if (type.variety === 'list') return listCodec(type, codecOf(type.item ?? ''), check)
  if (type.variety === 'union') return unionCodec(type, (type.members ?? []).map(codecOf), check)
  const spell = spellerOf(type)
  const read = readerOf(type)
  return {
    type,
    normalize,
    toText(value, prefixes) {
      const text = spell(value, prefixes)
      if (text instanceof Misfit) return text
      // A name's text depends on its document: facets hold for what it means.
      return check(type.primitive === 'QName' ? String(value) : text) ?? text
    },
    toJson: (text, scope) => read(normalize(text), scope),
  }
}

const BLANKS = /[\t\n\r ]+/g
const NORMALIZERS: Readonly<Record<SimpleType['whiteSpace'], (text: string) => string>> = {
  preserve: (text) => text,
  replace: (text) => text.replaceAll(/[\t\n\r]/g, ' '),
  collapse: (text) => text.replaceAll(BLANKS, ' ').replace(/^ | $/g, ''),
}

function listCodec(type: SimpleType, item: SimpleCodec, check: FacetCheck): SimpleCodec {
  return {
    type,
    normalize: NORMALIZERS.collapse,
    toText(value, prefixes) {
      if (!Array.isArray(value)) return new Misfit('must be of type array', 'type')
      const texts: string[] = []
      for (const one of value) {
        const text = item.toText(one, prefixes)
        if (text instanceof Misfit) return new Misfit(`has an item that ${text.message}`, text.keyword)
        if (text === '' || /[\t\n\r ]/.test(text)) return new Misfit('has an item with a blank, or an empty one', 'pattern')
        texts.push(text)
      }
      const text = texts.join(' ')
      return check(text) ?? text
    },
    toJson(text, scope) {
      const trimmed = NORMALIZERS.collapse(text)
      const items = trimmed === '' ? [] : trimmed.split(' ').map((one) => item.toJson(one, scope))
      return items.find((one) => one instanceof Misfit) ?? items
    },
  }
}

function unionCodec(type: SimpleType, members: readonly SimpleCodec[], check: FacetCheck): SimpleCodec {
  return {
    type,
    normalize: NORMALIZERS.preserve,
    toText(value, prefixes) {
      let misfit = new Misfit('must be of one of the types of its union', 'anyOf')
      for (const member of members) {
        const text = member.toText(value, prefixes)
        if (text instanceof Misfit) continue
        const problem = check(text)
        if (problem === undefined) return text
        misfit = problem
      }
      return misfit
    },
    toJson(text, scope) {
      for (const member of members) {
        const value = member.toJson(text, scope)
        if (!(value instanceof Misfit)) return value
      }
      return new Misfit('is of none of the types of its union', 'anyOf')
    },
  }
}

// --- JSON to text

type Speller = (value: unknown, prefixes: Prefixes) => string | Misfit

function spellerOf({ primitive, builtin, facets }: SimpleType): Speller {
  if (builtin === 'anySimpleType' || builtin === 'anyAtomicType') return spellAny
  if (primitive === 'decimal') return (value) => spellDecimal(value, facets.fractionDigits === 0)
  if (primitive === 'float' || primitive === 'double') return (value) => spellFloat(value, primitive === 'float')
  if (primitive === 'QName') return spellQName
  if (primitive === 'boolean')
    return (value) => (typeof value === 'boolean' ? String(value) : new Misfit('must be of type boolean', 'type'))
  const isOne = LEXICAL[primitive]
  if (isOne === undefined) return spellText
  return (value) => {
    const text = spellText(value)
    if (text instanceof Misfit) return text
    return isOne(text) ? text : new Misfit(`must be in the format ${primitive}`, 'format')
  }
}

function spellText(value: unknown): string | Misfit {
  if (typeof value !== 'string') return new Misfit('must be of type string', 'type')
  return isXmlText(value) ? value : new Misfit('has a character that XML cannot carry', 'pattern')
}

/** The digits of a JSON number; undefined for another value. */
export function digitsIn(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return JSON.isRawJSON(value) ? value.rawJSON : undefined
}

function spellDecimal(value: unknown, isWhole: boolean): string | Misfit {
  if (Number.isSafeInteger(value)) return String(value)
  const digits = digitsIn(value)
  if (digits === undefined) return new Misfit('must be of type number', 'type')
  const decimal = parseDecimal(digits)
  if (decimal === undefined) return new Misfit('must have at most 1000 digits', 'maximum')
  // `5.0` is a whole number in JSON, and none as a text of XML Schema.
  return isWhole ? canonicalDecimal(decimal) : formatDecimal(decimal)
}

const SPECIAL = new Set(['INF', '-INF', 'NaN'])
const FLOAT_MAX = 3.4028234663852886e38

function spellFloat(value: unknown, isSingle: boolean): string | Misfit {
  if (typeof value === 'string' && SPECIAL.has(value)) return value
  const digits = digitsIn(value)
  if (digits === undefined) return new Misfit('must be of type number, or one of INF, -INF, NaN', 'type')
  const number = Number(digits)
  const isHeld = Number.isFinite(number) && (!isSingle || Math.abs(number) <= FLOAT_MAX)
  return isHeld ? String(number) : new Misfit(`must be in the range of ${isSingle ? 'float' : 'double'}`, 'maximum')
}

const QNAME = /^(?:\{([^{}\s]*)\})?([\p{L}_][\p{L}\p{Nd}\p{M}._·-]*)$/u

function spellQName(value: unknown, prefixes: Prefixes): string | Misfit {
  const text = spellText(value)
  if (text instanceof Misfit) return text
  const [match, ns = '', local = ''] = QNAME.exec(text) ?? []
  if (match === undefined) return new Misfit('must be a name: `local` or `{namespace}local`', 'format')
  return ns === '' ? local : `${prefixes.prefixOf(ns)}:${local}`
}

function spellAny(value: unknown): string | Misfit {
  return typeof value === 'boolean' ? String(value) : (digitsIn(value) ?? spellText(value))
}

// --- text to JSON

type Reader = (text: string, scope: Scope | null) => unknown

const XSD_FLOAT = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const XSD_DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/
/** Whole numbers that are written in one way only. */
const PLAIN_WHOLE = /^(?:0|-?[1-9]\d{0,14})$/
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

function readerOf({ primitive, facets }: SimpleType): Reader {
  if (primitive === 'decimal') return (text) => readDecimal(text, facets.fractionDigits === 0)
  if (primitive === 'float' || primitive === 'double') return readFloat
  if (primitive === 'QName') return readQName
  if (primitive === 'boolean') return (text) => BOOLEANS.get(text) ?? new Misfit('is no boolean', 'type')
  if (primitive === 'base64Binary') return (text) => readForm(primitive, text.replaceAll(' ', ''))
  return (text) => readForm(primitive, text)
}

function readForm(primitive: SimpleType['primitive'], text: string): string | Misfit {
  return LEXICAL[primitive]?.(text) === false ? new Misfit(`is no ${primitive}`, 'format') : text
}

/** A number where JavaScript writes it with the same digits, else raw JSON. */
function readDecimal(text: string, isWhole: boolean): unknown {
  if (PLAIN_WHOLE.test(text)) return Number(text)
  const decimal = XSD_DECIMAL.test(text) ? parseDecimal(text) : undefined
  if (decimal === undefined) return new Misfit('is no number', 'type')
  if (isWhole && /[1-9]/.test(decimal.fraction)) return new Misfit('is no whole number', 'type')
  const digits = formatDecimal(isWhole ? { ...decimal, fraction: '' } : decimal)
  const number = Number(digits)
  return String(number) === digits ? number : JSON.rawJSON(digits)
}

function readFloat(text: string): unknown {
  if (SPECIAL.has(text)) return text
  if (text === '+INF') return 'INF'
  if (!XSD_FLOAT.test(text)) return new Misfit('is no number', 'type')
  const number = Number(text)
  return Number.isFinite(number) ? number : number > 0 ? 'INF' : '-INF'
}

function readQName(text: string, scope: Scope | null): unknown {
  const colon = text.indexOf(':')
  const ns = namespaceOf(scope, colon === -1 ? '' : text.slice(0, colon))
  const name = ns === undefined ? '' : `${ns === '' ? '' : `{${ns}}`}${text.slice(colon + 1)}`
  return QNAME.test(name) ? name : new Misfit('is no name', 'format')
}
