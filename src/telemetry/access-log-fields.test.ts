import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessLogSettings, LOG_FIELDS, type LogField, type LogFieldName } from '../core/log-settings.ts'
import { loggedExchange } from './access-log.fixture.ts'
import { compileFields } from './access-log-fields.ts'

const OK = { status: 200, error: null, durationMs: 1.26 } as const
const TIME = '2026-11-24T12:00:00.000Z'
const NOTHING: AccessLogSettings['redact'] = { addresses: false, parameters: [] }

function known(...names: readonly LogFieldName[]): LogField[] {
  return names.map((name) => ({ kind: 'known', name }))
}

function lineOf(fields: readonly LogField[], exchange = loggedExchange('/users/7'), redact = NOTHING): Record<string, unknown> {
  const line = compileFields(fields, redact, 4_096)(exchange, OK, TIME)
  assert.match(line, /^[\x20-\x7e]+\n$/)
  return JSON.parse(line) as Record<string, unknown>
}

test('a line has the chosen fields, in the order in which they were chosen', () => {
  assert.deepEqual(Object.entries(lineOf(known('status', 'time', 'route', 'durationMs'))), [
    ['status', 200],
    ['time', TIME],
    ['route', 'users'],
    ['durationMs', 1.3],
  ])
})

test('every field there is can be told of an exchange that has nothing to say', () => {
  const line = lineOf(known(...LOG_FIELDS))
  const left = LOG_FIELDS.filter((name) => !(name in line))
  assert.deepEqual(left, ['grpcStatus', 'traceId', 'spanId'])
})

test('who called, what was limited, and whether the cache answered', () => {
  const exchange = loggedExchange('/')
  exchange.caller.method = 'jwt,api-key'
  exchange.caller.subject = 'ada'
  exchange.caller.credentialId = 'key-1'
  exchange.caller.consumer = { name: 'shop', groups: [], hasPolicies: false }
  exchange.limit = { admitted: true, refusedBy: -1, retryAfterMs: 0, remaining: [9, 4], resetMs: [0, 0] }
  exchange.fallback = 'stale'
  exchange.loggedHeaders = new Map([['cache-status', 'cdn; hit, turnpike; fwd=uri-miss; stored']])
  const fields = known('consumer', 'user', 'credential', 'authentication', 'limited', 'limitRemaining', 'fallback', 'cache')
  assert.deepEqual(lineOf(fields, exchange), {
    consumer: 'shop',
    user: 'ada',
    credential: 'key-1',
    authentication: 'jwt,api-key',
    limited: 'no',
    limitRemaining: 4,
    fallback: 'stale',
    cache: 'uri-miss',
  })
  exchange.loggedHeaders = new Map([['cache-status', 'turnpike; hit; ttl=3']])
  assert.equal(lineOf(known('cache'), exchange)['cache'], 'hit')
})

test('what TLS agreed on is told, and null of a connection without it', () => {
  const exchange = loggedExchange('/')
  const fields = known('tlsVersion', 'tlsCipher', 'alpn')
  assert.deepEqual(lineOf(fields, exchange), { tlsVersion: null, tlsCipher: null, alpn: null })
  exchange.client.tls = { version: '1.3', cipher: 'TLS_AES_128_GCM_SHA256', alpn: '', serverName: '' }
  assert.deepEqual(lineOf(fields, exchange), { tlsVersion: '1.3', tlsCipher: 'TLS_AES_128_GCM_SHA256', alpn: null })
})

test('headers are told under their names in lower case, and null where there are none', () => {
  const exchange = loggedExchange('/', 'a "quoted" agent')
  exchange.loggedHeaders = new Map([['content-type', 'text/html']])
  const fields: LogField[] = [
    { kind: 'request-header', name: 'user-agent' },
    { kind: 'request-header', name: 'x-tenant' },
    { kind: 'response-header', name: 'content-type' },
  ]
  assert.deepEqual(lineOf(fields, exchange), {
    'requestHeaders.user-agent': 'a "quoted" agent',
    'requestHeaders.x-tenant': null,
    'responseHeaders.content-type': 'text/html',
  })
})

test('of a query, the values of secret parameters are hidden, however their names are written', () => {
  const exchange = loggedExchange('/')
  exchange.request.query = 'a=1&token=s3cret&ACCESS%5Ftoken=s3cret&Pin=0000&flag&pin'
  const { query } = lineOf(known('query'), exchange, { addresses: false, parameters: ['pin'] })
  assert.equal(query, 'a=1&token=[hidden]&ACCESS%5Ftoken=[hidden]&Pin=[hidden]&flag&pin')
})

test('addresses become networks when that is asked for', () => {
  const networks = ['192.0.2.77', '::ffff:192.0.2.77', '2001:db8:1:2:3:4:5:6', '2001:db8::7', '::1'].map((address) => {
    const exchange = loggedExchange('/')
    exchange.client.address = address
    return lineOf(known('client'), exchange, { addresses: true, parameters: [] })['client']
  })
  assert.deepEqual(networks, ['192.0.2.0', '192.0.2.0', '2001:db8:1::', '2001:db8:0::', '0:0:0::'])
})

test('a line stays within its bound, and says that fields were cut or left out', () => {
  const exchange = loggedExchange('\u0001'.repeat(2_000), 'x'.repeat(2_000))
  const fields = known('path', 'userAgent', 'host', 'status')
  const line = compileFields(fields, NOTHING, 4_096)(exchange, OK, TIME)
  assert.ok(line.length <= 4_096)
  const parsed = JSON.parse(line) as Record<string, unknown>
  assert.deepEqual(Object.keys(parsed), ['userAgent', 'host', 'status', 'truncated'])
  assert.equal(String(parsed['userAgent']).length, 1_024)
})
