import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { byteSize, headerNameText, list, object, oneOf, oneOrMore, record, text, z } from '../../core/schema.ts'
import { statusProblem } from '../../core/status-set.ts'
import { parseTemplate } from '../../core/template.ts'
import { jsonTemplateProblem } from './json-template.ts'
import { POINTER } from './pointer.ts'
import { STATUS_PRESETS } from './status-map.ts'
import { pathTemplateProblem } from './target-edits.ts'

const EDITS_MAX = 100
const JSON_DEPTH_MAX = 32
const NOT_KNOWN_YET = /\{(response|upstream)\.[^{}]*\}/

type Side = 'request' | 'response'

/** The name of a header that may be edited. */
function editable() {
  return headerNameText().refine((name) => !MANAGED_FIELDS.has(name.toLowerCase()), {
    error: 'this header belongs to the connection or says where the message ends: only the gateway writes it (`Host` is set by `headers`)',
  })
}

/** What is wrong with a text as a template for a side; null for nothing. */
function templateProblem(source: string, side: Side): string | null {
  const template = parseTemplate(source)
  return 'problem' in template ? template.problem : timeProblem(source, side)
}

function timeProblem(source: string, side: Side): string | null {
  const [early] = (side === 'request' ? NOT_KNOWN_YET.exec(source) : null) ?? []
  return early === undefined ? null : `\`${early}\` is not known before there is a response`
}

function template(side: Side) {
  return text({ min: 0 }).superRefine((source, context) => {
    const problem = templateProblem(source, side)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })
}

