import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/observe.ts'
import { Backoff } from '../backoff.ts'
import { RegistryError } from '../registry-client.ts'
import { ApiError, type KubernetesClient } from './client.ts'
import { isObject, nameOf, objectsIn, versionOf } from './objects.ts'

const PAGE_ITEMS = 100
/** Of a collection that is still watched. */
const ITEMS_MAX = 10_000
export interface ListWatchTimings {
  /** How long a watch is asked to last, give or take a fifth. */
  readonly watchMs: number
  /** How long one may say nothing: bookmarks come about once a minute. */
  readonly silenceMs: number
  /** One that ends sooner, and has said nothing, is a failure. */
  readonly shortWatchMs: number
  /** For an answer. */
  readonly answerMs: number
  /** Bounds of the pauses after failures. */
  readonly backoffMs: number
  readonly backoffMaxMs: number
  /** How old files with credentials may get before they are read again. */
  readonly accessMs: number
  /** At most so often the whole is asked for because somebody doubts it. */
  readonly refreshMs: number
}

export const TIMINGS: ListWatchTimings = {
  watchMs: 300_000,
  silenceMs: 90_000,
  shortWatchMs: 1_000,
  answerMs: 10_000,
  backoffMs: 500,
  backoffMaxMs: 30_000,
  accessMs: 60_000,
  refreshMs: 10_000,
}

export interface ListWatchOptions<T> {
  readonly client: KubernetesClient
  /** `/api/v1/namespaces/default/configmaps` */
  readonly path: string
  readonly selector: { readonly labelSelector: string } | { readonly fieldSelector: string }
  /** Null for what cannot be used; it is left out and told of in the log. */
  readonly read: (object: Readonly<Record<string, unknown>>) => T | null
  /** Runs after each list and before it is told; what it rejects with counts as a failure of the list. */
  readonly beforeItems?: (signal: AbortSignal) => Promise<void>
  /** By name, whole: after each list and each event. */
  readonly onItems: (items: ReadonlyMap<string, T>) => void
  /** Null when all is well again. */
  readonly onTrouble: (reason: string | null) => void
  readonly clock: Clock
  readonly log: Logger
  readonly timings: ListWatchTimings
}

/** The watch cannot be followed further. */
class WatchFault extends Error {}

