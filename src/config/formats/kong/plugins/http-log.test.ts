import assert from 'node:assert/strict'
import { test } from 'node:test'

import { httpLog } from './http-log.ts'
import { translated } from './testing.ts'

test('2.10 http-log: one record a request, to the endpoint as it is', async () => {
  const { policies, notes } = await translated(httpLog, { http_endpoint: 'http://logs.internal:9200/in?a=b' })
  assert.deepEqual(policies, {
    'kong-log:http-log': {
      http: {
        url: 'http://logs.internal:9200/in?a=b',
        method: 'POST',
        contentType: 'application/json',
        headers: {},
        recordsMax: 1,
        interval: 1000,
        timeout: 10_000,
        queueBytesMax: 20_480_000,
      },
      set: {},
    },
  })
  assert.deepEqual(notes, ['config', 'config.queue'])
})

test('2.10 http-log: a password in the endpoint becomes a header, and what Lua only returns is carried', async () => {
  const config = {
    http_endpoint: 'https://u%40x:p@logs.internal/',
    headers: { 'X-Key': 'k' },
    queue: { max_batch_size: 50, max_coalescing_delay: 5 },
    custom_fields_by_lua: { a: 'return nil', 'b.c': "return 'x';", d: 'return 12', e: 'return true', f: 'return kong.request.get_path()' },
  }
  const { policies, notes } = await translated(httpLog, config)
  const { http, set } = JSON.parse(JSON.stringify(policies))['kong-log:http-log']
  assert.deepEqual([http.url, http.headers], ['https://logs.internal/', { 'X-Key': 'k', Authorization: 'Basic dUB4OnA=' }])
  assert.deepEqual([http.recordsMax, http.interval], [50, 5000])
  assert.deepEqual(set, { a: null, 'b.c': 'x', d: 12, e: true })
  assert.deepEqual(notes, ['config', 'config.queue', 'config.http_endpoint#tls', 'config.custom_fields_by_lua'])
})

test('2.10 http-log: an endpoint is needed', async () => {
  assert.equal((await translated(httpLog, {})).errors.length, 1)
  assert.deepEqual((await translated(httpLog, { http_endpoint: 'logs' })).errors, ['http_endpoint: missing host in url'])
})
