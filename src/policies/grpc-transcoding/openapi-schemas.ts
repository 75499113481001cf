/** Messages as JSON Schemas: what ProtoJSON makes of them (protobuf.dev/programming-guides/json). */
import { type DescEnum, type DescField, type DescMessage, getExtension, hasExtension, type Registry, ScalarType } from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'
import type { JsonValue } from '../../core/openapi.ts'
import type { PrintOptions } from './answer.ts'
import { commentOn } from './comments.ts'

export type Schema = Readonly<Record<string, JsonValue>>

const INTEGER = { type: 'integer', format: 'int32' }
const UNSIGNED = { type: 'integer', format: 'uint32', minimum: 0 }
const LONG = { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' }
const UNSIGNED_LONG = { type: 'string', format: 'uint64', pattern: '^[0-9]+$' }
const BYTES = { type: 'string', contentEncoding: 'base64' }
const FLOATING = [{ type: 'string', enum: ['NaN', 'Infinity', '-Infinity'] }]

const SCALARS: ReadonlyMap<ScalarType, Schema> = new Map<ScalarType, Schema>([
  [ScalarType.DOUBLE, { anyOf: [{ type: 'number', format: 'double' }, ...FLOATING] }],
  [ScalarType.FLOAT, { anyOf: [{ type: 'number', format: 'float' }, ...FLOATING] }],
  [ScalarType.INT64, LONG],
  [ScalarType.SINT64, LONG],
  [ScalarType.SFIXED64, LONG],
  [ScalarType.UINT64, UNSIGNED_LONG],
  [ScalarType.FIXED64, UNSIGNED_LONG],
  [ScalarType.INT32, INTEGER],
  [ScalarType.SINT32, INTEGER],
  [ScalarType.SFIXED32, INTEGER],
  [ScalarType.UINT32, UNSIGNED],
  [ScalarType.FIXED32, UNSIGNED],
  [ScalarType.BOOL, { type: 'boolean' }],
  [ScalarType.STRING, { type: 'string' }],
  [ScalarType.BYTES, BYTES],
])

const WELL_KNOWN: ReadonlyMap<string, Schema> = new Map<string, Schema>([
  ['google.protobuf.Timestamp', { type: 'string', format: 'date-time' }],
  ['google.protobuf.Duration', { type: 'string', pattern: '^-?[0-9]+(\\.[0-9]{1,9})?s$' }],
  ['google.protobuf.FieldMask', { type: 'string', description: 'Names of fields with commas between them.' }],
  ['google.protobuf.Struct', { type: 'object' }],
  ['google.protobuf.Value', {}],
  ['google.protobuf.ListValue', { type: 'array' }],
  ['google.protobuf.Any', { type: 'object', properties: { '@type': { type: 'string' } }, required: ['@type'] }],
  ['google.protobuf.Empty', { type: 'object' }],
])

/** Values of google.api.FieldBehavior. */
const REQUIRED = 2
const OUTPUT_ONLY = 3
const INPUT_ONLY = 4

/** Makes schemas, and gathers those that others refer to. */
export class SchemaWriter {
  readonly schemas: Record<string, Schema> = {}
  readonly #registry: Registry
  readonly #print: PrintOptions

  constructor(registry: Registry, print: PrintOptions) {
    this.#registry = registry
    this.#print = print
  }

  nameOf({ name, jsonName }: DescField): string {
    return this.#print.protoNames ? name : jsonName
  }

  message(message: DescMessage): Schema {
    const wellKnown = WELL_KNOWN.get(message.typeName)
    if (wellKnown !== undefined) return wellKnown
    const [value] = message.fields
    if (/^google\.protobuf\.\w+Value$/.test(message.typeName) && value?.scalar !== undefined) return nullable(scalarSchema(value.scalar))
    if (this.schemas[message.typeName] === undefined) {
      // There before its fields are looked at: one of them may be of the same type.
      this.schemas[message.typeName] = {}
      this.schemas[message.typeName] = this.#object(message)
    }
    return refTo(message.typeName)
  }

  #object(message: DescMessage): Schema {
    const required = message.fields.filter((field) => this.isRequired(field)).map((field) => this.nameOf(field))
    const choices = message.oneofs.map(
      ({ fields }) => `At most one of ${fields.map((field) => `\`${this.nameOf(field)}\``).join(', ')} is set.`,
    )
    const description = [commentOn(message), ...choices].filter((text) => text !== undefined).join('\n\n')
    return {
      type: 'object',
      ...(description !== '' && { description }),
      properties: Object.fromEntries(message.fields.map((field) => [this.nameOf(field), this.field(field)])),
      ...(required.length > 0 && { required }),
    }
  }

  field(field: DescField): Schema {
    const description = commentOn(field)
    const behaviors = this.#behaviorsOf(field)
    return {
      ...this.#fieldType(field),
      ...(description !== undefined && { description }),
      ...(field.deprecated && { deprecated: true }),
      ...(behaviors.includes(OUTPUT_ONLY) && { readOnly: true }),
      ...(behaviors.includes(INPUT_ONLY) && { writeOnly: true }),
    }
  }

  #fieldType(field: DescField): Schema {
    const value = this.value(field)
    if (field.fieldKind === 'list') return { type: 'array', items: value }
    return field.fieldKind === 'map' ? { type: 'object', additionalProperties: value } : value
  }

  /** Of one value of a field, of a list or a map too. */
  value({ message, enum: values, scalar }: DescField): Schema {
    if (message !== undefined) return this.message(message)
    return values === undefined ? scalarSchema(scalar) : this.#enum(values)
  }

  #enum(desc: DescEnum): Schema {
    if (desc.typeName === 'google.protobuf.NullValue') return { type: 'null' }
    const description = commentOn(desc)
    this.schemas[desc.typeName] ??= {
      ...(this.#print.enumsAsNumbers
        ? { type: 'integer', enum: [...new Set(desc.values.map(({ number }) => number))] }
        : { type: 'string', enum: desc.values.map(({ name }) => name) }),
      ...(description !== undefined && { description }),
    }
    return refTo(desc.typeName)
  }

  isRequired(field: DescField): boolean {
    return field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED || this.#behaviorsOf(field).includes(REQUIRED)
  }

  isOutputOnly(field: DescField): boolean {
    return this.#behaviorsOf(field).includes(OUTPUT_ONLY)
  }

  #behaviorsOf({ proto: { options } }: DescField): readonly unknown[] {
    const extension = this.#registry.getExtension('google.api.field_behavior')
    if (options === undefined || extension === undefined || !hasExtension(options, extension)) return []
    const values: unknown = getExtension(options, extension)
    return Array.isArray(values) ? values : []
  }
}

function scalarSchema(scalar: ScalarType | undefined): Schema {
  return (scalar === undefined ? undefined : SCALARS.get(scalar)) ?? {}
}

function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] }
}

export function refTo(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}
