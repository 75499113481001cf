import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { assertObject } from './refusals.ts'

const SECRET = 'a secret of more than thirty-two bytes'
const CONSUMER = '11111111-1111-4111-8111-111111111111'

const fileWith = (config = '', secrets = `[{ key: app-key, secret: ${SECRET} }]`) => `
_format_version: "3.0"
services:
  - name: users
    url: http://ECHO
    routes: [{ name: users, paths: [/] }]
    plugins:
      - name: jwt
        config: { ${config} }
consumers:
  - username: app
    id: ${CONSUMER}
    jwt_secrets: ${secrets}
`

const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

interface Signing {
  readonly header?: object
  readonly secret?: string | Buffer
  readonly hash?: string
}

/** A token with an HMAC. */
function tokenOf(claims: unknown, { header = {}, secret = SECRET, hash = 'sha256' }: Signing = {}): string {
  const text = `${encode({ typ: 'JWT', alg: 'HS256', ...header })}.${encode(claims)}`
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const soon = (seconds = 60): number => Math.floor(Date.now() / 1_000) + seconds
const INVALID = 'Bearer error="invalid_token"'

test('2.10 jwt: no token is 401 `Unauthorized` with a bare `Bearer`, and without the id of the request', async (t) => {
  const kong = await startKong(t, fileWith())
  assertObject(await kong.ask('/'), 401, { message: 'Unauthorized' }, 'Bearer')
  assertObject(await kong.ask('/', { headers: { authorization: 'Basic YTpi' } }), 401, { message: 'Unauthorized' }, 'Bearer')
  assertObject(await kong.ask('/', { headers: { accept: 'text/html' } }), 401, { message: 'Unauthorized' }, 'Bearer')
})

test('2.10 jwt: the token of a consumer passes, and the service is told whose it is', async (t) => {
  const kong = await startKong(t, fileWith())
  const token = tokenOf({ iss: 'app-key', sub: 'somebody' })
  const { headers } = await kong.upstreamOf('/', {
    headers: { authorization: `bearer ${token}`, 'X-Consumer-ID': 'forged', 'X-Consumer-Custom-ID': 'forged' },
  })
  assert.equal(headers['x-consumer-id'], CONSUMER)
  assert.equal(headers['x-consumer-username'], 'app')
  assert.equal(headers['x-consumer-custom-id'], undefined)
  assert.equal(headers['x-credential-identifier'], 'app-key')
  assert.equal(headers['x-anonymous-consumer'], undefined)
  assert.equal(headers['authorization'], `bearer ${token}`)
})

test('2.10 jwt: several tokens that differ are `Multiple tokens provided`', async (t) => {
  const kong = await startKong(t, fileWith())
  const token = tokenOf({ iss: 'app-key' })
  assertObject(await kong.ask('/?jwt=other', bearer(token)), 401, { message: 'Multiple tokens provided' }, INVALID)
  assert.equal((await kong.ask(`/?jwt=${token}`, bearer(token))).status, 200)
})

test('2.10 jwt: what is no token is `Bad token; …`', async (t) => {
  const kong = await startKong(t, fileWith())
  const cases: readonly (readonly [string, string])[] = [
    ['nonsense', 'Bad token; invalid JSON'],
    ['a.b.c', 'Bad token; invalid JSON'],
    [`${encode({ alg: 'HS256' })}.${encode('{"iss":')}.c`, 'Bad token; invalid JSON'],
    [`${encode({ typ: 'JWT' })}.${encode({ iss: 'app-key' })}.YWFh`, 'Bad token; invalid alg'],
    [`${encode({ alg: 'none' })}.${encode({ iss: 'app-key' })}.YWFh`, 'Bad token; invalid alg'],
    [`${encode({ alg: 'HS256' })}.${encode({ iss: 'app-key' })}.!`, 'Bad token; invalid signature'],
    [`${tokenOf({ iss: 'app-key' })}.YWFh`, 'Bad token; invalid signature'],
  ]
  for (const [token, message] of cases) assertObject(await kong.ask('/', bearer(token)), 401, { message }, INVALID)
})

test('2.10 jwt: a key that is missing, empty or nobody’s is told by the name of its claim', async (t) => {
  const kong = await startKong(t, fileWith('key_claim_name: kid'))
  assertObject(await kong.ask('/', bearer(tokenOf({ iss: 'app-key' }))), 401, { message: "No mandatory 'kid' in claims" }, INVALID)
  assertObject(await kong.ask('/', bearer(tokenOf({ kid: '' }))), 401, { message: "Invalid 'kid' in claims" }, INVALID)
  assertObject(await kong.ask('/', bearer(tokenOf({ kid: 'x' }))), 401, { message: "No credentials found for given 'kid'" }, INVALID)
  assert.equal((await kong.ask('/', bearer(tokenOf({ kid: 'app-key' })))).status, 200)
  assert.equal(
    (await kong.ask('/', bearer(tokenOf({}, { header: { kid: 'app-key' } })))).status,
    200,
    'the header is looked at behind the claims',
  )
  assertObject(
    await kong.ask('/', bearer(tokenOf({ kid: 'x' }, { header: { kid: 'app-key' } }))),
    401,
    { message: "No credentials found for given 'kid'" },
    INVALID,
  )
})

test('2.10 jwt: the algorithm is that of the credential, and the signature has to be right', async (t) => {
  const kong = await startKong(t, fileWith())
  const stronger = tokenOf({ iss: 'app-key' }, { header: { alg: 'HS512' }, hash: 'sha512' })
  assertObject(await kong.ask('/', bearer(stronger)), 401, { message: 'Invalid algorithm' }, INVALID)
  const forged = tokenOf({ iss: 'app-key' }, { secret: 'another' })
  assertObject(await kong.ask('/', bearer(forged)), 401, { message: 'Invalid signature' }, INVALID)
})

test('2.10 jwt: a public key is no secret', async (t) => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  const kong = await startKong(t, fileWith('', `[{ key: app-key, algorithm: RS256, rsa_public_key: ${JSON.stringify(pem)} }]`))
  const confused = tokenOf({ iss: 'app-key' }, { secret: pem })
  assertObject(await kong.ask('/', bearer(confused)), 401, { message: 'Invalid algorithm' }, INVALID)
})

