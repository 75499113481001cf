/**
 * The intermediate representation: what a configuration means, whatever form it was written in. Plain frozen data, complete (all
 * defaults filled in), that can be printed, compared and sent to workers.
 */
import type { Credential } from '../core/consumers.ts'
import type { DiscoveryRule } from '../core/discovery.ts'
import type { Limits } from '../core/limits.ts'
import type { AccessLogSettings, LogOutput } from '../core/log-settings.ts'
import type { MetricsSettings } from '../core/observe.ts'
import type { PolicyMode } from '../core/policy.ts'
import type { Compatibility } from '../core/policy-order.ts'
import type { StatusSet } from '../core/status-set.ts'
import type { TracingSettings } from '../core/tracing-settings.ts'

/** Where something was written. Lines and columns count from 1. */
export interface SourceLocation {
  readonly file: string
  readonly line: number
  readonly column: number
}

export interface GatewayIr {
  /** Hash of everything below, as 12 hexadecimal digits: the same meaning has the same revision. */
  readonly revision: string
  /** Whose routing rules, order of policies and answers hold; null for our own. */
  readonly compatibility: Compatibility | null
  readonly listeners: readonly ListenerIr[]
  readonly admin: AdminIr
  /** Processes that serve traffic; 1 and up. */
  readonly workers: number
  readonly limits: Limits
  readonly accessLog: AccessLogSettings | null
  /** Where the event log goes besides standard error. */
  readonly eventOutputs: readonly LogOutput[]
  /** Null for none. */
  readonly tracing: TracingSettings | null
  /** Null for none. */
  readonly decisions: DecisionsIr | null
  readonly metrics: MetricsSettings
  /** Null for none. */
  readonly statsd: StatsdIr | null
  /** How long a shutdown goes on serving while it says that it is not ready. */
  readonly drainDelayMs: number
  /** Longest time a shutdown waits for exchanges to finish, after that. */
  readonly drainTimeoutMs: number
  /** Over how long WebSockets and event streams are ended in a shutdown. */
  readonly drainSpreadMs: number
  readonly stores: StoresIr
  readonly consumers: readonly ConsumerIr[]
  readonly services: readonly ServiceIr[]
  readonly routes: readonly RouteIr[]
  /** Policies that hold everywhere, the default ones (`request-id`, `forwarded-headers`, `identity-headers`) included. */
  readonly policies: readonly PolicyIr[]
}

export interface StoresIr {
  readonly memory: {
    /** Limiter states kept at once, of all limits together; when they are full, the one that would be forgotten first makes room. */
    readonly limitKeysMax: number
    /** Bytes of kept responses, of all workers together. */
    readonly responseBytesMax: number
  }
  /** Null when none is configured. */
  readonly redis: RedisIr | null
}

export interface RedisIr {
  /** One address, some nodes of a cluster, or some sentinels. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
  readonly cluster: boolean
  /** The addresses are those of sentinels, which know the master by this name; null for none. */
  readonly sentinel: { readonly master: string; readonly username: string | null; readonly password: string | null } | null
  readonly username: string | null
  readonly password: string | null
  /** 0 on a cluster. */
  readonly database: number
  readonly tls: boolean
  /** Put before every key. */
  readonly keyPrefix: string
  readonly connectTimeoutMs: number
  /** Longest wait for an answer. */
  readonly commandTimeoutMs: number
}

/** Who calls, with credentials and policies of its own. */
export interface ConsumerIr {
  readonly name: string
  readonly at: SourceLocation
  /** What other systems know it by; null for nothing. */
  readonly id: string | null
  /** Null for none. */
  readonly labels: Readonly<Record<string, string>> | null
  readonly groups: readonly string[]
  readonly credentials: readonly Credential[]
  readonly policies: readonly PolicyIr[]
  /** Policies for this consumer on one route. */
  readonly routes: readonly { readonly route: string; readonly policies: readonly PolicyIr[] }[]
}

export interface ListenerIr {
  readonly name: string
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** CIDR blocks or addresses whose forwarded headers are believed. */
  readonly trustedProxies: readonly string[]
  /** Null for plain HTTP. */
  readonly tls: ListenerTlsIr | null
  readonly http2: boolean
  /** Port that every request is redirected to by https; null where they are served. */
  readonly redirectPort: number | null
}

