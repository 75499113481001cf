import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActiveCheckIr, PassiveCheckIr } from '../config/ir.ts'
import { TargetHealth } from './target-health.ts'

const ACTIVE: ActiveCheckIr = {
  kind: 'tcp',
  grpcService: '',
  path: '/',
  host: null,
  headers: [],
  statuses: ['2xx'],
  body: null,
  intervalMs: 1_000,
  unfitIntervalMs: 1_000,
  timeoutMs: 100,
  unhealthyAfter: 3,
  healthyAfter: 2,
  endsEjections: false,
}
const PASSIVE: PassiveCheckIr = {
  failures: 3,
  statuses: ['5xx'],
  ejectionMs: 10_000,
  ejectionMaxMs: 25_000,
  ejectedPercentMax: 50,
  ejectsLast: false,
}

const CHECKS: readonly (readonly [string, string, string, boolean])[] = [
  ['is unknown at first, and fit', '', 'unknown', true],
  ['is healthy after the first good check', 'g', 'healthy', true],
  ['that is unknown stays fit for fewer bad checks than it takes', 'bb', 'unknown', true],
  ['that is unknown is unhealthy after so many bad checks', 'bbb', 'unhealthy', false],
  ['that is healthy is unhealthy after so many in a row', 'gbbb', 'unhealthy', false],
  ['counts bad checks anew after a good one', 'gbbgbb', 'healthy', true],
  ['that is unhealthy stays so after fewer good checks than it takes', 'bbbg', 'unhealthy', false],
  ['that is unhealthy is healthy after so many in a row', 'bbbgg', 'healthy', true],
  ['counts good checks anew after a bad one', 'bbbgbg', 'unhealthy', false],
]
for (const [what, checks, name, isFit] of CHECKS) {
  test(`a target ${what}`, () => {
    const health = new TargetHealth()
    for (const check of checks) health.onCheck(check === 'g' ? null : 'status 500', ACTIVE, 0)
    assert.deepEqual([health.name, health.isFit], [name, isFit])
  })
}

test('a check tells when the verdict changes, and its reason stays until a good one', () => {
  const health = new TargetHealth()
  const told = [null, 'a', 'b', 'c', 'd', null, null].map((failure) => [health.onCheck(failure, ACTIVE, 0), health.reason])
  assert.deepEqual(told, [
    [true, null],
    [false, 'a'],
    [false, 'b'],
    [true, 'c'],
    [false, 'd'],
    [false, null],
    [true, null],
  ])
})

test('without checks a target is fit again', () => {
  const health = new TargetHealth()
  for (let i = 0; i < 3; i++) health.onCheck('gone', ACTIVE, 0)
  health.forgetChecks(0)
  assert.deepEqual([health.name, health.isFit, health.reason], ['unknown', true, null])
})

test('failures in a row are enough at the last of them; a success begins anew', () => {
  const health = new TargetHealth()
  const fail = (): number => health.onFailure(PASSIVE)
  assert.deepEqual([fail(), fail()], [0, 0])
  health.onSuccess()
  assert.deepEqual([fail(), fail(), fail(), fail()], [0, 0, 3, 4], 'one that may not be ejected goes on counting')
})

test('an ejected target counts no failures: they began before', () => {
  const health = new TargetHealth()
  for (let i = 0; i < 3; i++) health.onFailure(PASSIVE)
  health.eject('x', PASSIVE, 0)
  for (let i = 0; i < 5; i++) assert.equal(health.onFailure(PASSIVE), 0)
  health.release(10_000)
  assert.equal(health.onFailure(PASSIVE), 0)
})

/** Ejects at a time and gives the length; then lets the ejection end. */
function eject(health: TargetHealth, nowMs: number): number {
  health.eject('x', PASSIVE, nowMs)
  const lasts = health.ejectedForMs(nowMs)
  health.release(nowMs + lasts)
  return lasts
}

test('the n-th ejection in a row lasts n times as long, up to the maximum', () => {
  const health = new TargetHealth()
  assert.deepEqual(
    [eject(health, 0), eject(health, 11_000), eject(health, 32_000), eject(health, 60_000)],
    [10_000, 20_000, 25_000, 25_000],
  )
})

