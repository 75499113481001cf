import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Snapshot } from '../../compile/snapshot.ts'
import type { DecisionFilter, DecisionRecord } from '../../core/decision.ts'
import type { DecisionTrace } from '../../core/decision-trace.ts'
import type { DecisionLog } from './decision-log.ts'
import { irOf, logWith, passThrough, received, SETTINGS, StillClock, snapshotOf } from './testing.ts'

const YAML = `
services: { s: { targets: ["127.0.0.1:1"], policies: { headers: { request: { set: { X-A: b } } } } } }
routes:
  open: { path: /open/*, service: s }
  inner: { path: /inner/*, service: s, policies: { ip-access: { allow: ["10.0.0.0/8"] } } }
  trial: { path: /trial/*, service: s, policies: { ip-access: { mode: shadow, allow: ["10.0.0.0/8"] } } }
  keyed: { path: /keyed/*, service: s, policies: { api-key: { from: ["header:X-Partner", "query:k"] } } }
`

const snapshot = snapshotOf(await irOf(YAML))

function recordOf(log: DecisionLog, requestId = 'r'): DecisionRecord {
  const [first] = log.find({ kind: 'by-id', requestId }).found
  assert.ok(first)
  return first.record
}

function ids(log: DecisionLog, filter: DecisionFilter = {}): string[] {
  return log.find({ kind: 'newest', filter, max: 1_000 }).list.map(({ requestId }) => requestId)
}

function verdicts({ policies }: DecisionRecord): Record<string, string> {
  return Object.fromEntries(policies.map(({ kind, verdict }) => [kind, verdict]))
}

test('a record tells the route, each policy with its place and verdict, and what it looked at', () => {
  const log = logWith()
  passThrough(log, snapshot, received({ path: '/inner/a', query: 'x=1&token=t', headers: [['X-B', 'c']] }))
  const record = recordOf(log)
  assert.deepEqual(record.route?.name, 'inner')
  assert.equal(record.route.at.file, 'x.yaml')
  assert.equal(record.revision, snapshot.ir.revision)
  assert.equal(record.request.target, '/inner/a?x=1&token=***')
  assert.deepEqual(record.request.headers, [['X-B', 'c']])
  const [first, second] = record.policies
  assert.deepEqual([first?.kind, first?.verdict, first?.answer, first?.scope], ['ip-access', 'answered', 'address_denied', 'route inner'])
  assert.deepEqual(first?.notes, ['client 192.0.2.7 is not in `allow`'])
  assert.deepEqual([second?.kind, second?.verdict, second?.scope], ['headers', 'not reached', 'service s'])
  assert.deepEqual(record.answer.from, { by: 'policy', kind: 'ip-access' })
})

test('a policy in shadow would have answered, and the request goes on', () => {
  const log = logWith()
  passThrough(log, snapshot, received({ path: '/trial/a' }))
  const record = recordOf(log)
  assert.deepEqual(verdicts(record), { 'ip-access': 'would have answered', headers: 'passed' })
  assert.equal(record.answer.error, null)
})

test('credentials are hidden where policies look for them, on every route', () => {
  const log = logWith()
  for (const path of ['/keyed/a', '/open/a', '/nowhere'])
    passThrough(log, snapshot, received({ path, query: 'k=secret-1', headers: [['x-PARTNER', 'secret-2']], requestId: path }))
  for (const path of ['/keyed/a', '/open/a', '/nowhere']) {
    assert.doesNotMatch(JSON.stringify(recordOf(log, path)), /secret/, path)
    const [kept] = log.find({ kind: 'by-id', requestId: path }).found
    assert.match(kept?.head.fields ?? '', /secret-2/)
  }
})

test('what came that was no request is recorded too', () => {
  const log = logWith()
  const exchange = received({ method: '', path: '', authority: '' })
  exchange.trace = log.begin(exchange, null)
  exchange.error = 'request_malformed'
  log.record(exchange, snapshot.unmatched, { status: 400, error: 'request_malformed', durationMs: 0 })
  const record = recordOf(log)
  assert.deepEqual([record.route, record.request.method, record.answer.error], [null, '', 'request_malformed'])
})

test('the newest records stay, of any number and through changes of the size', () => {
  const log = logWith({ records: 3 })
  const pass = (requestId: string): unknown => passThrough(log, snapshot, received({ path: '/open/a', requestId }))
  for (const id of ['1', '2', '3', '4', '5']) pass(id)
  assert.deepEqual(ids(log), ['5', '4', '3'])
  log.use({ ...SETTINGS, records: 5 })
  assert.deepEqual(ids(log), ['5', '4', '3'])
  for (const id of ['6', '7', '8']) pass(id)
  assert.deepEqual(ids(log), ['8', '7', '6', '5', '4'])
  log.use({ ...SETTINGS, records: 2 })
  assert.deepEqual(ids(log), ['8', '7'])
  pass('9')
  assert.deepEqual(ids(log), ['9', '8'])
  log.use(null)
  assert.deepEqual(ids(log), [])
  assert.equal(log.begin(received({}), null), null)
  log.use(SETTINGS)
  pass('10')
  assert.deepEqual(ids(log), ['10'])
})

