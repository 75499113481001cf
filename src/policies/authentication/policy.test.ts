import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admit, deny } from '../../core/caller.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import { refuse } from '../../core/reply.ts'
import { compilePolicy, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { contextOf } from '../testing-consumers.ts'
import { authentication } from './policy.ts'

/** What another policy found: a credential that is right, or a code. */
type Found = 'right' | ErrorCode

/** Who is let in, or the refusal, after policies that authenticate found these. */
async function outcome(options: unknown, ...found: readonly Found[]): Promise<string> {
  const steps = await compilePolicy(authentication, options, contextOf({ guest: [] }).context)
  const exchange = exchangeOf()
  assert.equal(await steps.onGuard?.(exchange), undefined)
  const early = found.map((one, index) => look(exchange, one, `Scheme-${index}`)).find((verdict) => verdict !== undefined)
  const verdict = early ?? onRequest(steps, exchange)
  const { method, consumer } = exchange.caller
  if (verdict === undefined) return `${method} ${consumer?.name ?? ''}`.trimEnd()
  return [verdict.code, ...verdict.headers.map(([, value]) => value)].join(' ')
}

function look(exchange: Exchange, found: Found, scheme: string) {
  if (exchange.caller.isSettled) return undefined
  return found === 'right' ? admit(exchange, { method: scheme }) : deny(exchange, refuse(found, null, [['WWW-Authenticate', scheme]]))
}

test('with `all` the first credential that is missing or wrong ends it', async () => {
  for (const options of [{}, { require: 'all' }]) {
    assert.equal(await outcome(options, 'right', 'right'), 'Scheme-0,Scheme-1')
    assert.equal(await outcome(options, 'right', 'credentials_missing'), 'credentials_missing Scheme-1')
    assert.equal(await outcome(options, 'token_expired', 'right'), 'token_expired Scheme-0')
  }
})

test('with `any` one credential is enough, and without one the client is told all that would do', async () => {
  const any = { require: 'any' }
  assert.equal(await outcome(any, 'right', 'credentials_invalid'), 'Scheme-0')
  assert.equal(await outcome(any, 'credentials_invalid', 'right'), 'Scheme-1')
  assert.equal(await outcome(any, 'token_missing', 'credentials_missing'), 'token_missing Scheme-0 Scheme-1')
  assert.equal(await outcome(any, 'token_missing', 'credentials_invalid'), 'credentials_invalid Scheme-0 Scheme-1')
  assert.equal(await outcome(any, 'credentials_expired', 'credentials_missing'), 'credentials_expired Scheme-0 Scheme-1')
})

test('who has no credential is anonymous, and who has a wrong one is not', async () => {
  for (const options of [{ anonymous: 'guest' }, { anonymous: 'guest', require: 'any' }]) {
    assert.equal(await outcome(options, 'token_missing', 'credentials_missing'), 'anonymous guest')
    assert.equal(await outcome(options, 'token_missing', 'right'), 'Scheme-1')
    assert.equal(await outcome(options, 'credentials_missing', 'credentials_invalid'), 'credentials_invalid Scheme-0 Scheme-1')
    assert.equal(await outcome(options, 'token_expired', 'credentials_missing'), 'token_expired Scheme-0 Scheme-1')
  }
})

test('nobody passes where no policy has looked', async () => {
  assert.equal(await outcome({}), 'credentials_missing')
  assert.equal(await outcome({ require: 'any' }), 'credentials_missing')
})

test('a configuration that lets nobody pass, or names nobody, is refused', async () => {
  const schema = await authentication.loadSchema()
  const messages = (options: unknown, authenticates: boolean) =>
    authentication
      .review?.(schema.parse(options), {
        optionsOf: () => undefined,
        authenticates,
        stores: new Set(),
        consumers: new Set(['guest']),
        clientCertificates: false,
      })
      .map(({ severity, path, message }) => `${severity} ${path.join('.')} ${message.split(':')[0]}`)
  assert.deepEqual(messages({}, true), [])
  assert.deepEqual(messages({ anonymous: 'guest' }, true), [])
  assert.deepEqual(messages({}, false), [
    'error  no policy that authenticates (`client-certificate`, `jwt`, `api-key`, `basic`, `hmac`) is in force here',
  ])
  assert.deepEqual(messages({ anonymous: 'guests' }, true), ['error anonymous there is no consumer `guests`; did you mean `guest`?'])
  await assert.rejects(compilePolicy(authentication, { anonymous: 'guests' }, contextOf({}).context), /no consumer guests/)
  assert.deepEqual(await problemsOf(authentication, { anonymous: 'guest', require: 'all' }), [
    'expected `any` beside `anonymous`: who needs none cannot need all',
  ])
})
