/** The native form, checked by its schema, to the intermediate representation: what the schema cannot see is checked here. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { GRPC_STATUSES } from '../../core/grpc-status.ts'
import { policyKind } from '../../core/policy-name.ts'
import type { PolicyOrder } from '../../core/policy-order.ts'
import { parseAddress, parseHostPattern } from '../addresses.ts'
import { consumersOf } from '../consumers.ts'
import type { Problem } from '../diagnostics.ts'
import type {
  ConsumerIr,
  DecisionsIr,
  GatewayIr,
  HashIr,
  HashKeyIr,
  ListenerIr,
  PolicyIr,
  ProtocolsIr,
  RouteIr,
  ServiceIr,
  ServiceTlsIr,
  SourceLocation,
  StatsdIr,
  StoresIr,
  TargetIr,
  ValueMatchIr,
} from '../ir.ts'
import { withoutValue } from '../messages.ts'
import type { NativeConfig, NativeRoute, NativeService, PolicyBlock } from '../schema.ts'
import { type ConfigNode, type ConfigPath, locate, nodeAt } from '../tree.ts'
import { discoveryRule } from './native-discovery.ts'
import { accessLogOf, eventOutputsOf, tracingOf } from './native-logs.ts'
import { divisionOf, resilienceOf } from './native-resilience.ts'
import { listenerTlsOf, serviceTlsOf } from './native-tls.ts'

export interface NativeOptions {
  /** What `workers: auto` means. */
  readonly availableCpus: number
  /** Policies that are on unless the configuration says otherwise, with their default options. */
  readonly defaultPolicies: ReadonlyMap<string, unknown>
  readonly order: PolicyOrder
}

/**
 * Makes the intermediate representation of a checked configuration. Problems are added to `problems`, all at once; with an error among them
 * the result is of no use.
 *
 * @param tree the same configuration with places; policies' positions and those of problems come from it
 */
export function toGatewayIr(config: NativeConfig, tree: ConfigNode, options: NativeOptions, problems: Problem[]): GatewayIr {
  const builder = new Builder(config, tree, problems)
  const { admin, limits, workers } = config
  const ir: Omit<GatewayIr, 'revision'> = {
    compatibility: config.compatibility ?? null,
    listeners: builder.listeners(),
    admin: { host: admin.host, port: admin.port, token: admin.token ?? null, tokens: admin.tokens, allow: admin.allow ?? null },
    workers: workers === 'auto' ? Math.min(256, Math.max(1, options.availableCpus)) : workers,
    limits: {
      headBytesMax: limits.headBytesMax,
      headersMax: limits.headersMax,
      uriBytesMax: limits.uriBytesMax,
      bodyBytesMax: limits.bodyBytesMax,
      headTimeoutMs: limits.headTimeout,
      bodyIdleTimeoutMs: limits.bodyIdleTimeout,
      idleTimeoutMs: limits.idleTimeout,
      writeIdleTimeoutMs: limits.writeIdleTimeout,
      halfCloseGraceMs: limits.halfCloseGrace,
      connectionsMax: limits.connectionsMax,
      streamsMax: limits.streamsMax,
      gatheredBytesMax: limits.gatheredBytesMax,
    },
    accessLog: accessLogOf(config),
    eventOutputs: eventOutputsOf(config),
    tracing: tracingOf(config),
    decisions: decisionsOf(config),
    metrics: { seriesMax: config.metrics.seriesMax, byConsumer: config.metrics.consumers, kongNames: config.metrics.kongNames },
    statsd: statsdOf(config),
    drainDelayMs: config.drainDelay,
    drainTimeoutMs: config.drainTimeout,
    drainSpreadMs: config.drainSpread,
    stores: storesOf(config),
    consumers: builder.consumers(options.order),
    services: Object.entries(config.services).map(([name, service]) => builder.service(name, service)),
    routes: Object.entries(config.routes).map(([name, route]) => builder.route(name, route)),
    policies: builder.globalPolicies(options.defaultPolicies),
  }
  builder.checkPorts()
  return deepFreeze({ revision: revisionOf(ir), ...ir })
}

function decisionsOf({ decisions }: NativeConfig): DecisionsIr | null {
  if (decisions === false) return null
  return { records: decisions.records, bytesMax: decisions.memoryMax, debugSecret: decisions.debugSecret ?? null }
}

function statsdOf({ statsd }: NativeConfig): StatsdIr | null {
  const address = statsd === undefined ? null : parseAddress(statsd.address)
  return statsd === undefined || address === null
    ? null
    : { host: address.host, port: address.port, prefix: statsd.prefix, intervalMs: statsd.interval }
}