test('random sizes and requests: the ring holds what a plain list of the newest would', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed % below
  }
  const log = logWith({ records: 4 })
  let size = 4
  let expected: string[] = []
  for (let i = 0; i < 2_000; i++) {
    if (random(20) === 0) {
      size = 1 + random(9)
      log.use({ ...SETTINGS, records: size })
    } else {
      passThrough(log, snapshot, received({ path: '/open/a', requestId: String(i) }))
      expected.unshift(String(i))
    }
    expected = expected.slice(0, size)
    assert.deepEqual(ids(log), expected)
  }
})

test('records are bounded in bytes: large heads push out old records, and one head for many is counted once', () => {
  const log = logWith({ records: 1_000, bytesMax: 65_536 })
  const large: [string, string][] = [['X-Large', 'x'.repeat(6_000)]]
  for (let i = 0; i < 100; i++) passThrough(log, snapshot, received({ path: '/open/a', headers: large, requestId: String(i) }))
  const { count } = log.find({ kind: 'newest', filter: {}, max: 1 })
  assert.ok(count >= 5 && count <= 10, String(count))
  assert.equal(ids(log)[0], '99')
  let trace: DecisionTrace | null = null
  const shared = received({ path: '/open/a', headers: large })
  for (let i = 0; i < 100; i++) {
    shared.requestId = `shared ${i}`
    trace = passThrough(log, snapshot, shared, trace)
  }
  assert.ok(log.find({ kind: 'newest', filter: {}, max: 1 }).count >= 100)
})

test('a head beyond its bound is kept as far as its whole lines go', () => {
  const log = logWith()
  const many = Array.from({ length: 300 }, (_, i): [string, string] => [`X-${i}`, 'y'.repeat(40)])
  passThrough(log, snapshot, received({ path: '/open/a', headers: many }))
  const { request } = recordOf(log)
  assert.equal(request.headersCut, true)
  assert.ok(request.headers.length > 100 && request.headers.length < 300)
  assert.deepEqual(request.headers.at(-1)?.[1], 'y'.repeat(40))
})

test('a new head on the same connection is a new one in the records', () => {
  const log = logWith()
  const first = received({ path: '/open/a', requestId: '1' }, 1)
  const trace = passThrough(log, snapshot, first)
  const second = received({ path: '/inner/b', requestId: '2' }, 2)
  passThrough(log, snapshot, second, trace)
  assert.equal(recordOf(log, '1').request.target, '/open/a')
  assert.equal(recordOf(log, '2').request.target, '/inner/b')
})

test('filters are met together', () => {
  const clock = new StillClock()
  const log = logWith({}, clock)
  const pass = (path: string, requestId: string, method = 'GET'): void => {
    const exchange = received({ path, requestId, method })
    exchange.startedAt = clock.now()
    passThrough(log, snapshot, exchange)
  }
  pass('/open/a', '1')
  clock.epoch += 60_000
  pass('/inner/a', '2', 'POST')
  pass('/nowhere/abc', '3')
  pass('/trial/a', '4')
  const cases: [DecisionFilter, string[]][] = [
    [{}, ['4', '3', '2', '1']],
    [{ route: 'inner' }, ['2']],
    [{ service: 's' }, ['4', '2', '1']],
    [{ method: 'POST' }, ['2']],
    [{ path: '/abc' }, ['3']],
    [{ statusMin: 400, statusMax: 499 }, ['3', '2']],
    [{ error: 'address_denied' }, ['2']],
    [{ policy: 'ip-access' }, ['4', '2']],
    [{ policy: '*' }, ['4', '2']],
    [{ shadow: 'ip-access' }, ['4']],
    [{ shadow: '*' }, ['4']],
    [{ shadow: 'api-key' }, []],
    [{ sinceMs: clock.epoch - 30_000 }, ['4', '3', '2']],
    [{ route: 'inner', method: 'GET' }, []],
    [{ consumer: 'app' }, []],
  ]
  for (const [filter, expected] of cases) assert.deepEqual(ids(log, filter), expected, JSON.stringify(filter))
  const answer = log.find({ kind: 'newest', filter: {}, max: 2 })
  assert.deepEqual([answer.list.length, answer.count, answer.oldestMs], [2, 4, clock.epoch - 60_000])
})

test('records keep no snapshot alive, over many reloads', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const log = logWith({ records: 10_000 })
  const ir = await irOf(YAML)
  const seen: WeakRef<Snapshot>[] = []
  let trace: DecisionTrace | null = null
  for (let i = 0; i < 200; i++) {
    const one = snapshotOf({ ...ir, revision: `revision ${i}` })
    seen.push(new WeakRef(one))
    for (const path of ['/open/a', '/inner/a', '/trial/a', '/keyed/a', '/nowhere'])
      trace = passThrough(log, one, received({ path, requestId: String(i) }, i * 10 + path.length), trace)
  }
  await turn()
  collect()
  const alive = seen.filter((ref) => ref.deref() !== undefined).length
  assert.ok(alive <= 2, `${alive} snapshots are alive`)
  assert.equal(log.find({ kind: 'newest', filter: {}, max: 1 }).count, 1_000)
  assert.equal(recordOf(log, '0').revision, 'revision 0')
})
