import { Headers } from './headers.ts'
import type { StoredResponse } from './response-store.ts'

/** Begins every encoded response; another version of the form has another mark. */
const MARK = Buffer.from('TPR1')
/** Mark, bytes of the facts, bytes of the fields; the body is the rest. */
const PREFIX_BYTES = 12
const FACTS_BYTES_MAX = 65_536
const HEAD_BYTES_MAX = 1_048_576

/** All of a response but its fields and its body, as JSON. */
type Facts = Omit<StoredResponse, 'head' | 'body' | 'memo'>

/** A response as one piece of bytes, for stores outside this process. */
export function encodeResponse(response: StoredResponse): Buffer {
  const { head, body, memo: _, ...rest } = response
  const facts = Buffer.from(JSON.stringify(rest satisfies Facts))
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + facts.length + head.sizeMax() + body.length)
  MARK.copy(bytes)
  facts.copy(bytes, PREFIX_BYTES)
  const headStart = PREFIX_BYTES + facts.length
  const headEnd = head.writeTo(bytes, headStart)
  bytes.writeUInt32BE(facts.length, 4)
  bytes.writeUInt32BE(headEnd - headStart, 8)
  return bytes.subarray(0, headEnd + body.copy(bytes, headEnd))
}

/**
 * Reads what {@link encodeResponse} made. The bytes are kept: head and body lie in them.
 * @returns null for anything else: another version's form, or bytes that were damaged
 */
export function decodeResponse(bytes: Buffer): StoredResponse | null {
  if (bytes.length < PREFIX_BYTES || !MARK.equals(bytes.subarray(0, MARK.length))) return null
  const factsLength = bytes.readUInt32BE(4)
  const headLength = bytes.readUInt32BE(8)
  if (factsLength > FACTS_BYTES_MAX || headLength > HEAD_BYTES_MAX) return null
  const headStart = PREFIX_BYTES + factsLength
  const bodyStart = headStart + headLength
  if (bodyStart > bytes.length) return null
  const facts = readFacts(bytes.toString('utf8', PREFIX_BYTES, headStart))
  const head = readHead(bytes, headStart, bodyStart)
  return facts === null || head === null ? null : { ...facts, head, body: bytes.subarray(bodyStart), memo: null }
}

function readFacts(text: string): Facts | null {
  let facts: unknown
  try {
    facts = JSON.parse(text)
  } catch {
    return null
  }
  return isFacts(facts) ? facts : null
}

function isFacts(value: unknown): value is Facts {
  if (typeof value !== 'object' || value === null) return false
  const facts: Partial<Record<keyof Facts, unknown>> = value
  const { status, neverStale } = facts
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 200 || status > 599) return false
  if (typeof neverStale !== 'boolean' || !isTexts(facts.vary) || !isTexts(facts.tags)) return false
  return TIMES.every((name) => typeof facts[name] === 'number' && facts[name] >= 0)
}

const TIMES = ['receivedAtMs', 'initialAgeMs', 'lifetimeMs', 'staleWhileRevalidateMs', 'staleIfErrorMs', 'keepUntilMs'] as const

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** Lines `name: value CRLF` from `start` to `end`, each exactly as {@link Headers} writes it. */
export function readHead(bytes: Buffer, start: number, end: number): Headers | null {
  const head = new Headers()
  head.reset(bytes, start)
  let at = start
  while (at < end) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1')
    const colon = bytes.indexOf(0x3a, at)
    if (lineEnd === -1 || lineEnd + 2 > end || colon <= at || colon > lineEnd) return null
    let valueStart = colon + 1
    let valueEnd = lineEnd
    while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart++
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--
    if (hasControl(bytes, at, valueEnd)) return null
    head.addParsed(at, colon, valueStart, valueEnd)
    at = lineEnd + 2
  }
  head.end = end
  return head
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09
}

/** RFC 9110, 5.5: a line break in a value would be the writing of another field. */
function hasControl(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return true
  }
  return false
}
