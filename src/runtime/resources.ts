import type { Resource, Resources } from '../core/resources.ts'

/** Resources by key, over all configurations. A configuration takes a {@link Lease} while it is prepared; what no lease in force names is closed. */
export class ResourceRegistry {
  #inForce = new Map<string, Resource>()

  /** For a configuration that is being prepared; end it by {@link Lease.commit} or {@link Lease.abandon}. */
  lease(): Lease {
    return new Lease(this.#inForce, (kept) => {
      const before = this.#inForce
      this.#inForce = kept
      for (const [key, resource] of before) if (kept.get(key) !== resource) resource.close()
    })
  }

  /** Closes everything; at the end of the process. */
  close(): void {
    this.lease().commit()
  }
}

/** The resources one configuration asks for. */
export class Lease implements Resources {
  readonly #inForce: ReadonlyMap<string, Resource>
  readonly #kept = new Map<string, Resource>()
  readonly #replace: (kept: Map<string, Resource>) => void

  constructor(inForce: ReadonlyMap<string, Resource>, replace: (kept: Map<string, Resource>) => void) {
    this.#inForce = inForce
    this.#replace = replace
  }

  keep<T extends Resource>(key: string, create: () => T): T {
    const known = this.#kept.get(key) ?? this.#inForce.get(key)
    // A key begins with the kind that made it, and says all of what was made: the same key is always made by the same code.
    const resource = known === undefined ? create() : (known as T)
    this.#kept.set(key, resource)
    return resource
  }

  /** The configuration is in force: what only the one before it needed is closed. */
  commit(): void {
    this.#replace(this.#kept)
  }

  /** The configuration never comes into force: what only it needed is closed. */
  abandon(): void {
    for (const [key, resource] of this.#kept) if (this.#inForce.get(key) !== resource) resource.close()
    this.#kept.clear()
  }
}
