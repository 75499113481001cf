/** Simple types: what JSON values they take, what they write, and what they read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { builtinType } from './builtin-types.ts'
import { canonicalDecimal, compareDecimals, formatDecimal, parseDecimal } from './decimals.ts'
import { Misfit } from './facets.ts'
import type { Facets, SimpleType } from './model.ts'
import { translatePattern } from './pattern.ts'
import { type SimpleCodec, simpleCodec } from './simple-values.ts'

const prefixes = { prefixOf: (ns: string) => `p${ns.length}` }
const scope = { own: { q: 'urn:q', '': 'urn:d' }, outer: null }

function typeOf(builtin: string, facets: Facets = {}): SimpleType {
  const type = builtinType(builtin)
  assert.ok(type)
  return { ...type, facets: { ...type.facets, ...facets } }
}

function codecOf(builtin: string, facets: Facets = {}): SimpleCodec {
  return simpleCodec(typeOf(builtin, facets), (key) => codecOf(key.slice(3)))
}

/** JSON to text; a refusal begins with `!`. */
function text(builtin: string, json: string, facets: Facets = {}): string {
  const value: unknown = JSON.parse(json, (_key, parsed: unknown, context?: { source?: string }) =>
    typeof parsed === 'number' && context?.source !== String(parsed) ? JSON.rawJSON(context?.source ?? '') : parsed,
  )
  const made = codecOf(builtin, facets).toText(value, prefixes)
  return made instanceof Misfit ? `!${made.message}` : made
}

/** Text to JSON. */
function json(builtin: string, xml: string): string {
  const value = codecOf(builtin).toJson(xml, scope)
  return value instanceof Misfit ? `!${value.message}` : JSON.stringify(value)
}

test('numbers keep their digits both ways', () => {
  assert.equal(text('decimal', '12.50'), '12.50')
  assert.equal(text('decimal', '1e3'), '1000')
  assert.equal(text('decimal', '-1.5e-3'), '-0.0015')
  assert.equal(text('decimal', '123456789012345678901234567890.5'), '123456789012345678901234567890.5')
  assert.equal(text('decimal', '1e2000'), '!must have at most 1000 digits')
  assert.equal(text('decimal', '"1"'), '!must be of type number')
  assert.equal(text('long', '9223372036854775807'), '9223372036854775807')
  assert.equal(text('long', '9223372036854775808'), '!must be at most 9223372036854775807')
  assert.equal(text('unsignedByte', '-1'), '!must be at least 0')
  assert.equal(text('int', '5.0'), '5')
  assert.equal(text('int', '5.5'), '!must be a whole number')
  assert.equal(json('decimal', ' +007.50 '), '7.50')
  assert.equal(json('decimal', '.5'), '0.5')
  assert.equal(json('decimal', '5.'), '5')
  assert.equal(json('decimal', '-0'), '0')
  assert.equal(json('long', '9223372036854775807'), '9223372036854775807')
  assert.equal(json('int', '5.0'), '5')
  for (const wrong of ['', 'x', '1e3', '0x1', '1,5', '--1', '1 2', 'INF']) assert.equal(json('decimal', wrong), '!is no number', wrong)
  assert.equal(json('int', '5.5'), '!is no whole number')
})

test('floats are numbers, and three words', () => {
  assert.equal(text('double', '1e300'), '1e+300')
  assert.equal(text('double', '1e400'), '!must be in the range of double')
  assert.equal(text('float', '1e39'), '!must be in the range of float')
  assert.equal(text('double', '"NaN"'), 'NaN')
  assert.equal(text('double', '"nan"'), '!must be of type number, or one of INF, -INF, NaN')
  assert.equal(json('double', '1.5E2'), '150')
  assert.equal(json('double', '-INF'), '"-INF"')
  assert.equal(json('double', '1e999'), '"INF"')
  assert.equal(json('double', 'Infinity'), '!is no number')
  assert.equal(text('double', '5', { maxExclusive: '5' }), '!must be less than 5')
  assert.equal(text('double', '"INF"', { maxInclusive: '5' }), '!must be at most 5')
})

test('booleans, binary data and names', () => {
  assert.deepEqual(
    [text('boolean', 'true'), text('boolean', '1'), json('boolean', ' 1 '), json('boolean', 'TRUE')],
    ['true', '!must be of type boolean', 'true', '!is no boolean'],
  )
  assert.equal(text('base64Binary', '"AQI="'), 'AQI=')
  assert.equal(text('base64Binary', '"AQI"'), '!must be in the format base64Binary')
  assert.equal(json('base64Binary', ' AQ\n I= '), '"AQI="')
  assert.equal(text('base64Binary', '"AQID"', { maxLength: 2 }), '!must have at most 2 characters')
  assert.equal(text('hexBinary', '"0aF"'), '!must be in the format hexBinary')
  assert.equal(text('QName', '"{urn:q}a"'), 'p5:a')
  assert.equal(text('QName', '"a"'), 'a')
  assert.equal(text('QName', '"a:b"'), '!must be a name: `local` or `{namespace}local`')
  assert.deepEqual([json('QName', 'q:a'), json('QName', 'a'), json('QName', 'z:a')], ['"{urn:q}a"', '"{urn:d}a"', '!is no name'])
  assert.equal(text('anyURI', '"http://h/ü?x y"'), 'http://h/ü?x y')
  assert.equal(text('string', '"\\u0000"'), '!has a character that XML cannot carry')
  assert.equal(text('string', '"\\ud800"'), '!has a character that XML cannot carry')
  assert.equal(json('token', ' a \n b '), '"a b"')
  assert.equal(json('string', ' a \n b '), '" a \\n b "')
})

