import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  type PasswordCost,
  type PasswordHash,
  parsePasswordHash,
  parseSaltedSha1,
  scryptDigest,
  sha1Digest,
} from '../../core/password-hash.ts'
import type { Resource } from '../../core/resources.ts'

/** Node's thread pool has four threads, which files and names need too. */
const RUNNING_MAX = 3
const WAITING_MAX = 64
const KNOWN_MAX = 10_000

/** Too many passwords are being checked already. */
export const OVERLOADED = Symbol('overloaded')

/**
 * Checks passwords, a few at a time, and remembers for a while which were right. What it remembers is a keyed hash of name, password and the
 * hash in the configuration, so that it hangs on no configuration and gives nothing away. Shared by all policies of a worker.
 */
export class PasswordCheck implements Resource {
  readonly #key = randomBytes(32)
  /** Until when, in milliseconds of the clock; in the order in which they were learned. */
  readonly #known = new Map<string, number>()
  readonly #pending = new Map<string, Promise<boolean>>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** Names a password that somebody claims for a hash. */
  nameOf(username: string, password: string, passwordHash: string): string {
    return createHmac('sha256', this.#key).update(`${passwordHash}\0${username}\0${password}`).digest('base64url')
  }

  /** Until when a password is known to be right; 0 when it is not. */
  knownUntil(name: string, now: number): number {
    const until = this.#known.get(name)
    if (until === undefined) return 0
    if (now < until) return until
    this.#known.delete(name)
    return 0
  }

  remember(name: string, until: number): void {
    this.#known.delete(name)
    if (this.#known.size >= KNOWN_MAX) {
      const [oldest] = this.#known.keys()
      if (oldest !== undefined) this.#known.delete(oldest)
    }
    this.#known.set(name, until)
  }

  /** Whether a password fits a hash; who asks the same meanwhile gets the same answer. */
  async verify(name: string, password: string, passwordHash: string): Promise<boolean | typeof OVERLOADED> {
    const pending = this.#pending.get(name)
    if (pending !== undefined) return pending
    const weak = parseSaltedSha1(passwordHash)
    if (weak !== null) return timingSafeEqual(sha1Digest(password, weak.salt), weak.digest)
    if (!this.#hasRoom()) return OVERLOADED
    const parsed = parsePasswordHash(passwordHash)
    if (parsed === null) return false
    const verdict = this.#run(() => fits(password, parsed))
    this.#pending.set(name, verdict)
    try {
      return await verdict
    } finally {
      this.#pending.delete(name)
    }
  }

  /** Spends what a check of this cost does, for a name that nobody has. */
  async pretend(password: string, cost: PasswordCost): Promise<false | typeof OVERLOADED> {
    if (cost === 'sha1') {
      sha1Digest(password, '')
      return false
    }
    if (!this.#hasRoom()) return OVERLOADED
    await this.#run(() => scryptDigest(password, this.#key, cost))
    return false
  }

  /** A number that follows from a name, and that nobody can foretell. */
  pick(username: string, count: number): number {
    return createHmac('sha256', this.#key).update(username).digest().readUInt32BE(0) % count
  }

  close(): void {
    this.#known.clear()
  }

  #hasRoom(): boolean {
    return this.#running < RUNNING_MAX || this.#waiting.length < WAITING_MAX
  }

  async #run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#running < RUNNING_MAX) this.#running++
    else {
      // The one that ends gives its turn over, so that nobody who comes meanwhile takes it.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    try {
      return await job()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

async function fits(password: string, hash: PasswordHash): Promise<boolean> {
  const digest = await scryptDigest(password, hash.salt, hash, hash.digest.length)
  return timingSafeEqual(digest, hash.digest)
}
