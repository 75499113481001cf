/** What the library says of JSON that is no message, in words for whoever sent it: without values, which may be secrets and are known to them. */
import { isFieldError } from '@bufbuild/protobuf/reflect'

/** Kinds as the library calls them. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ['string', 'a string'],
  ['boolean', '`true` or `false`'],
  ['Uint8Array', 'bytes in base64'],
  ['bigint (int64)', 'an int64'],
  ['bigint (uint64)', 'a uint64'],
  ['number (int32)', 'an int32'],
  ['number (uint32)', 'a uint32'],
  ['number (float32)', 'a number'],
  ['number (float64)', 'a number'],
  ['Array', 'a list'],
  ['object', 'an object'],
])
const EXPECTED = /^(?:list item #\d+: |map entry .*?: )?expected ((?:bigint|number) \(\w+\)|\w+)(?: ([\w.]+))?/
const OF_TYPE = /^cannot decode (?:(?:message|enum) )?([\w.]+) from JSON:? ?(.*)$/s
/** What has no value of the client's in it. */
const PLAIN =
  /^(?:invalid RFC 3339 string|must be from .* inclusive|path names must be lowerCamelCase|maximum recursion depth of \d+ reached)$/
const OF_FIELD =
  /^(?:set multiple times|oneof set multiple times by \w+ and \w+|list item must not be null|map value must not be null|unexpected (?:NaN|infinite) number)$/

/** @param error that reading JSON threw */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'is not what is expected'
  const text = isFieldError(error.cause) ? error.cause.message : error.message
  if (OF_FIELD.test(text)) return `is wrong: ${text}`
  if (text === 'invalid base64 string') return 'must be bytes in base64'
  const [, kind, named] = EXPECTED.exec(text) ?? []
  if (kind !== undefined) return `must be ${KINDS.get(kind) ?? `a ${named ?? kind}`}`
  const [, type, why = ''] = OF_TYPE.exec(text) ?? []
  if (type === undefined) return 'is not what is expected'
  return `must be a ${type}${PLAIN.test(why) ? `: ${why}` : ''}`
}
