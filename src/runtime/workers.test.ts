import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { GatewayIr } from '../config/ir.ts'
import { systemClock } from '../core/clock.ts'
import type { DiscoveredTargets } from '../core/discovery.ts'
import { DEFAULT_LIMITS } from '../core/limits.ts'
import { type MetricsDump, MetricsRegistry, mergeDumps, mergeDumpsInTurns, withoutGauges } from '../telemetry/metrics.ts'
import { type MetricsPosition, type MetricsUpdate, NOTHING_KNOWN } from '../telemetry/metrics-mirror.ts'
import { type ControlRequest, isRequestMessage, type RequestMessage, type WorkerAnswer } from './control-protocol.ts'
import { WorkerProcess } from './worker-process.ts'
import type { WorkerTimeouts } from './worker-timeouts.ts'
import { type SharedState, WorkerPool } from './workers.ts'

/** Stands for a worker process: answers as it is told to, or not at all. */
class FakeWorker extends EventEmitter {
  static count = 0
  /** Runs once, right before the next worker says hello. */
  static beforeHello: (() => void) | null = null
  readonly id = ++FakeWorker.count
  readonly requests: ControlRequest['kind'][] = []
  readonly process = Object.assign(new EventEmitter(), { pid: 1_000 + this.id, kill: () => this.exit(null, 'SIGKILL') })
  /** What it was last told to count in together with the others. */
  shared: string | null = null
  /** What it was last told that discovery has found. */
  targets: DiscoveredTargets = {}
  answer: (request: ControlRequest) => WorkerAnswer | null = answerWell
  #connected = true

  constructor() {
    super()
    queueMicrotask(() => {
      FakeWorker.beforeHello?.()
      FakeWorker.beforeHello = null
      this.emit('message', { type: 'turnpike-hello' })
    })
  }

  isConnected(): boolean {
    return this.#connected
  }

  send(message: RequestMessage): void {
    if (!isRequestMessage(message)) return
    this.requests.push(message.request.kind)
    if (message.request.kind === 'targets') this.targets = message.request.targets
    if (message.request.kind === 'prepare') this.shared = message.request.shared?.path ?? null
    const answer = this.answer(message.request)
    if (answer === null) return
    queueMicrotask(() => {
      this.emit('message', { type: 'turnpike-answer', id: message.id, answer })
      if (answer.kind === 'drain') this.exit(0, null)
    })
  }

  exit(code: number | null, signal: string | null): boolean {
    if (!this.#connected) return false
    this.#connected = false
    this.emit('exit', code, signal)
    return true
  }
}

function answerWell(request: ControlRequest): WorkerAnswer {
  switch (request.kind) {
    case 'commit':
      return { kind: 'commit', listeners: [{ name: 'main', host: '127.0.0.1', port: 80, scheme: 'http' }] }
    case 'metrics':
      return { kind: 'metrics', update: counted(1, request.known) }
    case 'services':
      return { kind: 'services', services: [] }
    case 'purge':
      return { kind: 'purge', stores: request.shared ? ['memory', 'redis'] : ['memory'] }
    case 'decisions':
      return { kind: 'decisions', decisions: { found: [], list: [], count: 0, oldestMs: null } }
    case 'limits':
      return { kind: 'limits', limits: { total: 0, policies: [] } }
    case 'drain':
      return { kind: 'drain', result: { closed: 1, aborted: 0, websockets: 0, eventStreams: 0 }, update: counted(2, NOTHING_KNOWN) }
    case 'reset-breaker':
      return { kind: 'reset-breaker', position: null }
    case 'prepare':
    case 'targets':
    case 'drained':
    case 'tap':
    case 'abandon':
    case 'ping':
    case 'reopen-logs':
      return { kind: request.kind }
  }
  return request satisfies never
}

function counted(amount: number, known: MetricsPosition): MetricsUpdate {
  const registry = new MetricsRegistry()
  registry.counter('a_total', 'A.', {}).add(amount)
  registry.gauge('g', 'G.', {}).set(amount)
  return registry.update(known)
}

function firstValue(dump: MetricsDump, name: string): number {
  return dump.find((family) => family.name === name)?.series[0]?.values[0] ?? 0
}

function configuration(revision: string, workers = 2): GatewayIr {
  return {
    revision,
    compatibility: null,
    listeners: [],
    admin: { host: '127.0.0.1', port: 0, token: null, tokens: [], allow: null },
    workers,
    limits: DEFAULT_LIMITS,
    accessLog: null,
    eventOutputs: [],
    tracing: null,
    decisions: null,
    metrics: { seriesMax: 10_000, byConsumer: false, kongNames: false },
    statsd: null,
    drainDelayMs: 0,
    drainTimeoutMs: 1_000,
    drainSpreadMs: 100,
    stores: { memory: { limitKeysMax: 100, responseBytesMax: 1_000_000 }, redis: null },
    consumers: [],
    services: [],
    routes: [],
    policies: [],
  }
}

function pool(t: TestContext, timeouts: Partial<WorkerTimeouts> = {}, shared: SharedState | null = null) {
  const workers: FakeWorker[] = []
  const messages: string[] = []
  let heard = Promise.withResolvers<void>()
  const note = (_: unknown, message: string): void => {
    messages.push(message)
    heard.resolve()
    heard = Promise.withResolvers()
  }
  const made = new WorkerPool({
    fork: () => {
      const worker = new FakeWorker()
      workers.push(worker)
      // The pool uses of a cluster's worker no more than the fake has.
      return new WorkerProcess(worker as unknown as ConstructorParameters<typeof WorkerProcess>[0])
    },
    log: { info: note, warn: note, error: note },
    clock: systemClock,
    mergeDumps,
    mergeDumpsInTurns,
    withoutGauges,
    ...(shared !== null && { shared }),
    timeouts: { pollMs: 1e8, ...timeouts },
  })
  t.after(() => made.kill())
  const logged = async (message: string): Promise<void> => {
    while (!messages.includes(message)) await heard.promise
  }
  return { made, workers, messages, logged }
}

const TIMEOUT = { timeout: 10_000 }

test('all prepare before any commits', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  assert.deepEqual(await made.apply(configuration('a')), { ok: true })
  assert.deepEqual(
    workers.map((worker) => worker.requests),
    [
      ['prepare', 'commit'],
      ['prepare', 'commit'],
    ],
  )
  assert.equal(made.servingCount, 2)
  assert.deepEqual(made.listeners, [{ name: 'main', host: '127.0.0.1', port: 80, scheme: 'http' }])
})

