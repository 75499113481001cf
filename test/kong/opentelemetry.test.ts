import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../e2e/gateway-process.ts'
import { OtlpReceiver } from '../services/otlp-receiver.ts'
import { startKongProcess } from './kong-process.ts'
import { withPlugins } from './one-plugin.ts'

test('2.10 opentelemetry: spans of requests go to the endpoint, as those of `kong`', async (t) => {
  const receiver = new OtlpReceiver()
  const url = await receiver.open(t)
  const plugin = (route: string): string => `
- name: opentelemetry
  config: { ${route}: "${url}/v1/traces", sampling_rate: 1, queue: { max_coalescing_delay: 0.05 } }
`
  const gateway = await startKongProcess(t, withPlugins(plugin('traces_endpoint')))
  assert.equal((await fetch(`${gateway.url}/a`)).status, 200)
  const [span] = await eventually(
    async () => receiver.spans,
    (spans) => spans.length > 0,
  )
  assert.equal(span?.resource['service.name'], 'kong')
})
