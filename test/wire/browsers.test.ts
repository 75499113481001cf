/** What browsers ask and are told: preflights, CORS and security headers, over a socket; and that `explain` decides the same way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain } from '../../src/cli/explain.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { NativeInput } from '../../src/config/schema.ts'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { refuse } from '../../src/core/reply.ts'
import { object } from '../../src/core/schema.ts'
import { POLICIES } from '../../src/policies/index.ts'
import { echo, type Rig, type RigOptions, startRig } from './harness.ts'
import { fieldOf } from './peer.ts'

const APP = 'https://app.example'
const CORS = { cors: { origins: [APP], credentials: true } }
const PREFLIGHT_FIELDS = [`Origin: ${APP}`, 'Access-Control-Request-Method: GET']

/** Authentication that nobody passes. */
const LOCKED: PolicyDefinition<unknown> = {
  kind: 'locked',
  summary: 'Refuses every request for want of a token.',
  loadSchema: async () => object({}),
  identifies: true,
  authenticates: true,
  compile: () => ({ onRequest: () => refuse('token_missing', null, [['WWW-Authenticate', 'Bearer']]) }),
}

/** Status line's number and the head of the answer to a request for `path`. */
async function ask(
  rig: Rig,
  method: string,
  path: string,
  fields: readonly string[],
): Promise<{ status: number; head: string; body: string }> {
  const client = await rig.connect()
  client.write([`${method} ${path} HTTP/1.1`, 'Host: a', ...fields, '', ''].join('\r\n'))
  const { head, body } = await client.readResponse(method === 'HEAD')
  return { status: Number(head.slice(9, 12)), head, body }
}

async function rigWith(t: Parameters<typeof startRig>[0], options: RigOptions): Promise<Rig> {
  const rig = await startRig(t, options)
  rig.upstream.onConnection = echo
  return rig
}

test('a preflight to a route of another method is answered before authentication, for the route it asks for', async (t) => {
  const rig = await rigWith(t, { policy: LOCKED, route: { method: ['GET'], policies: { ...CORS, 'security-headers': {} } } })
  const { status, head } = await ask(rig, 'OPTIONS', '/x', PREFLIGHT_FIELDS)
  assert.equal(status, 204)
  assert.equal(fieldOf(head, 'access-control-allow-origin'), APP)
  assert.equal(fieldOf(head, 'access-control-allow-credentials'), 'true')
  assert.match(fieldOf(head, 'access-control-allow-methods') ?? '', /GET/)
  assert.equal(fieldOf(head, 'vary'), 'Origin, Access-Control-Request-Method')
  assert.equal(fieldOf(head, 'x-content-type-options'), 'nosniff')
  assert.equal(fieldOf(head, 'content-length'), undefined)

  const stranger = await ask(rig, 'OPTIONS', '/x', ['Origin: https://evil.example', 'Access-Control-Request-Method: GET'])
  assert.equal(stranger.status, 204)
  assert.equal(fieldOf(stranger.head, 'access-control-allow-origin'), undefined)
})

test('a 401 carries CORS and security headers, so that scripts can read it', async (t) => {
  const rig = await rigWith(t, { policy: LOCKED, route: { method: ['GET'], policies: { ...CORS, 'security-headers': {} } } })
  const { status, head, body } = await ask(rig, 'GET', '/x', [`Origin: ${APP}`])
  assert.equal(status, 401)
  assert.match(body, /"code":"token_missing"/)
  assert.equal(fieldOf(head, 'access-control-allow-origin'), APP)
  assert.equal(fieldOf(head, 'vary'), 'Origin')
  assert.equal(fieldOf(head, 'x-frame-options'), 'DENY')
  assert.equal(fieldOf(head, 'referrer-policy'), 'no-referrer')
  assert.equal(fieldOf(head, 'strict-transport-security'), undefined)
})

