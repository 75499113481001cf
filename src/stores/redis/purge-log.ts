import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { isBelow, type Purge, type ResponseKey } from '../../core/response-store.ts'
import { type RedisConnection, scriptOf } from './connection.ts'

/** Purges that are remembered. A response that is older than all of them is taken for purged. */
const PURGES_MAX = 4_096
/** The log lives for so long after its last use; with it go all responses that relied on it. */
const LOG_TTL_MS = 7 * 86_400_000
const TOUCH_MS = 3_600_000
const ID_BYTES = 8

/** A place in the log: what was asked for at a version has outlived all purges up to it. */
export interface PurgeVersion {
  /** Names the log, 16 hexadecimal digits: one that was lost, or emptied by a purge of everything, goes on under another name. */
  readonly log: string
  /** Of the last purge: microseconds since 1970, and more than the one before. 0 when there is none. */
  readonly number: number
}

/** A purge of something less than everything, and more than one URI. */
export type LoggedPurge = Extract<Purge, { readonly kind: 'prefix' | 'tag' }>

const START = `
local head = redis.call('GET', KEYS[1])
if not head then
  head = ARGV[1] .. ':0'
  redis.call('DEL', KEYS[2])
end
local log, number = string.match(head, '^(%x+):(%d+)$')
local function extend()
  redis.call('SET', KEYS[1], log .. ':' .. number, 'PX', ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
`

/**
 * KEYS are head and list; ARGV a name for a new log, its lifetime, how many are kept, and the name and the number that are known. Gives the
 * head, the number of the oldest purge once others have made room, and what is new, each with its number.
 */
const READ = scriptOf(`${START}
extend()
local floor = redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) and redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] or '0'
local known = log == ARGV[4] and ARGV[5] or '0'
return { log .. ':' .. number, floor, redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. known, '+inf', 'WITHSCORES') }
`)

/**
 * KEYS and the first three ARGV as above, then the purge. One that is there already gets the new number. Numbers are times, so that those
 * which were lost with a node are not given again for other purges.
 */
const APPEND = scriptOf(`${START}
local time = redis.call('TIME')
number = string.format('%.0f', math.max(number + 1, time[1] * 1000000 + time[2]))
redis.call('ZADD', KEYS[2], number, ARGV[4])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[3])
extend()
return 1
`)

const RENEW = scriptOf(`
redis.call('SET', KEYS[1], ARGV[1] .. ':0', 'PX', ARGV[2])
return redis.call('DEL', KEYS[2])
`)

/**
 * The purges of all instances, in Redis, with a copy here. A response says at which version it was asked for; whoever finds it looks whether
 * a later purge meant it. So a purge costs the same however much is kept.
 */
export class PurgeLog {
  readonly #connection: RedisConnection
  readonly #clock: Clock
  readonly #keys: readonly [head: string, list: string]
  /** What is copied: the purges after {@link #from}, up to this one. */
  #known: PurgeVersion = { log: '', number: 0 }
  #from = 0
  /** By what they name, the number of the last purge that named it; the oldest first. */
  readonly #tags = new Map<string, number>()
  readonly #prefixes = new Map<string, number>()
  #reading: Promise<void> | null = null
  #touchedAt = Number.NEGATIVE_INFINITY

  constructor(connection: RedisConnection, keyPrefix: string, clock: Clock) {
    this.#connection = connection
    this.#clock = clock
    // Both on one node of a cluster.
    this.#keys = [`${keyPrefix}{purges}`, `${keyPrefix}{purges}:list`]
  }

