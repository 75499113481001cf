/** A Kong file's translation as a native file that people can read and go on with. */
import { printable } from '../../diagnostics.ts'
import type { ConfigNode, MapEntry, MapNode } from '../../tree.ts'
import { yamlText } from '../../yaml-text.ts'
import { annotationsOf, noteText } from './annotations.ts'
import { lostReferences } from './fidelity.ts'
import type { KongTranslation } from './index.ts'

/** The whole file. It means the same as the Kong file: what reads it gives the same revision. */
export function nativeText(file: string, translation: KongTranslation): string {
  const { comments, rest } = annotationsOf(translation)
  const tree = withDurations(translation.tree, [], comments)
  return `${headerOf(
    file,
    translation,
    rest.map((note) => `${note.entity}: ${noteText(note)}`),
  )}\n${yamlText(tree.node, tree.comments)}`
}

/** Those of YAML 1.1 too. */
const LINE_ENDS = /[\r\n\u0085\u2028\u2029]+/g

function headerOf(file: string, translation: KongTranslation, rest: readonly string[]): string {
  const lost = lostReferences(translation).map(
    ({ reference, at }) => `${reference} of ${at.file}:${at.line} is part of a longer value here, and written as it was at the import.`,
  )
  const lines = [
    `Made by \`turnpike import ${file}\`. A comment names the place that a thing comes from, and says what`,
    'is not quite what Kong does. From here on this file is yours; see docs/kong.md.',
    ...(hasSecrets(translation)
      ? ['', 'It holds SECRETS: credentials stand here as they do in the Kong file. Keep it as safe as that.']
      : []),
    ...(lost.length > 0 || rest.length > 0 ? ['', ...lost, ...rest] : []),
  ]
  // A name in a Kong file may hold a line end, behind which it would be no comment any more.
  return lines.map((line) => printable(`# ${line.replaceAll(LINE_ENDS, ' ')}`.trimEnd())).join('\n')
}

function hasSecrets({ document }: KongTranslation): boolean {
  const hasCredentials = document.consumers.some(({ credentials: { keyAuth, basicAuth, hmacAuth, jwt } }) =>
    [keyAuth, basicAuth, hmacAuth, jwt].some((list) => list.length > 0),
  )
  return (
    hasCredentials ||
    document.certificates.length > 0 ||
    document.plugins.some(({ fields }) => /"(redis_)?password":/.test(JSON.stringify(fields.config)))
  )
}

const DURATIONS: ReadonlySet<string> = new Set([
  'connectTimeout',
  'timeout',
  'attemptTimeout',
  'streamIdleTimeout',
  'idleTimeout',
  'interval',
  'unfitInterval',
])

/** Times of services and routes as people write them: `60s` for 60000. */
function withDurations(
  tree: MapNode,
  path: readonly string[],
  comments: ReadonlyMap<ConfigNode, readonly string[]>,
): { readonly node: MapNode; readonly comments: ReadonlyMap<ConfigNode, readonly string[]> } {
  const moved = new Map(comments)
  const change = (map: MapNode, above: readonly string[]): MapNode => {
    const entries = new Map<string, MapEntry>()
    for (const [key, { keyAt, node }] of map.entries) {
      const isPlace = above[0] === 'services' || above[0] === 'routes'
      const isDuration = isPlace && above.length > 1 && DURATIONS.has(key)
      const changed = node.kind === 'map' && key !== 'policies' ? change(node, [...above, key]) : isDuration ? durationOf(node) : node
      const lines = comments.get(node)
      if (lines !== undefined && changed !== node) moved.set(changed, lines)
      entries.set(key, { keyAt, node: changed })
    }
    return { ...map, entries }
  }
  return { node: change(tree, path), comments: moved }
}

function durationOf(node: ConfigNode): ConfigNode {
  if (node.kind !== 'scalar' || typeof node.value !== 'number' || node.value === 0 || node.value % 1_000 !== 0) return node
  return { ...node, value: `${node.value / 1_000}s` }
}
