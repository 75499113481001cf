import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { assertError } from './refusals.ts'

const CONSUMER = '11111111-1111-4111-8111-111111111111'

const fileWith = (config = '', { password = 'right:one', head = '' } = {}) => `
_format_version: "3.0"
${head}
services:
  - name: users
    url: http://ECHO
    routes: [{ name: users, paths: [/] }]
    plugins:
      - name: basic-auth
        config: { ${config} }
consumers:
  - username: app
    id: ${CONSUMER}
    basicauth_credentials: [{ username: anna, password: "${password}" }]
`

const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`
const RIGHT = basic('anna:right:one')
const CHALLENGE = 'Basic realm="service"'

test('2.10 basic-auth: whatever is missing or wrong is 401 `Unauthorized` with the realm `service`', async (t) => {
  const kong = await startKong(t, fileWith())
  const wrong = [basic('anna:wrong'), basic('berta:right:one'), basic('anna'), 'Basic ?', 'Basic', 'Bearer x', basic('')]
  assertError(await kong.ask('/'), 401, 'Unauthorized', CHALLENGE)
  for (const authorization of wrong) assertError(await kong.ask('/', { headers: { authorization } }), 401, 'Unauthorized', CHALLENGE)
  assert.equal(kong.received.length, 0)
})

test('2.10 basic-auth: `realm` stands in the challenge', async (t) => {
  const kong = await startKong(t, fileWith('realm: my realm'))
  assertError(await kong.ask('/'), 401, 'Unauthorized', 'Basic realm="my realm"')
})

test('2.10 basic-auth: the service is told who calls, and gets name and password unless `hide_credentials`', async (t) => {
  const open = await startKong(t, fileWith())
  const { headers } = await open.upstreamOf('/', { headers: { authorization: RIGHT, 'X-Credential-Identifier': 'forged' } })
  assert.equal(headers['x-consumer-id'], CONSUMER)
  assert.equal(headers['x-consumer-username'], 'app')
  assert.equal(headers['x-credential-identifier'], 'anna')
  assert.equal(headers['authorization'], RIGHT)
  const hidden = await startKong(t, fileWith('hide_credentials: true'))
  assert.equal((await hidden.upstreamOf('/', { headers: { authorization: RIGHT } })).headers['authorization'], undefined)
})

test('2.10 basic-auth: `Proxy-Authorization` is tried first, and `Authorization` where it names nobody', async (t) => {
  const kong = await startKong(t, fileWith())
  const ask = (proxy: string, authorization?: string) =>
    kong.ask('/', { headers: { 'proxy-authorization': proxy, ...(authorization !== undefined && { authorization }) } })
  assert.equal((await ask(RIGHT)).status, 200)
  assert.equal((await ask(RIGHT, basic('anna:wrong'))).status, 200)
  assert.equal((await ask(basic('berta:x'), RIGHT)).status, 200)
  assert.equal((await ask('Bearer x', RIGHT)).status, 200)
  assertError(await ask(basic('anna:wrong'), RIGHT), 401, 'Unauthorized', CHALLENGE)
  assertError(await ask(basic('berta:x')), 401, 'Unauthorized', CHALLENGE)
  assert.ok(kong.received.every(({ headers }) => headers['proxy-authorization'] === undefined))
})

test('2.7 basicauth_credentials: with `_transform: false` passwords are SHA-1 of password and consumer', async (t) => {
  const password = createHash('sha1').update(`right:one${CONSUMER}`).digest('hex')
  const text = fileWith('', { password, head: '_transform: false' })
  const kong = await startKong(t, text)
  assert.equal((await kong.ask('/', { headers: { authorization: RIGHT } })).status, 200)
  assertError(await kong.ask('/', { headers: { authorization: basic(`anna:${password}`) } }), 401, 'Unauthorized', CHALLENGE)
  assertError(await kong.ask('/', { headers: { authorization: basic('berta:right:one') } }), 401, 'Unauthorized', CHALLENGE)
  assert.match((await problemsOfKong(text)).join('\n'), /warning .*salted SHA-1/)
})

test('2.7 basicauth_credentials: with `_transform: false` what is no hash lets nobody in', async (t) => {
  const text = fileWith('', { head: '_transform: false' })
  const kong = await startKong(t, text)
  assertError(await kong.ask('/', { headers: { authorization: RIGHT } }), 401, 'Unauthorized', CHALLENGE)
  assert.match((await problemsOfKong(text)).join('\n'), /warning .*the credential is left out/)
})
