/** A connection to Redis as a worker has it, with ears. */
import type { RedisIr } from '../../src/config/ir.ts'
import { systemClock } from '../../src/core/clock.ts'
import { testContext } from '../../src/policies/testing.ts'
import { RedisConnection } from '../../src/stores/redis/connection.ts'

interface AfterHook {
  after(run: () => void): void
}

/** What the connection said in the event log, in order. */
export interface Opened {
  readonly connection: RedisConnection
  readonly said: readonly string[]
  /** Resolves when this has been said once more than before. */
  readonly heard: (message: string) => Promise<void>
}

/** @param ports of one server, or of nodes of a cluster */
export function openConnection(t: AfterHook, ports: readonly number[], parts: Partial<RedisIr> = {}): Opened {
  const said: string[] = []
  let wake = Promise.withResolvers<void>()
  let seen = 0
  const say = (_fields: unknown, message: string): void => {
    said.push(message)
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const ir: RedisIr = {
    addresses: ports.map((port) => ({ host: '127.0.0.1', port })),
    cluster: ports.length > 1 && parts.sentinel == null,
    sentinel: null,
    username: null,
    password: null,
    database: 0,
    tls: false,
    keyPrefix: 'test:',
    connectTimeoutMs: 5_000,
    commandTimeoutMs: 5_000,
    ...parts,
  }
  const connection = new RedisConnection(ir, {
    clock: systemClock,
    log: { info: say, warn: say, error: say },
    metrics: testContext.metrics,
  })
  t.after(() => connection.close())
  return {
    connection,
    said,
    async heard(message) {
      for (;;) {
        const at = said.indexOf(message, seen)
        if (at !== -1) {
          seen = at + 1
          return
        }
        await wake.promise
      }
    },
  }
}
