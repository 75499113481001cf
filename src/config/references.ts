import { nearest } from '../core/nearest.ts'
import type { Problem } from './diagnostics.ts'
import type { SourceLocation } from './ir.ts'
import { withoutValue } from './messages.ts'
import { type ConfigNode, type ConfigPath, locate, nodeAt } from './tree.ts'

/** Where a route names one service. */
const SERVICE_PLACES: readonly ConfigPath[] = [['service'], ['mirror', 'service'], ['fallback', 'service']]

/**
 * Whether services and routes fit together. Works on what was written, so that it can be told together with everything else that is wrong.
 */
export function checkReferences(tree: ConfigNode, problems: Problem[]): void {
  const services = nodeAt(tree, ['services'])
  const routes = nodeAt(tree, ['routes'])
  const names = services?.kind === 'map' ? [...services.entries.keys()] : []
  const used = new Set<unknown>()
  const refer = (name: string, location: SourceLocation, node: ConfigNode | null): void => {
    used.add(name)
    if (names.includes(name)) return
    const near = nearest(name, names)
    const known = near === null ? `; services: ${names.map((known) => `\`${known}\``).join(', ') || 'none'}` : `; did you mean \`${near}\`?`
    problems.push({ severity: 'error', location, message: withoutValue(`there is no service \`${name}\`${known}`, node) })
  }
  for (const { node: route } of routes?.kind === 'map' ? routes.entries.values() : []) {
    for (const path of SERVICE_PLACES) {
      const service = nodeAt(route, path)
      if (service?.kind === 'scalar' && typeof service.value === 'string') refer(service.value, service.at, service)
    }
    const split = nodeAt(route, ['split', 'services'])
    if (split?.kind === 'map') for (const [name, { keyAt }] of split.entries) refer(name, keyAt, null)
  }
  const warn = (path: ConfigPath, message: string): void => {
    problems.push({ severity: 'warning', location: locate(tree, path, 'key'), message })
  }
  for (const name of names) if (!used.has(name)) warn(['services', name], `no route uses the service \`${name}\``)
  if (routes === null || (routes.kind === 'map' && routes.entries.size === 0))
    warn(['routes'], 'there are no routes: every request is answered 404')
}
