import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { OtlpReceiver } from '../../test/services/otlp-receiver.ts'
import { systemClock } from '../core/clock.ts'
import type { Exchange } from '../core/exchange.ts'
import type { Outcome } from '../core/policy.ts'
import { formatTraceParent } from '../core/trace-context.ts'
import type { TraceSampling } from '../core/tracing-settings.ts'
import { loggedExchange } from './access-log.fixture.ts'
import { httpOutput, until } from './log-receivers.fixture.ts'
import { Tracing } from './tracing.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const OK: Outcome = { status: 200, error: null, durationMs: 12 }
const LOG = { info: () => {}, warn: () => {}, error: () => {} }

async function startTracing(t: TestContext, sampling: Partial<TraceSampling> = {}, queueBytesMax = 1024 * 1024) {
  const receiver = new OtlpReceiver()
  const url = `${await receiver.open(t)}/v1/traces`
  const tracing = new Tracing({ clock: systemClock, log: LOG })
  tracing.use({
    receiver: httpOutput({ url, gzip: true, queueBytesMax }),
    serviceName: 'edge',
    sampling: { ratio: 1, parentBased: true, keepErrors: true, keepSlowerThanMs: null, ...sampling },
    slowPolicyMs: 5,
  })
  return { receiver, tracing }
}

/** An exchange with these fields in its head. */
function exchangeWith(fields: Readonly<Record<string, string>> = {}): Exchange {
  const exchange = loggedExchange('/users/7')
  exchange.startedAt = systemClock.now()
  for (const [name, value] of Object.entries(fields)) exchange.request.headers.append(name, value)
  return exchange
}

test('an exchange has a server span, each try a client span, and a policy that was waited for a span of its own', async (t) => {
  const { receiver, tracing } = await startTracing(t)
  const exchange = exchangeWith()
  tracing.begin(exchange)
  const at = exchange.startedAt
  exchange.attempts.length = 0
  exchange.attempts.push({ number: 1, target: '127.0.0.1:9001', startedAt: at, endedAt: at + 4, status: 0, error: 'upstream_timeout' })
  exchange.attempts.push({ number: 2, target: '[::1]:9002', startedAt: at + 5, endedAt: at + 11, status: 200, error: null })
  exchange.traceContext?.waited('jwt', at, at + 6)
  exchange.traceContext?.waited('users', at, at + 1)
  tracing.end(exchange, OK)
  await tracing.close()
  const [server, first, second, wait, ...more] = receiver.spans
  assert.deepEqual(more, [])
  const context = exchange.traceContext
  assert.ok(context !== null && server !== undefined)
  assert.deepEqual(
    receiver.spans.map(({ name, kind, spanId, parentSpanId, status, flags }) => [name, kind, spanId, parentSpanId, status, flags]),
    [
      ['GET /users/*', 2, context.spanId, '', 0, 0x101],
      ['GET', 3, context.attemptSpanId(1), context.spanId, 2, 0x101],
      ['GET', 3, context.attemptSpanId(2), context.spanId, 0, 0x101],
      ['policy jwt', 1, wait?.spanId, context.spanId, 0, 0x101],
    ],
  )
  assert.equal(new Set(receiver.spans.map(({ spanId }) => spanId)).size, 4)
  assert.ok(receiver.spans.every(({ traceId }) => traceId === context.traceId))
  const { 'network.peer.address': _peer, ...attributes } = server.attributes
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'url.path': '/users/7',
    'http.route': '/users/*',
    'http.response.status_code': '200',
    'server.address': 'example.com',
    'server.port': '80',
    'client.address': '192.0.2.1',
    'network.protocol.version': '1.1',
    'user_agent.original': 'curl/8',
    'http.request.body.size': '0',
    'http.response.body.size': '0',
    'turnpike.request_id': 'request-1',
    'turnpike.route': 'users',
    'turnpike.service': 'user-service',
    'turnpike.attempts': '2',
  })
  assert.deepEqual(first?.attributes, {
    'http.request.method': 'GET',
    'server.address': '127.0.0.1',
    'server.port': '9001',
    'error.type': 'upstream_timeout',
  })
  assert.deepEqual(second?.attributes, {
    'http.request.method': 'GET',
    'server.address': '::1',
    'server.port': '9002',
    'http.response.status_code': '200',
    'http.request.resend_count': '1',
  })
  assert.equal(server.resource['service.name'], 'edge')
  assert.ok(Math.abs(server.startMs - Date.now()) < 60_000)
  assert.equal(Math.round(server.endMs - server.startMs), 12)
})

