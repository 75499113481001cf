/** Which configuration of a plugin applies where, and where it stands in the native form for that: `reference/kong-semantics.md` 2.8. */
import { isDeepStrictEqual } from 'node:util'
import { KONG_PRIORITIES } from '../../../core/kong-order.ts'
import type { Problem } from '../../diagnostics.ts'
import { describeIssue, problemsOf } from '../../messages.ts'
import { type ConfigPath, toPlain } from '../../tree.ts'
import { addTo, entryOf } from './groups.ts'
import { nodeOf } from './nodes.ts'
import type { Notes } from './notes.ts'
import { adviceFor } from './plugin-advice.ts'
import type {
  ConsumerEntity,
  FidelityRules,
  KongDocument,
  KongPlugin,
  PluginEntity,
  PluginScope,
  PluginSurroundings,
  RouteEntity,
  ServiceEntity,
  TranslatedPlugin,
  Written,
} from './types.ts'

type Policies = Readonly<Record<string, Written>>

/** What stands in `policies` at each place, by the name of the policy. */
export interface PlacedPolicies {
  readonly everywhere: Policies
  readonly services: ReadonlyMap<ServiceEntity, Policies>
  readonly routes: ReadonlyMap<RouteEntity, Policies>
  readonly consumers: ReadonlyMap<ConsumerEntity, Policies>
  readonly consumerRoutes: ReadonlyMap<ConsumerEntity, ReadonlyMap<RouteEntity, Policies>>
  /** What plugins say at the root. */
  readonly root: Readonly<Record<string, Written>>
}

export const PLUGIN_RULES = {
  'consumer#early': {
    fidelity: 'approximated',
    reason: 'the plugin acts before the consumer is known, so that Kong does not apply it either: it is left out',
  },
  protocols: { fidelity: 'approximated', reason: 'the plugin is for streams alone, which are not carried: it is left out' },
  'route#elsewhere': {
    fidelity: 'approximated',
    reason: 'it is for a route and for a service that is not the one of the route, and so never applies: it is left out',
  },
} as const satisfies FidelityRules

/** Places that consumers make by their plugins; more is a mistake, or not what this form is for. */
const CONSUMER_PLACES_MAX = 200_000
/** What stands before this in Kong's order acts before the consumer is known. */
const IDENTITY_PRIORITY = 1_000

interface Instance {
  readonly plugin: PluginEntity
  readonly policies: Policies
}

export class PluginPlacer {
  readonly #document: KongDocument
  readonly #plugins: ReadonlyMap<string, KongPlugin<unknown>>
  readonly #notes: Notes
  readonly #problems: Problem[]
  readonly #root: Record<string, Written> = {}
  readonly #routesOf: ReadonlyMap<ServiceEntity | null, readonly RouteEntity[]>
  readonly #everywhere: Record<string, Written> = {}
  readonly #services = new Map<ServiceEntity, Record<string, Written>>()
  readonly #routes = new Map<RouteEntity, Record<string, Written>>()
  readonly #consumers = new Map<ConsumerEntity, Record<string, Written>>()
  readonly #consumerRoutes = new Map<ConsumerEntity, Map<RouteEntity, Record<string, Written>>>()
  #consumerPlaces = 0

  constructor(document: KongDocument, plugins: readonly KongPlugin<unknown>[], notes: Notes, problems: Problem[]) {
    this.#document = document
    this.#plugins = new Map(plugins.map((plugin) => [plugin.name, plugin]))
    this.#notes = notes
    this.#problems = problems
    this.#routesOf = Map.groupBy(document.routes, ({ service }) => service)
  }

  place(): PlacedPolicies {
    const byName = new Map<string, Instance[]>()
    for (const plugin of this.#document.plugins) {
      const policies = this.#translate(plugin)
      if (policies === null) continue
      const { name } = plugin.fields
      addTo(byName, name, { plugin, policies })
    }
    for (const instances of byName.values()) this.#placeAll(instances)
    return {
      everywhere: this.#everywhere,
      services: this.#services,
      routes: this.#routes,
      consumers: this.#consumers,
      consumerRoutes: this.#consumerRoutes,
      root: this.#root,
    }
  }