test('OPTIONS stays 405 without cors, with cors in shadow, for another method, and where it is no preflight', async (t) => {
  const rig = await rigWith(t, {
    route: { method: ['GET'] },
    routes: {
      shared: { path: '/shared', method: ['GET'], service: 'main', policies: CORS },
      shadow: { path: '/shadow', method: ['GET'], service: 'main', policies: { cors: { ...CORS.cors, mode: 'shadow' } } },
      continued: { path: '/continued', method: ['GET'], service: 'main', policies: { cors: { origins: [APP], preflightContinue: true } } },
    },
  })
  const cases: readonly (readonly [path: string, fields: readonly string[], status: number])[] = [
    ['/plain', PREFLIGHT_FIELDS, 405],
    ['/shadow', PREFLIGHT_FIELDS, 405],
    ['/continued', PREFLIGHT_FIELDS, 405],
    ['/shared', PREFLIGHT_FIELDS, 204],
    ['/shared', [`Origin: ${APP}`, 'Access-Control-Request-Method: PUT'], 405],
    ['/shared', [`Origin: ${APP}`], 405],
    ['/shared', ['Access-Control-Request-Method: GET'], 405],
    ['/shared', [], 405],
  ]
  for (const [path, fields, status] of cases) {
    const answer = await ask(rig, 'OPTIONS', path, fields)
    assert.equal(answer.status, status, `${path} ${fields.join()}`)
    if (status === 405) assert.equal(fieldOf(answer.head, 'allow'), 'GET, HEAD')
  }
  assert.equal(rig.upstreamConnections(), 0, 'no service was asked')
})

test('on one connection, preflights and what they ask for take their own ways', async (t) => {
  const rig = await rigWith(t, { route: { method: ['GET'], policies: CORS } })
  const client = await rig.connect()
  const preflight = ['OPTIONS /x HTTP/1.1', 'Host: a', ...PREFLIGHT_FIELDS, '', ''].join('\r\n')
  const statuses: string[] = []
  for (const request of [
    preflight,
    preflight,
    `GET /x HTTP/1.1\r\nHost: a\r\nOrigin: ${APP}\r\n\r\n`,
    preflight,
    'OPTIONS /x HTTP/1.1\r\nHost: a\r\n\r\n',
  ]) {
    client.write(request)
    statuses.push((await client.readResponse()).head.slice(9, 12))
  }
  assert.deepEqual(statuses, ['204', '204', '200', '204', '405'])
})

/** Routes that a preflight could be mistaken about. */
const ROUTES: NonNullable<NativeInput['routes']> = {
  all: { path: '/*', service: 'main' },
  read: { path: '/api/*', method: ['GET'], service: 'main', policies: CORS },
  write: { path: '/api/*', method: ['PUT'], service: 'main', policies: { cors: { origins: ['https://admin.example'] } } },
  own: { path: '/own', method: ['OPTIONS'], service: 'main' },
  ownRead: { path: '/own', method: ['GET'], service: 'main', policies: CORS },
  any: { path: '/any', service: 'main', policies: CORS },
}

const WAYS: readonly (readonly [what: string, method: string, path: string, asked: string, expected: string])[] = [
  ['goes past a wider route to the one that will serve the request', 'OPTIONS', '/api/x', 'GET', 'read 204 allowed'],
  ['finds the route of the method it asks for', 'OPTIONS', '/api/x', 'PUT', 'write 204 refused'],
  ['for a method that only the wider route takes goes there', 'OPTIONS', '/api/x', 'DELETE', 'all service'],
  ['leaves a route alone that names OPTIONS itself', 'OPTIONS', '/own', 'GET', 'own service'],
  ['is answered by a route of all methods', 'OPTIONS', '/any', 'GET', 'any 204 allowed'],
  ['is no preflight with another method', 'GET', '/api/x', 'GET', 'read service'],
]

