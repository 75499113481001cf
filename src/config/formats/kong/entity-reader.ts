/** A Kong file's entities as they stand there: where they are, whom they refer to, what their ids are. */
import { didYouMean } from '../../../core/nearest.ts'
import { unknownKeyMessage, type z } from '../../../core/schema.ts'
import type { Problem } from '../../diagnostics.ts'
import type { SourceLocation } from '../../ir.ts'
import { describeIssue, problemsOf } from '../../messages.ts'
import { type ConfigNode, locate, type MapNode, toPlain } from '../../tree.ts'
import { childrenOf, ENTITIES, ENTITIES_MAX, type EntityKind, KINDS } from './entities.ts'
import { entityId } from './ids.ts'
import { OTHER_KINDS } from './other-kinds.ts'

/** An entity with its keys checked, its values not. */
export interface ReadEntity {
  readonly kind: EntityKind
  readonly node: MapNode
  /** What messages call it: `service users`. */
  readonly label: string
  readonly id: string
  /** Its values but those that are null, and what stands below it. */
  readonly plain: Readonly<Record<string, unknown>>
  /** Whom it refers to, by field. One that it stands below is there as well. */
  readonly references: ReadonlyMap<string, ReadEntity>
}

interface Found {
  readonly kind: EntityKind
  readonly node: MapNode
  readonly parent: { readonly field: string; readonly entity: Found } | null
  readonly plain: Readonly<Record<string, unknown>>
  id: string
}

export type ReadEntities = Readonly<Record<EntityKind, readonly ReadEntity[]>>

/** What stands at the top of a file besides entities. */
const META = ['_format_version', '_transform', '_comment', '_ignore']
/** What decK adds. */
const DECK = ['_info', '_workspace', '_konnect', '_plugin_configs']

/** Tells all that is wrong with single entities, their references and their uniqueness. */
export class EntityReader {
  readonly #root: MapNode
  readonly #problems: Problem[]
  readonly #onUnsupported: (key: string, at: SourceLocation, advice: string) => void
  readonly #found = new Map<EntityKind, Found[]>(KINDS.map((kind) => [kind, []]))
  readonly #byKey = new Map<string, Found>()
  readonly #byId = new Map<string, Found>()

  /** @param onUnsupported is told of entities that Kong knows and that are not carried over */
  constructor(root: MapNode, problems: Problem[], onUnsupported: (key: string, at: SourceLocation, advice: string) => void) {
    this.#root = root
    this.#problems = problems
    this.#onUnsupported = onUnsupported
  }

  read(): ReadEntities {
    this.#readTop()
    for (const kind of KINDS) this.#identify(kind)
    const read = new Map<Found, ReadEntity>()
    const entities = KINDS.map((kind) => [kind, (this.#found.get(kind) ?? []).map((found) => this.#resolve(found, read))] as const)
    return Object.fromEntries(entities) as Record<EntityKind, ReadEntity[]>
  }

  #error(location: SourceLocation, message: string): void {
    this.#problems.push({ severity: 'error', location, message })
  }

  #readTop(): void {
    for (const [key, { keyAt, node }] of this.#root.entries) {
      if (isKind(key)) this.#readList(key, node, null)
      else if (OTHER_KINDS.has(key)) this.#unsupported(key, node, keyAt)
      else if (!META.includes(key) && !DECK.includes(key))
        this.#error(keyAt, `unknown field \`${key}\`${didYouMean(key, [...KINDS, ...META])}`)
    }
  }

  #unsupported(key: string, node: ConfigNode, keyAt: SourceLocation): void {
    const isEmpty = (node.kind === 'list' && node.items.length === 0) || (node.kind === 'scalar' && node.value === null)
    if (!isEmpty) this.#onUnsupported(key, keyAt, OTHER_KINDS.get(key) ?? '')
  }

