import type { UserRecord } from '../../core/caller.ts'
import type { CompileContext } from '../../core/policy.ts'
import type { ValueStore } from '../../core/store.ts'
import type { Found } from './cache.ts'
import { type RecordReader, readStored, recordReader, writeStored } from './record.ts'
import type { UsersOptions } from './schema.ts'

/** Milliseconds between two lines in the event log about the same fault. */
const WARN_EVERY_MS = 10_000

const UNKNOWN: Found = { record: null, from: 'service', error: null }
const SERVICE_FAILED: Found = { record: null, from: 'service', error: 'user_service_unavailable' }
const STORE_FAILED: Found = { record: null, from: 'redis', error: 'store_unavailable' }

/** Where records come from: the store, then the user service. Never rejects, and says in the event log what went wrong. */
export class UserSource {
  readonly #options: UsersOptions
  readonly #context: CompileContext
  readonly #store: ValueStore | null
  readonly #read: RecordReader
  readonly #warnedAt = new Map<string, number>()

  constructor(options: UsersOptions, context: CompileContext) {
    this.#options = options
    this.#context = context
    this.#store = options.store === 'redis' ? context.stores.values('redis') : null
    this.#read = recordReader(options.roles, options.permissions)
  }

  /** @param url of the user's record */
  async find(subject: string, url: string): Promise<Found> {
    const store = this.#store
    if (store === null) return this.#ask(url)
    const key = `user:${subject}`
    const stored = await this.#fromStore(store, key)
    if (stored !== null) return stored
    const found = await this.#ask(url)
    // Nobody waits for this: the user's next request finds the record in memory.
    if (found.record !== null) void this.#keep(store, key, found.record)
    return found
  }

  /** Null when the user service has to be asked. */
  async #fromStore(store: ValueStore, key: string): Promise<Found | null> {
    let text: string | undefined
    try {
      text = await store.get(key)
    } catch (error) {
      this.#warn('the store of user records does not answer', error)
      return this.#options.onStoreError === 'bypass' ? null : STORE_FAILED
    }
    if (text === undefined) return null
    try {
      return { record: readStored(text), from: 'redis', error: null }
    } catch (error) {
      this.#warn('the store holds a user record that cannot be read; it is fetched again', error)
      return null
    }
  }

  async #ask(url: string): Promise<Found> {
    const { timeout: timeoutMs, bytesMax, headers } = this.#options
    try {
      const { status, text } = await this.#context.http.get(url, {
        timeoutMs,
        bytesMax,
        headers: { accept: 'application/json', ...headers },
      })
      if (status === 404 || status === 410) return UNKNOWN
      if (status !== 200) throw new Error(`the user service answers ${status}`)
      return { record: this.#read(text), from: 'service', error: null }
    } catch (error) {
      this.#warn('the user service does not give a record', error)
      return SERVICE_FAILED
    }
  }

  async #keep(store: ValueStore, key: string, record: UserRecord): Promise<void> {
    try {
      await store.set(key, writeStored(record), this.#options.cacheTtl)
    } catch (error) {
      this.#warn('a user record cannot be written to the store', error)
    }
  }

  /** While something is ill, every request says so: one line tells as much as a thousand. */
  #warn(message: string, error: unknown): void {
    const now = this.#context.clock.now()
    const last = this.#warnedAt.get(message)
    if (last !== undefined && now - last < WARN_EVERY_MS) return
    this.#warnedAt.set(message, now)
    this.#context.log.warn({ policy: 'users', scope: this.#context.scope, reason: reasonOf(error) }, message)
  }
}

/** The causes too: `fetch failed` says little without its own. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : reasonOf(error.cause)
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
}
