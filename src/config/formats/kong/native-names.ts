/** A map of the native form cannot have `__proto__` for a key: the entity, with all that guards it, would be gone without a word. */
const NATIVE = /^(?!__proto__$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const NAME_CHARS_MAX = 100

/** Gives the names of entities such a form that the native form takes them, and no two are the same. */
export class NativeNames {
  readonly #taken: Set<string>

  /** @param taken names that are given already */
  constructor(taken: readonly string[] = []) {
    this.#taken = new Set(taken)
  }

  /** The name, or what is left of it with part of the id; the id where there is no name. */
  take(name: string | null, id: string): string {
    const fitting =
      name === null
        ? id
        : NATIVE.test(name)
          ? name
          : `${name.replaceAll(/[^A-Za-z0-9_.-]+/g, '_').slice(0, NAME_CHARS_MAX)}-${id.slice(0, 8)}`
    const legal = /^[A-Za-z0-9_]/.test(fitting) ? fitting : `_${fitting}`
    const unique = this.#taken.has(legal) ? `${legal.slice(0, NAME_CHARS_MAX)}-${id.slice(0, 8)}` : legal
    this.#taken.add(unique)
    return unique
  }
}
