/** How the client library is set up. It is loaded here and only where Redis is configured. */
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'

type DNSLookupFunction = NonNullable<ClusterOptions['dnsLookup']>

import type { RedisIr } from '../../config/ir.ts'

const RECONNECT_MAX_MS = 1_000
/** So long without an answer, and a connection is given up. */
const HANGING_MAX_MS = 2_000
const SLOTS_REFRESH_MS = 5_000

export interface ClientEvents {
  ready(): void
  /** The connection is gone or cannot be made; tries to make one go on. */
  down(reason: string): void
}

/** 50 ms, 100 ms … 1 s. */
function reconnectAfter(times: number): number {
  return Math.min(50 * 2 ** Math.min(times - 1, 10), RECONNECT_MAX_MS)
}

/** A client that connects by itself. Rejects only when the library cannot be loaded. */
export async function openClient(ir: RedisIr, events: ClientEvents): Promise<Redis | Cluster> {
  const { Redis, Cluster } = await import('ioredis')
  const client = ir.cluster
    ? new Cluster(ir.addresses.slice(), clusterOptions(ir))
    : new Redis({
        ...redisOptions(ir),
        ...(ir.sentinel === null ? ir.addresses[0] : sentinelOptions(ir, ir.sentinel)),
        retryStrategy: reconnectAfter,
        enableOfflineQueue: false,
      })
  let reason = 'the connection was closed'
  client.on('error', (error: unknown) => {
    reason = messageOf(error)
  })
  client.on('ready', () => {
    reason = 'the connection was closed'
    events.ready()
  })
  client.on('close', () => events.down(reason))
  return client
}

function redisOptions(ir: RedisIr) {
  return {
    ...(ir.username !== null && { username: ir.username }),
    ...(ir.password !== null && { password: ir.password }),
    ...(!ir.cluster && { db: ir.database }),
    ...(ir.tls && { tls: {} }),
    connectTimeout: ir.connectTimeoutMs,
    keepAlive: 10_000,
    // The other side may be gone without a word.
    socketTimeout: HANGING_MAX_MS,
    // A take that is sent twice counts twice: what has no answer fails, and is never sent again.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: true,
    disableClientInfo: true,
    // A master that became a replica takes no writes: its name leads to the new one.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions
}

/** Every connection asks the sentinels first: after a failover they lead to the new master. */
function sentinelOptions(ir: RedisIr, { master, username, password }: NonNullable<RedisIr['sentinel']>) {
  return {
    sentinels: ir.addresses.slice(),
    name: master,
    ...(username !== null && { sentinelUsername: username }),
    ...(password !== null && { sentinelPassword: password }),
    ...(ir.tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    sentinelRetryStrategy: reconnectAfter,
  } satisfies RedisOptions
}

function clusterOptions(ir: RedisIr) {
  return {
    redisOptions: redisOptions(ir),
    // A node is connected to when it gets its first command: that one and its like wait, for as long as the caller does.
    enableOfflineQueue: true,
    enableReadyCheck: true,
    clusterRetryStrategy: reconnectAfter,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    slotsRefreshTimeout: ir.connectTimeoutMs,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // Certificates are made out to names: these are not to be replaced by addresses.
    ...(ir.tls && { dnsLookup }),
  } satisfies ClusterOptions
}

const dnsLookup: DNSLookupFunction = (name, found) => found(null, name)

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Of several addresses that do not answer, Node says the reasons only one by one.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ')
  return error.message
}
