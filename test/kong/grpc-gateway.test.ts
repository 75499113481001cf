import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { filesOf, GrpcFailure, type Handler, startGrpcServer } from '../services/grpc-server.ts'
import { type KongGateway, problemsOfKong, startKong } from './kong-gateway.ts'

const PROTO = `
syntax = "proto3";
package shop.v1;
import "google/api/annotations.proto";
service Shop {
  rpc Get(GetRequest) returns (Item) { option (google.api.http) = { get: "/v1/items/{item_id}" additional_bindings { post: "/v1/items" body: "*" } }; }
  rpc Watch(GetRequest) returns (stream Item) { option (google.api.http) = { get: "/v1/watch/{item_id}" }; }
}
message GetRequest { string item_id = 1; int32 how_many = 2; }
message Item { string item_id = 1; int32 how_many = 2; int64 big = 3; string via = 4; }
`

const STATUSES = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 500, 500, 503, 500, 401]

const FAILURES = Object.values(grpc.status).filter((code) => typeof code !== 'string')

const handlers: Readonly<Record<string, Handler>> = {
  async *'Shop/Get'(requests, metadata) {
    for await (const request of requests) {
      const code = /^"fail-(\d+)"$/.exec(JSON.stringify(request['itemId'] ?? ''))?.[1]
      if (code !== undefined) throw new GrpcFailure(FAILURES[Number(code)] ?? grpc.status.UNKNOWN, 'why it failed')
      yield { ...request, via: String(metadata.get('x-via')[0] ?? '') }
    }
  },
  async *'Shop/Watch'() {
    yield { itemId: 'a' }
    yield { itemId: 'b' }
  },
}

async function start(t: TestContext, { plugins = '', route = 'paths: [/v1], strip_path: true' } = {}): Promise<KongGateway> {
  const { port } = await startGrpcServer(t, { files: await filesOf(PROTO), handlers })
  const yaml = `
_format_version: "3.0"
services:
  - name: shop
    url: grpc://127.0.0.1:${port}
    routes:
      - { name: all, ${route} }
    plugins:
      - { name: grpc-gateway, config: { proto: shop.proto } }
${plugins}
`
  return startKong(t, yaml, { files: { 'shop.proto': PROTO } })
}

test('2.10 grpc-gateway: path, query and body become a message, and its answer JSON', async (t) => {
  const kong = await start(t)
  const got = await kong.ask('/v1/items/7?how_many=3&unknown=1', { headers: { 'X-Via': 'h' } })
  assert.deepEqual([got.status, got.headers['content-type'], got.headers['access-control-allow-origin']], [200, 'application/json', '*'])
  assert.deepEqual(JSON.parse(got.body), { item_id: '7', how_many: 3, big: '0', via: 'h' })
  for (const headers of [{ 'Content-Type': 'application/json' }, { 'Content-Type': 'application/x-www-form-urlencoded' }]) {
    const posted = await kong.ask('/v1/items', { method: 'POST', headers, body: '{"item_id":"8","other":1}' })
    assert.equal(JSON.parse(posted.body).item_id, '8')
  }
})

test('2.10 grpc-gateway: no mapping and bad JSON are 400 in text', async (t) => {
  const kong = await start(t)
  for (const [target, method] of [
    ['/v1/nothing', 'GET'],
    ['/v1/items/7', 'PUT'],
  ] as const) {
    const { status, headers, body } = await kong.ask(target, { method })
    assert.deepEqual([status, body, headers['content-type']], [400, `Unknown path "${target}"`, 'text/plain; charset=utf-8'])
  }
  const { status, headers, body } = await kong.ask('/v1/items', { method: 'POST', body: '{"item_id"' })
  assert.deepEqual([status, headers['content-type']], [400, 'text/plain; charset=utf-8'])
  assert.match(body, /JSON/)
})

test('2.10 grpc-gateway: statuses of gRPC become statuses of HTTP', async (t) => {
  const kong = await start(t)
  for (const [code, status] of STATUSES.entries()) {
    if (code === 0) continue
    const answer = await kong.ask(`/v1/items/fail-${code}`)
    assert.equal(answer.status, status, `gRPC ${code}`)
    assert.equal(answer.headers['access-control-allow-origin'], '*')
  }
})

test('2.10 grpc-gateway: messages of a stream are JSON, one behind the other', async (t) => {
  const kong = await start(t)
  const { headers, body } = await kong.ask('/v1/watch/1', { headers: { Accept: 'text/event-stream' } })
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(body.replaceAll(/,"how_many":0,"big":"0","via":""/g, ''), '{"item_id":"a"}{"item_id":"b"}')
})

test('2.10 grpc-gateway: a preflight is 200', async (t) => {
  const kong = await start(t)
  const headers = { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' }
  const answer = await kong.ask('/v1/items', { method: 'OPTIONS', headers })
  assert.deepEqual(
    [
      answer.status,
      answer.headers['access-control-allow-origin'],
      answer.headers['access-control-allow-methods'],
      answer.headers['access-control-allow-headers'],
    ],
    [200, '*', 'GET,POST,PATCH,DELETE', 'content-type'],
  )
})

test('2.10 grpc-gateway: transformers see the fields of the client, and JSON in the answer', async (t) => {
  const kong = await start(t, {
    plugins: `
      - { name: request-transformer, config: { add: { headers: ["X-Via:t"], body: ["how_many:5"] } } }
      - { name: response-transformer, config: { remove: { json: [big] }, add: { json: ["more:x"] } } }`,
  })
  const posted = await kong.ask('/v1/items', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"item_id":"8"}' })
  // Also with Kong the body is a message of gRPC by then.
  assert.deepEqual(JSON.parse(posted.body), { item_id: '8', how_many: 0, via: 't', more: 'x' })
})

test('2.10 grpc-gateway: without proto there is nothing to be called', async () => {
  const problems = await problemsOfKong(
    '_format_version: "3.0"\nservices:\n  - { name: a, url: "grpc://127.0.0.1:1", plugins: [{ name: grpc-gateway }] }\n',
  )
  assert.match(problems.join('\n'), /error without `proto` Kong answers every request with 400/)
})
