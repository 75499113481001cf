/** What the processes of the accuracy test and the test itself share. */
import type { LimitRule } from '../../src/core/store.ts'
import { limitScripts } from '../../src/stores/redis/take-script.ts'

export const PLACE = 'accuracy'

/** By user, by address, over all: each refuses some of the time. */
export const RULES: readonly LimitRule[] = [
  { algorithm: 'token-bucket', capacity: 30, periodMs: 200 },
  { algorithm: 'sliding-window', capacity: 250, periodMs: 1_000 },
  { algorithm: 'fixed-window', capacity: 600, periodMs: 1_000 },
]

export const LOG = 'accuracy:log'

/** Writes down when each take was decided, and on what: Redis runs scripts one after the other, so that the list is in order. */
export const LOGGING_SCRIPTS = limitScripts(`(function()
  local now = redis.call('TIME')
  redis.call('RPUSH', '${LOG}', now[1] .. ' ' .. now[2] .. ' ' .. table.concat(KEYS, ' '))
  return now
end)()`)
