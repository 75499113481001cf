/**
 * The words that configuration schemas are written in: the native form's own and every policy's. Loads zod, so that only schema
 * files import it. Everything here exports to JSON Schema 2020-12 in its input form (`z.toJSONSchema(schema, { io: 'input' })`),
 * and says in its errors what was expected and what may have been meant.
 *
 * Give every field a `.describe('…')`: documentation and editor help are made from it. Give a default to `duration()` and `byteSize()`
 * with `.prefault('5s')`, in the written form, and to all else with `.default(…)`.
 */
import * as z from 'zod'
import { formatDistinguishedName, parseDistinguishedName } from './distinguished-name.ts'
import { nearest } from './nearest.ts'

export * as z from 'zod'

const LIST_MAX = 1_000
const RECORD_MAX = 10_000
const TEXT_MAX = 8_192

/**
 * An object with exactly these keys. Each unknown key is one line of the issue's message, in the order of the issue's `keys`:
 * ``unknown key `timout`; did you mean `timeout`? valid keys: `path`, `timeout` ``.
 */
export function object<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined
      // Of the schema that failed and not of `shape`: it may be an extension of this one.
      const valid = Object.keys(issue.inst instanceof z.ZodObject ? issue.inst.shape : shape)
      return issue.keys.map((key) => unknownKeyMessage(key, valid)).join('\n')
    },
  })
}

/** The name of a subject or an issuer, as RFC 4514 writes it. Gives it in the one form that `formatDistinguishedName` has. */
export function distinguishedName() {
  return z
    .string()
    .max(4_096)
    .transform((written, context) => {
      const name = parseDistinguishedName(written)
      if (name !== null) return formatDistinguishedName(name)
      context.addIssue({
        code: 'custom',
        message: 'expected a name as RFC 4514 writes it: `CN=app,O=Example`, the most specific part first',
      })
      return z.NEVER
    })
}

/** What to say of a key that is not among `valid`. */
export function unknownKeyMessage(key: string, valid: readonly string[]): string {
  const near = nearest(key, valid)
  const guess = near === null ? '' : `; did you mean \`${near}\`?`
  if (valid.length === 0) return `unknown key \`${key}\`; no keys are valid here`
  return `unknown key \`${key}\`${guess}${near === null ? ';' : ''} valid keys: ${quoteList(valid)}`
}

/** A length of time: `500ms`, `5s`, `1m`, `2h`, or whole milliseconds. Gives milliseconds. Bounds are inclusive and in milliseconds. */
export function duration({ min = 0, max = 86_400_000 }: { min?: number; max?: number } = {}) {
  return quantity({
    pattern: DURATION,
    title: 'duration',
    units: DURATION_UNITS,
    min,
    max,
    format: formatDuration,
    error: 'expected a duration: `500ms`, `5s`, `1m`, `2h` or an integer of milliseconds',
  })
}

const DURATION = /^\d{1,12}(\.\d{1,3})?(ms|s|m|h)$/
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
])

/** Milliseconds in the largest unit that divides them: 5000 is `5s`. */
export function formatDuration(ms: number): string {
  return formatUnits(ms, DURATION_UNITS)
}

/** A number of bytes: `16KiB`, `1MiB`, `10MB`, or an integer. Gives bytes. Bounds are inclusive and in bytes. */
export function byteSize({ min = 0, max = 2 ** 40 }: { min?: number; max?: number } = {}) {
  return quantity({
    pattern: BYTE_SIZE,
    title: 'size',
    units: BYTE_UNITS,
    min,
    max,
    format: formatBytes,
    error: 'expected a size: `16KiB`, `1MiB`, `10MB` or an integer of bytes',
  })
}

const BYTE_SIZE = /^\d{1,15}(\.\d{1,3})?(B|kB|KB|KiB|MB|MiB|GB|GiB)$/
const BYTE_UNITS: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['KiB', 2 ** 10],
  ['MB', 1e6],
  ['MiB', 2 ** 20],
  ['GB', 1e9],
  ['GiB', 2 ** 30],
])

/** Bytes in the largest binary unit that divides them, else in the largest decimal one: 65536 is `64KiB`. */
export function formatBytes(bytes: number): string {
  return formatUnits(bytes, BYTE_UNITS)
}