  /** The version now, which contains every purge that was done before. */
  async version(): Promise<PurgeVersion> {
    const version = versionOf(await this.#connection.get(this.#keys[0]))
    if (version === null) {
      await this.#read()
      return this.#known
    }
    // Should it fail, the next look-up tries again.
    if (this.#clock.now() - this.#touchedAt > TOUCH_MS) this.#read().catch(() => {})
    return version
  }

  /** Whether what was asked for at `then` has been purged until `now`. */
  async isPurged(then: PurgeVersion, now: PurgeVersion, key: Omit<ResponseKey, 'part'>, tags: readonly string[]): Promise<boolean> {
    if (then.log !== now.log) return true
    if (then.number >= now.number) return false
    // A reading that was under way already may have begun too early; the next one has not.
    for (let i = 0; i < 2 && !this.#knows(now); i++) await this.#read()
    // The log of that version is gone.
    if (!this.#knows(now)) return true
    return then.number < this.#from || tags.some((tag) => this.#isAfter(then, this.#tags.get(tag))) || this.#isBelowAny(then, key)
  }

  #isBelowAny(then: PurgeVersion, { host, path }: Omit<ResponseKey, 'part'>): boolean {
    for (const [name, number] of this.#prefixes) {
      if (number <= then.number) continue
      const slash = name.indexOf('/')
      if ((slash === 0 || name.slice(0, slash) === host) && isBelow(name.slice(slash), path)) return true
    }
    return false
  }

  #knows({ log, number }: PurgeVersion): boolean {
    return this.#known.log === log && this.#known.number >= number
  }

  #isAfter(then: PurgeVersion, number: number | undefined): boolean {
    return number !== undefined && number > then.number
  }

  async append(purge: LoggedPurge): Promise<void> {
    await this.#connection.evaluate(APPEND, this.#keys, [...this.#fixedArgs(), JSON.stringify(purge)])
  }

  /** Purges everything: what was kept under the log that was cannot be told from what was lost. */
  async renew(): Promise<void> {
    await this.#connection.evaluate(RENEW, this.#keys, [newId(), `${LOG_TTL_MS}`])
  }

  /** Copies what is new. Calls at the same time share one round trip. */
  #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async #readOnce(): Promise<void> {
    const { log, number } = this.#known
    const answer = await this.#connection.evaluate(READ, this.#keys, [...this.#fixedArgs(), log, `${number}`])
    const [head = null, floor, items] = isReading(answer) ? answer : [null, '0', []]
    const version = versionOf(head)
    if (version === null) throw new Error('the purge log in redis cannot be read')
    this.#touchedAt = this.#clock.now()
    if (version.log !== log) {
      this.#tags.clear()
      this.#prefixes.clear()
      this.#from = 0
    }
    this.#from = Math.max(this.#from, Number(floor))
    for (let i = 0; i + 1 < items.length; i += 2) this.#note(items[i] ?? '', Number(items[i + 1]))
    this.#known = version
  }

  #fixedArgs(): string[] {
    return [newId(), `${LOG_TTL_MS}`, `${PURGES_MAX}`]
  }

  #note(item: string, number: number): void {
    const purge = purgeOf(item)
    if (purge === null) {
      // Of a release that knows other purges: everything before it may have been meant.
      this.#from = number
      return
    }
    const [numbers, name] = purge.kind === 'tag' ? [this.#tags, purge.tag] : [this.#prefixes, `${purge.host ?? ''}${purge.path}`]
    // At the end of the map, which is in the order of numbers.
    numbers.delete(name)
    numbers.set(name, number)
    if (numbers.size <= PURGES_MAX) return
    const [oldest] = numbers
    if (oldest === undefined) return
    numbers.delete(oldest[0])
    this.#from = Math.max(this.#from, oldest[1])
  }
}

function newId(): string {
  return randomBytes(ID_BYTES).toString('hex')
}

function versionOf(head: string | null): PurgeVersion | null {
  const [, log, number] = /^([0-9a-f]{16}):(\d{1,16})$/.exec(head ?? '') ?? []
  return log === undefined ? null : { log, number: Number(number) }
}

function isReading(answer: unknown): answer is [head: string, floor: string, items: string[]] {
  if (!Array.isArray(answer)) return false
  const parts: readonly unknown[] = answer
  const [head, floor, items] = parts
  return typeof head === 'string' && typeof floor === 'string' && Array.isArray(items) && items.every((item) => typeof item === 'string')
}

/** Null for what is no purge that we know. */
function purgeOf(item: string): LoggedPurge | null {
  let value: unknown
  try {
    value = JSON.parse(item)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { kind, tag, path, host }: Partial<Record<'kind' | 'tag' | 'path' | 'host', unknown>> = value
  if (kind === 'tag' && typeof tag === 'string') return { kind, tag }
  if (kind !== 'prefix' || typeof path !== 'string' || !path.startsWith('/') || (typeof host !== 'string' && host !== null)) return null
  return { kind, path, host }
}
