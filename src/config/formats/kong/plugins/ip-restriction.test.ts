import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ipRestriction } from './ip-restriction.ts'
import { translated } from './testing.ts'

test('2.10 ip-restriction: lists, status and a message with the address', async () => {
  assert.deepEqual((await translated(ipRestriction, { allow: ['10.0.0.0/8'], deny: [] })).policies, {
    'ip-access:ip-restriction': { allow: ['10.0.0.0/8'], message: 'IP address not allowed: {address}' },
  })
  assert.deepEqual((await translated(ipRestriction, { deny: ['::1'], status: 404, message: 'no' })).policies, {
    'ip-access:ip-restriction': { deny: ['::1'], status: 404, message: 'no' },
  })
  assert.deepEqual((await translated(ipRestriction, { allow: [] })).errors, [
    "at least one of these fields must be non-empty: 'config.allow', 'config.deny'",
  ])
})
