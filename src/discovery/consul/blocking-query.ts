import { Backoff, TokenBucket } from '../backoff.ts'
import { type RegistryAnswer, type RegistryClient, RegistryError, type RegistryHeaders } from '../registry-client.ts'

const ANSWER_TIMEOUT_MS = 10_000
const BYTES_MAX = 16 * 2 ** 20
/** So many answers at once, then one for each {@link REFILL_MS}. */
const BURST = 10
const REFILL_MS = 100
/** How often a query may be cut short by {@link BlockingQuery.askNow}. */
const ASK_NOW_MS = 10_000
const COMPLAINT_CHARS_MAX = 200

/** An answer and what its index says. */
export interface ConsulAnswer {
  readonly answer: RegistryAnswer
  /** The index is lower than that of the answer before: Consul was restored, or has lost its data. */
  readonly wentBack: boolean
}

export interface BlockingQueryOptions {
  readonly client: RegistryClient
  /** With its query, which says neither `index` nor `wait`. */
  readonly path: string
  readonly token: string | null
  readonly waitMs: number
  /** Takes 404, which says of a key that it is not there, for an answer. */
  readonly takesMissing: boolean
  /** What a token needs, in words: `service:read for orders`. */
  readonly rights: string
  /** Takes an answer that may differ from the one before. What it throws is a failure, too. */
  readonly onAnswer: (answer: ConsulAnswer) => void
  /** There is no answer, for a reason in words. The query is asked again by itself. */
  readonly onFailure: (reason: string) => void
  /** For an answer that Consul gives at once, and on top of the time that it may wait. Default: 10 s. */
  readonly answerTimeoutMs?: number
  readonly backoff?: Backoff
}

/**
 * Asks Consul one thing for as long as it is open, by blocking queries: Consul answers when there is a change, or when it has waited long
 * enough. The rules for indexes are those of Consul's documentation: an index that goes back is dropped, none is below 1, and queries are
 * limited in rate.
 *
 * @see https://developer.hashicorp.com/consul/api-docs/features/blocking
 */
export class BlockingQuery {
  readonly #options: BlockingQueryOptions
  readonly #headers: RegistryHeaders
  readonly #backoff: Backoff
  readonly #bucket = new TokenBucket(BURST, REFILL_MS, performance.now())
  /** Of the last answer; 0 before the first. */
  #lastIndex = 0
  /** What the next query waits at; 0 for an answer at once. */
  #index = 0
  #isClosed = false
  /** Ends the query under way. */
  #stop = new AbortController()
  #wasCut = false
  #askedNowAt = Number.NEGATIVE_INFINITY
  /** Ends a pause before its time. */
  #wake: (() => void) | null = null

  constructor(options: BlockingQueryOptions) {
    this.#options = options
    this.#headers = options.token === null ? {} : { 'x-consul-token': options.token }
    this.#backoff = options.backoff ?? new Backoff()
    void this.#run()
  }

  /** Cuts the query under way short: what is known may be old. Not more often than every 10 s. */
  askNow(): void {
    const now = performance.now()
    if (this.#index === 0 || now - this.#askedNowAt < ASK_NOW_MS) return
    this.#askedNowAt = now
    this.#wasCut = true
    this.#stop.abort()
  }

  close(): void {
    this.#isClosed = true
    this.#stop.abort()
    this.#wake?.()
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const pauseMs = this.#bucket.takeMs(performance.now())
      if (pauseMs > 0) await this.#pause(pauseMs)
      if (this.#isClosed) return
      try {
        await this.#ask()
        this.#backoff.reset()
      } catch (error) {
        // An agent that was started anew may be at a lower index, and would wait for this one.
        this.#index = 0
        if (this.#isClosed) return
        if (this.#wasCut) continue
        this.#options.onFailure(error instanceof Error ? error.message : String(error))
        await this.#pause(this.#backoff.nextMs())
      }
    }
  }

  async #ask(): Promise<void> {
    const { client, path, waitMs, onAnswer, answerTimeoutMs = ANSWER_TIMEOUT_MS } = this.#options
    const index = this.#index
    this.#stop = new AbortController()
    this.#wasCut = false
    // Consul adds up to a sixteenth of the time by itself, so that many queries do not end together.
    const timeoutMs = answerTimeoutMs + (index === 0 ? 0 : waitMs * (1 + 1 / 16))
    const asked = index === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}index=${index}&wait=${waitMs}ms`
    const answer = await client.request('GET', asked, this.#headers, { timeoutMs, bytesMax: BYTES_MAX, signal: this.#stop.signal })
    if (this.#isClosed) return
    this.#check(answer)
    const next = this.#indexOf(answer)
    if (index !== 0 && next === index) return
    const wentBack = next < this.#lastIndex
    onAnswer({ answer, wentBack })
    // Dropped when it goes back: what is waited for might be above it for long.
    this.#index = wentBack ? 0 : next
    this.#lastIndex = next
  }

  /** Throws, in words that help, when it is no answer. */
  #check({ status, text }: RegistryAnswer): void {
    const { client, takesMissing, rights } = this.#options
    if (status === 200 || (status === 404 && takesMissing)) return
    const complaint = text
      .trim()
      .slice(0, COMPLAINT_CHARS_MAX)
      .replaceAll(/\p{Cc}/gu, ' ')
    const said = `${client.host} answered ${status}${complaint === '' ? '' : `: ${complaint}`}`
    if (status === 401 || status === 403) throw new RegistryError(`${said}; the token needs ${rights}`)
    if (status === 404) throw new RegistryError(`${client.host} has no Consul API: it answered 404`)
    if (status === 429) throw new RegistryError(`${said}; Consul's \`http_max_conns_per_client\` may be too low`)
    throw new RegistryError(said)
  }

  #indexOf({ headers }: RegistryAnswer): number {
    const written = headers['x-consul-index']
    if (typeof written !== 'string' || !/^\d{1,15}$/.test(written))
      throw new RegistryError(`${this.#options.client.host} has no Consul API: it answered without \`X-Consul-Index\``)
    // Some versions have told 0, at which a query would not wait. Any index above it will do for that.
    return Math.max(1, Number(written))
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
