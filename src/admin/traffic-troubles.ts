/** What an operator should look at, told from metrics and from how the gateway is. */
import { seriesOf, sumsBy } from '../telemetry/traffic.ts'
import type { TrafficLook } from './traffic-desk.ts'

export interface Trouble {
  /** `bad`: requests fail, or nothing can be changed. `warn`: it is about to, or something is lost. */
  readonly severity: 'bad' | 'warn'
  readonly kind: 'configuration' | 'workers' | 'service' | 'certificate' | 'lost' | 'store'
  /** What it is about: a service, a listener, a store; empty for the gateway itself. */
  readonly name: string
  /** A sentence. */
  readonly says: string
}

const DAY_S = 86_400
const CERTIFICATE_WARN_S = 14 * DAY_S
/** Of ten seconds: above it requests wait for the event loop. */
const BUSY_RATIO = 0.9

/** Counters that only grow when something is lost or fails, and what to say of it. */
const LOSSES: readonly (readonly [name: string, kind: Trouble['kind'], what: string])[] = [
  ['gateway_worker_restarts_total', 'workers', 'workers died and were replaced'],
  ['gateway_connections_refused_total', 'lost', 'connections were refused at the bound'],
  ['gateway_access_log_dropped_total', 'lost', 'lines of the access log were lost'],
  ['gateway_event_log_dropped_total', 'lost', 'lines of the event log were lost'],
  ['gateway_trace_spans_dropped_total', 'lost', 'spans of traces were lost'],
  ['gateway_statsd_errors_total', 'lost', 'flushes to StatsD failed'],
  ['gateway_metric_series_overflow_total', 'lost', 'series of metrics had no place of their own'],
  ['gateway_store_errors_total', 'store', 'commands of the store failed'],
  ['gateway_rate_limit_store_errors_total', 'store', 'limits were decided without their store'],
  ['gateway_cache_store_errors_total', 'store', 'calls of the cache’s store failed'],
  ['gateway_config_source_errors_total', 'configuration', 'questions to the store of the configuration failed'],
]

/** The bad ones first. */
export function troublesOf(look: TrafficLook): readonly Trouble[] {
  const { status, dump } = look
  const found: Trouble[] = []
  if (status.lastError !== null) add(found, 'bad', 'configuration', '', 'A newer configuration is not in force.')
  if (status.phase === 'draining') add(found, 'bad', 'workers', '', 'The gateway is shutting down.')
  if (status.workersServing < status.workersWanted)
    add(found, 'bad', 'workers', '', `${status.workersServing} of ${status.workersWanted} workers serve.`)
  for (const [worker, ratio] of sumsBy(dump, 'gateway_worker_event_loop_utilization_ratio', 'worker')) {
    if (ratio > BUSY_RATIO) add(found, 'warn', 'workers', '', `Worker ${worker} is busy ${Math.round(ratio * 100)} % of the time.`)
  }
  found.push(...serviceTroubles(look), ...certificateTroubles(look), ...losses(look))
  return found.toSorted((a, b) => a.severity.localeCompare(b.severity))
}

function add(to: Trouble[], severity: Trouble['severity'], kind: Trouble['kind'], name: string, says: string): void {
  to.push({ severity, kind, name, says })
}

function serviceTroubles({ dump, drained }: TrafficLook): Trouble[] {
  const found: Trouble[] = []
  const each = (metric: string, tell: (service: string, count: number, state: string) => void): void => {
    for (const { labels, values } of seriesOf(dump, metric)) {
      const count = values[0] ?? 0
      if (count > 0) tell(labels['service'] ?? '', count, labels['state'] ?? '')
    }
  }
  each('gateway_breaker_workers', (service, count, state) => {
    if (state === 'open') add(found, 'bad', 'service', service, `The breaker is open, in ${workers(count)}.`)
    if (state === 'half-open') add(found, 'warn', 'service', service, `The breaker tries again, in ${workers(count)}.`)
  })
  each('gateway_panic_workers', (service, count) => {
    add(found, 'bad', 'service', service, `So few targets are usable that all are used, in ${workers(count)}.`)
  })
  each('gateway_targets', (service, count, state) => {
    if (state === 'unhealthy' || state === 'ejected')
      add(found, 'warn', 'service', service, `Targets are ${state}: ${count}, each counted by every worker.`)
  })
  each('gateway_discovery_degraded', (service) => {
    add(found, 'warn', 'service', service, 'Its registry cannot be asked: what it last said is in force.')
  })
  for (const [service, addresses] of Object.entries(drained)) {
    add(found, 'warn', 'service', service, `An operator has taken out ${addresses.join(', ')}.`)
  }
  return found
}

const workers = (count: number): string => (count === 1 ? '1 worker' : `${count} workers`)

function certificateTroubles({ dump, now: { atMs } }: TrafficLook): Trouble[] {
  const found: Trouble[] = []
  const names = ['gateway_certificate_expiry_timestamp_seconds', 'gateway_service_certificate_expiry_timestamp_seconds']
  for (const { labels, values } of names.flatMap((name) => seriesOf(dump, name))) {
    const leftS = (values[0] ?? 0) - atMs / 1_000
    const { listener = '', host = '', service = listener } = labels
    const which = host === '' ? 'The certificate' : `The certificate for ${host}`
    if (leftS <= 0) add(found, 'bad', 'certificate', service, `${which} has ended.`)
    else if (leftS < CERTIFICATE_WARN_S) add(found, 'warn', 'certificate', service, `${which} ends in ${Math.ceil(leftS / DAY_S)} d.`)
  }
  return found
}

/** Nothing is said of what was lost before anybody looked. */
function losses({ now, before }: TrafficLook): Trouble[] {
  if (before === null) return []
  const seconds = Math.max(1, Math.round((now.atMs - before.atMs) / 1_000))
  return LOSSES.flatMap(([name, kind, what]): Trouble[] => {
    const grown = (now.counters.get(name) ?? 0) - (before.counters.get(name) ?? 0)
    return grown > 0 ? [{ severity: 'warn', kind, name: '', says: `${grown} ${what} in the last ${seconds} s.` }] : []
  })
}