test('a preflight takes the way of the request it asks for, and explain says so', async (t) => {
  const rig = await rigWith(t, { routes: ROUTES })
  const config: NativeInput = { services: { main: { targets: ['127.0.0.1:1'] } }, routes: ROUTES }
  const loaded = await loadConfig(['wire.yaml'], { policies: POLICIES, env: {}, readFile: async () => JSON.stringify(config) })
  assert.ok('ir' in loaded)
  for (const [what, method, path, asked, expected] of WAYS) {
    const fields = [`Origin: ${APP}`, `Access-Control-Request-Method: ${asked}`]
    const [route, outcome, sharing] = expected.split(' ')
    const { status, head } = await ask(rig, method, path, fields)
    assert.equal(status, outcome === 'service' ? 200 : Number(outcome), what)
    if (sharing !== undefined) assert.equal(fieldOf(head, 'access-control-allow-origin'), sharing === 'allowed' ? APP : undefined, what)

    const explained = await explain(loaded.ir, { method, url: `http://a${path}`, headers: fields })
    assert.ok('route' in explained)
    assert.equal(explained.route?.name, route, what)
    assert.equal(explained.answer?.status, outcome === 'service' ? undefined : Number(outcome), what)
    assert.equal(explained.answer?.by, outcome === 'service' ? undefined : 'cors', what)
    assert.ok(explained.nearMisses.every((miss) => miss.route !== route))
  }
})

test('an address counts as the connection has it, whatever a client claims, and scripts can read the refusal', async (t) => {
  const rig = await rigWith(t, { route: { policies: { 'ip-access': { allow: ['127.0.0.1'] }, 'security-headers': {} } } })
  assert.equal((await ask(rig, 'GET', '/', [])).status, 200)
  assert.equal((await ask(rig, 'GET', '/', ['X-Forwarded-For: 203.0.113.9'])).status, 200, 'a client is not believed')
  const denied = await rigWith(t, { route: { policies: { 'ip-access': { deny: ['127.0.0.0/8'] }, ...CORS } } })
  const { status, head, body } = await ask(denied, 'GET', '/', [`Origin: ${APP}`])
  assert.equal(status, 403)
  assert.match(body, /"code":"address_denied"/)
  assert.equal(fieldOf(head, 'access-control-allow-origin'), APP)
})

test('behind a trusted proxy the true client counts, for each request of a connection anew', async (t) => {
  const rig = await rigWith(t, {
    trustedProxies: ['127.0.0.1', '10.0.0.0/8'],
    route: { policies: { 'ip-access': { allow: ['203.0.113.0/24', '2001:db8::/32'] } } },
  })
  const client = await rig.connect()
  const cases: readonly (readonly [forwardedFor: string, status: number])[] = [
    ['203.0.113.9', 200],
    ['198.51.100.1', 403],
    ['203.0.113.9, 198.51.100.1', 403],
    ['198.51.100.1, 203.0.113.9, 10.0.0.1', 200],
    ['::ffff:203.0.113.9', 200],
    ['[2001:db8::1]:4711', 200],
    ['2001:db9::1', 403],
    ['unknown', 403],
  ]
  for (const [forwardedFor, status] of cases) {
    client.write(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${forwardedFor}\r\n\r\n`)
    assert.equal(Number((await client.readResponse()).head.slice(9, 12)), status, forwardedFor)
  }
})

test('explain finds the true client behind a trusted proxy for ip-access', async () => {
  const yaml = `
listeners: [{ port: 8080, trustedProxies: [10.0.0.0/8] }]
services: { main: { targets: ["127.0.0.1:1"] } }
routes: { all: { path: /*, service: main, policies: { ip-access: { deny: [203.0.113.0/24] } } } }
`
  const loaded = await loadConfig(['wire.yaml'], { policies: POLICIES, env: {}, readFile: async () => yaml })
  assert.ok('ir' in loaded)
  const statusFrom = async (peer: string, forwardedFor: string) => {
    const explained = await explain(loaded.ir, { method: 'GET', url: 'http://a/', headers: [`X-Forwarded-For: ${forwardedFor}`] }, peer)
    return 'answer' in explained ? (explained.answer?.status ?? 0) : -1
  }
  assert.equal(await statusFrom('10.0.0.1', '203.0.113.9'), 403)
  assert.equal(await statusFrom('10.0.0.1', '203.0.113.9, 10.0.0.2'), 403)
  assert.equal(await statusFrom('10.0.0.1', '203.0.113.9, 198.51.100.1'), 0)
  assert.equal(await statusFrom('198.51.100.1', '203.0.113.9'), 0)
})
