import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routeMetrics } from './gateway-metrics.ts'
import { MetricsRegistry } from './metrics.ts'
import { renderPrometheus } from './prometheus.ts'

function lines(registry: MetricsRegistry, name: string): string[] {
  return renderPrometheus(registry.dump())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
}

test('finished requests are counted by method, pattern, status and service', () => {
  const registry = new MetricsRegistry()
  const route = routeMetrics(registry, '/users/*', 'users')
  route.finish('GET', 200, 1, null)
  route.finish('POST', 201, 1, null)
  route.finish('GET', 200, 1, null)
  route.finish('GET', 404, 1, null)
  assert.deepEqual(lines(registry, 'gateway_requests_total'), [
    'gateway_requests_total{method="GET",path="/users/*",status="200",service="users"} 2',
    'gateway_requests_total{method="POST",path="/users/*",status="201",service="users"} 1',
    'gateway_requests_total{method="GET",path="/users/*",status="404",service="users"} 1',
  ])
  assert.deepEqual(lines(registry, 'gateway_request_duration_ms_count'), [
    'gateway_request_duration_ms_count{method="GET",path="/users/*",service="users"} 3',
    'gateway_request_duration_ms_count{method="POST",path="/users/*",service="users"} 1',
  ])
})

test('a client cannot make series with invented methods, nor a service with invented statuses', () => {
  const registry = new MetricsRegistry()
  const route = routeMetrics(registry, '/', 's')
  for (const method of ['BREW', 'get', 'toString', '__proto__', '']) route.finish(method, 200, 1, null)
  for (const status of [0, 99, 600, 999, 1_200, -1]) route.upstreamStatus(status, 's')
  assert.deepEqual(lines(registry, 'gateway_requests_total'), [
    'gateway_requests_total{method="OTHER",path="/",status="200",service="s"} 5',
  ])
  assert.deepEqual(lines(registry, 'gateway_upstream_status_total'), ['gateway_upstream_status_total{service="s",status="0"} 6'])
})

test('errors are counted by cause over all routes, retries by service', () => {
  const registry = new MetricsRegistry()
  for (const pattern of ['/a', '/b']) {
    const route = routeMetrics(registry, pattern, 's')
    route.finish('GET', 504, 1, 'upstream_timeout')
    route.retry()
  }
  assert.deepEqual(lines(registry, 'gateway_errors_total'), ['gateway_errors_total{code="upstream_timeout"} 2'])
  assert.deepEqual(lines(registry, 'gateway_upstream_retries_total'), ['gateway_upstream_retries_total{service="s"} 2'])
})

test('calls of gRPC are counted by the name of their status', () => {
  const registry = new MetricsRegistry()
  const route = routeMetrics(registry, '/a.B/*', 's')
  for (const code of [0, 14, 0, 99]) route.grpcStatus(code)
  assert.deepEqual(lines(registry, 'gateway_grpc_responses_total'), [
    'gateway_grpc_responses_total{path="/a.B/*",service="s",grpc_status="OK"} 2',
    'gateway_grpc_responses_total{path="/a.B/*",service="s",grpc_status="UNAVAILABLE"} 1',
    'gateway_grpc_responses_total{path="/a.B/*",service="s",grpc_status="UNKNOWN"} 1',
  ])
})

test('a route made anew by a reload goes on counting where the last one stopped', () => {
  const registry = new MetricsRegistry()
  routeMetrics(registry, '/a', 's').finish('GET', 200, 1, null)
  routeMetrics(registry, '/a', 's').finish('GET', 200, 1, null)
  assert.deepEqual(lines(registry, 'gateway_requests_total'), ['gateway_requests_total{method="GET",path="/a",status="200",service="s"} 2'])
})

test('no route and no service have a name of their own, and an unused route has no series', () => {
  const registry = new MetricsRegistry()
  routeMetrics(registry, '/unused', 's')
  routeMetrics(registry, '', '').finish('GET', 404, 0.1, 'route_not_found')
  assert.deepEqual(lines(registry, 'gateway_requests_total'), [
    'gateway_requests_total{method="GET",path="(none)",status="404",service="(none)"} 1',
  ])
})
