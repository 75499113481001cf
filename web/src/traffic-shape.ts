/** What `GET /traffic` tells; its description says what each field means. */
import { dictionary, list, nullable, number, object, oneOf, type Shaped, text } from './shape.ts'

const tally = object({ name: text, requests: number, failed: number, refused: number, durations: list(number) })
export type Tally = Shaped<typeof tally>

const trouble = object({ severity: oneOf('bad', 'warn'), kind: text, name: text, says: text })
export type Trouble = Shaped<typeof trouble>

export const trafficShape = object({
  instance: text,
  at: text,
  statuses: dictionary(number),
  errors: dictionary(number),
  durations: object({ boundsMs: list(number), counts: list(number) }),
  window: object({
    seconds: number,
    errors: dictionary(number),
    routes: list(tally),
    routesActive: number,
    services: list(tally),
    servicesActive: number,
  }),
  gateway: object({
    inFlight: number,
    connections: number,
    upstreamConnections: number,
    workersServing: number,
    workersWanted: number,
    memoryBytes: number,
    busyRatio: number,
    eventLoopDelayMs: object({ p50: number, p99: number, max: number }),
  }),
  config: object({ runningRevision: nullable(text), wantedRevision: nullable(text), loadedAt: nullable(text), lastError: nullable(text) }),
  troubles: list(trouble),
  troublesTotal: number,
  caches: list(object({ policy: text, hits: number, misses: number, stale: number, bypassed: number })),
  limitHits: dictionary(number),
})
export type Traffic = Shaped<typeof trafficShape>
