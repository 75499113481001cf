/** What the admin API answers is what its description says: every endpoint of a real gateway, held to its own schema. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { ENDPOINTS } from '../../src/admin/endpoints.ts'
import { openApiDocument } from '../../src/admin/openapi.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'

const TOKEN = 'token-that-writes'
const KEY = 'key-of-the-mobile-app-0001'

const config = (port: number, more = ''): string => `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, tokens: [{ name: ops, token: ${TOKEN}, role: write }] }
workers: 2
accessLog: false
services:
  shop:
    breaker: { failures: 3, failureRate: { percent: 50 }, recovery: 1h }
    targets: ["127.0.0.1:${port}", "127.0.0.1:1"]
    health: { active: { path: /health, interval: 1s } }
    concurrency: { max: 10, queue: 5 }
  found: { discovery: { dns: { name: localhost, port: 80 } } }
consumers: { mobile: { groups: [apps], keys: [{ id: k1, key: ${KEY} }] } }
policies: { cors: { mode: shadow, origins: ["https://a.example"] } }
routes:
  open:
    path: /open/*
    service: shop
    policies: { api-key: {}, cache: { ttl: 1m }, rate-limit: { limits: [{ by: consumer, rate: 5 }, { by: user, rate: 5 }] } }
  gone: { path: /gone, service: found }
${more}`

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>>
}
interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>
}

/** Endpoints that answer JSON which says something of this gateway. */
const JSON_ENDPOINTS = ENDPOINTS.filter(
  ({ path, response }) => (response.type ?? 'application/json') === 'application/json' && path !== '/openapi.json',
)

/** Of each endpoint the check of its 200. */
function checks(): ReadonlyMap<string, ValidateFunction> {
  const described = JSON.parse(JSON.stringify(openApiDocument(ENDPOINTS))) as Described
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
  return new Map(
    JSON_ENDPOINTS.map(({ method, path }) => {
      const schema = described.paths[path]?.[method.toLowerCase()]?.responses['200']?.content?.['application/json']?.schema
      assert.ok(schema, `${method} ${path}`)
      return [`${method} ${path}`, ajv.compile(schema)]
    }),
  )
}

test('every endpoint answers what its schema says, and nothing else', { timeout: 60_000 }, async (t) => {
  const server = createServer((_request, response) => void response.end('here')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const gateway = await new GatewayProcess(t, { config: config(port) }).ready()
  for (const path of ['/open/a', '/open/a', '/open/b', '/gone', '/nothing'])
    await (await fetch(gateway.url + path, { headers: { 'x-api-key': KEY } })).text()

  const byEndpoint = checks()
  const unasked = new Set(byEndpoint.keys())
  /** @param asked the path of the endpoint, and what stands for its parameters */
  const ask = async (endpoint: string, asked = '', sent: { body?: string; headers?: Record<string, string> } = {}) => {
    const [method = '', path = ''] = endpoint.split(' ')
    const { body, headers = {} } = sent
    const response = await fetch(gateway.adminUrl + (asked === '' || asked.startsWith('?') ? path + asked : asked), {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...(method === 'GET' ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body }),
    })
    const answer = (await response.json()) as Readonly<Record<string, unknown>>
    assert.equal(response.status, 200, `${endpoint} ${asked}: ${JSON.stringify(answer)}`)
    const check = byEndpoint.get(endpoint)
    assert.ok(check, endpoint)
    assert.ok(check(answer), `${endpoint}: ${JSON.stringify(check.errors, null, 1)}\n${JSON.stringify(answer).slice(0, 4_000)}`)
    unasked.delete(endpoint)
    return { answer, etag: response.headers.get('etag') ?? '' }
  }

  for (const endpoint of byEndpoint.keys())
    if (endpoint.startsWith('GET ') && !endpoint.includes('{') && endpoint !== 'GET /config/diff') await ask(endpoint)
  await ask('GET /services/{service}', '/services/shop')
  const target = `/services/shop/targets/127.0.0.1:${port}`
  await ask('POST /services/{service}/targets/{address}/drain', `${target}/drain`)
  await ask('POST /services/{service}/targets/{address}/undrain', `${target}/undrain`)
  await ask('POST /services/{service}/breaker/reset', '/services/shop/breaker/reset')
  await ask('GET /limits', '?route=open&consumer=mobile&ip=127.0.0.1')
  for (const purge of [{ all: true }, { tag: 't' }, { prefix: { path: '/a' } }, { key: { host: 'a.example', path: '/a' } }])
    await ask('POST /cache/purge', '', { body: JSON.stringify(purge) })
  // A record is kept when its exchange has ended, which may be just after its client has read all of the answer.
  const decisions = await eventually(
    async () => ((await ask('GET /decisions')).answer as { decisions: readonly { requestId: string }[] }).decisions,
    ({ length }) => length === 5,
  )
  for (const { requestId: id } of decisions) {
    await ask('GET /decisions/{requestId}', `/decisions/${id}`)
    await ask('POST /decisions/{requestId}/if', `/decisions/${id}/if`, {
      body: '{"headers":{"X-API-Key":null,"Origin":"https://b.example"}}',
    })
  }
  for (const path of ['/open/a', '/gone', '/nothing'])
    await ask('POST /explain', '', { body: JSON.stringify({ method: 'GET', host: 'a.example', path, headers: { 'X-API-Key': KEY } }) })

  const yaml = { 'content-type': 'application/yaml' }
  const newer = config(port, '  extra: { path: /extra/*, service: shop }\n')
  await ask('POST /config/validate', '', { body: newer, headers: yaml })
  await ask('POST /config/validate', '', { body: 'routes: 1\n', headers: yaml })
  await ask('POST /config/diff', '', { body: newer, headers: yaml })
  const { etag } = await ask('PUT /config', '', { body: newer, headers: { ...yaml, 'if-match': '*' } })
  await ask('POST /config/rollback', '', { body: JSON.stringify({ revision: gateway.revision }), headers: { 'if-match': etag } })
  await ask('GET /config/history')
  await ask('GET /config/history/{revision}', `/config/history/${gateway.revision}`)
  await ask('GET /config/diff', `?from=${etag.replaceAll('"', '')}`)
  assert.deepEqual([...unasked], [], 'each one has been asked')
})
