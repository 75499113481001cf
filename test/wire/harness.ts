import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadConfig } from '../../src/config/load.ts'
import type { NativeInput } from '../../src/config/schema.ts'
import { systemClock } from '../../src/core/clock.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { POLICIES } from '../../src/policies/index.ts'
import type { DrainResult } from '../../src/runtime/control-protocol.ts'
import { Gateway } from '../../src/runtime/gateway.ts'
import { httpClient } from '../../src/runtime/http-client.ts'
import { createStores } from '../../src/stores/index.ts'
import { MetricsRegistry } from '../../src/telemetry/metrics.ts'
import { dial, type Ending, type Peer, ScriptedServer } from './peer.ts'

/** What the access log was given for one exchange. */
export interface Logged {
  readonly status: number
  readonly error: ErrorCode | null
  readonly attempts: number
}

/** A gateway in this process, on a free port, in front of scripted servers. */
export interface Rig {
  readonly port: number
  readonly upstream: ScriptedServer
  /** Where the service `backup` runs. */
  readonly backup: ScriptedServer
  /** The sum of a counter or gauge over the series that have these labels. */
  metric(name: string, labels?: Readonly<Record<string, string>>): number
  /** Every exchange that has ended, in order. */
  readonly logged: readonly Logged[]
  /** Warnings of the event log, with their fields, as JSON. */
  readonly warnings: readonly string[]
  connect(paused?: boolean): Promise<Peer>
  /** Sends `request` and returns every byte that comes until the gateway ends the connection. */
  exchange(request: string): Promise<{ readonly text: string; readonly ending: Ending }>
  /** Connections open from the gateway to services, in use or not. */
  upstreamConnections(): number
  /** As a shutdown does. */
  drain(timeoutMs: number): Promise<DrainResult>
  /** Waits until so many exchanges have ended. */
  loggedCount(count: number): Promise<void>
}

type Services = NonNullable<NativeInput['services']>
type Routes = NonNullable<NativeInput['routes']>

export interface RigOptions {
  readonly limits?: NativeInput['limits']
  readonly drainSpread?: NativeInput['drainSpread']
  /** Proxies that the listener believes. Default: none. */
  readonly trustedProxies?: readonly string[]
  /** What is said of the service `main` besides its targets. */
  readonly service?: Omit<Services[string], 'targets'>
  /** What is said of the service `backup` besides its target. */
  readonly backupService?: Omit<Services[string], 'targets'>
  /** What is said of the route `all`, which takes every path, besides its path; its service is `main` unless it is split. */
  readonly route?: Omit<Routes[string], 'path' | 'service'>
  readonly routes?: Routes
  readonly consumers?: NativeInput['consumers']
  /** A policy of the test's own, which holds everywhere. */
  readonly policy?: PolicyDefinition<unknown>
  /** Ports of the service's targets. Default: the one scripted server. */
  readonly ports?: (upstreamPort: number) => readonly number[]
}

