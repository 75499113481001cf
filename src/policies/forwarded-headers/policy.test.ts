import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy, type ExchangeShape, exchangeOf, fieldsOf, onRequest } from '../testing.ts'
import { forwardedHeaders } from './policy.ts'

async function forwarded(shape: ExchangeShape, options: unknown = {}): Promise<readonly string[]> {
  const exchange = exchangeOf(shape)
  assert.equal(onRequest(await compilePolicy(forwardedHeaders, options), exchange), undefined)
  return fieldsOf(exchange.request.headers).toSorted()
}

test('an ordinary client’s claims are replaced and removed', async () => {
  const names = [
    'X-Forwarded-For',
    'x-forwarded-for',
    'X-FORWARDED-HOST',
    'X-Forwarded-Proto',
    'X-Forwarded-Port',
    'X-Real-IP',
    'Forwarded',
  ]
  const more = ['X-Forwarded-Prefix', 'X-Forwarded-Scheme', 'X-Forwarded-Ssl']
  const headers = [...names, ...more].map((name) => [name, '127.0.0.1'] as const)
  assert.deepEqual(await forwarded({ headers, authority: 'a.com:8080' }), [
    'x-forwarded-for: 192.0.2.7',
    'x-forwarded-host: a.com:8080',
    'x-forwarded-port: 8080',
    'x-forwarded-proto: http',
  ])
})

test('a request without a host forwards none, not even a claimed one', async () => {
  const fields = await forwarded({ authority: '', headers: [['X-Forwarded-Host', 'evil.com']] })
  assert.equal(
    fields.some((field) => field.startsWith('x-forwarded-host')),
    false,
  )
})

test('a trusted proxy is appended to the chain and the rest it said stays', async () => {
  const headers = [
    ['X-Forwarded-For', '203.0.113.9'],
    ['X-Forwarded-For', '10.0.0.2'],
    ['X-Forwarded-Host', 'shop.example'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Real-IP', '203.0.113.9'],
  ] as const
  assert.deepEqual(await forwarded({ trusted: true, peerAddress: '10.0.0.1', headers }), [
    'x-forwarded-for: 203.0.113.9, 10.0.0.2, 10.0.0.1',
    'x-forwarded-host: shop.example',
    'x-forwarded-proto: https',
    'x-real-ip: 203.0.113.9',
  ])
})

test('what a trusted proxy left out is filled in', async () => {
  assert.deepEqual(await forwarded({ trusted: true, peerAddress: '::1' }), [
    'x-forwarded-for: ::1',
    'x-forwarded-host: example.com',
    'x-forwarded-port: 8080',
    'x-forwarded-proto: http',
  ])
})

test('the standard field quotes what is no token', async () => {
  const standard = async (shape: ExchangeShape) =>
    (await forwarded(shape, { standard: true })).filter((field) => field.startsWith('forwarded'))
  assert.deepEqual(await standard({}), ['forwarded: for=192.0.2.7;host=example.com;proto=http'])
  assert.deepEqual(await standard({ peerAddress: '2001:db8::1', authority: 'a"b\\:1' }), [
    'forwarded: for="[2001:db8::1]";host="a\\"b\\\\:1";proto=http',
  ])
  const headers = [['Forwarded', 'for=203.0.113.9']] as const
  assert.deepEqual(await standard({ headers }), ['forwarded: for=192.0.2.7;host=example.com;proto=http'])
  assert.deepEqual(await standard({ headers, trusted: true, authority: '' }), ['forwarded: for=203.0.113.9, for=192.0.2.7;proto=http'])
})

test('an ordinary client’s chain may be kept in front of its address', async () => {
  const headers = [['X-Forwarded-For', '203.0.113.9, 10.0.0.2']] as const
  const [chain] = await forwarded({ headers }, { appendUntrusted: true })
  assert.equal(chain, 'x-forwarded-for: 203.0.113.9, 10.0.0.2, 192.0.2.7')
  assert.equal((await forwarded({}, { appendUntrusted: true }))[0], 'x-forwarded-for: 192.0.2.7')
})

test('host without port, path and true address are told where that is asked for', async () => {
  const options = { hostPort: false, path: true, realIp: true }
  const headers = [
    ['X-Real-IP', '127.0.0.1'],
    ['X-Forwarded-Path', '/claim'],
  ] as const
  assert.deepEqual(await forwarded({ authority: 'A.com:8080', path: '/a', headers }, options), [
    'x-forwarded-for: 192.0.2.7',
    'x-forwarded-host: a.com',
    'x-forwarded-path: /a',
    'x-forwarded-port: 8080',
    'x-forwarded-proto: http',
    'x-real-ip: 192.0.2.7',
  ])
})

test('the path is told as it was sent, without its query', async () => {
  const exchange = exchangeOf({ path: '/a/b', query: 'q=1' })
  exchange.request.target = '/a/./b?q=1'
  const steps = await compilePolicy(forwardedHeaders, { path: true })
  onRequest(steps, exchange)
  assert.equal(exchange.request.headers.get('X-Forwarded-Path'), '/a/./b')
  exchange.request.target = 'http://a.com/a/b?q=1'
  onRequest(steps, exchange)
  assert.equal(exchange.request.headers.get('X-Forwarded-Path'), '/a/b')
})

test('what a trusted proxy says of the path stays, and a port is put beside its host where that is asked for', async () => {
  const headers = [
    ['X-Forwarded-Host', 'shop.example'],
    ['X-Forwarded-Path', '/outer'],
  ] as const
  assert.deepEqual(await forwarded({ trusted: true, headers }, { path: true, completePort: true, hostPort: false }), [
    'x-forwarded-for: 192.0.2.7',
    'x-forwarded-host: shop.example',
    'x-forwarded-path: /outer',
    'x-forwarded-port: 8080',
    'x-forwarded-proto: http',
  ])
})
