/**
 * A Kubernetes API of the tests' own: list in pages, watch with bookmarks, versions that are gone, tokens and client certificates with rights,
 * as kube-apiserver does them. Its trouble is made by the test.
 *
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/
 */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Authority } from './certificates.ts'
import { type Json, type KubeObject, KubernetesStore } from './kubernetes-store.ts'
import { WatchConnection } from './kubernetes-watch.ts'

const KINDS: Readonly<Record<string, string>> = { endpointslices: 'EndpointSlice', services: 'Service', configmaps: 'ConfigMap' }
const GROUPS: Readonly<Record<string, string>> = { endpointslices: 'discovery.k8s.io/v1', services: 'v1', configmaps: 'v1' }
const PATH = /^\/(?:api|apis)\/(?<group>v1|[a-z0-9.]+\/v\w+)\/namespaces\/(?<namespace>[^/]+)\/(?<resource>[a-z]+)(?:\/(?<name>[^/]+))?$/
const DEFAULT_TIMEOUT_SECONDS = 1_800

/** `list endpointslices` */
export type Right = `${'get' | 'list' | 'watch'} ${string}`

export interface ApiRequest {
  readonly verb: string
  readonly resource: string
  readonly query: URLSearchParams
  readonly user: string
}

export interface Kubeconfig extends Json {
  readonly clusters: readonly { readonly name: string; readonly cluster: Json }[]
}

interface Question extends ApiRequest {
  readonly namespace: string
  readonly name: string | null
}

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

export class KubernetesApiServer {
  readonly store = new KubernetesStore()
  readonly authority = new Authority()
  /** Users by their tokens. A certificate's user is its common name. */
  readonly tokens = new Map<string, string>()
  /** Of users; those that are not here may do everything. */
  readonly rights = new Map<string, ReadonlySet<Right>>()
  /** What was asked and not refused as unknown. */
  readonly requests: ApiRequest[] = []
  /** How often bookmarks come by themselves. */
  bookmarkMs = 60_000
  /** Whether a watch from a version that is gone is refused by status, or begins and ends with an event; kube-apiserver has done both. */
  goneBy: 'status' | 'event' = 'event'
  /** Answers requests of a verb with a status in place of what they ask for. */
  trouble: ((request: ApiRequest) => number | null) | null = null
  readonly #certificate = this.authority.forServer()
  readonly #watches = new Set<WatchConnection>()
  readonly #pages = new Map<string, { readonly version: number; readonly left: readonly KubeObject[] }>()
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null
  #port = 0

