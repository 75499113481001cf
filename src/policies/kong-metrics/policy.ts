import type { Exchange } from '../../core/exchange.ts'
import { latenciesOf, noteAttempt, noteHead } from '../../core/latencies.ts'
import type { Counter, Histogram, Labels, Metrics } from '../../core/observe.ts'
import type { Outcome, PolicyDefinition } from '../../core/policy.ts'
import type { KongMetricsOptions } from './schema.ts'

/** As dashboards know it: there is one workspace, and this is what Kong calls it. */
const WORKSPACE = 'default'
const GATEWAY_BOUNDS_MS = [1, 2, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 750, 1_000, 3_000, 6_000]
const SERVICE_BOUNDS_MS = [25, 50, 80, 100, 250, 400, 700, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]

/** Series that are kept at hand; the registry has the bound that counts. */
const HANDLES_MAX = 10_000

export const kongMetrics: PolicyDefinition<KongMetricsOptions> = {
  kind: 'kong-metrics',
  summary: "Counts exchanges under the names of Kong's metrics too, for dashboards and alerts that were made for Kong.",
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  compile(options, { metrics }) {
    const { statusCodes, latencies, bandwidth, consumers } = options
    if (!statusCodes && !latencies && !bandwidth) return {}
    const series = new KongSeries(metrics)
    return {
      onAttempt: noteAttempt,
      onUpstreamResponse: noteHead,
      onFinish(exchange, outcome) {
        const times = latenciesOf(exchange, outcome)
        const { route } = exchange
        const [service, name] = [route?.serviceName ?? '', route?.name ?? '']
        const consumer = consumers ? consumerOf(exchange, options.consumer) : ''
        if (statusCodes) series.status(service, name, statusOf(outcome), times.service === -1 ? 'kong' : 'service', consumer)
        if (bandwidth) series.bandwidth(service, name, consumer, exchange)
        if (!latencies) return
        const histograms = series.latencies(service, name)
        histograms.request.observe(Math.round(times.total))
        if (times.service !== -1) histograms.upstream.observe(Math.round(times.service))
        histograms.gateway.observe(Math.round(times.before))
      },
    }
  },
}

function consumerOf({ caller: { consumer } }: Exchange, by: string): string {
  if (consumer === null) return ''
  if (by === 'name') return consumer.name
  return (by === 'id' ? consumer.id : consumer.labels?.[by.slice('label:'.length)]) ?? ''
}

/** Who was gone before there was an answer counts as nginx logs it. */
function statusOf({ status }: Outcome): string {
  return status === 0 ? '499' : String(status)
}

class KongSeries {
  readonly #metrics: Metrics
  readonly #counters = new Map<string, Counter>()
  readonly #histograms = new Map<string, { readonly request: Histogram; readonly upstream: Histogram; readonly gateway: Histogram }>()

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  status(service: string, route: string, code: string, source: 'service' | 'kong', consumer: string): void {
    this.#counter(`s ${code} ${source} ${JSON.stringify([service, route, consumer])}`, 'kong_http_requests_total', STATUS_HELP, {
      service,
      route,
      code,
      source,
      workspace: WORKSPACE,
      consumer,
    }).add(1)
  }

  bandwidth(service: string, route: string, consumer: string, { request: { headers }, requestBytes, responseBytes }: Exchange): void {
    const key = JSON.stringify([service, route, consumer])
    const labels = (direction: string): Labels => ({ service, route, direction, workspace: WORKSPACE, consumer })
    const ingress = headers.end - headers.begin + requestBytes
    if (ingress > 0) this.#counter(`i ${key}`, 'kong_bandwidth_bytes', BANDWIDTH_HELP, labels('ingress')).add(ingress)
    if (responseBytes > 0) this.#counter(`e ${key}`, 'kong_bandwidth_bytes', BANDWIDTH_HELP, labels('egress')).add(responseBytes)
  }

  latencies(service: string, route: string) {
    const key = JSON.stringify([service, route])
    const known = this.#histograms.get(key)
    if (known !== undefined) return known
    const labels = { service, route, workspace: WORKSPACE }
    const histogram = (name: string, what: string, bounds: readonly number[]): Histogram =>
      this.#metrics.histogram(`kong_${name}_latency_ms`, `${what} for each service/route in Kong`, bounds, labels)
    const made = {
      request: histogram('request', 'Total latency incurred during requests', SERVICE_BOUNDS_MS),
      upstream: histogram('upstream', 'Latency added by upstream response', SERVICE_BOUNDS_MS),
      gateway: histogram('kong', 'Latency added by Kong and enabled plugins', GATEWAY_BOUNDS_MS),
    }
    if (this.#histograms.size >= HANDLES_MAX) this.#histograms.clear()
    this.#histograms.set(key, made)
    return made
  }

  #counter(key: string, name: string, help: string, labels: Labels): Counter {
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    const made = this.#metrics.counter(name, help, labels)
    if (this.#counters.size >= HANDLES_MAX) this.#counters.clear()
    this.#counters.set(key, made)
    return made
  }
}

const STATUS_HELP = 'HTTP status codes per consumer/service/route in Kong'
const BANDWIDTH_HELP = 'Total bandwidth (ingress/egress) throughput in bytes'
