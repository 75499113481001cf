import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../../core/caller.ts'
import { systemClock } from '../../core/clock.ts'
import type { RecordOutput } from '../../core/record-output.ts'
import { compilePolicy, contextWith, type ExchangeShape, exchangeOf, onRequest, onResponse, problemsOf } from '../testing.ts'
import { kongLog } from './policy.ts'

/** What a policy writes of exchanges, and where to, under a time that the test gives. */
class World {
  nowMs = 1_000
  readonly opened: RecordOutput[] = []
  readonly written: string[] = []
  readonly context = contextWith({
    clock: { ...systemClock, now: () => this.nowMs, epochMs: () => 1_790_000_000_000 + this.nowMs },
    outputs: {
      open: (output) => {
        this.opened.push(output)
        return { write: (record) => void this.written.push(record), close: () => {} }
      },
    },
  })

  /** The record of an exchange: 5 ms before a service is asked, 20 ms for its head, and 7 ms for the rest; without a service 32 ms. */
  async recordOf(
    options: object,
    shape: ExchangeShape,
    status = 200,
    { isAsked = true, consumer = null as Consumer | null, credentialPlaces = new Set<string>() } = {},
  ): Promise<Record<string, unknown>> {
    const steps = await compilePolicy(kongLog, options, this.context)
    const exchange = exchangeOf(shape)
    exchange.startedAt = this.nowMs
    exchange.requestId = 'id'
    exchange.route = { name: 'users', pattern: '/users', serviceName: 'user-service', credentialPlaces }
    exchange.caller.consumer = consumer
    this.nowMs += 5
    onRequest(steps, exchange)
    if (isAsked) {
      exchange.attempts.push({ number: 1, target: '127.0.0.1:9001', startedAt: this.nowMs, endedAt: 0, status, error: null })
      exchange.sentAt = this.nowMs
      this.nowMs += 20
      exchange.headAt = this.nowMs
    } else this.nowMs += 20
    exchange.response.headers.append('Content-Type', 'text/plain')
    exchange.response.headers.append('Set-Cookie', 'secret=1')
    exchange.response.headers.append('Access-Control-Allow-Credentials', 'true')
    onResponse(steps, exchange)
    this.nowMs += 7
    exchange.responseBytes = 99
    steps.onFinish?.(exchange, { status, error: null, durationMs: 32 })
    const record: Record<string, unknown> = JSON.parse(this.written.at(-1) ?? '')
    return record
  }
}

const SHAPE: ExchangeShape = {
  method: 'POST',
  path: '/users',
  query: 'a=1&a=2&b&token=t',
  authority: 'shop.example',
  headers: [
    ['X-A', 'ä'],
    ['X-A', '2'],
    ['Authorization', 'Bearer t'],
  ],
}

test('a record tells the exchange as the log plugins of Kong do', async () => {
  const world = new World()
  const record = await world.recordOf({ file: '/dev/null' }, SHAPE)
  assert.deepEqual(record, {
    request: {
      id: 'id',
      method: 'POST',
      uri: '/users?a=1&a=2&b&token=REDACTED',
      url: 'http://shop.example:8080/users?a=1&a=2&b&token=REDACTED',
      querystring: { a: ['1', '2'], b: true, token: 'REDACTED' },
      headers: { 'x-a': ['ä', '2'], authorization: 'REDACTED' },
      size: 4 + 31 + 14 + 41,
    },
    upstream_uri: '/users?a=1&a=2&b&token=REDACTED',
    upstream_status: '200',
    response: {
      status: 200,
      headers: { 'content-type': 'text/plain', 'set-cookie': 'REDACTED', 'access-control-allow-credentials': 'true' },
      size: 99,
    },
    latencies: { request: 32, kong: 5, proxy: 20, receive: 7 },
    tries: [{ ip: '127.0.0.1', port: 9001, balancer_start: 1_790_000_001_005, balancer_latency: 0 }],
    route: { name: 'users' },
    service: { name: 'user-service' },
    client_ip: '192.0.2.7',
    started_at: 1_790_000_001_000,
    source: 'upstream',
    workspace: 'default',
    workspace_name: 'default',
  })
  assert.match(world.written[0] ?? '', /^[\x20-\x7e]+$/)
  assert.deepEqual(world.opened, [{ kind: 'file', path: '/dev/null', reopen: false }])
})

