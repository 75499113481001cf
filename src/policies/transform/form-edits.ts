/** Edits of the fields of forms: urlencoded ones, which are written as queries are, and those of several parts. */
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import { boundaryOf, fieldPart, joinParts, type MultipartPart, renamedPart, splitParts } from '../../core/multipart.ts'
import { compilePairs, isEmpty, type PairEdits } from './field-edits.ts'
import { compileQueryEdits, type QueryMaker } from './target-edits.ts'

/** Edits a form; null for nothing changed, `malformed` for what could be read in several ways. */
export type FormEdits = (exchange: Exchange, body: Buffer, headers: Headers) => Buffer | null | 'malformed'

const URLENCODED = /^[ \t]*application\/x-www-form-urlencoded[ \t]*(;[^,]*)?$/i
const MULTIPART = /^[ \t]*multipart\/form-data[ \t]*(;.*)?$/i
const PRINTABLE = /^[\x21-\x7e]*$/
/** RFC 3986, 3.4. */
const UNFIT_FOR_QUERY = /["#<>[\\\]^`{|}]/g
const EMPTY = Buffer.alloc(0)

/** Of which kind a body is by its Content-Type; null for no form. */
export function formKindOf(headers: Headers): 'urlencoded' | 'multipart' | null {
  const type = headers.getJoined('Content-Type') ?? ''
  if (URLENCODED.test(type)) return 'urlencoded'
  return MULTIPART.test(type) ? 'multipart' : null
}

/**
 * @param toQuery whether an urlencoded form goes to the end of the query. @param editQuery applied to the query once it holds the form
 * @returns null for nothing to do
 */
export function compileFormEdits(edits: PairEdits, toQuery: boolean, editQuery: QueryMaker | null): FormEdits | null {
  if (isEmpty(edits) && !toQuery) return null
  const editText = compileQueryEdits(edits)
  const editParts = compilePartEdits(edits)
  return (exchange, body, headers) => {
    if (formKindOf(headers) === 'multipart') return editParts(exchange, body, headers)
    const text = body.toString('latin1')
    // Blanks and bytes beyond ASCII are written encoded in a form, and readers differ in what they take them for.
    if (!PRINTABLE.test(text)) return 'malformed'
    const edited = editText === null ? text : editText(text, exchange)
    if (!toQuery) return edited === text ? null : Buffer.from(edited, 'latin1')
    const { forward } = exchange
    // A form may hold what no query may: behind a `#` a service would see none of it.
    const added = edited.replaceAll(UNFIT_FOR_QUERY, encodeURIComponent)
    const query = [forward.query, added].filter((part) => part !== '').join('&')
    forward.query = editQuery === null ? query : editQuery(query, exchange)
    headers.delete('Content-Type')
    return EMPTY
  }
}

function compilePartEdits(edits: PairEdits): FormEdits {
  if (isEmpty(edits)) return () => null
  const removed = new Set(edits.remove)
  const renames = Object.entries(edits.rename)
  const written = compilePairs(edits)
  return (exchange, body, headers) => {
    const boundary = boundaryOf(headers.getJoined('Content-Type') ?? '')
    const came = boundary === null ? null : splitParts(body, boundary)
    if (boundary === null || came === null) return 'malformed'
    let parts: readonly MultipartPart[] = came.filter(({ name }) => !removed.has(name))
    for (const [from, to] of renames) parts = renamed(parts, from, to, edits.taken)
    for (const { name, when, valueFor } of written) {
      const value = valueFor(exchange)
      const isThere = parts.some((part) => part.name === name)
      if (when !== 'set' && when !== 'add' && isThere !== (when === 'replace')) continue
      // Who chooses the boundary could make parts of a value, those that are removed among them.
      if (value?.includes(`--${boundary}`) === true) return 'malformed'
      if (when === 'set' || when === 'replace') parts = parts.filter((part) => part.name !== name)
      if (value !== null) parts = [...parts, fieldPart(name, value)]
    }
    const isSame = parts.length === came.length && parts.every((part, i) => part === came[i])
    return isSame ? null : joinParts(parts, boundary)
  }
}

function renamed(parts: readonly MultipartPart[], from: string, to: string, taken: PairEdits['taken']): readonly MultipartPart[] {
  if (from === to || !parts.some(({ name }) => name === from)) return parts
  if (taken === 'keep' && parts.some(({ name }) => name === to)) return parts.filter(({ name }) => name !== from)
  return parts.filter(({ name }) => name !== to).map((part) => (part.name === from ? renamedPart(part, to) : part))
}
