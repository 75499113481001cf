import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acl } from './acl.ts'
import { basicAuth } from './basic-auth.ts'
import { hmacAuth } from './hmac-auth.ts'
import { jwt } from './jwt.ts'
import { keyAuth } from './key-auth.ts'
import { translated } from './testing.ts'

const IDENTITY = {
  subject: false,
  consumer: false,
  groups: false,
  credential: false,
  method: false,
  encoding: 'utf-8',
  consumerId: 'X-Consumer-ID',
  labels: { customId: 'X-Consumer-Custom-ID', username: 'X-Consumer-Username' },
  credentialName: 'X-Credential-Identifier',
  anonymous: 'X-Anonymous-Consumer',
  cleared: [],
}

test('2.10 jwt: defaults', async () => {
  assert.deepEqual(await translated(jwt, {}), {
    policies: {
      'jwt:jwt': {
        consumers: true,
        keyClaim: 'iss',
        from: ['query:jwt', 'header'],
        requireExpiry: false,
        ignore: ['exp', 'nbf', 'iat'],
        tokenBytesMax: '64KiB',
        challenge: 'Bearer',
        replaces: true,
      },
      'identity-headers:identity-headers': IDENTITY,
    },
    root: undefined,
    notes: [],
    errors: [],
  })
})

test('2.10 jwt: all fields', async () => {
  const { policies, notes } = await translated(jwt, {
    uri_param_names: ['t'],
    cookie_names: ['c'],
    header_names: ['Authorization', 'X-T'],
    key_claim_name: 'kid',
    secret_is_base64: true,
    claims_to_verify: ['exp', 'nbf'],
    anonymous: 'nobody',
    run_on_preflight: false,
    maximum_expiration: 60,
    realm: 'r',
  })
  assert.deepEqual(policies['jwt:jwt'], {
    consumers: true,
    keyClaim: 'kid',
    secretEncoding: 'base64',
    from: ['query:t', 'cookie:c', 'header', 'bearer:X-T'],
    requireExpiry: true,
    required: ['nbf'],
    ignore: ['iat'],
    maxRemaining: 60_000,
    tokenBytesMax: '64KiB',
    challenge: 'Bearer realm="r"',
    onOptions: false,
    replaces: true,
    anonymous: 'nobody',
  })
  assert.deepEqual(notes, ['config.run_on_preflight'])
})

test('2.10 jwt: what Kong refuses', async () => {
  const errorsOf = async (written: unknown) => (await translated(jwt, written)).errors
  assert.match((await errorsOf({ maximum_expiration: 1 })).join(), /^claims_to_verify: expected to contain: exp/)
  assert.equal((await errorsOf({ claims_to_verify: ['iat'] })).length, 1)
  assert.equal((await errorsOf({ maximum_expiration: 31_536_001, claims_to_verify: ['exp'] })).length, 1)
  assert.equal((await errorsOf({ key_claim: 'x' })).length, 1)
})

test('2.10 key-auth: defaults and all fields', async () => {
  const { policies, notes } = await translated(keyAuth, {})
  assert.deepEqual(policies, {
    'api-key:key-auth': {
      from: ['header:apikey', 'query:apikey'],
      select: 'first',
      scheme: false,
      forward: true,
      challenge: 'Key',
      replaces: true,
    },
    'identity-headers:identity-headers': IDENTITY,
  })
  assert.deepEqual(notes, [])
  const all = await translated(keyAuth, {
    key_names: ['a_b', 'c'],
    hide_credentials: true,
    anonymous: 'nobody',
    key_in_header: true,
    key_in_query: false,
    key_in_body: true,
    run_on_preflight: false,
    realm: 'r',
  })
  assert.deepEqual(all.policies['api-key:key-auth'], {
    from: ['header:a_b', 'header:a-b', 'body:a_b', 'header:c', 'body:c'],
    select: 'first',
    scheme: false,
    forward: false,
    challenge: 'Key realm="r"',
    onOptions: false,
    replaces: true,
    anonymous: 'nobody',
  })
  assert.deepEqual(all.notes, ['config.run_on_preflight', 'config.key_in_body'])
})