function formatUnits(value: number, units: ReadonlyMap<string, number>): string {
  let best = ''
  let bestSize = 0
  for (const [unit, size] of units) {
    if (value % size === 0 && size > bestSize && value >= size) {
      best = unit
      bestSize = size
    }
  }
  if (bestSize === 0) return `0${units.keys().next().value ?? ''}`
  return `${value / bestSize}${best}`
}

interface Quantity {
  /** What the type is called in documentation. */
  readonly title: string
  readonly pattern: RegExp
  readonly units: ReadonlyMap<string, number>
  readonly min: number
  readonly max: number
  readonly format: (value: number) => string
  readonly error: string
}

function quantity({ title, pattern, units, min, max, format, error }: Quantity) {
  return z
    .union([z.string({ error }).regex(pattern, { error }), z.int({ error }).min(0, { error })], { error })
    .transform((written, context) => {
      const value = typeof written === 'number' ? written : Math.round(parseQuantity(written, units))
      if (value < min || value > max) {
        const unit = typeof written === 'number' && value > 0 ? `, which without a unit is ${format(value)}` : ''
        const found = unit === '' ? format(value) : String(value)
        context.addIssue({ code: 'custom', message: `expected ${format(min)} to ${format(max)}, found ${found}${unit}` })
        return z.NEVER
      }
      return value
    })
    .meta({ title })
}

function parseQuantity(text: string, units: ReadonlyMap<string, number>): number {
  const unit = text.replace(/^[\d.]+/, '')
  return Number(text.slice(0, text.length - unit.length)) * (units.get(unit) ?? Number.NaN)
}

/** One of the words. A wrong one is told the nearest, or else the hint. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words, hint = '') {
  return z.enum(words, {
    error: (issue) => {
      const near = typeof issue.input === 'string' ? nearest(issue.input, words) : null
      const found = typeof issue.input === 'string' ? `, found \`${issue.input}\`` : ''
      const advice = near === null ? hint : `did you mean \`${near}\`?`
      return `expected one of ${quoteList(words)}${found}${advice === '' ? '' : `; ${advice}`}`
    },
  })
}

/** Text of 1 to `max` characters (8192 by default); `min: 0` allows the empty text. */
export function text({ min = 1, max = TEXT_MAX }: { min?: number; max?: number } = {}) {
  return z.string().min(min).max(max)
}

/** The name of a header: a token of 1 to 256 characters (RFC 9110, 5.1 and 5.6.2). */
export function headerNameText() {
  const error = "expected the name of a header: letters, digits and any of !#$%&'*+-.^_`|~"
  return z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/, { error })
}

/** The value of a header: printable ASCII, spaces and tabs inside it, at most 8192 characters (RFC 9110, 5.5). */
export function headerValueText() {
  const error = 'expected the value of a header: printable ASCII without leading or trailing blanks'
  return z
    .string()
    .max(TEXT_MAX)
    .regex(/^([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?$/, { error })
}

/** Text that is never shown again: `/config` hides it. At most 64 KiB, the bound of `${file:…}`. */
export function secret() {
  return z.string().min(1).max(65_536).meta({ secret: true })
}

/** A whole number within inclusive bounds. */
export function integer({ min, max }: { min: number; max: number }) {
  return z.int().min(min).max(max)
}

/** A map with free keys, at most `max` of them (10 000 by default). */
export function record<Key extends z.ZodString | z.ZodEnum, Value extends z.ZodType>(
  key: Key,
  value: Value,
  { max = RECORD_MAX }: { max?: number } = {},
) {
  return z
    .record(key, value)
    .refine((entries) => Object.keys(entries).length <= max, { error: `expected at most ${max} entries` })
    .meta({ maxProperties: max })
}

/** A list of `min` (0) to `max` (1000) items. */
export function list<Item extends z.ZodType>(item: Item, { min = 0, max = LIST_MAX }: { min?: number; max?: number } = {}) {
  return z.array(item).min(min).max(max)
}

/** One item or a list of them; gives a list. */
export function oneOrMore<Item extends z.ZodType>(item: Item, { min = 1, max = LIST_MAX }: { min?: number; max?: number } = {}) {
  return z.union([item, list(item, { min, max })]).transform((value): z.output<Item>[] => (Array.isArray(value) ? value : [value]))
}

function quoteList(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(', ')
}
