import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../e2e/gateway-process.ts'
import { startKongProcess } from './kong-process.ts'
import { withPlugins } from './one-plugin.ts'

test('2.10 prometheus: Kong’s names and labels are at /metrics of the admin listener', async (t) => {
  const config = '{ status_code_metrics: true, latency_metrics: true, bandwidth_metrics: true, per_consumer: true }'
  const file = withPlugins(`
- name: key-auth
- name: prometheus
  config: ${config}
`)
  const consumers = 'consumers:\n  - username: app@shop.example\n    keyauth_credentials: [{ key: k }]\n'
  const gateway = await startKongProcess(t, file + consumers)
  const statusOf = async (headers: Record<string, string>): Promise<number> => (await fetch(`${gateway.url}/a`, { headers })).status
  assert.deepEqual([await statusOf({ apikey: 'k' }), await statusOf({ apikey: 'k' }), await statusOf({})], [200, 200, 401])
  const labels = 'service="shop",route="all"'
  const text = await eventually(
    async () => (await fetch(`${gateway.adminUrl}/metrics`)).text(),
    (metrics) => metrics.includes('code="401"'),
  )
  const lines = text.split('\n')
  assert.ok(
    lines.includes(`kong_http_requests_total{${labels},code="200",source="service",workspace="default",consumer="app@shop.example"} 2`),
    text,
  )
  assert.ok(lines.includes(`kong_http_requests_total{${labels},code="401",source="kong",workspace="default",consumer=""} 1`))
  assert.ok(lines.includes(`kong_request_latency_ms_count{${labels},workspace="default"} 3`))
  assert.ok(lines.includes(`kong_upstream_latency_ms_count{${labels},workspace="default"} 2`))
  assert.ok(lines.includes(`kong_kong_latency_ms_bucket{${labels},workspace="default",le="6000"} 3`))
  assert.ok(lines.includes('# TYPE kong_bandwidth_bytes counter'))
  assert.match(
    text,
    /kong_bandwidth_bytes\{service="shop",route="all",direction="egress",workspace="default",consumer="app@shop\.example"\} \d+\n/,
  )
})

test('2.10 prometheus: of the node alone is told by default', async (t) => {
  const gateway = await startKongProcess(t, withPlugins('- name: prometheus'))
  assert.equal((await fetch(`${gateway.url}/a`)).status, 200)
  const metrics = await eventually(
    async () => (await fetch(`${gateway.adminUrl}/metrics`)).text(),
    (text) => text.includes('gateway_requests_total{'),
  )
  const names = new Set([...metrics.matchAll(/^(kong_\w+)/gm)].map(([name]) => name))
  assert.deepEqual([...names].toSorted(), [
    'kong_datastore_reachable',
    'kong_nginx_connections_total',
    'kong_nginx_requests_total',
    'kong_node_info',
  ])
  assert.match(metrics, /^kong_nginx_requests_total\{node_id="[0-9a-f-]{36}",subsystem="http"\} 1$/m)
})
