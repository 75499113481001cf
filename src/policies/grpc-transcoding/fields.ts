import type { DescField, DescMessage } from '@bufbuild/protobuf'

const byName = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>()

/** A field by its name in the .proto file or in JSON. */
export function fieldOf(message: DescMessage, name: string): DescField | undefined {
  let fields = byName.get(message)
  if (fields === undefined) {
    // A name of a file goes before the same one in JSON.
    fields = new Map([
      ...message.fields.map((field) => [field.jsonName, field] as const),
      ...message.fields.map((field) => [field.name, field] as const),
    ])
    byName.set(message, fields)
  }
  return fields.get(name)
}

/** Fields from a message down to a value within it, or what is wrong with their names. */
export type FieldPath = readonly [DescField, ...DescField[]]

/**
 * Follows names of fields. All but the last are of single messages.
 * @returns the fields, or a sentence that says why there are none
 */
export function followFields(message: DescMessage, names: readonly string[]): FieldPath | { readonly problem: string } {
  const path: DescField[] = []
  let inner: DescMessage | undefined = message
  for (const name of names) {
    if (inner === undefined) return { problem: `\`${path.at(-1)?.name}\` is no message, and has no field \`${name}\`` }
    const field = fieldOf(inner, name)
    if (field === undefined) return { problem: `\`${inner.typeName}\` has no field \`${name}\`` }
    path.push(field)
    inner = field.fieldKind === 'message' && !hasOwnJson(field.message) ? field.message : undefined
  }
  const [first, ...others] = path
  return first === undefined ? { problem: 'a path has at least one field' } : [first, ...others]
}

const TEXT_FORMS: ReadonlySet<string> = new Set([
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
  'google.protobuf.FieldMask',
  'google.protobuf.DoubleValue',
  'google.protobuf.FloatValue',
  'google.protobuf.Int64Value',
  'google.protobuf.UInt64Value',
  'google.protobuf.Int32Value',
  'google.protobuf.UInt32Value',
  'google.protobuf.BoolValue',
  'google.protobuf.StringValue',
  'google.protobuf.BytesValue',
])

const FREE_FORMS: ReadonlySet<string> = new Set(['Any', 'Struct', 'Value', 'ListValue'].map((name) => `google.protobuf.${name}`))

/** Whether a message looks in JSON like something else than an object of its fields. */
export function hasOwnJson(message: DescMessage): boolean {
  return hasTextForm(message) || takesAnyJson(message)
}

/** Whether a message takes whatever JSON there is. */
export function takesAnyJson({ typeName }: DescMessage): boolean {
  return FREE_FORMS.has(typeName)
}

/** Whether a message is one value in JSON, and so can be one in a path or a query. */
export function hasTextForm({ typeName }: DescMessage): boolean {
  return TEXT_FORMS.has(typeName)
}

/** A field path as it is written in .proto files. */
export function pathText(fields: readonly DescField[]): string {
  return fields.map(({ name }) => name).join('.')
}
