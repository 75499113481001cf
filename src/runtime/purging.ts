import type { Purge, ResponseStore } from '../core/response-store.ts'
import type { LimitStore, StoreName, Stores, ValueStore } from '../core/store.ts'

/** Stores whose state all workers and instances have together. A worker's memory is its own. */
const SHARED: ReadonlySet<StoreName> = new Set(['redis'])

/** The stores of one configuration. Knows in which of them policies keep responses: purges go there, and no store is opened for a purge. */
export class PurgedStores implements Stores {
  readonly #stores: Stores
  readonly #used = new Map<StoreName, ResponseStore>()

  constructor(stores: Stores) {
    this.#stores = stores
  }

  limits(name: StoreName): LimitStore {
    return this.#stores.limits(name)
  }

  values(name: StoreName): ValueStore | null {
    return this.#stores.values(name)
  }

  responses(name: StoreName): ResponseStore {
    const store = this.#stores.responses(name)
    this.#used.set(name, store)
    return store
  }

  /**
   * Forgets responses in all stores that keep some, all stores at once.
   * @param shared whether also in those that several workers share
   * @returns the stores that keep some. Rejects as {@link ResponseStore.purge} does, once all have tried.
   */
  async purge(purges: readonly Purge[], shared: boolean): Promise<readonly StoreName[]> {
    const meant = [...this.#used].filter(([name]) => shared || !SHARED.has(name))
    const tries = await Promise.allSettled(meant.flatMap(([, store]) => purges.map(async (purge) => store.purge(purge))))
    const failure = tries.find((attempt) => attempt.status === 'rejected')
    if (failure !== undefined) throw failure.reason
    return [...this.#used.keys()]
  }
}