test(
  'all workers are told the same file to share, replacements too, and what only a refused configuration wanted is settled',
  TIMEOUT,
  async (t) => {
    const settled: (string | null)[] = []
    const shared: SharedState = {
      fileFor: ({ revision }) => ({ path: `/of/${revision}` }),
      settle: (ir) => void settled.push(ir?.revision ?? null),
    }
    const { made, workers, logged } = pool(t, {}, shared)
    await made.apply(configuration('a'))
    const [first, second] = workers
    assert.ok(first && second)
    assert.deepEqual([first.shared, second.shared, settled], ['/of/a', '/of/a', ['a']])
    second.answer = (request) => (request.kind === 'prepare' ? { kind: 'failed', reason: 'no' } : answerWell(request))
    await made.apply(configuration('b'))
    assert.deepEqual([first.shared, settled], ['/of/b', ['a', 'a']])
    second.exit(1, null)
    await logged('a worker died: replacing it')
    second.answer = answerWell
    while (made.servingCount < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal(workers.at(-1)?.shared, '/of/a')
  },
)

test('when one refuses all abandon, and the running configuration stays', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  await made.apply(configuration('a'))
  const [, second] = workers
  assert.ok(second)
  second.answer = (request) => (request.kind === 'prepare' ? { kind: 'failed', reason: 'no' } : answerWell(request))
  assert.deepEqual(await made.apply(configuration('b')), { ok: false, reason: 'no' })
  for (const worker of workers) assert.deepEqual(worker.requests.slice(2), ['prepare', 'abandon'])
  assert.equal(made.running?.revision, 'a')
})

test('a worker that does not answer in time counts as one that refuses', TIMEOUT, async (t) => {
  const { made, workers } = pool(t, { prepareMs: 5 })
  await made.apply(configuration('a'))
  const [first] = workers
  assert.ok(first)
  first.answer = (request) => (request.kind === 'prepare' ? null : answerWell(request))
  const result = await made.apply(configuration('b'))
  assert.match(result.ok ? '' : result.reason, /did not answer "prepare" in 5 ms/)
})

test('a worker that does not commit is killed and replaced by one with the new configuration', TIMEOUT, async (t) => {
  const { made, workers, logged } = pool(t, { commitMs: 5 })
  await made.apply(configuration('a'))
  const [first] = workers
  assert.ok(first)
  first.answer = (request) => (request.kind === 'commit' ? null : answerWell(request))
  assert.deepEqual(await made.apply(configuration('b')), { ok: true })
  await logged('a worker died: replacing it')
  while (made.servingCount < 2) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.equal(workers.length, 3)
  assert.equal(made.running?.revision, 'b')
})

