import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Admission, admit, type UserRecord } from '../../core/caller.ts'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, problemsOf } from '../testing.ts'
import { fieldValue, listValue } from './field-value.ts'
import { identityHeaders } from './policy.ts'

type Fields = readonly (readonly [string, string])[]

/** The fields that go to the service. */
async function told(options: unknown, who: Partial<Admission> | null, headers: Fields = [], user: UserRecord | null = null) {
  const exchange = exchangeOf({ headers })
  if (who !== null) admit(exchange, { method: 'jwt', ...who })
  exchange.caller.user = user
  assert.equal(onRequest(await compilePolicy(identityHeaders, options), exchange), undefined)
  return fieldsOf(exchange.request.headers)
}

test('the service is told who calls', async () => {
  const consumer = { name: 'app', groups: ['partners', 'eu'], hasPolicies: false }
  assert.deepEqual(await told({}, { subject: 'u-1', consumer, credentialId: 'key-2', method: 'api-key' }), [
    'x-user-id: u-1',
    'x-consumer-name: app',
    'x-consumer-groups: partners,eu',
    'x-credential-id: key-2',
    'x-auth-method: api-key',
  ])
  assert.deepEqual(await told({}, { subject: 'u-1' }), ['x-user-id: u-1', 'x-auth-method: jwt'])
})

const SPELLINGS = ['X-User-ID', 'x-user-id', 'X_User_ID', 'X-User_ID', 'x_user-id', 'X.User.ID', 'X_CONSUMER_NAME', 'X-Auth-Method']

test('nothing that a client says of who calls is left, whoever calls', async () => {
  const forged = [...SPELLINGS.map((name) => [name, 'root'] as const), ['X-Userid', 'stays'] as const]
  assert.deepEqual(await told({}, null, forged), ['x-userid: stays'])
  assert.deepEqual(await told({}, { method: 'api-key' }, forged), ['x-userid: stays', 'x-auth-method: api-key'])
  assert.deepEqual(await told({}, { subject: 'u' }, forged), ['x-userid: stays', 'x-user-id: u', 'x-auth-method: jwt'])
})

test('default names stay out of reach when others are written or none is', async () => {
  const forged = [...SPELLINGS, 'X-Me', 'X_Mail'].map((name) => [name, 'root'] as const)
  const options = { subject: 'X-Me', consumer: false, groups: false, credential: false, method: false, claims: { email: 'X-Mail' } }
  assert.deepEqual(await told(options, null, forged), [])
  assert.deepEqual(await told(options, { subject: 'u', claims: { email: 'u@example.com' } }, forged), ['x-me: u', 'x-mail: u@example.com'])
})

test('no client says which certificate it has shown', async () => {
  const forged = ['Client-Cert', 'client_cert', 'Client-Cert-Chain', 'CLIENT_CERT_CHAIN'].map((name) => [name, ':AA==:'] as const)
  assert.deepEqual(await told({ subject: false }, { subject: 'u' }, forged), ['x-auth-method: jwt'])
})

test('roles and permissions are those of the record, else of the claims', async () => {
  const options = { subject: false, method: false, roles: 'X-Roles', permissions: 'X-Permissions' }
  const claims = { roles: ['a', 'b,admin'], permissions: 'p' }
  assert.deepEqual(await told(options, { claims }), ['x-roles: a,b%2Cadmin', 'x-permissions: p'])
  assert.deepEqual(await told(options, { claims }, [], { roles: ['r'], permissions: [] }), ['x-roles: r'])
  assert.deepEqual(await told(options, {}), [])
})

test('claims are written when they have a form that a header can take', async () => {
  const names = ['text', 'number', 'flag', 'list', 'a.b', 'object', 'empty', 'null', 'none', 'broken']
  const claims = {
    text: 'Doe, Jané\r\nX-Admin: 1',
    number: 12.5,
    flag: false,
    list: ['x,y', 1, { z: 1 }],
    a: { b: 'deep' },
    object: { toString: 'x' },
    empty: '',
    null: null,
    broken: '\ud800',
  }
  const options = { subject: false, method: false, claims: Object.fromEntries(names.map((name, index) => [name, `X-${index}`])) }
  assert.deepEqual(await told(options, { claims }), [
    'x-0: Doe, Jan%C3%A9%0D%0AX-Admin: 1',
    'x-1: 12.5',
    'x-2: false',
    'x-3: x%2Cy,1',
    'x-4: deep',
  ])
})

