/** What is kept of an OpenAPI document: plain data that goes to workers. Schemas refer to `definitions` as `#/$defs/name`. */
import type { JsonSchema } from './json-schema.ts'
import type { Reading } from './media-types.ts'
import type { Shape } from './shape.ts'

export interface Api {
  /** In front of all paths, without a slash at its end; empty for none. */
  readonly pathPrefix: string
  readonly definitions: Readonly<Record<string, JsonSchema>>
  /** Whether any schema uses `unevaluatedProperties` or `unevaluatedItems`. */
  readonly tracks: boolean
  readonly operations: readonly Operation[]
  /** Query parameters that carry API keys, and belong to no operation. */
  readonly keyNames: readonly string[]
  /** What is allowed but worth a word when the configuration is checked. */
  readonly remarks: readonly string[]
}

export interface Operation {
  /** Its id, or method and path. */
  readonly name: string
  /** In upper case. */
  readonly method: string
  readonly segments: readonly Segment[]
  readonly parameters: readonly Parameter[]
  readonly body: OperationBody | null
}

/** A segment of a path: text in normal form, or one parameter with text around it. */
export type Segment = { readonly text: string } | { readonly param: string; readonly before: string; readonly after: string }

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header' | 'cookie'
  readonly required: boolean
  /** Whether an empty value passes whatever the schema says. */
  readonly allowEmpty: boolean
  /** `json`: a value in JSON; else the style of serialisation (OpenAPI 3.0.3, style values). */
  readonly style: 'json' | 'simple' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject'
  readonly explode: boolean
  readonly kind: 'primitive' | 'array' | 'object'
  readonly shape: Shape
  readonly schema: JsonSchema
}

export interface OperationBody {
  readonly required: boolean
  readonly content: readonly OperationContent[]
}

export interface OperationContent {
  readonly range: string
  readonly reading: Reading
  readonly schema: JsonSchema
  /** For forms. */
  readonly shape: Shape
}
