import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSpared, reviewTerms, termsOf, turnAway } from '../core/authentication-terms.ts'
import { admit } from '../core/caller.ts'
import { refuse } from '../core/reply.ts'
import { exchangeOf } from './testing.ts'
import { directoryOf } from './testing-consumers.ts'

const consumers = directoryOf({ app: [], partner: [], nobody: [] })
const consumer = (name: string) => consumers.byName(name) ?? assert.fail(name)
const REFUSAL = refuse('credentials_invalid')

test('who has no valid credential is refused, or taken for the anonymous consumer until another credential is right', () => {
  const strict = termsOf({ replaces: false }, consumers)
  const lenient = termsOf({ anonymous: 'nobody', replaces: false }, consumers)
  const exchange = exchangeOf()
  assert.equal(turnAway(exchange, REFUSAL, strict), REFUSAL)
  assert.equal(turnAway(exchange, REFUSAL, lenient), undefined)
  assert.equal(exchange.caller.consumer?.name, 'nobody')
  assert.equal(exchange.caller.isKnown, true)
  assert.equal(exchange.caller.isVerified, false)
  assert.equal(isSpared(exchange, lenient), false)
  assert.equal(admit(exchange, { method: 'basic', consumer: consumer('app'), credentialId: 'b-1', credentialName: 'anna' }), undefined)
  assert.equal(exchange.caller.method, 'basic')
  assert.equal(exchange.caller.credentialName, 'anna')
  assert.equal(isSpared(exchange, lenient), true)
  assert.equal(isSpared(exchange, strict), false)
})

test('an anonymous consumer that is not there is a fault of ours, and warned of', () => {
  const terms = termsOf({ anonymous: 'absent', replaces: false }, consumers)
  const verdict = turnAway(exchangeOf(), REFUSAL, terms)
  assert.deepEqual([verdict?.code, verdict?.reason, verdict?.about], ['internal_error', 'anonymous-absent', 'absent'])
  const around = {
    optionsOf: () => undefined,
    authenticates: true,
    stores: new Set<never>(),
    consumers: new Set(['app']),
    clientCertificates: false,
  }
  assert.deepEqual(reviewTerms({ anonymous: 'app', replaces: false }, around), [])
  assert.equal(reviewTerms({ anonymous: 'absent', replaces: false }, around)[0]?.severity, 'warning')
})

test('a later consumer is refused, unless it replaces the one before', () => {
  const exchange = exchangeOf()
  admit(exchange, { method: 'api-key', consumer: consumer('app'), credentialId: 'k-1' })
  assert.equal(admit(exchange, { method: 'basic', consumer: consumer('partner') })?.code, 'credentials_conflict')
  const last = { method: 'hmac', consumer: consumer('partner'), credentialId: 'h-1', credentialName: 'key', replaces: true }
  assert.equal(admit(exchange, last), undefined)
  const { method, consumer: found, credentialId, credentialName } = exchange.caller
  assert.deepEqual([method, found?.name, credentialId, credentialName], ['api-key,hmac', 'partner', 'h-1', 'key'])
})

test('where one credential is enough, a stranger who is taken for somebody may still show one', () => {
  const lenient = termsOf({ anonymous: 'nobody', replaces: false }, consumers)
  const exchange = exchangeOf()
  exchange.caller.anyOf = true
  assert.equal(turnAway(exchange, REFUSAL, lenient), undefined)
  assert.equal(isSpared(exchange, termsOf({ replaces: false }, consumers)), false)
  admit(exchange, { method: 'basic', consumer: consumer('app') })
  assert.equal(exchange.caller.consumer?.name, 'app')
  assert.equal(isSpared(exchange, termsOf({ replaces: false }, consumers)), true)
})
