import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { assertError } from './refusals.ts'

const KEY = 'key-of-the-app-0001'
const CONSUMER = '11111111-1111-4111-8111-111111111111'
const CREDENTIAL = '22222222-2222-4222-8222-222222222222'

const fileWith = (config = '') => `
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
    id: ${CONSUMER}
    keyauth_credentials: [{ key: ${KEY}, id: ${CREDENTIAL} }]
`

test('2.10 key-auth: a missing key is 401 with `Key` and `No API key found in request`', async (t) => {
  const kong = await startKong(t, fileWith())
  assertError(await kong.ask('/'), 401, 'No API key found in request', 'Key')
  assertError(await kong.ask('/', { headers: { apikey: '' } }), 401, 'No API key found in request', 'Key')
  assertError(await kong.ask('/', { headers: { cookie: `apikey=${KEY}` } }), 401, 'No API key found in request', 'Key')
  assert.equal(kong.received.length, 0)
})

test('2.10 key-auth: an unknown key is 401 with `Unauthorized`', async (t) => {
  const kong = await startKong(t, fileWith())
  assertError(await kong.ask('/', { headers: { apikey: 'other' } }), 401, 'Unauthorized', 'Key')
  assertError(await kong.ask('/?apikey=other'), 401, 'Unauthorized', 'Key')
})

test('2.10 key-auth: two keys in one place are `Duplicate API key found`', async (t) => {
  const kong = await startKong(t, fileWith())
  assertError(await kong.ask('/', { headers: { apikey: [KEY, 'other'] } }), 401, 'Duplicate API key found', 'Key')
  assertError(await kong.ask(`/?apikey=${KEY}&apikey=${KEY}`), 401, 'Duplicate API key found', 'Key')
})

test('2.10 key-auth: the header is looked at before the query, name by name', async (t) => {
  const kong = await startKong(t, fileWith('key_names: [apikey, x-other]'))
  assert.equal((await kong.ask('/?apikey=other', { headers: { apikey: KEY } })).status, 200)
  assertError(await kong.ask(`/?apikey=${KEY}`, { headers: { apikey: 'other' } }), 401, 'Unauthorized', 'Key')
  assert.equal((await kong.ask(`/?apikey=${KEY}`, { headers: { 'x-other': 'other' } })).status, 200)
  assertError(await kong.ask('/?apikey=other', { headers: { 'x-other': KEY } }), 401, 'Unauthorized', 'Key')
})

test('2.10 key-auth: places can be switched off, and names are of any kind', async (t) => {
  const header = await startKong(t, fileWith('key_in_query: false, key_names: [my_key]'))
  assertError(await header.ask(`/?my_key=${KEY}`), 401, 'No API key found in request', 'Key')
  assert.equal((await header.ask('/', { headers: { my_key: KEY } })).status, 200)
  assert.equal((await header.ask('/', { headers: { 'My-Key': KEY } })).status, 200)
  const query = await startKong(t, fileWith('key_in_header: false'))
  assertError(await query.ask('/', { headers: { apikey: KEY } }), 401, 'No API key found in request', 'Key')
  assert.equal((await query.ask(`/?apikey=${KEY}`)).status, 200)
  const whole = await startKong(t, fileWith('key_names: [authorization]'))
  assert.equal((await whole.ask('/', { headers: { authorization: KEY } })).status, 200)
  assertError(await whole.ask('/', { headers: { authorization: `Bearer ${KEY}` } }), 401, 'Unauthorized', 'Key')
})

test('2.10 key-auth: `realm` stands in the challenge', async (t) => {
  const kong = await startKong(t, fileWith('realm: my realm'))
  assertError(await kong.ask('/'), 401, 'No API key found in request', 'Key realm="my realm"')
  assertError(await kong.ask('/', { headers: { apikey: 'other' } }), 401, 'Unauthorized', 'Key realm="my realm"')
})

test('2.10 key-auth: the service is told who calls, and gets the key unless `hide_credentials`', async (t) => {
  const open = await startKong(t, fileWith())
  const forged = { 'X-Consumer-ID': 'forged', 'X-Consumer-Username': 'forged', 'X-Anonymous-Consumer': 'true', 'X-User-ID': 'u' }
  const { headers, url } = await open.upstreamOf(`/?a=b&apikey=${KEY}`, { headers: { ...forged } })
  assert.equal(headers['x-consumer-id'], CONSUMER)
  assert.equal(headers['x-consumer-custom-id'], 'the app')
  assert.equal(headers['x-consumer-username'], 'app')
  assert.equal(headers['x-credential-identifier'], CREDENTIAL)
  assert.equal(headers['x-anonymous-consumer'], undefined)
  assert.equal(headers['x-consumer-groups'], undefined)
  assert.equal(headers['x-user-id'], 'u', 'what Kong does not write is the client’s own')
  assert.equal(url, `/?a=b&apikey=${KEY}`)
  const hidden = await startKong(t, fileWith('hide_credentials: true'))
  assert.equal((await hidden.upstreamOf(`/?a=b&apikey=${KEY}`)).url, '/?a=b')
  const got = await hidden.upstreamOf('/', { headers: { apikey: KEY } })
  assert.equal(got.headers['apikey'], undefined)
})

test('2.10 key-auth: `run_on_preflight: false` lets OPTIONS through without a key', async (t) => {
  const always = await startKong(t, fileWith())
  assertError(await always.ask('/', { method: 'OPTIONS' }), 401, 'No API key found in request', 'Key')
  const kong = await startKong(t, fileWith('run_on_preflight: false'))
  const { headers } = await kong.upstreamOf('/', { method: 'OPTIONS', headers: { 'X-Consumer-ID': 'forged' } })
  assert.equal(headers['x-consumer-id'], undefined)
  assertError(await kong.ask('/'), 401, 'No API key found in request', 'Key')
})