test('a new worker is told what discovery has found until it listens, and not what was known when it was started', TIMEOUT, async (t) => {
  const { made, workers, logged } = pool(t)
  await made.apply(configuration('a', 1))
  const target = (host: string) => ({ host, port: 80, weight: 1 })
  made.setTargets({ x: [target('10.0.0.1')], y: [target('10.0.1.1')] })
  FakeWorker.beforeHello = () => made.setTargets({ x: [target('10.0.0.2')], y: null })
  workers[0]?.exit(1, null)
  await logged('a worker died: replacing it')
  while (made.servingCount === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(workers[1]?.targets, { x: [target('10.0.0.2')] })
})

test('a worker whose loop is stuck is killed and replaced', TIMEOUT, async (t) => {
  const { made, workers, logged } = pool(t, { pollMs: 5, pingMs: 5, metricsMs: 5 })
  await made.apply(configuration('a'))
  const [first] = workers
  assert.ok(first)
  first.answer = () => null
  await logged('a worker is stuck: killing it')
  await logged('a worker died: replacing it')
  while (made.servingCount < 2) await new Promise((resolve) => setTimeout(resolve, 1))
})

test('one that does not tell its numbers counts with the last ones, and is logged', TIMEOUT, async (t) => {
  const { made, workers, messages } = pool(t, { metricsMs: 5 })
  await made.apply(configuration('a'))
  assert.equal(firstValue(await made.collectMetrics(), 'a_total'), 2)
  const [first] = workers
  assert.ok(first)
  first.answer = () => null
  assert.equal(firstValue(await made.collectMetrics(), 'a_total'), 2)
  assert.ok(messages.includes('a worker did not answer "metrics"'))
})

test('counters of the dead stay and their gauges go', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  await made.apply(configuration('a', 1))
  await made.collectMetrics()
  workers[0]?.exit(null, 'SIGSEGV')
  while (made.servingCount < 1) await new Promise((resolve) => setTimeout(resolve, 1))
  const dump = await made.collectMetrics()
  assert.deepEqual([firstValue(dump, 'a_total'), firstValue(dump, 'g')], [2, 1])
})

test('scrapes at the same time ask the workers once', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  await made.apply(configuration('a', 1))
  await Promise.all([made.collectMetrics(), made.collectMetrics(), made.collectMetrics()])
  assert.deepEqual(workers[0]?.requests, ['prepare', 'commit', 'metrics'])
})

test('a drain adds up what the workers tell, kills those that hang, and nobody is replaced', TIMEOUT, async (t) => {
  const { made, workers, messages } = pool(t, { exitMs: 5 })
  await made.apply(configuration('a', 3))
  const [first] = workers
  assert.ok(first)
  first.answer = () => null
  assert.deepEqual(await made.drain(5), { closed: 2, aborted: 0, websockets: 0, eventStreams: 0 })
  assert.deepEqual(messages, ['a worker did not drain: killing it'])
  assert.equal(workers.length, 3)
  assert.deepEqual(await made.apply(configuration('b')), { ok: false, reason: 'the gateway is shutting down' })
})

test('workers beyond the wanted number drain, and their last numbers count', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  await made.apply(configuration('a', 2))
  await made.apply(configuration('b', 1))
  while (workers[1]?.isConnected()) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.equal(made.servingCount, 1)
  assert.equal(firstValue(await made.collectMetrics(), 'a_total'), 3)
  assert.equal(workers.length, 2)
})

const PURGES = [{ kind: 'tag', tag: 'shop' }] as const

test('a purge reaches the memory of all workers, and what they share once', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  assert.deepEqual(await made.purge(PURGES), { workers: 0, stores: [], failures: ['no worker serves'] })
  await made.apply(configuration('a', 3))
  const shared: boolean[] = []
  for (const worker of workers) {
    worker.answer = (request) => {
      if (request.kind !== 'purge') return answerWell(request)
      assert.deepEqual(request.purges, PURGES)
      shared.push(request.shared)
      return answerWell(request)
    }
  }
  assert.deepEqual(await made.purge(PURGES), { workers: 3, stores: ['memory', 'redis'], failures: [] })
  assert.deepEqual(shared, [true, false, false])
})

test('a purge tells of every worker that did not do it, and not of one whose memory has gone with it', TIMEOUT, async (t) => {
  const { made, workers } = pool(t, { askMs: 5 })
  await made.apply(configuration('a', 3))
  const [first, second, third] = workers
  assert.ok(first && second && third)
  second.answer = () => null
  third.answer = () => {
    third.exit(null, 'SIGSEGV')
    return null
  }
  const result = await made.purge(PURGES)
  assert.equal(result.workers, 1)
  assert.deepEqual(result.failures, [`worker ${second.id} did not answer "purge" in 5 ms`])
})

test('a worker that is about to serve purges too, once it listens to requests at all', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  await made.apply(configuration('a', 1))
  made.warmUp()
  assert.equal((await made.purge(PURGES)).workers, 1)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal((await made.purge(PURGES)).workers, 2)
  assert.deepEqual(workers[1]?.requests, ['purge'])
})

test('a worker that dies while it purges what all share leaves that unknown', TIMEOUT, async (t) => {
  const { made, workers } = pool(t)
  await made.apply(configuration('a', 2))
  const [first] = workers
  assert.ok(first)
  first.answer = () => {
    first.exit(null, 'SIGSEGV')
    return null
  }
  assert.deepEqual((await made.purge(PURGES)).failures, [`worker ${first.id} ended`])
})

test('the states of services come from each worker that serves, and one that does not answer is told as such', TIMEOUT, async (t) => {
  const { made, workers } = pool(t, { askMs: 5 })
  await made.apply(configuration('a'))
  const [first, second] = workers
  assert.ok(first && second)
  second.answer = () => null
  assert.deepEqual(await made.serviceStates(), [
    { worker: first.id, pid: 1_000 + first.id, services: [], reason: null },
    { worker: second.id, pid: 1_000 + second.id, services: null, reason: `worker ${second.id} did not answer "services" in 5 ms` },
  ])
})