test('what the gateway answers itself says so', async () => {
  const { source, latencies, tries, upstream_uri: uri } = await new World().recordOf({ file: '/dev/null' }, {}, 403, { isAsked: false })
  assert.deepEqual([source, latencies, tries, uri], ['kong', { request: 32, kong: 32, proxy: -1, receive: 0 }, [], undefined])
})

test('members can be given a value or left out', async () => {
  const set = { 'request.headers.x-a': null, 'request.zone': 'a', 'no.such.thing': null, deep: 1, 'a.__proto__': true }
  const { request, deep, no, a } = await new World().recordOf({ file: '/dev/null', set }, SHAPE)
  assert.deepEqual(JSON.parse(JSON.stringify(request)).headers, { authorization: 'REDACTED' })
  assert.deepEqual([JSON.parse(JSON.stringify(request)).zone, deep, no], ['a', 1, undefined])
  assert.equal(JSON.stringify(a), '{"__proto__":true}')
})

test('an HTTP server is what is configured, and one output alone', async () => {
  const world = new World()
  await compilePolicy(kongLog, { http: { url: 'http://a/', headers: { 'X-Key': 'k' }, recordsMax: 9 } }, world.context)
  await compilePolicy(kongLog, { http: { url: 'http://a/', headers: { 'X-Key': 'k' }, recordsMax: 9 } }, world.context)
  assert.equal(world.opened.length, 1, 'the same output is shared')
  const [output] = world.opened
  assert.ok(output?.kind === 'http')
  assert.deepEqual([output.headers, output.recordsMax, output.timeoutMs], [[['X-Key', 'k']], 9, 10_000])
  assert.deepEqual(await problemsOf(kongLog, {}), ['expected either `file` or `http`'])
  assert.equal((await problemsOf(kongLog, { file: 'a', http: { url: 'http://a/' } })).length, 1)
  assert.equal((await problemsOf(kongLog, { http: { url: 'http://u:p@a/' } })).length, 1)
})

test('a consumer is told by its id and labels, or else by its name', async () => {
  const consumerOf = async (consumer: Partial<Consumer>): Promise<unknown> => {
    const world = new World()
    const record = await world.recordOf({ file: '/dev/null' }, {}, 200, {
      consumer: { name: 'app', groups: [], hasPolicies: false, ...consumer },
    })
    return record['consumer']
  }
  assert.deepEqual(await consumerOf({}), { username: 'app' })
  assert.deepEqual(await consumerOf({ id: '1', labels: { username: 'u', customId: 'c' } }), { id: '1', username: 'u', custom_id: 'c' })
})

test('what stands where the configuration looks for credentials is not told, whatever it is called', async () => {
  const shape: ExchangeShape = { query: 'pass=p&%70ass=p&Pass=1&x=2', headers: [['X-Pass', 'p'] as const, ['X-Other', '1'] as const] }
  const credentialPlaces = new Set(['header:x-pass', 'query:pass'])
  const { request, upstream_uri: uri } = await new World().recordOf({ file: '/x' }, shape, 200, { credentialPlaces })
  assert.doesNotMatch(JSON.stringify([request, uri]), /"p"|=p\b/)
  assert.match(JSON.stringify(request), /Pass=1&x=2/)
  assert.match(JSON.stringify(request), /"x-other":"1"/)
})

test('a name that comes ten thousand times is one list, and takes no time that grows with its square', async () => {
  const { request } = await new World().recordOf({ file: '/x' }, { query: 'a&'.repeat(30_000) })
  assert.match(JSON.stringify(request), /"querystring":\{"a":\[true,true,/)
})
