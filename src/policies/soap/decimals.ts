/** Decimal numbers of any length, as text: nothing is lost on the way between JSON and XML. */

const DIGITS_MAX = 1_000
const ZERO = 0x30
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/

export interface Decimal {
  readonly negative: boolean
  /** Without leading zeros; empty for none. */
  readonly whole: string
  /** With trailing zeros, as it was written. */
  readonly fraction: string
}

/** A number of JSON or XML Schema; undefined for what is none, and for more than a thousand digits. */
export function parseDecimal(text: string): Decimal | undefined {
  const [match, sign, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? []
  if (match === undefined || whole + fraction === '') return undefined
  const shift = Number(exponent)
  if (whole.length + fraction.length + Math.abs(shift) > DIGITS_MAX) return undefined
  const digits = whole + fraction
  const point = whole.length + shift
  const padded = point < 0 ? '0'.repeat(-point) + digits : digits.padEnd(point, '0')
  const at = Math.max(0, point)
  return { negative: sign === '-', whole: padded.slice(0, at).replace(/^0+/, ''), fraction: padded.slice(at) }
}

/** In the form that JSON and XML Schema share: `-0.50`. */
export function formatDecimal({ negative, whole, fraction }: Decimal): string {
  const isZero = whole === '' && /^0*$/.test(fraction)
  return `${negative && !isZero ? '-' : ''}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** Without zeros at the end of the fraction: equal numbers have the same text. */
export function canonicalDecimal(decimal: Decimal): string {
  return formatDecimal({ ...decimal, fraction: withoutZeros(decimal.fraction) })
}

/** Without zeros at the end. No expression: one that looks for the end from each zero on takes the square of the length. */
function withoutZeros(digits: string): string {
  let end = digits.length
  while (digits.charCodeAt(end - 1) === ZERO) end--
  return digits.slice(0, end)
}

/** Negative, zero or positive as the first number is less than, equal to or more than the second. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const [one, other] = [canonicalDecimal(a), canonicalDecimal(b)]
  if (one === other) return 0
  const isNegative = one.startsWith('-')
  if (isNegative !== other.startsWith('-')) return isNegative ? -1 : 1
  const size = Math.max(a.fraction.length, b.fraction.length)
  const digitsOf = ({ whole, fraction }: Decimal): string => whole + fraction.padEnd(size, '0')
  const [left, right] = [digitsOf(a), digitsOf(b)]
  const length = Math.max(left.length, right.length)
  const isLess = left.padStart(length, '0') < right.padStart(length, '0')
  return isLess === isNegative ? 1 : -1
}

/** Digits that count, before and behind the point (XML Schema 2, 4.3.11 and 4.3.12). */
export function digitsOf({ whole, fraction }: Decimal): { readonly total: number; readonly fraction: number } {
  const kept = withoutZeros(fraction)
  return { total: whole === '' ? kept.replace(/^0+/, '').length : whole.length + kept.length, fraction: kept.length }
}
