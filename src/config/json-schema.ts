import { z } from '../core/schema.ts'
import { nativeSchema } from './schema.ts'

export type JsonSchema = z.core.JSONSchema.BaseSchema

/** The written form of a configuration as JSON Schema 2020-12, just as the schema exports it: for documentation and for hiding secrets. */
export function writtenJsonSchema(policySchemas: ReadonlyMap<string, z.ZodType>): JsonSchema {
  return z.toJSONSchema(nativeSchema(policySchemas), { io: 'input' })
}

/** The key whose schema is the same wherever it stands, and large. */
const POLICIES = 'policies'
const INTERPOLATION = 'interpolation'

/**
 * The same for editors and other tools: with a title, with `writeOnly` for secrets, and with an interpolation allowed wherever a number, a word
 * or text of a certain form is expected.
 */
export function editorJsonSchema(policySchemas: ReadonlyMap<string, z.ZodType>): JsonSchema {
  const { $schema, ...schema } = writtenJsonSchema(policySchemas)
  const policies = schema.properties?.[POLICIES]
  return {
    $schema: $schema ?? 'https://json-schema.org/draft/2020-12/schema',
    title: 'Turnpike configuration',
    description: 'The native form of a Turnpike configuration file.',
    ...forEditors(schema, false),
    $defs: {
      ...(typeof policies === 'object' ? { [POLICIES]: forEditors(policies, false) } : {}),
      [INTERPOLATION]: {
        type: 'string',
        pattern: '\\$\\{(env|file):[^}]+\\}',
        description: `The value of an environment variable, \`\${env:NAME}\`, or of a file, \`\${file:/path}\`.`,
      },
    },
  }
}

/** @param isBranch whether the schema is one of several, among which the interpolation is another already */
function forEditors(schema: JsonSchema, isBranch: boolean): JsonSchema {
  const { secret, properties, additionalProperties, items, anyOf, ...rest } = schema
  const result: JsonSchema = { ...rest }
  if (secret === true) result.writeOnly = true
  if (properties !== undefined) result.properties = mapValues(properties)
  if (additionalProperties !== undefined) result.additionalProperties = mapOne(additionalProperties, false)
  if (items !== undefined) result.items = Array.isArray(items) ? items.map((item) => mapOne(item, false)) : mapOne(items, false)
  if (anyOf !== undefined) {
    const branches = anyOf.map((branch) => mapOne(branch, true))
    const open = !isBranch && anyOf.some(isNarrow) && !anyOf.some(takesAnyText)
    result.anyOf = open ? [...branches, { $ref: `#/$defs/${INTERPOLATION}` }] : branches
    return result
  }
  if (isBranch || !isNarrow(result)) return result
  const { description, default: preset, ...form } = result
  return {
    ...(description === undefined ? {} : { description }),
    ...(preset === undefined ? {} : { default: preset }),
    anyOf: [form, { $ref: `#/$defs/${INTERPOLATION}` }],
  }
}

function mapOne<S extends JsonSchema | boolean>(schema: S, isBranch: boolean): S | JsonSchema {
  return typeof schema === 'object' ? forEditors(schema, isBranch) : schema
}

function mapValues(schemas: Readonly<Record<string, JsonSchema | boolean>>): Record<string, JsonSchema | boolean> {
  return Object.fromEntries(
    Object.entries(schemas).map(([key, schema]) => [key, key === POLICIES ? shared(schema) : mapOne(schema, false)]),
  )
}

function shared(policies: JsonSchema | boolean): JsonSchema {
  const { description } = typeof policies === 'object' ? policies : {}
  return { ...(description === undefined ? {} : { description }), $ref: `#/$defs/${POLICIES}` }
}

/** Whether a scalar takes less than any text, so that an interpolation would seem wrong to an editor. */
function isNarrow({ type, pattern, enum: words, const: value }: JsonSchema): boolean {
  if (type === 'integer' || type === 'number' || type === 'boolean') return true
  return pattern !== undefined || words !== undefined || value !== undefined
}

function takesAnyText(schema: JsonSchema): boolean {
  return schema.type === 'string' && !isNarrow(schema)
}
