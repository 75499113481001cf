/** The engine beside plain ajv, which decides the same without our bounds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import * as fc from 'fast-check'
import { Engine } from './engine.ts'
import type { SchemaObject } from './json-schema.ts'

const SCHEMAS: readonly SchemaObject[] = [
  {
    type: 'object',
    properties: { a: { type: 'integer', minimum: 0 }, b: { type: 'string', maxLength: 3 } },
    required: ['a'],
    additionalProperties: false,
  },
  { type: 'array', items: { anyOf: [{ type: 'number' }, { type: 'array', uniqueItems: true }] }, minItems: 1, uniqueItems: true },
  {
    $defs: { tree: { properties: { a: { $ref: '#/$defs/tree' }, b: { $ref: '#/$defs/tree' } }, maxProperties: 2 } },
    $ref: '#/$defs/tree',
    type: 'object',
  },
  {
    oneOf: [{ required: ['a'], properties: { a: { type: 'string' } } }, { required: ['b'] }],
    patternProperties: { '^c': { type: 'null' } },
    type: 'object',
  },
  {
    type: 'object',
    allOf: [{ properties: { a: true } }, { $ref: '#/$defs/c' }, { patternProperties: { '^cc': true } }],
    $defs: { c: { properties: { c: true } } },
    anyOf: [{ properties: { b: true }, required: ['b'] }, true],
    unevaluatedProperties: { type: 'boolean' },
    dependentRequired: { b: ['c'] },
  },
  { prefixItems: [{ type: 'string', pattern: '^[a-c]*$' }], items: { const: 1 }, contains: { const: 1 }, type: 'array' },
]

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: -2, max: 2 }),
    fc.constantFrom('', 'a', 'abcd', null, true, 1.5),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'cc'), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value

function compileWith(oracle: Ajv2020, schema: SchemaObject) {
  oracle.opts.unevaluated = 'unevaluatedProperties' in schema
  return oracle.compile(schema)
}

test('the engine decides as ajv does', () => {
  // Without keeping track where that is not needed: ajv throws for the fourth schema otherwise.
  const oracle = new Ajv2020({ strict: false })
  const engine = new Engine()
  const pairs = SCHEMAS.map((schema) => ({ expected: compileWith(oracle, schema), ours: engine.validator(schema) }))
  let valid = 0
  let invalid = 0
  fc.assert(
    fc.property(value, (written) => {
      for (const { expected, ours } of pairs) {
        const findings = ours.check(written, 1_000)
        assert.equal(findings === null, expected(written))
        if (findings === null) valid++
        else if (findings !== 'too complex') invalid += findings.errors.length
      }
    }),
    { numRuns: 1_500 },
  )
  assert.ok(valid > 100 && invalid > 100, `${valid} ${invalid}`)
})

test('a good value passes, and with one thing changed it does not', () => {
  const validator = new Engine().validator({
    type: 'object',
    required: ['id', 'lines'],
    properties: {
      id: { type: 'integer', minimum: 1 },
      lines: {
        type: 'array',
        minItems: 1,
        items: { type: 'object', required: ['price'], properties: { price: { type: 'number', exclusiveMinimum: 0 } } },
      },
    },
    additionalProperties: false,
  })
  const price = fc.record({ price: fc.double({ min: 0.01, max: 1e9, noNaN: true }) })
  const good = fc.record({ id: fc.integer({ min: 1 }), lines: fc.array(price, { minLength: 1, maxLength: 5 }) })
  const mutations: readonly ((written: { id: number; lines: { price: number }[] }) => unknown)[] = [
    ({ lines }) => ({ lines }),
    ({ id }) => ({ id }),
    ({ id, lines }) => ({ id: String(id), lines }),
    ({ id, lines }) => ({ id: -id, lines }),
    ({ id, lines }) => ({ id: id + 0.5, lines }),
    ({ id }) => ({ id, lines: [] }),
    ({ id, lines }) => ({ id, lines: [...lines, { price: 0 }] }),
    ({ id, lines }) => ({ id, lines: [{}, ...lines] }),
    ({ id, lines }) => ({ id, lines, more: 1 }),
    ({ id, lines }) => [id, lines],
  ]
  fc.assert(
    fc.property(good, fc.constantFrom(...mutations), (written, mutate) => {
      assert.equal(validator.check(written, 100), null)
      assert.notEqual(validator.check(mutate(written), 100), null)
    }),
  )
})

test('multiples are those of decimal numbers', () => {
  const validator = new Engine().validator({ multipleOf: 0.01 })
  for (const good of [19.99, 0.07, 1e6, 4.35, 0]) assert.equal(validator.check(good, 5), null, String(good))
  for (const bad of [19.995, 0.001]) assert.notEqual(validator.check(bad, 5), null, String(bad))
})
