import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromBinary, toJson } from '@bufbuild/protobuf'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { isList, type JsonValue, membersOf, textAt } from '../../core/openapi.ts'
import { decodeDescriptorSet, registryOf } from './descriptor-set.ts'
import { describe } from './openapi.ts'
import { bytesOf, call, messageNamed, resolvedOptions, SHOP, stepsFor } from './testing.ts'

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return isList(value) ? value : []
}

const description = await describe(await resolvedOptions({ autoMapping: true }))
const operations = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation: membersOf(operation) })),
)

test('each binding is an operation of its own, and a method that OpenAPI has no word for is left out', () => {
  assert.deepEqual(
    operations.map(({ method, path, operation }) => `${method} ${path} ${textAt(operation, 'operationId')}`),
    [
      'GET /v1/shelves/{shelve}/items/{item} shop.v1.Shop.GetItem',
      'PATCH /v1/shelves/{shelve}/items/{item} shop.v1.Shop.UpdateItem',
      'GET /v1/items/{name} shop.v1.Shop.GetItem_2',
      'GET /v1/shelves/{shelve}/items shop.v1.Shop.ListItems',
      'POST /v1/shelves/{shelve}/items shop.v1.Shop.CreateItem',
      'POST /v1/shelves/{shelve}/items/{item}:move shop.v1.Shop.MoveItem',
      'GET /v1/files/{name} shop.v1.Shop.ReadFile',
      'PUT /v1/files/{name} shop.v1.Shop.WriteFile',
      'GET /v1/shelves/{shelve}:watch shop.v1.Shop.Watch',
      'POST /v1/items:upload shop.v1.Shop.Upload',
      'POST /shop.v1.Shop/Unmapped shop.v1.Shop.Unmapped',
    ].toSorted((one, other) => order(one) - order(other)),
  )
})

/** Where an operation stands: the order of paths is that of their first methods. */
function order(line: string): number {
  return operations.findIndex(({ method, path }) => line.startsWith(`${method} ${path} `))
}

test('the parameters of a path are those in its braces, and what is called is what is described', async () => {
  const steps = await stepsFor({ autoMapping: true })
  for (const { path, method, operation } of operations) {
    const named = [...path.matchAll(/\{([^{}]+)\}/g)].map(([, name]) => name)
    const inPath = list(operation['parameters'])
      .map(membersOf)
      .filter((parameter) => parameter['in'] === 'path')
    assert.deepEqual(
      inPath.map(({ name }) => name),
      named,
      path,
    )
    const { exchange, reply } = await call(steps, { method, path: path.replaceAll(/\{[^{}]+\}/g, 'x') })
    assert.equal(reply, null, path)
    const id = textAt(operation, 'operationId').replace(/_\d$/, '')
    assert.equal(exchange.forward.path, `/${id.slice(0, id.lastIndexOf('.'))}/${id.slice(id.lastIndexOf('.') + 1)}`)
  }
})

test('references lead to schemas, and schemas fit what messages look like', () => {
  const text = JSON.stringify(description)
  for (const [, name = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) assert.ok(description.schemas[name] !== undefined, name)
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'api', components: { schemas: description.schemas } })
  const validate = ajv.compile({ $ref: 'api#/components/schemas/shop.v1.Item' })
  const samples: readonly JsonValue[] = [
    {},
    { name: 'a', priceCents: '9007199254740993', view: 'FULL', parts: [{ name: 'b' }], owner: 'o' },
    { notes: { any: ['json', null, 1] }, extra: { '@type': 'type.googleapis.com/shop.v1.Page', size: 3 } },
  ]
  for (const sample of samples) {
    const printed = toJson(messageNamed('Item'), fromBinary(messageNamed('Item'), bytesOf('Item', Object(sample))), { registry })
    assert.ok(validate(printed), JSON.stringify(validate.errors))
  }
  assert.equal(validate({ name: 1 }), false)
  assert.equal(validate({ view: 'NOPE' }), false)
})

const registry = registryOf(decodeDescriptorSet((await resolvedOptions()).descriptorSet ?? ''))

test('parameters of a query are fields that are neither in the path nor in the body', () => {
  const listItems = operations.find(({ operation }) => operation['operationId'] === 'shop.v1.Shop.ListItems')
  const parameters = list(listItems?.operation['parameters']).map(membersOf)
  assert.deepEqual(
    parameters.map((parameter) => parameter['name']),
    [
      'shelve',
      'tags',
      'views',
      'page.size',
      'page.token',
      'since',
      'within',
      'sold',
      'least',
      'cursor',
      'deep',
      'ratio',
      'big',
      'colour',
      'shape',
    ],
  )
  assert.deepEqual(parameters[1]?.['schema'], { type: 'array', items: { type: 'string' } })
  const create = operations.find(({ operation }) => operation['operationId'] === 'shop.v1.Shop.CreateItem')
  assert.deepEqual(
    list(create?.operation['parameters']).map((parameter) => membersOf(parameter)['name']),
    ['shelve', 'itemId'],
  )
})

test('bodies and answers have the types that they have', () => {
  const contents = (id: string) => {
    const { operation } = operations.find((one) => one.operation['operationId'] === `shop.v1.Shop.${id}`) ?? assert.fail(id)
    const body = operation['requestBody'] === undefined ? {} : membersOf(membersOf(operation['requestBody'])['content'])
    return [Object.keys(body), Object.keys(membersOf(membersOf(membersOf(operation['responses'])['200'])['content']))]
  }
  assert.deepEqual(contents('GetItem'), [[], ['application/json']])
  assert.deepEqual(contents('CreateItem'), [['application/json'], ['application/json']])
  assert.deepEqual(contents('ReadFile'), [[], ['*/*']])
  assert.deepEqual(contents('WriteFile'), [['*/*'], ['application/json']])
  assert.deepEqual(contents('Watch'), [[], ['application/x-ndjson', 'text/event-stream']])
  assert.deepEqual(contents('Upload'), [['application/x-ndjson'], ['application/json']])
})

test('comments of the .proto file are the words of the description', () => {
  assert.deepEqual(description.tags, [{ name: 'shop.v1.Shop', description: 'Sells things.' }])
  assert.equal(operations[0]?.operation['description'], 'Gives an item.')
  const item = membersOf(description.schemas['shop.v1.Item'])
  assert.equal(item['description'], 'A thing to be sold.')
  assert.equal(membersOf(membersOf(item['properties'])['name'])['description'], 'Where it lies.')
})

test('names and enums are those that the options print, and the base path is there', async () => {
  const printed = await describe(await resolvedOptions({ basePath: '/api', print: { protoNames: true, enumsAsNumbers: true } }))
  assert.ok(Object.keys(printed.paths).every((path) => path.startsWith('/api/v1/')))
  assert.ok('price_cents' in membersOf(membersOf(printed.schemas['shop.v1.Item'])['properties']))
  assert.deepEqual(printed.schemas['shop.v1.View'], { type: 'integer', enum: [0, 1] })
})

test('paths that differ in the names of their parameters alone are one', async () => {
  const proto = SHOP.replace(
    'rpc Unmapped(Item) returns (Item);',
    `rpc Unmapped(Item) returns (Item) { option (google.api.http) = { delete: "/v1/items/{owner}" }; }`,
  )
  const { paths } = await describe(await resolvedOptions({}, proto))
  const item = membersOf(paths['/v1/items/{name}'])
  assert.deepEqual(Object.keys(item).toSorted(), ['delete', 'get'])
  assert.equal(membersOf(list(membersOf(item['delete'])['parameters'])[0])['name'], 'name')
})
