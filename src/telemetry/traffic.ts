/** Sums of traffic, read from metrics: what a page that looks every two seconds needs of them. */
import type { FamilyDump, MetricsDump, SeriesDump } from './metrics.ts'

/** What was counted of one route's pattern, or of one service, since the gateway began. */
export interface Tally {
  requests: number
  /** Answered with 5xx. */
  failed: number
  /** Answered with 4xx. */
  refused: number
  /** Requests by how long they took, one number for each bucket; the last one is for all that took longer. */
  readonly durations: Float64Array
}

/** All of it at one time. */
export interface TrafficReading {
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** Upper bounds of the buckets in milliseconds, without the last one. */
  readonly boundsMs: readonly number[]
  readonly total: Tally
  /** Requests by `2xx`, …; `gone` for clients that had gone before. */
  readonly statuses: ReadonlyMap<string, number>
  /** Exchanges that ended without the answer asked for, by code. */
  readonly errors: ReadonlyMap<string, number>
  /** By pattern. */
  readonly routes: ReadonlyMap<string, Tally>
  /** By name. */
  readonly services: ReadonlyMap<string, Tally>
  /** Sums of all series of each counter, by its name. */
  readonly counters: ReadonlyMap<string, number>
}

export function readTraffic(dump: MetricsDump, atMs: number): TrafficReading {
  const durations = dump.find(({ name }) => name === 'gateway_request_duration_ms')
  const boundsMs = durations?.bounds ?? []
  const empty = (): Tally => ({ requests: 0, failed: 0, refused: 0, durations: new Float64Array(boundsMs.length + 1) })
  const total = empty()
  const statuses = new Map<string, number>()
  const routes = new Map<string, Tally>()
  const services = new Map<string, Tally>()
  const eachOf = function* ({ labels }: SeriesDump): Generator<Tally> {
    yield total
    yield tallyOf(routes, labels['path'] ?? '', empty)
    yield tallyOf(services, labels['service'] ?? '', empty)
  }
  for (const series of seriesOf(dump, 'gateway_requests_total')) {
    const count = series.values[0] ?? 0
    const status = series.labels['status'] ?? ''
    const statusClass = /^[1-5]\d\d$/.test(status) ? `${status.charAt(0)}xx` : 'gone'
    statuses.set(statusClass, (statuses.get(statusClass) ?? 0) + count)
    for (const tally of eachOf(series)) {
      tally.requests += count
      if (statusClass === '5xx') tally.failed += count
      if (statusClass === '4xx') tally.refused += count
    }
  }
  for (const series of durations?.series ?? []) {
    for (const tally of eachOf(series))
      for (let i = 0; i <= boundsMs.length; i++) tally.durations[i] = (tally.durations[i] ?? 0) + (series.values[i] ?? 0)
  }
  const errors = sumsBy(dump, 'gateway_errors_total', 'code')
  const counters = new Map(dump.filter(({ kind }) => kind === 'counter').map(({ name }) => [name, sumOf(dump, name)]))
  return { atMs, boundsMs, total, statuses, errors, routes, services, counters }
}

/** What was counted in between. Less than before means that it began anew: all of it has come since. */
export function growthOf(now: Tally, before: Tally | undefined): Tally {
  if (before === undefined || now.requests < before.requests) return now
  return {
    requests: now.requests - before.requests,
    failed: Math.max(0, now.failed - before.failed),
    refused: Math.max(0, now.refused - before.refused),
    durations: now.durations.map((count, i) => Math.max(0, count - (before.durations[i] ?? 0))),
  }
}

/** The sum of a counter or gauge by the values of one of its labels. */
export function sumsBy(dump: MetricsDump, name: string, label: string): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { labels, values } of seriesOf(dump, name)) {
    const key = labels[label] ?? ''
    sums.set(key, (sums.get(key) ?? 0) + (values[0] ?? 0))
  }
  return sums
}

/** The sum of all series of a counter or gauge; 0 for one that is not there. */
export function sumOf(dump: MetricsDump, name: string): number {
  return seriesOf(dump, name).reduce((sum, { values }) => sum + (values[0] ?? 0), 0)
}

export function seriesOf(dump: MetricsDump, name: string): FamilyDump['series'] {
  return dump.find((family) => family.name === name)?.series ?? []
}

function tallyOf(tallies: Map<string, Tally>, key: string, empty: () => Tally): Tally {
  let tally = tallies.get(key)
  if (tally === undefined) {
    tally = empty()
    tallies.set(key, tally)
  }
  return tally
}
