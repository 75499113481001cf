import type { ErrorCode } from '../core/errors.ts'
import { GRPC_STATUSES } from '../core/grpc-status.ts'
import type { Counter, Gauge, Histogram, Metrics } from '../core/observe.ts'

/** Stands for the pattern of requests that matched no route, and for the service of routes that have none. */
export const NONE_LABEL = '(none)'

/** A client may send any token as its method: all others are counted as OTHER, so that no client makes series. */
const METHODS = ['OTHER', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
const METHOD_INDEX: ReadonlyMap<string, number> = new Map(METHODS.map((method, index) => [method, index]))

/** Milliseconds. From a cache's answer to the longest timeouts that are usual. */
const DURATION_BOUNDS_MS = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000] as const

/** Statuses are below this; a key of method and status is `method * STATUS_END + status`. */
const STATUS_END = 1_000

/** Makes the counters of one route. Series appear with their first use, so that 10,000 idle routes cost nothing. */
export function routeMetrics(metrics: Metrics, pattern: string, service: string): RouteMetrics {
  return new RouteMetrics(metrics, pattern, service)
}

/** What is counted of the exchanges of one route. */
export class RouteMetrics {
  readonly #metrics: Metrics
  readonly #pattern: string
  readonly #service: string
  readonly #requests = new Map<number, Counter>()
  readonly #durations = new Array<Histogram | null>(METHODS.length).fill(null)
  readonly #upstreamStatuses = new Map<number, Counter>()
  readonly #errors = new Map<ErrorCode, Counter>()
  readonly #grpcStatuses = new Map<number, Counter>()
  #retries: Counter | null = null
  /** The pair used last: one method and status make up nearly all of a route's traffic. */
  #lastKey = -1
  #lastRequests: Counter | null = null

  /** @param pattern as configured; empty for requests that matched no route. @param service empty when there is none. */
  constructor(metrics: Metrics, pattern: string, service: string) {
    this.#metrics = metrics
    this.#pattern = pattern === '' ? NONE_LABEL : pattern
    this.#service = service === '' ? NONE_LABEL : service
  }

  /**
   * Counts one finished exchange.
   * @param status as sent; 0 when the client was gone before.
   */
  finish(method: string, status: number, durationMs: number, error: ErrorCode | null): void {
    const methodIndex = METHOD_INDEX.get(method) ?? 0
    const key = methodIndex * STATUS_END + boundStatus(status)
    if (key !== this.#lastKey || this.#lastRequests === null) {
      this.#lastRequests = this.#requests.get(key) ?? this.#addRequests(key, methodIndex, status)
      this.#lastKey = key
    }
    this.#lastRequests.add(1)
    const durations = this.#durations[methodIndex] ?? this.#addDurations(methodIndex)
    durations.observe(durationMs)
    if (error !== null) this.#countError(error)
  }

  /**
   * Counts a response that came from a service, whatever the client got.
   * @param service that it came from: the route's, or the one that the route falls back to
   */
  upstreamStatus(status: number, service: string): void {
    if (service !== this.#service) return this.#upstreamCounter(boundStatus(status), service).add(1)
    const key = boundStatus(status)
    let counter = this.#upstreamStatuses.get(key)
    if (counter === undefined) {
      counter = this.#upstreamCounter(key, service)
      this.#upstreamStatuses.set(key, counter)
    }
    counter.add(1)
  }

  #upstreamCounter(status: number, service: string): Counter {
    const labels = { service, status: String(status) }
    return this.#metrics.counter('gateway_upstream_status_total', 'Responses of services by status.', labels)
  }

  /** Counts an answer in place of the service's. @param kind `stale`, `service` or `response` */
  fallback(kind: string): void {
    const labels = { service: this.#service, kind }
    this.#metrics
      .counter('gateway_fallback_total', 'Answers that took the place of a failed service, by what they were made of.', labels)
      .add(1)
  }

  /** Counts how a client's call of gRPC ended. @param code 0 to 16 */
  grpcStatus(code: number): void {
    let counter = this.#grpcStatuses.get(code)
    if (counter === undefined) {
      const labels = { path: this.#pattern, service: this.#service, grpc_status: GRPC_STATUSES[code] ?? 'UNKNOWN' }
      counter = this.#metrics.counter('gateway_grpc_responses_total', 'Calls of gRPC and gRPC-Web by the status that clients saw.', labels)
      this.#grpcStatuses.set(code, counter)
    }
    counter.add(1)
  }

  /** Counts a try beyond the first. */
  retry(): void {
    this.#retries ??= this.#metrics.counter('gateway_upstream_retries_total', 'Tries beyond the first.', { service: this.#service })
    this.#retries.add(1)
  }

  #addRequests(key: number, methodIndex: number, status: number): Counter {
    const labels = {
      method: METHODS[methodIndex] ?? 'OTHER',
      path: this.#pattern,
      status: String(boundStatus(status)),
      service: this.#service,
    }
    const counter = this.#metrics.counter('gateway_requests_total', 'Finished requests.', labels)
    this.#requests.set(key, counter)
    return counter
  }

  #addDurations(methodIndex: number): Histogram {
    const labels = { method: METHODS[methodIndex] ?? 'OTHER', path: this.#pattern, service: this.#service }
    const help = 'Milliseconds from the end of the request head to the end of the response.'
    const histogram = this.#metrics.histogram('gateway_request_duration_ms', help, DURATION_BOUNDS_MS, labels)
    this.#durations[methodIndex] = histogram
    return histogram
  }

  #countError(code: ErrorCode): void {
    let counter = this.#errors.get(code)
    if (counter === undefined) {
      counter = this.#metrics.counter('gateway_errors_total', 'Exchanges that ended without the answer asked for, by cause.', { code })
      this.#errors.set(code, counter)
    }
    counter.add(1)
  }
}

