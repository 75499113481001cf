import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { remarksOn, stepsFor, toldOf } from './testing.ts'

const SHOP_30 = `
openapi: 3.0.3
info: { title: Shop, version: '1' }
servers: [{ url: 'https://{host}/shop/{v}/', variables: { host: { default: a.example }, v: { default: v1 } } }]
paths:
  /orders:
    parameters:
      - { $ref: '#/components/parameters/Tenant' }
    get:
      operationId: listOrders
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 0, exclusiveMinimum: true, maximum: 100 } }
        - { name: flag, in: query, allowEmptyValue: true, schema: { type: boolean } }
        - { name: ids, in: query, explode: false, schema: { type: array, items: { type: integer }, minItems: 1 } }
        - { name: tags, in: query, schema: { type: array, items: { type: string, maxLength: 3 } } }
        - { name: piped, in: query, style: pipeDelimited, explode: false, schema: { type: array, items: { type: integer } } }
        - { name: spaced, in: query, style: spaceDelimited, explode: false, schema: { type: array, items: { type: integer } } }
        - { name: filter, in: query, style: deepObject, schema: { type: object, properties: { min: { type: integer }, kinds: { type: array, items: { type: string } } }, additionalProperties: false } }
        - { name: page, in: query, schema: { type: object, properties: { from: { type: integer }, size: { type: integer } }, required: [from] } }
        - { name: point, in: query, explode: false, schema: { type: object, properties: { x: { type: integer }, y: { type: integer } } } }
        - { name: where, in: query, content: { application/json: { schema: { type: object, required: [a] } } } }
        - { name: sort, in: query, schema: { anyOf: [{ type: integer }, { type: string, enum: [up, down] }] } }
        - { name: session, in: cookie, required: true, schema: { type: string, minLength: 3 } }
        - { name: X-List, in: header, schema: { type: array, items: { type: integer } } }
        - { name: Accept, in: header, required: true, schema: { type: integer } }
    post:
      requestBody: { $ref: '#/components/requestBodies/Order' }
  /orders/mine:
    get: {}
  /orders/{id}:
    get:
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
  /orders/{id}/lines/{range}:
    get:
      parameters:
        - { name: id, in: path, required: true, schema: { type: string, pattern: '^[a-z]é$' } }
        - { name: range, in: path, required: true, schema: { type: array, items: { type: integer }, maxItems: 2 } }
  /files/{name}.json:
    delete:
      parameters: [{ name: name, in: path, required: true, schema: { type: string, maxLength: 3 } }]
  /upload:
    post:
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: { type: object, required: [n], properties: { n: { type: integer }, l: { type: array, items: { type: boolean } } } }
          image/png: { schema: { type: string, format: binary } }
          'application/*': { schema: { type: object } }
components:
  parameters:
    Tenant: { name: X-Tenant, in: header, required: true, schema: { type: string } }
  requestBodies:
    Order:
      required: true
      content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } }
  securitySchemes:
    key: { type: apiKey, in: query, name: api_key }
  schemas:
    Order:
      type: object
      required: [id, item, next]
      properties:
        id: { type: integer, readOnly: true }
        item: { $ref: '#/components/schemas/Item', description: ignored, minLength: 100 }
        note: { type: string, nullable: true, example: x }
        price: { type: number, minimum: 0, exclusiveMinimum: true }
        next: { allOf: [{ $ref: '#/components/schemas/Link' }] }
      additionalProperties: false
      xml: { name: order }
    Item: { type: string, maxLength: 5 }
    Link: { type: object, properties: { order: { $ref: '#/components/schemas/Order' } } }
`
const options = { openapi: 'shop.yaml', pathPrefix: '/v1' }
const files = { 'shop.yaml': SHOP_30 }
const head = [
  ['X-Tenant', 't'],
  ['Cookie', 'a=b; session="abc"'],
] as const