test('dates are those that there are', () => {
  const good: Readonly<Record<string, readonly string[]>> = {
    date: ['2024-02-29', '2026-01-31Z', '2026-01-31+14:00', '-0044-03-15', '12026-01-01'],
    dateTime: ['2026-01-31T12:00:00', '2026-01-31T24:00:00Z', '2026-01-31T12:00:00.123456789-05:30'],
    time: ['00:00:00', '23:59:59.9Z', '24:00:00'],
    duration: ['P1Y', '-P1Y2M3DT4H5M6.7S', 'PT0S', 'P0D'],
    gYear: ['2026', '-0001Z'],
    gYearMonth: ['2026-12'],
    gMonthDay: ['--02-29'],
    gDay: ['---31'],
    gMonth: ['--12'],
  }
  const bad: Readonly<Record<string, readonly string[]>> = {
    date: ['2026-02-29', '2026-13-01', '2026-1-1', '26-01-01', '2026-01-31T00:00:00', ' 2026-01-01', '2026-01-01+15:00', '02026-01-01'],
    dateTime: ['2026-01-31', '2026-01-31T25:00:00', '2026-01-31T24:00:01', '2026-01-31 12:00:00', '2026-01-31T12:00'],
    time: ['12:00', '12:60:00', '12:00:60'],
    duration: ['P', 'PT', '1Y', 'P1S', 'P-1Y', 'P1Y1Y', 'PT1.S'],
    gYear: ['26', '20260x'],
    gMonthDay: ['--02-30', '02-01'],
    gDay: ['---32'],
    gMonth: ['--13'],
  }
  for (const [type, texts] of Object.entries(good)) for (const one of texts) assert.equal(text(type, JSON.stringify(one)), one, type)
  for (const [type, texts] of Object.entries(bad)) {
    for (const one of texts) assert.equal(text(type, JSON.stringify(one)), `!must be in the format ${type}`, one)
  }
  assert.equal(json('date', ' 2026-01-31 '), '"2026-01-31"')
  assert.equal(json('date', '31.1.2026'), '!is no date')
})

test('facets are told with what they demand', () => {
  assert.equal(text('string', '"abcd"', { maxLength: 3 }), '!must have at most 3 characters')
  assert.equal(text('string', '"😀😀"', { length: 2 }), '😀😀')
  assert.equal(text('string', '"c"', { enumeration: ['a', 'b'] }), '!must be one of "a", "b"')
  assert.equal(text('decimal', '1.50', { enumeration: ['1.5'] }), '1.50')
  assert.equal(text('decimal', '1.234', { fractionDigits: 2 }), '!must have at most 2 digits behind the point')
  assert.equal(text('decimal', '123', { totalDigits: 2 }), '!must have at most 2 digits')
  assert.equal(text('decimal', '0.0012', { totalDigits: 2 }), '0.0012')
  assert.equal(text('string', '"b1"', { patterns: ['[a-c]\\p{Nd}', '.*1'] }), 'b1')
  assert.equal(text('NMTOKENS', '["a","b"]'), 'a b')
  assert.equal(text('NMTOKENS', '[]'), '!must have at least 1 items')
  assert.equal(text('NMTOKENS', '["a b"]'), '!has an item that must match the pattern [\\p{L}\\p{Nd}\\p{M}._·\\-:]+')
  assert.equal(json('NMTOKENS', '  a \n b '), '["a","b"]')
  assert.equal(text('dateTimeStamp', '"2026-01-31T12:00:00"'), '!must match the pattern .*(Z|[+-][0-9]{2}:[0-9]{2})')
})

test('patterns are translated, or left to the service', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['\\d{3}-\\d+', '\\p{Nd}{3}-\\p{Nd}+'],
    ['\\i\\c*', '[\\p{L}_:][\\p{L}\\p{Nd}\\p{M}._:·\\-]*'],
    ['[\\i-[:]][\\c-[:]]*', undefined],
    ['\\p{IsBasicLatin}*', undefined],
    ['a^b$', 'a\\^b\\$'],
    ['[^\\s]+.', '[^ \\t\\n\\r]+[^\\n\\r]'],
    ['\\-\\.[\\-a]', '-\\.[\\-a]'],
    ['[\\D\\S]', undefined],
    ['\\q', undefined],
    ['[a', undefined],
  ]
  for (const [written, expected] of cases) assert.equal(translatePattern(written), expected, written)
})

test('decimals of any length are ordered as numbers are', () => {
  const number = fc.tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.integer({ min: 0, max: 12 }))
  const spell = ([digits, scale]: [bigint, number]): string => {
    const plain = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0')
    const at = plain.length - scale
    return `${digits < 0n ? '-' : ''}${plain.slice(0, at)}${scale > 0 ? `.${plain.slice(at)}` : ''}`
  }
  fc.assert(
    fc.property(number, number, (a, b) => {
      const [one, other] = [parseDecimal(spell(a)), parseDecimal(spell(b))]
      assert.ok(one && other)
      const left = a[0] * 10n ** BigInt(b[1])
      const right = b[0] * 10n ** BigInt(a[1])
      assert.equal(Math.sign(compareDecimals(one, other)), left < right ? -1 : left > right ? 1 : 0)
      assert.deepEqual(parseDecimal(formatDecimal(one)), a[0] === 0n ? { ...one, negative: false } : one)
      assert.equal(Number(canonicalDecimal(one)), Number(spell(a)) + 0)
    }),
    { seed: 7, numRuns: 500 },
  )
})
