import assert from 'node:assert/strict'
import { test } from 'node:test'

import { prometheus } from './prometheus.ts'
import { translated } from './testing.ts'

test('2.10 prometheus: all that costs is off by default', async () => {
  const { policies, root } = await translated(prometheus, {})
  assert.deepEqual(root, { metrics: { kongNames: true } })
  assert.deepEqual(policies, {
    'kong-metrics:prometheus': { statusCodes: false, latencies: false, bandwidth: false, consumers: false },
  })
  const on = await translated(prometheus, { status_code_metrics: true, per_consumer: true, upstream_health_metrics: true })
  assert.deepEqual(on.policies, {
    'kong-metrics:prometheus': { statusCodes: true, latencies: false, bandwidth: false, consumers: true, consumer: 'label:username' },
  })
  assert.deepEqual(on.notes, ['config', 'config.upstream_health_metrics'])
})
