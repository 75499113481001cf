import { z } from '../core/schema.ts'
import { growthOf, seriesOf, sumOf, sumsBy, type Tally } from '../telemetry/traffic.ts'
import { type Answer, json } from './answer.ts'
import { compressed } from './compressed.ts'
import type { Call, Endpoint } from './endpoint.ts'
import type { AdminParts } from './parts.ts'
import type { TrafficLook } from './traffic-desk.ts'
import { troublesOf } from './traffic-troubles.ts'

/** Routes, and services, with most requests. */
const BUSIEST_MAX = 50
/** Besides them, those with most failures: what fails is seldom what is asked for most. */
const FAILING_MAX = 20
const TROUBLES_MAX = 50
/** Policies with a cache, and codes of errors, are few; this is a bound for all that. */
const ENTRIES_MAX = 200

/** Traffic as one small answer, however many routes there are. */
export const TRAFFIC_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/traffic',
    role: 'read',
    summary: 'Traffic, summed up for who looks often: totals, the busiest and the most failing routes and services, and what is wrong.',
    response: { schema: trafficSchema, description: 'Counters since the start, and what happened in a window of about a minute.' },
    answer: traffic,
  },
]

async function traffic({ traffic: desk }: AdminParts, { request }: Call): Promise<Answer> {
  const look = await desk.look()
  const { dump, now, status } = look
  const troubles = troublesOf(look)
  return compressed(
    request,
    json({
      instance: desk.instance,
      at: new Date(now.atMs).toISOString(),
      statuses: some(now.statuses),
      errors: some(now.errors),
      durations: { boundsMs: now.boundsMs, counts: Array.from(now.total.durations) },
      window: windowOf(look),
      gateway: gatewayOf(look),
      config: {
        runningRevision: status.runningRevision,
        wantedRevision: status.wantedRevision,
        loadedAt: status.loadedAtMs === null ? null : new Date(status.loadedAtMs).toISOString(),
        lastError: status.lastError,
      },
      troubles: troubles.slice(0, TROUBLES_MAX),
      troublesTotal: troubles.length,
      caches: cachesOf(look),
      limitHits: some(sumsBy(dump, 'gateway_rate_limit_hits_total', 'limiter_type')),
    }),
  )
}

function some(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].slice(0, ENTRIES_MAX))
}

function windowOf({ now, before }: TrafficLook) {
  if (before === null) return { seconds: 0, errors: {}, routes: [], routesActive: 0, services: [], servicesActive: 0 }
  const routes = growths(now.routes, before.routes)
  const services = growths(now.services, before.services)
  const errors = [...now.errors].map(([code, count]): [string, number] => {
    const old = before.errors.get(code) ?? 0
    return [code, count >= old ? count - old : count]
  })
  return {
    seconds: (now.atMs - before.atMs) / 1_000,
    errors: some(new Map(errors.filter(([, count]) => count > 0))),
    routes: worthTelling(routes),
    routesActive: routes.length,
    services: worthTelling(services),
    servicesActive: services.length,
  }
}

type Named = readonly [name: string, tally: Tally]

function growths(now: ReadonlyMap<string, Tally>, before: ReadonlyMap<string, Tally>): Named[] {
  return [...now].map(([name, tally]): Named => [name, growthOf(tally, before.get(name))]).filter(([, { requests }]) => requests > 0)
}

function worthTelling(all: readonly Named[]) {
  const busiest = all.toSorted(([, a], [, b]) => b.requests - a.requests)
  const failing = busiest.filter(([, { failed }]) => failed > 0).toSorted(([, a], [, b]) => b.failed - a.failed)
  const told = new Map([...busiest.slice(0, BUSIEST_MAX), ...failing.slice(0, FAILING_MAX)])
  return [...told].map(([name, { durations, ...counts }]) => ({ name, ...counts, durations: Array.from(durations) }))
}

