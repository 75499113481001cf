/** Schemas to functions, by ajv. Imported lazily: it takes 50 ms and 10 MB that only gateways with this policy pay. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { compileEcmaRegex } from '../../core/regex.ts'
import { NUMBER_FORMATS, TEXT_FORMATS } from './formats.ts'
import { isObject, type JsonSchema, mapSchema, type SchemaObject, usesUnevaluated } from './json-schema.ts'

/** Bodies up to this size have all their violations found; of larger ones only the first is, for each violation takes memory. */
const TELL_BYTES_MAX = 65_536
/** Visits of references that a check may make: so many, and so many more for each byte. Beyond that a schema that fans out is at work. */
const VISITS_BASE = 100_000
const VISITS_PER_BYTE = 1

const DEFINITIONS_ID = 'turnpike:/definitions'

/** What does not fit. */
export interface Findings {
  readonly errors: readonly ErrorObject[]
  /** Whether these are all. */
  readonly complete: boolean
}

export interface Validator {
  /**
   * @param bytes the length of the text that the value was read from
   * @returns null when the value fits, `'too complex'` when that cannot be told within the bounds
   */
  check(value: unknown, bytes: number): Findings | 'too complex' | null
}

/**
 * Compiles schemas of JSON Schema 2020-12, each when it is first used (3 ms). References into `definitions` are written `#/$defs/name`
 * by those who have definitions; all others stay within their own schema.
 */
export class Engine {
  readonly #definitions: Readonly<Record<string, JsonSchema>> | null
  readonly #tracks: boolean
  /** Decides, and stops at the first violation. */
  #decider: Ajv2020 | null = null
  /** Finds all violations, once it is known that there are some. */
  #teller: Ajv2020 | null = null

  /** @param tracks whether any schema that belongs to the definitions uses `unevaluatedProperties` or `unevaluatedItems` */
  constructor(definitions: Readonly<Record<string, JsonSchema>> | null = null, tracks = false) {
    this.#definitions = definitions
    this.#tracks = tracks
  }

  validator(schema: JsonSchema): Validator {
    let decide: ValidateFunction | null = null
    let tell: ValidateFunction | null = null
    return {
      check: (value, bytes) => {
        decide ??= this.#compile(schema, this.#forDeciding())
        visitsLeft = VISITS_BASE + VISITS_PER_BYTE * bytes
        const first = run(decide, value)
        if (first === null || first === 'too complex') return first
        const [only] = first
        if (only === undefined) return { errors: first, complete: true }
        if (bytes > TELL_BYTES_MAX) return { errors: first, complete: false }
        tell ??= this.#compile(schema, this.#forTelling())
        const all = tellAll(tell, value)
        return all === null ? { errors: first, complete: false } : { errors: all, complete: true }
      },
    }
  }

  /** Throws an Error that says why a schema cannot be used. */
  compileNow(schema: JsonSchema): void {
    this.#compile(schema, this.#forDeciding())
  }

  #forDeciding(): Ajv2020 {
    this.#decider ??= createAjv(false, this.#definitions)
    return this.#decider
  }

  #forTelling(): Ajv2020 {
    this.#teller ??= createAjv(true, this.#definitions)
    return this.#teller
  }

  #compile(schema: JsonSchema, ajv: Ajv2020): ValidateFunction {
    // Elsewhere ajv need not keep track of what was evaluated; it also throws for some values when it does.
    ajv.opts.unevaluated = this.#tracks || (this.#definitions === null && usesUnevaluated(schema))
    return ajv.compile(prepare(schema, this.#definitions !== null))
  }
}

/** Set before each check; checks do not wait, so that there is only one at a time. */
let visitsLeft = 0

class TooComplex extends Error {}

const VISIT = 'turnpike-visit'

function visit(): boolean {
  if (--visitsLeft < 0) throw new TooComplex()
  return true
}

function run(validate: ValidateFunction, value: unknown): readonly ErrorObject[] | 'too complex' | null {
  try {
    return validate(value) ? null : (validate.errors ?? [])
  } catch (error) {
    // References that lead in a circle end where the stack does.
    if (error instanceof TooComplex || error instanceof RangeError) return 'too complex'
    throw error
  }
}

/** All errors, or null when they are not to be had within the bounds. That a value is refused is decided already. */
function tellAll(validate: ValidateFunction, value: unknown): readonly ErrorObject[] | null {
  try {
    return validate(value) ? null : (validate.errors ?? [])
  } catch {
    return null
  }
}

/** Beside each reference a step is counted: a value can be visited again and again through references only. */
function prepare(schema: JsonSchema, hasDefinitions: boolean): JsonSchema {
  return mapSchema(schema, (inner) => {
    const { $ref } = inner
    if ($ref === undefined && inner['$dynamicRef'] === undefined) return inner
    return { ...inner, ...(hasDefinitions && typeof $ref === 'string' && { $ref: `${DEFINITIONS_ID}${$ref}` }), [VISIT]: true }
  })
}

function createAjv(allErrors: boolean, definitions: Readonly<Record<string, JsonSchema>> | null): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors,
    // Valid 2020-12 may hold keywords and formats that are unknown here; `check` has said so.
    strict: false,
    strictNumbers: true,
    logger: false,
    validateSchema: false,
    // Two schemas may bear the same `$id`.
    addUsedSchema: false,
    // Names such as `constructor` are members only where they were sent.
    ownProperties: true,
    multipleOfPrecision: 6,
    messages: false,
    code: { regExp: linearRegExp },
  })
  for (const [name, validate] of Object.entries(TEXT_FORMATS)) ajv.addFormat(name, validate)
  for (const [name, validate] of Object.entries(NUMBER_FORMATS)) ajv.addFormat(name, { type: 'number', validate })
  // Before the reference: behind one that failed nothing is looked at any more.
  ajv.addKeyword({ keyword: VISIT, before: '$ref', schema: false, errors: false, validate: visit })
  // ajv compares each item with each other one, which a body of a megabyte makes an hour's work.
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', errors: false, validate: uniqueItems })
  if (definitions !== null) ajv.addSchema({ $id: DEFINITIONS_ID, $defs: prepareAll(definitions) })
  return ajv
}

function prepareAll(definitions: Readonly<Record<string, JsonSchema>>): SchemaObject {
  return Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, prepare(schema, true)]))
}

function uniqueItems(wanted: boolean, items: readonly unknown[]): boolean {
  if (!wanted || items.length < 2) return true
  const seen = new Set<unknown>()
  for (const item of items) {
    // Of text and numbers each is its own key; all else gets one that no text has that is here as itself.
    const key = typeof item === 'string' ? `"${item}` : typeof item === 'object' && item !== null ? canonical(item) : item
    if (seen.has(key)) return false
    seen.add(key)
  }
  return true
}

/** The same text for values that JSON Schema holds to be equal: members in order of their names. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (!isObject(value)) return JSON.stringify(value)
  const members = Object.keys(value).toSorted()
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join()}}`
}

/** An expression for ajv: it tells expressions apart by their text. */
const linearRegExp = Object.assign(
  (pattern: string) => {
    const regex = compileEcmaRegex(pattern)
    if ('problem' in regex) throw new Error(regex.problem)
    return { test: (text: string) => regex.test(text), toString: () => pattern }
  },
  { code: 'linearRegExp' },
)
