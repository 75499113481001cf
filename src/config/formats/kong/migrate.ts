/** Paths of routes in files of the formats 1.1 and 2.1, where a regular expression was told by its characters. */
import type { ConfigNode, MapEntry, MapNode } from '../../tree.ts'
import { normalRoutePath } from './texts.ts'

/** The tree with the paths of routes as the format 3.0 has them: of routes at the top and of those below services, as Kong does it. */
export function migrate(root: MapNode): MapNode {
  const withRoutes = mapKey(root, 'routes', migrateRoutes)
  return mapKey(withRoutes, 'services', (services) => mapItems(services, (service) => mapKeyOf(service, 'routes', migrateRoutes)))
}

function migrateRoutes(routes: ConfigNode): ConfigNode {
  return mapItems(routes, (route) => mapKeyOf(route, 'paths', (paths) => mapItems(paths, migratePathNode)))
}

function migratePathNode(node: ConfigNode): ConfigNode {
  return node.kind === 'scalar' && typeof node.value === 'string' ? { ...node, value: migratePath(node.value) } : node
}

/** `/user/\d+` becomes `~/user/\d+`; what has only characters of plain paths stays a prefix. */
export function migratePath(path: string): string {
  if (/^[a-zA-Z0-9.\-_~/%]*$/.test(path)) return normalRoutePath(path)
  return `~${path.replaceAll(/%([0-9A-Fa-f]{2})/g, decodeInRegex)}`
}

/** Kong took the expression to be percent-encoded before 3.0, and does no more. */
function decodeInRegex(whole: string, digits: string): string {
  const char = String.fromCharCode(Number.parseInt(digits, 16))
  if (RESERVED.includes(char) || char > '\x7f') return whole.toUpperCase()
  return REGEX_META.includes(char) ? `\\${char}` : char
}

const RESERVED = "!#$%&'()*+,/:;=?@[]"
const REGEX_META = '.^-{}\\|'

function mapKeyOf(node: ConfigNode, key: string, change: (node: ConfigNode) => ConfigNode): ConfigNode {
  return node.kind === 'map' ? mapKey(node, key, change) : node
}

function mapKey(map: MapNode, key: string, change: (node: ConfigNode) => ConfigNode): MapNode {
  const entry = map.entries.get(key)
  if (entry === undefined) return map
  const entries = new Map<string, MapEntry>(map.entries)
  entries.set(key, { ...entry, node: change(entry.node) })
  return { ...map, entries }
}

function mapItems(node: ConfigNode, change: (node: ConfigNode) => ConfigNode): ConfigNode {
  return node.kind === 'list' ? { ...node, items: node.items.map(change) } : node
}
