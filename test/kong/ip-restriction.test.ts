import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { withPlugins } from './one-plugin.ts'

const restriction = (config: string): string => `- name: ip-restriction\n  config: ${config}\n`

test('2.10 ip-restriction: 403 with the address, after authentication', async (t) => {
  const kong = await startKong(t, withPlugins(`- name: key-auth\n${restriction('{ deny: [127.0.0.0/8] }')}`) + KEY)
  assert.equal((await kong.ask('/')).status, 401)
  const { status, headers, body } = await kong.ask('/', { headers: { apikey: 'k' } })
  assert.equal(status, 403)
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  assert.match(body, /^\{\n {2}"message":"IP address not allowed: 127\.0\.0\.1",\n {2}"request_id":"[^"]+"\n\}$/)
})

const KEY = `consumers:
  - username: app
    keyauth_credentials: [{ key: k }]
`

test('2.10 ip-restriction: deny comes first, and allow lets nobody else pass', async (t) => {
  const statusWith = async (config: string): Promise<number> =>
    (await (await startKong(t, withPlugins(restriction(config)))).ask('/')).status
  assert.equal(await statusWith('{ allow: [127.0.0.1] }'), 200)
  assert.equal(await statusWith('{ allow: [192.0.2.1] }'), 403)
  assert.equal(await statusWith('{ allow: [127.0.0.1], deny: [127.0.0.0/24] }'), 403)
  assert.equal(await statusWith('{ deny: [192.0.2.1], allow: [] }'), 200)
})

test('2.10 ip-restriction: the address is the one behind trusted proxies', async (t) => {
  const kong = await startKong(t, withPlugins(restriction('{ allow: [192.0.2.7] }')), {
    env: { KONG_TRUSTED_IPS: '127.0.0.1', KONG_REAL_IP_HEADER: 'X-Forwarded-For' },
  })
  assert.equal((await kong.ask('/', { headers: { 'X-Forwarded-For': '192.0.2.7' } })).status, 200)
  assert.match((await kong.ask('/', { headers: { 'X-Forwarded-For': '192.0.2.8' } })).body, /IP address not allowed: 192\.0\.2\.8/)
})

test('2.10 ip-restriction: status and message can be others, plain for who wants plain text', async (t) => {
  const kong = await startKong(t, withPlugins(restriction('{ deny: [127.0.0.1], status: 451, message: "Not \\"here\\"" }')))
  const json = await kong.ask('/')
  assert.deepEqual([json.status, JSON.parse(json.body).message], [451, 'Not "here"'])
  assert.match((await kong.ask('/', { headers: { Accept: 'text/plain' } })).body, /^Not "here"\nrequest_id: [^\n]+\n$/)
})

test('2.10 ip-restriction: one of the lists is needed', async () => {
  assert.match((await problemsOfKong(withPlugins(restriction('{}')))).join(), /at least one of these fields must be non-empty/)
  assert.match((await problemsOfKong(withPlugins(restriction('{ allow: [x] }')))).join(), /error .*expected an IP address/)
})
