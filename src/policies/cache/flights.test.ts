/** Misses that are made one, under virtual time. */
import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import type { Exchange } from '../../core/exchange.ts'
import type { Verdict } from '../../core/policy.ts'
import { Flights, Lease, Waiter } from './flights.ts'
import { type Asking, type Fields, type ServiceAnswer, type Told, World } from './testing.ts'

const FRESH: Fields = [['Cache-Control', 'max-age=60']]
const PRIVATE: Fields = [['Cache-Control', 'private']]

/** One answers at once, the other later. */
const STORES = ['memory', 'redis'] as const

beforeEach((context) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  if ('after' in context) context.after(() => mock.timers.reset())
})

/** A request on its way: what became of its request step. */
interface Started {
  readonly exchange: Exchange
  /** Not there while it waits. */
  verdict: Verdict | null
  state: 'waits' | 'asks' | 'answered'
}

class Crowd {
  readonly world: World

  constructor(options: object = {}) {
    this.world = new World(options)
  }

  async start(asking: Asking = {}): Promise<Started> {
    const exchange = this.world.exchange(asking)
    const steps = await this.world.steps()
    const started: Started = { exchange, verdict: null, state: 'waits' }
    const settle = (verdict: Verdict): void => {
      started.verdict = verdict
      started.state = verdict === undefined ? 'asks' : 'answered'
    }
    const verdict = steps.onRequest?.(exchange)
    if (verdict instanceof Promise) void verdict.then(settle)
    else settle(verdict)
    await turns()
    return started
  }

  async startAll(count: number, asking: Asking = {}): Promise<Started[]> {
    const all: Started[] = []
    for (let i = 0; i < count; i++) all.push(await this.start(asking))
    return all
  }

  /** The service answers. */
  async land({ exchange }: Started, answer: ServiceAnswer): Promise<Told> {
    const told = await this.world.finish(exchange, undefined, answer)
    await turns()
    return told
  }

  /** The exchange ends without an answer that could be kept. */
  async fail({ exchange }: Started): Promise<void> {
    const steps = await this.world.steps()
    exchange.ended = true
    steps.onFinish?.(exchange, { status: 0, error: 'client_closed', durationMs: 0 })
    await turns()
  }
}