test('a target that behaved for as long as its last ejection was begins anew', () => {
  const health = new TargetHealth()
  assert.equal(eject(health, 0), 10_000)
  assert.equal(eject(health, 19_999), 20_000, 'it behaved a little less')
  assert.equal(eject(health, 59_999), 10_000)
})

test('health is both: a good check ends no ejection, and the end of an ejection heals no bad target', () => {
  const health = new TargetHealth()
  health.eject('x', PASSIVE, 0)
  health.onCheck(null, ACTIVE, 0)
  assert.deepEqual([health.name, health.isFit], ['ejected', false])
  for (let i = 0; i < 3; i++) health.onCheck('status 500', ACTIVE, 0)
  health.release(10_000)
  assert.deepEqual([health.name, health.isFit, health.reason], ['unhealthy', false, 'status 500'])
})

test('checks that saw a target fall ill and get well end its ejection', () => {
  const health = new TargetHealth()
  health.eject('x', PASSIVE, 0)
  for (let i = 0; i < 3; i++) health.onCheck('status 500', ACTIVE, 0)
  health.onCheck(null, ACTIVE, 4_000)
  assert.equal(health.name, 'ejected')
  health.onCheck(null, ACTIVE, 5_000)
  assert.deepEqual([health.name, health.isFit, health.tenths(60_000, 5_000)], ['healthy', true, 1])
  health.eject('x', PASSIVE, 5_001)
  assert.equal(health.ejectedForMs(5_001), 20_000, 'the ejection counts as one of a row')
})

test('slow start gives a tenth at first, and all when its time is over', () => {
  const health = new TargetHealth()
  assert.equal(health.tenths(60_000, 0), 10, 'not for what was never unfit')
  health.eject('x', PASSIVE, 0)
  health.release(10_000)
  const at = (ms: number): number => health.tenths(60_000, 10_000 + ms)
  assert.deepEqual([0, 5_999, 6_000, 11_999, 12_000, 30_000, 59_999].map(at), [1, 1, 1, 1, 2, 5, 9])
  assert.equal(health.nextChangeAt(60_000, 12_000), 16_000)
  assert.equal(at(60_000), 10)
  assert.equal(health.nextChangeAt(60_000, 70_000), Number.POSITIVE_INFINITY)
  assert.equal(at(5), 10, 'it is over for good')
})

test('without slow start a target comes back whole', () => {
  const health = new TargetHealth()
  health.eject('x', PASSIVE, 0)
  assert.equal(health.nextChangeAt(0, 0), 10_000)
  health.release(10_000)
  assert.equal(health.tenths(0, 10_000), 10)
})

test('where 0 checks are wanted for a verdict, it is never reached', () => {
  const health = new TargetHealth()
  for (let i = 0; i < 300; i++) health.onCheck('gone', { ...ACTIVE, unhealthyAfter: 0 }, 0)
  assert.deepEqual([health.name, health.isFit], ['unknown', true])
  for (let i = 0; i < 3; i++) health.onCheck('gone', ACTIVE, 0)
  for (let i = 0; i < 300; i++) health.onCheck(null, { ...ACTIVE, healthyAfter: 0 }, 0)
  assert.equal(health.name, 'unhealthy')
})

test('good checks end an ejection where they are told to, as many in a row as it takes', () => {
  const told = { ...ACTIVE, endsEjections: true }
  const health = new TargetHealth()
  health.onCheck(null, told, 0)
  health.eject('x', PASSIVE, 0)
  const steps = [null, 'gone', null, null].map((failure) => [health.onCheck(failure, told, 1), health.isEjected])
  assert.deepEqual(steps, [
    [false, true],
    [false, true],
    [false, true],
    [true, false],
  ])
  health.eject('x', PASSIVE, 2)
  for (let i = 0; i < 10; i++) health.onCheck(null, ACTIVE, 3)
  assert.equal(health.isEjected, true)
})
