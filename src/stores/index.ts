import type { RedisIr, StoresIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger, Metrics } from '../core/observe.ts'
import type { Resources } from '../core/resources.ts'
import type { Purge, ResponseStore } from '../core/response-store.ts'
import type { LimitStore, SharedFile, Stores, ValueStore } from '../core/store.ts'
import { openMemoryLimits } from './memory/open.ts'
import { MemoryResponses } from './memory/responses.ts'
import { RedisConnection } from './redis/connection.ts'
import { RedisLimits } from './redis/limits.ts'
import { RedisResponses } from './redis/responses.ts'
import { RedisValues } from './redis/values.ts'

/** What stores are made of. */
export interface StoreParts {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly resources: Resources
  /** Workers that serve the configuration, one when it is left out, and what they count limits in together. */
  readonly workers?: number
  readonly shared?: SharedFile | null
  /** Told of URIs that unsafe methods have changed, where others keep responses of their own. */
  readonly onInvalidated?: (purge: Purge) => void
}

/** The stores of a configuration. Connections are made when a policy asks for the store. */
export function createStores(ir: StoresIr, parts: StoreParts): Stores {
  return {
    limits: (name) => (name === 'memory' ? memoryLimits(ir, parts) : redisLimits(redisOf(ir), parts)),
    values: (name) => (name === 'memory' ? null : redisValues(redisOf(ir), parts)),
    responses: (name) => (name === 'memory' ? memoryResponses(ir, parts) : redisResponses(redisOf(ir), parts)),
  }
}

function redisOf({ redis }: StoresIr): RedisIr {
  if (redis === null) throw new Error('the store redis is not configured')
  return redis
}

/** One for all policies, kept over reloads while it has the same size and the workers share the same file. */
function memoryLimits(ir: StoresIr, parts: StoreParts): LimitStore {
  const { workers = 1, shared = null } = parts
  const { limitKeysMax } = ir.memory
  const place = workers === 1 ? 'alone' : (shared?.path ?? `one of ${workers}`)
  return parts.resources.keep(`limits ${limitKeysMax} ${place}`, () => openMemoryLimits(limitKeysMax, { ...parts, workers, shared }))
}

/** The gateway's bytes are divided among its workers: each keeps responses of its own. */
function memoryResponses(ir: StoresIr, { resources, clock, metrics, workers = 1, onInvalidated }: StoreParts): ResponseStore {
  const bytesMax = Math.floor(ir.memory.responseBytesMax / workers)
  const store = resources.keep(`responses ${bytesMax}`, () => new MemoryResponses(bytesMax, clock, metrics))
  if (onInvalidated === undefined) return store
  return {
    lookup: (key, headers) => store.lookup(key, headers),
    purge: (purge) => store.purge(purge),
    invalidate(host, path, query) {
      store.invalidate(host, path, query)
      onInvalidated({ kind: 'key', host, path, query })
    },
  }
}

function redisLimits(ir: RedisIr, parts: StoreParts): LimitStore {
  return new RedisLimits(redisConnection(ir, parts), ir.keyPrefix, parts.clock)
}

function redisValues(ir: RedisIr, parts: StoreParts): ValueStore {
  return new RedisValues(redisConnection(ir, parts), ir.keyPrefix)
}

/** One for all policies: it has a copy of the purges. */
function redisResponses(ir: RedisIr, parts: StoreParts): ResponseStore {
  const connection = redisConnection(ir, parts)
  return parts.resources.keep(`redis responses ${JSON.stringify(ir)}`, () => new RedisResponses(connection, ir.keyPrefix, parts.clock))
}

/** One for all policies, kept over reloads while nothing about it changes. */
function redisConnection(ir: RedisIr, parts: StoreParts): RedisConnection {
  return parts.resources.keep(`redis ${JSON.stringify(ir)}`, () => new RedisConnection(ir, parts))
}
