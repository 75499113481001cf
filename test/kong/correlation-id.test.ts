import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startKong } from './kong-gateway.ts'
import { withPlugins } from './one-plugin.ts'

const correlated = (config: string): string => withPlugins(`- name: correlation-id\n  config: ${config}\n`)
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'

test('2.10 correlation-id: the service gets an id with a counter, the client nothing', async (t) => {
  const kong = await startKong(t, correlated('{}'))
  const first = await kong.upstreamOf('/')
  const second = await kong.upstreamOf('/')
  assert.match(first.headers['kong-request-id'] ?? '', new RegExp(`^${UUID}#1$`))
  assert.equal(second.headers['kong-request-id'], first.headers['kong-request-id']?.replace('#1', '#2'))
  assert.equal((await kong.ask('/')).headers['kong-request-id'], undefined)
})

test('2.10 correlation-id: an id that comes is kept and told, an empty one is none', async (t) => {
  const kong = await startKong(t, correlated('{ header_name: X-Id, generator: uuid, echo_downstream: true }'))
  const { headers } = await kong.ask('/', { headers: { 'X-Id': 'mine' } })
  assert.deepEqual([headers['x-id'], kong.received[0]?.headers['x-id']], ['mine', 'mine'])
  const made = await kong.ask('/', { headers: { 'X-Id': '' } })
  assert.match(made.headers['x-id'] ?? '', new RegExp(`^${UUID}$`))
  assert.equal(kong.received[1]?.headers['x-id'], made.headers['x-id'])
})
