import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { assertError } from './refusals.ts'

const fileWith = (config: string, { anonymous = '', auth = true } = {}) => `
_format_version: "3.0"
services:
  - name: users
    url: http://ECHO
    routes: [{ name: users, paths: [/] }]
    plugins:
${auth ? `      - { name: key-auth, config: { anonymous: ${anonymous} } }` : ''}
      - { name: acl, config: { ${config} } }
consumers:
  - username: both
    keyauth_credentials: [{ key: key-of-the-one-in-both }]
    acls: [{ group: readers }, { group: "writers of Köln" }]
  - username: one
    keyauth_credentials: [{ key: key-of-the-one-in-one }]
    acls: [{ group: readers }]
  - username: none
    keyauth_credentials: [{ key: key-of-the-one-in-none }]
  - username: stranger
  - username: reader
    acls: [{ group: readers }]
`

const as = (who: string) => ({ headers: { apikey: `key-of-the-one-in-${who}`, 'X-Consumer-Groups': 'forged' } })
const DENIED = 'You cannot consume this service'

test('2.10 acl: `allow` lets those pass who belong to one of the groups', async (t) => {
  const kong = await startKong(t, fileWith('allow: ["writers of Köln"]'))
  const { headers } = await kong.upstreamOf('/', as('both'))
  assert.equal(headers['x-consumer-groups'], Buffer.from('readers, writers of Köln').toString('latin1'))
  assertError(await kong.ask('/', as('one')), 403, DENIED)
  assertError(await kong.ask('/', as('none')), 403, DENIED)
})

test('2.10 acl: `deny` keeps those out who belong to one of the groups', async (t) => {
  const kong = await startKong(t, fileWith('deny: ["writers of Köln"]'))
  assertError(await kong.ask('/', as('both')), 403, DENIED)
  assert.equal((await kong.upstreamOf('/', as('one'))).headers['x-consumer-groups'], 'readers')
  assert.equal((await kong.upstreamOf('/', as('none'))).headers['x-consumer-groups'], undefined)
})

test('2.10 acl: `hide_groups_header` tells the service no groups, and clients cannot claim any', async (t) => {
  const kong = await startKong(t, fileWith('allow: [readers], hide_groups_header: true'))
  assert.equal((await kong.upstreamOf('/', as('one'))).headers['x-consumer-groups'], undefined)
})

test('2.10 acl: without a consumer it is 401 `Unauthorized`, without a challenge', async (t) => {
  const text = fileWith('allow: [readers]', { auth: false })
  const kong = await startKong(t, text)
  assertError(await kong.ask('/', as('one')), 401, 'Unauthorized')
  assert.match((await problemsOfKong(text)).join('\n'), /warning no policy that finds out who calls/)
})

test('2.10 acl: an anonymous consumer in no group is 401 by `allow`, and passes `deny`', async (t) => {
  const allow = await startKong(t, fileWith('allow: [readers]', { anonymous: 'stranger' }))
  assertError(await allow.ask('/'), 401, 'Unauthorized')
  assertError(await allow.ask('/', as('none')), 403, DENIED)
  const deny = await startKong(t, fileWith('deny: [readers]', { anonymous: 'stranger' }))
  assert.equal((await deny.ask('/')).status, 200)
})

test('2.10 acl: the groups of an anonymous consumer count', async (t) => {
  const allow = await startKong(t, fileWith('allow: [readers]', { anonymous: 'reader' }))
  assert.equal((await allow.upstreamOf('/')).headers['x-consumer-groups'], 'readers')
  const deny = await startKong(t, fileWith('deny: [readers]', { anonymous: 'reader' }))
  assertError(await deny.ask('/'), 403, DENIED)
})

test('2.10 acl: `always_use_authenticated_groups` falls back to the groups of the consumer', async (t) => {
  const kong = await startKong(t, fileWith('allow: [readers], always_use_authenticated_groups: true'))
  assert.equal((await kong.ask('/', as('one'))).status, 200)
  assertError(await kong.ask('/', as('none')), 403, DENIED)
})

test('2.10 acl: exactly one of `allow` and `deny`', async () => {
  assert.match((await problemsOfKong(fileWith('allow: []'))).join('\n'), /error .*at least one of these fields must be non-empty/)
  assert.match((await problemsOfKong(fileWith('allow: [a], deny: [b]'))).join('\n'), /error .*only one of these fields must be non-empty/)
})
