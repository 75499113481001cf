import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ask, problemsOfKong, startKong } from './kong-gateway.ts'
import { assertError } from './refusals.ts'

const STRANGER = '33333333-3333-4333-8333-333333333333'

/** @param first of key-auth @param second of basic-auth, which acts later */
const fileWith = (first: string, second: string) => `
_format_version: "3.0"
services:
  - name: users
    url: http://ECHO
    routes: [{ name: users, paths: [/] }]
    plugins:
      - { name: basic-auth, config: { ${second} } }
      - { name: key-auth, config: { ${first} } }
consumers:
  - username: keys
    custom_id: c1
    keyauth_credentials: [{ key: key-of-the-consumer }]
  - username: logins
    basicauth_credentials: [{ username: anna, password: right }]
  - username: stranger
    id: ${STRANGER}
`

const KEY = { apikey: 'key-of-the-consumer' }
const LOGIN = { authorization: `Basic ${Buffer.from('anna:right').toString('base64')}` }
const WRONG_KEY = { apikey: 'wrong' }
const WRONG_LOGIN = { authorization: `Basic ${Buffer.from('anna:wrong').toString('base64')}` }

const fieldsOf = (headers: Readonly<Record<string, string>>) => ({
  username: headers['x-consumer-username'],
  customId: headers['x-consumer-custom-id'],
  anonymous: headers['x-anonymous-consumer'],
})

test('2.10 anonymous: with it in all of them one is enough, and the first that is right counts', async (t) => {
  const kong = await startKong(t, fileWith('anonymous: stranger', `anonymous: ${STRANGER}`))
  const told = async (headers: Ask['headers'] = {}) => fieldsOf((await kong.upstreamOf('/', { headers })).headers)
  const keys = { username: 'keys', customId: 'c1', anonymous: undefined }
  const logins = { username: 'logins', customId: undefined, anonymous: undefined }
  assert.deepEqual(await told(KEY), keys)
  assert.deepEqual(await told(LOGIN), logins)
  assert.deepEqual(await told({ ...KEY, ...LOGIN }), keys)
  assert.deepEqual(await told({ ...KEY, ...WRONG_LOGIN }), keys)
  assert.deepEqual(await told({ ...WRONG_KEY, ...LOGIN }), logins)
})

test('2.10 anonymous: who has no valid credential is the anonymous consumer, by id or by username', async (t) => {
  const kong = await startKong(t, fileWith('anonymous: stranger', `anonymous: ${STRANGER}`))
  for (const headers of [{}, WRONG_KEY, WRONG_LOGIN, { 'X-Consumer-Custom-ID': 'forged', 'X-Credential-Identifier': 'forged' }]) {
    const got = await kong.upstreamOf('/', { headers })
    assert.deepEqual(fieldsOf(got.headers), { username: 'stranger', customId: undefined, anonymous: 'true' })
    assert.equal(got.headers['x-consumer-id'], STRANGER)
    assert.equal(got.headers['x-credential-identifier'], undefined)
  }
})

test('2.10 anonymous: without it all are needed, and the last one says who calls', async (t) => {
  const kong = await startKong(t, fileWith('', ''))
  const { headers } = await kong.upstreamOf('/', { headers: { ...KEY, ...LOGIN, 'X-Anonymous-Consumer': 'true' } })
  assert.deepEqual(fieldsOf(headers), { username: 'logins', customId: undefined, anonymous: undefined })
  assert.equal(headers['x-credential-identifier'], 'anna')
  assertError(await kong.ask('/', { headers: LOGIN }), 401, 'No API key found in request', 'Key')
  assertError(await kong.ask('/', { headers: KEY }), 401, 'Unauthorized', 'Basic realm="service"')
  assertError(await kong.ask('/', { headers: { ...KEY, ...WRONG_LOGIN } }), 401, 'Unauthorized', 'Basic realm="service"')
})

test('2.10 anonymous: one without it has to let pass, whatever the others found', async (t) => {
  const kong = await startKong(t, fileWith('anonymous: stranger', ''))
  assertError(await kong.ask('/'), 401, 'Unauthorized', 'Basic realm="service"')
  assertError(await kong.ask('/', { headers: KEY }), 401, 'Unauthorized', 'Basic realm="service"')
  const { headers } = await kong.upstreamOf('/', { headers: LOGIN })
  assert.deepEqual(fieldsOf(headers), { username: 'logins', customId: undefined, anonymous: undefined })
  const strict = await startKong(t, fileWith('', 'anonymous: stranger'))
  assert.equal((await strict.upstreamOf('/', { headers: KEY })).headers['x-consumer-username'], 'keys')
  assertError(await strict.ask('/', { headers: LOGIN }), 401, 'No API key found in request', 'Key')
})

test('2.10 anonymous: one that does not exist is 500 where it is needed', async (t) => {
  const text = fileWith('anonymous: nobody', 'anonymous: nobody')
  const kong = await startKong(t, text)
  assert.equal((await kong.ask('/', { headers: KEY })).status, 200)
  assertError(await kong.ask('/'), 500, "anonymous consumer nobody is configured but doesn't exist")
  assert.match((await problemsOfKong(text)).join('\n'), /warning .*there is no consumer `nobody`/)
})

test('2.8 anonymous: the plugins of the anonymous consumer apply', async (t) => {
  const text = fileWith('anonymous: stranger', 'anonymous: stranger').replace(
    `id: ${STRANGER}`,
    `id: ${STRANGER}\n    plugins: [{ name: request-termination, config: { status_code: 403, message: strangers stay out } }]`,
  )
  const kong = await startKong(t, text)
  const { status, body } = await kong.ask('/')
  assert.equal(status, 403)
  assert.match(body, /strangers stay out/)
  assert.equal((await kong.ask('/', { headers: KEY })).status, 200)
})
