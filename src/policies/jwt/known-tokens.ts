import type { Admission } from '../../core/caller.ts'
import type { Resource } from '../../core/resources.ts'

/** A token that was verified, and for how long that holds. */
export interface KnownToken {
  readonly admission: Admission
  /** Whose it is, in words. */
  readonly note: string
  /** Milliseconds since 1970. */
  readonly validUntilMs: number
  /** The version of the keys that it was verified with. */
  readonly version: number
}

/**
 * Verified tokens by digest, at most `max`. Two generations instead of a list of uses: when the young one is full the old one is dropped
 * whole, and what is asked for moves to the young one. So what is in use stays, and nothing costs more than two look-ups.
 */
export class KnownTokens implements Resource {
  readonly #half: number
  #young = new Map<string, KnownToken>()
  #old = new Map<string, KnownToken>()

  constructor(max: number) {
    this.#half = Math.max(1, Math.floor(max / 2))
  }

  get(digest: string): KnownToken | undefined {
    const young = this.#young.get(digest)
    if (young !== undefined) return young
    const old = this.#old.get(digest)
    if (old === undefined) return undefined
    this.#old.delete(digest)
    this.set(digest, old)
    return old
  }

  set(digest: string, token: KnownToken): void {
    if (this.#young.size >= this.#half && !this.#young.has(digest)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(digest, token)
  }

  delete(digest: string): void {
    this.#young.delete(digest)
    this.#old.delete(digest)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  close(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
