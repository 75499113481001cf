import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiscoveredTarget, DnsRule, LookupState } from '../../core/discovery.ts'
import type { Answer, SrvTarget } from './answer.ts'
import type { Question } from './message.ts'
import type { Resolved } from './resolver.ts'
import { DnsWatch } from './watch.ts'

const RULE: DnsRule = { kind: 'dns', name: 'users.test', port: 80, record: 'A', servers: [] }

const found = (ttlSeconds: number, ...addresses: string[]): Answer => ({ kind: 'addresses', addresses, ttlMs: ttlSeconds * 1_000 })
const none = (ttlSeconds = 60): Answer => ({ kind: 'none', why: 'NXDOMAIN', ttlMs: ttlSeconds * 1_000 })
const srv = (ttlSeconds: number, ...services: SrvTarget[]): Answer => ({ kind: 'services', services, ttlMs: ttlSeconds * 1_000 })
const record = (target: string, { priority = 0, weight = 1, port = 8080, addresses = [] as string[] } = {}): SrvTarget => {
  return { priority, weight, port, target, addresses }
}

interface Waiting {
  readonly question: Question
  readonly signal: AbortSignal
  readonly resolve: (resolved: Resolved) => void
  readonly reject: (error: Error) => void
}

/** A watch under virtual time, whose questions the test answers. */
function bench(rule: Partial<DnsRule> = {}, families: readonly (4 | 6)[] = [4, 6]) {
  let nowMs = 0
  let timers: { readonly atMs: number; readonly run: () => void }[] = []
  const waiting: Waiting[] = []
  const asked: string[] = []
  const told: string[][] = []
  const sets: (readonly DiscoveredTarget[])[] = []
  const degraded: (string | null)[] = []
  const warned: string[] = []
  const watch = new DnsWatch(
    { ...RULE, ...rule },
    {
      onTargets: (targets) => {
        sets.push(targets)
        told.push(targets.map(({ host, port }) => `${host}:${port}`))
      },
      onDegraded: (reason) => degraded.push(reason),
    },
    {
      resolve: (question, signal) => {
        asked.push(`${nowMs} ${question.type} ${question.name}`)
        return new Promise((resolve, reject) => waiting.push({ question, signal, resolve, reject }))
      },
      clock: { now: () => nowMs, epochMs: () => nowMs, random: () => 1, uuid: () => '' },
      log: { info: () => {}, warn: (_fields, message) => void warned.push(message), error: () => {} },
      families: () => families,
      after: (delayMs, run) => {
        const timer = { atMs: nowMs + delayMs, run }
        timers.push(timer)
        return () => {
          timers = timers.filter((other) => other !== timer)
        }
      },
    },
  )
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const take = (type: string, name: string): Waiting => {
    const index = waiting.findIndex(({ question }) => question.type === type && question.name === name)
    const [one] = index === -1 ? [] : waiting.splice(index, 1)
    assert.ok(one, `nobody asks for ${type} ${name}`)
    return one
  }
  return {
    watch,
    asked,
    told,
    sets,
    degraded,
    warned,
    waiting,
    timers: () => timers,
    /** Answers the question that waits. */
    answer: async (answer: Answer, type = 'A', name = 'users.test'): Promise<void> => {
      take(type, name).resolve({ answer, server: '10.0.0.53:53' })
      await settled()
    },
    fail: async (reason: string, type = 'A', name = 'users.test'): Promise<void> => {
      take(type, name).reject(new Error(reason))
      await settled()
    },
    /** Lets time go on, with all that falls due in it. */
    pass: async (ms: number): Promise<void> => {
      const untilMs = nowMs + ms
      for (;;) {
        const next = timers.toSorted((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined || next.atMs > untilMs) break
        nowMs = Math.max(nowMs, next.atMs)
        timers = timers.filter((other) => other !== next)
        next.run()
        await settled()
      }
      nowMs = untilMs
    },
  }
}

test('the addresses of a name are targets, in an order of their own, and rotation is no change', async () => {
  const { told, sets, answer, pass } = bench()
  await answer(found(30, '10.0.0.2', '10.0.0.1'))
  assert.deepEqual(sets, [
    [
      { host: '10.0.0.1', port: 80, weight: 1 },
      { host: '10.0.0.2', port: 80, weight: 1 },
    ],
  ])
  await pass(30_000)
  await answer(found(30, '10.0.0.1', '10.0.0.2'))
  assert.equal(told.length, 1)
})

test('a name is asked for again when its time to live is over, not before; the old set stays until the answer', async () => {
  const { asked, told, answer, pass } = bench()
  await answer(found(30, '10.0.0.1'))
  await pass(29_999)
  assert.deepEqual(asked, ['0 A users.test'])
  await pass(1)
  assert.deepEqual(asked, ['0 A users.test', '30000 A users.test'])
  await pass(4_000)
  assert.equal(told.length, 1)
  await answer(found(5, '10.0.0.2'))
  assert.deepEqual(told.at(-1), ['10.0.0.2:80'])
  await pass(5_000)
  assert.deepEqual(asked.at(-1), '39000 A users.test')
})

test('a time to live is at least a second and at most an hour', async () => {
  const { asked, answer, pass } = bench()
  await answer(found(0, '10.0.0.1'))
  await pass(999)
  assert.equal(asked.length, 1)
  await pass(1)
  await answer(found(86_400, '10.0.0.1'))
  await pass(3_600_000)
  assert.deepEqual(asked.at(-1), '3601000 A users.test')
})

test('a name that is not there has no targets, and is asked for every second however long it is said not to be there', async () => {
  const { asked, told, warned, degraded, answer, pass } = bench()
  await answer(none(3_600))
  assert.deepEqual(told, [[]])
  assert.deepEqual(warned, ['a name has no addresses: its service has no targets'])
  await pass(1_000)
  assert.deepEqual(asked.at(-1), '1000 A users.test')
  await answer(found(30, '10.0.0.1'))
  assert.deepEqual(told.at(-1), ['10.0.0.1:80'])
  assert.deepEqual(degraded, [])
})

test('targets go when their name has not been there for five seconds', async () => {
  const { told, answer, pass } = bench()
  await answer(found(10, '10.0.0.1'))
  await pass(10_000)
  for (let i = 0; i < 5; i++) {
    await answer(none())
    assert.equal(told.length, 1, `after ${i} s`)
    await pass(1_000)
  }
  await answer(none())
  assert.deepEqual(told.at(-1), [])
})

test('a name that is gone for a moment keeps its targets, and the next time it counts anew', async () => {
  const { asked, told, answer, pass } = bench()
  await answer(found(10, '10.0.0.1'))
  await pass(10_000)
  await answer(none())
  await pass(4_000)
  await answer(found(10, '10.0.0.1'))
  assert.deepEqual(asked.slice(1), ['10000 A users.test', '11000 A users.test'])
  await pass(10_000)
  await answer(none())
  await pass(1_000)
  assert.equal(told.length, 1)
})

test('while nobody answers the last good set stays, that is told, and it is tried again ever more slowly', async () => {
  const { asked, told, degraded, answer, fail, pass } = bench()
  await answer(found(10, '10.0.0.1'))
  await pass(10_000)
  for (const waitMs of [500, 1_000, 2_000, 4_000, 5_000, 5_000]) {
    await fail('10.0.0.53:53: SERVFAIL')
    const before = asked.length
    await pass(waitMs - 1)
    assert.equal(asked.length, before)
    await pass(1)
    assert.equal(asked.length, before + 1)
  }
  assert.deepEqual(told, [['10.0.0.1:80']])
  assert.deepEqual(degraded, ['A users.test at 10.0.0.53:53: SERVFAIL'])
  await answer(found(10, '10.0.0.2'))
  assert.deepEqual(degraded.at(-1), null)
  assert.deepEqual(told.at(-1), ['10.0.0.2:80'])
})

test('a name that nobody has answered for is not told as empty', async () => {
  const { told, degraded, fail, pass } = bench()
  await fail('no')
  await pass(500)
  await fail('no')
  assert.deepEqual(told, [])
  assert.equal(degraded.length, 1)
})

test('a failed connection has a name asked for at once, and at most once a second', async () => {
  const { watch, asked, told, answer, pass } = bench()
  await answer(found(3_600, '10.0.0.1'))
  await pass(5_000)
  watch.refresh()
  watch.refresh()
  assert.deepEqual(asked, ['0 A users.test', '5000 A users.test'])
  await answer(found(3_600, '10.0.0.1'))
  watch.refresh()
  await pass(999)
  assert.equal(asked.length, 2)
  await pass(1)
  assert.deepEqual(asked.at(-1), '6000 A users.test')
  await answer(found(3_600, '10.0.0.2'))
  assert.deepEqual(told.at(-1), ['10.0.0.2:80'])
  await pass(100_000)
  assert.equal(asked.length, 3)
})

test('both families are asked for, and both are waited for a moment', async () => {
  const { told, answer, pass } = bench({ record: 'ip' })
  await answer(found(30, '10.0.0.1'))
  await pass(99)
  assert.deepEqual(told, [])
  await answer(found(30, 'fd00::1'), 'AAAA')
  assert.deepEqual(told, [['10.0.0.1:80', 'fd00::1:80']])
})

test('a family that does not answer holds the other up for a moment only, and is told of when it fails', async () => {
  const { told, degraded, timers, answer, fail, pass } = bench({ record: 'ip' })
  await answer(found(30, '10.0.0.1'))
  await pass(100)
  assert.deepEqual(told, [['10.0.0.1:80']])
  assert.equal(timers().length, 1)
  await pass(2_900)
  await fail('10.0.0.53:53: no answer in time', 'AAAA')
  assert.deepEqual(degraded, ['AAAA users.test at 10.0.0.53:53: no answer in time'])
  assert.equal(told.length, 1)
})

test('a family without addresses is asked for as its time to live says while the other has some, and every second when not', async () => {
  const { asked, told, answer, pass } = bench({ record: 'ip' })
  await answer(found(600, '10.0.0.1'))
  await answer(none(20), 'AAAA')
  assert.deepEqual(told, [['10.0.0.1:80']])
  await pass(19_999)
  assert.equal(asked.length, 2)
  await pass(1)
  assert.deepEqual(asked.at(-1), '20000 AAAA users.test')
  await answer(none(3_600), 'AAAA')
  await pass(30_000)
  assert.deepEqual(asked.at(-1), '50000 AAAA users.test')
})

test('one family that is not there and another that nobody knows of is not an empty set', async () => {
  const { told, answer, fail } = bench({ record: 'ip' })
  await answer(none())
  await fail('no', 'AAAA')
  assert.deepEqual(told, [])
})

test('only families that this machine has are asked for, unless the record is named', async () => {
  assert.deepEqual(bench({ record: 'ip' }, [4]).asked, ['0 A users.test'])
  assert.deepEqual(bench({ record: 'AAAA' }, [4]).asked, ['0 AAAA users.test'])
})

test('SRV records of the lowest number are targets, with their ports and weights', async () => {
  const { sets, answer } = bench({ record: 'SRV', port: null })
  const a = record('a.test', { weight: 3, addresses: ['10.0.0.1', '10.0.0.2'] })
  const b = record('b.test', { weight: 0, port: 9090, addresses: ['10.0.0.3'] })
  await answer(srv(30, record('c.test', { priority: 2, addresses: ['10.0.0.4'] }), a, b), 'SRV')
  assert.deepEqual(sets, [
    [
      { host: '10.0.0.1', port: 8080, weight: 3 },
      { host: '10.0.0.2', port: 8080, weight: 3 },
      { host: '10.0.0.3', port: 9090, weight: 0 },
    ],
  ])
})

test('SRV weights that are all 0 count as 1', async () => {
  const { sets, answer } = bench({ record: 'SRV', port: null })
  await answer(
    srv(30, record('a.test', { weight: 0, addresses: ['10.0.0.1'] }), record('b.test', { weight: 0, addresses: ['10.0.0.2'] })),
    'SRV',
  )
  assert.deepEqual(
    sets[0]?.map(({ weight }) => weight),
    [1, 1],
  )
})

test('of the addresses that come with SRV records those count that this machine can reach; without any the name is looked up', async () => {
  const { asked, told, answer } = bench({ record: 'SRV', port: null }, [4])
  await answer(srv(30, record('a.test', { addresses: ['10.0.0.1', 'fd00::1'] }), record('b.test', { addresses: ['fd00::2'] })), 'SRV')
  assert.deepEqual(asked, ['0 SRV users.test', '0 A b.test'])
  await answer(found(30, '10.0.0.2'), 'A', 'b.test')
  assert.deepEqual(told, [['10.0.0.1:8080', '10.0.0.2:8080']])
})

test('names in SRV records are looked up, and the set is told when all are known', async () => {
  const { asked, told, answer } = bench({ record: 'SRV', port: null }, [4])
  await answer(srv(30, record('a.test'), record('b.test', { port: 9090 })), 'SRV')
  assert.deepEqual(asked, ['0 SRV users.test', '0 A a.test', '0 A b.test'])
  await answer(found(30, '10.0.0.1'), 'A', 'a.test')
  assert.deepEqual(told, [])
  await answer(found(30, '10.0.0.2'), 'A', 'b.test')
  assert.deepEqual(told, [['10.0.0.1:8080', '10.0.0.2:9090']])
})

test('when SRV records change, the old targets stay until the new names are known; names that left are not asked for any more', async () => {
  const { watch, told, asked, answer, pass } = bench({ record: 'SRV', port: null }, [4])
  await answer(srv(10, record('a.test')), 'SRV')
  await answer(found(3_600, '10.0.0.1'), 'A', 'a.test')
  await pass(10_000)
  await answer(srv(3_600, record('b.test')), 'SRV')
  assert.deepEqual(told, [['10.0.0.1:8080']])
  await answer(found(3_600, '10.0.0.2'), 'A', 'b.test')
  assert.deepEqual(told.at(-1), ['10.0.0.2:8080'])
  await pass(1_000)
  watch.refresh()
  assert.deepEqual(asked.slice(-2), ['11000 SRV users.test', '11000 A b.test'])
})

test('an SRV record for the root says that there is no service, and is asked for every second', async () => {
  const { asked, told, answer, pass } = bench({ record: 'SRV', port: null })
  await answer(srv(3_600, record('')), 'SRV')
  assert.deepEqual(told, [[]])
  await pass(1_000)
  assert.deepEqual(asked.at(-1), '1000 SRV users.test')
})

test('a large set of SRV names is asked for a few at a time', async () => {
  const { waiting, told, answer } = bench({ record: 'SRV', port: null }, [4])
  await answer(srv(30, ...Array.from({ length: 40 }, (_, i) => record(`n${i}.test`))), 'SRV')
  for (let i = 0; i < 40; i++) {
    assert.ok(waiting.length <= 16)
    await answer(found(30, `10.0.0.${i}`), 'A', `n${i}.test`)
  }
  assert.equal(told.at(-1)?.length, 40)
})

test('an answer with more addresses than any service has is cut, and that is said', async () => {
  const { told, warned, answer } = bench()
  await answer(found(30, ...Array.from({ length: 1_500 }, (_, i) => `10.0.${i >> 8}.${i & 255}`)))
  assert.equal(told[0]?.length, 1_000)
  assert.deepEqual(warned, ['a name has too many addresses: the others are left out'])
})

test('what is known can be looked at', async () => {
  const { watch, answer, fail, pass } = bench({ record: 'ip' })
  const before: LookupState = {
    name: 'users.test',
    type: 'A',
    records: null,
    askedAgainInMs: null,
    lastAskedAt: '1970-01-01T00:00:00.000Z',
    server: null,
    lastError: null,
  }
  assert.deepEqual(watch.lookups(), [before, { ...before, type: 'AAAA' }])
  await answer(found(30, '10.0.0.1'))
  await fail('10.0.0.53:53: SERVFAIL', 'AAAA')
  await pass(400)
  assert.deepEqual(watch.lookups(), [
    { ...before, records: ['10.0.0.1'], askedAgainInMs: 29_600, server: '10.0.0.53:53' },
    { ...before, type: 'AAAA', askedAgainInMs: 100, lastError: '10.0.0.53:53: SERVFAIL' },
  ])
})

test('a watch that is closed asks and tells nothing more', async () => {
  const { watch, told, degraded, timers, waiting, answer, fail, pass } = bench({ record: 'ip' })
  watch.close()
  assert.equal(waiting[0]?.signal.aborted, true)
  await answer(found(1, '10.0.0.1'))
  await fail('no', 'AAAA')
  await pass(100_000)
  watch.refresh()
  assert.deepEqual([told, degraded, timers(), waiting], [[], [], [], []])
})
