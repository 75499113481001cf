/** The shape of JSON Schema itself: which keywords hold schemas, and how to walk through them. */

export type JsonSchema = boolean | SchemaObject
export type SchemaObject = Readonly<Record<string, unknown>>
type Path = readonly (string | number)[]

/** Something to be said of a place within a schema. */
export interface SchemaRemark {
  readonly path: Path
  readonly message: string
}

/** Keywords whose value is a schema. */
const SCHEMAS: ReadonlySet<string> = new Set([
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
])
/** Keywords whose value is a list of schemas. */
const LISTS: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
/** Keywords whose value is a map of schemas by names that are free. */
const MAPS: ReadonlySet<string> = new Set(['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties'])
/** All other keywords of the 2020-12 vocabularies, and those of OpenAPI that say nothing of what is valid. */
const PLAIN: readonly string[] = [
  '$anchor $comment $dynamicAnchor $dynamicRef $id $ref $schema $vocabulary const contentEncoding',
  'contentMediaType default dependentRequired deprecated description enum examples exclusiveMaximum',
  'exclusiveMinimum format maxContains maxItems maxLength maxProperties maximum minContains minItems',
  'minLength minProperties minimum multipleOf pattern readOnly required title type uniqueItems writeOnly',
  'discriminator example externalDocs xml',
].flatMap((line) => line.split(' '))
export const KEYWORDS: ReadonlySet<string> = new Set([...SCHEMAS, ...LISTS, ...MAPS, ...PLAIN])

/** Deepest nesting of schemas within each other. */
const DEPTH_MAX = 100

export function isObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || isObject(value)
}

/** A schema with every schema within it replaced, the innermost first; what is no schema is kept as it is. */
export function mapSchema(
  schema: JsonSchema,
  replace: (schema: SchemaObject, path: Path) => JsonSchema,
  path: Path = [],
  depth = 0,
): JsonSchema {
  if (!isObject(schema)) return schema
  if (depth > DEPTH_MAX) throw new Error(`schemas are nested deeper than ${DEPTH_MAX} levels`)
  const inner = (value: unknown, ...at: Path): unknown => (isSchema(value) ? mapSchema(value, replace, [...path, ...at], depth + 1) : value)
  const mapped = Object.entries(schema).map(([keyword, value]): [string, unknown] => {
    if (SCHEMAS.has(keyword)) return [keyword, inner(value, keyword)]
    if (LISTS.has(keyword) && Array.isArray(value)) return [keyword, value.map((item: unknown, index) => inner(item, keyword, index))]
    if (MAPS.has(keyword) && isObject(value)) {
      return [keyword, Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inner(item, keyword, name)]))]
    }
    return [keyword, value]
  })
  return replace(Object.fromEntries(mapped), path)
}

/** Calls back for each schema object within a schema, itself included. */
export function walkSchema(schema: JsonSchema, visit: (schema: SchemaObject, path: Path) => void): void {
  mapSchema(schema, (inner, path) => {
    visit(inner, path)
    return inner
  })
}

/** What a JSON pointer in a fragment (`#/a/b`) leads to within a document; undefined for nothing. */
export function atPointer(document: unknown, fragment: string): unknown {
  let value: unknown = document
  for (const part of fragment.split('/').slice(1)) {
    let name: string
    try {
      name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    } catch {
      return undefined
    }
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = Object.getOwnPropertyDescriptor(value, name)?.value
  }
  return value
}

/** Whether a schema looks at what its other parts have left over. */
export function usesUnevaluated(schema: JsonSchema): boolean {
  let uses = false
  walkSchema(schema, (inner) => {
    uses ||= 'unevaluatedProperties' in inner || 'unevaluatedItems' in inner
  })
  return uses
}

const BRANCHES = ['anyOf', 'oneOf', 'if'] as const

/**
 * What ajv loses track of in schemas that use `unevaluatedProperties` (its issues 2483 and 2559: valid values are refused, or it throws);
 * null for nothing. To be refused when the configuration is checked.
 */
export function untrackable(schema: SchemaObject): string | null {
  const hasBranches = BRANCHES.some((keyword) => keyword in schema)
  if ('dependentSchemas' in schema)
    return '`dependentSchemas` is not supported in schemas that use `unevaluatedProperties`: use `if` and `then`'
  for (const keyword of ['$ref', 'patternProperties']) {
    if (hasBranches && keyword in schema) {
      return `\`${keyword}\` beside \`anyOf\`, \`oneOf\` or \`if\` is not supported in schemas that use \`unevaluatedProperties\`: put it into an \`allOf\``
    }
  }
  return null
}
