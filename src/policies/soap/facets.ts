/** Facets of simple types (XML Schema 2, 4.3) as one check of a text. */
import { compileRegex } from '../../core/regex.ts'
import { canonicalDecimal, compareDecimals, digitsOf, parseDecimal } from './decimals.ts'
import type { Facets, SimpleType } from './model.ts'

/** Why a value is none of a type: what it must be, and the keyword of JSON Schema that says so. */
export class Misfit {
  readonly message: string
  readonly keyword: string

  constructor(message: string, keyword: string) {
    this.message = message
    this.keyword = keyword
  }
}

/** Says what is wrong with a text that is one of the primitive type; undefined for nothing. */
export type FacetCheck = (text: string) => Misfit | undefined

const SHOWN_CHARS_MAX = 120
/** Decimals of so few characters are in the order of the numbers that JavaScript makes of them (15 digits survive a double). */
const EXACT_CHARS_MAX = 15

/** All facets of a type. Bounds of dates and durations are left to the service: without a time zone they have no order. */
export function facetChecks(type: SimpleType): FacetCheck {
  const { facets } = type
  const checks: FacetCheck[] = [...patternChecks(facets), ...lengthChecks(type), ...enumerationChecks(type)]
  if (type.variety === 'atomic' && type.primitive === 'decimal') checks.push(...decimalChecks(facets))
  if (type.variety === 'atomic' && (type.primitive === 'double' || type.primitive === 'float')) checks.push(...floatChecks(facets))
  if (checks.length === 0) return () => undefined
  return (text) => {
    for (const check of checks) {
      const misfit = check(text)
      if (misfit !== undefined) return misfit
    }
    return undefined
  }
}

function patternChecks({ patterns = [] }: Facets): FacetCheck[] {
  return patterns.map((pattern): FacetCheck => {
    const regex = compileRegex(pattern, 'both')
    if ('problem' in regex) throw new Error(`a pattern that was checked does not compile: ${regex.problem}`)
    const misfit = new Misfit(pattern.length > SHOWN_CHARS_MAX ? 'must match its pattern' : `must match the pattern ${pattern}`, 'pattern')
    return (text) => (regex.test(text) ? undefined : misfit)
  })
}

function lengthChecks({ variety, primitive, facets }: SimpleType): FacetCheck[] {
  const { length, minLength = length ?? 0, maxLength = length ?? Number.MAX_SAFE_INTEGER } = facets
  if (minLength === 0 && maxLength === Number.MAX_SAFE_INTEGER) return []
  const [unit, names] =
    variety === 'list' ? (['items', ['minItems', 'maxItems']] as const) : (['characters', ['minLength', 'maxLength']] as const)
  const less = new Misfit(`must have at least ${minLength} ${unit}`, names[0])
  const more = new Misfit(`must have at most ${maxLength} ${unit}`, names[1])
  const sizeOf =
    variety === 'list' ? itemsIn : primitive === 'base64Binary' ? bytesInBase64 : primitive === 'hexBinary' ? bytesInHex : charsIn
  return [
    (text) => {
      const size = sizeOf(text)
      return size < minLength ? less : size > maxLength ? more : undefined
    },
  ]
}

function itemsIn(text: string): number {
  return text === '' ? 0 : text.split(' ').length
}

function charsIn(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function bytesInBase64(text: string): number {
  return (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0)
}

function bytesInHex(text: string): number {
  return text.length / 2
}

function enumerationChecks({ facets: { enumeration }, variety, primitive }: SimpleType): FacetCheck[] {
  if (enumeration === undefined) return []
  const canonical = (text: string): string => {
    const decimal = variety === 'atomic' && primitive === 'decimal' ? parseDecimal(text.trim()) : undefined
    return decimal === undefined ? text : canonicalDecimal(decimal)
  }
  const values = new Set(enumeration.map(canonical))
  const list = enumeration.map((value) => JSON.stringify(value)).join(', ')
  const misfit = new Misfit(list.length > SHOWN_CHARS_MAX ? 'must be one of the allowed values' : `must be one of ${list}`, 'enum')
  return [(text) => (values.has(canonical(text)) ? undefined : misfit)]
}

interface Bound {
  readonly facet: 'minInclusive' | 'maxInclusive' | 'minExclusive' | 'maxExclusive'
  readonly keyword: string
  readonly words: string
  /** Whether a comparison of value and bound is one that is refused. */
  readonly isBeyond: (order: number) => boolean
}

const BOUNDS: readonly Bound[] = [
  { facet: 'minInclusive', keyword: 'minimum', words: 'at least', isBeyond: (order) => order < 0 },
  { facet: 'maxInclusive', keyword: 'maximum', words: 'at most', isBeyond: (order) => order > 0 },
  { facet: 'minExclusive', keyword: 'exclusiveMinimum', words: 'more than', isBeyond: (order) => order <= 0 },
  { facet: 'maxExclusive', keyword: 'exclusiveMaximum', words: 'less than', isBeyond: (order) => order >= 0 },
]

function boundChecks(facets: Facets, orderWith: (bound: string) => ((text: string) => number) | null): FacetCheck[] {
  return BOUNDS.flatMap(({ facet, keyword, words, isBeyond }): FacetCheck[] => {
    const bound = facets[facet]
    const order = bound === undefined ? null : orderWith(bound)
    if (order === null) return []
    const misfit = new Misfit(`must be ${words} ${bound}`, keyword)
    return [(text) => (isBeyond(order(text)) ? misfit : undefined)]
  })
}

function decimalChecks(facets: Facets): FacetCheck[] {
  const { totalDigits = Number.MAX_SAFE_INTEGER, fractionDigits = Number.MAX_SAFE_INTEGER } = facets
  const whole = new Misfit(
    fractionDigits === 0 ? 'must be a whole number' : `must have at most ${fractionDigits} digits behind the point`,
    'multipleOf',
  )
  const total = new Misfit(`must have at most ${totalDigits} digits`, 'maximum')
  const bounds = boundChecks(facets, (written) => {
    const bound = parseDecimal(written)
    if (bound === undefined) return null
    const isShort = written.length <= EXACT_CHARS_MAX
    const value = Number(written)
    return (text) =>
      isShort && text.length <= EXACT_CHARS_MAX ? Number(text) - value : compareDecimals(parseDecimal(text) ?? bound, bound)
  })
  return [
    (text) => {
      if (totalDigits === Number.MAX_SAFE_INTEGER && !text.includes('.')) return undefined
      const decimal = parseDecimal(text)
      const digits = decimal === undefined ? { total: 0, fraction: 0 } : digitsOf(decimal)
      return digits.fraction > fractionDigits ? whole : digits.total > totalDigits ? total : undefined
    },
    ...bounds,
  ]
}

function floatChecks(facets: Facets): FacetCheck[] {
  const numberOf = (text: string): number => Number(text.replace('INF', 'Infinity'))
  return boundChecks(facets, (written) => {
    const bound = numberOf(written)
    return Number.isNaN(bound) ? null : (text) => numberOf(text) - bound
  })
}
