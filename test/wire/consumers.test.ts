/** Consumers over a socket: their credentials, one and several together, and policies of their own. */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { type Rig, startRig } from './harness.ts'
import { fieldOf, type Peer } from './peer.ts'

const KEY = 'the-key-of-the-application'
const OTHER_KEY = 'the-key-of-somebody-else'
const SECRET = 'a secret to sign with'
const BASIC = `Authorization: Basic ${Buffer.from('app:pass').toString('base64')}`

const consumers = {
  app: {
    groups: ['apps', 'mobile'],
    keys: [KEY, { key: 'the-key-that-is-over-and-gone', id: 'gone', expires: '2020-01-01' }],
    basic: [{ username: 'app', password: 'pass' }],
    hmac: [{ keyId: 'app-1', secret: SECRET }],
    policies: { headers: { request: { set: { 'X-Plan': 'app' } } } },
    routes: { special: { policies: { headers: { request: { set: { 'X-Plan': 'app on special' } } } } } },
  },
  other: { keys: [OTHER_KEY] },
  guest: { groups: ['guests'] },
}

const route = (path: string, policies: object) => ({
  path,
  service: 'main',
  policies: { headers: { request: { set: { 'X-Plan': 'route' } } }, ...policies },
})

const routes = {
  key: route('/key/*', { 'api-key': { from: ['header:X-API-Key', 'query:key'] } }),
  special: route('/special', { 'api-key': {} }),
  basic: route('/basic', { basic: {} }),
  hmac: route('/hmac/*', { hmac: { validateBody: true } }),
  both: route('/both', { 'api-key': {}, basic: {} }),
  any: route('/any', { jwt: { secret: 's'.repeat(32), audience: 'a' }, 'api-key': {}, basic: {}, authentication: { require: 'any' } }),
  guest: route('/guest', { 'api-key': {}, authentication: { anonymous: 'guest' } }),
}

