/** The description of endpoints: parameters, bodies without what the path gives, faults, header blocks. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ApiDescription, JsonValue } from '../../core/openapi.ts'
import { readOpenApi } from '../request-validation/openapi.ts'
import { soap } from './policy.ts'
import { resolved, wsdlOf } from './testing.ts'

const EXAMPLE = new URL('../../../examples/soap/', import.meta.url)
const FILES = {
  'a.wsdl': readFileSync(new URL('stock.wsdl', EXAMPLE), 'utf8'),
  'stock.xsd': readFileSync(new URL('stock.xsd', EXAMPLE), 'utf8'),
}

async function describe(
  options: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>> = FILES,
): Promise<ApiDescription> {
  const description = await soap.describeApi?.(await resolved(options, files))
  assert.ok(description)
  const document = {
    openapi: '3.1.0',
    info: { title: 't', version: '1' },
    paths: description.paths,
    components: { schemas: description.schemas },
  }
  // It is a document that others can read.
  readOpenApi('api.json', JSON.stringify(document), '')
  return description
}

/** The part of a description at a path of names. */
function at(value: JsonValue | ApiDescription['paths'] | undefined, ...names: readonly string[]): unknown {
  let found: unknown = value
  for (const name of names)
    found = typeof found === 'object' && found !== null ? Object.entries(found).find(([key]) => key === name)?.[1] : undefined
  return found
}

test('an endpoint has the parameters of its path and query, and the documentation of the WSDL', async () => {
  const { paths, schemas } = await describe({
    basePath: '/v1',
    operations: { GetQuote: { method: 'GET', path: '/quotes/:symbol' }, ListQuotes: { method: 'GET', path: '/quotes' } },
    faults: { UnknownSymbol: 404 },
  })
  assert.deepEqual(Object.keys(paths), ['/v1/quotes/{symbol}', '/v1/quotes', '/v1/PlaceOrder', '/v1/Watch'])
  assert.equal(at(paths, '/v1/quotes/{symbol}', 'get', 'description'), 'The price of one stock.')
  const symbol = { $ref: '#/components/schemas/Symbol' }
  assert.deepEqual(at(paths, '/v1/quotes/{symbol}', 'get', 'parameters'), [{ name: 'symbol', in: 'path', required: true, schema: symbol }])
  assert.deepEqual(at(paths, '/v1/quotes', 'get', 'parameters'), [
    { name: 'symbol', in: 'query', schema: { type: 'array', items: symbol } },
    { name: 'limit', in: 'query', schema: { type: 'integer', format: 'int32', minimum: -2147483648, maximum: 2147483647 } },
  ])
  assert.equal(at(paths, '/v1/quotes', 'get', 'requestBody'), undefined)
  assert.deepEqual(Object.keys(Object(at(paths, '/v1/quotes/{symbol}', 'get', 'responses')) as object), ['200', '400', '404', '502'])
  assert.deepEqual(Object.keys(Object(at(paths, '/v1/Watch', 'post', 'responses')) as object), ['202', '400', '502'])
  assert.deepEqual(schemas['Symbol'], {
    type: 'string',
    pattern: '^(?:[A-Z]{1,6})$',
    description: 'The letters of a stock, such as ACME.',
  })
  assert.deepEqual(schemas['Money'], {
    type: 'object',
    properties: { $type: { const: 'Money' }, '@currency': { type: 'string' }, $value: { type: 'number' } },
    required: ['@currency', '$value'],
    additionalProperties: false,
  })
})

test('a body lacks what the path gives, and has the header blocks', async () => {
  const schema =
    '<xs:element name="in"><xs:complexType><xs:sequence><xs:element name="id" type="xs:int"/><xs:element name="n" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType></xs:element><xs:element name="out" type="xs:int"/><xs:element name="Session" type="xs:string"/>'
  const messages =
    '<message name="In"><part name="p" element="t:in"/><part name="h" element="t:Session"/></message><message name="Out"><part name="p" element="t:out"/></message>'
  const binding =
    '<input><soap:header message="t:In" part="h" use="literal"/><soap:body parts="p" use="literal"/></input><output><soap:body use="literal"/></output>'
  const { paths } = await describe(
    { operations: { Op: { method: 'PUT', path: '/op/:id' } } },
    { 'a.wsdl': wsdlOf({ schema, messages, binding }) },
  )
  const body = at(paths, '/op/{id}', 'put', 'requestBody')
  assert.deepEqual(body, {
    required: false,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: {
            n: { type: 'string' },
            $header: {
              type: 'object',
              properties: { Session: { type: 'string' } },
              additionalProperties: false,
              description: 'Header blocks of the call.',
            },
          },
          additionalProperties: false,
        },
      },
    },
  })
  const out = {
    type: 'object',
    properties: { out: { type: 'integer', format: 'int32', minimum: -2147483648, maximum: 2147483647 } },
    required: ['out'],
    additionalProperties: false,
  }
  assert.deepEqual(at(paths, '/op/{id}', 'put', 'responses', '200', 'content', 'application/json', 'schema'), out)
})