function storesOf({ stores }: NativeConfig): StoresIr {
  const { redis } = stores
  return {
    memory: { ...stores.memory },
    redis:
      redis === undefined
        ? null
        : {
            addresses: redis.address.flatMap((address) => {
              const parsed = parseAddress(address)
              return parsed === null ? [] : [{ host: parsed.host, port: parsed.port }]
            }),
            cluster: redis.cluster,
            sentinel:
              redis.sentinel === undefined
                ? null
                : {
                    master: redis.sentinel.master,
                    username: redis.sentinel.username ?? null,
                    password: redis.sentinel.password ?? null,
                  },
            username: redis.username ?? null,
            password: redis.password ?? null,
            database: redis.database,
            tls: redis.tls,
            keyPrefix: redis.keyPrefix,
            connectTimeoutMs: redis.connectTimeout,
            commandTimeoutMs: redis.commandTimeout,
          },
  }
}

type Blocks = Readonly<Record<string, PolicyBlock | undefined>>

class Builder {
  readonly #config: NativeConfig
  readonly #tree: ConfigNode
  readonly #problems: Problem[]

  constructor(config: NativeConfig, tree: ConfigNode, problems: Problem[]) {
    this.#config = config
    this.#tree = tree
    this.#problems = problems
  }

  #error(path: ConfigPath, message: string, part: 'key' | 'value' = 'value'): void {
    const safe = part === 'key' ? message : withoutValue(message, nodeAt(this.#tree, path))
    this.#problems.push({ severity: 'error', location: locate(this.#tree, path, part), message: safe })
  }

  #keyAt(path: ConfigPath): SourceLocation {
    return locate(this.#tree, path, 'key')
  }

  listeners(): ListenerIr[] {
    const names = new Set<string>()
    return this.#config.listeners.map(({ name, host, port, trustedProxies, tls, http2, redirectToHttps }, index) => {
      const path = ['listeners', index]
      const listener: ListenerIr = {
        name: name ?? `listener-${index + 1}`,
        host,
        port,
        trustedProxies,
        tls: tls === undefined ? null : listenerTlsOf(tls),
        http2,
        redirectPort: redirectToHttps === true ? 443 : redirectToHttps === false ? null : redirectToHttps,
      }
      if (tls !== undefined && listener.redirectPort !== null)
        this.#error([...path, 'redirectToHttps'], 'a listener that speaks TLS is not redirected to https', 'key')
      if (names.has(listener.name)) this.#error([...path, 'name'], `two listeners are called \`${listener.name}\``)
      names.add(listener.name)
      return listener
    })
  }

  service(name: string, service: NativeService): ServiceIr {
    const path = ['services', name]
    const { balancer } = service
    if (service.targets === undefined && service.discovery === undefined) this.#error(path, 'expected `targets`, or `discovery`', 'key')
    if (service.targets !== undefined && service.discovery !== undefined)
      this.#error([...path, 'discovery'], 'expected either `targets` or `discovery`, not both', 'key')
    return {
      name,
      at: this.#keyAt(path),
      discovery:
        service.discovery === undefined ? null : discoveryRule(service.discovery, this.#config.registries, dirname(this.#keyAt(path).file)),
      targets: this.#targets(path, service),
      balancer:
        typeof balancer === 'string'
          ? { kind: balancer, hash: { key: { kind: 'client-ip' }, otherwise: { kind: 'client-ip' }, setCookiePath: null } }
          : { kind: balancer.kind, hash: hashOf(balancer) },
      connectTimeoutMs: service.connectTimeout,
      idleTimeoutMs: service.idleTimeout,
      connectionsMax: service.connectionsMax,
      responseHeadBytesMax: service.responseHeadBytesMax,
      host: hostOf(service.host),
      retryBudget: service.retryBudget,
      tls: this.#serviceTls(path, service),
      protocol: service.protocol,
      ...resilienceOf(service),
      policies: this.#policies([...path, 'policies'], service.policies),
    }
  }

  /** What `tls` says, or what the addresses do; they may not contradict each other, since one pool serves them all. */
  #serviceTls(service: ConfigPath, { tls, targets = [] }: NativeService): ServiceTlsIr | null {
    const schemes = targets.map((target) => parseAddress(typeof target === 'string' ? target : target.address)?.scheme ?? null)
    const isSecure = tls === undefined ? schemes.includes('https') : tls !== false
    for (const [index, scheme] of schemes.entries()) {
      if (scheme === 'http' && isSecure)
        this.#error([...service, 'targets', index], 'expected `https://` as for the service: TLS is spoken with all targets or none')
      if (scheme !== 'https' && tls === undefined && isSecure)
        this.#error([...service, 'targets', index], 'expected `https://` as for the other targets: TLS is spoken with all of them or none')
      if (scheme === 'https' && tls === false) this.#error([...service, 'tls'], 'expected no `tls: false` beside targets by `https://`')
    }
    return isSecure ? serviceTlsOf(typeof tls === 'object' ? tls : undefined) : null
  }

  #targets(service: ConfigPath, { targets = [] }: NativeService): TargetIr[] {
    const seen = new Map<string, SourceLocation>()
    return targets.flatMap((target, index) => {
      const path = [...service, 'targets', index, ...(typeof target === 'string' ? [] : ['address'])]
      const { address, weight } = typeof target === 'string' ? { address: target, weight: 1 } : target
      const parsed = parseAddress(address)
      // The schema has refused it already.
      if (parsed === null) return []
      const key = `${parsed.host.toLowerCase()} ${parsed.port}`
      const before = seen.get(key)
      if (before !== undefined)
        this.#error(path, `the target \`${address}\` is already listed on line ${before.line}; give it a \`weight\` instead`)
      seen.set(key, locate(this.#tree, path))
      return [{ host: parsed.host, port: parsed.port, weight }]
    })
  }

  route(name: string, route: NativeRoute): RouteIr {
    const path = ['routes', name]
    const { retry, timeout } = route
    this.#checkAnswers(path, route)
    if (route.split !== undefined && route.service !== undefined)
      this.#error([...path, 'split'], 'expected either `service` or `split`, not both', 'key')
    if (route.attemptTimeout !== undefined && route.attemptTimeout > timeout) {
      this.#error([...path, 'attemptTimeout'], 'expected at most the `timeout` of the route, which bounds all tries together')
    }
    return {
      name,
      at: this.#keyAt(path),
      match: {
        hosts: this.#distinct([...path, 'host'], route.host ?? [], (host) => parseHostPattern(host) ?? host),
        paths: this.#distinct([...path, 'path'], route.path),
        pathPriorities: this.#pathPriorities(path, route),
        methods: this.#distinct([...path, 'method'], route.method ?? []),
        ports: route.port ?? [],
        serverNames: this.#distinct([...path, 'serverName'], route.serverName ?? [], (host) => parseHostPattern(host) ?? host),
        headers: matchesOf(route.headers),
        query: matchesOf(route.query),
      },
      priority: route.priority,
      protocols: this.#protocols(path, route),
      service: route.service ?? null,
      ...divisionOf(route),
      timeoutMs: timeout,
      attemptTimeoutMs: route.attemptTimeout ?? timeout,
      streamIdleTimeoutMs: route.streamIdleTimeout,
      retry: {
        attempts: retry?.attempts ?? 1,
        backoff: retry?.backoff ?? 'exponential',
        backoffBaseMs: retry?.backoffBase ?? 25,
        backoffMaxMs: retry?.backoffMax ?? 1_000,
        statuses: retry?.statuses ?? [],
        grpcStatuses: (retry?.grpcStatuses ?? []).map((name) => GRPC_STATUSES.indexOf(name)),
        nonIdempotent: retry?.nonIdempotent ?? false,
        bodyBytesMax: retry?.bodyMax ?? 65_536,
      },
      upgrades: route.upgrades.map((protocol) => protocol.toLowerCase()),
      tunnel: { idleTimeoutMs: route.tunnel.idleTimeout, lifetimeMs: route.tunnel.lifetime ?? null },
      policies: this.#policies([...path, 'policies'], route.policies),
    }
  }

  consumers(order: PolicyOrder): ConsumerIr[] {
    const routes = new Set(Object.keys(this.#config.routes))
    const policiesOf = (path: ConfigPath, blocks: Blocks | undefined): PolicyIr[] => this.#policies(path, blocks)
    return consumersOf(this.#config.consumers, { tree: this.#tree, routes, order, policiesOf }, this.#problems)
  }

  #protocols(path: ConfigPath, { protocols, httpsRedirect }: NativeRoute): ProtocolsIr | null {
    const takes = new Set<string>(protocols)
    const grpc = takes.size > 0 && !takes.has('http') && !takes.has('https')
    const tls = takes.size > 0 && !takes.has('http') && !takes.has('grpc')
    if (takes.size > 0 && !grpc && (takes.has('grpc') || takes.has('grpcs')))
      this.#error(
        [...path, 'protocols'],
        'expected `http` and `https`, or `grpc` and `grpcs`: a route that takes both kinds needs none of them',
      )
    if (httpsRedirect !== undefined && (!tls || grpc))
      this.#error([...path, 'httpsRedirect'], 'expected `protocols: https` beside it: without, requests by http are served', 'key')
    return tls || grpc ? { tls, grpc, httpsRedirect: httpsRedirect ?? null } : null
  }

  #pathPriorities(route: ConfigPath, { path, pathPriority }: NativeRoute): (number | null)[] {
    for (const key of Object.keys(pathPriority)) {
      if (!path.includes(key)) this.#error([...route, 'pathPriority', key], `\`${key}\` is none of the paths of this route`, 'key')
    }
    return path.map((item) => pathPriority[item] ?? null)
  }

  /** The items in their normal form; one that stands twice is a mistake. */
  #distinct(path: ConfigPath, items: readonly string[], normalise = (item: string): string => item): string[] {
    const found = new Set<string>()
    for (const [index, item] of items.entries()) {
      const normal = normalise(item)
      if (found.has(normal)) this.#error([...path, index], `\`${item}\` stands twice`)
      found.add(normal)
    }
    return [...found]
  }

  #checkAnswers(path: ConfigPath, { service, split, policies }: NativeRoute): void {
    if (
      // Kong takes routes without a service, and answers 503 behind all plugins.
      this.#config.compatibility === 'kong' ||
      service !== undefined ||
      split !== undefined ||
      Object.entries(policies ?? {}).some(([name, block]) => ANSWERING.includes(policyKind(name)) && block?.mode === 'enforce')
    )
      return
    this.#error(path, 'a route without `service` needs a policy that answers: `redirect` or `static-response`', 'key')
  }

  #policies(path: ConfigPath, blocks: Blocks | undefined): PolicyIr[] {
    return Object.entries(blocks ?? {}).flatMap(([name, block]) =>
      block === undefined
        ? []
        : [{ kind: policyKind(name), name, mode: block.mode, options: block.options, at: this.#keyAt([...path, name]) }],
    )
  }

  globalPolicies(defaults: ReadonlyMap<string, unknown>): PolicyIr[] {
    const written = this.#policies(['policies'], this.#config.policies)
    const implied = [...defaults].filter(([kind]) => !written.some((policy) => policy.name === kind))
    return [...implied.map(([kind, options]): PolicyIr => ({ kind, name: kind, mode: 'enforce', options, at: this.#tree.at })), ...written]
  }

  /** Two sockets cannot have one port. */
  checkPorts(): void {
    const { listeners, admin } = this.#config
    const taken: { host: string; port: number; what: string }[] = []
    const bind = (host: string, port: number, path: ConfigPath, what: string): void => {
      const clash = taken.find((other) => port !== 0 && other.port === port && overlaps(other.host, host))
      if (clash !== undefined)
        this.#error(
          nodeAt(this.#tree, [...path, 'port']) === null ? path : [...path, 'port'],
          `${clash.what} already listens on port ${port}`,
        )
      taken.push({ host, port, what })
    }
    bind(admin.host, admin.port, ['admin'], 'the admin listener')
    for (const [index, { host, port }] of listeners.entries()) bind(host, port, ['listeners', index], `listener ${index + 1}`)
  }
}

/** Policies that can end every exchange themselves, so that a route needs no service. */
const ANSWERING = ['redirect', 'static-response']

/** Whether two sockets on one port would be in each other's way. */
function overlaps(a: string, b: string): boolean {
  const any = (host: string): boolean => host === '0.0.0.0' || host === '::'
  return a === b || any(a) || any(b)
}

function hostOf(host: string): ServiceIr['host'] {
  return host === 'client' || host === 'target' ? { kind: host } : { kind: 'fixed', value: host }
}

function matchesOf(entries: Readonly<Record<string, true | string>>): { name: string; match: ValueMatchIr }[] {
  return Object.entries(entries).map(([name, value]) => ({ name, match: matchOf(value) }))
}

function matchOf(value: true | string): ValueMatchIr {
  if (value === true) return { kind: 'present' }
  return value.startsWith('~') ? { kind: 'regex', source: value.slice(1) } : { kind: 'exact', value }
}

function hashOf({ by, otherwise, setCookie }: Exclude<NativeService['balancer'], string>): HashIr {
  return { key: hashKeyOf(by), otherwise: otherwise === 'random' ? null : hashKeyOf(otherwise), setCookiePath: setCookie ?? null }
}

function hashKeyOf(by: string): HashKeyIr {
  if (by === 'client-ip' || by === 'path' || by === 'consumer') return { kind: by }
  const [kind = '', name = ''] = by.split(':', 2)
  return kind === 'header' || kind === 'query' || kind === 'cookie' || kind === 'param' ? { kind, name } : { kind: 'client-ip' }
}

/** The same meaning gives the same 12 digits: places and the order of keys, services and routes do not count. */
function revisionOf({ services, routes, consumers, ...rest }: Omit<GatewayIr, 'revision'>): string {
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)
  const meaning = { ...rest, services: services.toSorted(byName), routes: routes.toSorted(byName), consumers: consumers.toSorted(byName) }
  return createHash('sha256').update(JSON.stringify(meaning, withoutPlaces)).digest('hex').slice(0, 12)
}

function withoutPlaces(key: string, value: unknown): unknown {
  if (key === 'at' && isPlace(value)) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function isPlace(value: unknown): value is SourceLocation {
  return typeof value === 'object' && value !== null && 'file' in value && 'line' in value && 'column' in value
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