async function start(t: TestContext): Promise<Rig> {
  const rig = await startRig(t, { routes, consumers })
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest()
      const told = JSON.stringify({ head, body })
      peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(told)}\r\n\r\n${told}`)
    }
  }
  return rig
}

/** What the client is told: who it was for the service, or status and code with the challenges. */
async function ask(
  client: Peer,
  target: string,
  fields: readonly string[] = [],
  body = '',
  method = body === '' ? 'GET' : 'POST',
): Promise<string> {
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
  client.write([`${method} ${target} HTTP/1.1`, 'Host: a', ...length, ...fields, '', body].join('\r\n'))
  const answer = await client.readResponse()
  const status = answer.head.slice(9, 12)
  if (status !== '200') {
    const challenges = [...answer.head.matchAll(/^WWW-Authenticate: (\w+)/gim)].map(([, scheme]) => scheme)
    return [status, fieldOf(answer.head, 'turnpike-error'), ...challenges].join(' ')
  }
  const seen: unknown = JSON.parse(answer.body)
  assert.ok(typeof seen === 'object' && seen !== null && 'head' in seen && typeof seen.head === 'string')
  const { head } = seen
  assert.doesNotMatch(head, /the-key|Basic|Signature/)
  return ['X-Auth-Method', 'X-Consumer-Name', 'X-Credential-ID', 'X-Plan'].map((name) => fieldOf(head, name) ?? '-').join(' ')
}

test('a key lets its consumer in, again and again on one connection, and its own policies count', async (t) => {
  const client = await (await start(t)).connect()
  const key = `X-API-Key: ${KEY}`
  for (let round = 0; round < 3; round++) assert.equal(await ask(client, '/key/a', [key]), 'api-key app app-key-1 app')
  assert.equal(await ask(client, `/key/a?key=${KEY}`), 'api-key app app-key-1 app')
  assert.equal(await ask(client, '/special', [key]), 'api-key app app-key-1 app on special')
  assert.equal(await ask(client, '/special', [`X-API-Key: ${OTHER_KEY}`]), 'api-key other other-key-1 route')
  assert.equal(await ask(client, '/special'), '401 credentials_missing ApiKey')
  assert.equal(await ask(client, '/special', ['X-API-Key: x']), '401 credentials_invalid ApiKey')
  assert.equal(await ask(client, '/special', ['X-API-Key: the-key-that-is-over-and-gone']), '401 credentials_expired ApiKey')
  // What a client says of itself is not believed.
  assert.equal(await ask(client, '/special', [`X-API-Key: ${OTHER_KEY}`, 'X-Consumer-Name: app']), 'api-key other other-key-1 route')
})

test('a password lets its consumer in, and two credentials have to be of one consumer', async (t) => {
  const client = await (await start(t)).connect()
  for (let round = 0; round < 2; round++) assert.equal(await ask(client, '/basic', [BASIC]), 'basic app app-basic-1 app')
  assert.equal(await ask(client, '/basic', ['Authorization: Basic YXBwOndyb25n']), '401 credentials_invalid Basic')
  assert.equal(await ask(client, '/basic'), '401 credentials_missing Basic')
  for (let round = 0; round < 2; round++)
    assert.equal(await ask(client, '/both', [BASIC, `X-API-Key: ${KEY}`]), 'api-key,basic app app-basic-1 app')
  assert.equal(await ask(client, '/both', [`X-API-Key: ${KEY}`]), '401 credentials_missing Basic')
  assert.equal(await ask(client, '/both', [BASIC]), '401 credentials_missing ApiKey')
  assert.match(await ask(client, '/both', [BASIC, `X-API-Key: ${OTHER_KEY}`]), /^401 credentials_conflict/)
})

test('where any credential is enough, the first that is right decides', async (t) => {
  const client = await (await start(t)).connect()
  const token = await new SignJWT({ sub: '42', aud: 'a' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(Buffer.from('s'.repeat(32)))
  const bearer = `Authorization: Bearer ${token}`
  assert.equal(await ask(client, '/any', [bearer]), 'jwt - - route')
  assert.equal(await ask(client, '/any', [`X-API-Key: ${KEY}`]), 'api-key app app-key-1 app')
  assert.equal(await ask(client, '/any', [BASIC]), 'basic app app-basic-1 app')
  assert.equal(await ask(client, '/any', [bearer, 'X-API-Key: wrong']), 'jwt - - route')
  assert.equal(await ask(client, '/any', [BASIC, 'X-API-Key: wrong']), 'basic app app-basic-1 app')
  assert.equal(await ask(client, '/any'), '401 token_missing Bearer ApiKey Basic')
  assert.equal(await ask(client, '/any', ['X-API-Key: wrong']), '401 credentials_invalid Bearer ApiKey Basic')
  assert.equal(await ask(client, '/any', [bearer.slice(0, -1)]), '401 token_invalid Bearer ApiKey Basic')
})

test('who has no credential is the anonymous consumer, and who has a wrong one is nobody', async (t) => {
  const client = await (await start(t)).connect()
  assert.equal(await ask(client, '/guest'), 'anonymous guest - route')
  assert.equal(await ask(client, '/guest', [`X-API-Key: ${KEY}`]), 'api-key app app-key-1 app')
  assert.equal(await ask(client, '/guest', ['X-API-Key: wrong']), '401 credentials_invalid ApiKey')
})

interface ToSign {
  readonly target: string
  readonly covered: Readonly<Record<string, string>>
}

function signature({ target, covered }: ToSign): string {
  const lines = Object.entries({ '(request-target)': target, host: 'a', ...covered }).map(([name, value]) => `${name}: ${value}`)
  const encoded = createHmac('sha256', SECRET).update(lines.join('\n')).digest('base64')
  const names = ['(request-target)', 'host', ...Object.keys(covered)].join(' ')
  return `Authorization: Signature keyId="app-1",algorithm="hmac-sha256",headers="${names}",signature="${encoded}"`
}

test('a signature is for the request as it was received, with its body', async (t) => {
  const client = await (await start(t)).connect()
  const date = new Date().toUTCString()
  const target = '/hmac/./a%2fb?x=%20&y'
  const field = `Date: ${date}`
  assert.equal(await ask(client, target, [field, signature({ target: `get ${target}`, covered: { date } })]), 'hmac app app-hmac-1 app')
  assert.equal(
    await ask(client, '/hmac/ab', [field, signature({ target: `get ${target}`, covered: { date } })]),
    '401 credentials_invalid Signature',
  )
  assert.equal(await ask(client, '/hmac/ab'), '401 credentials_missing Signature')
  const old = new Date(Date.now() - 600_000).toUTCString()
  assert.equal(
    await ask(client, '/hmac/a', [`Date: ${old}`, signature({ target: 'get /hmac/a', covered: { date: old } })]),
    '401 credentials_expired Signature',
  )

  const body = '{"amount": 1}'
  const digest = `SHA-256=${createHash('sha256').update(body).digest('base64')}`
  const covered = { date, digest, 'content-length': String(body.length) }
  const fields = [field, `Digest: ${digest}`, signature({ target: 'post /hmac/pay', covered })]
  assert.equal(await ask(client, '/hmac/pay', fields, body), 'hmac app app-hmac-1 app')
  const forged = body.replace('1', '9')
  assert.match(await ask(client, '/hmac/pay', fields, forged), /^401 credentials_invalid/)
  assert.match(
    await ask(client, '/hmac/pay', [field, signature({ target: 'post /hmac/pay', covered: { date } })], body),
    /^401 credentials_invalid/,
  )
})
