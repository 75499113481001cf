/** Text of paths and queries to JSON, from which the message is made: so that all values are read by the rules of ProtoJSON. */
import { type DescField, type DescMessage, type DescOneof, type JsonValue, ScalarType } from '@bufbuild/protobuf'
import { protoCamelCase } from '@bufbuild/protobuf/reflect'
import type { Violation } from '../../core/violations.ts'
import { type FieldPath, followFields, hasTextForm, pathText } from './fields.ts'

const DURATION = /^-?\d{1,12}(\.\d{1,9})?s$/
/** Deepest field that a parameter may name. */
const DEPTH_MAX = 32

/** A part of the path or a parameter of the query, by name. */
export interface ParameterSource {
  readonly in: 'path' | 'query'
  readonly name: string
}

/** What is wrong with a parameter, for whoever sent it. */
export class ParameterFault extends Error {
  readonly violation: Violation

  constructor({ in: place, name }: ParameterSource, message: string) {
    super(message)
    this.violation = { in: place, pointer: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, message }
  }
}

/** Which fields have come, so that none comes twice and of a oneof only one. */
export class SeenFields {
  readonly #paths = new Set<string>()
  readonly #oneofs = new Map<DescOneof, DescField>()

  /** Throws a {@link ParameterFault}. */
  add(fields: FieldPath, source: ParameterSource): void {
    const last = fields.at(-1) ?? fields[0]
    const path = pathText(fields)
    if (last.fieldKind !== 'list' && this.#paths.has(path)) throw new ParameterFault(source, 'is there twice')
    this.#paths.add(path)
    for (const field of fields) {
      if (field.oneof === undefined) continue
      const other = this.#oneofs.get(field.oneof)
      if (other !== undefined && other !== field) throw new ParameterFault(source, `does not go with \`${other.name}\``)
      this.#oneofs.set(field.oneof, field)
    }
  }
}

/**
 * The fields that a parameter names, in their .proto file's words or in those of JSON.
 * @returns null where there are none of these names
 */
export function fieldsOf(message: DescMessage, name: string): FieldPath | null {
  const names = name.split('.', DEPTH_MAX + 1)
  const fields = names.length > DEPTH_MAX ? null : followFields(message, names)
  return fields === null || 'problem' in fields ? null : fields
}

/** JSON that sets a field to a value of text, or adds it to a list. Throws a {@link ParameterFault}. */
export function jsonOf(fields: FieldPath, text: string, source: ParameterSource): JsonValue {
  let json: JsonValue = null
  for (const field of fields.toReversed()) {
    if (json === null) json = { [field.jsonName]: valueOfText(field, text, source) }
    else if (field.fieldKind === 'message') json = { [field.jsonName]: json }
    else throw new ParameterFault(source, 'leads through a list')
  }
  return json
}

function valueOfText(field: DescField, text: string, source: ParameterSource): JsonValue {
  if (field.fieldKind === 'map' || (field.message !== undefined && !hasTextForm(field.message))) {
    throw new ParameterFault(source, 'is no single value, nor a list of them')
  }
  const value = singleValue(field, text, source)
  return field.fieldKind === 'list' ? [value] : value
}

function singleValue({ message, enum: values, scalar }: DescField, text: string, source: ParameterSource): JsonValue {
  if (message !== undefined) return messageText(message, text, source)
  if (values !== undefined) return /^-?\d{1,10}$/.test(text) ? Number(text) : text
  return scalarText(scalar, text, source)
}

function messageText(message: DescMessage, text: string, source: ParameterSource): JsonValue {
  const [value] = message.fields
  if (message.typeName === 'google.protobuf.FieldMask') return maskText(text)
  // The library looks at how a duration begins alone.
  if (message.typeName === 'google.protobuf.Duration' && !DURATION.test(text))
    throw new ParameterFault(source, 'must be seconds, such as `1.5s`')
  const isWrapper = message.typeName.endsWith('Value')
  return isWrapper ? scalarText(value?.scalar, text, source) : text
}

/** ProtoJSON writes `displayName`; whoever knows fields by their names in .proto files writes `display_name`. */
function maskText(text: string): string {
  return text
    .split(',')
    .map((path) => path.split('.').map(protoCamelCase).join('.'))
    .join(',')
}

function scalarText(scalar: ScalarType | undefined, text: string, source: ParameterSource): string | boolean {
  if (scalar !== ScalarType.BOOL) return text
  if (text !== 'true' && text !== 'false') throw new ParameterFault(source, 'must be `true` or `false`')
  return text === 'true'
}

/**
 * The parameters of a query, decoded (`application/x-www-form-urlencoded`).
 * @returns null for what is no percent-encoded UTF-8
 */
export function queryPairs(query: string): [name: string, value: string][] | null {
  const pairs: [string, string][] = []
  try {
    for (const pair of query.split('&')) {
      if (pair === '') continue
      const equals = pair.indexOf('=')
      if (equals === -1) pairs.push([decoded(pair), ''])
      else pairs.push([decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))])
    }
    return pairs
  } catch {
    return null
  }
}

function decoded(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  return spaced.includes('%') ? decodeURIComponent(spaced) : spaced
}
