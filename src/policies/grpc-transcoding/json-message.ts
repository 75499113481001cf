/** JSON to messages and back (ProtoJSON), as strict as a gateway has to be. */
import { type DescMessage, type JsonValue, type Message, mergeFromJson, type Registry } from '@bufbuild/protobuf'
import { isFieldError, usedTypes } from '@bufbuild/protobuf/reflect'
import { parseStrictJson } from '../../core/strict-json.ts'

/** Deepest nesting of a body. */
const DEPTH_MAX = 64
const REASON_CHARS_MAX = 300

export interface ReadOptions {
  readonly registry: Registry
  readonly ignoreUnknownFields: boolean
}

/** Why JSON is not the message that was expected, for whoever sent it. */
export class JsonFault extends Error {}

/**
 * Reads the JSON of a message, or of a value of one.
 * @param message that it becomes, or a part of it
 * Throws a {@link JsonFault} for what can be read in two ways, and for what would lose digits.
 */
export function readJson(bytes: Uint8Array | string, message: DescMessage): JsonValue {
  const parsed = parseStrictJson(bytes, { depthMax: DEPTH_MAX })
  if (!('value' in parsed)) throw new JsonFault(`the body ${parsed.pointer === '' ? '' : `at \`${parsed.pointer}\` `}${parsed.problem}`)
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).latin1Slice()
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
  const value: JsonValue = JSON.parse(text, (_name, inner: unknown, { source }: { source?: string } = {}) => {
    if (typeof inner !== 'number' || Number.isSafeInteger(inner) || source === undefined || !INTEGER.test(source)) return inner
    isInexact = true
    return source
  })
  if (isInexact && holdsAnyJson(message)) throw new JsonFault('an integer beyond 2^53 is to be written in quotes')
  return value
}

const anyJson = new WeakMap<DescMessage, boolean>()
const FREE_FORMS: ReadonlySet<string> = new Set([
  'google.protobuf.Struct',
  'google.protobuf.Value',
  'google.protobuf.ListValue',
  'google.protobuf.Any',
])

/** Whether any field of a message, or of those within it, takes whatever JSON there is. */
function holdsAnyJson(message: DescMessage): boolean {
  const known = anyJson.get(message)
  if (known !== undefined) return known
  const seen = new Set<DescMessage>([message])
  for (const one of seen) for (const type of usedTypes(one)) if (type.kind === 'message') seen.add(type)
  const holds = [...seen].some(({ typeName }) => FREE_FORMS.has(typeName))
  anyJson.set(message, holds)
  return holds
}

/** Merges JSON into a message. Throws a {@link JsonFault} that names the field. */
export function merge(desc: DescMessage, message: Message, json: JsonValue, options: ReadOptions): void {
  try {
    mergeFromJson(desc, message, json, options)
  } catch (error) {
    throw new JsonFault(reasonOf(error))
  }
}

/** What the library says, with the field's full name and without its own way of speaking. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the JSON is not the message that is expected'
  const { cause } = error
  const reason = isFieldError(cause)
    ? `\`${cause.field().parent.typeName}.${cause.field().name}\`: ${cause.message}`
    : error.message.replace(/^cannot decode /, '')
  return reason.length > REASON_CHARS_MAX ? `${reason.slice(0, REASON_CHARS_MAX)}…` : reason
}