export interface CertificateIr {
  /** Certificate and chain in PEM. */
  readonly cert: string
  /** In PEM, as written. */
  readonly key: string
  readonly passphrase: string | null
  /** In lower case; `*.example.com` takes one label. */
  readonly hosts: readonly string[]
}

export type TlsVersion = '1.2' | '1.3'

export interface ListenerTlsIr {
  /** The first is shown where none fits. */
  readonly certificates: readonly CertificateIr[]
  readonly minVersion: TlsVersion
  /** As OpenSSL writes them; null for the default. */
  readonly ciphers: string | null
  /** Null where clients are not asked for certificates. */
  readonly clientCertificates: { readonly mode: 'request' | 'require' /** In PEM. */; readonly ca: string } | null
}

export interface ServiceTlsIr {
  /** In PEM; null for the CAs that Node knows. */
  readonly ca: string | null
  readonly cert: string | null
  readonly key: string | null
  readonly passphrase: string | null
  /** Null for the target's own name. */
  readonly serverName: string | null
  readonly verify: boolean
  readonly minVersion: TlsVersion
}

export interface AdminIr {
  readonly host: string
  readonly port: number
  /** Bearer token that may do everything; null with no `tokens` for one that is made at start and kept in a file. */
  readonly token: string | null
  readonly tokens: readonly { readonly name: string; readonly token: string; readonly role: AdminRole }[]
  /** Addresses and CIDR blocks that may ask; null for any. */
  readonly allow: readonly string[] | null
}

/** `write` includes `read`. */
export type AdminRole = 'read' | 'write'

/** Decision records, which each worker keeps of its own. */
export interface DecisionsIr {
  /** Kept at once, at least 1. */
  readonly records: number
  /** Bytes of them, about. */
  readonly bytesMax: number
  /** Key of the signatures that have a record sent along with the response; null where nobody may ask for that. */
  readonly debugSecret: string | null
}

/** A StatsD server, which is told counts by UDP. */
export interface StatsdIr {
  readonly host: string
  readonly port: number
  /** Put before every name. */
  readonly prefix: string
  readonly intervalMs: number
}

export interface TargetIr {
  readonly host: string
  readonly port: number
  /** Share of the traffic relative to the other targets; 0 for none. */
  readonly weight: number
}

export type BalancerKind = 'round-robin' | 'random' | 'least-connections' | 'power-of-two' | 'consistent-hash'

/** What a consistent hash looks at. */
export type HashKeyIr =
  | { readonly kind: 'client-ip' }
  | { readonly kind: 'path' }
  /** Who has been authenticated. */
  | { readonly kind: 'consumer' }
  /** `param`: a capture of the route's path. */
  | { readonly kind: 'header' | 'query' | 'cookie' | 'param'; readonly name: string }

export interface HashIr {
  readonly key: HashKeyIr
  /** For requests without the first; null for chance. */
  readonly otherwise: HashKeyIr | null
  /** `Path` of the cookie that clients without one are given, where the key is a cookie; null for none. */
  readonly setCookiePath: string | null
}

export interface ServiceIr {
  readonly name: string
  readonly at: SourceLocation
  /** Empty where they are discovered. */
  readonly targets: readonly TargetIr[]
  /** How targets are found; null for those that are listed. */
  readonly discovery: DiscoveryRule | null
  readonly balancer: { readonly kind: BalancerKind; readonly hash: HashIr }
  readonly connectTimeoutMs: number
  /** How long an unused connection to a target is kept. */
  readonly idleTimeoutMs: number
  /** Connections to one target from one worker; more is 503 `upstream_connections_exhausted`. */
  readonly connectionsMax: number
  readonly responseHeadBytesMax: number
  /** The Host that targets see: the client's, the target's own `host:port`, or a fixed one. */
  readonly host: { readonly kind: 'client' } | { readonly kind: 'target' } | { readonly kind: 'fixed'; readonly value: string }
  /** Null for none. */
  readonly tls: ServiceTlsIr | null
  /** `auto`: what ALPN agrees on over TLS, HTTP/1.1 without. */
  readonly protocol: 'auto' | 'http/1.1' | 'h2'
  readonly retryBudget: {
    /** Retries allowed for each first try, 0.2 = one for five. */
    readonly ratio: number
    /** Retries a second that are always allowed. */
    readonly minPerSecond: number
  }
  /** Null for none. */
  readonly breaker: BreakerIr | null
  readonly health: HealthIr
  /** Null for no bound. */
  readonly concurrency: ConcurrencyIr | null
  readonly policies: readonly PolicyIr[]
}

