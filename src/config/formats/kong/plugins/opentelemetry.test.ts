import assert from 'node:assert/strict'
import { test } from 'node:test'

import { opentelemetry } from './opentelemetry.ts'
import { translated } from './testing.ts'

test('2.10 opentelemetry: the traces of the gateway go to the endpoint', async () => {
  for (const key of ['endpoint', 'traces_endpoint']) {
    const { policies, root, notes } = await translated(opentelemetry, {
      [key]: 'http://collector:4318/v1/traces',
      headers: { 'X-Key': 'k' },
    })
    assert.deepEqual(policies, {})
    assert.deepEqual(root, {
      tracing: {
        otlp: {
          endpoint: 'http://collector:4318/v1/traces',
          headers: { 'X-Key': 'k' },
          batchBytesMax: 204_800,
          interval: 1000,
          timeout: 11_000,
        },
        serviceName: 'kong',
        sampling: { ratio: 0.01, keepErrors: false },
      },
    })
    assert.deepEqual(notes, ['config', 'config.header_type'])
  }
})

test('2.10 opentelemetry: what is not carried is said', async () => {
  const { root, notes } = await translated(opentelemetry, {
    traces_endpoint: 'http://collector:4318/',
    logs_endpoint: 'http://collector:4318/v1/logs',
    resource_attributes: { 'service.name': 'shop', zone: 'a' },
    sampling_rate: 1,
    header_type: 'w3c',
    http_response_header_for_traceid: 'X-Trace',
  })
  const { serviceName, sampling } = JSON.parse(JSON.stringify(root)).tracing
  assert.deepEqual([serviceName, sampling.ratio], ['shop', 1])
  assert.deepEqual(notes, ['config', 'config.logs_endpoint', 'config.resource_attributes', 'config.http_response_header_for_traceid'])
  assert.match((await translated(opentelemetry, {})).errors.join(), /at least one of these fields must be non-empty/)
})
