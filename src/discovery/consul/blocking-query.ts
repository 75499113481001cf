import { Backoff, TokenBucket } from '../backoff.ts'
import { type RegistryAnswer, type RegistryClient, RegistryError, type RegistryHeaders } from '../registry-client.ts'

const ANSWER_TIMEOUT_MS = 10_000
const BYTES_MAX = 16 * 2 ** 20
/** So many answers at once, then one for each {@link REFILL_MS}. */
const BURST = 10
const REFILL_MS = 100
const COMPLAINT_CHARS_MAX = 200

/** An answer and what its index says. */
export interface ConsulAnswer {
  readonly answer: RegistryAnswer
  /** The index is lower than that of the answer before: Consul was restored, or has lost its data. */
  readonly wentBack: boolean
}

/** What is asked. */
export interface ConsulQuestion {
  /** With its query, which says neither `index` nor `wait`. */
  readonly path: string
  readonly token: string | null
  /** Takes 404, which says of a key that it is not there, for an answer. */
  readonly takesMissing: boolean
  /** What a token needs, in words: `service:read for orders`. */
  readonly rights: string
  /** Of an answer. Default: 16 MiB. */
  readonly bytesMax?: number
  /** For an answer that Consul gives at once, and on top of the time that it may wait. Default: 10 s. */
  readonly answerTimeoutMs?: number
}

export interface BlockingQueryOptions extends ConsulQuestion {
  /** Gives who is to be asked, at first and after each failure; closing it is left to the giver. */
  readonly connect: () => RegistryClient | Promise<RegistryClient>
  readonly waitMs: number
  /** Takes an answer that may differ from the one before. What it throws is a failure, too. */
  readonly onAnswer: (answer: ConsulAnswer) => void
  /** There is no answer, for a reason in words. The query is asked again by itself. */
  readonly onFailure: (reason: string) => void
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
  readonly #backoff: Backoff
  readonly #bucket = new TokenBucket(BURST, REFILL_MS, performance.now())
  /** Null before the first query and after a failure. */
  #client: RegistryClient | null = null
  /** Of the last answer; 0 before the first. */
  #lastIndex = 0
  /** What the next query waits at; 0 for an answer at once. */
  #index = 0
  #isClosed = false
  /** Ends the query under way. */
  #stop: AbortController | null = null
  #wasCut = false
  /** Ends a pause before its time. */
  #wake: (() => void) | null = null

  constructor(options: BlockingQueryOptions) {
    this.#options = options
    this.#backoff = options.backoff ?? new Backoff()
    void this.#run()
  }

  /** Cuts a wait short: what is known may be old. */
  askNow(): void {
    this.#wake?.()
    if (this.#stop === null || this.#index === 0) return
    this.#wasCut = true
    this.#stop.abort()
  }

  close(): void {
    this.#isClosed = true
    this.#stop?.abort()
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
        this.#client = null
        this.#options.onFailure(error instanceof Error ? error.message : String(error))
        await this.#pause(this.#backoff.nextMs())
      } finally {
        this.#stop = null
      }
    }
  }

  async #ask(): Promise<void> {
    const { path, waitMs, onAnswer, connect } = this.#options
    const index = this.#index
    this.#wasCut = false
    const client = this.#client ?? (await connect())
    this.#client = client
    if (this.#isClosed) return
    this.#stop = new AbortController()
    const asked = index === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}index=${index}&wait=${waitMs}ms`
    // Consul adds up to a sixteenth of the time by itself, so that many queries do not end together.
    const waitMaxMs = index === 0 ? 0 : waitMs * (1 + 1 / 16)
    const answer = await askConsul(client, { ...this.#options, path: asked }, waitMaxMs, this.#stop.signal)
    if (this.#isClosed) return
    const next = indexOf(answer, client)
    if (index !== 0 && next === index) return
    const wentBack = next < this.#lastIndex
    onAnswer({ answer, wentBack })
    // Dropped when it goes back: what is waited for might be above it for long.
    this.#index = wentBack ? 0 : next
    this.#lastIndex = next
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

/** Asks once. Rejects with a {@link RegistryError}, in words that help, when there is no answer. @param waitMs what Consul may take besides */
export async function askConsul(
  client: RegistryClient,
  question: ConsulQuestion,
  waitMs = 0,
  signal?: AbortSignal,
): Promise<RegistryAnswer> {
  const { path, token, takesMissing, rights, bytesMax = BYTES_MAX, answerTimeoutMs = ANSWER_TIMEOUT_MS } = question
  const headers: RegistryHeaders = token === null ? {} : { 'x-consul-token': token }
  const options = { timeoutMs: answerTimeoutMs + waitMs, bytesMax, ...(signal && { signal }) }
  const answer = await client.request('GET', path, headers, options)
  const { status, text } = answer
  // Who may not see something gets an answer without it and, since Consul 1.12, this field.
  if (answer.headers['x-consul-results-filtered-by-acls'] === 'true' && (status === 404 || /^\s*\[\s*\]\s*$/.test(text)))
    throw new RegistryError(`${client.host} hides what the token may not see: it needs ${rights}`)
  if (status === 200 || (status === 404 && takesMissing)) return answer
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

function indexOf({ headers }: RegistryAnswer, client: RegistryClient): number {
  const written = headers['x-consul-index']
  if (typeof written !== 'string' || !/^\d{1,15}$/.test(written))
    throw new RegistryError(`${client.host} has no Consul API: it answered without \`X-Consul-Index\``)
  // Some versions have told 0, at which a query would not wait. Any index above it will do for that.
  return Math.max(1, Number(written))
}
