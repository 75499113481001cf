import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from '../core/schema.ts'
import { editorJsonSchema, type JsonSchema } from './json-schema.ts'
import { loadSchemas } from './load.ts'
import { TEST_POLICIES } from './testing.ts'

/** Every schema within a schema, itself included. */
function schemasIn(schema: unknown): JsonSchema[] {
  if (typeof schema !== 'object' || schema === null) return []
  return [schema as JsonSchema, ...Object.values(schema).flatMap(schemasIn)]
}

test('every reference of the exported schema leads somewhere', async () => {
  const schema = editorJsonSchema(await loadSchemas(TEST_POLICIES))
  const references = schemasIn(schema).flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : []))
  assert.deepEqual([...new Set(references)].sort(), ['#/$defs/interpolation', '#/$defs/policies'])
  assert.deepEqual(Object.keys(schema.$defs ?? {}).sort(), ['interpolation', 'policies'])
})

test('only keywords of the standard are exported', async () => {
  const formats = schemasIn(editorJsonSchema(await loadSchemas(TEST_POLICIES))).flatMap(({ format }) =>
    typeof format === 'string' ? [format] : [],
  )
  assert.deepEqual(formats, [])
  const secret = schemasIn(editorJsonSchema(await loadSchemas(TEST_POLICIES))).find(({ writeOnly }) => writeOnly === true)
  assert.equal(secret?.['secret'], undefined)
  assert.equal(secret?.type, 'string')
})

test('an interpolation is allowed where a number or a word is expected', async () => {
  const schema = editorJsonSchema(new Map([['p', z.strictObject({ mode2: z.enum(['a']), on: z.boolean(), name: z.string() })]]))
  const block = schemasIn(schema.$defs?.['policies']).find(({ properties }) => properties?.['mode2'] !== undefined)
  const allowed = Object.entries(block?.properties ?? {}).filter(([, inner]) => JSON.stringify(inner).includes('#/$defs/interpolation'))
  assert.deepEqual(
    allowed.map(([key]) => key),
    ['mode2', 'on', 'mode'],
  )
})

test('every key is described', async () => {
  const silent = schemasIn(editorJsonSchema(new Map())).flatMap(({ properties }) =>
    Object.entries(properties ?? {}).flatMap(([key, inner]) => (typeof inner === 'object' && inner.description !== undefined ? [] : [key])),
  )
  assert.deepEqual(silent, [])
})