test('2.8 key-auth: it is for no consumer', async () => {
  const text = fileWith().replace('custom_id: the app', 'plugins: [{ name: key-auth }]')
  const problems = await problemsOfKong(text)
  assert.match(problems.join('\n'), /value must be null: `key-auth`/)
})

test('2.7 keys that no header could carry work in the query', async (t) => {
  const kong = await startKong(t, fileWith().replace(KEY, '"a key with blanks"'))
  assert.equal((await kong.ask('/?apikey=a%20key%20with%20blanks')).status, 200)
})

test('2.10 key-auth: `key_in_body` finds keys in JSON, forms and multipart forms, behind header and query', async (t) => {
  const kong = await startKong(t, fileWith('key_in_body: true'))
  const parts = `--xx\r\nContent-Disposition: form-data; name="apikey"\r\n\r\n${KEY}\r\n--xx--\r\n`
  const bodies: readonly (readonly [string, string])[] = [
    ['application/json', `{"apikey":"${KEY}","a":1.0}`],
    ['application/x-www-form-urlencoded', `a=b&apikey=${KEY}`],
    ['multipart/form-data; boundary=xx', parts],
  ]
  for (const [type, body] of bodies) {
    const got = await kong.upstreamOf('/', { method: 'POST', body, headers: { 'content-type': type } })
    assert.equal(got.body, body)
    assert.equal(got.headers['x-consumer-username'], 'app')
    assert.equal(got.headers['content-length'], String(body.length))
  }
  const post = (body: string, headers: Record<string, string> = {}, target = '/') =>
    kong.ask(target, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })
  assertError(await post('{"apikey":"other"}'), 401, 'Unauthorized', 'Key')
  assertError(await post(`{"apikey":["${KEY}"]}`), 401, 'Duplicate API key found', 'Key')
  assertError(await post('{"apikey":7}'), 401, 'No API key found in request', 'Key')
  assertError(await post(`{"apikey":"${KEY}"`), 401, 'No API key found in request', 'Key')
  assertError(await post(`{"apikey":"${KEY}"}`, { apikey: 'other' }), 401, 'Unauthorized', 'Key')
  assertError(await post(`{"apikey":"${KEY}"}`, {}, '/?apikey=other'), 401, 'Unauthorized', 'Key')
  assertError(await post(`apikey=${KEY}`, { 'content-type': 'text/plain' }), 401, 'No API key found in request', 'Key')
  assertError(await kong.ask('/'), 401, 'No API key found in request', 'Key')
  assert.equal((await post('{"a":1}', { apikey: KEY })).status, 200)
})

test('2.10 key-auth: `hide_credentials` takes the key out of the body too', async (t) => {
  const kong = await startKong(t, fileWith('key_in_body: true, hide_credentials: true'))
  const form = { method: 'POST', body: `a=b&apikey=${KEY}&c=d`, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
  const got = await kong.upstreamOf('/', form)
  assert.equal(got.body, 'a=b&c=d')
  const json = { method: 'POST', body: `{"apikey":"${KEY}","a":1.0}`, headers: { 'content-type': 'application/json' } }
  assert.equal((await kong.upstreamOf('/', json)).body, '{"a":1.0}')
})

test('2.10 key-auth: a body that is larger than a key is looked for in passes with a key in the header', async (t) => {
  const kong = await startKong(t, fileWith('key_in_body: true'))
  const body = JSON.stringify({ apikey: KEY, filler: 'x'.repeat(2 ** 20) })
  const chunked = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
  for (const headers of [{ 'content-type': 'application/json' }, chunked]) {
    assertError(await kong.ask('/', { method: 'POST', body, headers }), 401, 'No API key found in request', 'Key')
    const got = await kong.upstreamOf('/', { method: 'POST', body, headers: { ...headers, apikey: KEY } })
    assert.equal(got.body, body)
  }
})

test('2.10 key-auth: a body that was looked into is there for plugins behind, and the connection goes on', async (t) => {
  const text = fileWith('key_in_body: true').replace(
    '    plugins:',
    '    plugins:\n      - { name: hmac-auth, config: { validate_request_body: true } }',
  )
  const kong = await startKong(
    t,
    text.replace('keyauth_credentials', 'hmacauth_credentials: [{ username: anna, secret: s }]\n    keyauth_credentials'),
  )
  const date = new Date().toUTCString()
  const signature = createHmac('sha256', 's').update(`date: ${date}`).digest('base64')
  const body = `a=b&apikey=${KEY}`
  const post = (digested: string): string =>
    [
      'POST /a HTTP/1.1',
      'Host: h',
      `Date: ${date}`,
      `Digest: SHA-256=${createHash('sha256').update(digested).digest('base64')}`,
      `Authorization: hmac username="anna", algorithm="hmac-sha256", headers="date", signature="${signature}"`,
      'Content-Type: application/x-www-form-urlencoded',
      'Transfer-Encoding: chunked',
      '',
      `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ].join('\r\n')
  const peer = await kong.connect()
  for (const [digested, status] of [
    [body, '200'],
    ['another', '401'],
    [body, '200'],
  ] as const) {
    peer.socket.write(post(digested))
    assert.match((await peer.readResponse()).head, new RegExp(`^HTTP/1.1 ${status}`))
  }
  assert.deepEqual(
    kong.received.map((got) => got.body),
    [body, body],
  )
})
