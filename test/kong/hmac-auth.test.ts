import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'
import { assertError } from './refusals.ts'

const CONSUMER = '11111111-1111-4111-8111-111111111111'

const fileWith = (config = '') => `
_format_version: "3.0"
services:
  - name: users
    url: http://ECHO
    routes: [{ name: users, paths: [/] }]
    plugins:
      - name: hmac-auth
        config: { ${config} }
consumers:
  - username: app
    id: ${CONSUMER}
    hmacauth_credentials: [{ username: anna, secret: a secret }]
`

const UNDATED = 'HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication'
const NOT_VERIFIED = 'HMAC signature cannot be verified'
const NOT_THE_SAME = 'HMAC signature does not match'

interface Signing {
  readonly algorithm?: string
  readonly covered?: string
  readonly username?: string
  readonly secret?: string
  /** What is signed; made from `covered` unless given. */
  readonly text?: string
  readonly date?: string
}

/** Fields of a request whose signature is right unless something is changed. */
function signed({
  algorithm = 'hmac-sha256',
  covered = 'x-date',
  username = 'anna',
  secret = 'a secret',
  text,
  date = now(),
}: Signing = {}) {
  const hash = algorithm.slice('hmac-'.length)
  const signature = createHmac(hash, secret)
    .update(text ?? `x-date: ${date}`)
    .digest('base64')
  return {
    'x-date': date,
    authorization: `hmac username="${username}", algorithm="${algorithm}", headers="${covered}", signature="${signature}"`,
  }
}

function now(offsetSeconds = 0): string {
  return new Date(Date.now() + offsetSeconds * 1_000).toUTCString()
}

test('2.10 hmac-auth: no signature is 401 `Unauthorized` with `hmac`', async (t) => {
  const kong = await startKong(t, fileWith())
  assertError(await kong.ask('/'), 401, 'Unauthorized', 'hmac')
  assertError(await kong.ask('/', { headers: { 'x-date': now() } }), 401, 'Unauthorized', 'hmac')
  const named = await startKong(t, fileWith('realm: my realm'))
  assertError(await named.ask('/'), 401, 'Unauthorized', 'hmac realm="my realm"')
})

test('2.10 hmac-auth: without a date near to now it is not looked at', async (t) => {
  const kong = await startKong(t, fileWith())
  const { authorization } = signed()
  for (const headers of [
    { authorization },
    { authorization: 'Basic YTpi' },
    { authorization, 'x-date': 'x' },
    signed({ date: now(-400) }),
    signed({ date: now(400) }),
  ]) {
    assertError(await kong.ask('/', { headers }), 401, UNDATED, 'hmac')
  }
  assert.equal((await kong.ask('/', { headers: signed({ date: now(-200) }) })).status, 200)
  const wide = await startKong(t, fileWith('clock_skew: 1000'))
  assert.equal((await wide.ask('/', { headers: signed({ date: now(-400) }) })).status, 200)
})

test('2.10 hmac-auth: one of `X-Date` and `Date` is enough, and need not be signed', async (t) => {
  const kong = await startKong(t, fileWith())
  const { authorization } = signed({ covered: 'x-other', text: 'x-other: 1' })
  assert.equal((await kong.ask('/', { headers: { authorization, date: now(), 'x-date': now(-4_000), 'x-other': '1' } })).status, 200)
})

test('2.10 hmac-auth: what cannot be read, names nobody or has another algorithm cannot be verified', async (t) => {
  const kong = await startKong(t, fileWith('algorithms: [hmac-sha1, hmac-sha256]'))
  const wrong = [
    { ...signed(), authorization: 'hmac nonsense' },
    { ...signed(), authorization: 'Basic YTpi' },
    { ...signed(), authorization: 'hmac username="anna", algorithm="hmac-sha256", headers="x-date"' },
    signed({ username: 'berta' }),
    signed({ algorithm: 'hmac-sha512' }),
  ]
  for (const headers of wrong) assertError(await kong.ask('/', { headers }), 401, NOT_VERIFIED, 'hmac')
})

test('2.10 hmac-auth: a wrong signature does not match', async (t) => {
  const kong = await startKong(t, fileWith())
  assertError(await kong.ask('/', { headers: signed({ secret: 'another' }) }), 401, NOT_THE_SAME, 'hmac')
  assertError(await kong.ask('/', { headers: { ...signed(), 'x-date': now(-5) } }), 401, NOT_THE_SAME, 'hmac')
})

test('2.10 hmac-auth: all four algorithms', async (t) => {
  const kong = await startKong(t, fileWith())
  for (const algorithm of ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512']) {
    assert.equal((await kong.ask('/', { headers: signed({ algorithm }) })).status, 200, algorithm)
  }
})