/** Starts a gateway with one service, `main`, behind the route `all`; it ends with the test. */
export async function startRig(context: TestContext, options: RigOptions = {}): Promise<Rig> {
  const upstream = await new ScriptedServer().open()
  const backup = await new ScriptedServer().open()
  const ports = options.ports?.(upstream.port) ?? [upstream.port]
  const config: NativeInput = {
    listeners: [{ host: '127.0.0.1', port: 0, trustedProxies: [...(options.trustedProxies ?? [])] }],
    accessLog: false,
    drainSpread: options.drainSpread ?? 0,
    limits: options.limits ?? {},
    services: {
      main: { ...options.service, targets: ports.map((port) => `127.0.0.1:${port}`) },
      backup: { ...options.backupService, targets: [`127.0.0.1:${backup.port}`] },
    },
    routes: {
      all: { ...options.route, path: '/*', ...(options.route?.split === undefined && { service: 'main' }) },
      ...options.routes,
    },
    consumers: options.consumers ?? {},
  }
  const policies = options.policy === undefined ? POLICIES : [...POLICIES, options.policy]
  const text = JSON.stringify(options.policy === undefined ? config : { ...config, policies: { [options.policy.kind]: {} } })
  const loaded = await loadConfig(['wire.yaml'], { policies, env: {}, readFile: async () => text })
  if (!('ir' in loaded)) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))

  const logged: Logged[] = []
  const faults: unknown[] = []
  const warnings: string[] = []
  const log = {
    info: () => {},
    warn: (fields: object, message: string) => warnings.push(JSON.stringify({ ...fields, message })),
    error: (fields: unknown) => faults.push(fields),
  }
  const parts = { clock: systemClock, log, metrics: new MetricsRegistry() }
  const gateway = new Gateway({
    ...parts,
    http: httpClient,
    createStores: (ir, resources) => createStores(ir.stores, { ...parts, resources }),
    accessLog: {
      write: (exchange, outcome) => logged.push({ status: outcome.status, error: outcome.error, attempts: exchange.attempts.length }),
    },
    policies,
  })
  await gateway.prepare(loaded.ir, null)
  gateway.commit()
  const port = gateway.listeners()[0]?.port ?? 0

  const targetsOpen = (): number =>
    [...gateway.services.values()].reduce((sum, { targets }) => sum + targets.reduce((open, target) => open + target.open, 0), 0)
  const clients: Peer[] = []
  const connectClient = async (paused = false): Promise<Peer> => {
    const peer = await dial(port, paused)
    clients.push(peer)
    return peer
  }
  context.after(async () => {
    for (const { socket } of clients) socket.destroy()
    upstream.close()
    backup.close()
    await gateway.drain(0)
    assert.deepEqual(faults, [], 'the gateway logged an error')
    assert.equal(targetsOpen(), 0, 'no connection to a service is left')
  })
  return {
    port,
    upstream,
    backup,
    metric: (name, labels = {}) =>
      (parts.metrics.dump().find((family) => family.name === name)?.series ?? [])
        .filter((series) => Object.entries(labels).every(([label, value]) => series.labels[label] === value))
        .reduce((sum, { values }) => sum + (values[0] ?? 0), 0),
    logged,
    warnings,
    connect: connectClient,
    upstreamConnections: targetsOpen,
    drain: (timeoutMs) => gateway.drain(timeoutMs),
    exchange: async (request) => {
      const client = await connectClient()
      client.write(request)
      return client.readAll()
    },
    loggedCount: (count) => eventually(() => logged.length >= count, `${count} exchanges to end`),
  }
}

/** Waits until something holds; for what has no event of its own. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 8_000; waitedMs += 5) {
    if (holds()) return
    await sleep(5)
  }
  throw new Error(`waited in vain for ${what}`)
}

/** Serves echoes: the answer to each request tells its request line, its decoded body and its trailers. */
export async function echo(peer: Peer): Promise<void> {
  for (;;) {
    const { head, body, trailers } = await peer.readRequest()
    const told = JSON.stringify({ line: head.slice(0, head.indexOf('\r\n')), body, trailers })
    peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${told.length}\r\n\r\n${told}`)
  }
}

/** Serves the same bytes for each request without a body. */
export function always(response: string): (peer: Peer) => Promise<void> {
  return async (peer) => {
    for (;;) {
      await peer.readRequest()
      peer.write(response)
    }
  }
}

/** A response without what differs each time: dates and request ids. */
export function withoutChance(text: string): string {
  return text
    .replaceAll(/^Date: .*\r\n/gim, '')
    .replaceAll(/^X-Request-ID: .*\r\n/gim, '')
    .replaceAll(/"requestId":"[^"]*"/g, '"requestId":""')
}

/** Connections that a replay has open at once. */
const REPLAYS_AT_ONCE = 40

/**
 * Sends a transcript whole, and then in two parts for every place where it can be cut, and asserts that the answer is the same. The
 * transcript must make the gateway end the connection. Returns the answer, without what differs each time.
 */
export async function splitEverywhere(rig: Rig, transcript: string): Promise<string> {
  const whole = await rig.exchange(transcript)
  const expected = withoutChance(whole.text)
  const replay = async (offset: number): Promise<void> => {
    const client = await rig.connect()
    client.write(transcript.slice(0, offset))
    // Long enough for the first part to be read alone; were it not, the transcript would only be read whole once more.
    await sleep(4)
    client.write(transcript.slice(offset))
    const { text, ending } = await client.readAll()
    client.socket.destroy()
    assert.deepEqual({ offset, text: withoutChance(text), ending }, { offset, text: expected, ending: whole.ending })
  }
  for (let offset = 1; offset < transcript.length; offset += REPLAYS_AT_ONCE) {
    const count = Math.min(REPLAYS_AT_ONCE, transcript.length - offset)
    await Promise.all(Array.from({ length: count }, (_, index) => replay(offset + index)))
  }
  return expected
}
