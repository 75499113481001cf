import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Logger } from '../core/observe.ts'
import type { Purge } from '../core/response-store.ts'
import type { ControlStatus } from '../runtime/control.ts'
import { sentenceOf } from '../runtime/control-protocol.ts'
import type { DecisionDesk } from '../runtime/decisions/desk.ts'
import type { DiscoveryState } from '../runtime/discoveries.ts'
import type { PurgeResult, WorkerServices } from '../runtime/workers.ts'
import { PROMETHEUS_CONTENT_TYPE } from '../telemetry/prometheus.ts'
import { type Answer, closing, type Endpoint, json, problem } from './answer.ts'
import { compressed } from './compressed.ts'
import { DecisionEndpoints } from './decision-endpoints.ts'
import { dnsView } from './dns-view.ts'
import { isHostAllowed } from './host-guard.ts'
import { parsePurge } from './purge-request.ts'
import { readBody } from './request-body.ts'
import { servicesView } from './services-view.ts'
import { isAuthorized } from './token.ts'

// Importing it by name loads the whole of `fetch` and `WebSocket` too, which costs a start a tenth of its time.
const { createServer } = process.getBuiltinModule('node:http')

export interface AdminServerOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly log: Logger
  /** The bearer token in force; empty while there is none, and then nobody is let in. */
  readonly token: () => string
  readonly status: () => ControlStatus
  /** The running configuration as it may be shown, secrets hidden. */
  readonly display: () => unknown
  /** Prometheus text of all workers. */
  readonly metrics: () => Promise<string>
  /** What each worker knows of its services. */
  readonly services: () => Promise<readonly WorkerServices[]>
  /** What is known of the discovery of services, by their names. */
  readonly discoveries?: () => ReadonlyMap<string, DiscoveryState>
  /** Decision records. */
  readonly decisions: Pick<DecisionDesk, 'newest' | 'find' | 'whatIf'>
  /** Has cached responses forgotten, everywhere. */
  readonly purge: (purges: readonly Purge[]) => Promise<PurgeResult>
}

const HEAD_BYTES_MAX = 8 * 1024
const HEAD_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 10_000
const KEEP_ALIVE_TIMEOUT_MS = 15_000
const CONNECTIONS_MAX = 100
const BODY_BYTES_MAX = 64 * 1024
const ALWAYS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

/**
 * The admin listener: what operators and their tools ask the gateway about itself. It is no part of the data plane and runs on
 * node:http, in the control process.
 */
export class AdminServer {
  readonly #options: AdminServerOptions
  readonly #server: Server
  readonly #decisions: DecisionEndpoints

  constructor(options: AdminServerOptions) {
    this.#options = options
    this.#decisions = new DecisionEndpoints(options.decisions)
    this.#server = createServer(
      {
        maxHeaderSize: HEAD_BYTES_MAX,
        headersTimeout: HEAD_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#serve(request, response),
    )
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#server.timeout = KEEP_ALIVE_TIMEOUT_MS
  }

  /** Opens the port and tells which one it is. Throws with a sentence when it cannot. */
  async listen(): Promise<number> {
    const { host, port } = this.#options
    this.#server.listen({ host, port, exclusive: true })
    try {
      await once(this.#server, 'listening')
    } catch (error) {
      throw new Error(listenProblem(error, host, port), { cause: error })
    }
    const address = this.#server.address()
    return address === null || typeof address === 'string' ? port : address.port
  }

  /** Closes the port and every connection. */
  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer
    try {
      answer = await this.#answer(request)
    } catch (error) {
      this.#options.log.error({ reason: sentenceOf(error) }, 'an admin request failed')
      answer = problem(500, 'The gateway failed to answer; its log says why.')
    }
    // A client that has gone gets nothing; Node then ignores what is written.
    response.writeHead(answer.status, {
      ...ALWAYS,
      'content-type': answer.type,
      'content-length': Buffer.byteLength(answer.body),
      ...answer.headers,
    })
    response.end(request.method === 'HEAD' ? undefined : answer.body)
  }