/** RFC 9110, 15: a status is a number from 100 to 599; others are counted as 0, like an exchange that has none. */
function boundStatus(status: number): number {
  return status >= 100 && status <= 599 ? status : 0
}

/** Counts a request of a consumer; only where that is configured, since it costs a series for each of them. @param status 0 for none */
export function countConsumer(metrics: Metrics, consumer: string, status: number): void {
  const labels = { consumer, status: status < 100 || status > 599 ? '0' : `${Math.floor(status / 100)}xx` }
  // Looked up each time: names come and go with configurations, and nothing of them is to stay but within the bound on series.
  metrics.counter('gateway_consumer_requests_total', 'Finished requests of consumers, by class of status.', labels).add(1)
}

/** What is counted of a listener's connections. */
export interface ListenerMetrics {
  readonly requestsInFlight: Gauge
  readonly connections: Gauge
  readonly connectionsTotal: Counter
  /** Connections closed at once because the worker held `connectionsMax` already. */
  readonly connectionsRefused: Counter
  /** `full`, `resumed` or `failed`. */
  handshakes(result: 'full' | 'resumed' | 'failed'): Counter
}

/** @param listener the listener's name. */
export function listenerMetrics(metrics: Metrics, listener: string): ListenerMetrics {
  const labels = { listener }
  return {
    requestsInFlight: metrics.gauge('gateway_requests_in_flight', 'Requests that are being served.', labels),
    connections: metrics.gauge('gateway_connections', 'Open client connections.', labels),
    connectionsTotal: metrics.counter('gateway_connections_total', 'Client connections accepted.', labels),
    connectionsRefused: metrics.counter('gateway_connections_refused_total', 'Client connections closed at the bound.', labels),
    handshakes: (result) =>
      metrics.counter('gateway_tls_handshakes_total', 'TLS handshakes with clients, by how they ended.', { listener, result }),
  }
}

/** What is counted of the connections to a service's targets. */
export interface UpstreamMetrics {
  readonly connections: Gauge
  readonly connectionsIdle: Gauge
  readonly connectionsTotal: Counter
}

export function upstreamMetrics(metrics: Metrics, service: string): UpstreamMetrics {
  const labels = { service }
  return {
    connections: metrics.gauge('gateway_upstream_connections', 'Open connections to services.', labels),
    connectionsIdle: metrics.gauge('gateway_upstream_connections_idle', 'Open HTTP/1.1 connections to services without a request.', labels),
    connectionsTotal: metrics.counter('gateway_upstream_connections_total', 'Connections opened to services.', labels),
  }
}

/** What is counted of a service's resilience. Each part is made when it is asked for: most services have none of them. */
export function resilienceMetrics(metrics: Metrics, service: string) {
  const labels = { service }
  return {
    breaker: () => breakerMetrics(metrics, service),
    gate: () => ({
      inFlight: metrics.gauge(
        'gateway_service_in_flight',
        'Exchanges that have a place at a service whose concurrency is bounded.',
        labels,
      ),
      queued: metrics.gauge('gateway_service_queued', 'Exchanges that wait for a place at a service.', labels),
      queueFull: shed(metrics, service, 'queue_full'),
      queueTimeout: shed(metrics, service, 'queue_timeout'),
    }),
    health: () => healthMetrics(metrics, service),
  }
}

function shed(metrics: Metrics, service: string, cause: 'queue_full' | 'queue_timeout'): Counter {
  return metrics.counter('gateway_service_shed_total', 'Exchanges that got no place at a service, by cause.', { service, cause })
}

/** Gauges of workers are added up: each worker counts itself in the state that its breaker is in. */
function breakerMetrics(metrics: Metrics, service: string) {
  const workers = (state: string): Gauge =>
    metrics.gauge('gateway_breaker_workers', 'Workers by the state of their breaker.', { service, state })
  const transitions = (to: string): Counter =>
    metrics.counter('gateway_breaker_transitions_total', 'Changes of state of a breaker, by the new state.', { service, to })
  return {
    workers: { closed: workers('closed'), 'half-open': workers('half-open'), open: workers('open') },
    transitions: { closed: transitions('closed'), 'half-open': transitions('half-open'), open: transitions('open') },
    refused: metrics.counter('gateway_breaker_refused_total', 'Tries that an open breaker refused.', { service }),
  }
}

function healthMetrics(metrics: Metrics, service: string) {
  const targets = (state: string): Gauge =>
    metrics.gauge('gateway_targets', 'Targets by state, each counted by every worker.', { service, state })
  const checks = (result: 'passed' | 'failed'): Counter =>
    metrics.counter('gateway_health_checks_total', 'Active health checks by result.', { service, result })
  return {
    targets: { healthy: targets('healthy'), unhealthy: targets('unhealthy'), ejected: targets('ejected'), unknown: targets('unknown') },
    panicWorkers: metrics.gauge('gateway_panic_workers', 'Workers that use all targets because too few are usable.', { service }),
    ejections: metrics.counter('gateway_target_ejections_total', 'Ejections of targets for failures of real requests.', { service }),
    checksPassed: checks('passed'),
    checksFailed: checks('failed'),
  }
}
