import type { BodySink, BodySource, EarlyBody } from './body.ts'
import type { BodyFilter } from './body-filter.ts'
import { Caller } from './caller.ts'
import type { ClientCertificate } from './client-certificate.ts'
import { type Clock, systemClock } from './clock.ts'
import type { ErrorCode } from './errors.ts'
import { Headers } from './headers.ts'
import type { PathPattern } from './path-pattern.ts'
import type { Reply } from './reply.ts'
import type { LimitDecision } from './store.ts'
import type { Trace } from './trace.ts'
import type { TraceContext } from './trace-context.ts'

/** The port an exchange came in on. */
export interface ListenerInfo {
  readonly name: string
  readonly port: number
  readonly scheme: 'http' | 'https'
  /** Port that requests are redirected to by https, `/.well-known/acme-challenge/` excepted; null where they are served. */
  readonly redirectPort: number | null
  /** Whether a client that shows no verified certificate is refused. */
  readonly requiresCertificate: boolean
}

/** What a client's TLS handshake agreed on. */
export interface TlsFacts {
  /** `1.2` or `1.3`. */
  readonly version: string
  /** As IANA's registry names it: `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  /** What ALPN chose (RFC 7301): `h2`, `http/1.1`; empty where the client offered nothing that we speak. */
  readonly alpn: string
  /** What the client named (SNI, RFC 6066, 3), in lower case; empty for nothing. */
  readonly serverName: string
}

/** Who is at the other end. */
export interface ClientInfo {
  /** The address of the connection itself. */
  peerAddress: string
  /** Whether that peer is one of the listener's trusted proxies, so that its forwarded headers are believed. */
  trusted: boolean
  /** The true client: the peer, or, behind trusted proxies, the last address in X-Forwarded-For that is not one of them. */
  address: string
  /** What the client showed in its TLS handshake; null for nothing. */
  certificate: ClientCertificate | null
  /** Null for a connection without TLS. */
  tls: TlsFacts | null
}

/** Parts of an access-log line that depend on the request head and the route alone. */
export interface LogMemo {
  readonly route: RouteInfo | null
  readonly request: string
  readonly routed: string
  readonly userAgent: string
}

/** The request as it was received. Its headers carry the edits that policies make for the service. */
export class RequestHead {
  /** Upper case as sent; any token. */
  method = ''
  /** The target as received, for logs. */
  target = ''
  /** The one normalised path that is matched, guarded and forwarded; see `core/path.ts`. */
  path = ''
  /** What follows the question mark, as received; empty for none. */
  query = ''
  scheme: 'http' | 'https' = 'http'
  /** Host and port as the client named them. */
  authority = ''
  /** The host alone, in lower case, without port. */
  host = ''
  /** Of the listener. */
  port = 0
  /** What the client named in its TLS handshake (SNI), in lower case; empty for nothing, null for a request without TLS. */
  serverName: string | null = null
  /** 1 or 2. */
  majorVersion = 1
  /** 1 for HTTP/1.1, 0 for HTTP/1.0 and HTTP/2. */
  minorVersion = 1
  readonly headers = new Headers()
  /** The protocol the client asks to upgrade to (`websocket`), or empty. */
  upgrade = ''
  /** Whether the client reads trailers (`TE: trailers`, RFC 9110, 10.1.4). */
  acceptsTrailers = false
  /** The value of `Proxy-Authorization` (RFC 9110, 11.7.2), which is meant for us and goes no further; several joined by a comma, empty for none. */
  proxyAuthorization = ''
  /** Whether the client waits for 100 (Continue) before it sends the body (RFC 9110, 10.1.1). */
  expectsContinue = false
  /** Counts the heads read on this connection that differ from the one before: the same number means the same head. */
  serial = 0
  /** Kept by the policy that verified this head's credential, while a connection sends the same head; cleared as {@link logMemo} is. */
  authMemo: unknown = null
  /** Kept by the access log while a connection sends the same head again and again; whoever fills the head anew clears it. */
  logMemo: LogMemo | null = null
}

/** The response: a service's, or the gateway's own. */
export class ResponseHead {
  /** 0 until there is one. */
  status = 0
  headers = new Headers()
  /** Bytes of the body, or LENGTH_UNKNOWN. */
  bodyLength = 0
  /** Trailers of a service's response, for steps on its whole body; valid during them only. */
  trailers: Headers | null = null
}

/** What goes to the service where it differs from what came: request steps change it, attempts read it. */
export interface ForwardHead {
  path: string
  query: string
  /** The Host to send; empty for what the service's `host` setting says. */
  authority: string
  /** The method to send; empty for the request's own. */
  method: string
  /** Whether a query that is empty is sent with its question mark. */
  emptyQuery: boolean
}

