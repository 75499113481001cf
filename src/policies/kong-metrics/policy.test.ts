import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Labels, Metrics } from '../../core/observe.ts'
import { compilePolicy, contextWith, exchangeOf } from '../testing.ts'
import { kongMetrics } from './policy.ts'

/** Numbers by name and labels; of histograms the observations. */
async function counted(
  options: object,
  { serviceName = 'user-service', isAsked = true, status = 200 } = {},
): Promise<Record<string, number[]>> {
  const seen: Record<string, number[]> = {}
  const series = (name: string, labels: Labels) => {
    const values: number[] = []
    seen[`${name} ${Object.entries(labels).map(String).join(' ')}`] = values
    return { add: (amount: number) => void values.push(amount), set: () => {}, observe: (value: number) => void values.push(value) }
  }
  const metrics: Metrics = {
    counter: (name, _help, labels) => series(name, labels),
    gauge: (name, _help, labels) => series(name, labels),
    histogram: (name, _help, _bounds, labels) => series(name, labels),
  }
  const steps = await compilePolicy(kongMetrics, options, contextWith({ metrics }))
  const exchange = exchangeOf({ headers: [['A', '1']] })
  exchange.route = { name: 'users', pattern: '/', serviceName }
  exchange.requestBytes = 10
  exchange.responseBytes = 99
  exchange.caller.consumer = { name: 'app', groups: [], hasPolicies: false, id: 'i7', labels: { mail: 'a@b.example' } }
  exchange.startedAt = 100
  if (isAsked) Object.assign(exchange, { sentAt: 105, headAt: 125 })
  steps.onFinish?.(exchange, { status, error: null, durationMs: 30 })
  return seen
}

test('nothing is counted unless it is asked for', async () => {
  assert.deepEqual(await counted({}), {})
})

test('requests are counted by status and by who answered', async () => {
  const labels = 'service,user-service route,users code'
  assert.deepEqual(await counted({ statusCodes: true }), {
    [`kong_http_requests_total ${labels},200 source,service workspace,default consumer,`]: [1],
  })
  assert.deepEqual(await counted({ statusCodes: true, consumers: true }, { isAsked: false, status: 429 }), {
    [`kong_http_requests_total ${labels},429 source,kong workspace,default consumer,app`]: [1],
  })
})

test('a consumer is told by its name, its id or a label', async () => {
  const told = async (consumer: string) =>
    Object.keys(await counted({ statusCodes: true, consumers: true, consumer })).map((line) => line.split(' consumer,')[1])
  assert.deepEqual(
    [await told('name'), await told('id'), await told('label:mail'), await told('label:none')],
    [['app'], ['i7'], ['a@b.example'], ['']],
  )
})

test('times and bytes are told of the service and of the gateway', async () => {
  const labels = 'service,user-service route,users workspace,default'
  assert.deepEqual(await counted({ latencies: true, bandwidth: true }), {
    'kong_bandwidth_bytes service,user-service route,users direction,ingress workspace,default consumer,': [16],
    'kong_bandwidth_bytes service,user-service route,users direction,egress workspace,default consumer,': [99],
    [`kong_request_latency_ms ${labels}`]: [30],
    [`kong_upstream_latency_ms ${labels}`]: [20],
    [`kong_kong_latency_ms ${labels}`]: [5],
  })
})
