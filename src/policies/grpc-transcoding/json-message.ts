/** JSON to messages and back (ProtoJSON), as strict as a gateway has to be. */
import { create, type DescField, type DescMessage, type JsonValue, type Message, mergeFromJson, type Registry } from '@bufbuild/protobuf'
import { usedTypes } from '@bufbuild/protobuf/reflect'
import { parseStrictJson, pointerOf } from '../../core/strict-json.ts'
import { fieldOf, takesAnyJson } from './fields.ts'
import { reasonOf } from './json-reasons.ts'
import { jsonHoldsTooMany, MESSAGES_MAX } from './message-count.ts'

/** Deepest nesting of a body. */
const DEPTH_MAX = 64

export interface ReadOptions {
  readonly registry: Registry
  readonly ignoreUnknownFields: boolean
}

/** Why JSON is not the message that was expected, for whoever sent it. */
export class JsonFault extends Error {}

/**
 * Reads the JSON of a message, or of a value of one.
 * @param message that it becomes, or a part of it
 * Throws a {@link JsonFault} for what can be read in two ways, for what would lose digits, and for more messages than are made of one body.
 */
export function readJson(bytes: Uint8Array | string, message: DescMessage): JsonValue {
  const parsed = parseStrictJson(bytes, { depthMax: DEPTH_MAX })
  if (!('value' in parsed)) throw new JsonFault(`the body ${parsed.pointer === '' ? '' : `at \`${parsed.pointer}\` `}${parsed.problem}`)
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).latin1Slice()
  if (jsonHoldsTooMany(text, holdsAnyJson(message))) throw new JsonFault(`the body holds more than ${MESSAGES_MAX} values`)
  // What JSON.parse gives is JSON.
  return LONG_NUMBER.test(text)
    ? exactly(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString(), message)
    : (parsed.value as JsonValue)
}

/** A run of digits that a number of JavaScript may not hold. */
const LONG_NUMBER = /\d{16}/
const INTEGER = /^-?\d+$/

/**
 * Reads integers beyond 2^53 as text, as ProtoJSON may write them: as numbers they would be others.
 * Where they could be part of a google.protobuf.Value, which knows floating point alone, there is no way to keep them.
 */
function exactly(text: string, message: DescMessage): JsonValue {
  let isInexact = false
  const value: unknown = JSON.parse(text, (_name, inner: unknown, { source }: { source?: string } = {}) => {
    if (typeof inner !== 'number' || Number.isSafeInteger(inner) || source === undefined || !INTEGER.test(source)) return inner
    isInexact = true
    return source
  })
  if (isInexact && holdsAnyJson(message)) throw new JsonFault('an integer beyond 2^53 is to be written in quotes')
  // JSON, as it was before.
  return value as JsonValue
}

const anyJson = new WeakMap<DescMessage, boolean>()

/** Whether any field of a message, or of those within it, takes whatever JSON there is. */
function holdsAnyJson(message: DescMessage): boolean {
  const known = anyJson.get(message)
  if (known !== undefined) return known
  const seen = new Set<DescMessage>([message])
  for (const one of seen) for (const type of usedTypes(one)) if (type.kind === 'message') seen.add(type)
  const holds = [...seen].some(takesAnyJson)
  anyJson.set(message, holds)
  return holds
}

/**
 * Merges JSON into a message. Throws a {@link JsonFault} that says where the first fault is, as a JSON pointer.
 * @param within pointer to the part of `json` that the client has sent; empty for all of it
 */
export function merge(desc: DescMessage, message: Message, json: JsonValue, options: ReadOptions, within = ''): void {
  try {
    mergeFromJson(desc, message, json, options)
  } catch (error) {
    const found = JSON.stringify(json).length <= LOCATED_CHARS_MAX ? locate(desc, json, options, '') : null
    const { pointer, reason } = found ?? { pointer: '', reason: reasonOf(error) }
    const place = pointer.startsWith(within) ? pointer.slice(within.length) : pointer
    throw new JsonFault(`${place === '' ? 'the body' : `\`${place}\``} ${reason}`)
  }
}

/** Larger JSON costs too much to be looked through once more for the place of a fault. */
const LOCATED_CHARS_MAX = 65_536

interface Located {
  readonly pointer: string
  readonly reason: string
}

/** Where the first fault is: each member is tried by itself. Null where they are good each for itself. */
function locate(desc: DescMessage, json: JsonValue, options: ReadOptions, pointer: string): Located | null {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { pointer, reason: `must be a ${desc.typeName}` }
  for (const [name, value] of Object.entries(json)) {
    const at = pointer + pointerOf([name])
    const field = fieldOf(desc, name)
    if (field === undefined && !options.ignoreUnknownFields && !name.startsWith('[')) return { pointer: at, reason: 'is not known' }
    try {
      mergeFromJson(desc, create(desc), { [name]: value }, options)
    } catch (error) {
      return (field === undefined ? null : locateIn(field, value, options, at)) ?? { pointer: at, reason: reasonOf(error) }
    }
  }
  return null
}

/** Of a field's value what is wrong within it; null where that is the value itself. */
function locateIn(field: DescField, value: JsonValue, options: ReadOptions, pointer: string): Located | null {
  const { message } = field
  if (message === undefined || message.typeName.startsWith('google.protobuf.')) return null
  if (field.fieldKind === 'message') return locate(message, value, options, pointer)
  if (typeof value !== 'object' || value === null) return null
  for (const [key, item] of Object.entries(value)) {
    const found = locate(message, item, options, pointer + pointerOf([key]))
    if (found !== null) return found
  }
  return null
}