/** The client's side of one exchange, whatever the protocol: how the answer goes back. Implemented in `http/`. */
export interface Downstream {
  readonly requestBody: BodySource
  /** Sends a 1xx head (not 101). */
  sendInformational(status: number, headers: Headers): void
  /** Begins the final response from `ex.response`; the body follows through {@link BodySink}, or nothing when it is empty. */
  sendHead(exchange: Exchange): void
  readonly responseBody: BodySink
  /** Whether a head has gone out, so that no other answer can be given. */
  readonly headSent: boolean
  /** Switches protocols: sends 101 and hands the raw byte stream over. */
  openTunnel(exchange: Exchange, bounds: TunnelBounds): TunnelEnd
}

/** How long a tunnel may last. Where one is reached, a WebSocket is closed between two messages, and any other tunnel cut. */
export interface TunnelBounds {
  /** Longest silence in both directions. */
  readonly idleTimeoutMs: number
  /** Null for no bound. */
  readonly lifetimeMs: number | null
}

/** One end of a tunnel: a raw byte stream with back-pressure. */
export interface TunnelEnd {
  /** Takes bytes valid during the call only; false asks for a pause. */
  write(bytes: Buffer, start: number, end: number): boolean
  /** Half-closes: the other side has finished sending. */
  finish(): void
  destroy(): void
  /** The other side is gone without a word: this one is told as its protocol can, and closed soon. */
  leave(): void
  /** Begins to give bytes to `other`, and to resume it when a refused write has drained. */
  join(other: TunnelEnd): void
  pause(): void
  resume(): void
}

/** What is known of a matched route by those who only read it. */
export interface RouteInfo {
  readonly name: string
  /** The pattern as configured, for metrics and logs; never the raw path. */
  readonly pattern: string
  readonly serviceName: string
  /** Where credentials stand in requests: `header:NAME` in lower case, `query:NAME`, `cookie:NAME`. Left out for nowhere that is not known anyway. */
  readonly credentialPlaces?: ReadonlySet<string>
}

/** One try against one target. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number
  /** `host:port` of the target. For our own records, never for a client. */
  readonly target: string
  /** Milliseconds of the clock. */
  readonly startedAt: number
  endedAt: number
  /** Status of the answer, 0 for none. */
  status: number
  error: ErrorCode | null
}

/**
 * Listens to the body of a service's response, as it stands after the upstream-response steps, for who wants to keep it. Exactly one of
 * `onEnd` and `onAbort` comes last.
 */
export interface ResponseTap {
  /** The bytes are valid during the call only. */
  onData(bytes: Buffer, start: number, end: number): void
  /** The body is whole. Trailers are valid during the call only. */
  onEnd(trailers: Headers | null): void
  /** The body is not whole, or the client has gone and nobody reads on. */
  onAbort(): void
}

/** What a cache still has when it is not fresh: it may take the place of a failure. */
export interface StaleAnswer {
  /** Whether it may do so by itself (stale-if-error, RFC 5861, 4); otherwise only where the route's fallback says so. */
  readonly onError: boolean
  /** Made when it is given, since it tells its age. */
  reply(): Reply
}

/** Starts exchanges that no client waits for. */
export interface Detacher {
  /**
   * Has the same request made once more without a client, from the step behind `policy` on: for a cache that brings an answer up to date.
   * Its response runs through the upstream-response steps and is then dropped.
   * @param prepare changes the new exchange before it starts
   * @returns false when too many are under way, or when the request has a body
   */
  detach(exchange: Exchange, policy: string, prepare: (detached: Exchange) => void): boolean
}

/** gRPC over HTTP/2, gRPC-Web in binary and in base64 (`grpc-web-text`), or neither. */
export type RpcKind = 'none' | 'grpc' | 'grpc-web' | 'grpc-web-text'

/** What an answer was made of when the service failed. */
export type FallbackKind = 'stale' | 'service' | 'response'

const NO_PARAMS: ReadonlyMap<string, string> = new Map()

/**
 * One request and its response, from the first byte to the last. The one thing that all steps of the pipeline share.
 * A connection reuses its exchange for the next request once everything that this one started has settled.
 */
