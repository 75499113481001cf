/** A value of a JSON document. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue | undefined }

/** Part of an OpenAPI 3.1 document: what a policy that translates another protocol offers as REST. */
export interface ApiDescription {
  /** By path template (`/v1/shelves/{shelf}`), below the path that the policy sees: then Operation Objects by method in lower case. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>
  /** What `#/components/schemas/NAME` refers to. */
  readonly schemas: Readonly<Record<string, JsonValue>>
  /** Tag Objects. */
  readonly tags?: readonly JsonValue[]
}

/** The members of an object; none of anything else. */
export function membersOf(value: JsonValue | undefined): Readonly<Record<string, JsonValue | undefined>> {
  return typeof value === 'object' && value !== null && !isList(value) ? value : {}
}

/** The text that a member is; empty for anything else. */
export function textAt(value: JsonValue | undefined, name: string): string {
  const member = membersOf(value)[name]
  return typeof member === 'string' ? member : ''
}

/** `Array.isArray`, for lists that are not changed. */
export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}
