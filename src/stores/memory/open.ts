import type { Clock } from '../../core/clock.ts'
import type { Logger, Metrics } from '../../core/observe.ts'
import type { SharedFile } from '../../core/store.ts'
import { MemoryLimits } from './limit-store.ts'
import { canMapFiles } from './mapped-file.ts'
import { type MemoryEvents, OwnMemory, SharedMemory } from './memory.ts'

export interface MemoryLimitsParts {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly workers: number
  readonly shared: SharedFile | null
}

/**
 * The limits of this process, shared with the other workers where there are some. Where memory cannot be shared, each worker admits
 * its part of every limit. Throws a sentence when a file that is to be shared cannot be used.
 */
export function openMemoryLimits(keysMax: number, { clock, log, metrics, workers, shared }: MemoryLimitsParts): MemoryLimits {
  const events = countingEvents(metrics)
  if (workers === 1) return new MemoryLimits(new OwnMemory(keysMax, events), clock)
  if (shared !== null && canMapFiles()) return new MemoryLimits(new SharedMemory(shared, keysMax, events), clock)
  log.warn({ workers }, 'workers cannot share memory here: each admits its part of every limit in memory')
  return new MemoryLimits(new OwnMemory(keysMax, events), clock, workers)
}

function countingEvents(metrics: Metrics): MemoryEvents {
  const added = metrics.counter(
    'gateway_limit_keys_added_total',
    'Keys that limits in memory began to count, again after they were forgotten.',
    {},
  )
  const evicted = metrics.counter(
    'gateway_limit_keys_evicted_total',
    'States of limits in memory that were dropped because the table was full.',
    {},
  )
  const stolen = metrics.counter(
    'gateway_limit_lock_stolen_total',
    'Times that the lock of the limits was taken from a worker that died or hung.',
    {},
  )
  return { added: () => added.add(1), evicted: () => evicted.add(1), lockStolen: () => stolen.add(1) }
}
