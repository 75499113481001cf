import type { Purge } from '../core/response-store.ts'

/** Changes of so short a time are told together. */
const COALESCE_MS = 5
/** More URIs than these in one message cost more than to forget everything. */
const PURGES_MAX = 5_000

/** Gathers the URIs that unsafe methods have changed in this worker, for those that keep responses of their own. */
export class Invalidations {
  readonly #tell: (purges: readonly Purge[]) => void
  #purges: Purge[] = []
  #isWaiting = false

  constructor(tell: (purges: readonly Purge[]) => void) {
    this.#tell = tell
  }

  add(purge: Purge): void {
    if (this.#purges.length < PURGES_MAX) this.#purges.push(purge)
    else this.#purges = [{ kind: 'all' }]
    if (this.#isWaiting) return
    this.#isWaiting = true
    setTimeout(() => {
      const purges = this.#purges
      this.#isWaiting = false
      this.#purges = []
      this.#tell(purges)
    }, COALESCE_MS)
  }
}