test('parameters of every place and style are read and checked', async () => {
  const steps = await stepsFor(options, files)
  const told = (query: string, headers: readonly (readonly [string, string])[] = head) =>
    toldOf(steps, { path: '/v1/orders', query, headers })
  for (const query of [
    '',
    'limit=1&unknown=1',
    'flag&limit=100',
    'ids=1,2,-3',
    'tags=a&tags=b%2Cc',
    'piped=1|2&spaced=1%202+3',
    'piped=1%7C2',
    'filter[min]=5&filter%5Bkinds%5D=a&filter[kinds]=b',
    'from=1&size=2',
    'point=x,1,y,2',
    'where=%7B%22a%22:1%7D',
    'sort=5&limit=1',
    'sort=up',
  ]) {
    assert.equal(told(query), null, query)
  }
  for (const [query, violation] of [
    ['limit=0', 'query /limit must be more than 0'],
    ['limit=101', 'query /limit must be at most 100'],
    ['limit=x', 'query /limit must be of type integer'],
    ['limit=1&limit=2', 'query /limit is given more than once'],
    ['flag=1', 'query /flag must be of type boolean'],
    ['ids=1,x', 'query /ids/1 must be of type integer'],
    ['ids=', 'query /ids must have at least 1 items'],
    ['ids=1&ids=2', 'query /ids is given more than once'],
    ['tags=abcd', 'query /tags/0 must have at most 3 characters'],
    ['tags=%ff', 'query /tags is not valid percent-encoded UTF-8'],
    ['piped=1|x', 'query /piped/1 must be of type integer'],
    ['filter[min]=a', 'query /filter/min must be of type integer'],
    ['filter[min]=1&filter[min]=2', 'query /filter is given more than once'],
    ['filter[other]=1', 'query /filter/other is not allowed here'],
    ['filter[a][b]=1', 'query /filter must have one name in brackets'],
    ['size=2', 'query /page/from is required'],
    ['point=x,1,y', 'query /point must be a list of names and values'],
    ['point=x,a', 'query /point/x must be of type integer'],
    ['point=x,1,x,2', 'query /point names a member twice'],
    ['where={', 'query /where is not valid JSON'],
    ['where=%7B%22a%22:1,%22a%22:2%7D', 'query /where stands twice in its object'],
    ['where=%7B%7D', 'query /where/a is required'],
    ['%ff', 'query  is not valid percent-encoded UTF-8'],
  ] as const) {
    assert.deepEqual(told(query), [violation], query)
  }
  assert.deepEqual(told('sort=left'), ['query /sort must fit one of the allowed forms'])
  assert.deepEqual(told('', []), ['header /X-Tenant is required', 'cookie /session is required'])
  assert.deepEqual(
    told('', [
      ['x-tenant', 't'],
      ['Cookie', 'session=ab'],
      ['X-List', '1, x'],
    ]),
    ['cookie /session must have at least 3 characters', 'header /X-List/1 must be of type integer'],
  )
  assert.deepEqual(told('', [...head, ['Cookie', 'session=abcd']]), ['cookie /session is given more than once'])
})

test('operations are found by method and path, the concrete path first', async () => {
  const steps = await stepsFor(options, files)
  const told = (path: string, method = 'GET') => toldOf(steps, { path, method, headers: head })
  assert.equal(told('/v1/orders/mine'), null)
  assert.equal(told('/v1/orders/7'), null)
  assert.equal(told('/v1/orders/7', 'HEAD'), null)
  assert.deepEqual(told('/v1/orders/x7'), ['path /id must be of type integer'])
  assert.equal(told('/v1/orders/a%C3%A9/lines/1,2'), null)
  assert.deepEqual(told('/v1/orders/a/lines/1,2,3'), ['path /id must match the pattern ^[a-z]é$', 'path /range must have at most 2 items'])
  assert.equal(told('/v1/files/abc.json', 'DELETE'), null)
  assert.deepEqual(told('/v1/files/abcd.json', 'DELETE'), ['path /name must have at most 3 characters'])
  const unknown = ['path  names no operation of this API together with the method']
  for (const path of [
    '/v1/files/abc',
    '/v1',
    '/',
    '/orders',
    '/v1x/orders',
    '/v1/orders/',
    '/v1/orders/7/lines',
    '/v1/orders/__proto__/x',
  ]) {
    assert.deepEqual(told(path), unknown, path)
  }
  assert.deepEqual(told('/v1/orders/7', 'PUT'), unknown)
  const passing = await stepsFor({ ...options, unknownOperation: 'pass' }, files)
  assert.equal(toldOf(passing, { path: '/x', body: 'no json', headers: [['Content-Type', 'x/y']] }), null)
  const byServer = await stepsFor({ openapi: 'shop.yaml' }, files)
  assert.equal(toldOf(byServer, { path: '/shop/v1/orders/7' }), null)
})

