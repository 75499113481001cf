import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serversOf, serverText } from './servers.ts'

test('servers are read in the forms of the configuration and of the system', () => {
  const texts = [
    '10.0.0.53',
    '10.0.0.53:5353',
    'dns.internal',
    'dns.internal:54',
    '[fd00::53]',
    '[fd00::53]:5353',
    'fd00::53',
    'fe80::1%eth0',
  ]
  assert.deepEqual(serversOf(texts), [
    { host: '10.0.0.53', port: 53 },
    { host: '10.0.0.53', port: 5353 },
    { host: 'dns.internal', port: 53 },
    { host: 'dns.internal', port: 54 },
    { host: 'fd00::53', port: 53 },
    { host: 'fd00::53', port: 5353 },
    { host: 'fd00::53', port: 53 },
    { host: 'fe80::1%eth0', port: 53 },
  ])
})

test('without a list the system has some', () => {
  assert.ok(serversOf([]).length > 0)
})

test('a server is written as host and port', () => {
  assert.equal(serverText({ host: 'fd00::53', port: 53 }), '[fd00::53]:53')
  assert.equal(serverText({ host: '10.0.0.53', port: 53 }), '10.0.0.53:53')
})