test('a trace goes on that a client has begun, its state with it', async (t) => {
  const { receiver, tracing } = await startTracing(t, { ratio: 0 })
  const exchange = exchangeWith({ traceparent: formatTraceParent(TRACE, SPAN, true), tracestate: 'a=1,b=2' })
  tracing.begin(exchange)
  tracing.end(exchange, OK)
  await tracing.close()
  assert.deepEqual(
    receiver.spans.slice(0, 1).map(({ traceId, parentSpanId, traceState, flags }) => [traceId, parentSpanId, traceState, flags]),
    [[TRACE, SPAN, 'a=1,b=2', 0x301]],
  )
  assert.equal(exchange.request.headers.get('tracestate'), 'a=1,b=2')
})

test('what is malformed begins a new trace, and its state goes no further', async (t) => {
  const { tracing } = await startTracing(t)
  const heads = [
    { traceparent: 'nonsense', tracestate: 'a=1' },
    { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01`, tracestate: 'a=1' },
    { tracestate: 'a=1' },
  ]
  for (const head of heads) {
    const exchange = exchangeWith(head)
    tracing.begin(exchange)
    assert.equal(exchange.traceContext?.parentId, '')
    assert.match(exchange.traceContext.traceId, /^[0-9a-f]{32}$/)
    assert.equal(exchange.request.headers.has('tracestate'), false)
  }
  const twice = exchangeWith({ traceparent: formatTraceParent(TRACE, SPAN, true) })
  twice.request.headers.append('traceparent', formatTraceParent(TRACE, SPAN, false))
  tracing.begin(twice)
  assert.equal(twice.traceContext?.parentId, '')
  const state = exchangeWith({ traceparent: formatTraceParent(TRACE, SPAN, true), tracestate: 'no state' })
  tracing.begin(state)
  assert.equal(state.traceContext?.traceId, TRACE)
  assert.equal(state.request.headers.has('tracestate'), false)
  await tracing.close()
})

test('who calls decides on sampling where it is followed, and the ratio by the trace id where it is not', async (t) => {
  const ids = { high: TRACE.slice(0, 19) + 'f'.repeat(13), low: TRACE.slice(0, 19) + '0'.repeat(13) }
  const sampledBy = async (sampling: Partial<TraceSampling>, id: string, parentSampled: boolean): Promise<boolean | undefined> => {
    const { tracing } = await startTracing(t, sampling)
    const exchange = exchangeWith({ traceparent: formatTraceParent(id, SPAN, parentSampled) })
    tracing.begin(exchange)
    await tracing.close()
    return exchange.traceContext?.sampled
  }
  assert.equal(await sampledBy({ ratio: 0 }, ids.low, true), true)
  assert.equal(await sampledBy({ ratio: 1 }, ids.high, false), false)
  assert.equal(await sampledBy({ ratio: 0.5, parentBased: false }, ids.high, false), true)
  assert.equal(await sampledBy({ ratio: 0.5, parentBased: false }, ids.low, true), false)
  assert.equal(await sampledBy({ ratio: 0, parentBased: false }, ids.high, true), false)
})

test('of what is not sampled, what failed and what was slow is kept', async (t) => {
  const { receiver, tracing } = await startTracing(t, { ratio: 0, keepSlowerThanMs: 100 })
  const outcomes: Outcome[] = [
    OK,
    { status: 401, error: 'token_missing', durationMs: 1 },
    { status: 503, error: 'circuit_open', durationMs: 1 },
    { status: 500, error: null, durationMs: 1 },
    { status: 200, error: null, durationMs: 100 },
  ]
  for (const outcome of outcomes) {
    const exchange = exchangeWith()
    tracing.begin(exchange)
    tracing.end(exchange, outcome)
  }
  await tracing.close()
  const servers = receiver.spans.filter(({ kind }) => kind === 2)
  assert.deepEqual(
    servers.map(({ attributes, status, flags }) => [attributes['http.response.status_code'], attributes['error.type'], status, flags]),
    [
      ['503', 'circuit_open', 2, 0x100],
      ['500', '500', 2, 0x100],
      ['200', undefined, 0, 0x100],
    ],
  )
})

test('what no client waits for is part of the trace it came of, and is sent where that is sampled', async (t) => {
  for (const ratio of [1, 0]) {
    const { receiver, tracing } = await startTracing(t, { ratio })
    const [source, copy] = [exchangeWith(), exchangeWith()]
    tracing.begin(source)
    tracing.beginDetached(copy, source, 'mirror')
    tracing.end(copy, { status: 500, error: 'upstream_timeout', durationMs: 3 })
    tracing.end(source, OK)
    await tracing.close()
    const [mirror, attempt] = receiver.spans
    if (ratio === 0) {
      assert.deepEqual(receiver.spans, [])
      continue
    }
    assert.deepEqual(
      [mirror?.name, mirror?.kind, mirror?.parentSpanId, mirror?.status, mirror?.flags, mirror?.attributes['turnpike.detached']],
      ['mirror GET /users/*', 1, source.traceContext?.spanId, 2, 0x101, 'mirror'],
    )
    assert.equal(attempt?.parentSpanId, mirror?.spanId)
    assert.equal(new Set(receiver.spans.map(({ spanId }) => spanId)).size, 4)
    assert.deepEqual([...new Set(receiver.spans.map(({ traceId }) => traceId))], [source.traceContext?.traceId])
  }
})

test('a ratio is a share of the traces that begin here', async (t) => {
  const { tracing } = await startTracing(t, { ratio: 0.25 })
  let sampled = 0
  for (let i = 0; i < 4_000; i++) {
    const exchange = exchangeWith()
    tracing.begin(exchange)
    if (exchange.traceContext?.sampled === true) sampled++
  }
  await tracing.close()
  // Seven standard deviations to each side.
  assert.ok(sampled > 800 && sampled < 1_200, `${sampled} of 4000`)
})

test('hostile texts arrive as they were, and methods of no standard give no names', async (t) => {
  const { receiver, tracing } = await startTracing(t)
  const exchange = exchangeWith()
  exchange.request.method = 'INVENTED-7'
  exchange.request.path = '/"\\\n\u00e9\u2028<>'
  tracing.begin(exchange)
  tracing.end(exchange, OK)
  await tracing.close()
  const [server] = receiver.spans
  assert.equal(server?.name, 'HTTP /users/*')
  assert.deepEqual(
    ['http.request.method', 'http.request.method_original', 'url.path'].map((key) => server.attributes[key]),
    ['_OTHER', 'INVENTED-7', '/"\\\n\u00e9\u2028<>'],
  )
})

test('while no traces are kept an exchange has none, and what its client says is left alone', () => {
  const tracing = new Tracing({ clock: systemClock, log: LOG })
  const exchange = exchangeWith({ traceparent: 'as it came', tracestate: 'whatever' })
  tracing.begin(exchange)
  tracing.end(exchange, OK)
  assert.equal(exchange.traceContext, null)
  assert.equal(exchange.request.headers.get('tracestate'), 'whatever')
})

test('spans that wait for a receiver that does not answer are bounded, and those beyond are counted', async (t) => {
  const { receiver, tracing } = await startTracing(t, {}, 65_536)
  receiver.isSilent = true
  for (let i = 0; i < 1_000; i++) {
    const exchange = exchangeWith()
    tracing.begin(exchange)
    tracing.end(exchange, OK)
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(tracing.dropped > 1_800 && tracing.dropped < 2_000, `${tracing.dropped} spans dropped`)
  await tracing.close()
  // Two of each exchange.
  await until(() => tracing.dropped === 2_000)
})
