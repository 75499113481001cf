import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { sentenceOf } from '../runtime/control-protocol.ts'
import { type AccessRules, AllowList, type Caller, callerOf } from './access.ts'
import { type Answer, closing, type EventStream, problem } from './answer.ts'
import { type Endpoint, type EndpointRole, EndpointTable } from './endpoint.ts'
import { ENDPOINTS } from './endpoints.ts'
import { isHostAllowed } from './host-guard.ts'
import type { AdminParts } from './parts.ts'
import { readBody } from './request-body.ts'

// Importing it by name loads the whole of `fetch` and `WebSocket` too, which costs a start a tenth of its time.
const { createServer } = process.getBuiltinModule('node:http')

export interface AdminServerOptions extends AdminParts {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Who may ask, as it is in force. */
  readonly access: () => AccessRules
}

const HEAD_BYTES_MAX = 8 * 1024
const HEAD_TIMEOUT_MS = 5_000
const REQUEST_TIMEOUT_MS = 10_000
const KEEP_ALIVE_TIMEOUT_MS = 15_000
const CONNECTIONS_MAX = 100
/** Also for addresses that are not allowed: load balancers and orchestrators ask from anywhere. */
const PATHS_OPEN_TO_ALL: ReadonlySet<string> = new Set(['/healthz', '/readyz'])
const ALWAYS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

/**
 * The admin listener: what operators and their tools ask the gateway about itself. It is no part of the data plane and runs on
 * node:http, in the control process.
 */
export class AdminServer {
  readonly #options: AdminServerOptions
  readonly #server: Server
  readonly #table = new EndpointTable(ENDPOINTS)
  readonly #allowList = new AllowList()
  readonly #streams = new Set<OpenStream>()

  constructor(options: AdminServerOptions) {
    this.#options = options
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

  /** The access rules have changed: cuts streams that would not be opened any more. What they still have to send stays here. */
  recheckAccess(): void {
    for (const { request, role, response } of this.#streams) {
      const caller = callerOf(request.headers.authorization, this.#options.access().tokens)
      if (!this.#isAddressAllowed(request) || !mayAsk(role, caller)) response.destroy()
    }
  }

  #isAddressAllowed({ socket }: IncomingMessage): boolean {
    return this.#allowList.has(socket.remoteAddress, this.#options.access().allow)
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer & { readonly role?: EndpointRole }
    try {
      answer = await this.#answer(request)
    } catch (error) {
      this.#options.log.error({ reason: sentenceOf(error) }, 'an admin request failed')
      answer = problem(500, 'The gateway failed to answer; its log says why.')
    }
    if (answer.stream !== undefined && request.method !== 'HEAD') {
      const open: OpenStream = { request, response, role: answer.role ?? 'write' }
      this.#streams.add(open)
      response.on('close', () => this.#streams.delete(open))
      return stream(answer, answer.stream, response)
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

  /** With the role that it took, for streams. */
  async #answer(request: IncomingMessage): Promise<Answer & { readonly role?: EndpointRole }> {
    const [path = '', ...query] = (request.url ?? '').split('?')
    if (!PATHS_OPEN_TO_ALL.has(path) && !this.#isAddressAllowed(request)) return closing(problem(403, 'This address may not ask.'))
    if (!isHostAllowed(request.headers.host, this.#options.host))
      return closing(problem(421, 'The Host header must be an IP address, localhost or the configured admin host.'))
    const found = this.#table.at(path)
    if (found === null) return closing(problem(404, `There is nothing at this path; there is ${PATHS}.`))
    const methods = found.endpoints.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    const asked = request.method === 'HEAD' ? 'GET' : request.method
    const endpoint = found.endpoints.find(({ method }) => method === asked)
    if (endpoint === undefined)
      return closing({ ...problem(405, `Here is ${methods.join(' and ')} only.`), headers: { allow: methods.join(', ') } })
    const caller = endpoint.role === 'public' ? null : callerOf(request.headers.authorization, this.#options.access().tokens)
    if (endpoint.role !== 'public' && caller === null) return closing(UNKNOWN_TOKEN)
    const call = { request, params: found.params, query: query.join('?'), caller }
    const answer = await this.#let(endpoint, call)
    if (endpoint.role === 'write' && endpoint.isDry !== true) this.#audit(request, path, caller, answer)
    return { ...answer, role: endpoint.role }
  }

  /** Has an endpoint answer who may ask it. */
  async #let(endpoint: Endpoint, call: Omit<Parameters<Endpoint['answer']>[1], 'body'>): Promise<Answer> {
    if (!mayAsk(endpoint.role, call.caller))
      return closing(problem(403, 'This token may look, and not change anything: a token with the role write is needed.'))
    const { body } = endpoint
    if (body === undefined) return endpoint.answer(this.#options, { ...call, body: NOTHING })
    // A web page can send these types to another origin only after asking, and nobody here says yes.
    const type = (call.request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
    if (!body.types.some((one) => one === type)) return closing(problem(415, `The Content-Type must be ${body.types.join(' or ')}.`))
    const bytes = await readBody(call.request, body.bytesMax)
    if (bytes === null) return closing(problem(413, `The body must be at most ${body.bytesMax} bytes.`))
    return endpoint.answer(this.#options, { ...call, body: bytes })
  }

  /** One line for each write, also for one that was refused. */
  #audit({ method, socket }: IncomingMessage, path: string, caller: Caller | null, { status, audit }: Answer): void {
    const fields = { who: caller?.name ?? '', client: socket.remoteAddress ?? '', method, path, status, ...audit }
    if (status < 400) this.#options.log.info(fields, 'an admin write')
    else this.#options.log.warn(fields, 'an admin write was not done')
  }
}

/** An answer without an end, and whom it goes to. */
interface OpenStream {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly role: EndpointRole
}

function mayAsk(role: EndpointRole, caller: Caller | null): boolean {
  if (role === 'public') return true
  return caller !== null && (role === 'read' || caller.role === 'write')
}

/** Bytes that wait for a client; what comes meanwhile is lost to it. */
const STREAM_BYTES_MAX = 256 * 1024

function stream({ status, type }: Answer, { open }: EventStream, response: ServerResponse): void {
  response.writeHead(status, { ...ALWAYS, 'content-type': type })
  const write = (text: string): boolean => {
    if (response.destroyed || response.writableLength > STREAM_BYTES_MAX) return false
    response.write(text)
    return true
  }
  const onClose = open(write, () => response.end())
  if (response.destroyed) onClose()
  else response.on('close', onClose)
}

const NOTHING = Buffer.alloc(0)
const PATHS = [...new Set(ENDPOINTS.map(({ path }) => path))].join(', ')
const UNKNOWN_TOKEN: Answer = {
  ...problem(401, 'An admin token is needed: Authorization: Bearer <token>.'),
  headers: { 'www-authenticate': 'Bearer' },
}

function listenProblem(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return `the admin port ${host}:${port} is in use by another program`
  if (code === 'EACCES') return `the admin port ${host}:${port} may not be opened by this user`
  if (code === 'EADDRNOTAVAIL') return `the admin host ${host} is no address of this machine`
  return `the admin port ${host}:${port} cannot be opened: ${sentenceOf(error)}`
}
