/** A gateway in this process that runs a Kong file, in front of a service that records what it got. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { renderProblems } from '../../src/config/diagnostics.ts'
import { type Loaded, type LoadOptions, loadConfig } from '../../src/config/load.ts'
import { systemClock } from '../../src/core/clock.ts'
import { POLICIES } from '../../src/policies/index.ts'
import { Gateway } from '../../src/runtime/gateway.ts'
import { httpClient } from '../../src/runtime/http-client.ts'
import { createStores } from '../../src/stores/index.ts'
import { MetricsRegistry } from '../../src/telemetry/metrics.ts'
import { dial, type Peer } from '../wire/peer.ts'

/** A request as the echo service got it. */
export interface Received {
  readonly method: string
  readonly url: string
  /** Names in lower case; of one sent several times all values, joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Names and values as sent, in order. */
  readonly rawHeaders: readonly (readonly [string, string])[]
  readonly body: string
}

/** A response as a client got it. */
export interface Answer {
  readonly status: number
  /** Names in lower case; of one sent several times all values, joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly rawHeaders: readonly (readonly [string, string])[]
  readonly body: string
}

export interface Ask {
  readonly method?: string
  /** `Host` is that of the gateway unless it is given. A list is sent as several fields. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
  /** Of the listeners; the first unless given. */
  readonly port?: number
}

export interface KongGateway {
  /** Of the first listener. */
  readonly port: number
  readonly ports: readonly number[]
  readonly gateway: Gateway
  readonly metrics: MetricsRegistry
  readonly loaded: Loaded
  /** Of the echo service. */
  readonly echoPort: number
  /** What the echo service got, in order. */
  readonly received: Received[]
  /** What has been logged above `info`, as JSON. */
  readonly logged: readonly string[]
  /** Sends a request with exactly this target and returns the answer, whatever its status. */
  ask(target: string, ask?: Ask): Promise<Answer>
  /** The one request that the echo service gets while `target` is asked. */
  upstreamOf(target: string, ask?: Ask): Promise<Received>
  /** A connection to send bytes over. */
  connect(): Promise<Peer>
}

export interface StartOptions {
  /** What the echo service answers. Default: 200 and what it got as JSON. */
  readonly respond?: (received: Received, response: ServerResponse) => void
  /** Environment variables, for `{vault://env/…}` and `KONG_…`. */
  readonly env?: Readonly<Record<string, string>>
  /** Other files that the configuration names, by their path. */
  readonly files?: Readonly<Record<string, string>>
  readonly load?: Partial<LoadOptions>
}

/**
 * Runs a Kong file; `ECHO` in it stands for the `host:port` of the echo service, `ECHO_PORT` for its port alone. It ends with the test.
 * @throws AssertionError with all that is wrong with the file
 */
export async function startKong(context: TestContext, yaml: string, options: StartOptions = {}): Promise<KongGateway> {
  const received: Received[] = []
  const echo = createServer((incoming, response) => void echoOf(incoming, response, received, options.respond ?? respondWithEcho))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  const { port: echoPort } = echo.address() as AddressInfo
  context.after(() => {
    echo.closeAllConnections()
    echo.close()
  })
  const text = yaml.replaceAll('ECHO_PORT', String(echoPort)).replaceAll('ECHO', `127.0.0.1:${echoPort}`)
  const loaded = await loadKong(text, { ...options, env: { KONG_PROXY_LISTEN: '127.0.0.1:0', ...options.env } })
  if (!('ir' in loaded)) assert.fail(renderProblems(loaded.problems, { sources: loaded.sources }))

  const logged: string[] = []
  const note = (fields: object, message: string): void => void logged.push(JSON.stringify({ ...fields, message }))
  const parts = { clock: systemClock, log: { info: () => {}, warn: note, error: note }, metrics: new MetricsRegistry() }
  const gateway = new Gateway({
    ...parts,
    http: httpClient,
    createStores: (ir, resources) => createStores(ir.stores, { ...parts, resources }),
    accessLog: { write: () => {} },
    policies: POLICIES,
  })
  await gateway.prepare(loaded.ir, null)
  gateway.commit()
  const ports = gateway.listeners().map(({ port }) => port)
  const port = ports[0] ?? 0
  const clients: Peer[] = []
  context.after(async () => {
    for (const { socket } of clients) socket.destroy()
    await gateway.drain(0)
  })
  const ask = (target: string, { method = 'GET', headers = {}, body, port: other = port }: Ask = {}): Promise<Answer> =>
    askGateway(other, target, method, headers, body)
  return {
    port,
    ports,
    gateway,
    metrics: parts.metrics,
    loaded,
    echoPort,
    received,
    logged,
    ask,
    upstreamOf: async (target, asked) => {
      const before = received.length
      const { status, body } = await ask(target, asked)
      const [got, ...more] = received.slice(before)
      if (got === undefined) assert.fail(`the service got nothing; the client got ${status} ${body}`)
      assert.equal(more.length, 0, 'the service was asked more than once')
      return got
    },
    connect: async () => {
      const peer = await dial(port)
      clients.push(peer)
      return peer
    },
  }
}

