import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportJWK, exportSPKI } from 'jose'
import { admit } from '../../core/caller.ts'
import type { ConsumerDirectory, JwtCredential, Owned } from '../../core/consumers.ts'
import { ALGORITHM_NAMES } from '../../core/jwt-algorithms.ts'
import { contextWith, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { jwt } from './policy.ts'
import {
  bearing,
  compileJwt,
  descriptionOf,
  outcomeOf,
  pairOf,
  SECRET,
  START,
  secretBytes,
  TestTime,
  tokenOf,
  verdictOf,
} from './tokens.fixture.ts'

const options = { secret: SECRET }

test('a token of every algorithm passes with its key as a secret, in PEM, as a JWK and in a set, and with no other algorithm', async () => {
  const secret = 'x'.repeat(64)
  for (const algorithm of ALGORITHM_NAMES) {
    const isSecret = algorithm.startsWith('HS')
    const pair = isSecret ? null : await pairOf(algorithm)
    const token = await tokenOf({ algorithm, key: pair === null ? secretBytes(secret) : pair.privateKey, header: { kid: 'k' } })
    const jwk = pair === null ? { kty: 'oct', k: Buffer.from(secret).toString('base64url') } : await exportJWK(pair.publicKey)
    const form = pair === null ? { secret } : { publicKey: await exportSPKI(pair.publicKey) }
    for (const written of [
      form,
      { jwk },
      { jwk: { ...jwk, alg: algorithm } },
      { jwks: { keys: [{ kid: 'k', ...jwk }] } },
      { keys: [{ kid: 'k', ...form }] },
    ]) {
      const steps = await compileJwt({ ...written, algorithm: algorithm })
      assert.equal(await outcomeOf(steps, token), 'passed', `${algorithm} ${Object.keys(written).join()}`)
    }
    const others = ALGORITHM_NAMES.filter(
      (other) => other !== algorithm && other.slice(0, 2) === algorithm.slice(0, 2) && !other.startsWith('E'),
    )
    for (const other of others) assert.equal(await outcomeOf(await compileJwt({ ...form, algorithm: other }), token), 'token_invalid')
  }
})

test('the token’s user and claims are known to all later policies', async () => {
  const exchange = bearing(await tokenOf({ claims: { roles: ['a'] } }))
  assert.equal(await verdictOf(await compileJwt(options), exchange), undefined)
  assert.equal(exchange.caller.method, 'jwt')
  assert.equal(exchange.caller.subject, '42')
  assert.deepEqual(exchange.caller.claims, { sub: '42', exp: START + 60, roles: ['a'] })
  assert.equal(exchange.caller.consumer, null)
})

test('a missing, an expired and a wrong token have the given codes, and challenges as RFC 6750 has them', async () => {
  const steps = await compileJwt({ ...options, realm: 'shop' })
  const challenge = async (exchange: ReturnType<typeof exchangeOf>) => {
    const verdict = await verdictOf(steps, exchange)
    return [verdict?.code, ...(verdict?.headers ?? [])]
  }
  assert.deepEqual(await challenge(exchangeOf()), ['token_missing', ['WWW-Authenticate', 'Bearer realm="shop"']])
  assert.deepEqual(await challenge(bearing(await tokenOf({ claims: { exp: START } }))), [
    'token_expired',
    ['WWW-Authenticate', 'Bearer realm="shop", error="invalid_token", error_description="The token expired"'],
  ])
  assert.deepEqual(await challenge(bearing('x')), [
    'token_invalid',
    ['WWW-Authenticate', 'Bearer realm="shop", error="invalid_token", error_description="The token is malformed"'],
  ])
})

test('the scheme has no case, another scheme or an empty token is a missing one', async () => {
  const steps = await compileJwt(options)
  const token = await tokenOf()
  const codeFor = async (value: string) => (await verdictOf(steps, exchangeOf({ headers: [['authorization', value]] })))?.code ?? 'passed'
  for (const value of [`Bearer ${token}`, `bearer ${token}`, `BEARER  ${token}`]) assert.equal(await codeFor(value), 'passed')
  for (const value of ['Bearer', 'Basic YTpi', 'Bearerx', `Token ${token}`]) assert.equal(await codeFor(value), 'token_missing', value)
  for (const value of [`Bearer ${token}, Bearer ${token}`, `Bearer ${token} x`]) assert.equal(await codeFor(value), 'token_invalid', value)
})

test('a token is found in each place that is named and in no other', async () => {
  const token = await tokenOf()
  const requests = {
    header: { headers: [['Authorization', `Bearer ${token}`]] },
    'header:X-Token': { headers: [['x-token', token]] },
    'cookie:session': { headers: [['Cookie', `a=b; session=${token};c=d`]] },
    'query:access_token': { query: `a=b&access%5Ftoken=${token}` },
  } as const
  for (const place of Object.keys(requests)) {
    const steps = await compileJwt({ ...options, from: [place] })
    for (const [where, request] of Object.entries(requests)) {
      const code = (await verdictOf(steps, exchangeOf(request)))?.code ?? 'passed'
      assert.equal(code, where === place ? 'passed' : 'token_missing', `${where} for ${place}`)
    }
  }
})

test('two tokens, or one place filled twice, are refused; the same token in two places is one', async () => {
  const one = await tokenOf()
  const other = await tokenOf({ claims: { sub: '43' } })
  const steps = await compileJwt({ ...options, from: ['header', 'cookie:t', 'query:t'] })
  const codeFor = async (shape: Parameters<typeof exchangeOf>[0]) => (await verdictOf(steps, exchangeOf(shape)))?.code ?? 'passed'
  const auth = ['Authorization', `Bearer ${one}`] as const
  assert.equal(await codeFor({ headers: [auth], query: `t=${one}` }), 'passed')
  for (const shape of [
    { headers: [auth], query: `t=${other}` },
    { headers: [auth, auth] },
    { headers: [['Authorization', 'Basic YTpi'], auth] as const },
    { query: `t=${one}&t=${one}` },
    { query: `t=${one}&%74=${one}` },
    { headers: [['Cookie', `t=${one}; t=${other}`]] as const },
    { headers: [['Cookie', `t=${one}`] as const, ['Cookie', `t=${one}`] as const] },
  ]) {
    assert.equal(await codeFor(shape), 'token_invalid', JSON.stringify(shape))
  }
})

test('with `forward: false` the service gets everything but the token, also when it is known', async () => {
  const token = await tokenOf()
  const steps = await compileJwt({ ...options, forward: false, from: ['header', 'header:X-Token', 'cookie:t', 'query:t'] })
  for (let round = 0; round < 2; round++) {
    const exchange = exchangeOf({
      query: `a=1&t=${token}&b`,
      headers: [
        ['Authorization', `Bearer ${token}`],
        ['X-Token', token],
        ['Cookie', `a=b; t=${token}; c`],
      ],
    })
    assert.equal(await verdictOf(steps, exchange), undefined)
    assert.deepEqual(exchange.request.headers.toPairs(), [['cookie', 'a=b; c']])
    assert.equal(exchange.forward.query, 'a=1&b')
  }
  const basic = exchangeOf({ headers: [['Authorization', 'Basic YTpi']] })
  await verdictOf(steps, basic)
  assert.deepEqual(basic.request.headers.toPairs(), [['authorization', 'Basic YTpi']])
})

test('a known token is answered at once, by digest and by the connection’s memory, until it expires', async () => {
  const time = new TestTime()
  const steps = await compileJwt(options, { clock: time.clock })
  const token = await tokenOf()
  const first = bearing(token)
  assert.ok(steps.onRequest?.(first) instanceof Promise)
  await new Promise(setImmediate)
  assert.equal(await outcomeOf(steps, token), 'passed')

  const second = bearing(token)
  assert.equal(onRequest(steps, second), undefined)
  assert.equal(second.caller.subject, '42')

  // The same head again on this connection: its headers are not even read.
  second.caller.reset()
  second.request.headers.reset(Buffer.alloc(0), 0)
  assert.equal(onRequest(steps, second), undefined)
  assert.equal(second.caller.subject, '42')
  // Another policy's memory is not believed.
  assert.equal(onRequest(await compileJwt({ secret: 'another' }), second)?.code, 'token_missing')

  time.pass(59.999)
  assert.equal(onRequest(steps, bearing(token)), undefined)
  time.pass(0.001)
  assert.equal((await verdictOf(steps, second))?.code, 'token_missing')
  assert.equal(await outcomeOf(steps, token), 'token_expired')
})

test('what was verified outlives a reload of the same options and no other', async () => {
  const context = contextWith({ clock: new TestTime().clock })
  const token = await tokenOf()
  assert.equal(await outcomeOf(await compileJwt(options, context), token), 'passed')
  assert.equal(onRequest(await compileJwt(options, context), bearing(token)), undefined)
  const changed = await compileJwt({ ...options, audience: 'me' }, context)
  assert.ok(changed.onRequest?.(bearing(token)) instanceof Promise)
})

test('no more tokens are remembered than is said, and one only as long as is said', async () => {
  const time = new TestTime()
  const steps = await compileJwt({ ...options, cacheMax: 4, cacheTtl: '10s' }, { clock: time.clock })
  const tokens = await Promise.all(Array.from({ length: 20 }, (_, sub) => tokenOf({ claims: { sub: String(sub) } })))
  for (const token of tokens) assert.equal(await outcomeOf(steps, token), 'passed')
  const known = tokens.filter((token) => !(steps.onRequest?.(bearing(token)) instanceof Promise))
  assert.ok(known.length >= 2 && known.length <= 4, String(known.length))
  const last = tokens.at(-1) ?? ''
  await outcomeOf(steps, last)
  assert.equal(onRequest(steps, bearing(last)), undefined)
  time.pass(10)
  assert.ok(steps.onRequest?.(bearing(last)) instanceof Promise)
})

test('dates count to the millisecond, with the skew that is allowed', async () => {
  const at = async (claims: object, more: object = {}) =>
    outcomeOf(await compileJwt({ ...options, ...more }), await tokenOf({ claims: { ...claims } }))
  assert.equal(await at({ exp: START - 1 }), 'token_expired')
  assert.equal(await at({ exp: START }), 'token_expired')
  assert.equal(await at({ exp: START + 0.001 }), 'passed')
  assert.equal(await at({ exp: START - 5 }, { skew: '5s' }), 'token_expired')
  assert.equal(await at({ exp: START - 4.999 }, { skew: '5s' }), 'passed')
  assert.equal(await at({ nbf: START }), 'passed')
  assert.equal(await at({ nbf: START + 1 }), 'token_invalid')
  assert.equal(await at({ nbf: START + 5 }, { skew: '5s' }), 'passed')
  assert.equal(await at({ exp: undefined }), 'token_invalid')
  assert.equal(await at({ exp: undefined }, { requireExpiry: false }), 'passed')
  assert.equal(await at({ iat: START - 10 }, { maxAge: '10s' }), 'token_expired')
  assert.equal(await at({ iat: START - 9 }, { maxAge: '10s' }), 'passed')
  assert.equal(await at({ iat: START + 1 }, { maxAge: '10s' }), 'token_invalid')
  assert.equal(await at({}, { maxAge: '10s' }), 'token_invalid')
})

test('issuer, audience, type, required claims and values are held to what is said', async () => {
  const rules = { issuer: ['a', 'b'], audience: 'me', typ: 'at+jwt', required: ['email'], claims: { tenant: ['x', 'y'], level: 1 } }
  const good = { iss: 'b', aud: ['you', 'me'], email: 'e', tenant: 'y', level: [0, 1] }
  const steps = await compileJwt({ ...options, ...rules })
  const why = async (claims: object, header: object = { typ: 'application/AT+JWT' }) =>
    descriptionOf(await verdictOf(steps, bearing(await tokenOf({ claims: { ...good, ...claims }, header: { ...header } }))))
  assert.equal(await why({}), '')
  assert.equal(await why({ aud: 'me' }), '')
  assert.equal(await why({ iss: 'c' }), 'The token is from another issuer')
  assert.equal(await why({ iss: undefined }), 'The token is from another issuer')
  assert.equal(await why({ aud: 'you' }), 'The token is for another audience')
  assert.equal(await why({ aud: undefined }), 'The token is for another audience')
  assert.equal(await why({ aud: [] }), 'The token is for another audience')
  assert.equal(await why({ email: undefined }), 'The token lacks a required claim')
  assert.equal(await why({ tenant: undefined }), 'The token lacks a required claim')
  assert.equal(await why({ tenant: 'z' }), 'A claim of the token has another value than is required')
  assert.equal(await why({ level: '1' }), 'A claim of the token has another value than is required')
  assert.equal(await why({}, {}), 'The token is of another type')
  assert.equal(await why({}, { typ: 'JWT' }), 'The token is of another type')
  const inherited = await compileJwt({ ...options, required: ['constructor', 'toString'] })
  assert.equal(await outcomeOf(inherited, await tokenOf()), 'token_invalid')
})

test('the keys of consumers verify their own tokens only, while they are in force', async () => {
  const time = new TestTime()
  const pair = await pairOf('RS256')
  const credential = (
    id: string,
    key: string,
    algorithm: string,
    secret: string,
    expiresAtMs: number | null = null,
  ): Owned<JwtCredential> => ({
    consumer: { name: `name of ${id}`, groups: [], hasPolicies: false },
    credential: { kind: 'jwt', id, key, algorithm, secret, notBeforeMs: null, expiresAtMs },
  })
  const pem = await exportSPKI(pair.publicKey)
  const all = [
    credential('old', 'one', 'HS256', 'old secret', (START + 5) * 1_000),
    credential('new', 'one', 'HS256', 'new secret'),
    credential('rsa', 'two', 'RS256', pem),
    credential('broken', 'three', 'RS256', 'no key at all'),
  ]
  const consumers: ConsumerDirectory = {
    ...contextWith({}).consumers,
    byJwtKey: (key) => all.filter((owned) => owned.credential.key === key),
  }
  const steps = await compileJwt({ consumers: true }, { consumers, clock: time.clock })
  const whose = async (iss: string, algorithm: string, key: Parameters<typeof tokenOf>[0] & object) => {
    const exchange = bearing(await tokenOf({ claims: { iss }, algorithm, ...key }))
    const verdict = await verdictOf(steps, exchange)
    return verdict === undefined ? `${exchange.caller.credentialId}, ${exchange.caller.consumer?.name}` : verdict.code
  }
  assert.equal(await whose('one', 'HS256', { key: secretBytes('new secret') }), 'new, name of new')
  assert.equal(await whose('one', 'HS256', { key: secretBytes('old secret') }), 'old, name of old')
  assert.equal(await whose('two', 'RS256', { key: pair.privateKey }), 'rsa, name of rsa')
  assert.equal(await whose('two', 'HS256', { key: secretBytes(pem) }), 'token_invalid')
  assert.equal(await whose('two', 'HS256', { key: secretBytes('new secret') }), 'token_invalid')
  assert.equal(await whose('three', 'RS256', { key: pair.privateKey }), 'token_invalid')
  assert.equal(await whose('nobody', 'HS256', { key: secretBytes('new secret') }), 'token_invalid')
  time.pass(5)
  assert.equal(await whose('one', 'HS256', { key: secretBytes('old secret') }), 'token_invalid')

  const byKid = await compileJwt({ consumers: true, keyClaim: 'kid' }, { consumers })
  assert.equal(await outcomeOf(byKid, await tokenOf({ header: { kid: 'one' }, key: secretBytes('new secret') })), 'passed')
})

test('a claim may name the consumer; one that names nobody is refused', async () => {
  const app = { name: 'app', groups: [], hasPolicies: false }
  const consumers: ConsumerDirectory = { ...contextWith({}).consumers, byName: (name) => (name === 'app' ? app : undefined) }
  const steps = await compileJwt({ ...options, consumerClaim: 'azp' }, { consumers })
  const exchange = bearing(await tokenOf({ claims: { azp: 'app' } }))
  assert.equal(await verdictOf(steps, exchange), undefined)
  assert.equal(exchange.caller.consumer, app)
  for (const azp of ['other', 1, undefined]) assert.equal(await outcomeOf(steps, await tokenOf({ claims: { azp } })), 'token_invalid')
})

test('where one of several credentials is enough, a wrong token waits for the others, and a settled caller needs none', async () => {
  const steps = await compileJwt(options)
  const exchange = bearing('x')
  exchange.caller.anyOf = true
  assert.equal(onRequest(steps, exchange), undefined)
  assert.equal(exchange.caller.refusal?.code, 'token_invalid')
  admit(exchange, { method: 'api-key' })
  assert.equal(onRequest(steps, exchange), undefined)
  assert.equal(exchange.caller.method, 'api-key')
})

test('a token whose user is not the one that another credential named is refused', async () => {
  const steps = await compileJwt(options)
  for (let round = 0; round < 2; round++) {
    const exchange = bearing(await tokenOf())
    admit(exchange, { method: 'basic', subject: '43' })
    assert.equal((await verdictOf(steps, exchange))?.code, 'credentials_conflict')
  }
})

test('keys that are missing, contradict each other or cannot be used are told when the configuration is checked', async () => {
  const rsa = await pairOf('RS256')
  const publicKey = await exportSPKI(rsa.publicKey)
  const jwk = await exportJWK(rsa.publicKey)
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{}, /there is no key/],
    [{ secret: 'a', publicKey }, /exclude each other/],
    [{ secret: 'a', consumers: true }, /would never be used/],
    [{ secret: 'a', algorithm: 'RS256' }, /RS256 does not fit a secret/],
    [{ publicKey, algorithm: ['RS256', 'HS256'] }, /HS256 does not fit a key of type rsa/],
    [{ publicKey, algorithm: 'none' }, /Invalid input/],
    [{ publicKey: 'x' }, /expected a public key in PEM/],
    [{ publicKey: publicKey.replace(/A/g, 'B') }, /no public key that can be read|RSA key|no algorithm/],
    [{ publicKey: '-----BEGIN PRIVATE KEY-----' }, /private key/],
    [{ jwk: await exportJWK(rsa.privateKey) }, /private key/],
    [{ jwk: { ...jwk, alg: 'HS256' } }, /HS256 does not fit/],
    [{ jwk: { ...jwk, alg: 'RS256' }, algorithm: 'PS256' }, /not among its algorithms/],
    [{ jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }, /make no public key/],
    [{ jwk: { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' } }, /make no public key|no algorithm/],
    [{ jwks: { keys: [{ ...jwk, use: 'enc' }] } }, /no key that can be used/],
    [{ keys: [{ secret: 'a', publicKey }] }, /expected one of/],
    [{ keys: [{ kid: 'a' }] }, /expected `secret`/],
    [{ jwksUrl: 'http://keys.example.com/' }, /expected https/],
    [{ jwksUrl: 'http://127.0.0.1.example.com/' }, /expected https/],
    [{ jwksUrl: 'file:///etc/keys' }, /expected a URL/],
    [{ jwksUrl: 'https://a:b@keys.example.com/' }, /a name and a password/],
    [{ jwksUrl: 'https://keys.example.com/', algorithm: 'HS256' }, /cannot be secrets/],
    [{ secret: 'a', secretEncoding: 'base64', algorithm: 'HS256', from: ['body'] }, /expected `header`/],
    [{ secret: '!', secretEncoding: 'base64' }, /not base64/],
    [{ secret: 'a', skew: '6m' }, /expected 0ms to 5m/],
  ]
  for (const [written, message] of cases) {
    assert.match((await problemsOf(jwt, written)).join('\n'), message, JSON.stringify(written))
  }
  for (const jwksUrl of ['http://localhost:1/', 'http://127.0.0.1:1/', 'http://[::1]:1/', 'https://keys.example.com/']) {
    assert.deepEqual(await problemsOf(jwt, { jwksUrl }), [])
  }
  assert.deepEqual(await problemsOf(jwt, { jwksUrl: 'http://keys.example.com/', insecure: true, secret: 'a' }), [])
})

test('RSA keys below 2048 bits are refused', async () => {
  const { generateKeyPairSync } = await import('node:crypto')
  const small = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ type: 'spki', format: 'pem' })
  assert.match((await problemsOf(jwt, { publicKey: small })).join(), /1024 bits/)
})

test('a short secret, a missing audience and keys over http are remarked on', async () => {
  const schema = await jwt.loadSchema()
  const around = {
    optionsOf: () => undefined,
    authenticates: true,
    stores: new Set<never>(),
    consumers: new Set<string>(),
    clientCertificates: false,
  }
  const remarks = (written: unknown) =>
    jwt.review?.(schema.parse(written), around).map(({ path, severity }) => `${severity} ${path.join('.')}`)
  assert.deepEqual(remarks({ secret: 'short' }), ['warning secret', 'warning '])
  assert.deepEqual(remarks({ secret: SECRET, audience: 'a' }), [])
  assert.deepEqual(remarks({ secret: SECRET, algorithm: ['HS256', 'HS384'], audience: 'a' }), ['warning secret'])
  assert.deepEqual(remarks({ keys: [{ secret: SECRET }, { secret: SECRET, algorithm: 'HS512' }], audience: 'a' }), [
    'warning keys.1.secret',
  ])
  assert.deepEqual(remarks({ jwksUrl: 'http://a.example/', insecure: true, audience: 'a' }), ['warning insecure'])
  assert.deepEqual(remarks({ consumers: true }), [])
})
