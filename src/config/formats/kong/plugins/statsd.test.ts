import assert from 'node:assert/strict'
import { test } from 'node:test'

import { statsd } from './statsd.ts'
import { translated } from './testing.ts'

test('2.10 statsd: Kong’s server, prefix and metrics unless said otherwise', async () => {
  const { policies } = await translated(statsd, {})
  assert.deepEqual(policies, {
    'kong-statsd:statsd': {
      host: 'localhost',
      port: 8125,
      prefix: 'kong',
      hostnameInPrefix: false,
      datagramBytesMax: 0,
      consumer: 'label:customId',
    },
  })
})

test('2.10 statsd: chosen metrics, statuses and tags are carried, and what tells of Kong’s insides is left out', async () => {
  const { policies, notes } = await translated(statsd, {
    metrics: [
      { name: 'request_count', stat_type: 'counter', sample_rate: 0.5 },
      { name: 'shdict_usage', stat_type: 'gauge', sample_rate: 1 },
    ],
    allow_status_codes: ['200-299', '500-599'],
    tag_style: 'dogstatsd',
    use_tcp: true,
  })
  const { metrics, statuses, tags, protocol } = JSON.parse(JSON.stringify(policies))['kong-statsd:statsd']
  assert.deepEqual(metrics, [{ name: 'request_count', type: 'counter', sampleRate: 0.5 }])
  assert.deepEqual([statuses[1], tags, protocol], [{ from: 500, to: 599 }, 'dogstatsd', 'tcp'])
  assert.deepEqual(notes, ['config#size', 'config.metrics'])
})

test('2.10 statsd: a counter has a sample rate, and users are a set', async () => {
  assert.deepEqual((await translated(statsd, { metrics: [{ name: 'request_count', stat_type: 'counter' }] })).errors, [
    'metrics.0.sample_rate: `sample_rate`: required field missing',
  ])
  assert.deepEqual((await translated(statsd, { metrics: [{ name: 'unique_users', stat_type: 'timer' }] })).errors, [
    'metrics.0.stat_type: value must be set',
  ])
})
