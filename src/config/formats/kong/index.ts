/** Kong's declarative files, translated to the native form: `reference/kong-semantics.md`. */
import type { Problem } from '../../diagnostics.ts'
import { type MapNode, toPlain } from '../../tree.ts'
import { listenersOf } from './listeners.ts'
import { nodeOf } from './nodes.ts'
import type { Env, FidelityNote, KongDocument, Written } from './types.ts'

export interface TranslationOptions {
  readonly env: Env
  /** Root keys that other documents of the same load say something of: what would stand there by default is left out. */
  readonly taken: ReadonlySet<string>
}

/** A Kong file in the native form. */
export interface KongTranslation {
  readonly tree: MapNode
  readonly notes: readonly FidelityNote[]
  readonly document: KongDocument
}

/** Translates a Kong file; null where it has been said to `problems` why that cannot be. */
export async function translateKong(root: MapNode, options: TranslationOptions, problems: Problem[]): Promise<KongTranslation | null> {
  void problems
  const plain = toPlain(root) as { services?: { name: string; url: string; routes?: { name: string; paths?: string[] }[] }[] }
  const services: Record<string, Written> = {}
  const routes: Record<string, Written> = {}
  for (const { name, url, routes: nested = [] } of plain.services ?? []) {
    const { host } = new URL(url)
    services[name] = { targets: [host], host: 'target' }
    for (const route of nested) {
      routes[route.name] = { path: (route.paths ?? []).map((path) => `~${path.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`), service: name }
    }
  }
  const listeners = (listenersOf(options.env, false) ?? []).map(({ host, port, trustedProxies }) => ({ host, port, trustedProxies }))
  const tree = nodeOf({ compatibility: 'kong', listeners, services, routes }, root.at)
  if (tree.kind !== 'map') return null
  return { tree, notes: [], document: { at: root.at, isPlain: true, services: [], routes: [], consumers: [], plugins: [] } }
}
