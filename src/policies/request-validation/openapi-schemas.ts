/** Schemas of an OpenAPI document to JSON Schema 2020-12. Not loaded in workers. */
import { compileEcmaRegex } from '../../core/regex.ts'
import { isKnownFormat } from './formats.ts'
import { isObject, isSchema, type JsonSchema, KEYWORDS, mapSchema, type SchemaObject, untrackable, usesUnevaluated } from './json-schema.ts'
import { metaProblems } from './meta-schema.ts'
import { DocumentFault, type DocumentPath, type OpenApiDocument, partsOf } from './openapi-document.ts'
import { type Shape, shapeOf } from './shape.ts'

/** Keywords that say nothing of what is valid: they stay behind. */
const DROPPED: ReadonlySet<string> = new Set(
  [
    '$comment $defs $schema contentEncoding contentMediaType contentSchema default definitions deprecated',
    'description discriminator example examples externalDocs nullable title writeOnly xml',
  ].flatMap((line) => line.split(' ')),
)
/** Those that change what other keywords mean or where references lead: nothing that is checked may be guessed. */
const REFUSED = ['$anchor', '$async', '$dynamicAnchor', '$dynamicRef', '$id', '$recursiveRef', '$vocabulary'] as const
const DIALECTS: readonly unknown[] = [
  undefined,
  'https://json-schema.org/draft/2020-12/schema',
  'https://spec.openapis.org/oas/3.1/dialect/base',
]

export class SchemaTranslator {
  readonly #document: OpenApiDocument
  readonly #is30: boolean
  readonly #remark: (path: DocumentPath, message: string) => void
  /** Names of definitions by reference. */
  readonly #names = new Map<string, string>()
  readonly #definitions = new Map<string, JsonSchema>()
  /** Whether `unevaluatedProperties` or the like is used, and the first place that does not go with it. */
  #tracks = false
  #lost: DocumentFault | null = null
  readonly #waiting: { readonly ref: string; readonly name: string; readonly target: unknown }[] = []

  constructor(document: OpenApiDocument, is30: boolean, remark: (path: DocumentPath, message: string) => void) {
    this.#document = document
    this.#is30 = is30
    this.#remark = remark
    const { jsonSchemaDialect } = document.root
    if (!DIALECTS.includes(jsonSchemaDialect)) throw new DocumentFault(['jsonSchemaDialect'], 'only JSON Schema 2020-12 is read')
  }

  /** All that schemas so far refer to. */
  get definitions(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries(this.#definitions)
  }

  /** A schema in 2020-12, and all that it refers to as definitions. */
  translate(schema: unknown, path: DocumentPath): JsonSchema {
    const translated = this.#translateOne(schema, path)
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      this.#definitions.set(next.name, this.#translateOne(next.target, partsOf(next.ref)))
    }
    return translated
  }

  /** Whether what was evaluated must be kept track of. Throws where that cannot be done. */
  checkTracking(): boolean {
    if (this.#tracks && this.#lost !== null) throw this.#lost
    return this.#tracks
  }

  /** The shape of a schema that has been translated. */
  shapeOf(schema: JsonSchema): Shape {
    return shapeOf(schema, (ref) => this.#definitions.get(ref.slice('#/$defs/'.length)))
  }

  #translateOne(schema: unknown, path: DocumentPath): JsonSchema {
    if (!isSchema(schema)) throw new DocumentFault(path, 'expected a schema')
    const translated = mapSchema(schema, (inner, at) => {
      const result = this.#translateKeywords(inner, [...path, ...at])
      const lost = untrackable(result)
      if (lost !== null) this.#lost ??= new DocumentFault([...path, ...at], lost)
      return result
    })
    this.#tracks ||= usesUnevaluated(translated)
    const [problem] = metaProblems(translated)
    if (problem !== undefined) throw new DocumentFault([...path, ...problem.path], problem.message)
    return translated
  }

  #translateKeywords(schema: SchemaObject, path: DocumentPath): SchemaObject {
    const { $ref, ...siblings } = schema
    if (typeof $ref !== 'string') return this.#withoutRef(schema, path)
    const reference = { $ref: `#/$defs/${this.#nameOf($ref, path)}` }
    // OpenAPI 3.0.3, reference object: what stands beside a reference is ignored. 3.1 takes it as JSON Schema does.
    return this.#is30 ? reference : { ...reference, ...this.#withoutRef(siblings, path) }
  }

