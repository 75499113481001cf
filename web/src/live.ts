import { signal } from '@preact/signals'
import { ApiError, askText } from './api.ts'
import { growth, parseMetrics, quantile, type Reading, type Sample, sum } from './metrics.ts'

const POLL_MS = 2_000
const WINDOW_S = 15 * 60
/** Of the tables, so that a quiet route still has percentiles. */
const TABLE_READINGS = 30

/** One point of the charts. */
export interface Point {
  readonly time: number
  readonly rate: number
  readonly errors: number
  readonly p50: number | null
  readonly p90: number | null
  readonly p99: number | null
}

const readings: { readonly time: number; readonly reading: Reading }[] = []
export const points = signal<readonly Point[]>([])
export const current = signal<Reading | null>(null)
/** Why nothing new comes; empty when it does. */
export const liveError = signal('')

/** What counters grew by over the last minute, and how many seconds that is. */
export function lastMinute(name: string): { readonly grown: Sample[]; readonly seconds: number } {
  const last = readings.at(-1)
  const first = readings[0]
  if (last === undefined || first === undefined || last === first) return { grown: [], seconds: 1 }
  return { grown: growth(last.reading, first.reading, name), seconds: last.time - first.time }
}

async function poll(): Promise<void> {
  try {
    const reading = parseMetrics(await askText('/metrics'))
    const time = Date.now() / 1_000
    const before = readings.at(-1)
    readings.push({ time, reading })
    if (readings.length > TABLE_READINGS) readings.shift()
    if (before !== undefined) {
      const seconds = time - before.time
      const buckets = growth(reading, before.reading, 'gateway_request_duration_ms_bucket')
      const point = {
        time,
        rate: sum(growth(reading, before.reading, 'gateway_requests_total')) / seconds,
        errors: sum(growth(reading, before.reading, 'gateway_errors_total')) / seconds,
        p50: quantile(buckets, 0.5),
        p90: quantile(buckets, 0.9),
        p99: quantile(buckets, 0.99),
      }
      points.value = [...points.value.filter((old) => old.time > time - WINDOW_S), point]
    }
    current.value = reading
    liveError.value = ''
  } catch (error) {
    liveError.value = error instanceof ApiError ? error.message : 'The metrics cannot be read.'
  }
}

/** Asks until the page is closed, and not while nobody looks. */
export async function live(): Promise<never> {
  for (;;) {
    if (!document.hidden) await poll()
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