  /** The policies of a plugin; null where it is wrong, or left out. */
  #translate(plugin: PluginEntity): Policies | null {
    const { fields, scope, label } = plugin
    const definition = this.#plugins.get(fields.name)
    if (definition === undefined) {
      this.#notes.unsupported(label, '', plugin.locate(['name']), adviceFor(fields.name))
      return null
    }
    const error = (path: ConfigPath, message: string): void =>
      void this.#problems.push({ severity: 'error', location: plugin.locate(path), message })
    if (scope.consumer !== null && definition.noConsumer === true) {
      error(['consumer'], `value must be null: \`${fields.name}\` acts before the consumer is known`)
      return null
    }
    if (!this.#checkPlace(plugin, error)) return null
    const checked = definition.schema.safeParse(withoutNulls(fields.config), { error: describeIssue })
    if (!checked.success) {
      this.#problems.push(...problemsOf(checked.error.issues, plugin.node, ['config']))
      return null
    }
    const translated = definition.translate(checked.data, this.#surroundings(plugin, definition, error))
    this.#addRoot(plugin, translated, error)
    return Object.fromEntries(
      translated.policies.map(({ kind, name = fields.name, options }) => [`${kind}:${name}`, nodeOf(options, plugin.locate(['name']))]),
    )
  }

  #surroundings(
    plugin: PluginEntity,
    { rules }: KongPlugin<unknown>,
    error: (path: ConfigPath, message: string) => void,
  ): PluginSurroundings {
    return {
      plugin,
      document: this.#document,
      hasBeside: (name) => this.#document.plugins.some((other) => other.fields.name === name && covers(other.scope, plugin.scope)),
      locate: (path) => plugin.locate(['config', ...path]),
      note: (rule, path) => this.#notes.note(plugin.label, rules, rule, plugin.locate(['config', ...(path ?? pathOf(rule))])),
      unsupported: (reason, path) =>
        void this.#notes.unsupported(plugin.label, ['config', ...path].join('.'), plugin.locate(['config', ...path]), reason),
      error: (message, path = []) => error(['config', ...path], message),
    }
  }

