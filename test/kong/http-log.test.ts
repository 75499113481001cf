import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eventually } from '../e2e/gateway-process.ts'
import { startKong } from './kong-gateway.ts'
import { recordsOf, withPlugins } from './one-plugin.ts'

/** A receiver of records, with all that it was sent. Where it is silent it never answers. */
async function receiver(t: TestContext, { isSilent = false } = {}) {
  const bodies: string[] = []
  const types: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      bodies.push(body)
      types.push(
        `${request.method} ${request.headers['content-type']} ${String(request.headers['x-key'])} ${request.headers.authorization}`,
      )
      if (!isSilent) response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { bodies, types, host: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('2.10 http-log: each request is told in a request of its own, refusals too', async (t) => {
  const { bodies, types, host } = await receiver(t)
  const config = `{ http_endpoint: "http://u:p@${host}/in", headers: { X-Key: k }, custom_fields_by_lua: { zone: "return 'a'" } }`
  const kong = await startKong(
    t,
    withPlugins(`- name: key-auth\n- name: correlation-id\n- name: http-log\n  config: ${config}\n`) + CONSUMER,
  )
  assert.equal((await kong.ask('/a?b=c', { headers: { apikey: 'k', Cookie: 'c=1' } })).status, 200)
  assert.equal((await kong.ask('/a')).status, 401)
  await eventually(
    async () => bodies,
    (all) => all.length === 2,
  )
  assert.deepEqual(
    types,
    Array.from({ length: 2 }, () => `POST application/json k Basic ${Buffer.from('u:p').toString('base64')}`),
  )
  const [first, second] = bodies.flatMap(recordsOf)
  assert.ok(first !== undefined && second !== undefined)
  assert.equal(first.request.uri, '/a?b=c')
  assert.deepEqual([first.request.headers['cookie'], first.request.headers['apikey']], ['REDACTED', 'REDACTED'])
  assert.deepEqual([first.response.status, first.source, first.upstream_status, first.zone], [200, 'upstream', '200', 'a'])
  assert.deepEqual([first.route.name, first.service.name, first.consumer.username], ['all', 'shop', 'app'])
  assert.equal(first.correlation_id, kong.received[0]?.headers['kong-request-id'])
  assert.deepEqual([first.tries.length, first.tries[0]?.port], [1, kong.echoPort])
  assert.deepEqual([second.response.status, second.source, second.tries], [401, 'kong', []])
})

const CONSUMER = 'consumers:\n  - username: app\n    keyauth_credentials: [{ key: k }]\n'

test('2.10 http-log: a batch is an array', async (t) => {
  const { bodies, host } = await receiver(t)
  const config = `{ http_endpoint: "http://${host}/", method: PUT, queue: { max_batch_size: 2, max_coalescing_delay: 3600 } }`
  const kong = await startKong(t, withPlugins(`- name: http-log\n  config: ${config}\n`))
  for (let i = 0; i < 4; i++) await kong.ask(`/${i}`)
  await eventually(
    async () => bodies,
    (all) => all.length === 2,
  )
  assert.deepEqual(
    bodies.map((body) => recordsOf(body).map(({ request }) => request.uri)),
    [
      ['/0', '/1'],
      ['/2', '/3'],
    ],
  )
})

test('2.10 http-log: a receiver that never answers holds up no request', async (t) => {
  const { host } = await receiver(t, { isSilent: true })
  const kong = await startKong(t, withPlugins(`- name: http-log\n  config: { http_endpoint: "http://${host}/" }\n`))
  for (let i = 0; i < 20; i++) assert.equal((await kong.ask('/')).status, 200)
})
