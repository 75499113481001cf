import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { ENDPOINTS } from './endpoints.ts'
import { openApiDocument } from './openapi.ts'

interface Described {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly security: readonly unknown[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly content?: Content }>>
}

type Content = Readonly<Record<string, { readonly schema: object }>>

// It has been through JSON, as a client gets it.
const described = JSON.parse(JSON.stringify(openApiDocument(ENDPOINTS))) as Described
const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

test('every endpoint is described once, under an id of its own', () => {
  assert.equal(described.openapi, '3.1.0')
  assert.equal(operations.length, ENDPOINTS.length)
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, ENDPOINTS.length)
  for (const { path, method, role, body } of ENDPOINTS) {
    const operation = described.paths[path]?.[method.toLowerCase()]
    assert.ok(operation, `${method} ${path}`)
    assert.equal(operation.security.length === 0, role === 'public', path)
    assert.equal(operation.requestBody === undefined, body === undefined, path)
  }
})

test('the parameters of a path are those of its template', () => {
  for (const { path, operation } of operations) {
    const inTemplate = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name)
    const described = (operation.parameters ?? []).filter(({ in: place }) => place === 'path').map(({ name }) => name)
    assert.deepEqual(described, inTemplate, path)
  }
})

test('every schema is one of JSON Schema 2020-12, and every reference leads somewhere', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  for (const { path, operation } of operations) {
    const contents = [operation.requestBody?.content, ...Object.values(operation.responses).map(({ content }) => content)]
    for (const content of contents)
      for (const { schema } of Object.values(content ?? {})) if (!('$ref' in schema)) assert.doesNotThrow(() => ajv.compile(schema), path)
  }
  const references = JSON.stringify(described).matchAll(/"\$ref":"#\/([^"]+)"/g)
  for (const [, pointer = ''] of references) {
    const found = pointer.split('/').reduce<unknown>((value, key) => memberOf(value, key), described)
    assert.ok(found !== undefined, pointer)
  }
})

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined
}

test('the description in docs is that of the code', () => {
  const file = join(import.meta.dirname, '..', '..', 'docs', 'admin-openapi.json')
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), described, 'run `npm run generate`')
})