/**
 * Follows a collection of the Kubernetes API: lists it, then watches from the version of the list on, and again from the last version
 * whenever a watch ends. It lists again when the API does not keep that version any more (410).
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export class ListWatch<T> {
  readonly #options: ListWatchOptions<T>
  #items = new Map<string, T>()
  /** Of what we know; null when the whole must be asked for. */
  #version: string | null = null
  /** When the whole was asked for. */
  #askedAtMs = Number.NEGATIVE_INFINITY
  readonly #backoff: Backoff
  /** Ends what is under way. */
  #abort = new AbortController()
  #isClosed = false
  #wake: () => void = () => undefined
  #refreshTimer: NodeJS.Timeout | null = null

  constructor(options: ListWatchOptions<T>) {
    this.#options = options
    const { timings, clock } = options
    this.#backoff = new Backoff({ minMs: timings.backoffMs, maxMs: timings.backoffMaxMs, random: () => clock.random() })
    void this.#run()
  }

  /** What is known may be wrong: asks for the whole now, or as soon as `refreshMs` allows. */
  refresh(): void {
    if (this.#refreshTimer !== null || this.#isClosed) return
    const { clock, timings } = this.#options
    const waitMs = this.#askedAtMs + timings.refreshMs - clock.now()
    if (waitMs <= 0) this.#askNow()
    else this.#refreshTimer = setTimeout(() => this.#askNow(), waitMs)
  }

  close(): void {
    this.#isClosed = true
    this.#abort.abort()
    this.#wake()
    if (this.#refreshTimer !== null) clearTimeout(this.#refreshTimer)
    this.#options.client.close()
  }

  #askNow(): void {
    this.#refreshTimer = null
    // Being asked for, or about to be when the pause is over.
    if (this.#version === null) return this.#wake()
    this.#version = null
    this.#abort.abort()
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        if (this.#abort.signal.aborted) this.#abort = new AbortController()
        this.#version ??= await this.#list()
        await this.#watch(this.#version)
      } catch (error) {
        await this.#recover(error)
      }
    }
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#isClosed || this.#abort.signal.aborted) return
    const isGone = error instanceof ApiError && error.isGone
    if (!isGone) this.#options.onTrouble(error instanceof Error ? error.message : String(error))
    // What was away may come back as another, restored from a backup, whose versions mean something else: only a list shows what is so.
    this.#version = null
    const leastMs = error instanceof ApiError ? Math.min(error.retryAfterMs, this.#options.timings.backoffMaxMs) : 0
    await this.#pause(Math.max(leastMs, this.#backoff.nextMs()))
  }

  // --- the whole

  /** @returns the version of what is told */
  async #list(): Promise<string> {
    const { clock, beforeItems, onItems } = this.#options
    const { signal } = this.#abort
    this.#askedAtMs = clock.now()
    const { items, version } = await this.#listPages(signal)
    await beforeItems?.(signal)
    this.#items = items
    onItems(items)
    return version
  }

  async #listPages(signal: AbortSignal): Promise<{ items: Map<string, T>; version: string }> {
    try {
      return await this.#listInPagesOf(PAGE_ITEMS, signal)
    } catch (error) {
      // The version of the first page was dropped before the last was asked for: what comes in one piece cannot be.
      if (error instanceof ApiError && error.isGone) return this.#listInPagesOf(0, signal)
      throw error
    }
  }

  async #listInPagesOf(limit: number, signal: AbortSignal): Promise<{ items: Map<string, T>; version: string }> {
    const items = new Map<string, T>()
    let token = ''
    for (let pages = 0; pages <= ITEMS_MAX / PAGE_ITEMS; pages++) {
      const list = await this.#options.client.get(this.#pathWith(pageQuery(limit, token)), signal)
      for (const object of objectsIn(list['items'])) this.#put(items, object)
      const version = versionOf(list)
      if (version === null) throw new Error('the Kubernetes API answered with a list that has no version')
      token = continueOf(list)
      if (token === '') return { items, version }
    }
    throw new Error(`the Kubernetes API has more than ${ITEMS_MAX} objects at ${this.#options.path}`)
  }

  // --- what changes

  /** Resolves when the watch has ended and can be taken up again. */
  async #watch(version: string): Promise<void> {
    const { client, clock, onTrouble, timings } = this.#options
    const seconds = Math.max(1, Math.round((timings.watchMs / 1_000) * (0.8 + 0.4 * clock.random())))
    const query = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion: version, timeoutSeconds: `${seconds}` }
    const startedAtMs = clock.now()
    const { signal } = this.#abort
    const stream = await client.watch(this.#pathWith(query), signal)
    onTrouble(null)
    let hasHeard = false
    let broken: RegistryError | null = null
    try {
      for await (const line of stream.lines) {
        if (signal.aborted) return
        if (line === '') continue
        this.#apply(line)
        hasHeard = true
        this.#backoff.reset()
      }
    } catch (error) {
      // One that breaks off, or falls silent, is taken up again like one that ends. Whether the API is ill shows then.
      if (!(error instanceof RegistryError)) throw error
      broken = error
    }
    if (signal.aborted) return
    if (!hasHeard && clock.now() - startedAtMs < timings.shortWatchMs) throw broken ?? new Error('the Kubernetes API ended a watch at once')
    this.#backoff.reset()
    // By chance, so that the gateways of a cluster do not all come back at once.
    if (broken !== null) await this.#pause(timings.backoffMs * clock.random())
  }

  #apply(line: string): void {
    const { type, object } = parseEvent(line)
    if (type === 'ERROR') throw errorOf(object)
    const version = versionOf(object)
    if (version === null) throw new WatchFault('the Kubernetes API sent an event without a version')
    if (isBefore(version, this.#version)) throw new WatchFault('the versions of the Kubernetes API went back: it may have lost data')
    if (type === 'DELETED') this.#items.delete(nameOf(object) ?? '')
    else if (type === 'ADDED' || type === 'MODIFIED') this.#put(this.#items, object)
    else if (type !== 'BOOKMARK') throw new WatchFault(`the Kubernetes API sent an event of the unknown type ${type.slice(0, 40)}`)
    this.#version = version
    if (type !== 'BOOKMARK') this.#options.onItems(this.#items)
  }

  #put(items: Map<string, T>, object: Readonly<Record<string, unknown>>): void {
    const { read, log, path } = this.#options
    const name = nameOf(object)
    const item = name === null ? null : read(object)
    if (name === null || item === null) {
      log.warn({ path, object: name }, 'an object of the Kubernetes API cannot be read: it is left out')
      if (name !== null) items.delete(name)
      return
    }
    items.set(name, item)
    if (items.size > ITEMS_MAX) throw new WatchFault(`the Kubernetes API has more than ${ITEMS_MAX} objects at ${path}`)
  }

  // ---

  #pathWith(query: Readonly<Record<string, string>>): string {
    return `${this.#options.path}?${new URLSearchParams({ ...this.#options.selector, ...query }).toString()}`
  }

  #pause(ms: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#wake = () => undefined
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#wake = end
    })
  }
}

/** Versions grow, as Kubernetes promises since 1.35 and etcd always did. Those that are no numbers cannot be compared. */
function isBefore(version: string, known: string | null): boolean {
  return known !== null && /^\d+$/.test(version) && /^\d+$/.test(known) && BigInt(version) < BigInt(known)
}

function pageQuery(limit: number, token: string): Readonly<Record<string, string>> {
  return { ...(limit === 0 ? {} : { limit: `${limit}` }), ...(token === '' ? {} : { continue: token }) }
}

function continueOf({ metadata }: Readonly<Record<string, unknown>>): string {
  const token = isObject(metadata) ? metadata['continue'] : undefined
  return typeof token === 'string' ? token : ''
}

function parseEvent(line: string): { readonly type: string; readonly object: Readonly<Record<string, unknown>> } {
  try {
    const event: unknown = JSON.parse(line)
    if (isObject(event) && typeof event['type'] === 'string' && isObject(event['object']))
      return { type: event['type'], object: event['object'] }
  } catch {
    // Told below.
  }
  throw new WatchFault('the Kubernetes API sent what is no event')
}

/** What an ERROR event means. @see https://kubernetes.io/docs/reference/using-api/api-concepts/#410-gone-responses */
function errorOf({ code, message }: Readonly<Record<string, unknown>>): Error {
  if (code === 410) return new ApiError(410, 'the version is gone')
  return new WatchFault(`the Kubernetes API ended a watch: ${typeof message === 'string' ? message.slice(0, 400) : 'it does not say why'}`)
}
