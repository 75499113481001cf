import type { Labels } from '../core/observe.ts'
import { type MetricsDump, MetricsRegistry } from './metrics.ts'

export interface KongNode {
  readonly id: string
  readonly version: string
}

/**
 * What there is of a gateway under the names of Kong's metrics of a node, from what is counted anyway.
 * @param all the numbers of all workers
 */
export function kongNodeMetrics(all: MetricsDump, { id, version }: KongNode): MetricsDump {
  const metrics = new MetricsRegistry()
  const gauge = (name: string, help: string, labels: Labels, value: number): void => metrics.gauge(name, help, labels).set(value)
  const sum = (name: string): number =>
    all.find((family) => family.name === name)?.series.reduce((total, { values }) => total + (values[0] ?? 0), 0) ?? 0
  const served = sum('gateway_connections_total')
  const active = sum('gateway_connections')
  const writing = Math.min(active, sum('gateway_requests_in_flight'))
  const connections = {
    accepted: served + sum('gateway_connections_refused_total'),
    handled: served,
    total: sum('gateway_requests_total'),
    active,
    reading: 0,
    writing,
    waiting: active - writing,
  }
  const node = { node_id: id, subsystem: 'http' }
  for (const [state, value] of Object.entries(connections)) {
    gauge('kong_nginx_connections_total', 'Number of connections by subsystem', { ...node, state }, value)
  }
  gauge('kong_nginx_requests_total', 'Total number of requests', node, connections.total)
  gauge('kong_node_info', 'Kong Node metadata information', { node_id: id, version }, 1)
  gauge('kong_datastore_reachable', 'Datastore reachable from Kong, 0 is unreachable', {}, 1)
  return metrics.dump()
}