  #nameOf(ref: string, path: DocumentPath): string {
    const known = this.#names.get(ref)
    if (known !== undefined) return known
    const target = this.#document.target(ref, path)
    const name = `d${this.#names.size}`
    this.#names.set(ref, name)
    this.#waiting.push({ ref, name, target })
    return name
  }

  #withoutRef(schema: SchemaObject, path: DocumentPath): SchemaObject {
    for (const keyword of REFUSED) {
      if (keyword in schema) throw new DocumentFault([...path, keyword], `\`${keyword}\` is not supported in OpenAPI files`)
    }
    if (!DIALECTS.includes(schema['$schema'])) throw new DocumentFault([...path, '$schema'], 'only JSON Schema 2020-12 is read')
    this.#checkPatterns(schema, path)
    const { format } = schema
    if (typeof format === 'string' && !isKnownFormat(format)) this.#remark([...path, 'format'], `the format \`${format}\` is not checked`)
    const kept: [string, unknown][] = []
    for (const [keyword, value] of Object.entries(schema)) {
      if (KEYWORDS.has(keyword) && !DROPPED.has(keyword)) kept.push([keyword, value])
      else if (!DROPPED.has(keyword) && !keyword.startsWith('x-')) this.#remark([...path, keyword], `\`${keyword}\` has no effect`)
    }
    const result = { ...Object.fromEntries(kept), ...(this.#is30 ? this.#from30(schema, path) : this.#from31(schema, path)) }
    return withoutUndefined({ ...result, ...this.#requiredInRequests(schema) })
  }

  /** OpenAPI 3.0.3, schema object: `nullable`, and exclusive bounds that are booleans. Undefined takes a keyword away. */
  #from30({ type, nullable, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaObject, path: DocumentPath): SchemaObject {
    if (nullable === true && type === undefined) {
      this.#remark([...path, 'nullable'], '`nullable` has no effect without a `type` beside it')
    }
    return {
      ...(nullable === true && typeof type === 'string' && { type: [type, 'null'] }),
      ...(typeof exclusiveMinimum === 'boolean' && { exclusiveMinimum: exclusiveMinimum ? minimum : undefined }),
      ...(exclusiveMinimum === true && { minimum: undefined }),
      ...(typeof exclusiveMaximum === 'boolean' && { exclusiveMaximum: exclusiveMaximum ? maximum : undefined }),
      ...(exclusiveMaximum === true && { maximum: undefined }),
    }
  }

  #from31(schema: SchemaObject, path: DocumentPath): SchemaObject {
    if (!('nullable' in schema)) return {}
    throw new DocumentFault([...path, 'nullable'], '`nullable` is of OpenAPI 3.0: write `type: [string, "null"]`')
  }

  /** OpenAPI 3.0.3, schema object: a property that is `readOnly` is required in responses only. */
  #requiredInRequests({ properties, required }: SchemaObject): SchemaObject {
    if (!Array.isArray(required) || !isObject(properties)) return {}
    const wanted: unknown[] = required.filter((name: unknown) => !this.#isReadOnly(properties[String(name)]))
    return wanted.length === required.length ? {} : { required: wanted.length === 0 ? undefined : wanted }
  }

  #isReadOnly(property: unknown): boolean {
    if (!isObject(property)) return false
    if (property['readOnly'] === true) return true
    const { $ref } = property
    for (const [ref, name] of this.#names) {
      if ($ref !== `#/$defs/${name}`) continue
      const target = this.#document.target(ref, [])
      return isObject(target) && target['readOnly'] === true
    }
    return false
  }

  #checkPatterns({ pattern, patternProperties }: SchemaObject, path: DocumentPath): void {
    const check = (text: string, at: DocumentPath): void => {
      const regex = compileEcmaRegex(text)
      if ('problem' in regex) throw new DocumentFault(at, `the pattern cannot be used: ${regex.problem}`)
    }
    if (typeof pattern === 'string') check(pattern, [...path, 'pattern'])
    if (isObject(patternProperties)) for (const name of Object.keys(patternProperties)) check(name, [...path, 'patternProperties', name])
  }
}

function withoutUndefined(schema: SchemaObject): SchemaObject {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined))
}
