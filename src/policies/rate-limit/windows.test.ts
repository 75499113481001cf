import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicySteps } from '../../core/policy.ts'
import { compilePolicy, exchangeOf, fieldsOf, onRequest, onResponse, problemsOf } from '../testing.ts'
import { rateLimit } from './policy.ts'
import { respond, World } from './testing.ts'

test('per-window fields tell each window, and of the one with the least left what remains and when it ends', async () => {
  const world = new World()
  const limits = [
    { by: 'ip', window: 'second', limit: 2 },
    { by: 'ip', window: 'minute', limit: 2 },
    { by: 'ip', window: 'month', limit: 9 },
  ]
  world.nowMs = Date.UTC(2026, 10, 24, 21, 12, 30, 250)
  const steps = await compilePolicy(rateLimit, { limits, headers: 'per-window', status: 420, message: 'Enough' }, world.context)
  const exchange = exchangeOf()
  assert.equal(onRequest(steps, exchange), undefined)
  assert.deepEqual(respond(steps, exchange), [
    'x-ratelimit-limit-second: 2',
    'x-ratelimit-remaining-second: 1',
    'x-ratelimit-limit-minute: 2',
    'x-ratelimit-remaining-minute: 1',
    'x-ratelimit-limit-month: 9',
    'x-ratelimit-remaining-month: 8',
    // Of two that are equally tight the longer one.
    'ratelimit-limit: 2',
    'ratelimit-remaining: 1',
    'ratelimit-reset: 30',
  ])
  onRequest(steps, exchangeOf())
  world.nowMs += 1_000
  const refused = exchangeOf()
  const refusal = onRequest(steps, refused)
  assert.deepEqual([refusal?.status, refusal?.detail, refusal?.headers], [420, 'Enough', []])
  assert.deepEqual(respond(steps, refused).slice(4), [
    'x-ratelimit-limit-month: 9',
    'x-ratelimit-remaining-month: 7',
    'ratelimit-limit: 2',
    'ratelimit-remaining: 0',
    'ratelimit-reset: 29',
    'retry-after: 29',
  ])
  assert.match((await problemsOf(rateLimit, { rate: 1, headers: 'per-window' })).join(), /per-window/)
  assert.match((await problemsOf(rateLimit, { window: '5m', limit: 1, headers: 'per-window' })).join(), /per-window/)
  assert.match((await problemsOf(rateLimit, { window: 'month', limit: 1, algorithm: 'sliding-window' })).join(), /cannot slide/)
})

test('the reset of a month is told as of one with 30 days, and is never below a second', async () => {
  const world = new World()
  world.nowMs = Date.UTC(2026, 9, 31, 12)
  const steps = await compilePolicy(rateLimit, { by: 'ip', window: 'month', limit: 9, headers: 'per-window' }, world.context)
  const exchange = exchangeOf()
  onRequest(steps, exchange)
  assert.equal(respond(steps, exchange).at(-1), 'ratelimit-reset: 1')
})

test('without a guard nothing is looked at before authentication, and what is refused there is not charged', async () => {
  const world = new World()
  const steps = await compilePolicy(rateLimit, { by: 'ip', window: 'minute', limit: 1, guard: false }, world.context)
  assert.deepEqual([steps.onGuard, steps.onFinish], [undefined, undefined])
  const exchange = exchangeOf()
  exchange.response.status = 401
  onResponse(steps, exchange)
  assert.deepEqual(world.takes, [])
})

test('a credential of any kind, and a path, can be counted', async () => {
  const world = new World()
  const limits = [
    { by: 'credential', otherwise: 'ip', window: 'hour', limit: 9 },
    { by: 'path:/login', window: 'hour', limit: 9 },
  ]
  const steps = await compilePolicy(rateLimit, { limits }, world.context)
  const key = exchangeOf({ path: '/login' })
  Object.assign(key.caller, { method: 'basic', credentialId: 'bob' })
  onRequest(steps, key)
  const token = exchangeOf({ path: '/login/' })
  Object.assign(token.caller, { method: 'jwt', subject: 'bob' })
  onRequest(steps, token)
  onRequest(steps, exchangeOf())
  const taken = ['d:basic//bob,p:/login', 'd:jwt//bob,', 'i:192.0.2.7,']
  assert.deepEqual(world.takes.map(String), taken)
})

test('a named counter takes the place of the place', async () => {
  const world = new World()
  await compilePolicy(rateLimit, { name: 'all', by: 'ip', window: 'hour', limit: 9, counter: 'shared' }, world.context)
  assert.deepEqual(world.groups, ['memory: rate-limit shared all'])
})

test('of two policies of the kind each tells its own limits, whoever refuses', async () => {
  const world = new World()
  const one = await compilePolicy(rateLimit, { by: 'ip', window: 'minute', limit: 1, headers: 'x-ratelimit' }, world.context)
  const other = await compilePolicy(rateLimit, { by: 'route', window: 'hour', limit: 9, headers: 'x-ratelimit' }, world.context)
  const limitsTold = (steps: readonly PolicySteps[]): readonly string[] => {
    const exchange = exchangeOf()
    exchange.route = { name: 'list', pattern: '/', serviceName: 'users' }
    for (const step of steps) if (onRequest(step, exchange) !== undefined) break
    for (const step of steps) respond(step, exchange)
    return fieldsOf(exchange.response.headers).filter((line) => line.startsWith('x-ratelimit-limit:'))
  }
  assert.deepEqual(limitsTold([one, other]), ['x-ratelimit-limit: 9'])
  assert.deepEqual(limitsTold([one, other]), ['x-ratelimit-limit: 1'], 'the first one refuses now')
})