test('2.7 jwt_secrets: every family of algorithms', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const pairs: readonly (readonly [string, KeyObject, KeyObject, object])[] = [
    ['RS256', rsa.publicKey, rsa.privateKey, {}],
    ['PS384', rsa.publicKey, rsa.privateKey, { padding: 6, saltLength: 48 }],
    ...(['P-256', 'P-384', 'P-521'] as const).map((namedCurve, index) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
      return [`ES${['256', '384', '512'][index]}`, publicKey, privateKey, { dsaEncoding: 'ieee-p1363' }] as const
    }),
    (() => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519')
      return ['EdDSA', publicKey, privateKey, {}] as const
    })(),
  ]
  const secrets = pairs.map(([algorithm, publicKey]) => ({
    key: algorithm,
    algorithm,
    rsa_public_key: publicKey.export({ type: 'spki', format: 'pem' }),
  }))
  const kong = await startKong(t, fileWith('', JSON.stringify(secrets)))
  for (const [alg, , key, options] of pairs) {
    const text = `${encode({ alg })}.${encode({ iss: alg })}`
    const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
    const signature = sign(hash, Buffer.from(text), { key, ...options }).toString('base64url')
    assert.equal((await kong.ask('/', bearer(`${text}.${signature}`))).status, 200, alg)
    const { body } = await kong.ask('/', bearer(`${text}.${encode('x'.repeat(signature.length))}`))
    assert.equal(body, '{"message":"Invalid signature"}', alg)
  }
})

test('2.10 jwt: `secret_is_base64`', async (t) => {
  const bytes = Buffer.from('a secret of thirty-two bytes or more')
  const kong = await startKong(
    t,
    fileWith('secret_is_base64: true', `[{ key: app-key, secret: ${bytes.toString('base64')} }, { key: bad, secret: "?!" }]`),
  )
  assert.equal((await kong.ask('/', bearer(tokenOf({ iss: 'app-key' }, { secret: bytes })))).status, 200)
  assertObject(await kong.ask('/', bearer(tokenOf({ iss: 'bad' }))), 401, { message: 'Invalid key/secret' }, INVALID)
})

test('2.10 jwt: without `claims_to_verify` neither `exp` nor `nbf` is looked at, which is warned of', async (t) => {
  const kong = await startKong(t, fileWith())
  for (const claims of [{ exp: 1 }, { nbf: soon(1_000) }, { exp: 'x', nbf: {} }, { iat: 'x' }]) {
    assert.equal((await kong.ask('/', bearer(tokenOf({ iss: 'app-key', ...claims })))).status, 200)
  }
  assert.match((await problemsOfKong(fileWith())).join('\n'), /warning a token holds for ever/)
})