/** Loads a Kong file called `kong.yml`, without running it. */
export function loadKong(yaml: string, options: StartOptions = {}): ReturnType<typeof loadConfig> {
  const files = options.files ?? {}
  return loadConfig(['kong.yml'], {
    policies: POLICIES,
    env: options.env ?? {},
    readFile: async (path) => {
      const found = path === 'kong.yml' ? yaml : Object.entries(files).find(([name]) => path === name || path.endsWith(`/${name}`))?.[1]
      if (found === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' })
      return found
    },
    ...options.load,
  })
}

/** What is said of a Kong file, as `line:column severity message`. */
export async function problemsOfKong(yaml: string, options: StartOptions = {}): Promise<string[]> {
  const loaded = await loadKong(yaml, options)
  const problems = 'ir' in loaded ? loaded.warnings : loaded.problems
  return problems.map(({ location, severity, message }) => `${location.line}:${location.column} ${severity} ${message}`)
}

async function echoOf(
  incoming: IncomingMessage,
  response: ServerResponse,
  received: Received[],
  respond: (received: Received, response: ServerResponse) => void,
): Promise<void> {
  const body = await readAll(incoming)
  if (body === null) return
  const got = { method: incoming.method ?? '', url: incoming.url ?? '', ...headersOf(incoming.rawHeaders), body }
  received.push(got)
  respond(got, response)
}

function respondWithEcho(got: Received, response: ServerResponse): void {
  const { method, url, headers, body } = got
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ method, url, headers, body }))
}

function askGateway(
  port: number,
  target: string,
  method: string,
  headers: NonNullable<Ask['headers']>,
  body: string | Buffer | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path: target, method, agent: false })
    for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, typeof value === 'string' ? value : [...value])
    outgoing.on('error', reject)
    const read = async (incoming: IncomingMessage): Promise<void> => {
      const text = await readAll(incoming)
      if (text === null) reject(new Error(`the answer to ${target} broke off`))
      else resolve({ status: incoming.statusCode ?? 0, ...headersOf(incoming.rawHeaders), body: text })
    }
    outgoing.on('response', (incoming) => void read(incoming))
    outgoing.end(body)
  })
}

/** The body as Latin-1; null where it broke off. */
async function readAll(incoming: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  } catch {
    return null
  }
  return Buffer.concat(chunks).toString('latin1')
}

function headersOf(raw: readonly string[]): Pick<Received, 'headers' | 'rawHeaders'> {
  const rawHeaders: [string, string][] = []
  const headers: Record<string, string> = {}
  for (let at = 0; at < raw.length; at += 2) {
    const [name = '', value = ''] = raw.slice(at, at + 2)
    rawHeaders.push([name, value])
    const key = name.toLowerCase()
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  return { headers, rawHeaders }
}
