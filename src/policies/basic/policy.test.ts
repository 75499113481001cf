import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { BasicCredential } from '../../core/consumers.ts'
import type { Exchange } from '../../core/exchange.ts'
import { hashPassword } from '../../core/password-hash.ts'
import type { PolicySteps, Verdict } from '../../core/policy.ts'
import { compilePolicy, type ExchangeShape, exchangeOf, fieldsOf } from '../testing.ts'
import { contextOf, type Period, START } from '../testing-consumers.ts'
import { basic } from './policy.ts'

const CHEAP = { cost: 1_024, blockSize: 1, parallelization: 1 }

async function loginOf(username: string, password: string, period: Period = {}): Promise<BasicCredential> {
  const passwordHash = await hashPassword(password, randomBytes(16), CHEAP)
  return { kind: 'basic', id: 'basic-1', notBeforeMs: null, expiresAtMs: null, ...period, username, passwordHash }
}

function authorization(value: string): ExchangeShape {
  return { headers: [['Authorization', value]] }
}

function login(username: string, password: string): ExchangeShape {
  return authorization(`Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`)
}

const rig = async (credentials: readonly BasicCredential[], options: unknown = {}) => {
  const { time, context } = contextOf({ app: credentials })
  return { time, context, steps: await compilePolicy(basic, options, context) }
}

function verdictOf(steps: PolicySteps, exchange: Exchange): Verdict | Promise<Verdict> {
  return steps.onRequest?.(exchange)
}

async function outcome(steps: PolicySteps, shape: ExchangeShape): Promise<string> {
  const exchange = exchangeOf(shape)
  const verdict = await verdictOf(steps, exchange)
  const { consumer, credentialId, method } = exchange.caller
  return verdict === undefined ? `${method} ${consumer?.name} ${credentialId}` : `${verdict.code}`
}

test('name and password let their consumer in', async () => {
  const { steps } = await rig([await loginOf('app', 'open: sesame'), await loginOf('änne', 'Straße 🐟', { id: 'basic-2' })])
  assert.equal(await outcome(steps, login('app', 'open: sesame')), 'basic app basic-1')
  assert.equal(await outcome(steps, login('änne', 'Straße 🐟')), 'basic app basic-2')
  assert.equal(await outcome(steps, login('a\u0308nne', 'Straße 🐟')), 'basic app basic-2', 'not composed')
  assert.equal(await outcome(steps, authorization(`bAsIc   ${Buffer.from('app:open: sesame').toString('base64')}`)), 'basic app basic-1')
})

test('a wrong name or password is refused, and what is neither is missing', async () => {
  const { steps } = await rig([await loginOf('app', 'right')])
  for (const [name, password] of [
    ['app', 'wrong'],
    ['app', ''],
    ['app', 'right '],
    ['App', 'right'],
    ['', 'right'],
    ['nobody', 'right'],
    ['__proto__', 'x'],
  ] as const)
    assert.equal(await outcome(steps, login(name, password)), 'credentials_invalid', `${name}:${password}`)
  assert.equal(await outcome(steps, {}), 'credentials_missing')
  assert.equal(await outcome(steps, authorization('Bearer YXBwOnJpZ2h0')), 'credentials_missing')
  assert.equal(await outcome(steps, authorization('Basically YXBwOnJpZ2h0')), 'credentials_missing')
})

