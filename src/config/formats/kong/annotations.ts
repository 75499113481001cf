/** What stands in comments of the native form that a Kong file has become: where things come from, and what is not quite what Kong does. */
import type { SourceLocation } from '../../ir.ts'
import { type ConfigNode, type MapNode, nodeAt } from '../../tree.ts'
import type { KongTranslation } from './index.ts'
import type { Entity, FidelityNote } from './types.ts'

/** Lines above nodes of the native tree. Notes about what has no place there come back as `rest`. */
export function annotationsOf({ tree, notes, document }: KongTranslation): {
  readonly comments: ReadonlyMap<ConfigNode, readonly string[]>
  readonly rest: readonly FidelityNote[]
} {
  const writer = new Annotator(notes)
  for (const [key, entities] of [
    ['services', document.services],
    ['routes', document.routes],
    ['consumers', document.consumers],
  ] as const) {
    const byPlace = new Map(entities.map((entity) => [placeOf(entity.at), entity]))
    const section = nodeAt(tree, [key])
    for (const { node } of section?.kind === 'map' ? section.entries.values() : []) {
      const entity = byPlace.get(placeOf(node.at))
      if (entity === undefined) continue
      writer.add(node, entity)
      if ('upstream' in entity && entity.upstream !== null) writer.add(node, entity.upstream)
    }
  }
  for (const [key, line] of SECTIONS) {
    const section = nodeAt(tree, [key])
    if (section !== null) writer.say(section, line)
  }
  // Several stand at one place where an alias of YAML repeats them.
  const plugins = Map.groupBy(document.plugins, (plugin) => placeOf(plugin.locate(['name'])))
  forEachPolicy(tree, [], (node, [section, name]) => {
    const found = plugins.get(placeOf(node.at)) ?? []
    const own = found.find(({ scope: { service, route, consumer } }) => {
      const place = section === 'services' ? service : section === 'routes' ? route : consumer
      return place?.fields.name === name
    })
    const plugin = own ?? found[0]
    if (plugin !== undefined) writer.add(node, plugin)
  })
  return { comments: writer.comments, rest: notes.filter((note) => !writer.placed.has(note)) }
}

/** What stands above what no entity of the file has asked for. */
const SECTIONS: readonly (readonly [string, string])[] = [
  ['compatibility', "Kong's rules of routing, its order of plugins, and its answers where it refuses."],
  ['listeners', 'As KONG_PROXY_LISTEN and KONG_TRUSTED_IPS were at the import, or as Kong has them by default.'],
  ['limits', 'Bounds that Kong has not, or that are wider there than here.'],
  ['policies', 'What Kong does to every request, and plugins that are for all.'],
]

class Annotator {
  readonly comments = new Map<ConfigNode, string[]>()
  readonly placed = new Set<FidelityNote>()
  readonly #notes: ReadonlyMap<string, readonly FidelityNote[]>
  /** Those that are about no plugin, by the places of their entities. */
  readonly #notesAt: ReadonlyMap<string, readonly FidelityNote[]>

  constructor(notes: readonly FidelityNote[]) {
    this.#notes = Map.groupBy(notes, ({ entity }) => entity)
    this.#notesAt = Map.groupBy(
      notes.filter(({ entity }) => !entity.startsWith('plugin ')),
      ({ at }) => placeOf(at),
    )
  }

  say(node: ConfigNode, line: string): void {
    this.comments.set(node, [...(this.comments.get(node) ?? []), line])
  }

  add(node: ConfigNode, { label, at, node: written }: Entity<unknown>): void {
    const lines = this.comments.get(node) ?? []
    if (lines.length === 0) this.comments.set(node, lines)
    const place = `${at.file}:${at.line} ${label}`
    if (!lines.includes(place)) lines.push(place)
    for (const note of this.#notes.get(label) ?? []) this.#addNote(lines, note)
    // Of credentials and other entities below it.
    for (const [, { node: inner }] of written.entries) if (inner.kind === 'list') this.#addInner(lines, inner.items)
  }

  #addInner(lines: string[], items: readonly ConfigNode[]): void {
    for (const { at } of items) for (const note of this.#notesAt.get(placeOf(at)) ?? []) this.#addNote(lines, note)
  }

  #addNote(lines: string[], note: FidelityNote): void {
    this.placed.add(note)
    const line = noteText(note)
    if (!lines.includes(line)) lines.push(line)
  }
}

/** `approximated config.month: …`. */
export function noteText({ fidelity, field, reason }: FidelityNote): string {
  return `${fidelity}${field === '' ? '' : ` ${field}`}: ${reason}`
}

function placeOf({ file, line, column }: SourceLocation): string {
  return `${file}:${line}:${column}`
}

/** @param visit is told where the policy's place is: `services`, `users` */
function forEachPolicy(map: MapNode, path: readonly string[], visit: (node: ConfigNode, path: readonly string[]) => void): void {
  for (const [key, { node }] of map.entries) {
    if (path.at(-1) === 'policies') visit(node, path)
    else if (node.kind === 'map') forEachPolicy(node, [...path, key], visit)
  }
}
