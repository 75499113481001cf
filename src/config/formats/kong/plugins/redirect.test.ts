import assert from 'node:assert/strict'
import { test } from 'node:test'

import { redirect } from './redirect.ts'
import { translated } from './testing.ts'

test('2.10 redirect: the location as it is, 301 unless said otherwise', async () => {
  const { policies } = await translated(redirect, { location: 'https://example.com/{new}?a=b#c' })
  assert.deepEqual(policies, {
    'static-response:redirect': {
      status: 301,
      headers: { Location: 'https://example.com/{new}?a=b#c' },
      body: 'redirecting',
      contentType: false,
    },
  })
})

test('2.10 redirect: with keep_incoming_path path and query are those of the request', async () => {
  const { policies } = await translated(redirect, {
    location: 'https://u:p@example.com:443/x?y#z',
    keep_incoming_path: true,
    status_code: 302,
  })
  assert.deepEqual(policies, { 'redirect:redirect': { to: 'https://example.com:443{path}', status: 302, body: 'redirecting' } })
  assert.equal((await translated(redirect, { location: 'https://a.example', keep_incoming_path: true, status_code: 418 })).errors.length, 1)
  assert.deepEqual((await translated(redirect, { location: '/x' })).errors, ['location: missing host in url'])
})
