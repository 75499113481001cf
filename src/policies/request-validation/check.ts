/** What is said of schemas when a configuration is checked. Not loaded in workers. */

import { nearest } from '../../core/nearest.ts'
import type { Remark } from '../../core/policy.ts'
import { compileEcmaRegex } from '../../core/regex.ts'
import { Engine } from './engine.ts'
import { isKnownFormat } from './formats.ts'
import {
  atPointer,
  isObject,
  type JsonSchema,
  KEYWORDS,
  type SchemaObject,
  type SchemaRemark,
  untrackable,
  usesUnevaluated,
  walkSchema,
} from './json-schema.ts'
import { metaProblems } from './meta-schema.ts'
import type { RequestValidationOptions } from './options.ts'
import { localDeref, sameInstance, shapeOf } from './shape.ts'

/** What is to be said of options. Their files have been read. */
export function remarksOn({ body, query, headers, params, api }: RequestValidationOptions): readonly Remark[] {
  if (api !== undefined) return api.remarks.map((message) => ({ severity: 'warning', path: ['openapi'], message }))
  return [
    ...remarksOnSchema('body', body),
    ...Object.entries({ query, headers, params }).flatMap(([part, schema]) => [
      ...remarksOnSchema(part, schema),
      ...remarksOnParameters(part, schema),
    ]),
  ]
}

function remarksOnSchema(part: string, schema: JsonSchema | undefined): Remark[] {
  if (schema === undefined) return []
  const remark = (severity: Remark['severity'], { path, message }: SchemaRemark): Remark => ({ severity, path: [part, ...path], message })
  const problems = schemaProblems(schema)
  if (problems.length > 0) return problems.map((problem) => remark('error', problem))
  return schemaWarnings(schema).map((warning) => remark('warning', warning))
}

/** Keywords that speak of members which no other keyword names. Of headers only those are shown to a schema that it names. */
const OF_OTHERS = ['additionalProperties', 'patternProperties', 'propertyNames', 'unevaluatedProperties', 'minProperties', 'maxProperties']

function remarksOnParameters(part: string, schema: JsonSchema | undefined): Remark[] {
  if (schema === undefined) return []
  const remarks: Remark[] = []
  const { types } = shapeOf(schema, localDeref(schema))
  if (types.length > 0 && !types.includes('object')) {
    remarks.push({ severity: 'error', path: [part], message: 'expected a schema of an object, with a property for each parameter' })
  }
  if (part !== 'headers') return remarks
  for (const inner of sameInstance(schema, localDeref(schema))) {
    for (const keyword of OF_OTHERS.filter((name) => name in inner)) {
      remarks.push({
        severity: 'error',
        path: [part],
        message: `\`${keyword}\` cannot be said of headers: a request has others than those that you name`,
      })
    }
  }
  return remarks
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'

/** Everything that keeps a schema of JSON Schema 2020-12 from being used; empty for a good one. */
export function schemaProblems(schema: JsonSchema): readonly SchemaRemark[] {
  try {
    const problems = keywordProblems(schema)
    if (problems.length > 0) return problems
    const malformed = metaProblems(schema)
    if (malformed.length > 0) return malformed
    new Engine().compileNow(schema)
    return []
  } catch (error) {
    return [{ path: [], message: `the schema cannot be used: ${error instanceof Error ? error.message : String(error)}` }]
  }
}

/** Problems of single keywords, found without compiling. */
function keywordProblems(schema: JsonSchema): SchemaRemark[] {
  const problems: SchemaRemark[] = []
  const ids = new Set<unknown>()
  const tracks = usesUnevaluated(schema)
  walkSchema(schema, (inner) => {
    if (inner['$id'] !== undefined) ids.add(inner['$id'])
  })
  walkSchema(schema, (inner, path) => {
    const complain = (keyword: string, message: string) => problems.push({ path: [...path, keyword], message })
    const { $schema, $ref } = inner
    if ($schema !== undefined && $schema !== DIALECT) complain('$schema', `expected \`${DIALECT}\`: other dialects are not read`)
    if ('$async' in inner) complain('$async', 'checks do not wait')
    if ('nullable' in inner) complain('nullable', '`nullable` is no keyword of JSON Schema 2020-12: write `type: [string, "null"]`')
    if (typeof $ref === 'string' && ids.size === 0) {
      if (!$ref.startsWith('#')) complain('$ref', 'a reference leads to a place in the same schema: `#/$defs/name`')
      else if (($ref.startsWith('#/') || $ref === '#') && atPointer(schema, $ref) === undefined)
        complain('$ref', 'the reference leads to nothing')
    }
    const lost = tracks ? untrackable(inner) : null
    if (lost !== null) problems.push({ path, message: lost })
    for (const [at, pattern] of patternsOf(inner)) {
      const regex = compileEcmaRegex(pattern)
      if ('problem' in regex) problems.push({ path: [...path, ...at], message: `the pattern cannot be used: ${regex.problem}` })
    }
  })
  return problems
}

function patternsOf({ pattern, patternProperties }: SchemaObject): (readonly [readonly string[], string])[] {
  return [
    ...(typeof pattern === 'string' ? [[['pattern'], pattern] as const] : []),
    ...(isObject(patternProperties) ? Object.keys(patternProperties).map((name) => [['patternProperties', name], name] as const) : []),
  ]
}

/** What is allowed but seldom meant. */
export function schemaWarnings(schema: JsonSchema): readonly SchemaRemark[] {
  const warnings: SchemaRemark[] = []
  if (acceptsAnything(schema)) warnings.push({ path: [], message: 'this schema accepts anything' })
  walkSchema(schema, (inner, path) => {
    for (const keyword of Object.keys(inner)) {
      if (KEYWORDS.has(keyword) || keyword.startsWith('x-') || keyword === 'nullable') continue
      const near = nearest(keyword, [...KEYWORDS])
      const guess = near === null ? '' : `; did you mean \`${near}\`?`
      warnings.push({ path: [...path, keyword], message: `\`${keyword}\` is no keyword of JSON Schema and has no effect${guess}` })
    }
    const { format } = inner
    if (typeof format === 'string' && !isKnownFormat(format)) {
      warnings.push({ path: [...path, 'format'], message: `the format \`${format}\` is not checked` })
    }
  })
  return warnings
}

const ANNOTATIONS: ReadonlySet<string> = new Set(
  '$comment $defs $id $schema default definitions deprecated description example examples externalDocs readOnly title writeOnly xml'.split(
    ' ',
  ),
)

/** Whether nothing in a schema, at its top, restricts anything. */
export function acceptsAnything(schema: JsonSchema): boolean {
  return schema === true || (isObject(schema) && Object.keys(schema).every((keyword) => ANNOTATIONS.has(keyword)))
}
