import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import type { Counter, Logger, Metrics } from '../core/observe.ts'
import type { FamilyDump, MetricsDump } from './metrics.ts'

/** Where counts are sent to. */
export interface StatsdSettings {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** Put before every name. */
  readonly prefix: string
  readonly intervalMs: number
}

export interface StatsdParts {
  /** The numbers of all workers. */
  readonly dump: () => Promise<MetricsDump>
  readonly log: Logger
  readonly metrics: Metrics
  /** Opens a socket of `udp4` or `udp6`; Node's by default. */
  readonly openSocket?: (family: 4 | 6) => Socket
}

/** StatsD's names by those of our counters; the sum over all labels is sent. To send another one, add a line here and in docs/observability.md. */
export const STATSD_NAMES: ReadonlyMap<string, string> = new Map([
  ['gateway_requests_total', 'gateway.requests'],
  ['gateway_errors_total', 'gateway.errors'],
  ['gateway_rate_limit_hits_total', 'gateway.rate_limit.hits'],
  ['gateway_upstream_retries_total', 'gateway.upstream.retries'],
  ['gateway_cache_hit_total', 'gateway.cache.hit'],
  ['gateway_cache_miss_total', 'gateway.cache.miss'],
])

/** As {@link STATSD_NAMES}, of histograms in milliseconds: they are sent as timings. */
export const STATSD_TIMINGS: ReadonlyMap<string, string> = new Map([['gateway_request_duration_ms', 'gateway.request.duration']])

/** What passes every usual network in one piece: an Ethernet frame, less the heads of IPv6 and UDP, and some for tunnels. */
const DATAGRAM_BYTES_MAX = 1_432
/** A name server may take long; the end of the process does not wait for it. */
const LAST_FLUSH_MAX_MS = 1_000

/** Counts by the name of the counter; of a bucket of timings, by the name and the bucket's upper bound behind a blank. */
type Totals = ReadonlyMap<string, number>

/** A datagram, and the totals that have been told once it is sent. */
interface Datagram {
  readonly text: string
  readonly totals: Totals
}

/**
 * Tells a StatsD server how much counters grew, at an interval, by UDP. It reads what is counted anyway, so that a request costs nothing.
 *
 * What could not be sent is sent with the next flush. Sums that fall are taken as they are, and nothing is sent: within one process they
 * fall only because a worker died before it told its last numbers, never to begin anew.
 */
export class StatsdReporter {
  readonly #parts: StatsdParts
  readonly #errors: Counter
  #settings: StatsdSettings | null = null
  #timer: NodeJS.Timeout | null = null
  /** What the server has been told; null while nobody is, so that it is not told what was before. */
  #told: Map<string, number> | null = null
  /** Flushes one after the other. */
  #turn: Promise<void> = Promise.resolve()
  #isFlushing = false
  #isFailing = false

  constructor(parts: StatsdParts) {
    this.#parts = parts
    this.#errors = parts.metrics.counter('gateway_statsd_errors_total', 'Flushes to StatsD that failed.', {})
  }

