import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineGateway, type PolicyKinds } from './index.ts'
import { POLICIES } from './policies/index.ts'

test('the type of a configuration knows every kind of policy', () => {
  const kinds: Record<keyof PolicyKinds, true> = {
    'request-id': true,
    'request-size': true,
    'ip-access': true,
    'forwarded-headers': true,
    cors: true,
    'security-headers': true,
    'client-certificate': true,
    jwt: true,
    'api-key': true,
    basic: true,
    hmac: true,
    authentication: true,
    users: true,
    'identity-headers': true,
    authorize: true,
    'rate-limit': true,
    'request-validation': true,
    cache: true,
    redirect: true,
    'static-response': true,
    transform: true,
    rewrite: true,
    'grpc-web': true,
    'grpc-transcoding': true,
    soap: true,
    headers: true,
    'user-agent': true,
    'latency-headers': true,
    'kong-statsd': true,
    'kong-metrics': true,
    'kong-log': true,
    'correlation-id': true,
  }
  assert.deepEqual(Object.keys(kinds).sort(), POLICIES.map(({ kind }) => kind).sort())
})

test('the type refuses what the schema refuses', () => {
  const config = defineGateway({
    workers: 'auto',
    services: { a: { targets: ['127.0.0.1:1', { address: '127.0.0.1:2', weight: 2 }], balancer: { kind: 'consistent-hash', by: 'path' } } },
    routes: {
      a: {
        path: ['/a', '/b/*'],
        service: 'a',
        timeout: '5s',
        retry: { attempts: 2, backoff: 'linear' },
        policies: { 'request-id': false },
      },
      b: { path: '/c', policies: { redirect: { to: '/a', mode: 'shadow' } } },
    },
    consumers: {
      app: { keys: ['k', { hash: 'h', expires: '2027-01-01' }], policies: { cors: false }, routes: { a: { policies: { headers: {} } } } },
    },
  })
  // @ts-expect-error: no such key
  defineGateway({ routs: {} })
  // @ts-expect-error: no such word
  defineGateway({ routes: { a: { path: '/', retry: { backoff: 'quadratic' } } } })
  // @ts-expect-error: no such policy
  defineGateway({ policies: { 'request-ids': {} } })
  // @ts-expect-error: an option that must be there
  defineGateway({ policies: { redirect: {} } })
  assert.equal(config.workers, 'auto')
})
