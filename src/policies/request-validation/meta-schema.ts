/** Whether a schema is one, by the meta-schema of JSON Schema 2020-12. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { atPointer, type JsonSchema, type SchemaRemark } from './json-schema.ts'

const TOLD_MAX = 5

let ajv: Ajv2020 | null = null

/** What of a schema is malformed, by place. */
export function metaProblems(schema: JsonSchema): readonly SchemaRemark[] {
  // Its compilation takes 0.1 s: once, and only where configuration is checked.
  ajv ??= new Ajv2020({ strict: false, logger: false })
  if (ajv.validateSchema(schema) === true) return []
  const byPlace = new Map<string, string[]>()
  for (const { instancePath, keyword, params, message = 'is not valid' } of ajv.errors ?? []) {
    if (keyword === 'anyOf' || keyword === 'if') continue
    const words: unknown = params['allowedValues']
    const said = Array.isArray(words) ? `must be one of ${words.map((word) => `\`${String(word)}\``).join(', ')}` : message
    byPlace.set(instancePath, [...(byPlace.get(instancePath) ?? []), said])
  }
  return [...byPlace].slice(0, TOLD_MAX).map(([pointer, messages]) => ({
    path: pathOf(pointer, schema),
    message: `not JSON Schema 2020-12: ${[...new Set(messages)].join(', or ')}`,
  }))
}

/** The parts of a pointer; indexes of lists as numbers. */
function pathOf(pointer: string, schema: JsonSchema): (string | number)[] {
  const parts = pointer.split('/').slice(1)
  return parts.map((part, index) => {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    return Array.isArray(atPointer(schema, ['', ...parts.slice(0, index)].join('/'))) ? Number(name) : name
  })
}
