import type { UserRecord } from '../../core/caller.ts'
import type { Resource } from '../../core/resources.ts'

/** What is known of one user. */
export interface Known {
  /** Null for: there is no such user. */
  readonly record: UserRecord | null
  /** Milliseconds of the clock until which it holds. */
  readonly freshUntil: number
  /** Milliseconds of the clock until which it is not asked for again, after that went wrong. */
  retryAt: number
}

/** What came of asking for a user. */
export interface Found {
  /** Null for: there is no such user, or `error`. */
  readonly record: UserRecord | null
  readonly from: 'redis' | 'service'
  readonly error: 'user_service_unavailable' | 'store_unavailable' | null
}

/**
 * Users by name, at most `max`, and who is being asked for. Outlives reloads.
 *
 * Two generations: what is used moves into the young one; when that is full it becomes the old one, and what was old and not used since is
 * forgotten. This keeps whom a strict order of use would keep, but for the price of one look-up.
 */
export class UserCache implements Resource {
  readonly pending = new Map<string, Promise<Found>>()
  readonly #generationMax: number
  #young = new Map<string, Known>()
  #old = new Map<string, Known>()

  /** @param max 2 or more */
  constructor(max: number) {
    this.#generationMax = Math.floor(max / 2)
  }

  get(name: string): Known | undefined {
    const young = this.#young.get(name)
    if (young !== undefined) return young
    const old = this.#old.get(name)
    if (old !== undefined) this.set(name, old)
    return old
  }

  set(name: string, known: Known): void {
    if (this.#young.size >= this.#generationMax && !this.#young.has(name)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, known)
  }

  /** Users that are known; one that moved lately may count twice. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  close(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
