import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, hashOf, NOTHING, readDescribed } from './described.ts'

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

test('a hash holds a request, but no credential of it, wherever it stands', () => {
  const headers = [
    'X-Beta: 1',
    'Authorization: Bearer secret-1',
    'X-API-Key: secret-2',
    `X-Thing: ${JWT}`,
    'Referer: https://h/?code=secret-3',
  ]
  const url = `https://shop.example/orders/7?page=2&access_token=secret-4&then=${JWT}`
  const hash = hashOf({ ...NOTHING, url, headers: headers.join('\n'), listener: 'web', client: '192.0.2.7' })
  assert.doesNotMatch(hash, /secret|eyJ/)
  const read = readDescribed(hash.slice('#/try?'.length))
  assert.deepEqual(read, {
    method: 'GET',
    url: 'https://shop.example/orders/7?page=2&access_token=***&then=***',
    headers: 'X-Beta: 1',
    listener: 'web',
    client: '192.0.2.7',
  })
  assert.equal(hashOf(read), hash, 'so that the page knows the request that it holds')
})

test('the body for the gateway holds what the form does, whatever headers are called', () => {
  const headers = 'X-A: 1\nconstructor: 2\nHost: shop.example:8443\nX-A: 3\n\n'
  assert.deepEqual(bodyOf({ ...NOTHING, url: 'HTTPS://other.example?a=b#c', headers, client: ' 192.0.2.7 ' }), {
    method: 'GET',
    host: 'shop.example:8443',
    path: '/?a=b',
    headers: { 'X-A': ['1', '3'], constructor: ['2'] },
    scheme: 'https',
    client: '192.0.2.7',
  })
  for (const [url, lines] of [['ftp://h/'], ['orders'], ['/a', 'no colon'], ['/a', ': no name']] as const)
    assert.equal(typeof bodyOf({ ...NOTHING, url, headers: lines ?? '' }), 'string', url)
})