  static async start(t: AfterHook): Promise<KubernetesApiServer> {
    const api = new KubernetesApiServer()
    await api.start()
    t.after(() => api.stop())
    return api
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`
  }

  /** Watches that are open. */
  get watchCount(): number {
    return this.#watches.size
  }

  /** Begins to listen, again on the same port; the store is as it was. */
  async start(): Promise<void> {
    const tls = { ...this.#certificate, ca: this.authority.cert, requestCert: true, rejectUnauthorized: false }
    const server = createServer(tls, (request, response) => this.#answer(request, response))
    this.#server = server
    // Those that still shake hands too, which the server does not count among its connections.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  /** Ends at once, with all connections. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(server, 'close')
  }

  /** Of a client with these credentials. */
  kubeconfigOf(user: Json): Kubeconfig {
    const ca = Buffer.from(this.authority.cert).toString('base64')
    return {
      'current-context': 'test',
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      clusters: [{ name: 'test', cluster: { server: this.url, 'certificate-authority-data': ca } }],
      users: [{ name: 'test', user }],
    }
  }

  // --- what a test does to open watches

  bookmark(): void {
    for (const watch of this.#watches) watch.bookmark(this.store.version)
  }

  /** Ends all watches as their timeout does. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end()
  }

  /** Sends an ERROR event and ends all watches. */
  failWatches(code: number, reason: string, message: string): void {
    for (const watch of this.#watches) watch.fail(statusObject(code, reason, message))
  }

  /** Open watches say nothing more, and stay open. */
  silenceWatches(): void {
    for (const watch of this.#watches) watch.silence()
  }

  /** Sends bytes as they are. */
  writeToWatches(text: string): void {
    for (const watch of this.#watches) watch.write(text)
  }

  // ---

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const user = this.#userOf(request)
    if (user === null) return refuse(response, 401, 'Unauthorized', 'Unauthorized')
    const question = questionOf(request, user)
    if (question === null) return refuse(response, 404, 'NotFound', 'the server could not find the requested resource')
    this.requests.push(question)
    const trouble = this.trouble?.(question) ?? null
    if (trouble !== null) return refuse(response, trouble, 'InternalError', 'the test wants trouble')
    const { verb, resource, namespace } = question
    const rights = this.rights.get(user)
    if (rights !== undefined && !rights.has(`${verb} ${resource}` as Right)) {
      const message = `${resource} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in the namespace "${namespace}"`
      return refuse(response, 403, 'Forbidden', message)
    }
    if (verb === 'watch') return this.#watch(question, response)
    return verb === 'list' ? this.#list(question, response) : this.#get(question, response)
  }

  #userOf(request: IncomingMessage): string | null {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    if (token !== undefined) return this.tokens.get(token) ?? null
    const { socket } = request
    if (!(socket instanceof TLSSocket) || !socket.authorized) return null
    const name = socket.getPeerCertificate().subject.CN
    return typeof name === 'string' ? name : null
  }

  #get({ resource, namespace, name }: Question, response: ServerResponse): void {
    const object = this.store.get(resource, namespace, name ?? '')
    if (object === null) return refuse(response, 404, 'NotFound', `${resource} "${name}" not found`)
    return send(response, 200, { kind: KINDS[resource], apiVersion: GROUPS[resource], ...object })
  }

  #list(question: Question, response: ServerResponse): void {
    const { resource, query } = question
    const limit = Number(query.get('limit') ?? 0)
    if (!Number.isInteger(limit) || limit < 0) return refuse(response, 400, 'BadRequest', 'limit is no number')
    const token = query.get('continue')
    const page =
      token === null
        ? { version: this.store.version, left: this.store.list(resource, (object) => fits(object, question)) }
        : this.#pages.get(token)
    if (page === undefined) return refuse(response, 400, 'BadRequest', 'continue key is not valid')
    if (token !== null && page.version < this.store.compactedVersion)
      return refuse(response, 410, 'Expired', 'The provided continue parameter is too old to display a consistent list result.')
    const items = limit === 0 ? page.left : page.left.slice(0, limit)
    const left = page.left.slice(items.length)
    const metadata: Record<string, string> = { resourceVersion: `${page.version}` }
    if (left.length > 0) {
      const next = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: page.version, start: left[0]?.metadata.name })).toString(
        'base64url',
      )
      this.#pages.set(next, { version: page.version, left })
      metadata['continue'] = next
    }
    return send(response, 200, { kind: `${KINDS[resource]}List`, apiVersion: GROUPS[resource], metadata, items })
  }

  #watch(question: Question, response: ServerResponse): void {
    const { query, resource } = question
    const written = query.get('resourceVersion') ?? ''
    if (!/^\d*$/.test(written)) return refuse(response, 400, 'Invalid', `resourceVersion: Invalid value: "${written}"`)
    // Without a version, or from 0, a watch begins with what there is.
    const isFromNow = written === '' || written === '0'
    const missed = isFromNow ? [] : this.store.eventsAfter(Number(written))
    const gone = statusObject(410, 'Expired', `too old resource version: ${written} (${this.store.compactedVersion})`)
    if (missed === null && this.goneBy === 'status') return send(response, 410, gone)
    const watch = new WatchConnection({
      response,
      kind: { kind: KINDS[resource], apiVersion: GROUPS[resource] },
      resource,
      fits: (object) => fits(object, question),
      bookmarkMs: query.get('allowWatchBookmarks') === 'true' ? this.bookmarkMs : null,
      timeoutMs: Number(query.get('timeoutSeconds') ?? DEFAULT_TIMEOUT_SECONDS) * 1_000,
      version: () => this.store.version,
    })
    if (missed === null) return watch.fail(gone)
    for (const event of missed) watch.tell(event)
    if (isFromNow) for (const object of this.store.list(resource, (one) => fits(one, question))) watch.add(object)
    const forget = this.store.onEvent((event) => watch.tell(event))
    this.#watches.add(watch)
    response.on('close', () => {
      forget()
      this.#watches.delete(watch)
    })
  }
}

function questionOf({ url = '', method }: IncomingMessage, user: string): Question | null {
  const { pathname, searchParams: query } = new URL(url, 'https://api')
  const { group = '', namespace = '', resource = '', name } = PATH.exec(pathname)?.groups ?? {}
  if (method !== 'GET' || GROUPS[resource] !== group) return null
  const verb = name !== undefined ? 'get' : query.get('watch') === 'true' ? 'watch' : 'list'
  return { verb, resource, query, user, namespace, name: name ?? null }
}

/** Whether an object is in the namespace and fits the selectors: `key=value` of a label, `metadata.name=value` of fields. */
function fits({ metadata }: KubeObject, { namespace, query }: Question): boolean {
  if (metadata.namespace !== namespace) return false
  const [label, labelValue] = (query.get('labelSelector') ?? '').split('=')
  if (label !== undefined && label !== '' && metadata.labels[label] !== labelValue) return false
  const field = query.get('fieldSelector')
  return field === null || field === `metadata.name=${metadata.name}`
}

function statusObject(code: number, reason: string, message: string): Json {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  send(response, code, statusObject(code, reason, message))
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
