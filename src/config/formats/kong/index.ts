/** Kong's declarative files, translated to the native form: `reference/kong-semantics.md`. */
import type { Problem } from '../../diagnostics.ts'
import { type MapNode, nodeAt } from '../../tree.ts'
import { nativeConsumer, noteCredentials } from './consumers.ts'
import { CORE_POLICIES, corePoliciesOfRoute, corePoliciesOfService } from './core-policies.ts'
import { readDocument } from './document.ts'
import { listenersOf } from './listeners.ts'
import { migrate } from './migrate.ts'
import { NativeNames } from './native-names.ts'
import { nodeOf } from './nodes.ts'
import { Notes } from './notes.ts'
import { type PlacedPolicies, PluginPlacer } from './plugin-places.ts'
import { PLUGINS } from './plugins/index.ts'
import { rankRoutes } from './route-ranks.ts'
import { nativeRoutes } from './routes.ts'
import { nativeService } from './services.ts'
import type { Env, FidelityNote, KongDocument, RouteEntity, Written } from './types.ts'
import { noteUnusedUpstreams } from './upstreams.ts'

export interface TranslationOptions {
  readonly env: Env
  /** Root keys, and `policies.…`, that other documents of the same load say something of: what would stand there by default is left out. */
  readonly taken: ReadonlySet<string>
  /** Whether what cannot be carried over is left out, in place of being an error. */
  readonly skipUnsupported: boolean
}

/** A Kong file in the native form. */
export interface KongTranslation {
  readonly tree: MapNode
  readonly notes: readonly FidelityNote[]
  readonly document: KongDocument
}

/**
 * Translates a Kong file; null where it has been said to `problems` why that cannot be.
 * @param written with its references to vaults resolved, see `vaults.ts`
 */
export function translateKong(written: MapNode, options: TranslationOptions, problems: Problem[]): KongTranslation | null {
  const before = problems.length
  const format = nodeAt(written, ['_format_version'])
  const root = format?.kind === 'scalar' && (format.value === '1.1' || format.value === '2.1') ? migrate(written) : written
  const notes = new Notes(problems, options.skipUnsupported)
  const document = readDocument(root, notes, problems)
  noteUnusedUpstreams(document, notes)
  const placed = new PluginPlacer(document, PLUGINS, notes, problems).place()
  const tree = nodeOf(rootOf(document, placed, notes, options, problems), document.at)
  if (problems.slice(before).some(({ severity }) => severity === 'error') || tree.kind !== 'map') return null
  problems.push(...notes.warnings())
  return { tree, notes: notes.all, document }
}

/** Kong's own bounds, nginx's, where ours are tighter: no bound on bodies, and a minute for each silence of a client. */
const LIMITS: Written = { bodyBytesMax: 2 ** 50, headersMax: 1_000, headTimeout: '60s', bodyIdleTimeout: '60s', writeIdleTimeout: '60s' }

function rootOf(
  document: KongDocument,
  placed: PlacedPolicies,
  notes: Notes,
  { env, taken: elsewhere }: TranslationOptions,
  problems: Problem[],
): Readonly<Record<string, Written | undefined>> {
  const routes = document.routes.filter(({ service }) => service === null || service.fields.enabled)
  const ranks = rankRoutes(routes)
  const names = new Map<RouteEntity, readonly string[]>()
  const taken = new NativeNames(routes.map(({ fields }) => fields.name))
  const routeEntries: Record<string, Written> = {}
  for (const route of routes) {
    const natives = nativeRoutes(route, ranks, taken, notes)
    names.set(
      route,
      natives.map(({ name }) => name),
    )
    for (const { name, fields } of natives)
      routeEntries[name] = nodeOf({ ...fields, ...policiesAt({ ...corePoliciesOfRoute(route), ...placed.routes.get(route) }) }, route.at)
  }
  const listeners = elsewhere.has('listeners') ? [] : (listenersOf(env, document, notes, problems) ?? [])
  const byDefault: Readonly<Record<string, Written | undefined>> = {
    compatibility: 'kong',
    listeners,
    limits: LIMITS,
  }
  return {
    ...Object.fromEntries(Object.entries(byDefault).filter(([key]) => !elsewhere.has(key))),
    ...placed.root,
    ...policiesAt({
      ...Object.fromEntries(Object.entries(CORE_POLICIES).filter(([name]) => !elsewhere.has(`policies.${name}`))),
      ...placed.everywhere,
    }),
    services: Object.fromEntries(
      document.services
        .filter(({ fields }) => fields.enabled)
        .map((service) => [
          service.fields.name,
          nodeOf(
            { ...nativeService(service, notes), ...policiesAt({ ...corePoliciesOfService(service), ...placed.services.get(service) }) },
            service.at,
          ),
        ]),
    ),
    routes: routeEntries,
    ...(document.consumers.length > 0 && { consumers: consumersOf(document, placed, names, notes) }),
  }
}

function consumersOf(
  document: KongDocument,
  placed: PlacedPolicies,
  names: ReadonlyMap<RouteEntity, readonly string[]>,
  notes: Notes,
): Written {
  noteCredentials(document, notes)
  return Object.fromEntries(
    document.consumers.map((consumer) => {
      const routes = [...(placed.consumerRoutes.get(consumer) ?? [])].flatMap(([route, policies]) =>
        (names.get(route) ?? []).map((name) => [name, nodeOf({ policies }, consumer.at)] as const),
      )
      const fields = {
        ...nativeConsumer(consumer, document, notes),
        ...policiesAt(placed.consumers.get(consumer)),
        ...(routes.length > 0 && { routes: Object.fromEntries(routes) }),
      }
      return [consumer.fields.name, nodeOf(fields, consumer.at)]
    }),
  )
}

function policiesAt(policies: Readonly<Record<string, Written>> | undefined): { readonly policies?: Written } {
  return policies === undefined || Object.keys(policies).length === 0 ? {} : { policies }
}