function gatewayOf({ dump, status }: TrafficLook) {
  const delays = seriesOf(dump, 'gateway_worker_event_loop_delay_seconds')
  const worst = (statistic: string): number =>
    1_000 * Math.max(0, ...delays.filter(({ labels }) => labels['statistic'] === statistic).map(({ values }) => values[0] ?? 0))
  return {
    inFlight: sumOf(dump, 'gateway_requests_in_flight'),
    connections: sumOf(dump, 'gateway_connections'),
    upstreamConnections: sumOf(dump, 'gateway_upstream_connections'),
    workersServing: status.workersServing,
    workersWanted: status.workersWanted,
    memoryBytes: sumOf(dump, 'gateway_worker_memory_bytes'),
    busyRatio: Math.max(0, ...sumsBy(dump, 'gateway_worker_event_loop_utilization_ratio', 'worker').values()),
    eventLoopDelayMs: { p50: worst('p50'), p99: worst('p99'), max: worst('max') },
  }
}

function cachesOf({ dump }: TrafficLook) {
  const of = (what: string) => sumsBy(dump, `gateway_cache_${what}_total`, 'policy')
  const [hits, misses, stale, bypassed] = [of('hit'), of('miss'), of('stale'), of('bypass')]
  const policies = [...new Set([hits, misses, stale, bypassed].flatMap((counts) => [...counts.keys()]))]
  return policies.slice(0, ENTRIES_MAX).map((policy) => ({
    policy,
    hits: hits.get(policy) ?? 0,
    misses: misses.get(policy) ?? 0,
    stale: stale.get(policy) ?? 0,
    bypassed: bypassed.get(policy) ?? 0,
  }))
}

function trafficSchema() {
  const counts = (what: string) => z.record(z.string(), z.number()).describe(what)
  const buckets = z.array(z.number()).describe('Requests by how long they took: one number for each bucket, and one for all beyond.')
  const tallies = z.array(
    z.object({
      name: z.string(),
      requests: z.number(),
      failed: z.number().describe('Answered with 5xx.'),
      refused: z.number().describe('Answered with 4xx.'),
      durations: buckets,
    }),
  )
  return z.object({
    instance: z.string().describe('Another one after a restart: counters have begun anew.'),
    at: z.string().describe('When it was read, in ISO 8601.'),
    statuses: counts('Requests since the start, by `2xx`, …; `gone` for clients that had gone before.'),
    errors: counts('Exchanges since the start that ended without the answer asked for, by code.'),
    durations: z.object({ boundsMs: z.array(z.number()), counts: buckets }),
    window: z.object({
      seconds: z.number().describe('How long it is: 0 when nobody has looked for a while, then up to about 80.'),
      errors: counts('By code.'),
      routes: tallies.describe(`By pattern: the ${BUSIEST_MAX} busiest, and the ${FAILING_MAX} that fail most.`),
      routesActive: z.int().describe('Routes that had any.'),
      services: tallies.describe('The same of services.'),
      servicesActive: z.int(),
    }),
    gateway: z.object({
      inFlight: z.number(),
      connections: z.number(),
      upstreamConnections: z.number(),
      workersServing: z.int(),
      workersWanted: z.int(),
      memoryBytes: z.number().describe('Of all workers.'),
      busyRatio: z.number().describe('Share of the time in which the event loop of the busiest worker is busy.'),
      eventLoopDelayMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }).describe('Of the worst worker.'),
    }),
    config: z.object({
      runningRevision: z.string().nullable(),
      wantedRevision: z.string().nullable(),
      loadedAt: z.string().nullable(),
      lastError: z.string().nullable(),
    }),
    troubles: z
      .array(z.object({ severity: z.enum(['bad', 'warn']), kind: z.string(), name: z.string(), says: z.string() }))
      .describe(`What should be looked at, the bad first; at most ${TROUBLES_MAX}.`),
    troublesTotal: z.int(),
    caches: z
      .array(z.object({ policy: z.string(), hits: z.number(), misses: z.number(), stale: z.number(), bypassed: z.number() }))
      .describe('Since the start.'),
    limitHits: counts('Requests since the start that a limit refused, by what it counts by.'),
  })
}
