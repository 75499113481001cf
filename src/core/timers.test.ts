import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { Deadline, TimerWheel } from './timers.ts'

const TICK_MS = 20
/** A deadline is rounded up to a tick and gets two on top; it is noticed at the next turn. */
const LATE_MAX_MS = 3 * TICK_MS

let now = 0
let wheel = new TimerWheel()

beforeEach(() => {
  mock.timers.enable({ apis: ['setInterval'] })
  now = 1_000_000
  wheel = new TimerWheel(TICK_MS, () => now)
})
afterEach(() => mock.timers.reset())

/** Lets time pass as it does on a free event loop. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left--) {
    now++
    mock.timers.tick(1)
  }
}

function deadline(): { readonly deadline: Deadline; readonly firedAt: number[] } {
  const firedAt: number[] = []
  return { deadline: new Deadline(() => firedAt.push(now)), firedAt }
}

test('a deadline fires once, never early, and at most three ticks late', () => {
  for (const delayMs of [0, 1, 19, 20, 21, 100, 511 * TICK_MS, 512 * TICK_MS, 513 * TICK_MS, 12_345]) {
    const { deadline: one, firedAt } = deadline()
    pass(7)
    const setAt = now
    wheel.set(one, delayMs)
    pass(delayMs + LATE_MAX_MS + TICK_MS)
    assert.equal(firedAt.length, 1, `${delayMs} ms`)
    const lateMs = (firedAt[0] ?? 0) - setAt - delayMs
    assert.ok(lateMs >= 0 && lateMs <= LATE_MAX_MS, `${delayMs} ms fired ${lateMs} ms late`)
    assert.equal(one.slot, -1)
  }
})

test('deadlines set at any moment of a busy wheel are never early', () => {
  const { deadline: keeper } = deadline()
  wheel.set(keeper, 60_000)
  for (let i = 0; i < 100; i++) {
    const { deadline: one, firedAt } = deadline()
    const setAt = now
    wheel.set(one, 50)
    pass(50 + LATE_MAX_MS)
    const lateMs = (firedAt[0] ?? 0) - setAt - 50
    assert.ok(lateMs >= 0 && lateMs <= LATE_MAX_MS, `set at ${setAt}, ${lateMs} ms late`)
    pass(i % 23)
  }
})

test('a cleared deadline does not fire, and clearing it again is harmless', () => {
  const { deadline: one, firedAt } = deadline()
  wheel.clear(one)
  wheel.set(one, 100)
  wheel.clear(one)
  wheel.clear(one)
  pass(1_000)
  assert.deepEqual(firedAt, [])
})

test('setting a deadline again moves it', () => {
  const { deadline: one, firedAt } = deadline()
  wheel.set(one, 100)
  pass(90)
  const setAt = now
  wheel.set(one, 100)
  pass(99)
  assert.deepEqual(firedAt, [])
  pass(1 + LATE_MAX_MS)
  assert.equal(firedAt.length, 1)
  assert.ok((firedAt[0] ?? 0) >= setAt + 100)
})

test('a deadline can be set again as it fires', () => {
  const firedAt: number[] = []
  const one: Deadline = new Deadline(() => {
    firedAt.push(now)
    if (firedAt.length < 3) wheel.set(one, 100)
  })
  wheel.set(one, 100)
  pass(1_000)
  assert.equal(firedAt.length, 3)
  assert.ok((firedAt[2] ?? 0) - (firedAt[0] ?? 0) >= 200)
})

test('deadlines of one tick may clear each other as they fire', () => {
  const fired: string[] = []
  const all: Deadline[] = ['a', 'b', 'c'].map(
    (name) =>
      new Deadline(() => {
        fired.push(name)
        for (const other of all) wheel.clear(other)
      }),
  )
  for (const one of all) wheel.set(one, 50)
  pass(500)
  assert.equal(fired.length, 1)
})

test('those that share a slot with a later turn of the wheel wait for theirs', () => {
  const [soon, late] = [deadline(), deadline()]
  wheel.set(late.deadline, 100 + 512 * TICK_MS)
  wheel.set(soon.deadline, 100)
  assert.equal(soon.deadline.slot, late.deadline.slot)
  pass(100 + LATE_MAX_MS)
  assert.equal(soon.firedAt.length, 1)
  assert.equal(late.firedAt.length, 0)
  pass(512 * TICK_MS)
  assert.equal(late.firedAt.length, 1)
})

test('an empty wheel stands still, and time in which it stood does not count', () => {
  const first = deadline()
  wheel.set(first.deadline, 20)
  pass(500)
  // The interval has been taken away: only the clock goes on.
  now += 3_600_000
  const second = deadline()
  const setAt = now
  wheel.set(second.deadline, 100)
  pass(100 + LATE_MAX_MS)
  assert.equal(second.firedAt.length, 1)
  assert.ok((second.firedAt[0] ?? 0) >= setAt + 100)
})

test('time in which the event loop was held does not count against a deadline', () => {
  const { deadline: one, firedAt } = deadline()
  wheel.set(one, 1_000)
  pass(100)
  now += 10_000
  pass(TICK_MS)
  assert.deepEqual(firedAt, [])
  pass(1_000)
  assert.equal(firedAt.length, 1)
})
