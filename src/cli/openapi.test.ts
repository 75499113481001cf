import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parse } from 'yaml'
import { readOpenApi } from '../policies/request-validation/openapi.ts'

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'turnpike')
const folder = mkdtempSync(join(tmpdir(), 'turnpike-openapi-'))
after(() => rmSync(folder, { recursive: true }))

const PROTO = `syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
// Sells things.
service Shop {
  // Gives an item.
  rpc GetItem(Item) returns (Item) { option (google.api.http) = { get: "/v1/items/{id}" additional_bindings { get: "/v2/items/{id}" } }; }
  rpc MakeItem(Item) returns (Item) { option (google.api.http) = { post: "/v1/items" body: "*" }; }
}
message Item { string id = 1; Size size = 2; }
message Size { int32 width = 1; }
`
writeFileSync(join(folder, 'shop.proto'), PROTO)
writeFileSync(join(folder, 'other.proto'), PROTO.replace('int32 width', 'string width'))

/** Runs the command on a configuration whose routes are given. */
function openapi(routes: string, ...args: string[]) {
  writeFileSync(
    join(folder, 'gateway.yaml'),
    `listeners: [{ port: 8080 }]
services: { shop: { targets: ['127.0.0.1:9'], protocol: h2 } }
consumers: { a: { keys: [{ key: 0123456789abcdef0123456789abcdef }] } }
routes:
${routes}`,
  )
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined }
  const { status, stdout, stderr } = spawnSync(BIN, ['openapi', 'gateway.yaml', ...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 30_000,
    env,
  })
  return { status, stdout, stderr }
}

const route = (name: string, path: string, policies = '', more = '') =>
  `  ${name}: { path: '${path}', service: shop,${more} policies: { grpc-transcoding: { proto: shop.proto }${policies} } }\n`

test('one document describes what a route offers, at the paths that its clients see', () => {
  const routes = route('shop', '/api/v1/*', ', rewrite: { stripPrefix: /api }, api-key: {}', ' host: api.example,')
  const { status, stdout, stderr } = openapi(routes)
  assert.deepEqual([status, stderr], [0, ''])
  const document = parse(stdout)
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(document.servers, [{ url: 'http://api.example:8080' }])
  // `/v2/items/{id}` is at no path of the route.
  assert.deepEqual(Object.keys(document.paths), ['/api/v1/items/{id}', '/api/v1/items'])
  assert.deepEqual(document.tags, [{ name: 'shop.v1.Shop', description: 'Sells things.' }])
  assert.deepEqual(document.components.securitySchemes, { 'api-key-header-x-api-key': { type: 'apiKey', in: 'header', name: 'X-API-Key' } })
  assert.deepEqual(document.paths['/api/v1/items'].post.security, [{ 'api-key-header-x-api-key': [] }])
  assert.deepEqual(JSON.parse(openapi(routes, '--json').stdout), document)
})

test('our own reader of OpenAPI takes it, and finds each operation in it', () => {
  const { stdout } = openapi(route('shop', '/*'))
  const api = readOpenApi('openapi.yaml', stdout, '')
  assert.deepEqual(
    api.operations.map(({ method, name }) => `${method} ${name}`),
    ['GET shop.v1.Shop.GetItem', 'GET shop.v1.Shop.GetItem_2', 'POST shop.v1.Shop.MakeItem'],
  )
  assert.deepEqual(api.remarks, [])
})

test('methods that a route does not take are left out, and --route leaves out other routes', () => {
  const routes = route('reads', '/v1/*', '', ' method: GET,') + route('v2', '/v2/*')
  assert.deepEqual(Object.keys(parse(openapi(routes).stdout).paths), ['/v1/items/{id}', '/v2/items/{id}'])
  assert.deepEqual(Object.keys(parse(openapi(routes, '--route', 'v2').stdout).paths), ['/v2/items/{id}'])
  const unknown = openapi(routes, '--route', 'v3')
  assert.deepEqual([unknown.status, unknown.stdout, unknown.stderr], [2, '', 'turnpike: there is no route "v3"\n'])
})

test('schemas of one name that differ get names of their own', () => {
  const routes = route('one', '/v1/*') + route('two', '/v2/*').replace('shop.proto', 'other.proto')
  const document = parse(openapi(routes).stdout)
  assert.deepEqual(
    Object.keys(document.components.schemas).toSorted(),
    ['GrpcProblem', 'shop.v1.Item', 'two.shop.v1.Item', 'two.shop.v1.Size', 'shop.v1.Size'].toSorted(),
  )
  assert.equal(document.components.schemas['shop.v1.Item'].properties.size.$ref, '#/components/schemas/shop.v1.Size')
})

test('what cannot be described is told, and the rest is described', () => {
  const routes = [
    route('regex', '/r/*', ", rewrite: { path: { match: '^/r', replace: '' } }"),
    route('made', '/t/*', ', transform: { request: { path: /v1/items/7 } }'),
    route('good', '/v1/*'),
    route('again', '/v1/*', '', ' priority: 1,'),
    `  far: { path: /far/*, service: shop, policies: { grpc-transcoding: { reflection: { address: '127.0.0.1:9', timeout: 1s } } } }\n`,
  ]
  const { status, stdout, stderr } = openapi(routes.join(''))
  assert.equal(status, 0)
  assert.equal(Object.keys(parse(stdout).paths).length, 2)
  const notes = stderr.split('\n').filter((line) => line.startsWith('turnpike: '))
  assert.equal(notes.length, 5)
  assert.match(notes[0] ?? '', /route `regex`: `rewrite` makes its paths by a regular expression/)
  assert.match(notes[1] ?? '', /route `made`: `transform` makes its paths or methods/)
  assert.match(notes[2] ?? '', /route `again`: `GET \/v1\/items\/\{id\}` is described already, for another route/)
  assert.match(notes[4] ?? '', /route `far`: `grpc-transcoding`: 127\.0\.0\.1:9 does not say what it offers: /)
})

test('routes that take nothing of an API are told, where no other does', () => {
  const { status, stdout, stderr } = openapi(route('api', '/api/*'))
  assert.equal(status, 0)
  assert.deepEqual(parse(stdout).paths, {})
  assert.equal(stderr, 'turnpike: route `api`: it takes no request for `/v1/items/{id}` or the like; see `basePath`\n')
  assert.equal(openapi(route('calls', '/shop.v1.Shop/*') + route('rest', '/v1/*')).stderr, '')
})

test('a configuration that is wrong is told as `check` tells it', () => {
  const { status, stdout, stderr } = openapi(route('shop', '/v1/*').replace('shop.proto', 'nope.proto'))
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /gateway\.yaml:5:\d+: error: the file `nope\.proto` cannot be read: there is no such file/)
})
