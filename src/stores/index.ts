import type { RedisIr, StoresIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger, Metrics } from '../core/observe.ts'
import type { Resources } from '../core/resources.ts'
import type { LimitStore, Stores, ValueStore } from '../core/store.ts'

/** What stores are made of. */
export interface StoreParts {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly resources: Resources
}

/** The stores of a configuration. Connections are made when a policy asks for the store. */
export function createStores(ir: StoresIr, parts: StoreParts): Stores {
  return {
    limits: (name) => (name === 'memory' ? memoryLimits(ir, parts) : redisLimits(redisOf(ir), parts)),
    values: (name) => (name === 'memory' ? null : redisValues(redisOf(ir), parts)),
  }
}

function redisOf({ redis }: StoresIr): RedisIr {
  if (redis === null) throw new Error('the store redis is not configured')
  return redis
}

function memoryLimits(_ir: StoresIr, _parts: StoreParts): LimitStore {
  throw new Error('not here yet')
}

function redisLimits(_ir: RedisIr, _parts: StoreParts): LimitStore {
  throw new Error('not here yet')
}

function redisValues(_ir: RedisIr, _parts: StoreParts): ValueStore {
  throw new Error('not here yet')
}
