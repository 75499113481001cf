import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyCache } from './proxy-cache.ts'
import { translated } from './testing.ts'

test('2.10 proxy-cache: the defaults', async () => {
  const { policies, notes, errors } = await translated(proxyCache, { strategy: 'memory' })
  assert.deepEqual(errors, [])
  assert.deepEqual(notes, ['config#stored', 'config.response_headers.X-Cache-Key', 'config#shared'])
  assert.deepEqual(policies, {
    'cache:proxy-cache': {
      ttl: '300s',
      keepStale: '0s',
      statuses: [200, 301, 404],
      contentTypes: ['text/plain', 'application/json'],
      methods: ['GET', 'HEAD'],
      keyHeaders: [],
      keyQuery: 'sorted',
      ignorePathCase: false,
      requestDirectives: 'ignore',
      bodyBytesMax: '8MiB',
      collapse: false,
      age: true,
      cacheStatus: false,
      statusHeader: 'X-Cache-Status',
      keyHeader: 'X-Cache-Key',
    },
  })
})

test('2.10 proxy-cache: with cache_control the service says for how long', async () => {
  const { policies } = await translated(proxyCache, { strategy: 'memory', cache_control: true, storage_ttl: 60 })
  const { ttl, keepStale, requestDirectives } = JSON.parse(JSON.stringify(policies))['cache:proxy-cache']
  assert.deepEqual([ttl, keepStale, requestDirectives], [undefined, '60s', 'bypass'])
})

test('2.10 proxy-cache: what cannot be kept is told', async () => {
  const { notes, policies } = await translated(proxyCache, {
    strategy: 'memory',
    request_method: ['POST', 'HEAD'],
    response_code: [200, 700],
    content_type: ['text/plain', 'json'],
    cache_ttl: 3e6,
    storage_ttl: 9e6,
  })
  assert.deepEqual(notes, [
    'config.request_method#unsafe',
    'config.request_method#head',
    'config.response_code',
    'config.content_type',
    'config#stored',
    'config.response_headers.X-Cache-Key',
    'config.cache_ttl',
    'config.storage_ttl',
    'config#shared',
  ])
  assert.equal(Object.keys(policies).length, 1)
  assert.deepEqual((await translated(proxyCache, { strategy: 'memory', request_method: ['POST'] })).policies, {})
})

test('2.10 proxy-cache: what Kong refuses', async () => {
  const errors = async (config: object) => (await translated(proxyCache, config)).errors.length
  assert.equal(await errors({}), 1)
  assert.equal(await errors({ strategy: 'redis' }), 1)
  assert.equal(await errors({ strategy: 'memory', cache_ttl: 0 }), 1)
  assert.equal(await errors({ strategy: 'memory', request_method: ['DELETE'] }), 1)
})