test('2.10 hmac-auth: `request-line` and `@request-target`', async (t) => {
  const kong = await startKong(t, fileWith())
  const date = now()
  const line = signed({ covered: 'x-date request-line', text: `x-date: ${date}\nGET /a?b=c HTTP/1.1`, date })
  assert.equal((await kong.ask('/a?b=c', { headers: line })).status, 200)
  assertError(await kong.ask('/a?b=d', { headers: line }), 401, NOT_THE_SAME, 'hmac')
  const target = signed({ covered: 'x-date @request-target', text: `x-date: ${date}\n@request-target: get /a?b=c`, date })
  assert.equal((await kong.ask('/a?b=c', { headers: target })).status, 200)
  assertError(await kong.ask('/a?b=c', { headers: target, method: 'POST' }), 401, NOT_THE_SAME, 'hmac')
})

test('2.10 hmac-auth: names are signed as they are written, and a header that is not there without a value', async (t) => {
  const kong = await startKong(t, fileWith())
  const date = now()
  const headers = signed({ covered: 'X-Date X-None Host', text: `X-Date: ${date}\nX-None:\nHost: example.com`, date })
  assert.equal((await kong.ask('/', { headers: { ...headers, host: 'example.com' } })).status, 200)
  assertError(await kong.ask('/', { headers: { ...headers, host: 'example.com', 'x-none': '1' } }), 401, NOT_THE_SAME, 'hmac')
})

test('2.10 hmac-auth: `enforce_headers` have to be signed, each by its name', async (t) => {
  const kong = await startKong(t, fileWith('enforce_headers: [date, request-line]'))
  const date = now()
  const lines = `date: ${date}\nGET / HTTP/1.1`
  const right = signed({ covered: 'date request-line', text: lines, date })
  assert.equal((await kong.ask('/', { headers: { ...right, date } })).status, 200)
  for (const covered of ['date', 'x-date request-line', 'date @request-target']) {
    assertError(await kong.ask('/', { headers: { ...signed({ covered, date }), date } }), 401, NOT_VERIFIED, 'hmac')
  }
})

test('2.10 hmac-auth: `validate_request_body` compares the body with `Digest`', async (t) => {
  const kong = await startKong(t, fileWith('validate_request_body: true'))
  const digest = `SHA-256=${createHash('sha256').update('hello').digest('base64')}`
  const ask = (body: string, headers: Record<string, string>) =>
    kong.ask('/', { method: 'POST', body, headers: { ...signed(), ...headers } })
  assert.equal((await ask('hello', { digest })).status, 200)
  assertError(await ask('hullo', { digest }), 401, NOT_THE_SAME, 'hmac')
  assertError(await ask('hello', {}), 401, NOT_THE_SAME, 'hmac')
  assertError(await ask('hello', { digest: 'nonsense' }), 401, NOT_THE_SAME, 'hmac')
  assert.equal((await kong.ask('/', { headers: signed() })).status, 200, 'without a body there need be no digest')
})

test('2.10 hmac-auth: `Proxy-Authorization` is tried first', async (t) => {
  const kong = await startKong(t, fileWith())
  const { authorization, ...date } = signed()
  assert.equal((await kong.ask('/', { headers: { ...date, 'proxy-authorization': authorization } })).status, 200)
  assert.equal((await kong.ask('/', { headers: { ...date, 'proxy-authorization': 'Basic YTpi', authorization } })).status, 200)
  const wrong = signed({ secret: 'another' }).authorization
  assertError(await kong.ask('/', { headers: { ...date, 'proxy-authorization': wrong, authorization } }), 401, NOT_THE_SAME, 'hmac')
})

test('2.10 hmac-auth: the service is told who calls, and gets the signature unless `hide_credentials`', async (t) => {
  const open = await startKong(t, fileWith())
  const headers = signed()
  const got = await open.upstreamOf('/', { headers })
  assert.equal(got.headers['x-consumer-id'], CONSUMER)
  assert.equal(got.headers['x-credential-identifier'], 'anna')
  assert.equal(got.headers['authorization'], headers.authorization)
  const hidden = await startKong(t, fileWith('hide_credentials: true'))
  assert.equal((await hidden.upstreamOf('/', { headers: signed() })).headers['authorization'], undefined)
})

test('2.10 hmac-auth: over HTTP/2 the version is a whole number, and `Proxy-Authorization` counts too', async (t) => {
  const kong = await startKong(t, fileWith())
  const date = now()
  const { authorization } = signed({ covered: 'x-date request-line', text: `x-date: ${date}\nGET /a?b=c HTTP/2`, date })
  const session = connect(`http://127.0.0.1:${kong.port}`)
  t.after(() => session.destroy())
  for (const field of ['authorization', 'proxy-authorization']) {
    const stream = session.request({ ':path': '/a?b=c', 'x-date': date, [field]: authorization })
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], 200, field)
    stream.resume()
    await once(stream, 'close')
  }
  assert.ok(kong.received.every(({ headers }) => headers['proxy-authorization'] === undefined))
})