/** The value of a header: a template in printable ASCII. */
function fieldTemplate(side: Side) {
  return template(side).regex(/^([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?$/, {
    error: 'expected the value of a header: printable ASCII without leading or trailing blanks',
  })
}

/** Of two names for one thing one would silently win. */
function distinct(entries: Readonly<Record<string, unknown>>): boolean {
  return new Set(Object.keys(entries).map((name) => name.toLowerCase())).size === Object.keys(entries).length
}

/** Each new name is for one old name, and none is an old name too: the order of renames does not matter. */
function oneToOne(entries: Readonly<Record<string, string>>, fold: (name: string) => string): boolean {
  const from = Object.keys(entries).map(fold)
  const to = new Set(Object.values(entries).map(fold))
  return to.size === from.length && !from.some((name) => to.has(name))
}

const lower = (name: string): string => name.toLowerCase()
const twice = { error: 'two of these names differ only in case' }
const chained = { error: 'expected each new name once, and none that is renamed itself' }

function taken() {
  return oneOf(['replace', 'keep'])
    .default('replace')
    .describe('What becomes of what already has a new name: it is replaced, or kept in place of what would be renamed.')
}

function headerEdits(side: Side) {
  const values = record(editable(), fieldTemplate(side), { max: EDITS_MAX }).refine(distinct, twice).default({})
  const added = record(editable(), oneOrMore(fieldTemplate(side), { max: EDITS_MAX }), { max: EDITS_MAX })
  return object({
    remove: list(editable(), { max: EDITS_MAX }).default([]).describe('Headers to remove.'),
    rename: record(editable(), editable(), { max: EDITS_MAX })
      .refine(distinct, twice)
      .refine((entries) => oneToOne(entries, lower), chained)
      .default({})
      .describe('New names by old names (the header mapping). All values move; values that the new name had are replaced.'),
    taken: taken(),
    set: values.describe('Values by name, in place of all that are there. Templates; one that comes out empty leaves the header out.'),
    replace: values.describe('As `set`, but only for headers that are there.'),
    default: values.describe('Values by name for headers that are not there. Templates; one that comes out empty adds nothing.'),
    add: added
      .refine(distinct, twice)
      .default({})
      .describe('Values by name, one or a list, behind those that are there. Templates; one that comes out empty adds nothing.'),
  })
}

function queryEdits(what: 'Parameters' | 'Fields') {
  const values = record(text({ max: 256 }), template('request'), { max: EDITS_MAX }).default({})
  const added = record(text({ max: 256 }), oneOrMore(template('request'), { max: EDITS_MAX }), { max: EDITS_MAX }).default({})
  return object({
    remove: list(text({ max: 256 }), { max: EDITS_MAX })
      .default([])
      .describe(`${what} to remove.`),
    rename: record(text({ max: 256 }), text({ max: 256 }), { max: EDITS_MAX })
      .refine((entries) => oneToOne(entries, (name) => name), chained)
      .default({})
      .describe('New names by old names.'),
    taken: taken(),
    set: values.describe('Values by name, in place of all that are there. Templates.'),
    replace: values.describe('As `set`, but only for those that are there.'),
    default: values.describe('Values by name for those that are not there. Templates.'),
    add: added.describe('Values by name, one or a list, behind those that are there. Templates.'),
  })
}

const pointerError = 'expected a JSON pointer (RFC 6901): `/user/name`, or `/items/*/price` with `*` for every member or element'
const placeError = 'expected the name of a member, or a JSON pointer without `*`'

function pointer() {
  return text({ max: 1_024 }).regex(POINTER, { error: pointerError })
}

/** A member of the whole, or a pointer to one place. */
function place() {
  return text({ max: 1_024 }).refine((written) => !written.startsWith('/') || (POINTER.test(written) && !hasStar(written)), {
    error: placeError,
  })
}

function hasStar(written: string): boolean {
  return written.split('/').includes('*')
}

/** What is wrong with a rename in one sentence; null for nothing. */
function renameProblem(from: string, to: string): string | null {
  if (from.endsWith('/*')) return 'a name is needed in place of the last `*`: it would give every member the same one'
  if (!to.startsWith('/')) return null
  if (hasStar(from)) return 'with `*` there is a new name within the same object only, not a pointer'
  return POINTER.test(to) && !hasStar(to) ? null : placeError
}

function json(side: Side) {
  return z.unknown().superRefine((value, context) => {
    const problem = jsonProblem(value, JSON_DEPTH_MAX) ?? jsonTemplateProblem(value) ?? timeProblem(JSON.stringify(value), side)
    if (problem !== null) context.addIssue({ code: 'custom', message: problem })
  })
}

/** What is wrong with a value as JSON in one sentence; null for nothing. */
function jsonProblem(value: unknown, depthMax: number): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return null
  if (typeof value !== 'object') return 'expected JSON: text, a number, a truth value, null, a list or a map'
  if (depthMax === 0) return `is nested deeper than ${JSON_DEPTH_MAX} levels`
  for (const item of Object.values(value)) {
    const problem = jsonProblem(item, depthMax - 1)
    if (problem !== null) return problem
  }
  return null
}

function bodyEdits(side: Side) {
  const values = () => record(pointer(), json(side), { max: EDITS_MAX }).default({})
  const single = () => values().refine((entries) => !Object.keys(entries).some(hasStar), { error: 'expected pointers without `*`' })
  return {
    unwrap: place().optional().describe('The member (or pointer) whose value becomes the body. A body without it stays.'),
    remove: list(pointer(), { max: EDITS_MAX }).default([]).describe('Pointers to what is removed.'),
    rename: record(pointer(), text({ max: 1_024 }), { max: EDITS_MAX })
      .superRefine((entries, context) => {
        for (const [from, to] of Object.entries(entries)) {
          const problem = renameProblem(from, to)
          if (problem !== null) context.addIssue({ code: 'custom', path: [from], message: problem })
        }
      })
      .default({})
      .describe('By pointer: the new name of a member, or a pointer (it begins with `/`) to where its value moves.'),
    taken: taken(),
    set: values().describe('Values by pointer: any JSON, with templates in its strings. Objects that are missing on the way are made.'),
    replace: values().describe('As `set`, but only for what is there.'),
    default: single().describe('As `set`, but only for what is not there.'),
    append: single().describe(
      'What is put behind a value by pointer, of a list each element: an array grows, a single value becomes one, and so does what is not there.',
    ),
    wrap: place().optional().describe('The member (or pointer) that the body becomes the value of.'),
    template: json(side)
      .optional()
      .describe('The whole body: any JSON, with templates in its strings, of which `{body./a/b}` is a part of the body that came.'),
  }
}

const aloneError = { error: '`template` makes the whole body and stands alone', path: ['template'] }

function standsAlone(edits: { readonly [key: string]: unknown }): boolean {
  return edits['template'] === undefined || Object.entries(edits).every(([key, value]) => key === 'template' || !asksForEdit(key, value))
}

/** Whether an option asks for an edit. */
function asksForEdit(key: string, value: unknown): boolean {
  return (
    key !== 'statuses' &&
    key !== 'taken' &&
    (typeof value === 'string' || (typeof value === 'object' && value !== null && Object.keys(value).length > 0))
  )
}

function notJson(fallback: 'pass' | 'refuse', otherwise: string) {
  return oneOf(['pass', 'pass-unparsable', 'refuse'])
    .default(fallback)
    .describe(
      `What becomes of bodies that body rules cannot be applied to: they are not JSON, or have no place for what is set. ${otherwise} With \`pass-unparsable\` only those are that could be read in two ways.`,
    )
}

const STATUS = /^[2-5]\d\d$/
const BODILESS = new Set([204, 205, 206, 304])
const statusError = 'expected a status from 200 to 599 other than 204, 205, 206 and 304, which say how the message is framed'

function status() {
  return z
    .int()
    .min(200, { error: statusError })
    .max(599, { error: statusError })
    .refine((code) => !BODILESS.has(code), { error: statusError })
}

const request = object({
  method: z
    .string()
    .regex(/^[A-Z]{1,32}$/, { error: 'expected a method in capitals, such as `PUT`' })
    .refine((method) => method !== 'CONNECT' && method !== 'HEAD' && method !== 'TRACE', {
      error: 'a request cannot be made CONNECT, HEAD or TRACE: the answers to these are framed in another way',
    })
    .optional()
    .describe('The method that the service sees. HEAD requests stay what they are.'),
  path: text({ max: 2_048 })
    .superRefine((source, context) => {
      const problem = pathTemplateProblem(source) ?? timeProblem(source, 'request')
      if (problem !== null) context.addIssue({ code: 'custom', message: problem })
    })
    .optional()
    .describe('The path that the service sees. A template; values are percent-encoded.'),
  host: template('request')
    .optional()
    .describe(
      'The `Host` that the service sees: a name or address with an optional port. A template; what comes out and is none is refused with 400.',
    ),
  query: queryEdits('Parameters').prefault({}).describe('Edits of the query.'),
  headers: headerEdits('request').prefault({}).describe('Edits of the headers.'),
  body: object(bodyEdits('request')).refine(standsAlone, aloneError).prefault({}).describe('Edits of JSON bodies.'),
  form: queryEdits('Fields')
    .prefault({})
    .describe('Edits of the fields of forms, `application/x-www-form-urlencoded` and `multipart/form-data`.'),
  formToQuery: z
    .boolean()
    .default(false)
    .describe(
      'Whether the fields of an urlencoded form become parameters, behind those of the query and before it is edited. The body is then empty.',
    ),
  notJson: notJson('refuse', 'Refused with 415 or 400.'),
  timestampHeader: z
    .union([z.literal(false), editable()])
    .default('X-Gateway-Timestamp')
    .describe('The header that tells the service the time, in seconds since 1970; `false` for none.'),
})

const response = object({
  status: object({
    preset: oneOf(STATUS_PRESETS).optional().describe('`gateway-errors`: 501 becomes 404, 502 becomes 503, 503 becomes 504.'),
    map: record(z.string().regex(STATUS, { error: statusError }), status(), { max: EDITS_MAX })
      .refine((entries) => Object.keys(entries).every((code) => !BODILESS.has(Number(code))), { error: statusError })
      .default({})
      .describe("Statuses by the service's own. These have the word over the preset."),
  })
    .prefault({})
    .describe("The status that the client sees in place of the service's."),
  headers: headerEdits('response').prefault({}).describe('Edits of the headers.'),
  headersOn: oneOf(['service', 'all'])
    .default('service')
    .describe("Which responses the edits of headers are for: those of services, before a cache keeps them, or all, the gateway's own too."),
  body: object({
    ...bodyEdits('response'),
    statuses: list(z.union([z.int(), z.string()]), { min: 1, max: EDITS_MAX })
      .superRefine((items, context) => {
        for (const [i, item] of items.entries()) {
          const problem = statusProblem(item)
          if (problem !== null) context.addIssue({ code: 'custom', path: [i], message: problem })
        }
      })
      .default(['2xx', '3xx', '4xx', '5xx'])
      .describe('Statuses, as the client sees them, whose bodies are edited: `200`, or `2xx` for a class.'),
  })
    .refine(standsAlone, aloneError)
    .prefault({})
    .describe('Edits of JSON bodies.'),
  notJson: notJson('pass', 'Refused with 502.'),
  timeHeader: z
    .union([z.literal(false), editable()])
    .default('X-Gateway-Response-Time')
    .describe('The header that tells the client the milliseconds from the request to the response, on every response; `false` for none.'),
})

export const schema = object({
  request: request.prefault({}).describe('What the service sees.'),
  response: response.prefault({}).describe("What the client sees of a service's response."),
  bodyBytesMax: byteSize({ min: 1, max: 2 ** 28 })
    .prefault('1MiB')
    .describe('Largest body that is edited, decoded, and the most that rules may add to it; more is 413 for requests, 502 for responses.'),
})

export type TransformOptions = z.output<typeof schema>