  #answer(request: IncomingMessage): Answer | Promise<Answer> {
    if (!isHostAllowed(request.headers.host, this.#options.host)) {
      return problem(421, 'The Host header must be an IP address, localhost or the configured admin host.')
    }
    const path = (request.url ?? '').split('?', 1)[0]
    const endpoint = path === undefined ? undefined : (this.#endpoints.get(path) ?? this.#decisions.endpointAt(path))
    if (endpoint === undefined) return problem(404, `There is ${[...this.#endpoints.keys()].join(', ')}.`)
    const methods = endpoint.method === 'GET' ? ['GET', 'HEAD'] : [endpoint.method]
    if (!methods.includes(request.method ?? '')) {
      return closing({ ...problem(405, `Here is ${methods.join(' and ')} only.`), headers: { allow: methods.join(', ') } })
    }
    if (!endpoint.isPublic && !isAuthorized(request.headers.authorization, this.#options.token())) {
      return closing({
        ...problem(401, 'The admin token is needed: Authorization: Bearer <token>.'),
        headers: { 'www-authenticate': 'Bearer' },
      })
    }
    return endpoint.answer(request)
  }

  readonly #endpoints: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
    ['/healthz', { method: 'GET', isPublic: true, answer: () => json({ status: 'alive' }) }],
    ['/readyz', { method: 'GET', isPublic: true, answer: () => this.#ready() }],
    ['/metrics', { method: 'GET', isPublic: true, answer: (request) => this.#metrics(request) }],
    ['/config', { method: 'GET', isPublic: false, answer: () => this.#config() }],
    [
      '/services',
      {
        method: 'GET',
        isPublic: false,
        answer: async () => json(servicesView(await this.#options.services(), this.#options.discoveries?.())),
      },
    ],
    ['/dns', { method: 'GET', isPublic: false, answer: () => json(dnsView(this.#options.discoveries?.())) }],
    ['/decisions', { method: 'GET', isPublic: false, answer: (request) => this.#decisions.list(request) }],
    ['/cache/purge', { method: 'POST', isPublic: false, answer: (request) => this.#purge(request) }],
  ])

  /**
   * Ready means that somebody serves. A newer configuration that was refused makes no instance unready: a wrong file that reaches
   * all instances would otherwise take all of them out of the load balancer, while each still serves the old one.
   */
  #ready(): Answer {
    const status = this.#options.status()
    const { phase, workersServing, workersWanted, runningRevision, wantedRevision } = status
    if (phase === 'draining') return problem(503, 'The gateway is shutting down.')
    if (phase === 'starting') return problem(503, 'The gateway is starting.')
    if (workersServing === 0) return problem(503, 'No worker serves: all have died and are being replaced.')
    return json({ status: 'ready', workersServing, workersWanted, runningRevision, wantedRevision })
  }

  async #metrics(request: IncomingMessage): Promise<Answer> {
    return compressed(request, { status: 200, type: PROMETHEUS_CONTENT_TYPE, body: await this.#options.metrics() })
  }

  #config(): Answer {
    const { wantedRevision, runningRevision, loadedAtMs, lastError } = this.#options.status()
    const loadedAt = loadedAtMs === null ? null : new Date(loadedAtMs).toISOString()
    return json({ wantedRevision, runningRevision, loadedAt, lastError, config: this.#options.display() })
  }

  async #purge(request: IncomingMessage): Promise<Answer> {
    // A web page can send this type to another origin only after asking, and nobody here says yes.
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
      return closing(problem(415, 'The body must be JSON, with Content-Type: application/json.'))
    }
    const body = await readBody(request, BODY_BYTES_MAX)
    if (body === null) return closing(problem(413, `The body must be at most ${BODY_BYTES_MAX} bytes.`))
    const parsed = parsePurge(body)
    if (!parsed.ok) return problem(400, parsed.reason)
    const { purges } = parsed
    const client = request.socket.remoteAddress ?? ''
    const { workers, stores, failures } = await this.#options.purge(purges)
    if (failures.length === 0) {
      this.#options.log.info({ client, purges, workers, stores }, 'the cache was purged')
      return json({ purged: purges, workers, stores })
    }
    this.#options.log.warn({ client, purges, workers, stores, failures }, 'a purge of the cache was not done everywhere')
    return problem(503, 'The purge was not done everywhere. It may be repeated.', { purged: purges, workers, stores, failures })
  }
}

function listenProblem(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return `the admin port ${host}:${port} is in use by another program`
  if (code === 'EACCES') return `the admin port ${host}:${port} may not be opened by this user`
  if (code === 'EADDRNOTAVAIL') return `the admin host ${host} is no address of this machine`
  return `the admin port ${host}:${port} cannot be opened: ${sentenceOf(error)}`
}
