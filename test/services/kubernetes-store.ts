/** What stands behind the tests' own Kubernetes API: objects with versions, and the history of their changes, as etcd keeps them. */
import { randomUUID } from 'node:crypto'

export type Json = Readonly<Record<string, unknown>>

export interface Metadata {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels: Readonly<Record<string, string>>
}

export type KubeObject = Json & { readonly metadata: Metadata }

/** What somebody who makes an object says of it. */
export type NewObject = Json & { readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> } }

export interface StoredEvent {
  readonly version: number
  readonly resource: string
  readonly before: KubeObject | null
  /** Of something deleted: as it was, with the version of its end. */
  readonly object: KubeObject
  readonly isDeleted: boolean
}

/** Begins high, so that versions which are texts and those which are numbers sort differently. */
const FIRST_VERSION = 998

export class KubernetesStore {
  version = FIRST_VERSION
  /** Versions up to here are not kept any more. */
  compactedVersion = 0
  #objects = new Map<string, { readonly resource: string; readonly object: KubeObject }>()
  #history: StoredEvent[] = []
  readonly #listeners = new Set<(event: StoredEvent) => void>()

  put(resource: string, namespace: string, { metadata, ...content }: NewObject): void {
    const key = `${resource}/${namespace}/${metadata.name}`
    const before = this.#objects.get(key)?.object ?? null
    const version = ++this.version
    const object: KubeObject = {
      ...content,
      metadata: {
        name: metadata.name,
        namespace,
        uid: before?.metadata.uid ?? randomUUID(),
        resourceVersion: `${version}`,
        labels: metadata.labels ?? {},
      },
    }
    this.#objects.set(key, { resource, object })
    this.#tell({ version, resource, before, object, isDeleted: false })
  }

  remove(resource: string, namespace: string, name: string): void {
    const key = `${resource}/${namespace}/${name}`
    const before = this.#objects.get(key)?.object
    if (before === undefined) return
    const version = ++this.version
    this.#objects.delete(key)
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: `${version}` } }
    this.#tell({ version, resource, before, object, isDeleted: true })
  }

  get(resource: string, namespace: string, name: string): KubeObject | null {
    return this.#objects.get(`${resource}/${namespace}/${name}`)?.object ?? null
  }

  /** In the order of their names. */
  list(resource: string, isWanted: (object: KubeObject) => boolean): KubeObject[] {
    return [...this.#objects]
      .filter(([, kept]) => kept.resource === resource && isWanted(kept.object))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { object }]) => object)
  }

  /** Null when the history does not reach back so far. */
  eventsAfter(version: number): readonly StoredEvent[] | null {
    return version < this.compactedVersion ? null : this.#history.filter((event) => event.version > version)
  }

  /** Forgets what was. Versions before the present one are gone. */
  compact(): void {
    this.compactedVersion = this.version
    this.#history = []
  }

  /** Another, empty store in place of this one, whose versions begin anew, as after a restore from nothing. */
  replace(): void {
    this.#objects = new Map()
    this.#history = []
    this.version = 1
    this.compactedVersion = 0
  }

  onEvent(listener: (event: StoredEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(event: StoredEvent): void {
    this.#history.push(event)
    for (const listener of this.#listeners) listener(event)
  }
}
