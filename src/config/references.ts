import { nearest } from '../core/nearest.ts'
import type { Problem } from './diagnostics.ts'
import { withoutValue } from './messages.ts'
import { type ConfigNode, type ConfigPath, locate, nodeAt } from './tree.ts'

/**
 * Whether services and routes fit together. Works on what was written, so that it can be told together with everything else that is wrong.
 */
export function checkReferences(tree: ConfigNode, problems: Problem[]): void {
  const services = nodeAt(tree, ['services'])
  const routes = nodeAt(tree, ['routes'])
  const names = services?.kind === 'map' ? [...services.entries.keys()] : []
  const used = new Set<unknown>()
  for (const { node: route } of routes?.kind === 'map' ? routes.entries.values() : []) {
    const service = nodeAt(route, ['service'])
    if (service?.kind !== 'scalar' || typeof service.value !== 'string') continue
    used.add(service.value)
    if (names.includes(service.value)) continue
    const near = nearest(service.value, names)
    const known = near === null ? `; services: ${names.map((name) => `\`${name}\``).join(', ') || 'none'}` : `; did you mean \`${near}\`?`
    problems.push({
      severity: 'error',
      location: service.at,
      message: withoutValue(`there is no service \`${service.value}\`${known}`, service),
    })
  }
  const warn = (path: ConfigPath, message: string): void => {
    problems.push({ severity: 'warning', location: locate(tree, path, 'key'), message })
  }
  for (const name of names) if (!used.has(name)) warn(['services', name], `no route uses the service \`${name}\``)
  if (routes === null || (routes.kind === 'map' && routes.entries.size === 0))
    warn(['routes'], 'there are no routes: every request is answered 404')
}