test('what is malformed is refused without hashing anything', async () => {
  const { steps } = await rig([await loginOf('app', 'right')])
  const encode = (text: string | readonly number[]) => (typeof text === 'string' ? Buffer.from(text) : Buffer.from(text)).toString('base64')
  for (const [what, value] of [
    ['nothing', 'Basic'],
    ['an empty text', 'Basic '],
    ['no colon', `Basic ${encode('app')}`],
    ['no padding', `Basic ${encode('app:right1').replaceAll('=', '')}`],
    ['too much padding', `Basic ${encode('app:right')}====`],
    ['base64url', 'Basic YXBwOj8_Pz8_'],
    ['bits left over', 'Basic YXBwOnJpZ2h0MR=='],
    ['a blank inside', 'Basic YXBw OnJpZ2h0'],
    ['two', 'Basic YXBwOnJpZ2h0, Basic YXBwOnJpZ2h0'],
    ['no UTF-8', `Basic ${encode([0x61, 0x3a, 0xff, 0xfe])}`],
    ['an overlong form', `Basic ${encode([0x61, 0x3a, 0xc0, 0xaf])}`],
    ['a surrogate', `Basic ${encode([0x61, 0x3a, 0xed, 0xa0, 0x80])}`],
    ['a line break', `Basic ${encode('app:right\r\n')}`],
    ['a zero', `Basic ${encode('app\0:right')}`],
    ['a C1 control', `Basic ${encode('app:right\u0085')}`],
    ['too long', `Basic ${encode(`app:${'x'.repeat(9_000)}`)}`],
  ] as const) {
    const verdict = verdictOf(steps, exchangeOf(authorization(value)))
    assert.ok(!(verdict instanceof Promise), what)
    assert.equal(verdict?.code, 'credentials_invalid', what)
  }
  const twice = exchangeOf({ headers: [...(login('app', 'right').headers ?? []), ...(login('app', 'wrong').headers ?? [])] })
  assert.equal((await verdictOf(steps, twice))?.code, 'credentials_invalid')
})

test('refusals have the challenge of RFC 7617', async () => {
  const { steps } = await rig([], { realm: 'shop' })
  for (const shape of [{}, login('a', 'b'), authorization('Basic !')]) {
    const verdict = await verdictOf(steps, exchangeOf(shape))
    assert.deepEqual(verdict?.headers, [['WWW-Authenticate', 'Basic realm="shop", charset="UTF-8"']])
  }
})

test('a password that was right costs no promise for a while, on this connection and on others', async () => {
  const { steps, time } = await rig([await loginOf('app', 'right')], { cacheTtl: '10s' })
  const exchange = exchangeOf(login('app', 'right'))
  const again = (on: Exchange) => {
    on.reset()
    on.request.headers.clearEdits()
    return verdictOf(steps, on)
  }
  const first = verdictOf(steps, exchange)
  assert.ok(first instanceof Promise)
  assert.equal(await first, undefined)
  time.now = 9_999
  assert.equal(again(exchange), undefined)
  assert.equal(verdictOf(steps, exchangeOf(login('app', 'right'))), undefined)
  assert.ok(verdictOf(steps, exchangeOf(login('app', 'wrong'))) instanceof Promise)
  time.now = 10_000
  const late = again(exchange)
  assert.ok(late instanceof Promise)
  assert.equal(await late, undefined)
})

test('with `cacheTtl: 0` every request is hashed', async () => {
  const { steps } = await rig([await loginOf('app', 'right')], { cacheTtl: 0 })
  const exchange = exchangeOf(login('app', 'right'))
  for (let round = 0; round < 2; round++) {
    exchange.reset()
    exchange.request.headers.clearEdits()
    const verdict = verdictOf(steps, exchange)
    assert.ok(verdict instanceof Promise)
    assert.equal(await verdict, undefined)
  }
})

test('what was right before a reload is not, once the password is another', async () => {
  const { context, steps } = await rig([await loginOf('app', 'old')])
  assert.equal(await outcome(steps, login('app', 'old')), 'basic app basic-1')
  const { consumers } = contextOf({ app: [await loginOf('app', 'new')] }).context
  const reloaded = await compilePolicy(basic, {}, { ...context, consumers })
  assert.equal(await outcome(reloaded, login('app', 'old')), 'credentials_invalid')
  assert.equal(await outcome(reloaded, login('app', 'new')), 'basic app basic-1')
  const removed = await compilePolicy(basic, {}, { ...context, consumers: contextOf({}).context.consumers })
  assert.equal(await outcome(removed, login('app', 'new')), 'credentials_invalid')
})

