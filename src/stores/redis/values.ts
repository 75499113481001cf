import { GatewayError } from '../../core/errors.ts'
import type { ValueStore } from '../../core/store.ts'
import type { RedisConnection } from './connection.ts'

/** Texts in Redis, each under the prefix and its key. */
export class RedisValues implements ValueStore {
  readonly #connection: RedisConnection
  readonly #keyPrefix: string

  constructor(connection: RedisConnection, keyPrefix: string) {
    this.#connection = connection
    this.#keyPrefix = keyPrefix
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#connection.get(this.#keyPrefix + key).catch(unavailable)) ?? undefined
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#connection.set(this.#keyPrefix + key, value, Math.max(1, Math.ceil(ttlMs))).catch(unavailable)
  }
}

function unavailable(error: unknown): never {
  throw new GatewayError('store_unavailable', error instanceof Error ? error.message : String(error), 'internal', 'never', error)
}