test('a query parameter that is not described may be refused', async () => {
  const steps = await stepsFor({ ...options, additionalQuery: 'refuse' }, files)
  const told = (query: string) => toldOf(steps, { path: '/v1/orders', query, headers: head })
  assert.equal(told('limit=1&from=1&filter[min]=1&api_key=x'), null)
  assert.deepEqual(told('limit=1&other=1&page=1'), ['query /other is not allowed here', 'query /page is not allowed here'])
})

test('bodies are checked by their media type, with what OpenAPI 3.0 means', async () => {
  const steps = await stepsFor(options, files)
  const told = (value: unknown) => toldOf(steps, { path: '/v1/orders', body: JSON.stringify(value), headers: head })
  assert.equal(told({ item: 'abc', next: {} }), null)
  assert.equal(told({ item: 'abc', note: null, price: 0.01, next: { order: { item: 'a', next: {} } } }), null)
  assert.deepEqual(told({ item: 'abcdef', note: 1, price: 0, next: { order: { item: null, next: {} } } }), [
    'body /item must have at most 5 characters',
    'body /note must be of type string or null',
    'body /price must be more than 0',
    'body /next/order/item must be of type string',
  ])
  assert.deepEqual(toldOf(steps, { path: '/v1/orders', method: 'POST', headers: head }), ['body  is required'])
  const upload = (type: string, body: string) => toldOf(steps, { path: '/v1/upload', body, headers: [['Content-Type', type]] })
  assert.equal(upload('application/x-www-form-urlencoded', 'n=1&l=true&l=false'), null)
  assert.deepEqual(upload('application/x-www-form-urlencoded', 'n=x'), ['body /n must be of type integer'])
  assert.equal(upload('image/png', '\u0000'), null)
  assert.equal(upload('application/octet-stream', '\u0000'), null)
  assert.deepEqual(upload('application/json', '[]'), ['body  must be of type object'])
  assert.equal(upload('text/plain', 'x'), 'request_media_type_unsupported')
  assert.equal(toldOf(steps, { path: '/v1/upload', method: 'POST' }), null)
})