  #readList(kind: EntityKind, node: ConfigNode, parent: Found['parent']): void {
    if (node.kind === 'scalar' && node.value === null) return
    if (node.kind !== 'list') return this.#error(node.at, `expected a list of ${kind}`)
    const all = this.#found.get(kind) ?? []
    const children = childrenOf(kind)
    const childKinds = children.map((child) => child.kind)
    for (const item of node.items) {
      if (item.kind !== 'map') {
        this.#error(item.at, `expected a ${ENTITIES[kind].singular}: a map`)
        continue
      }
      if (all.length === ENTITIES_MAX) return this.#error(item.at, `a file has at most ${ENTITIES_MAX} ${kind}`)
      const found: Found = { kind, node: item, parent, plain: plainOf(item, childKinds), id: '' }
      all.push(found)
      for (const child of children) {
        const inner = item.entries.get(child.kind)?.node
        // `ca_certificates` of a service are ids, and a field of its own.
        if (inner !== undefined && !(child.kind in ENTITIES[kind].schema.shape))
          this.#readList(child.kind, inner, { field: child.field, entity: found })
      }
      for (const [key, entry] of item.entries) if (OTHER_KINDS.has(key)) this.#unsupported(key, entry.node, entry.keyAt)
    }
  }

  /** Gives each entity of a kind its id, and finds those that are there twice. */
  #identify(kind: EntityKind): void {
    const { unique } = ENTITIES[kind]
    for (const found of this.#found.get(kind) ?? []) {
      const written = found.plain['id']
      found.id = typeof written === 'string' ? written.toLowerCase() : this.#idOf(found)
      const taken = unique.find((field) => {
        const value = found.plain[field]
        if (typeof value !== 'string') return false
        const isTaken = this.#byKey.has(`${kind} ${field} ${value}`)
        if (!isTaken) this.#byKey.set(`${kind} ${field} ${value}`, found)
        return isTaken
      })
      if (taken !== undefined) {
        this.#error(locate(found.node, [taken]), violation(kind, taken, String(found.plain[taken])))
      } else if (this.#byId.has(`${kind} ${found.id}`)) {
        // Plugins for one place have one id unless they say another: that is told of the place.
        if (kind !== 'plugins' || typeof written === 'string')
          this.#error(locate(found.node, ['id']), violation(kind, 'primary key', found.id))
      } else {
        this.#byId.set(`${kind} ${found.id}`, found)
      }
    }
  }

  /**
   * The id that Kong's DB-less mode gives: of the unique key, or of the fields of its cache key. Where Kong gives a random one (keys of API keys and
   * of JWT, certificates, routes without a name), it is made of the key, or of all fields, so that it stays the same from one load to the next.
   */
  #idOf({ kind, plain, parent }: Found): string {
    const { idOf, references } = ENTITIES[kind]
    const parts = idOf.map((field) => {
      if (parent?.field === field) return parent.entity.id
      const value = plain[field]
      return typeof value === 'string' ? value : field in references ? referredOf(value) : null
    })
    const isWhole = parts.some((part) => part !== null) && idOf.every((field, index) => parts[index] !== null || field in references)
    if (isWhole) {
      const isComposed = idOf.length > 1 || COMPOSED.has(kind)
      return entityId(kind, isComposed ? [kind, '*', ...parts.map((part) => part ?? '')].join(':') : (parts[0] ?? ''))
    }
    const content = JSON.stringify([parent?.entity.id, plain])
    let id = entityId(kind, content)
    for (let index = 2; this.#byId.has(`${kind} ${id}`); index++) id = entityId(kind, `${content}#${index}`)
    return id
  }

  #resolve(found: Found, read: Map<Found, ReadEntity>): ReadEntity {
    const known = read.get(found)
    if (known !== undefined) return known
    const { kind, node, plain, parent, id } = found
    const { references: fields, needs } = ENTITIES[kind]
    const references = new Map<string, ReadEntity>()
    for (const [field, referred] of Object.entries(fields)) {
      const other = this.#referred(found, field, referred)
      if (other !== null) references.set(field, this.#resolve(other, read))
      else if (needs.includes(field) && plain[field] === undefined && parent?.field !== field)
        this.#error(node.at, `the key \`${field}\` is missing`)
    }
    const entity: ReadEntity = { kind, node, label: labelOf(found, references), id, plain, references }
    this.#checkKeys(found)
    read.set(found, entity)
    return entity
  }

  #referred({ node, plain, parent }: Found, field: string, kind: EntityKind): Found | null {
    const written = plain[field]
    const at = locate(node, [field])
    if (parent !== null && written !== undefined)
      this.#error(at, 'expected nothing: an entity that stands below another refers to no more; put it at the top of the file')
    if (parent !== null) return parent.field === field ? parent.entity : null
    if (written === undefined) return null
    const name = referredOf(written)
    if (name === null) {
      this.#error(at, `expected the name or id of one of \`${kind}\``)
      return null
    }
    const { key } = ENTITIES[kind]
    const other = (key === null ? undefined : this.#byKey.get(`${kind} ${key} ${name}`)) ?? this.#byId.get(`${kind} ${name.toLowerCase()}`)
    if (other !== undefined) return other
    const keys = (this.#found.get(kind) ?? []).map((candidate) => (key === null ? undefined : candidate.plain[key]))
    const names = keys.filter((value) => typeof value === 'string')
    this.#error(at, `invalid reference '${field}: ${name}' (no such entry in '${kind}')${didYouMean(name, names)}`)
    return null
  }

  #checkKeys({ kind, node }: Found): void {
    const valid = VALID_KEYS.get(kind) ?? []
    for (const [key, { keyAt }] of node.entries) {
      if (valid.includes(key) || OTHER_KINDS.has(key)) continue
      this.#error(keyAt, kind === 'plugins' && key === 'consumer_group' ? CONSUMER_GROUP : unknownKeyMessage(key, valid))
    }
  }
}

