import {
  type ConfigSource,
  FRAGMENTS_BYTES_MAX,
  type Fragment,
  type SourceContext,
  type SourceEvents,
  type SourceWatch,
} from '../../core/config-source.ts'
import type { Backoff } from '../../discovery/backoff.ts'
import { askConsul, BlockingQuery, type ConsulQuestion } from '../../discovery/consul/blocking-query.ts'
import { type RegistryAnswer, RegistryClient, RegistryError } from '../../discovery/registry-client.ts'
import { parseSourceUrl, type SourceUrl, SourceUrlError } from '../source-url.ts'
import { readTls, TLS_PARAMETERS } from '../tls-files.ts'
import { readKeys } from './keys.ts'

const PORT = '8500'
const TLS_PORT = '8501'
/** What swallows a connection silently hides changes for no longer. */
const WAIT_MS = 60_000
/** Keys that are written one after the other are mostly meant together. */
const SETTLE_MS = 100
/** As base64 with its names, what fragments may have. */
const ANSWER_BYTES_MAX = 1.5 * FRAGMENTS_BYTES_MAX

export interface ConsulSourceTimes {
  readonly settleMs?: number
  readonly backoff?: Backoff
}

/**
 * `consul://host:port/key` or `…/prefix/` in the key-value store, `consuls://` over TLS; `dc` names another datacenter than the agent's. The token
 * is taken from CONSUL_HTTP_TOKEN and needs `key:read`.
 * @throws a {@link SourceUrlError} when the address cannot be used
 */
export function openConsul(address: string, { env }: Pick<SourceContext, 'env'>, times: ConsulSourceTimes = {}): ConfigSource {
  const url = parseSourceUrl(address, [...TLS_PARAMETERS, 'dc'])
  if (url.path === '')
    throw new SourceUrlError(`${url.name} names no key: a prefix ends with a slash, as ${url.name.replace(/\/$/, '')}/turnpike/`)
  if (url.hosts.length > 1) throw new SourceUrlError(`${url.name}: expected one agent, which knows the others`)
  if (url.credentials !== null) throw new SourceUrlError(`${url.name}: expected no credentials: the token is taken from CONSUL_HTTP_TOKEN`)
  const question = questionOf(url, env['CONSUL_HTTP_TOKEN'] ?? '')
  return {
    name: url.name,
    read: async () => {
      const client = await connect(url)
      try {
        return readAnswer(await askConsul(client, question), url)
      } finally {
        client.close()
      }
    },
    watch: (events) => new ConsulKeysWatch(url, question, events, times),
  }
}

function questionOf({ path, parameters }: SourceUrl, token: string): ConsulQuestion {
  const query = new URLSearchParams()
  const datacenter = parameters.get('dc')
  if (datacenter !== undefined) query.set('dc', datacenter)
  if (path.endsWith('/')) query.set('recurse', '1')
  return {
    path: `/v1/kv/${path.split('/').map(encodeURIComponent).join('/')}?${query.toString()}`,
    token: token === '' ? null : token,
    takesMissing: true,
    rights: `key:read for ${path}`,
    bytesMax: ANSWER_BYTES_MAX,
  }
}

async function connect(url: SourceUrl): Promise<RegistryClient> {
  const tls = await readTls(url)
  const [host = ''] = url.hosts
  const withPort = /:\d+$/.test(host) ? host : `${host}:${url.isTls ? TLS_PORT : PORT}`
  return new RegistryClient(`${url.isTls ? 'https' : 'http'}://${withPort}`, tls)
}

/** All keys of one answer are of one moment. */
function readAnswer(answer: RegistryAnswer, { name }: SourceUrl): readonly Fragment[] {
  // Nothing is there.
  if (answer.status === 404) return []
  const store = name.slice(0, name.indexOf('/', name.indexOf('://') + 3))
  try {
    return readKeys(answer.json(), store)
  } catch (error) {
    if (error instanceof RegistryError) throw error
    throw new RegistryError(`the answer of ${store} ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

class ConsulKeysWatch implements SourceWatch {
  readonly #url: SourceUrl
  readonly #events: SourceEvents
  readonly #settleMs: number
  readonly #query: BlockingQuery
  #client: RegistryClient | null = null
  #isClosed = false
  #isDegraded = false
  #now: readonly Fragment[] = []
  /** What was told last, to be compared. */
  #told: string | null = null
  #settling: NodeJS.Timeout | null = null

  constructor(url: SourceUrl, question: ConsulQuestion, events: SourceEvents, { settleMs = SETTLE_MS, backoff }: ConsulSourceTimes) {
    this.#url = url
    this.#events = events
    this.#settleMs = settleMs
    this.#query = new BlockingQuery({
      ...question,
      connect: () => this.#connect(),
      waitMs: WAIT_MS,
      onAnswer: ({ answer }) => this.#onAnswer(readAnswer(answer, url)),
      onFailure: (reason) => {
        this.#isDegraded = true
        events.onDegraded(reason)
      },
      ...(backoff && { backoff }),
    })
  }

  refresh(): void {
    this.#query.askNow()
  }

  close(): void {
    this.#isClosed = true
    if (this.#settling !== null) clearTimeout(this.#settling)
    this.#query.close()
    this.#client?.close()
  }

  /** Anew after each failure: files of certificates may have been replaced. */
  async #connect(): Promise<RegistryClient> {
    this.#client?.close()
    const client = await connect(this.#url)
    if (this.#isClosed) client.close()
    this.#client = client
    return client
  }

  #onAnswer(fragments: readonly Fragment[]): void {
    if (this.#isDegraded) {
      this.#isDegraded = false
      this.#events.onDegraded(null)
    }
    this.#now = fragments
    if (this.#told === null) this.#tell()
    else this.#settling ??= setTimeout(() => this.#tell(), this.#settleMs)
  }

  #tell(): void {
    this.#settling = null
    const content = JSON.stringify(this.#now)
    if (content === this.#told) return
    this.#told = content
    this.#events.onFragments(this.#now)
  }
}
