import { createHash } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import type { RedisIr } from '../../config/ir.ts'
import type { Clock } from '../../core/clock.ts'
import type { Counter, Histogram, Logger, Metrics } from '../../core/observe.ts'
import type { Resource } from '../../core/resources.ts'
import { openClient } from './client.ts'

/** Commands that wait for an answer at once; for more the answer is that of a Redis which does not answer. */
const PENDING_MAX = 10_000
/** Bytes of values on their way at once, likewise. */
const PENDING_BYTES_MAX = 64 * 2 ** 20
/** So many commands without an answer in a row, and none with one, mean that Redis hangs. */
const TIMEOUTS_MAX = 5
/** How often one that hangs is asked whether it is back. */
const PROBE_MS = 100
/** Exchanges that began before a reload may still come with a command. */
const CLOSE_GRACE_MS = 1_000
const LATENCY_BOUNDS_SECONDS = [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

const CAUSES = ['disconnected', 'timeout', 'overload', 'refused'] as const
type Cause = (typeof CAUSES)[number]

/** Why a command has no answer. The message may name hosts. */
export class RedisFault extends Error {
  override readonly name = 'RedisFault'
}

/** A Lua script and the name Redis keeps it under. */
export interface Script {
  readonly source: string
  readonly sha: string
}

export function scriptOf(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

export interface ConnectionParts {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

/**
 * The connection of one worker to Redis or a cluster of them. It connects by itself, again and again; a command fails at once while there
 * is no connection, and within `commandTimeoutMs` always. Nothing is sent twice: a command without an answer may have been carried out.
 */
export class RedisConnection implements Resource {
  readonly #ir: RedisIr
  readonly #parts: ConnectionParts
  readonly #address: string
  #client: Redis | Cluster | null = null
  /** Until the first connection is there or has failed: commands wait for it, so that a start refuses nobody. */
  #opening: Promise<void> | null
  #opened: () => void = () => undefined
  #isUp = false
  #toldDown = false
  #isClosed = false
  #pending = 0
  #pendingBytes = 0
  #timeouts = 0
  /** Connected, and without answers. */
  #isHanging = false
  readonly #latency: Histogram
  readonly #errors: ReadonlyMap<Cause, Counter>

  constructor(ir: RedisIr, parts: ConnectionParts) {
    this.#ir = ir
    this.#parts = parts
    this.#address = ir.addresses.map(({ host, port }) => `${host}:${port}`).join(' ')
    const help = 'Time until a store answered a command.'
    this.#latency = parts.metrics.histogram('gateway_store_latency_seconds', help, LATENCY_BOUNDS_SECONDS, { store: 'redis' })
    this.#errors = new Map(
      CAUSES.map((cause) => [
        cause,
        parts.metrics.counter('gateway_store_errors_total', 'Commands that a store did not carry out, by cause.', {
          store: 'redis',
          cause,
        }),
      ]),
    )
    this.#opening = new Promise((resolve) => {
      this.#opened = resolve
    })
    void this.#open()
  }

  async #open(): Promise<void> {
    try {
      const client = await openClient(this.#ir, {
        ready: () => this.#onUp(),
        down: (reason) => this.#onDown(reason),
      })
      if (this.#isClosed) client.disconnect()
      else this.#client = client
    } catch (error) {
      this.#onDown(error instanceof Error ? error.message : String(error))
    }
  }

  /** Runs a script, which Redis is given when it does not know it. Rejects with a {@link RedisFault}, as all below do. */
  evaluate({ source, sha }: Script, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<unknown> {
    const bytes = args.reduce((sum, arg) => sum + (typeof arg === 'string' ? 0 : arg.length), 0)
    return this.#run(async (client) => {
      try {
        return await client.evalsha(sha, keys.length, ...keys, ...args)
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
        return client.eval(source, keys.length, ...keys, ...args)
      }
    }, bytes)
  }

  /** The bytes under each key, null for none. In a cluster all keys lie on one node. */
  getBytes(keys: readonly string[]): Promise<readonly (Buffer | null)[]> {
    return this.#run((client) => client.mgetBuffer(...keys))
  }

  get(key: string): Promise<string | null> {
    return this.#run((client) => client.get(key))
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#run((client) => client.set(key, value, 'PX', ttlMs))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // Not at once, and not by `quit`: what is under way ends first, and a Redis that hangs holds nobody up.
    setTimeout(() => {
      this.#isUp = false
      this.#client?.disconnect()
    }, CLOSE_GRACE_MS).unref()
  }

  /** Gives a command its time limit. @param bytes that it holds until it is over */
  #run<T>(send: (client: Redis | Cluster) => Promise<T>, bytes = 0): Promise<T> {
    if (this.#opening === null && !this.#isUp) return this.#fail('disconnected', `no connection to redis ${this.#address}`)
    if (this.#pending >= PENDING_MAX) return this.#fail('overload', `${PENDING_MAX} commands wait for redis ${this.#address}`)
    if (bytes > PENDING_BYTES_MAX - this.#pendingBytes) return this.#fail('overload', `too many bytes wait for redis ${this.#address}`)
    this.#pending++
    this.#pendingBytes += bytes
    const { clock } = this.#parts
    const startedAt = clock.now()
    return new Promise((resolve, reject) => {
      let isOver = false
      const end = (): boolean => {
        if (isOver) return false
        isOver = true
        this.#pending--
        this.#pendingBytes -= bytes
        clearTimeout(timer)
        return true
      }
      const timer = setTimeout(() => {
        if (!end()) return
        this.#onTimeout()
        reject(this.#fault('timeout', `redis ${this.#address} did not answer within ${this.#ir.commandTimeoutMs} ms`))
      }, this.#ir.commandTimeoutMs)
      this.#sent(send).then(
        (answer) => {
          this.#timeouts = 0
          if (!end()) return undefined
          this.#latency.observe((clock.now() - startedAt) / 1_000)
          return resolve(answer)
        },
        (error: unknown) => {
          if (end()) reject(this.#fault(this.#isUp ? 'refused' : 'disconnected', error instanceof Error ? error.message : String(error)))
        },
      )
    })
  }

  #sent<T>(send: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    if (this.#opening === null) return this.#send(send)
    return this.#opening.then(() => this.#send(send))
  }

  #send<T>(send: (client: Redis | Cluster) => Promise<T>): Promise<T> {
    if (this.#client === null || !this.#isUp) return Promise.reject(new RedisFault(`no connection to redis ${this.#address}`))
    return send(this.#client)
  }

  #fault(cause: Cause, message: string): RedisFault {
    this.#errors.get(cause)?.add(1)
    return new RedisFault(message)
  }

  #fail(cause: Cause, message: string): Promise<never> {
    return Promise.reject(this.#fault(cause, message))
  }

  // --- whether it answers

  #onUp(): void {
    this.#isHanging = false
    this.#timeouts = 0
    this.#isUp = true
    this.#endOpening()
    if (!this.#toldDown) return
    this.#toldDown = false
    this.#parts.log.info({ store: 'redis', address: this.#address }, 'the store answers again')
  }

  #onDown(reason: string): void {
    this.#isUp = false
    this.#endOpening()
    if (this.#toldDown || this.#isClosed) return
    this.#toldDown = true
    this.#parts.log.warn({ store: 'redis', address: this.#address, reason }, 'the store does not answer')
  }

  #endOpening(): void {
    this.#opening = null
    this.#opened()
  }

  /** While Redis hangs, answers come in order and so not at all: nothing more is sent but one probe. */
  #onTimeout(): void {
    if (++this.#timeouts < TIMEOUTS_MAX || !this.#isUp || this.#isHanging) return
    this.#isHanging = true
    this.#onDown(`no answer to ${TIMEOUTS_MAX} commands in a row`)
    this.#probe()
  }

  #probe(): void {
    if (!this.#isHanging || this.#isClosed) return
    this.#client?.ping().then(
      () => {
        if (this.#isHanging) this.#onUp()
        return undefined
      },
      () => setTimeout(() => this.#probe(), PROBE_MS).unref(),
    )
  }
}
