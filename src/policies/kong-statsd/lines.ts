import type { Exchange } from '../../core/exchange.ts'
import type { Latencies } from '../../core/latencies.ts'
import type { KongStatsdOptions } from './schema.ts'

/** An exchange that has ended. */
export interface Told {
  readonly exchange: Exchange
  readonly status: number
  readonly latencies: Latencies
}

type MetricName = KongStatsdOptions['metrics'][number]['name']

const TYPES = { counter: 'c', gauge: 'g', histogram: 'h', meter: 'm', set: 's', timer: 'ms' } as const

/** What is measured, whose name is the scope and a suffix. */
const MEASURES: Readonly<Partial<Record<MetricName, { readonly suffix: string; readonly value: (told: Told) => number }>>> = {
  request_count: { suffix: 'request.count', value: () => 1 },
  request_size: { suffix: 'request.size', value: ({ exchange }) => requestSize(exchange) },
  response_size: { suffix: 'response.size', value: ({ exchange }) => exchange.responseBytes },
  latency: { suffix: 'latency', value: ({ latencies }) => Math.round(latencies.total) },
  upstream_latency: { suffix: 'upstream_latency', value: ({ latencies }) => Math.round(latencies.service) },
  kong_latency: { suffix: 'kong_latency', value: ({ latencies }) => Math.round(latencies.before) },
}

/** @param random in [0, 1) */
export function compileLines(options: KongStatsdOptions, node: string, random: () => number): (told: Told) => string[] {
  const { tags, metrics, hostnameInPrefix } = options
  const host = node.replaceAll('.', '_')
  const prefix = hostnameInPrefix && tags === 'none' ? `${options.prefix}.node.${host}` : options.prefix
  return (told) => {
    const scope = scopeOf(told.exchange)
    const beside = tags === 'none' ? '' : tagsOf(told, host, tags, consumerOf(told.exchange, options.consumer))
    return metrics.flatMap(({ name, type, sampleRate, consumer = options.consumer }) => {
      if (sampleRate < 1 && random() >= sampleRate) return []
      const rate = sampleRate === 1 ? '' : `|@${sampleRate}`
      const kind = TYPES[type]
      const measure = MEASURES[name]
      if (measure === undefined)
        return tags === 'none' ? counted(name, told, consumer).map((text) => `${prefix}.${scope}.${text}|${kind}${rate}`) : []
      const value = measure.value(told)
      if (value === -1) return []
      if (tags === 'none') return [`${prefix}.${scope}.${measure.suffix}:${value}|${kind}${rate}`]
      // Kong tells nothing of requests without a service there.
      return beside === '' ? [] : [tagged(tags, `${prefix}.${measure.suffix}`, `:${value}|${kind}${rate}`, beside)]
    })
  }
}

/** What has a status or a consumer in its name; with tags they are left out. */
function counted(name: MetricName, { exchange, status }: Told, by: string): string[] {
  if (name === 'status_count') return [`status.${status}:1`]
  const consumer = consumerOf(exchange, by)
  if (consumer === '') return []
  const user = plain(consumer)
  if (name === 'unique_users') return [`user.uniques:${user}`]
  return [name === 'request_per_user' ? `user.${user}.request.count:1` : `user.${user}.status.${status}:1`]
}

function consumerOf({ caller: { consumer } }: Exchange, by: string): string {
  if (consumer === null) return ''
  if (by === 'name') return consumer.name
  return (by === 'id' ? consumer.id : consumer.labels?.[by.slice('label:'.length)]) ?? ''
}

function scopeOf({ route }: Exchange): string {
  const service = route?.serviceName ?? ''
  return service === '' ? 'global.unmatched' : `service.${plain(service).replaceAll('.', '_')}`
}

function tagsOf({ exchange: { route }, status }: Told, node: string, style: KongStatsdOptions['tags'], consumer: string): string {
  if (route === null || route.serviceName === '') return ''
  const pairs = {
    service: route.serviceName,
    route: route.name,
    workspace: 'default',
    consumer,
    node,
    status: `${status}`,
  }
  const between = style === 'dogstatsd' ? ':' : '='
  return Object.entries(pairs)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}${between}${plain(value)}`)
    .join(',')
}

function tagged(style: KongStatsdOptions['tags'], name: string, value: string, tags: string): string {
  switch (style) {
    case 'dogstatsd':
      return `${name}${value}|#${tags}`
    case 'influxdb':
      return `${name},${tags}${value}`
    case 'librato':
      return `${name}#${tags}${value}`
    case 'signalfx':
      return `${name}[${tags}]${value}`
    case 'none':
      return `${name}${value}`
  }
}

/** What would end a name or a line is written as an underscore; names of services and consumers seldom have any of it. */
function plain(name: string): string {
  return name.replaceAll(/[^!-~]|[:|@#,=[\]]/g, '_')
}

/** As nginx tells it, the head with it; the request line is told by its length alone. */
function requestSize({ request, requestBytes }: Exchange): number {
  const { headers, method, path, query } = request
  const line = method.length + path.length + (query === '' ? 0 : query.length + 1) + ' HTTP/1.1'.length + 1 + 4
  return line + headers.end - headers.begin + requestBytes
}