/** Lets all promises go on that can. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

const states = (all: readonly Started[]): string => all.map(({ state }) => state).join(' ')

for (const store of STORES) {
  test(`${store}: all who ask for what is being fetched wait, and are given it`, async () => {
    const crowd = new Crowd({ store })
    const all = await crowd.startAll(4)
    assert.equal(states(all), 'asks waits waits waits')
    await crowd.land(all[0] as Started, { headers: FRESH, body: 'x' })
    assert.equal(states(all), 'asks answered answered answered')
    assert.equal(all[3]?.verdict?.body.toString(), 'x')
    assert.deepEqual([crowd.world.count('miss'), crowd.world.count('hit'), crowd.world.count('collapsed')], [1, 3, 3])
  })
}

test('an answer that is of no use to others releases all at once, and its key is not waited for in the next ten seconds', async () => {
  for (const headers of [
    PRIVATE,
    [['Cache-Control', 'no-store']],
    [
      ['Cache-Control', 'max-age=0'],
      ['ETag', '"1"'],
    ],
  ] as const) {
    const crowd = new Crowd()
    const all = await crowd.startAll(4)
    await crowd.land(all[0] as Started, { headers, body: 'x' })
    assert.equal(states(all), 'asks asks asks asks', JSON.stringify(headers))
    assert.equal(states(await crowd.startAll(2)), 'asks asks')
    crowd.world.nowMs += 10_001
    assert.equal(states(await crowd.startAll(2)), 'asks waits')
  }
})

for (const store of STORES) {
  test(`${store}: an answer that was purged before it came releases all, and the next ones wait for each other again`, async () => {
    const crowd = new Crowd({ store })
    const all = await crowd.startAll(3)
    await crowd.world.ask({ method: 'POST' }, { status: 204 })
    await crowd.land(all[0] as Started, { headers: FRESH, body: 'x' })
    assert.equal(states(all), 'asks asks asks')
    assert.equal(states(await crowd.startAll(2)), 'asks waits')
  })
}

test('they are released by the head of such an answer; a body that turns out too large releases them as soon as it does', async () => {
  const crowd = new Crowd({ bodyBytesMax: 4 })
  const all = await crowd.startAll(2)
  const { exchange } = all[0] as Started
  const steps = await crowd.world.steps()
  exchange.response.status = 200
  exchange.response.bodyLength = -1
  exchange.response.headers.append('Cache-Control', 'max-age=60')
  await steps.onStore?.(exchange)
  exchange.responseTap?.onData(Buffer.from('1234'), 0, 4)
  await turns()
  assert.equal(states(all), 'asks waits')
  exchange.responseTap?.onData(Buffer.from('5'), 0, 1)
  await turns()
  assert.equal(states(all), 'asks asks')
})

for (const store of STORES) {
  test(`${store}: an error of the service releases all, and says nothing of the next answer`, async () => {
    const crowd = new Crowd({ store })
    const all = await crowd.startAll(3)
    await crowd.land(all[0] as Started, { status: 503 })
    assert.equal(states(all), 'asks asks asks')
    assert.equal(states(await crowd.startAll(2)), 'asks waits')
  })
}

for (const store of STORES) {
  test(`${store}: when the one who asks fails or leaves, the next one asks and the others wait on`, async () => {
    const crowd = new Crowd({ store })
    const all = await crowd.startAll(4)
    await crowd.fail(all[0] as Started)
    assert.equal(states(all), 'asks asks waits waits')
    // One who waits leaves; it is not to lead.
    await crowd.fail(all[2] as Started)
    await crowd.fail(all[1] as Started)
    const last = all[3] as Started
    assert.equal(last.state, 'asks')
    await crowd.land(last, { headers: FRESH, body: 'x' })
    assert.equal((await crowd.world.ask()).body, 'x')
  })
}

for (const store of STORES) {
  test(`${store}: a body that breaks off passes the duty on, and nothing of it is stored`, async () => {
    const crowd = new Crowd({ store })
    const all = await crowd.startAll(2)
    const { exchange } = all[0] as Started
    const steps = await crowd.world.steps()
    exchange.response.status = 200
    exchange.response.bodyLength = 4
    exchange.response.headers.append('Cache-Control', 'max-age=60')
    await steps.onStore?.(exchange)
    exchange.responseTap?.onData(Buffer.from('12'), 0, 2)
    exchange.responseTap?.onAbort()
    await turns()
    assert.equal(states(all), 'asks asks')
    assert.equal(crowd.world.count('stored'), 0)
  })
}

test('a body that is shorter than it was said to be is not stored', async () => {
  const crowd = new Crowd()
  const [first] = await crowd.startAll(1)
  assert.ok(first)
  const steps = await crowd.world.steps()
  first.exchange.response.status = 200
  first.exchange.response.bodyLength = 4
  first.exchange.response.headers.append('Cache-Control', 'max-age=60')
  await steps.onStore?.(first.exchange)
  first.exchange.responseTap?.onEnd(null)
  assert.equal(crowd.world.count('stored'), 0)
})

test('nobody waits longer than the bound, and who has waited goes on alone', async () => {
  const crowd = new Crowd({ collapseTimeout: '2s' })
  const all = await crowd.startAll(3)
  mock.timers.tick(1_999)
  await turns()
  assert.equal(states(all), 'asks waits waits')
  mock.timers.tick(1)
  await turns()
  assert.equal(states(all), 'asks asks asks')
  assert.equal(states(await crowd.startAll(1)), 'asks', 'and nobody else waits for what is that slow')
  // What they fetch is kept as well.
  await crowd.land(all[1] as Started, { headers: FRESH, body: 'second' })
  assert.equal((await crowd.world.ask()).body, 'second')
  await crowd.land(all[0] as Started, { headers: FRESH, body: 'first' })
  assert.equal((await crowd.world.ask()).body, 'first')
})

for (const store of STORES) {
  test(`${store}: requests that ask for another variant go on by themselves once they know`, async () => {
    const crowd = new Crowd({ store })
    const first = await crowd.start({ headers: [['X-A', '1']] })
    const same = await crowd.start({ headers: [['X-A', '1']] })
    const others = await crowd.startAll(2, { headers: [['X-A', '2']] })
    await crowd.land(first, { headers: [...FRESH, ['Vary', 'X-A']], body: 'x' })
    assert.equal(states([same, ...others]), 'answered asks asks')
  })
}

test('who has credentials waits for nobody else, until the service has said that its answers are for all', async () => {
  const crowd = new Crowd()
  const all = [await crowd.start({ user: '1' }), await crowd.start({ user: '2' }), await crowd.start(), await crowd.start({ user: '1' })]
  assert.equal(states(all), 'asks asks asks waits')
  await crowd.land(all[0] as Started, { headers: PRIVATE, body: 'of 1' })
  assert.equal(states(all), 'asks asks asks asks')
  await crowd.fail(all[2] as Started)
  await crowd.land(all[1] as Started, {
    headers: [
      ['Cache-Control', 'public, max-age=1'],
      ['ETag', '"1"'],
    ],
    body: 'of all',
  })
  crowd.world.nowMs += 2_000
  assert.equal(states([await crowd.start({ user: '3' }), await crowd.start({ user: '4' })]), 'asks waits')
})

for (const store of STORES) {
  test(`${store}: with ttl each caller waits for answers to the same caller`, async () => {
    const crowd = new Crowd({ ttl: '1m', store })
    const all = [await crowd.start({ user: '1' }), await crowd.start({ user: '2' }), await crowd.start({ user: '1' })]
    assert.equal(states(all), 'asks asks waits')
    await crowd.land(all[0] as Started, { body: 'of 1' })
    assert.equal(all[2]?.verdict?.body.toString(), 'of 1')
  })
}

test('what asks for validation, for a part, or by HEAD neither waits nor is waited for', async () => {
  for (const asking of [{ headers: [['Cache-Control', 'no-cache']] }, { headers: [['Range', 'bytes=0-1']] }, { method: 'HEAD' }] as const) {
    const crowd = new Crowd()
    assert.equal(states([await crowd.start(asking), await crowd.start(), await crowd.start(asking)]), 'asks asks asks')
  }
  assert.equal(states(await new Crowd({ collapse: false }).startAll(3)), 'asks asks asks')
})

test('the keys that nobody waits for are bounded', () => {
  const flights = new Flights({ now: () => 0, epochMs: () => 0, random: () => 0, uuid: () => '' })
  for (let i = 0; i < 10_001; i++) {
    const lease = flights.enter(`${i}`, 1)
    assert.ok(lease instanceof Lease)
    lease.end('useless')
  }
  assert.equal(flights.isAlone('0'), false)
  assert.equal(flights.isAlone('1'), true)
  assert.equal(flights.isAlone('10000'), true)
  for (const length of [2_048, 2_049]) {
    const lease = flights.enter('x'.repeat(length), 1)
    assert.ok(lease instanceof Lease)
    lease.end('useless')
    assert.equal(flights.isAlone('x'.repeat(length)), length === 2_048)
  }
})

test('a lease that has ended is nothing any more', async () => {
  const flights = new Flights({ now: () => 0, epochMs: () => 0, random: () => 0, uuid: () => '' })
  const first = flights.enter('a', 1)
  assert.ok(first instanceof Lease)
  first.end('failed')
  const second = flights.enter('a', 1)
  assert.ok(second instanceof Lease)
  first.end('useless')
  const waiter = flights.enter('a', 1)
  assert.ok(waiter instanceof Waiter)
  second.end('kept')
  assert.equal(await waiter.released, 'look')
  assert.equal(flights.isUnderWay('a'), false)
})
