import type { Clock } from '../../core/clock.ts'
import type { Counter, Histogram, Metrics } from '../../core/observe.ts'
import { ALIASES_MAX, type Answer, readResponse } from './answer.ts'
import { bareName, type DnsResponse, type Question } from './message.ts'
import type { Places } from './places.ts'
import { askServer, DnsFault, type DnsServer, type FaultKind } from './query.ts'
import { serverText } from './servers.ts'

/** An answer and who gave it. */
export interface Resolved {
  readonly answer: Answer
  /** `host:port`; `hosts` for what no server was asked. */
  readonly server: string
}

/** Answers a question, or rejects with an error whose message says why nobody could. */
export type Resolve = (question: Question, signal: AbortSignal) => Promise<Resolved>

/** The first time round; a server that looks a name up for others has it at hand when it is asked again. */
const FIRST_TRY_MS = 1_000
const LATER_TRY_MS = 2_000
const ROUNDS = 2
/** For all tries at all servers together. */
const TOTAL_MS = 5_000
const LATENCY_BOUNDS_SECONDS = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2]

type QueryResult = 'found' | 'none' | FaultKind
const RESULTS: readonly QueryResult[] = ['found', 'none', 'timeout', 'unreachable', 'malformed', 'refused']

export interface ResolverParts {
  readonly clock: Clock
  readonly metrics: Metrics
  /** In the order in which they are to be asked; read for each question. */
  readonly servers: () => readonly DnsServer[]
  /** One for each question that is under way. */
  readonly places: Places
}

/** Asks servers in turn, the one that answered last first. */
export class DnsResolver {
  readonly #parts: ResolverParts
  readonly #queries: ReadonlyMap<QueryResult, Counter>
  readonly #latency: Histogram
  #lastServer = ''

  constructor(parts: ResolverParts) {
    this.#parts = parts
    const { metrics } = parts
    const help = 'Questions to DNS servers by what came of them.'
    this.#queries = new Map(RESULTS.map((result) => [result, metrics.counter('gateway_dns_queries_total', help, { result })]))
    this.#latency = metrics.histogram('gateway_dns_latency_seconds', 'Time until a DNS server answered.', LATENCY_BOUNDS_SECONDS, {})
  }

  /**
   * Resolves within 5 s of having a place. A name that is not there is an answer as well; it rejects only when no server gives one.
   * Aliases are followed, also where a server does not; their least time to live is the answer's.
   */
  readonly resolve: Resolve = (question, signal) => this.#parts.places.run(() => this.#resolve(question, signal))

  async #resolve(question: Question, signal: AbortSignal): Promise<Resolved> {
    const untilMs = this.#parts.clock.now() + TOTAL_MS
    let name = bareName(question.name)
    let ttlMs = Number.POSITIVE_INFINITY
    for (let links = 0; links <= ALIASES_MAX; links++) {
      const { reading, server } = await this.#askAll({ name, type: question.type }, untilMs, signal)
      ttlMs = Math.min(ttlMs, reading.ttlMs)
      if (reading.kind !== 'alias') return { answer: { ...reading, ttlMs }, server }
      name = reading.name
    }
    throw new Error(`more than ${ALIASES_MAX} aliases (CNAME) in a row`)
  }

  async #askAll(question: Question, untilMs: number, signal: AbortSignal) {
    const { clock } = this.#parts
    const faults = new Map<string, DnsFault>()
    const servers = this.#parts
      .servers()
      .toSorted((a, b) => Number(serverText(b) === this.#lastServer) - Number(serverText(a) === this.#lastServer))
    for (let round = 0; round < ROUNDS; round++) {
      for (const server of servers) {
        const leftMs = Math.ceil(untilMs - clock.now())
        if (leftMs <= 0) break
        const text = serverText(server)
        // Asked again is who may not have heard it; who has refused would refuse again.
        if ((faults.get(text)?.kind ?? 'timeout') !== 'timeout') continue
        try {
          const reading = await this.#askOne(server, question, Math.min(leftMs, round === 0 ? FIRST_TRY_MS : LATER_TRY_MS), signal)
          this.#lastServer = text
          return { reading, server: text }
        } catch (error) {
          if (!(error instanceof DnsFault)) throw error
          faults.set(text, error)
        }
      }
    }
    const words = [...faults].map(([server, { message }]) => `${server}: ${message}`)
    throw new Error(words.length > 0 ? words.join('; ') : 'there is no DNS server to ask')
  }

  async #askOne(server: DnsServer, question: Question, timeoutMs: number, signal: AbortSignal) {
    const { clock } = this.#parts
    const startedAt = clock.now()
    try {
      const response: DnsResponse = await askServer(server, question, timeoutMs, signal)
      this.#latency.observe((clock.now() - startedAt) / 1_000)
      const reading = readResponse(response, question)
      if (reading.kind === 'fault') throw new DnsFault('refused', reading.reason)
      this.#queries.get(reading.kind === 'none' ? 'none' : 'found')?.add(1)
      return reading
    } catch (error) {
      if (error instanceof DnsFault) this.#queries.get(error.kind)?.add(1)
      throw error
    }
  }
}
