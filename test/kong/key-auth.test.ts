import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, startKong } from './kong-gateway.ts'

const FILE = (config = '') => `
_format_version: "3.0"
services:
  - name: users
    url: http://ECHO
    routes: [{ name: users, paths: [/] }]
    plugins:
      - name: key-auth
        config: { ${config} }
consumers:
  - username: app
    custom_id: the app
    id: 11111111-1111-4111-8111-111111111111
    keyauth_credentials: [{ key: key-of-the-app-0001, id: 22222222-2222-4222-8222-222222222222 }]
`
const KEY = 'key-of-the-app-0001'

/** What Kong says as JSON, with the id of the request. */
function assertError({ status, headers, body }: Answer, wanted: number, message: string, challenge: string | undefined): void {
  assert.equal(status, wanted, body)
  assert.equal(headers['www-authenticate'], challenge)
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.match(body, /^\{\n {2}"message":"[^\n]*",\n {2}"request_id":"[0-9a-f-]+"\n\}$/)
  assert.equal(JSON.parse(body).message, message)
}

test('2.10 key-auth: a missing key is 401 with `Key`', async (t) => {
  const kong = await startKong(t, FILE())
  assertError(await kong.ask('/'), 401, 'No API key found in request', 'Key')
  assertError(await kong.ask('/', { headers: { apikey: '' } }), 401, 'No API key found in request', 'Key')
  assertError(await kong.ask('/', { headers: { cookie: `apikey=${KEY}` } }), 401, 'No API key found in request', 'Key')
  assertError(await kong.ask('/', { headers: { apikey: 'other' } }), 401, 'Unauthorized', 'Key')
  const { headers } = await kong.upstreamOf('/', { headers: { apikey: KEY, 'X-Consumer-ID': 'forged', 'X-Anonymous-Consumer': 'true', 'X-User-ID': 'u' } })
  assert.equal(headers['x-consumer-id'], '11111111-1111-4111-8111-111111111111')
  assert.equal(headers['x-consumer-custom-id'], 'the app')
  assert.equal(headers['x-consumer-username'], 'app')
  assert.equal(headers['x-credential-identifier'], '22222222-2222-4222-8222-222222222222')
  assert.equal(headers['x-anonymous-consumer'], undefined)
  assert.equal(headers['x-user-id'], 'u')
  assert.equal(headers['apikey'], KEY)
})
