import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RetryIr } from '../config/ir.ts'
import { GatewayError, type RetryAnswer } from '../core/errors.ts'
import { backoffMs, isRepeatable, mayRetry, RetryBudget } from './retry.ts'

const RETRY: RetryIr = {
  attempts: 5,
  backoff: 'exponential',
  backoffBaseMs: 100,
  backoffMaxMs: 1_000,
  statuses: [],
  grpcStatuses: [],
  nonIdempotent: false,
  bodyBytesMax: 0,
}

const error = (retry: RetryAnswer): GatewayError => new GatewayError('upstream_reset_before_headers', '', 'upstream', retry)

test('a request of which nothing was sent is tried again, whatever its method', () => {
  for (const method of ['GET', 'POST', 'PATCH', 'BREW']) assert.equal(mayRetry(error('if-unsent'), method, RETRY), true, method)
})

test('one that was sent is tried again only where asking twice is asking once', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
    assert.equal(mayRetry(error('safe'), method, RETRY), true, method)
  for (const method of ['POST', 'PATCH', 'BREW', 'get']) assert.equal(mayRetry(error('safe'), method, RETRY), false, method)
})

test('a route may say that its other methods can be repeated too', () => {
  const retry = { ...RETRY, nonIdempotent: true }
  assert.equal(isRepeatable('POST', retry), true)
  assert.equal(mayRetry(error('safe'), 'POST', retry), true)
  assert.equal(mayRetry(error('never'), 'POST', retry), false)
})

test('what began to be answered is never tried again', () => {
  for (const method of ['GET', 'POST']) assert.equal(mayRetry(error('never'), method, RETRY), false, method)
})

test('waits grow as configured, up to the longest', () => {
  const waits = (backoff: RetryIr['backoff']): number[] =>
    [2, 3, 4, 5, 6].map((attempt) => backoffMs({ ...RETRY, backoff }, attempt, () => 0))
  assert.deepEqual(waits('exponential'), [100, 200, 400, 800, 1000])
  assert.deepEqual(waits('linear'), [100, 200, 300, 400, 500])
  assert.deepEqual(waits('constant'), [100, 100, 100, 100, 100])
  assert.equal(
    backoffMs(RETRY, 2_000, () => 0),
    1_000,
  )
})

test('jitter takes off up to half of a wait and adds nothing', () => {
  for (const chance of [0, 0.25, 0.5, 0.999]) {
    const wait = backoffMs(RETRY, 4, () => chance)
    assert.ok(wait > 200 && wait <= 400, `${wait} ms`)
  }
  assert.equal(
    backoffMs(RETRY, 4, () => 0.5),
    300,
  )
})

function spendAll(budget: RetryBudget, nowMs: number): number {
  let spent = 0
  while (budget.spend(nowMs)) spent++
  return spent
}

test('a budget begins with the retries of one second', () => {
  assert.equal(spendAll(new RetryBudget(0.2, 10, 5_000), 5_000), 10)
})

test('five first tries earn one retry at a ratio of 0.2', () => {
  const budget = new RetryBudget(0.2, 0, 0)
  for (let i = 0; i < 4; i++) budget.earn()
  assert.equal(budget.spend(0), false)
  budget.earn()
  assert.equal(budget.spend(0), true)
  assert.equal(budget.spend(0), false)
})

test('with time come the retries that are always allowed, and not twice', () => {
  const budget = new RetryBudget(0, 10, 0)
  spendAll(budget, 0)
  assert.equal(budget.spend(99), false)
  assert.equal(spendAll(budget, 350), 3)
  assert.equal(spendAll(budget, 350), 0)
})

test('what is not used is kept up to a bound', () => {
  const quiet = new RetryBudget(0.2, 10, 0)
  assert.equal(spendAll(quiet, 3_600_000), 100)
  const busy = new RetryBudget(0.2, 0, 0)
  for (let i = 0; i < 100_000; i++) busy.earn()
  assert.equal(spendAll(busy, 0), 20)
})

test('a budget of nothing allows nothing', () => {
  const budget = new RetryBudget(0, 0, 0)
  budget.earn()
  assert.equal(spendAll(budget, 3_600_000), 0)
})