test('2.10 jwt: claims that fail are told as a map', async (t) => {
  const kong = await startKong(t, fileWith('claims_to_verify: [exp, nbf]'))
  const right = { exp: soon(), nbf: soon(-60) }
  const cases: readonly (readonly [object, object])[] = [
    [{ exp: 1 }, { exp: 'token expired' }],
    [{ exp: undefined }, { exp: 'must be a number' }],
    [{ exp: '9999999999' }, { exp: 'must be a number' }],
    [{ nbf: soon(1_000) }, { nbf: 'token not valid yet' }],
    [{ nbf: null }, { nbf: 'must be a number' }],
    [
      { exp: undefined, nbf: undefined },
      { exp: 'must be a number', nbf: 'must be a number' },
    ],
    [
      { exp: 1, nbf: soon(1_000) },
      { exp: 'token expired', nbf: 'token not valid yet' },
    ],
  ]
  for (const [claims, errors] of cases) {
    assertObject(await kong.ask('/', bearer(tokenOf({ iss: 'app-key', ...right, ...claims }))), 401, errors, INVALID)
  }
  assert.equal((await kong.ask('/', bearer(tokenOf({ iss: 'app-key', ...right })))).status, 200)
})

test('2.10 jwt: `maximum_expiration` bounds how far away `exp` may be', async (t) => {
  const kong = await startKong(t, fileWith('claims_to_verify: [exp], maximum_expiration: 300'))
  assert.equal((await kong.ask('/', bearer(tokenOf({ iss: 'app-key', exp: soon() })))).status, 200)
  const late = bearer(tokenOf({ iss: 'app-key', exp: soon(1_000) }))
  assertObject(await kong.ask('/', late), 401, { exp: 'exceeds maximum allowed expiration' }, INVALID)
  assert.match((await problemsOfKong(fileWith('maximum_expiration: 300'))).join('\n'), /error .*expected to contain: exp/)
})

test('2.10 jwt: where tokens stand is said by `uri_param_names`, `cookie_names` and `header_names`', async (t) => {
  const kong = await startKong(t, fileWith('uri_param_names: [tok], cookie_names: [crumb], header_names: [X-Token]'))
  const token = tokenOf({ iss: 'app-key' })
  assert.equal((await kong.ask(`/?tok=${token}`)).status, 200)
  assert.equal((await kong.ask('/', { headers: { cookie: `a=b; crumb=${token}` } })).status, 200)
  assert.equal((await kong.ask('/', { headers: { 'x-token': `Bearer ${token}` } })).status, 200)
  for (const ask of [bearer(token), { headers: { 'x-token': token } }]) {
    assertObject(await kong.ask(`/?jwt=${token}`, ask), 401, { message: 'Unauthorized' }, 'Bearer')
  }
})

test('2.10 jwt: `realm` stands in the challenge, before the error', async (t) => {
  const kong = await startKong(t, fileWith('realm: my realm'))
  assertObject(await kong.ask('/'), 401, { message: 'Unauthorized' }, 'Bearer realm="my realm"')
  const { headers } = await kong.ask('/', bearer('x'))
  assert.equal(headers['www-authenticate'], 'Bearer realm="my realm", error="invalid_token"')
})

test('2.10 jwt: `run_on_preflight`', async (t) => {
  assert.equal((await (await startKong(t, fileWith())).ask('/', { method: 'OPTIONS' })).status, 401)
  assert.equal((await (await startKong(t, fileWith('run_on_preflight: false'))).ask('/', { method: 'OPTIONS' })).status, 200)
})

test('2.10 jwt: with `anonymous` a wrong token is as good as none', async (t) => {
  const kong = await startKong(t, `${fileWith('anonymous: nobody')}  - username: nobody\n`)
  for (const ask of [{}, bearer('nonsense'), bearer(tokenOf({ iss: 'app-key' }, { secret: 'another' }))]) {
    const { headers } = await kong.upstreamOf('/', ask)
    assert.deepEqual([headers['x-consumer-username'], headers['x-anonymous-consumer']], ['nobody', 'true'])
  }
  const { headers } = await kong.upstreamOf('/', bearer(tokenOf({ iss: 'app-key' })))
  assert.deepEqual([headers['x-consumer-username'], headers['x-anonymous-consumer']], ['app', undefined])
})

test('2.10 jwt: a token passes as often as it is sent', async (t) => {
  const kong = await startKong(t, fileWith('claims_to_verify: [exp]'))
  const token = bearer(tokenOf({ iss: 'app-key', exp: soon() }))
  for (let i = 0; i < 3; i++) assert.equal((await kong.ask('/', token)).status, 200)
  assertObject(await kong.ask('/', bearer('x')), 401, { message: 'Bad token; invalid JSON' }, INVALID)
})
