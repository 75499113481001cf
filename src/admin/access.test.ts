import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessToken, AllowList, callerOf } from './access.ts'

const TOKENS: readonly AccessToken[] = [
  { name: 'ops', token: 'aaaa', role: 'write' },
  { name: 'dashboard', token: 'bbbb', role: 'read' },
]

test('a token says who asks and what they may do', () => {
  assert.deepEqual(callerOf('Bearer aaaa', TOKENS), { name: 'ops', role: 'write' })
  assert.deepEqual(callerOf('bearer  bbbb', TOKENS), { name: 'dashboard', role: 'read' })
  for (const header of ['Bearer aaa', 'Bearer aaaaa', 'Basic aaaa', 'Bearer aaaa bbbb', 'aaaa', '', undefined])
    assert.equal(callerOf(header, TOKENS), null, header ?? 'none')
})

test('an allow list takes addresses of its blocks only, in whatever form the socket tells them', () => {
  const list = new AllowList()
  const allow = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1']
  const has = (address: string | undefined): boolean => list.has(address, allow)
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::7', '192.0.2.1']) assert.equal(has(address), true, address)
  for (const address of ['11.0.0.1', '192.0.2.2', '2001:db9::1', '::1', '', 'localhost', undefined])
    assert.equal(has(address), false, address ?? 'none')
  assert.equal(list.has('11.0.0.1', null), true)
  assert.equal(list.has('11.0.0.1', ['11.0.0.0/8']), true, 'other rules count at once')
  assert.equal(list.has('11.0.0.1', ['::/0']), false, 'a block of IPv6 holds no IPv4 address')
})