  /** Whether there is anything that the plugin applies to. */
  #checkPlace(plugin: PluginEntity, error: (path: ConfigPath, message: string) => void): boolean {
    const { fields, scope, label } = plugin
    const { route, service, consumer } = scope
    const say = (rule: keyof typeof PLUGIN_RULES, key: string): false => {
      this.#notes.note(label, PLUGIN_RULES, rule, plugin.locate([key]))
      return false
    }
    const isHttp = (protocol: string): boolean => protocol.startsWith('http') || protocol.startsWith('grpc')
    if (!fields.protocols.some(isHttp)) return say('protocols', 'protocols')
    const wanted = route?.fields.protocols ?? (service === null ? null : [service.fields.protocol])
    if (route !== null && wanted !== null && !fields.protocols.some((protocol) => wanted.includes(protocol))) {
      error(['protocols'], `must match the associated route's protocols (${wanted.join(', ')})`)
      return false
    }
    if (route !== null && service !== null && route.service !== service) return say('route#elsewhere', 'service')
    if (consumer !== null && (KONG_PRIORITIES.get(fields.name) ?? 0) > IDENTITY_PRIORITY) return say('consumer#early', 'consumer')
    return true
  }

  #addRoot({ fields, at }: PluginEntity, { root = {} }: TranslatedPlugin, error: (path: ConfigPath, message: string) => void): void {
    for (const [key, value] of Object.entries(root)) {
      if (value === undefined) continue
      const before = this.#root[key]
      if (before !== undefined && !isDeepStrictEqual(toPlain(nodeOf(before, at)), toPlain(nodeOf(value, at))))
        error(['config'], `another plugin says something else of \`${key}\`, which there is one of: make them the same (${fields.name})`)
      this.#root[key] = before ?? value
    }
  }

  /** Puts all configurations of one plugin in their places. */
  #placeAll(instances: readonly Instance[]): void {
    const finder = new Precedence(instances)
    const everywhere = finder.find(null, null, null)
    if (everywhere !== null) put(this.#everywhere, everywhere, NO_NAMES)
    const broader = namesByLevel(instances)
    for (const instance of instances) {
      const { service, route, consumer } = instance.plugin.scope
      if (service !== null && route === null && consumer === null)
        put(entryOf(this.#services, service, newPlace), instance, broader.service)
      if (consumer !== null && route === null && service === null)
        put(entryOf(this.#consumers, consumer, newPlace), instance, broader.consumer)
    }
    for (const route of new Set(instances.flatMap(({ plugin: { scope } }) => (scope.consumer === null ? (scope.route ?? []) : [])))) {
      const winner = finder.find(route.service, route, null)
      if (winner !== null) put(entryOf(this.#routes, route, newPlace), winner, broader.route)
    }
    this.#placeConsumerRoutes(instances, finder, broader.consumerRoute)
  }

  /** Where Kong's choice for a consumer on a route is not what its own places would give. */
  #placeConsumerRoutes(instances: readonly Instance[], finder: Precedence, broader: ReadonlySet<string>): void {
    // On these routes a configuration for route and service beats one for the consumer.
    const strongRoutes = instances.flatMap(({ plugin: { scope } }) =>
      scope.consumer === null && scope.service !== null && scope.route !== null ? scope.route : [],
    )
    for (const [consumer, own] of Map.groupBy(instances, ({ plugin }) => plugin.scope.consumer)) {
      if (consumer === null) continue
      const routes = new Set([
        ...strongRoutes,
        ...own.flatMap(({ plugin: { scope } }) => scope.route ?? (scope.service === null ? [] : (this.#routesOf.get(scope.service) ?? []))),
      ])
      const general = own.find(({ plugin: { scope } }) => scope.route === null && scope.service === null) ?? null
      for (const route of routes) {
        const winner = finder.find(route.service, route, consumer)
        if (winner === null || winner === general) continue
        if (++this.#consumerPlaces > CONSUMER_PLACES_MAX) return this.#tooMany(winner.plugin)
        const places = entryOf(this.#consumerRoutes, consumer, () => new Map<RouteEntity, Record<string, Written>>())
        put(entryOf(places, route, newPlace), winner, broader)
      }
    }
  }

  #tooMany(plugin: PluginEntity): void {
    const message = `plugins for consumers on single routes make more than ${CONSUMER_PLACES_MAX} places`
    this.#problems.push({ severity: 'error', location: plugin.at, message })
  }
}

const NO_NAMES: ReadonlySet<string> = new Set()

function newPlace(): Record<string, Written> {
  return {}
}

/** @param broader names of what less specific places have: what this one has not would come through from there */
function put(place: Record<string, Written>, { policies, plugin }: Instance, broader: ReadonlySet<string>): void {
  Object.assign(place, policies)
  for (const name of broader) place[name] ??= nodeOf(false, plugin.locate(['name']))
}

/** For each kind of place the names of the policies that configurations of the plugin have at less specific ones. */
function namesByLevel(instances: readonly Instance[]) {
  const levels = { service: new Set<string>(), route: new Set<string>(), consumer: new Set<string>(), consumerRoute: new Set<string>() }
  for (const { policies, plugin } of instances) {
    const { route, consumer } = plugin.scope
    for (const name of Object.keys(policies)) {
      if (isGlobal(plugin)) levels.service.add(name)
      if (consumer === null && route === null) levels.route.add(name)
      if (consumer === null) levels.consumer.add(name)
      levels.consumerRoute.add(name)
    }
  }
  return levels
}

/** Kong's choice among the configurations of one plugin. */
class Precedence {
  readonly #byScope = new Map<ServiceEntity | null, Map<RouteEntity | null, Map<ConsumerEntity | null, Instance>>>()

  constructor(instances: readonly Instance[]) {
    for (const instance of instances) {
      const { service, route, consumer } = instance.plugin.scope
      const byRoute = entryOf(this.#byScope, service, () => new Map<RouteEntity | null, Map<ConsumerEntity | null, Instance>>())
      entryOf(byRoute, route, () => new Map<ConsumerEntity | null, Instance>()).set(consumer, instance)
    }
  }

  #at(service: ServiceEntity | null, route: RouteEntity | null, consumer: ConsumerEntity | null): Instance | null {
    return this.#byScope.get(service)?.get(route)?.get(consumer) ?? null
  }

  /** What applies to a request of this route, of its service and by this consumer. */
  find(service: ServiceEntity | null, route: RouteEntity | null, consumer: ConsumerEntity | null): Instance | null {
    return (
      this.#at(service, route, consumer) ??
      this.#at(null, route, consumer) ??
      this.#at(service, null, consumer) ??
      this.#at(service, route, null) ??
      this.#at(null, null, consumer) ??
      this.#at(null, route, null) ??
      this.#at(service, null, null) ??
      this.#at(null, null, null)
    )
  }
}

/** Whether the one applies wherever the other does. */
function covers(wide: PluginScope, narrow: PluginScope): boolean {
  const service = narrow.service ?? narrow.route?.service ?? null
  return (
    (wide.route === null || wide.route === narrow.route) &&
    (wide.service === null || wide.service === service) &&
    (wide.consumer === null || wide.consumer === narrow.consumer)
  )
}

function isGlobal({ scope }: PluginEntity): boolean {
  return scope.service === null && scope.route === null && scope.consumer === null
}

/** `config.redis.host` or `redis.host#word` as a path below `config`. */
function pathOf(rule: string): ConfigPath {
  return rule
    .replace(/#.*$/, '')
    .split('.')
    .filter((part, index) => part !== '' && !(index === 0 && part === 'config'))
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value ?? {}
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])))
}
