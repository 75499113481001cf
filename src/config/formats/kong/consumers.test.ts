import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { loadKong, problemsOfKong } from '../../../../test/kong/kong-gateway.ts'

const ID = '11111111-1111-4111-8111-111111111111'

async function consumersOf(yaml: string) {
  const loaded = await loadKong(`_format_version: "3.0"\n${yaml}`)
  if (!('ir' in loaded)) assert.fail(loaded.problems.map(({ message }) => message).join('\n'))
  return loaded.ir.consumers
}

test('2.7 a consumer keeps its id, its names and its groups', async () => {
  const [consumer] = await consumersOf(`
consumers:
  - { username: "Anna K.", custom_id: "7", id: ${ID}, acls: [{ group: "a b" }, { group: c }] }
`)
  assert.equal(consumer?.id, ID)
  assert.deepEqual(consumer.labels, { username: 'Anna K.', customId: '7' })
  assert.deepEqual(consumer.groups, ['a b', 'c'])
  assert.deepEqual((await consumersOf('consumers: [{ custom_id: "7" }]'))[0]?.labels, { customId: '7' })
})

test('2.7 credentials of every kind, with the ids that Kong gives them', async () => {
  const [consumer] = await consumersOf(`
consumers:
  - username: anna
    id: ${ID}
    keyauth_credentials: [{ key: a-key-of-some-length, id: ${ID.replace('1', '2')} }]
    basicauth_credentials: [{ username: anna, password: right }]
    hmacauth_credentials: [{ username: anna, secret: s }]
    jwt_secrets: [{ key: k, secret: s, algorithm: HS384 }]
`)
  const credentials = consumer?.credentials ?? []
  assert.deepEqual(
    credentials.map((credential) => credential.kind),
    ['key', 'basic', 'hmac', 'jwt'],
  )
  assert.equal(credentials[0]?.id, ID.replace('1', '2'))
  assert.match(credentials[1]?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-5/)
  const jwt = credentials[3]
  assert.ok(jwt?.kind === 'jwt')
  assert.deepEqual([jwt.key, jwt.secret, jwt.algorithm], ['k', 's', 'HS384'])
})

test('2.7 with `_transform: false` a password is a hash of password and consumer', async () => {
  const password = createHash('sha1').update(`right${ID}`).digest('hex').toUpperCase()
  const [consumer] = await consumersOf(`_transform: false
consumers: [{ username: anna, id: ${ID}, basicauth_credentials: [{ username: anna, password: "${password}" }] }]
`)
  const [credential] = consumer?.credentials ?? []
  assert.ok(credential?.kind === 'basic')
  assert.equal(credential.passwordHash, `sha1:${ID}:${password.toLowerCase()}`)
})

test('2.7 what Kong would make up, or what cannot be used, is left out and told', async () => {
  const problems = await problemsOfKong(`_format_version: "3.0"
consumers:
  - username: anna
    keyauth_credentials: [{ tags: [a] }]
    hmacauth_credentials: [{ username: anna }]
    jwt_secrets:
      - { secret: s }
      - { key: a }
      - { key: b, algorithm: ES256 }
`)
  const told = problems.filter((problem) => problem.includes('the credential is left out'))
  assert.equal(told.length, 3, problems.join('\n'))
  assert.match(told[0] ?? '', /^4:\d+ warning `key` of .* and 1 more/)
  assert.match(told[1] ?? '', /^5:\d+ warning `secret` of .* and 1 more/)
  assert.match(told[2] ?? '', /^9:9 warning `rsa_public_key`/)
})

test('2.7 an RSA key that is too short is refused, and left out where that is asked for', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1_024 })
  const pem = JSON.stringify(publicKey.export({ type: 'spki', format: 'pem' }))
  const yaml = `_format_version: "3.0"
consumers: [{ username: anna, jwt_secrets: [{ key: k, algorithm: RS256, rsa_public_key: ${pem} }] }]
`
  assert.match(
    (await problemsOfKong(yaml)).join('\n'),
    /error `rsa_public_key` of .* cannot be carried over: expected an RSA key of 2048 bits/,
  )
  const loaded = await loadKong(yaml, { load: { skipUnsupported: true } })
  assert.ok('ir' in loaded)
  assert.deepEqual(loaded.ir.consumers[0]?.credentials, [])
})