const CONSUMER_GROUP =
  'a plugin for a group of consumers is one of Kong Enterprise: give it to each of its consumers, or write a native policy with `authorize` by group'

const VALID_KEYS: ReadonlyMap<EntityKind, readonly string[]> = new Map(
  KINDS.map((kind) => {
    const { schema, references } = ENTITIES[kind]
    return [kind, [...Object.keys(schema.shape), ...Object.keys(references), ...childrenOf(kind).map((child) => child.kind)]]
  }),
)

/** The fields of an entity as its schema gives them; null where it has found something wrong. */
export function checkFields<Schema extends z.ZodType>(read: ReadEntity, schema: Schema, problems: Problem[]): z.output<Schema> | null {
  const result = schema.safeParse(read.plain, { error: describeIssue })
  if (result.success) return result.data
  problems.push(...problemsOf(result.error.issues, read.node))
  return null
}

/** Kinds without a second part that still have ids as composed ones have. */
const COMPOSED: ReadonlySet<EntityKind> = new Set(['basicauth_credentials', 'hmacauth_credentials', 'vaults'])

function isKind(key: string): key is EntityKind {
  return key in ENTITIES
}

/** Of a reference: `users`, `{ name: users }` or `{ id: … }`. */
function referredOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return null
  const inner = 'id' in value ? value.id : 'name' in value ? value.name : 'username' in value ? value.username : null
  return typeof inner === 'string' ? inner : null
}

/** The values of an entity without those that are null, which for Kong are not there; of what stands below it only that it does. */
function plainOf(node: MapNode, children: readonly EntityKind[]): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [key, { node: inner }] of node.entries) {
    const value = isKind(key) && children.includes(key) && inner.kind === 'list' ? undefined : withoutNulls(toPlain(inner))
    if (value !== undefined && value !== null && !OTHER_KINDS.has(key)) plain[key] = value
  }
  return plain
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])))
}

function violation(kind: EntityKind, key: string, value: string): string {
  const shown = kind === 'keyauth_credentials' || kind === 'jwt_secrets' ? 'this value' : `'${value}'`
  return `uniqueness violation: '${kind}' entity with ${key} set to ${shown} already declared`
}

/** Kinds that are known by their own name, whatever they refer to. */
const WHOLE: ReadonlySet<EntityKind> = new Set(['services', 'routes', 'upstreams'])

function labelOf({ kind, plain, id }: Found, references: ReadonlyMap<string, ReadEntity>): string {
  const { singular } = ENTITIES[kind]
  const named = [plain['name'], plain['username'], plain['custom_id'], plain['target'], plain['group'], plain['prefix']]
  const name = named.find((value) => typeof value === 'string') ?? id
  const of = [...references.values()].map(({ label }) => label)
  const isPart = of.length > 0 && !WHOLE.has(kind)
  return `${singular} ${name}${isPart ? ` of ${of.join(', ')}` : ''}`
}