test('2.10 key-auth: many names, and names that no header has', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `key-${i}`)
  const { policies, errors } = await translated(keyAuth, { key_names: names })
  assert.deepEqual(errors, [])
  assert.ok(policies['api-key:key-auth'] !== undefined)
  assert.match((await translated(keyAuth, { key_names: ['a b'] })).errors.join(), /bad header name/)
})

test('2.10 basic-auth: defaults and all fields', async () => {
  assert.deepEqual((await translated(basicAuth, {})).policies, {
    'basic:basic-auth': { forward: true, proxyAuthorization: true, challenge: 'Basic realm="service"', replaces: true },
    'identity-headers:identity-headers': IDENTITY,
  })
  const { policies } = await translated(basicAuth, { hide_credentials: true, realm: 'r', anonymous: 'nobody' })
  assert.deepEqual(policies['basic:basic-auth'], {
    forward: false,
    proxyAuthorization: true,
    challenge: 'Basic realm="r"',
    replaces: true,
    anonymous: 'nobody',
  })
})

test('2.10 hmac-auth: defaults and all fields', async () => {
  const common = { synonyms: false, trustUnsigned: true, forms: ['hmac'], proxyAuthorization: true, replaces: true }
  assert.deepEqual((await translated(hmacAuth, {})).policies, {
    'hmac:hmac-auth': {
      ...common,
      requiredHeaders: [],
      skew: 300_000,
      algorithms: ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'],
      forward: true,
      challenge: 'hmac',
    },
    'identity-headers:identity-headers': IDENTITY,
  })
  const all = await translated(hmacAuth, {
    hide_credentials: true,
    clock_skew: 1_000_000,
    anonymous: 'nobody',
    validate_request_body: true,
    enforce_headers: ['date', 'request-line'],
    algorithms: ['hmac-sha256'],
    realm: 'r',
  })
  assert.deepEqual(all.policies['hmac:hmac-auth'], {
    ...common,
    requiredHeaders: ['date', 'request-line'],
    skew: 86_400_000,
    algorithms: ['hmac-sha256'],
    validateBody: true,
    forward: false,
    challenge: 'hmac realm="r"',
    anonymous: 'nobody',
  })
  assert.deepEqual(all.notes, ['config.clock_skew', 'config.validate_request_body'])
  assert.match((await translated(hmacAuth, { clock_skew: 0 })).errors.join(), /value must be greater than 0/)
  assert.equal((await translated(hmacAuth, { algorithms: ['hmac-md5'] })).errors.length, 1)
})

test('2.10 acl: one of `allow` and `deny`, and the groups that the service is told', async () => {
  const hidden = { subject: false, consumer: false, groups: false, credential: false, method: false, encoding: 'utf-8', separator: ', ' }
  assert.deepEqual((await translated(acl, { allow: ['a', 'b c'], deny: [] })).policies, {
    'authorize:acl': { groups: { allow: ['a', 'b c'] }, challenge: false },
    'identity-headers:acl': { ...hidden, groups: 'X-Consumer-Groups', cleared: ['X-Consumer-Groups'] },
  })
  const denied = await translated(acl, { deny: ['a'], hide_groups_header: true, always_use_authenticated_groups: true })
  assert.deepEqual(denied.policies['authorize:acl'], { groups: { deny: ['a'] }, challenge: false })
  assert.deepEqual(denied.policies['identity-headers:acl'], { ...hidden, cleared: ['X-Consumer-Groups'] })
  assert.deepEqual(denied.notes, ['config.hide_groups_header', 'config.always_use_authenticated_groups'])
})

test('2.10 where nobody could ever pass the file is not taken', async () => {
  const nowhere = { uri_param_names: [], cookie_names: [], header_names: [] }
  await assert.rejects(translated(jwt, nowhere), /too_small/, 'the native form needs a place')
})
