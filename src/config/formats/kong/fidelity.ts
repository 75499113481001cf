/** How well each thing of a Kong file is carried over, one by one: what the report of `turnpike import` is made of. */
import type { SourceLocation } from '../../ir.ts'
import type { ConfigNode, MapNode } from '../../tree.ts'
import { CORE_RULES } from './core-policies.ts'
import type { KongTranslation } from './index.ts'
import type { Fidelity, FidelityNote, FidelityRule, KongDocument, WrittenEntity } from './types.ts'

/** A field of an entity: one that is written, or one whose default is not carried exactly. */
export interface FieldFidelity {
  /** `paths`, `config.redis.host`. */
  readonly field: string
  readonly fidelity: Fidelity
  /** What differs; empty where nothing does. */
  readonly reasons: readonly string[]
  readonly line: number
}

export interface EntityFidelity {
  /** `services`, `plugins`, … as in the file; `file` for the file itself. */
  readonly kind: string
  /** `route orders`. */
  readonly entity: string
  readonly line: number
  /** The worst of what is said of it and its fields. */
  readonly fidelity: Fidelity
  /** What is said of it as a whole. */
  readonly reasons: readonly string[]
  readonly fields: readonly FieldFidelity[]
}

/** The report: a stable shape, see docs/kong.md. */
export interface FidelityReport {
  readonly file: string
  /** Entities and fields by how well they are carried. */
  readonly entities: Readonly<Record<Fidelity, number>>
  readonly fields: Readonly<Record<Fidelity, number>>
  /** What differs for every request, whatever the file says. */
  readonly always: readonly ({ readonly field: string } & FidelityRule)[]
  readonly details: readonly EntityFidelity[]
}

const RANK: Readonly<Record<Fidelity, number>> = { exact: 0, approximated: 1, unsupported: 2 }
/** Fields that say nothing about what is done. */
const SILENT: ReadonlySet<string> = new Set(['_comment', '_ignore', 'created_at', 'updated_at'])

