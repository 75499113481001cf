import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ConfigSource,
  FRAGMENTS_MAX,
  type Fragment,
  type SourceContext,
  type SourceEvents,
  type SourceWatch,
} from '../../core/config-source.ts'
import { membersOf } from '../../core/members.ts'

import { Backoff } from '../../discovery/backoff.ts'
import { RegistryError } from '../../discovery/registry-client.ts'
import { parseSourceUrl, type SourceUrl, SourceUrlError } from '../source-url.ts'
import { TLS_PARAMETERS } from '../tls-files.ts'
import { EtcdClient, type EtcdCredentials, refusalOf } from './client.ts'
import { type KeyRange, type RangeContent, rangeOf, readRange } from './keys.ts'

/**
 * How long a watch may say nothing before all is read again: etcd says by itself only every ten minutes that it is still there, and what
 * swallows a connection silently would otherwise hide changes as long.
 */
const SILENCE_MS = 60_000
/** Keys that are written one after the other are mostly meant together. */
const SETTLE_MS = 100

export interface EtcdTimes {
  readonly silenceMs?: number
  readonly settleMs?: number
  readonly backoff?: Backoff
}

/**
 * `etcd://[user:password@]host:port[,host:port…]/key` or `…/prefix/`, `etcds://` over TLS. User and password may come from ETCD_USERNAME and
 * ETCD_PASSWORD instead.
 * @throws a {@link SourceUrlError} when the address cannot be used
 */
export function openEtcd(address: string, { env }: Pick<SourceContext, 'env'>, times: EtcdTimes = {}): ConfigSource {
  const url = parseSourceUrl(address, TLS_PARAMETERS)
  if (url.path === '')
    throw new SourceUrlError(`${url.name} names no key: a prefix ends with a slash, as ${url.name.replace(/\/$/, '')}/turnpike/`)
  const credentials = url.credentials ?? credentialsOf(env)
  return {
    name: url.name,
    read: async () => {
      const client = new EtcdClient(url, credentials)
      try {
        return (await readWithAnyMember(client, url)).fragments
      } finally {
        client.close()
      }
    },
    watch: (events) => new EtcdWatch(url, credentials, events, times),
  }
}

function credentialsOf(env: SourceContext['env']): EtcdCredentials | null {
  const user = env['ETCD_USERNAME'] ?? ''
  return user === '' ? null : { user, password: env['ETCD_PASSWORD'] ?? '' }
}

/** Asks each member once, until one answers. */
async function readWithAnyMember(client: EtcdClient, url: SourceUrl): Promise<RangeContent> {
  for (let left = url.hosts.length; ; left--) {
    try {
      return await readAll(client, url)
    } catch (error) {
      if (left <= 1) throw error
    }
  }
}

/** All keys of one revision: one range is one read of the store. Linearizable, so that no member that lags behind takes us back. */
async function readAll(client: EtcdClient, url: SourceUrl, signal?: AbortSignal): Promise<RangeContent> {
  const answer = await client.call('/v3/kv/range', { ...rangeOf(url.path), limit: FRAGMENTS_MAX }, signal)
  const store = url.name.slice(0, url.name.indexOf('/', url.name.indexOf('://') + 3))
  try {
    return readRange(answer, store)
  } catch (error) {
    throw new RegistryError(`${store} ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/**
 * Reads, then watches from the next revision on, and reads again when the watch tells of an event, is silent for long, or has to begin at a revision
 * that has been compacted. So a change between the two is not missed, and what is told is always all of one revision.
 */
class EtcdWatch implements SourceWatch {
  readonly #url: SourceUrl
  readonly #range: KeyRange
  readonly #client: EtcdClient
  readonly #events: SourceEvents
  readonly #silenceMs: number
  readonly #settleMs: number
  readonly #backoff: Backoff
  #isClosed = false
  #isDegraded = false
  /** What was told last, to be compared. */
  #told: string | null = null
  /** Ends what is waited for: a pause or a watch. */
  #wait = new AbortController()

  constructor(url: SourceUrl, credentials: EtcdCredentials | null, events: SourceEvents, times: EtcdTimes) {
    this.#url = url
    this.#range = rangeOf(url.path)
    this.#client = new EtcdClient(url, credentials)
    this.#events = events
    this.#silenceMs = times.silenceMs ?? SILENCE_MS
    this.#settleMs = times.settleMs ?? SETTLE_MS
    this.#backoff = times.backoff ?? new Backoff()
    void this.#run()
  }

  refresh(): void {
    this.#wait.abort()
  }

  close(): void {
    this.#isClosed = true
    this.#wait.abort()
    this.#client.close()
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#wait = new AbortController()
      const { signal } = this.#wait
      try {
        const { revision, fragments } = await readAll(this.#client, this.#url)
        if (this.#isClosed) return
        this.#tell(fragments)
        await this.#untilChange(revision, signal)
        // Not before: what can be read and not be watched is asked less and less often.
        this.#backoff.reset()
      } catch (error) {
        // Closed, or asked to read again at once.
        if (signal.aborted) continue
        this.#isDegraded = true
        this.#events.onDegraded(error instanceof Error ? error.message : String(error))
        await sleep(this.#backoff.nextMs(), undefined, { signal }).catch(() => undefined)
      }
    }
  }

  #tell(fragments: readonly Fragment[]): void {
    const content = JSON.stringify(fragments)
    if (content === this.#told) return
    this.#told = content
    this.#events.onFragments(fragments)
  }

  /** Resolves when what was read at a revision may not be what is there now. */
  async #untilChange(revision: bigint, signal: AbortSignal): Promise<void> {
    const request = { create_request: { ...this.#range, start_revision: String(revision + 1n) } }
    const stream = await this.#client.stream('/v3/watch', request, this.#silenceMs, signal)
    const began = performance.now()
    try {
      for await (const line of stream.lines) if (await this.#isChange(line, signal)) return
      // A member that shuts down ends its watches.
      throw new RegistryError(`${this.#url.name}: the watch was ended`)
    } catch (error) {
      // A watch that has lasted, and was silent or broke off in the end, is no failure yet: reading again shows what is the matter.
      if (signal.aborted || performance.now() - began >= this.#silenceMs) return
      this.#client.leaveMember()
      throw error
    } finally {
      stream.close()
    }
  }

  /** The store can be read and watched. */
  #recover(): void {
    if (!this.#isDegraded) return
    this.#isDegraded = false
    this.#events.onDegraded(null)
  }

  /** Whether a line of a watch says that there is something new to read. */
  async #isChange(line: string, signal: AbortSignal): Promise<boolean> {
    if (line.trim() === '') return false
    const { result, error } = membersOf(parse(line))
    if (error !== undefined) throw refusalOf(this.#url.name, 'ended the watch', JSON.stringify(error))
    const { canceled = false, cancel_reason: reason = '', compact_revision: compacted, events } = membersOf(result)
    const isCompacted = canceled === true && compacted !== undefined
    if (canceled === true && !isCompacted) throw refusalOf(this.#url.name, 'ended the watch', String(reason))
    this.#recover()
    // What was compacted is read as it is now.
    if (!isCompacted && (!Array.isArray(events) || events.length === 0)) return false
    await sleep(this.#settleMs, undefined, { signal })
    return true
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new RegistryError('etcd told a line that is not JSON')
  }
}
