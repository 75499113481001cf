import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConcurrencyIr } from '../config/ir.ts'
import { FifoGate, type PlaceWaiter } from './concurrency.ts'
import { serviceFigures, VirtualTime } from './testing.ts'

const IR: ConcurrencyIr = { max: 2, queue: 2, queueTimeoutMs: 1_000 }

class Waiter implements PlaceWaiter {
  readonly #name: string
  readonly #told: string[]
  afterwards: () => void = () => {}

  constructor(name: string, told: string[]) {
    this.#name = name
    this.#told = told
  }

  onPlace(): void {
    this.#told.push(`${this.#name} in`)
    this.afterwards()
  }

  onNoPlace(): void {
    this.#told.push(`${this.#name} out`)
    this.afterwards()
  }
}

function bench(ir: ConcurrencyIr = IR) {
  const time = new VirtualTime()
  const figures = serviceFigures().gate
  const gate = new FifoGate(ir, time, time, figures)
  const told: string[] = []
  const waiters = (count: number): Waiter[] => Array.from({ length: count }, (_, i) => new Waiter(`${i}`, told))
  const enter = (count: number): Waiter[] => {
    const all = waiters(count)
    for (const waiter of all) gate.enter(waiter)
    return all
  }
  return { time, figures, gate, told, waiters, enter }
}

/** Lets microtasks run: a place is given in one. */
async function settled(): Promise<void> {
  await Promise.resolve()
  await Promise.resolve()
}

test('as many enter as there are places, then some wait, and the others are refused', () => {
  const { gate, figures, waiters } = bench()
  assert.deepEqual(
    waiters(6).map((waiter) => gate.enter(waiter)),
    ['entered', 'entered', 'waiting', 'waiting', 'refused', 'refused'],
  )
  assert.deepEqual([gate.inFlight, gate.queued], [2, 2])
  assert.deepEqual([figures.inFlight.value, figures.queued.value, figures.queueFull.value], [2, 2, 2])
})

test('who waits longest is first, and nobody overtakes', async () => {
  const { gate, told, enter, waiters } = bench()
  const [first, second] = enter(4)
  assert.ok(first && second)
  gate.leave(first)
  assert.deepEqual(told, [], 'never within leave')
  const [late] = waiters(1)
  assert.ok(late)
  assert.equal(gate.enter(late), 'refused', 'the free place is promised, and the queue is full')
  await settled()
  assert.deepEqual(told, ['2 in'])
  gate.leave(second)
  await settled()
  assert.deepEqual(told, ['2 in', '3 in'])
  assert.deepEqual([gate.inFlight, gate.queued], [2, 0])
})

test('who leaves the queue is not called, and makes room in it', async () => {
  const { gate, told, figures, enter, waiters } = bench()
  const [first, , third] = enter(4)
  assert.ok(first && third)
  gate.leave(third)
  assert.equal(figures.queued.value, 1)
  const [late] = waiters(1)
  assert.ok(late)
  assert.equal(gate.enter(late), 'waiting')
  gate.leave(first)
  gate.leave(first)
  await settled()
  assert.deepEqual(told, ['3 in'])
  assert.deepEqual([gate.inFlight, gate.queued], [2, 1], 'leaving twice gives one place back')
})

test('who leaves between a place and its call is not called', async () => {
  const { gate, told, enter } = bench()
  const [first, , third, fourth] = enter(4)
  assert.ok(first && third && fourth)
  gate.leave(first)
  gate.leave(third)
  await settled()
  assert.deepEqual(told, ['3 in'])
})

test('who has waited long enough is told, and may leave or not', async () => {
  const { gate, time, told, figures, enter, waiters } = bench()
  const [first, , third] = enter(3)
  assert.ok(first && third)
  time.pass(600)
  const late = new Waiter('late', told)
  assert.equal(gate.enter(late), 'waiting')
  time.pass(399)
  assert.deepEqual(told, [])
  time.pass(1)
  assert.deepEqual(told, ['2 out'])
  assert.equal(figures.queueTimeout.value, 1)
  gate.leave(third)
  time.pass(600)
  assert.deepEqual(told, ['2 out', 'late out'])
  gate.leave(first)
  await settled()
  assert.equal(gate.enter(waiters(1)[0] as Waiter), 'entered')
  assert.deepEqual([figures.queued.value, figures.queueTimeout.value], [0, 2])
  assert.equal(time.waiting, 0, 'nobody waits, so no timer does')
})

test('the timer of one who got a place harms nobody who came later', async () => {
  const { gate, time, told, enter } = bench()
  const [first] = enter(3)
  assert.ok(first)
  time.pass(900)
  gate.leave(first)
  await settled()
  gate.enter(new Waiter('late', told))
  time.pass(999)
  assert.deepEqual(told, ['2 in'])
  time.pass(1)
  assert.deepEqual(told, ['2 in', 'late out'])
})

test('a queue whose exchanges all fail at once does not grow the stack', async () => {
  const { gate, told, enter } = bench({ ...IR, queue: 100_000 })
  const all = enter(100_002)
  for (const waiter of all) waiter.afterwards = () => gate.leave(waiter)
  for (const waiter of all.slice(0, 2)) gate.leave(waiter)
  await settled()
  assert.equal(told.length, 100_000)
  assert.deepEqual([gate.inFlight, gate.queued], [0, 0])
})

test('more places are given out at once; fewer take none away', async () => {
  const { gate, told, enter, waiters } = bench()
  const all = enter(4)
  gate.update({ ...IR, max: 3 })
  await settled()
  assert.deepEqual(told, ['2 in'])
  gate.update({ ...IR, max: 1, queue: 0 })
  await settled()
  assert.deepEqual([gate.inFlight, gate.queued], [3, 1])
  assert.equal(gate.enter(waiters(1)[0] as Waiter), 'refused')
  for (const waiter of all.slice(0, 2)) gate.leave(waiter)
  await settled()
  assert.deepEqual(told, ['2 in'], 'one is still in')
  gate.leave(all[2] as Waiter)
  await settled()
  assert.deepEqual(told, ['2 in', '3 in'])
})

test('another timeout counts for those who wait already', () => {
  const { gate, time, told, enter } = bench()
  enter(3)
  time.pass(500)
  gate.update({ ...IR, queueTimeoutMs: 600 })
  time.pass(99)
  assert.deepEqual(told, [])
  time.pass(1)
  assert.deepEqual(told, ['2 out'])
})

test('without a bound everybody is let in', async () => {
  const { gate, time, told, enter } = bench()
  enter(4)
  gate.update(null)
  await settled()
  assert.deepEqual(told, ['2 in', '3 in'])
  time.pass(10_000)
  assert.deepEqual([gate.inFlight, gate.queued, told.length], [4, 0, 2])
})
