import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { ConnectWarnings } from './connect-warnings.ts'
import { VirtualTime } from './testing.ts'

test('each cause is told once a minute for each target', () => {
  const time = new VirtualTime()
  const told: unknown[] = []
  const log = { info: () => {}, warn: (fields: unknown) => void told.push(fields), error: () => {} }
  const warnings = new ConnectWarnings('orders', log, time)
  const expired = new GatewayError('upstream_tls_failed', 'a:443: CERT_HAS_EXPIRED', 'upstream', 'if-unsent')
  const wrong = new GatewayError('upstream_tls_failed', 'a:443: ERR_TLS_CERT_ALTNAME_INVALID', 'upstream', 'if-unsent')
  for (let i = 0; i < 100; i++) warnings.tell('a:443', expired)
  assert.deepEqual(told, [{ service: 'orders', target: 'a:443', code: 'upstream_tls_failed', cause: 'a:443: CERT_HAS_EXPIRED' }])
  warnings.tell('b:443', expired)
  warnings.tell('a:443', wrong)
  assert.equal(told.length, 3)
  time.pass(59_999)
  warnings.tell('a:443', expired)
  assert.equal(told.length, 3)
  time.pass(1)
  warnings.tell('a:443', expired)
  assert.equal(told.length, 4)
})

test('a code that says it all needs no words', () => {
  const log = { info: () => {}, warn: () => assert.fail(), error: () => {} }
  const warnings = new ConnectWarnings('orders', log, new VirtualTime())
  warnings.tell('a:443', new GatewayError('upstream_connect_refused', 'a:443: ECONNREFUSED', 'upstream', 'if-unsent'))
})
