/** Tokens over a connection: what it remembers of a head never speaks for another. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { type Rig, startRig } from './harness.ts'
import { fieldOf, type Peer } from './peer.ts'

const SECRET = 'a secret that is long enough for HS256'

async function tokenFor(sub: string): Promise<string> {
  return new SignJWT({ sub, aud: 'wire' })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET))
}

/** A gateway whose service answers each request with the user that it names. */
async function startTelling(context: TestContext): Promise<Rig> {
  const service = createServer(({ headers }, response) => response.end(headers['x-user-id'] ?? 'nobody'))
  await once(service.listen(0, '127.0.0.1'), 'listening')
  context.after(() => service.close())
  const address = service.address()
  assert.ok(typeof address === 'object' && address !== null)
  const rules = { jwt: { secret: SECRET, audience: 'wire' } }
  return startRig(context, { route: { policies: rules }, ports: () => [address.port] })
}

function requestWith(token: string): string {
  return `GET /a HTTP/1.1\r\nHost: a\r\n${token === '' ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`
}

async function statusAndUser(client: Peer): Promise<string> {
  const { head, body } = await client.readResponse()
  const status = head.slice(9, 12)
  return status === '200' ? body : `${status} ${fieldOf(head, 'turnpike-error')}`
}

test('each request of a connection is answered for its own token, known or new, whole or in pieces', async (context) => {
  const rig = await startTelling(context)
  const client = await rig.connect()
  const [anna, bert] = [await tokenFor('anna'), await tokenFor('bert')]
  const wrong = `${anna.slice(0, -4)}AAAA`
  const cases = [
    [anna, 'anna'],
    [anna, 'anna'],
    [bert, 'bert'],
    [anna, 'anna'],
    [wrong, '401 token_invalid'],
    [anna, 'anna'],
    ['', '401 token_missing'],
    ['', '401 token_missing'],
    [bert, 'bert'],
    [bert, 'bert'],
  ] as const
  for (const [token, expected] of cases) {
    client.write(requestWith(token))
    assert.equal(await statusAndUser(client), expected)
  }
  for (const [token, expected] of cases) {
    const text = requestWith(token)
    for (let at = 0; at < text.length; at += 37) {
      client.write(text.slice(at, at + 37))
      await new Promise(setImmediate)
    }
    assert.equal(await statusAndUser(client), expected)
  }
  // All at once: the next head is read while the one before it may still be waited for.
  client.write(cases.map(([token]) => requestWith(token)).join(''))
  for (const [, expected] of cases) assert.equal(await statusAndUser(client), expected)
})

test('a token that is new holds up nobody else’s, and its client may leave meanwhile', async (context) => {
  const rig = await startTelling(context)
  const gone = await rig.connect()
  gone.write(requestWith(await tokenFor('anna')))
  gone.reset()
  const client = await rig.connect()
  client.write(requestWith(`${await tokenFor('bert')}x`))
  assert.equal(await statusAndUser(client), '401 token_invalid')
})
