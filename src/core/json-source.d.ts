/** Scalars by their text (ECMAScript, JSON.parse source text access), which TypeScript's library leaves out. */
interface JSON {
  /** Stands for a JSON text of a scalar, which `stringify` writes as it is. */
  rawJSON(text: string): RawJson
  isRawJSON(value: unknown): value is RawJson
}

interface RawJson {
  readonly rawJSON: string
}