test('whatever a text holds, its value can be a field and gives the text again', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(' ', ',', '%', '2', '5', 'C', '\r', '\n', '\0', 'é', '€') }),
  )
  fc.assert(
    fc.property(text, (written) => {
      const value = fieldValue(written)
      if (value === null) return assert.ok(written === '' || !written.isWellFormed())
      assert.match(value, /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/)
      return assert.equal(decodeURIComponent(value), written)
    }),
    { numRuns: 2_000 },
  )
  fc.assert(
    fc.property(fc.array(text), (written) => {
      const fit = written.filter((item) => item !== '' && item.isWellFormed())
      assert.deepEqual(listValue(written)?.split(',').map(decodeURIComponent) ?? [], fit)
    }),
    { numRuns: 500 },
  )
})

test('what is too long for a header is not written', () => {
  assert.equal(fieldValue('a'.repeat(8_192))?.length, 8_192)
  assert.equal(fieldValue('a'.repeat(8_193)), null)
  assert.equal(fieldValue('é'.repeat(2_000)), null)
  assert.equal(listValue(Array.from({ length: 1_000 }, () => 'a'.repeat(256))), null)
})

test('a name that means something to the gateway, or would be written twice, is refused', async () => {
  for (const options of [
    { subject: 'Authorization' },
    { subject: 'X-Forwarded-For' },
    { subject: 'x-api-key' },
    { subject: 'Host' },
    { subject: 'Content-Length' },
    { subject: 'X User' },
    { subject: true },
    { subject: 'X-Auth-Method' },
    { subject: 'X-Me', claims: { a: 'x_me' } },
    { claims: { a: 'X-A', b: 'X-A' } },
    { claims: { a: false } },
  ]) {
    assert.notDeepEqual(await problemsOf(identityHeaders, options), [], JSON.stringify(options))
  }
  assert.deepEqual(await problemsOf(identityHeaders, { subject: 'X-Auth-Method', method: false }), [])
})

test('id and labels of the consumer, the name of the credential and strangers can be told', async () => {
  const written = {
    consumerId: 'X-Consumer-ID',
    labels: { town: 'X-Town' },
    credentialName: 'X-Login',
    anonymous: 'X-Anonymous',
    consumer: false,
    groups: false,
    credential: false,
    method: false,
  }
  const steps = await compilePolicy(identityHeaders, written)
  const exchange = exchangeOf({
    headers: [
      ['X-Town', 'forged'],
      ['X-Anonymous', 'true'],
    ],
  })
  const consumer = { name: 'app', groups: [], id: 'a-1', labels: { town: 'Köln' }, hasPolicies: false }
  admit(exchange, { method: 'basic', consumer, credentialId: 'basic-1', credentialName: 'anna' })
  onRequest(steps, exchange)
  assert.deepEqual(fieldsOf(exchange.request.headers), ['x-consumer-id: a-1', 'x-town: K%C3%B6ln', 'x-login: anna'])
  const stranger = exchangeOf()
  admit(stranger, { method: 'anonymous', consumer: { name: 'nobody', groups: [], hasPolicies: false } })
  onRequest(steps, stranger)
  assert.deepEqual(fieldsOf(stranger.request.headers), ['x-anonymous: true'])
})

test('values can be written as their bytes, lists with blanks, and fewer names be cleared', async () => {
  const steps = await compilePolicy(identityHeaders, { encoding: 'utf-8', separator: ', ', cleared: [], subject: false })
  const exchange = exchangeOf({ headers: [['X-User-ID', 'the client’s own'.replace('’', "'")]] })
  admit(exchange, { method: 'jwt', consumer: { name: 'Köln 50%', groups: ['a,b', 'c'], hasPolicies: false } })
  onRequest(steps, exchange)
  assert.deepEqual(fieldsOf(exchange.request.headers), [
    "x-user-id: the client's own",
    `x-consumer-name: ${Buffer.from('Köln 50%').toString('latin1')}`,
    'x-consumer-groups: a,b, c',
    'x-auth-method: jwt',
  ])
  const evil = exchangeOf()
  admit(evil, { method: 'jwt', consumer: { name: 'a\r\nb', groups: [], hasPolicies: false } })
  onRequest(steps, evil)
  assert.deepEqual(fieldsOf(evil.request.headers), ['x-auth-method: jwt'])
})
