/** What policies make of a request for a WebSocket: they act before any service is asked, and on the answer to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { type RigOptions, startRig } from './harness.ts'
import { fieldOf } from './peer.ts'
import { WEBSOCKET_SWITCH, WEBSOCKET_UPGRADE } from './websocket.ts'

const KEY = 'the-key-of-the-app'
const SECRET = 'a secret that is long enough for HS256'

function upgradeWith(...fields: readonly string[]): string {
  return WEBSOCKET_UPGRADE.replace('\r\n\r\n', `\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`)
}

async function tokenFor(sub: string): Promise<string> {
  return new SignJWT({ sub }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h').sign(new TextEncoder().encode(SECRET))
}

interface Case {
  readonly options: RigOptions
  /** What is refused, and how. */
  readonly refused: string
  readonly status: number
  readonly code: string
  /** What is granted, and what the service then sees. */
  readonly granted: string
  readonly seen: Readonly<Record<string, string | undefined>>
}

const POLICIES: Readonly<Record<string, () => Promise<Case>>> = {
  'api-key': async () => ({
    options: { route: { policies: { 'api-key': {} } }, consumers: { app: { keys: [KEY] } } },
    refused: WEBSOCKET_UPGRADE,
    status: 401,
    code: 'credentials_missing',
    granted: upgradeWith(`X-API-Key: ${KEY}`),
    seen: { 'x-consumer-name': 'app', 'x-api-key': undefined },
  }),
  // A browser's WebSocket can set no header, so that its token has to come by the query or a cookie.
  jwt: async () => ({
    options: { route: { policies: { jwt: { secret: SECRET, from: ['cookie:token'] } } } },
    refused: upgradeWith('Cookie: token=a.b.c'),
    status: 401,
    code: 'token_invalid',
    granted: upgradeWith(`Cookie: token=${await tokenFor('anna')}`),
    seen: { 'x-user-id': 'anna' },
  }),
  authorize: async () => ({
    options: {
      route: { policies: { 'api-key': {}, authorize: { groups: { allow: ['chat'] } } } },
      consumers: { app: { keys: [KEY], groups: ['chat'] }, other: { keys: ['the-key-of-another'] } },
    },
    refused: upgradeWith('X-API-Key: the-key-of-another'),
    status: 403,
    code: 'consumer_denied',
    granted: upgradeWith(`X-API-Key: ${KEY}`),
    seen: { 'x-consumer-groups': 'chat' },
  }),
  'ip-access': async () => ({
    options: { trustedProxies: ['127.0.0.1'], route: { policies: { 'ip-access': { deny: ['192.0.2.0/24'] } } } },
    refused: upgradeWith('X-Forwarded-For: 192.0.2.7'),
    status: 403,
    code: 'address_denied',
    granted: upgradeWith('X-Forwarded-For: 198.51.100.7'),
    seen: {},
  }),
  cors: async () => ({
    options: { route: { policies: { cors: { origins: ['https://app.example'] } } } },
    refused: upgradeWith('Origin: https://evil.example'),
    status: 403,
    code: 'origin_denied',
    granted: upgradeWith('Origin: https://app.example'),
    seen: { origin: 'https://app.example' },
  }),
}

for (const [name, make] of Object.entries(POLICIES)) {
  test(`${name} refuses a WebSocket before any service is asked, and lets the next one on the connection pass`, async (t) => {
    const { options, refused, status, code, granted, seen } = await make()
    const rig = await startRig(t, options)
    const client = await rig.connect()
    client.write(refused)
    const { head } = await client.readResponse()
    assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `))
    assert.equal(fieldOf(head, 'turnpike-error'), code)
    assert.equal(rig.upstreamConnections(), 0)
    client.write(granted)
    const service = await rig.upstream.accept()
    const forwarded = await service.readHead()
    for (const [field, value] of Object.entries(seen)) assert.equal(fieldOf(forwarded, field), value, field)
    service.write(`${WEBSOCKET_SWITCH}hello`)
    assert.match(await client.readHead(), /^HTTP\/1\.1 101 /)
    assert.equal(await client.readThrough('hello'), 'hello')
  })
}

test('rate-limit counts WebSockets as they are opened, and not what is said on them', async (t) => {
  const limit = { by: 'ip', window: 'hour', limit: 2 } as const
  const rig = await startRig(t, { route: { policies: { 'rate-limit': limit } } })
  for (let i = 0; i < 2; i++) {
    const client = await rig.connect()
    client.write(WEBSOCKET_UPGRADE)
    const service = await rig.upstream.accept()
    await service.readHead()
    service.write(WEBSOCKET_SWITCH)
    assert.match(await client.readHead(), /^HTTP\/1\.1 101 /)
    for (let message = 0; message < 5; message++) {
      client.write('\x81\x82\0\0\0\0hi')
      await service.readBytes(8)
    }
  }
  const client = await rig.connect()
  client.write(WEBSOCKET_UPGRADE)
  const { head } = await client.readResponse()
  assert.match(head, /^HTTP\/1\.1 429 /)
  assert.ok(fieldOf(head, 'retry-after') !== undefined)
})

test('policies edit the request for a WebSocket and the 101 that answers it', async (t) => {
  const edits = { request: { set: { 'X-Tenant': 'acme' } }, response: { set: { 'X-Served-By': 'turnpike' }, remove: ['X-Internal'] } }
  const rig = await startRig(t, { route: { policies: { headers: edits, rewrite: { stripPrefix: '/chat', addPrefix: '/v2' } } } })
  const client = await rig.connect()
  client.write(WEBSOCKET_UPGRADE.replace('/chat', '/chat/room'))
  const service = await rig.upstream.accept()
  const forwarded = await service.readHead()
  assert.match(forwarded, /^GET \/v2\/room HTTP\/1\.1\r\n/)
  assert.equal(fieldOf(forwarded, 'x-tenant'), 'acme')
  service.write(WEBSOCKET_SWITCH.replace('\r\n\r\n', '\r\nX-Internal: 1\r\nSec-WebSocket-Protocol: chat\r\n\r\n'))
  const head = await client.readHead()
  assert.equal(fieldOf(head, 'x-served-by'), 'turnpike')
  assert.equal(fieldOf(head, 'x-internal'), undefined)
  assert.equal(fieldOf(head, 'sec-websocket-protocol'), 'chat')
  assert.match(fieldOf(head, 'x-request-id') ?? '', /./)
})