/** All that a Kong file says, in its order. */
export function fidelityReport(file: string, { notes, document }: KongTranslation): FidelityReport {
  const byEntity = Map.groupBy(notes, ({ entity }) => entity)
  const carried = carriedLabels(document)
  const details = document.written.map((entity) => {
    const own = byEntity.get(entity.label) ?? []
    byEntity.delete(entity.label)
    return entityFidelity(entity, own, own.length === 0 && isLost(entity, carried))
  })
  // Of what is no entity that is known: keys of decK, entities of Kong Enterprise.
  const others = [...byEntity].map(([entity, own]): EntityFidelity => {
    const line = own[0]?.at.line ?? 1
    return detail('file', entity, line, own, fieldsOf(own.filter(({ field }) => field !== '')))
  })
  const all = [...others, ...details]
  return {
    file,
    entities: tally(all),
    fields: tally(all.flatMap(({ fields }) => fields)),
    always: Object.entries(CORE_RULES).map(([rule, said]) => ({ field: rule.replace(/#.*$/, ''), ...said })),
    details: all,
  }
}

/** What there is of the kinds that can be lost with another entity. */
function carriedLabels({ services, routes, plugins }: KongDocument): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    Object.entries({ services, routes, plugins }).map(([kind, entities]) => [kind, new Set(entities.map(({ label }) => label))]),
  )
}

/** Whether an entity that is switched on is not there, though nothing is said of itself. */
function isLost({ kind, label, node }: WrittenEntity, carried: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const enabled = node.entries.get('enabled')?.node
  const isOff = enabled?.kind === 'scalar' && enabled.value === false
  return !isOff && carried.get(kind)?.has(label) === false
}

const LOST: Omit<FidelityNote, 'entity' | 'at'> = {
  fidelity: 'unsupported',
  field: '',
  reason: 'it belongs to something that is left out, and is left out with it',
}

/** @param isLost whether it is left out with another entity */
function entityFidelity({ kind, label, node, children }: WrittenEntity, own: readonly FidelityNote[], isLost: boolean): EntityFidelity {
  const notes = isLost ? [{ ...LOST, entity: label, at: node.at }] : own
  const isLeftOut = notes.some(({ field, fidelity }) => field === '' && fidelity === 'unsupported')
  const written = new Map<string, SourceLocation>()
  for (const [key, entry] of node.entries) {
    if (SILENT.has(key) || children.includes(key)) continue
    if (entry.node.kind === 'map') addLeaves(entry.node, key, written)
    else if (!isNull(entry.node)) written.set(key, entry.keyAt)
  }
  const said = notes.filter(({ field }) => field !== '')
  // Of a list in which an item is not carried, that item is told.
  const whole = [...written.keys()].filter((field) => !said.some((note) => note.field.startsWith(`${field}.`)))
  const names = new Set([...whole, ...said.map(({ field }) => field)])
  const fields = [...names].map((field) =>
    fieldFidelity(
      field,
      said.filter((note) => note.field === field),
      isLeftOut,
      written.get(field)?.line ?? said.find((note) => note.field === field)?.at.line ?? node.at.line,
    ),
  )
  return detail(kind, label, node.at.line, notes, fields)
}

/** What stands in a map, `config.redis.host`; lists are one value. */
function addLeaves(map: MapNode, above: string, written: Map<string, SourceLocation>): void {
  for (const [key, { keyAt, node }] of map.entries) {
    const path = `${above}.${key}`
    if (node.kind === 'map') addLeaves(node, path, written)
    else if (!isNull(node)) written.set(path, keyAt)
  }
}

function isNull(node: ConfigNode): boolean {
  return node.kind === 'scalar' && node.value === null
}

function fieldsOf(notes: readonly FidelityNote[]): FieldFidelity[] {
  return [...Map.groupBy(notes, ({ field }) => field)].map(([field, own]) => fieldFidelity(field, own, false, own[0]?.at.line ?? 1))
}

/** @param isLeftOut whether the whole entity is, which says of the field all that there is to say */
function fieldFidelity(field: string, notes: readonly FidelityNote[], isLeftOut: boolean, line: number): FieldFidelity {
  return { field, fidelity: isLeftOut ? 'unsupported' : worst(notes), reasons: reasonsOf(notes), line }
}

function detail(
  kind: string,
  entity: string,
  line: number,
  notes: readonly FidelityNote[],
  fields: readonly FieldFidelity[],
): EntityFidelity {
  return { kind, entity, line, fidelity: worst(notes), reasons: reasonsOf(notes.filter(({ field }) => field === '')), fields }
}

function worst(items: readonly { readonly fidelity: Fidelity }[]): Fidelity {
  return items.reduce<Fidelity>((found, { fidelity }) => (RANK[fidelity] > RANK[found] ? fidelity : found), 'exact')
}

function reasonsOf(notes: readonly FidelityNote[]): string[] {
  return [...new Set(notes.map(({ reason }) => reason))]
}

function tally(items: readonly { readonly fidelity: Fidelity }[]): Record<Fidelity, number> {
  const counts: Record<Fidelity, number> = { exact: 0, approximated: 0, unsupported: 0 }
  for (const { fidelity } of items) counts[fidelity]++
  return counts
}

/** Values of the environment that the native form holds as they are now, since they are part of another value there: their references. */
export function lostReferences({ tree, document }: KongTranslation): { readonly reference: string; readonly at: SourceLocation }[] {
  const kept = new Set<string>()
  collect(tree, (written) => void kept.add(written))
  const lost = new Map<string, SourceLocation>()
  for (const { node } of document.written)
    collect(node, (written, at) => {
      if (!kept.has(written) && !lost.has(written)) lost.set(written, at)
    })
  return [...lost].map(([reference, at]) => ({ reference, at }))
}

function collect(node: ConfigNode, visit: (written: string, at: SourceLocation) => void): void {
  if (node.kind === 'scalar') {
    if (node.written !== null) visit(node.written, node.at)
  } else if (node.kind === 'list') for (const item of node.items) collect(item, visit)
  else for (const { node: inner } of node.entries.values()) collect(inner, visit)
}