test('OpenAPI 3.1 is JSON Schema 2020-12', async () => {
  const api = {
    openapi: '3.1.0',
    info: { title: 'x', version: '1' },
    paths: { '/a': { $ref: '#/components/pathItems/A' } },
    components: {
      pathItems: { A: { post: { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/S' } } } } } } },
      schemas: {
        S: {
          type: ['object', 'null'],
          properties: {
            pair: { prefixItems: [{ type: 'string' }, { exclusiveMinimum: 5 }], items: false },
            x: { $ref: '#/components/schemas/T', maxLength: 1 },
          },
          if: { required: ['a'] },
          else: { required: ['b'] },
          unevaluatedProperties: { const: 1 },
        },
        T: { type: 'string' },
      },
    },
  }
  const steps = await stepsFor({ openapi: 'a.json' }, { 'a.json': JSON.stringify(api) })
  const told = (value: unknown) => toldOf(steps, { path: '/a', body: JSON.stringify(value) })
  assert.equal(told(null), null)
  assert.equal(told({ pair: ['a', 6], x: 'a', b: 1 }), null)
  assert.deepEqual(told({ pair: ['a', 5, 6], x: 'ab', c: 2 }), [
    'body /b is required',
    'body /pair/1 must be more than 5',
    'body /pair must have at most 2 items',
    'body /x must have at most 1 characters',
    'body /c must be 1',
  ])
})

/** What is said of a file. */
async function problemOf(text: string): Promise<string> {
  try {
    return (await remarksOn({ openapi: 'a.yaml' }, { 'a.yaml': text })).join('\n')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const operation = (yaml: string, version = '3.0.3') => `openapi: ${version}\npaths:\n  /a/{id}:\n    get:\n      parameters: [${yaml}]`
const ofSchema = (yaml: string, version = '3.0.3') => operation(`{ name: q, in: query, schema: ${yaml} }`, version)

test('what cannot be read is told with file, line and place', async () => {
  for (const [text, expected] of [
    ['openapi: 3.0.3\npaths: {', /^`a\.yaml`, line \d: /],
    ['openapi: 3.0.3\nopenapi: 3.0.3\npaths: {}', /^`a\.yaml`, line 2: /],
    ['- a', /^`a\.yaml`: expected a map/],
    ['a: &a [*a]', /^`a\.yaml`/],
    ['swagger: "2.0"', /^`a\.yaml`, line 1, `#\/swagger`: Swagger 2\.0 is not read/],
    ['openapi: 3.2.0\npaths: {}', /expected `openapi: 3\.0\.x` or `3\.1\.x`/],
    ['openapi: 3.0.3', /`a\.yaml`: expected a map of paths/],
    ['openapi: 3.1.0\njsonSchemaDialect: https://example.com/d\npaths: {}', /only JSON Schema 2020-12 is read/],
    [
      ofSchema('{ $ref: "#/components/schemas/None" }'),
      /^`a\.yaml`, line 5, `#\/paths\/~1a~1\{id\}\/get\/parameters\/0\/schema\/\$ref`: .*leads to nothing/,
    ],
    [ofSchema('{ $ref: "b.yaml#/S" }'), /`b\.yaml#\/S` leads out of the file/],
    [ofSchema('{ $ref: "https://example.com/s" }'), /leads out of the file/],
    [operation('{ $ref: "#/components/parameters/None" }'), /leads to nothing/],
    [ofSchema('{ type: objekt }'), /not JSON Schema 2020-12/],
    [ofSchema('{ type: string, pattern: "(?=a)" }'), /the pattern cannot be used/],
    [ofSchema('{ minimum: "1" }'), /must be number/],
    [ofSchema('{ type: string, nullable: true }', '3.1.0'), /`nullable` is of OpenAPI 3\.0/],
    [ofSchema('{ exclusiveMinimum: true, minimum: 1 }', '3.1.0'), /not JSON Schema 2020-12/],
    [ofSchema('{ $id: "x" }', '3.1.0'), /`\$id` is not supported/],
    [ofSchema('{ $dynamicRef: "#x" }', '3.1.0'), /`\$dynamicRef` is not supported/],
    [ofSchema('{ type: object }'), /has `properties`/],
    [ofSchema('{ type: array, items: { type: object } }'), /arrays and objects within a parameter are supported as JSON only/],
    [ofSchema('{ type: [array, object] }', '3.1.0'), /can be read in two ways/],
    [
      operation('{ name: q, in: query, style: matrix, schema: {} }'),
      /only the style form, spaceDelimited, pipeDelimited, deepObject is supported/,
    ],
    [operation('{ name: id, in: path, required: true, style: label, schema: {} }'), /only the style simple is supported/],
    [operation('{ name: id, in: path, schema: {} }'), /`required: true`/],
    [operation('{ name: other, in: path, required: true, schema: {} }'), /the path has no `\{other\}`/],
    [operation('{ name: q, in: body, schema: {} }'), /expected `path`, `query`, `header` or `cookie`/],
    [operation('{ name: q, in: query }'), /a `schema` or a `content`/],
    [operation('{ name: q, in: query, content: { text/xml: {} } }'), /only `application\/json` is read/],
    [operation('{ name: q, in: query, schema: {} }, { name: q, in: query, schema: {} }'), /stands twice/],
    [operation('{ name: q, in: cookie, schema: { type: array } }'), /with `explode: false` only/],
    ['openapi: 3.0.3\npaths: { a: {} }', /a path begins with `\/`/],
    ['openapi: 3.0.3\npaths: { "/{a}-{b}": { get: {} } }', /at most one/],
    ['openapi: 3.0.3\npaths: { "/{a}": { get: {} }, "/{b}": { get: {} } }', /another path with the same method/],
    [
      'openapi: 3.0.3\npaths: { /a: { post: { requestBody: { content: { application/x-www-form-urlencoded: { schema: { properties: { a: { type: object } } } } } } } } }',
      /objects within forms are not supported/,
    ],
    ['openapi: 3.0.3\npaths: { /a: { post: { requestBody: { content: { json: {} } } } } }', /expected a media type/],
  ] as const) {
    assert.match(await problemOf(text), expected, text)
  }
  await assert.rejects(remarksOn({ openapi: 'none.yaml' }), /the file `none\.yaml` cannot be read/)
})

test('what a file says in vain is a warning', async () => {
  for (const [text, expected] of [
    [ofSchema('{ type: string, format: phone }'), /warning openapi: `a\.yaml`, line 5, .*the format `phone` is not checked/],
    [ofSchema('{ type: string, lenght: 5 }'), /`lenght` has no effect/],
    [ofSchema('{ nullable: true }'), /`nullable` has no effect without a `type`/],
    [operation(''), /`\{id\}` is no parameter, so that it is not checked/],
    ['openapi: 3.0.3\npaths: { /a: { servers: [], post: {} } }', /`servers` of paths and operations are not looked at/],
    [
      'openapi: 3.0.3\npaths: { /a: { post: { requestBody: { content: { multipart/form-data: { schema: { type: object } } } } } } }',
      /bodies of type multipart\/form-data are passed on unread/,
    ],
  ] as const) {
    assert.match(await problemOf(text), expected, text)
  }
  const remarks = await remarksOn(options, files)
  assert.deepEqual(
    remarks.filter((line) => !line.includes('passed on unread')),
    [],
  )
})

test('a schema that refers to itself without end is not followed without end', async () => {
  const circle = operation('{ $ref: "#/components/parameters/A" }').concat(
    '\ncomponents: { parameters: { A: { $ref: "#/components/parameters/A" } } }',
  )
  assert.match(await problemOf(circle), /references lead in a circle/)
  const schemas = ofSchema('{ $ref: "#/components/schemas/A" }').concat(
    '\ncomponents: { schemas: { A: { $ref: "#/components/schemas/A" } } }',
  )
  const steps = await stepsFor({ openapi: 'a.yaml' }, { 'a.yaml': schemas })
  assert.deepEqual(toldOf(steps, { path: '/a/1', query: 'q=1' }), ['query /q is too complex to be checked'])
})

test('whatever is sent gets a verdict', async () => {
  const steps = await stepsFor({ ...options, additionalQuery: 'refuse' }, files)
  const piece = fc.constantFrom(
    'limit',
    'ids',
    'filter[',
    ']',
    'where',
    'point',
    '=',
    '&',
    ',',
    '%',
    '%2',
    '%ff',
    '|',
    '+',
    '{',
    '"a":',
    '1',
    'x',
    '__proto__',
    'constructor',
    ';',
    '"',
    'session',
  )
  const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  const type = fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'image/png', 'a', '')
  const path = fc.constantFrom('/v1/orders', '/v1/upload', '/v1/orders/%FF', '/v1/orders/a/lines/%2C,', '/v1/files/.json', '/')
  fc.assert(
    fc.property(path, text, text, text, type, fc.boolean(), (target, query, cookie, body, contentType, withBody) => {
      const headers = [
        ['X-Tenant', body],
        ['Cookie', cookie],
        ['Content-Type', contentType],
      ] as const
      const told = toldOf(steps, { path: target, query, headers, method: withBody ? 'POST' : 'GET', ...(withBody && { body }) })
      assert.ok(told === null || Array.isArray(told) || told === 'request_media_type_unsupported', String(told))
    }),
    { numRuns: 2_000 },
  )
})