export interface BreakerIr {
  /** Failures in a row that open it; null when only the rate counts. */
  readonly failures: number | null
  readonly failureRate: { readonly percent: number; readonly windowMs: number; readonly requestsMin: number } | null
  /** How long it stays open before probes are let through. */
  readonly recoveryMs: number
  /** Probes at once while it is half open. */
  readonly probes: number
  /** Successes that close it. */
  readonly successes: number
  /** Answers that count as failures, beside faults and timeouts. */
  readonly statuses: StatusSet
}

export interface HealthIr {
  readonly active: ActiveCheckIr | null
  readonly passive: PassiveCheckIr | null
  /** Time in which a target that became healthy comes back to its full share; 0 for none. */
  readonly slowStartMs: number
  /** With a smaller share of targets usable, all are used; 0 for never. */
  readonly panicPercent: number
}

export interface ActiveCheckIr {
  readonly kind: 'http' | 'tcp' | 'grpc'
  /** What `grpc` asks the health of; empty for the server as a whole. */
  readonly grpcService: string
  /** With its query. */
  readonly path: string
  /** Null for the target's own. */
  readonly host: string | null
  readonly headers: readonly (readonly [string, string])[]
  readonly statuses: StatusSet
  /** What the beginning of the body must hold; null for anything. */
  readonly body: { readonly kind: 'text' | 'regex'; readonly value: string } | null
  readonly intervalMs: number
  /** For targets that are not fit. */
  readonly unfitIntervalMs: number
  readonly timeoutMs: number
  /** Failed checks in a row; 0 for never. */
  readonly unhealthyAfter: number
  /** Good checks in a row; 0 for never. */
  readonly healthyAfter: number
  /** Whether as many good checks end an ejection, whatever it was for. */
  readonly endsEjections: boolean
}

export interface PassiveCheckIr {
  /** Failures in a row that eject a target. */
  readonly failures: number
  readonly statuses: StatusSet
  /** First ejection; the n-th in a row lasts n times as long, up to the maximum. */
  readonly ejectionMs: number
  readonly ejectionMaxMs: number
  readonly ejectedPercentMax: number
  /** Whether the last target that is fit may be ejected too. */
  readonly ejectsLast: boolean
}

export interface ConcurrencyIr {
  /** Exchanges that one worker has with the service at once. */
  readonly max: number
  /** Exchanges that wait for a place. */
  readonly queue: number
  readonly queueTimeoutMs: number
}

/** How the exchanges of a route are divided among services. */
export interface SplitIr {
  /** Weights from 0; at least one is above. */
  readonly services: readonly { readonly service: string; readonly weight: number }[]
  /** What keeps a caller with one service; null for chance. */
  readonly sticky: { readonly kind: 'user' } | { readonly kind: 'cookie' | 'header'; readonly name: string } | null
}

/** A copy of each request to a service whose answers nobody sees. */
export interface MirrorIr {
  readonly service: string
  readonly percent: number
  readonly timeoutMs: number
  /** Copies that one worker has under way. */
  readonly inFlightMax: number
  readonly bodyBytesMax: number
}

/** What is answered when the service fails, in this order. */
export interface FallbackIr {
  /** Answers of the service that count as its failure. */
  readonly statuses: StatusSet
  readonly stale: boolean
  readonly service: string | null
  readonly response: StaticAnswerIr | null
}

