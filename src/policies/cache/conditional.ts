import type { Headers } from '../../core/headers.ts'
import type { StoredResponse } from '../../core/response-store.ts'
import { parseHttpDate } from './http-date.ts'

const ENTITY_TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/y
const LIST_SEPARATOR = /[\t ]*(?:,[\t ]*|$)/y

/** The opaque parts of a list of entity tags (RFC 9110, 8.8.3 and 13.1.2); null for what is no such list. */
function opaqueTags(field: string): readonly string[] | null {
  const tags: string[] = []
  let at = 0
  while (at < field.length) {
    ENTITY_TAG.lastIndex = at
    const tag = ENTITY_TAG.exec(field)
    if (tag === null) return null
    tags.push(tag[1] as string)
    LIST_SEPARATOR.lastIndex = ENTITY_TAG.lastIndex
    if (!LIST_SEPARATOR.test(field)) return null
    at = LIST_SEPARATOR.lastIndex
  }
  return tags
}

/** Weak comparison (RFC 9110, 8.8.3.2). */
export function isSameTag(one: string, other: string): boolean {
  return one.replace(/^W\//, '') === other.replace(/^W\//, '')
}

/** Whether a client has what is stored already (RFC 9111, 4.3.2; RFC 9110, 13.2.2), so that 304 says it all. */
export function isNotModified(request: Headers, { status, head, receivedAtMs }: StoredResponse): boolean {
  if (status !== 200) return false
  const noneMatch = request.getJoined('If-None-Match')
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return true
    const etag = head.get('ETag')
    return etag !== undefined && opaqueTags(noneMatch.trim())?.includes(etag.replace(/^W\//, '')) === true
  }
  const sinceMs = parseHttpDate(request.get('If-Modified-Since'))
  if (Number.isNaN(sinceMs)) return false
  const modifiedMs = parseHttpDate(head.get('Last-Modified') ?? head.get('Date'))
  return (Number.isNaN(modifiedMs) ? receivedAtMs : modifiedMs) <= sinceMs
}

/** A part of a body: its first byte, and the one behind its last. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The part of a stored body that a request asks for (RFC 9110, 14.1 and 14.2).
 * @returns null for the whole: no Range, several, another unit, one that cannot be read, or an If-Range that does not hold
 */
export function rangeOf(request: Headers, { status, head, body }: StoredResponse): ByteRange | 'unsatisfiable' | null {
  const field = request.get('Range')
  if (field === undefined || status !== 200 || !ifRangeHolds(request, head)) return null
  const found = /^bytes=[\t ]*(\d{0,15})-(\d{0,15})[\t ]*$/i.exec(field)
  if (found === null) return null
  const [, first = '', last = ''] = found
  if (first === '') {
    if (last === '') return null
    const length = Number(last)
    return length === 0 || body.length === 0 ? 'unsatisfiable' : { start: Math.max(0, body.length - length), end: body.length }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return null
  if (start >= body.length) return 'unsatisfiable'
  return { start, end: last === '' ? body.length : Math.min(body.length, Number(last) + 1) }
}

/** RFC 9110, 13.1.5: a strong entity tag, or exactly the date, once that is strong (8.8.2.2: a second older than the response). */
function ifRangeHolds(request: Headers, head: Headers): boolean {
  const condition = request.get('If-Range')
  if (condition === undefined) return true
  if (condition.startsWith('"')) return condition === head.get('ETag')
  const modified = head.get('Last-Modified')
  return modified === condition && parseHttpDate(head.get('Date')) - parseHttpDate(modified) >= 1000
}
