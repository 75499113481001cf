import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsumerDirectory, JwtCredential } from '../../core/consumers.ts'
import { contextWith, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { jwt } from './policy.ts'
import { bearing, compileJwt, SECRET, START, secretBytes, tokenOf, verdictOf } from './tokens.fixture.ts'

const options = { secret: SECRET }

async function reasonOf(written: object, claims: Readonly<Record<string, unknown>>): Promise<string> {
  const verdict = await verdictOf(await compileJwt({ ...options, ...written }), bearing(await tokenOf({ claims })))
  return verdict === undefined ? 'passed' : `${verdict.reason}`
}

test('dates that are ignored are not even looked at', async () => {
  const ignore = { ignore: ['exp', 'nbf', 'iat'] }
  for (const claims of [{ exp: 1 }, { exp: 'x' }, { exp: undefined }, { nbf: START + 100 }, { nbf: {} }, { iat: null }]) {
    assert.equal(await reasonOf(ignore, claims), 'passed')
  }
  assert.equal(await reasonOf({ ignore: ['nbf'] }, { exp: 1 }), 'expired')
})

test('of both dates it is told what is wrong', async () => {
  const required = { required: ['nbf'] }
  assert.equal(await reasonOf(required, {}), 'no-start')
  assert.equal(await reasonOf(required, { exp: undefined }), 'no-expiry+no-start')
  assert.equal(await reasonOf(required, { exp: 1, nbf: START + 100 }), 'expired+not-yet-valid')
  assert.equal(await reasonOf(required, { exp: 'x', nbf: 'x' }), 'expiry-malformed+start-malformed')
  assert.equal(await reasonOf(required, { nbf: START }), 'passed')
})

test('an expiry may be bounded, and then has to be there', async () => {
  const bounded = { maxRemaining: '60s', requireExpiry: false }
  assert.equal(await reasonOf(bounded, { exp: START + 60 }), 'passed')
  assert.equal(await reasonOf(bounded, { exp: START + 61 }), 'too-long')
  assert.equal(await reasonOf(bounded, { exp: undefined }), 'too-long')
  assert.deepEqual(await problemsOf(jwt, { ...options, ...bounded, ignore: ['exp'] }), [
    'expected no `exp` in `ignore`: it is what this looks at',
  ])
})

test('a header of another name may have to say `Bearer`', async () => {
  const steps = await compileJwt({ ...options, from: ['bearer:X-Token'] })
  const token = await tokenOf()
  const ask = (...values: string[]) => exchangeOf({ headers: values.map((value) => ['X-Token', value] as const) })
  assert.equal(await verdictOf(steps, ask(`Bearer ${token}`)), undefined)
  assert.equal(onRequest(steps, ask(token))?.reason, 'missing')
  assert.equal(onRequest(steps, ask(`Bearer ${token}`, 'other'))?.reason, 'repeated')
  assert.deepEqual(jwt.credentialPlaces?.((await jwt.loadSchema()).parse({ ...options, from: ['bearer:X-Token'] })), ['header:X-Token'])
  for (const from of ['bearer:Host', 'bearer:Cookie', 'bearer:Connection', 'header:host'])
    assert.deepEqual(await problemsOf(jwt, { ...options, from: [from] }), ['no token can stand in this header'], from)
})

test('a challenge that is written stands in place of the realm, and without a description', async () => {
  const challengeOf = async (challenge: string | undefined, token: string) =>
    onRequest(await compileJwt({ ...options, ...(challenge !== undefined && { challenge }) }), bearing(token))?.headers[0]?.[1]
  assert.equal(await challengeOf('Bearer', 'x'), 'Bearer error="invalid_token"')
  assert.equal(await challengeOf('Bearer realm="a"', 'x'), 'Bearer realm="a", error="invalid_token"')
  assert.equal(await challengeOf('Bearer', ''), 'Bearer')
  assert.match((await challengeOf(undefined, 'x')) ?? '', /^Bearer realm="api", error="invalid_token", error_description=/)
})

test('OPTIONS may need no token', async () => {
  const ask = async (written: object) => onRequest(await compileJwt({ ...options, ...written }), exchangeOf({ method: 'OPTIONS' }))
  assert.equal((await ask({}))?.reason, 'missing')
  assert.equal(await ask({ onOptions: false }), undefined)
})

test('why no key of a consumer fits is told by its reason, and by nothing else', async () => {
  const credential: JwtCredential = {
    kind: 'jwt',
    id: 'jwt-1',
    key: 'one',
    algorithm: 'HS256',
    secret: SECRET,
    notBeforeMs: null,
    expiresAtMs: null,
  }
  const consumer = { name: 'app', groups: [], hasPolicies: false }
  const broken: JwtCredential = { ...credential, key: 'broken', algorithm: 'RS256', secret: 'no key' }
  const consumers: ConsumerDirectory = {
    ...contextWith({}).consumers,
    byJwtKey: (key) => [credential, broken].filter((one) => one.key === key).map((one) => ({ consumer, credential: one })),
  }
  const steps = await compileJwt({ consumers: true }, { consumers })
  const ask = async (claims: Readonly<Record<string, unknown>>, more: object = {}) =>
    verdictOf(steps, bearing(await tokenOf({ claims, ...more })))
  const reasons = [
    await ask({}),
    await ask({ iss: '' }),
    await ask({ iss: 'two' }),
    await ask({ iss: 'one' }, { algorithm: 'HS512', key: secretBytes('x'.repeat(64)) }),
    await ask({ iss: 'one' }, { key: secretBytes('another secret') }),
  ]
  assert.deepEqual(
    reasons.map((reply) => [reply?.reason, reply?.about, reply?.code]),
    ['key-unnamed', 'key-name-empty', 'unknown-key', 'algorithm', 'signature'].map((reason) => [reason, 'iss', 'token_invalid']),
  )
})