test('old and new password overlap in a rotation, and each ends when it says so, remembered or not', async () => {
  const { steps, time } = await rig([
    await loginOf('app', 'old', { id: 'old', expiresAtMs: START + 2_000 }),
    await loginOf('app', 'new', { id: 'new', notBeforeMs: START + 1_000 }),
  ])
  const outcomes: string[][] = []
  for (const at of [0, 1_000, 2_000]) {
    time.epochMs = START + at
    outcomes.push([await outcome(steps, login('app', 'old')), await outcome(steps, login('app', 'new'))])
  }
  assert.deepEqual(outcomes, [
    ['basic app old', 'credentials_expired'],
    ['basic app old', 'basic app new'],
    ['credentials_expired', 'basic app new'],
  ])
})

test('more passwords than can wait are refused with a cause of their own, and those that wait are checked', async () => {
  const { steps } = await rig([await loginOf('app', 'right')])
  const wrong = Array.from({ length: 66 }, (_, index) => outcome(steps, login('app', `wrong-${index}`)))
  const right = outcome(steps, login('app', 'right'))
  const same = outcome(steps, login('app', 'right'))
  const beyond = [outcome(steps, login('app', 'beyond')), outcome(steps, login('nobody', 'beyond'))]
  assert.deepEqual(await Promise.all(beyond), ['authentication_overloaded', 'authentication_overloaded'])
  assert.deepEqual(new Set(await Promise.all(wrong)), new Set(['credentials_invalid']))
  assert.deepEqual([await right, await same], ['basic app basic-1', 'basic app basic-1'])
  assert.equal(await outcome(steps, login('app', 'beyond')), 'credentials_invalid', 'there is room again')
})

test('the password does not reach the service, unless it is to; other schemes do', async () => {
  const credential = await loginOf('app', 'right')
  const seen = async (options: unknown, shape: ExchangeShape) => {
    const exchange = exchangeOf(shape)
    await verdictOf((await rig([credential], options)).steps, exchange)
    return fieldsOf(exchange.request.headers)
  }
  assert.deepEqual(await seen({}, login('app', 'right')), [])
  assert.deepEqual(await seen({}, login('app', 'wrong')), [])
  assert.deepEqual(await seen({ forward: true }, login('app', 'right')), ['authorization: Basic YXBwOnJpZ2h0'])
  assert.deepEqual(await seen({}, authorization('Bearer x')), ['authorization: Bearer x'])
})

test('a salted SHA-1 that another gateway left is checked, and a name that nobody has costs the same', async () => {
  const digest = createHash('sha1').update('right').update('a-salt').digest('hex')
  const credential: BasicCredential = { ...(await loginOf('anna', 'x')), passwordHash: `sha1:a-salt:${digest}` }
  const { steps, context } = await rig([credential])
  assert.deepEqual(context.consumers.passwordCosts, ['sha1'])
  assert.equal(await outcome(steps, login('anna', 'right')), 'basic app basic-1')
  assert.equal(await outcome(steps, login('anna', 'wrong')), 'credentials_invalid')
  assert.equal(await outcome(steps, login('anna', digest)), 'credentials_invalid')
  assert.equal(await outcome(steps, login('berta', 'right')), 'credentials_invalid')
})

test('what is written for proxies counts first where it names somebody, and only if that is asked for', async () => {
  const credentials = [await loginOf('anna', 'right')]
  const encoded = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  const ask = async (options: unknown, proxy: string, shape: ExchangeShape = {}) => {
    const { steps } = await rig(credentials, options)
    const exchange = exchangeOf(shape)
    exchange.request.proxyAuthorization = proxy
    return (await verdictOf(steps, exchange))?.reason ?? exchange.caller.credentialName
  }
  const both = { proxyAuthorization: true }
  assert.equal(await ask({}, encoded('anna:right')), 'login-missing')
  assert.equal(await ask(both, encoded('anna:right')), 'anna')
  assert.equal(await ask(both, encoded('anna:wrong'), login('anna', 'right')), 'login-wrong')
  assert.equal(await ask(both, encoded('berta:x'), login('anna', 'right')), 'anna')
  assert.equal(await ask(both, encoded('berta:x')), 'login-wrong', 'as a name that somebody has')
  assert.equal(await ask(both, `${encoded('anna:right')}, ${encoded('anna:right')}`), 'login-missing')
})
