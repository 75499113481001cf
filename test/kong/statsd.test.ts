import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { eventually } from '../e2e/gateway-process.ts'
import { startKong } from './kong-gateway.ts'
import { withPlugins } from './one-plugin.ts'

test('2.10 statsd: each request is told under the names of its service', async (t) => {
  const server = createSocket('udp4')
  t.after(() => server.close())
  const lines: string[] = []
  server.on('message', (bytes) => lines.push(bytes.toString()))
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const kong = await startKong(t, withPlugins(`- name: statsd\n  config: { host: 127.0.0.1, port: ${server.address().port} }\n`))
  await kong.ask('/')
  await eventually(
    async () => lines,
    (all) => all.length === 7,
  )
  assert.deepEqual(lines.map((line) => line.replace(/:\d+(?=\|ms)/, ':N')).toSorted(), [
    'kong.service.shop.kong_latency:N|ms',
    'kong.service.shop.latency:N|ms',
    'kong.service.shop.request.count:1|c',
    'kong.service.shop.request.size:N|ms',
    'kong.service.shop.response.size:N|ms',
    'kong.service.shop.status.200:1|c',
    'kong.service.shop.upstream_latency:N|ms',
  ])
})