/** An answer made from templates, see `core/template.ts`. */
export interface StaticAnswerIr {
  readonly status: number
  readonly contentType: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

export type BackoffKind = 'exponential' | 'linear' | 'constant'

export interface RetryIr {
  /** Tries in all, the first one included; 1 for no retry. */
  readonly attempts: number
  readonly backoff: BackoffKind
  /** First wait; the n-th is base·2^(n-1), base·n or base. Jitter takes off up to half. */
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  /** Statuses of a service that are tried again, for methods that may be. */
  readonly statuses: readonly number[]
  /** gRPC statuses, by number, that are tried again whatever the method, where nothing else was answered. */
  readonly grpcStatuses: readonly number[]
  /** Whether methods that are not idempotent (POST, PATCH) may be tried again after bytes were sent. */
  readonly nonIdempotent: boolean
  /** Largest request body that is kept for another try. */
  readonly bodyBytesMax: number
}

/** How a header or query parameter is looked at. */
export type ValueMatchIr =
  | { readonly kind: 'present' }
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'regex'; readonly source: string }

export interface RouteMatchIr {
  /**
   * Lower case; `*.example.com` matches one label in place of the star, `**.example.com` one or more, and `example.**` likewise behind. Empty for
   * any host.
   */
  readonly hosts: readonly string[]
  /** `/a/b` exact, `/a/*` prefix by whole segments, `/a/:id/b` with captures, `~regex`. At least one. */
  readonly paths: readonly string[]
  /** For each path its priority, where it has one of its own; null for the route's. As long as `paths`, or shorter where the rest have none. */
  readonly pathPriorities: readonly (number | null)[]
  /** Empty for any method. */
  readonly methods: readonly string[]
  /** Ports of listeners; empty for any. */
  readonly ports: readonly number[]
  /** What the client names in its TLS handshake (SNI), as `hosts`; empty for any. Not asked of requests without TLS. */
  readonly serverNames: readonly string[]
  readonly headers: readonly { readonly name: string; readonly match: ValueMatchIr }[]
  readonly query: readonly { readonly name: string; readonly match: ValueMatchIr }[]
}

/** How the requests of a route must come. */
export interface ProtocolsIr {
  /** Over TLS: here, or at a trusted proxy in front. */
  readonly tls: boolean
  /** As calls of gRPC, over HTTP/2. */
  readonly grpc: boolean
  /** Status of the redirect that who comes without TLS gets; null for a refusal. */
  readonly httpsRedirect: 301 | 302 | 307 | 308 | null
}

export interface RouteIr {
  readonly name: string
  readonly at: SourceLocation
  readonly match: RouteMatchIr
  /** Higher wins over every rule of specificity; 0 by default. */
  readonly priority: number
  /** How requests must come; it takes no part in what matches. Null for any way. */
  readonly protocols: ProtocolsIr | null
  /** Name of a service; null when a policy answers (redirect, static response), and where there is a split. */
  readonly service: string | null
  readonly split: SplitIr | null
  readonly mirror: MirrorIr | null
  readonly fallback: FallbackIr | null
  /** Bounds all tries together, from the end of the request head to the end of the response head. */
  readonly timeoutMs: number
  /** Bounds each try; at most timeoutMs. */
  readonly attemptTimeoutMs: number
  /** Longest silence within a response body. */
  readonly streamIdleTimeoutMs: number
  readonly retry: RetryIr
  /** Protocols a client may upgrade to, in lower case. */
  readonly upgrades: readonly string[]
  readonly tunnel: {
    /** Longest silence in both directions. */
    readonly idleTimeoutMs: number
    /** Null for no bound. */
    readonly lifetimeMs: number | null
  }
  readonly policies: readonly PolicyIr[]
}

export interface PolicyIr {
  readonly kind: string
  /** The kind, or `kind:name`. Of those with one name the most specific applies, of those with different names each. */
  readonly name: string
  readonly mode: PolicyMode
  /** Checked by the kind's schema, defaults filled in. */
  readonly options: unknown
  readonly at: SourceLocation
}

/** The services that a route may ask for a client's sake: its own, or those it is split over. */
export function servicesOf({ service, split }: RouteIr): readonly string[] {
  if (split !== null) return split.services.map((part) => part.service)
  return service === null ? [] : [service]
}

/**
 * The policies in force where these scopes meet, one of each name.
 * @param scopes from the least to the most specific; the most specific one counts
 */
export function effectivePolicies(scopes: readonly (readonly PolicyIr[])[]): PolicyIr[] {
  const byName = new Map<string, PolicyIr>()
  for (const scope of scopes) for (const policy of scope) byName.set(policy.name, policy)
  return [...byName.values()].filter(({ mode }) => mode !== 'off')
}