export class Exchange {
  readonly request = new RequestHead()
  readonly response = new ResponseHead()
  /** The headers of the gateway's own answers; `response.headers` is this, or the block of a service's response. */
  readonly ownHeaders = new Headers()
  readonly forward: ForwardHead = { path: '', query: '', authority: '', method: '', emptyQuery: false }
  readonly client: ClientInfo = { peerAddress: '', trusted: false, address: '', certificate: null, tls: null }
  readonly caller = new Caller()
  /** What the `rate-limit` policy decided; null while it has not. */
  limit: LimitDecision | null = null
  /** Whose decision that is, where several policies of the kind act. */
  limitBy: object | null = null
  /**
   * Set by a request step that gives the request a body of its own: the service gets it in place of the client's, of which steps on the whole
   * body have what they want and nothing else is read. The fields that describe it, but for its length, are the step's to set.
   */
  requestBody: Buffer | null = null
  /** For who has to look into the request body before it is known who calls; null where there is no client to read it from. */
  earlyBody: EarlyBody | null = null
  /** Set by a request step that changes the request body as it passes; not together with steps on the whole body. */
  requestFilter: BodyFilter | null = null
  /** Set by an upstream-response step that changes a service's response body as it passes; steps on the whole body see what it makes. */
  responseFilter: BodyFilter | null = null
  /** The form of gRPC that the client speaks, in which it is refused too; set when its request is routed. */
  rpc: RpcKind = 'none'
  /** The gRPC status of the answer, a service's or our own; -1 for none. */
  grpcStatus = -1
  /** When the client of a gRPC call waits no longer (`grpc-timeout`), in milliseconds of the clock; Infinity for no such time. */
  deadlineAt = Number.POSITIVE_INFINITY
  /** Set by an upstream-response step that wants the body. */
  responseTap: ResponseTap | null = null
  /** Set by the cache where it has an answer that is not fresh. */
  stale: StaleAnswer | null = null
  /** The answer is one that was received before: a cache's. */
  isStored = false
  /** What the answer was made of when the service failed; null when it did not. */
  fallback: FallbackKind | null = null
  /** A Set-Cookie that goes out with the answer: what keeps the caller with one service of a split. Empty for none. */
  newCookie = ''
  /** Kept by the cache from its step on the request to that on the response. */
  cacheMemo: unknown = null
  /** Null where nothing can be detached: under `explain`, and for exchanges that are detached themselves. */
  detacher: Detacher | null = null
  listener: ListenerInfo
  downstream: Downstream
  readonly clock: Clock
  /** Set by the `request-id` policy; empty until then. */
  requestId = ''
  /** Set by the `correlation-id` policy: the client's own, or one made for it; empty where there is none. */
  correlationId = ''
  route: RouteInfo | null = null
  /** Captures of the route's pattern by name. */
  params: ReadonlyMap<string, string> = NO_PARAMS
  /** The one of the route's paths that takes the request; null where there is no route. */
  pathPattern: PathPattern | null = null
  /** Largest request body in bytes that this exchange accepts. */
  requestBodyBytesMax = 0
  /** Why there is no answer from the service, once that is so. */
  error: ErrorCode | null = null
  readonly attempts: Attempt[] = []
  /** When the request was first sent to a service, in milliseconds of the clock, for who asked for that; 0 for not yet or for nobody. */
  sentAt = 0
  /** When the head of a service's response was there, likewise. */
  headAt = 0
  /** Milliseconds of the clock at the end of the request head. */
  startedAt = 0
  /** Nothing more is to be done: steps that still wait for something are the last ones. */
  ended = false
  requestBytes = 0
  responseBytes = 0
  /** Where steps note what they did; null unless someone asked (explain, decision records). */
  trace: Trace | null = null
  /** The trace that it is part of; null where none is kept. */
  traceContext: TraceContext | null = null
  /** Fields of the response that logs want, by their names in lower case: its headers are gone when it has ended. Null for none. */
  loggedHeaders: ReadonlyMap<string, string> | null = null

  constructor(listener: ListenerInfo, downstream: Downstream, clock: Clock = systemClock) {
    this.listener = listener
    this.request.port = listener.port
    this.downstream = downstream
    this.clock = clock
  }

  /** Forgets the last exchange. The request head is the reader's to fill; the client's true address is found anew from it. */
  reset(): void {
    const { response, client } = this
    response.status = 0
    response.headers = this.ownHeaders
    response.bodyLength = 0
    client.address = client.peerAddress
    this.forward.authority = ''
    this.forward.method = ''
    this.forward.emptyQuery = false
    response.trailers = null
    this.requestBody = null
    this.requestFilter = null
    this.responseFilter = null
    this.rpc = 'none'
    this.grpcStatus = -1
    this.deadlineAt = Number.POSITIVE_INFINITY
    this.responseTap = null
    this.stale = null
    this.isStored = false
    this.fallback = null
    this.newCookie = ''
    this.cacheMemo = null
    this.requestId = ''
    this.correlationId = ''
    this.route = null
    this.params = NO_PARAMS
    this.pathPattern = null
    this.error = null
    this.caller.reset()
    this.limit = null
    this.limitBy = null
    this.attempts.length = 0
    this.sentAt = 0
    this.headAt = 0
    this.requestBytes = 0
    this.responseBytes = 0
    this.trace = null
    this.traceContext = null
    this.loggedHeaders = null
    this.ended = false
  }
}
