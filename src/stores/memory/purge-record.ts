import { isPurgedBy, type Purge, type ResponseKey } from '../../core/response-store.ts'

/** A power of two. Two URIs share a slot now and then: an answer is then not kept that could have been. */
const SLOTS = 4_096
const PURGES_MAX = 256

interface Noted {
  readonly version: number
  readonly purge: Purge
}

/**
 * What was purged lately, for answers that were asked for before and come after it. Bounded: of URIs only the last purge in each slot of a
 * table is known, of others the last 256; what cannot be known for certain counts as purged.
 */
export class PurgeRecord {
  /** Grows with each purge. */
  #version = 0
  readonly #uriVersions = new Float64Array(SLOTS)
  #purges: Noted[] = []
  /** Of the last purge of everything, or the last that was dropped from the list. */
  #floor = 0

  /** What a look-up has to remember. */
  get version(): number {
    return this.#version
  }

  /** @param uri any text that stands for it */
  noteUri(uri: string): void {
    this.#version++
    this.#uriVersions[slotOf(uri)] = this.#version
  }

  note(purge: Purge): void {
    this.#version++
    if (purge.kind === 'all') {
      this.#floor = this.#version
      this.#purges = []
      return
    }
    if (this.#purges.length === PURGES_MAX) this.#floor = this.#purges.shift()?.version ?? this.#floor
    this.#purges.push({ version: this.#version, purge })
  }

  /** Whether a response that was asked for at `version` has been purged since, or may have been. */
  isPurgedSince(version: number, uri: string, key: ResponseKey, tags: readonly string[]): boolean {
    if (version === this.#version) return false
    if (version < this.#floor || version < (this.#uriVersions[slotOf(uri)] as number)) return true
    return this.#purges.some((noted) => noted.version > version && isPurgedBy(noted.purge, key, tags))
  }
}

/** FNV-1a. */
function slotOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}