  /** Takes what the configuration in force says, null for nobody to tell. The one before is told the rest first. */
  use(settings: StatsdSettings | null): void {
    const before = this.#settings
    if (JSON.stringify(before) === JSON.stringify(settings)) return
    this.#settings = settings
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = settings === null ? null : setInterval(() => this.#tick(settings), settings.intervalMs).unref()
    this.#enqueue(async () => {
      if (before !== null) await this.#flush(before)
      if (settings === null) this.#told = null
      else this.#told ??= totalsOf(await this.#parts.dump())
    })
  }

  /** Tells the rest and ends, within a second. Never rejects. */
  async close(): Promise<void> {
    const settings = this.#settings
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    this.#settings = null
    if (settings === null) return
    this.#enqueue(() => this.#flush(settings))
    const { promise: tooLong, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, LAST_FLUSH_MAX_MS)
    await Promise.race([this.#turn, tooLong])
    clearTimeout(timer)
  }

  /** A flush that takes longer than the interval makes the next one wait for the next tick. */
  #tick(settings: StatsdSettings): void {
    if (!this.#isFlushing) this.#enqueue(() => this.#flush(settings))
  }

  #enqueue(task: () => Promise<void>): void {
    this.#isFlushing = true
    const turn = this.#turn
      .then(task)
      .then(() => this.#onSent())
      .catch((error: unknown) => this.#onFailed(error))
      .finally(() => {
        if (this.#turn === turn) this.#isFlushing = false
      })
    this.#turn = turn
  }

  async #flush(settings: StatsdSettings): Promise<void> {
    const told = this.#told
    if (told === null) return
    const totals = totalsOf(await this.#parts.dump())
    for (const [name, total] of totals) if (total < (told.get(name) ?? 0)) told.set(name, total)
    const datagrams = datagramsOf(settings.prefix, told, totals)
    if (datagrams.length === 0) return
    // Servers that listen on IPv4 alone are the usual ones.
    const { address, family } = await lookup(settings.host, { order: 'ipv4first' })
    const socket = this.#open(family === 6 ? 6 : 4)
    try {
      for (const datagram of datagrams) {
        await sent(socket, datagram.text, settings.port, address)
        for (const [name, total] of datagram.totals) told.set(name, total)
      }
    } finally {
      socket.close()
    }
  }

  #open(family: 4 | 6): Socket {
    const open = this.#parts.openSocket ?? ((wanted: 4 | 6) => createSocket(wanted === 6 ? 'udp6' : 'udp4'))
    // Each send says by itself that it failed; without a listener an error would end the process.
    return open(family).on('error', () => {})
  }

  #onSent(): void {
    if (this.#isFailing) this.#parts.log.info({}, 'StatsD can be reached again')
    this.#isFailing = false
  }

  #onFailed(error: unknown): void {
    this.#errors.add(1)
    if (!this.#isFailing) {
      this.#parts.log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'StatsD cannot be reached')
    }
    this.#isFailing = true
  }
}

function sumAt(series: FamilyDump['series'], index: number): number {
  return series.reduce((sum, { values }) => sum + (values[index] ?? 0), 0)
}

/** What StatsD is told, each summed over its labels. */
function totalsOf(dump: MetricsDump): Map<string, number> {
  const totals = new Map<string, number>()
  for (const { name, series, bounds } of dump) {
    const counter = STATSD_NAMES.get(name)
    if (counter !== undefined) totals.set(counter, sumAt(series, 0))
    const timing = STATSD_TIMINGS.get(name)
    if (timing === undefined) continue
    for (const [i, bound] of bounds.entries()) totals.set(`${timing} ${bound}`, sumAt(series, i))
    // What lies above all bounds is told as the last of them: an underestimate, where anything else would be a guess.
    const last = `${timing} ${bounds.at(-1) ?? 0}`
    totals.set(last, (totals.get(last) ?? 0) + sumAt(series, bounds.length))
  }
  return totals
}

/**
 * `name:12|c`, and for a bucket of timings `name:25|ms|@0.01`: a sample that stands for a hundred of them. Servers take its rate into account;
 * in decimals, since not all of them read exponents.
 */
function lineOf(key: string, delta: number): string {
  const [name = '', boundMs] = key.split(' ')
  if (boundMs === undefined) return `${name}:${delta}|c`
  return `${name}:${boundMs}|ms${delta === 1 ? '' : `|@${(1 / delta).toFixed(12).replace(/0+$/, '')}`}`
}

/** A line each, as many lines in a datagram as fit. */
function datagramsOf(prefix: string, told: Totals, totals: Totals): Datagram[] {
  const datagrams: { text: string; totals: Map<string, number> }[] = []
  for (const [name, total] of totals) {
    const delta = total - (told.get(name) ?? 0)
    if (delta === 0) continue
    const line = `${prefix}${lineOf(name, delta)}`
    const last = datagrams.at(-1)
    // Names and prefixes are ASCII: as many bytes as characters.
    if (last === undefined || last.text.length + 1 + line.length > DATAGRAM_BYTES_MAX) {
      datagrams.push({ text: line, totals: new Map([[name, total]]) })
    } else {
      last.text += `\n${line}`
      last.totals.set(name, total)
    }
  }
  return datagrams
}

function sent(socket: Socket, text: string, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(text, port, address, (error) => (error === null ? resolve() : reject(error)))
  })
}
