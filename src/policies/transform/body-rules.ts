/** What is done to bodies, the same for requests and responses. */
import { type ContentCoding, contentCodingOf, type Decoded, decodeContent } from '../../core/content-coding.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { BodyVerdict } from '../../core/policy.ts'
import type { Reply } from '../../core/reply.ts'
import { Document } from './document.ts'
import { type FormEdits, formKindOf } from './form-edits.ts'
import { readJson, writeJson } from './json-text.ts'

/** JSON in a charset that it may be in (RFC 8259, 8.1); of several Content-Types none counts. */
const JSON_TYPE = /^[ \t]*(application\/(json|[!#$%&'*+\-.^_`|~0-9a-z]+\+json)|text\/json)[ \t]*(;[^,]*)?$/i
const CHARSET = /;[ \t]*charset=("?)([^";]*)\1[ \t]*(?=;|$)/gi
/** Digests of the bytes that were there before (RFC 9530, RFC 3230, RFC 1864). */
const DIGESTS = ['Content-Digest', 'Repr-Digest', 'Digest', 'Content-MD5'] as const

export interface BodyRules {
  /** Of JSON bodies; null for none. */
  readonly edit: ((document: Document) => void) | null
  /** Of forms; null for none. */
  readonly form: FormEdits | null
  readonly bytesMax: number
  /** The answer when the body cannot be read, or has no place for what rules write; undefined lets it pass as far as it can be edited. */
  readonly unreadable: Reply | undefined
  /** The answer when the body could be read in several ways. */
  readonly ambiguous: Reply | undefined
  readonly tooLarge: Reply
  /** The head of the message; it then describes the body that is sent. */
  readonly headersOf: (exchange: Exchange) => Headers
}

/** Whether a Content-Type says that the body is JSON. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === 'application/json') return contentType !== undefined
  if (!JSON_TYPE.test(contentType)) return false
  return [...contentType.matchAll(CHARSET)].every(([, , charset = '']) => /^(utf-?8|us-ascii)$/i.test(charset.trim()))
}

/** Whether a message's head says that its body can be read. */
export function isReadable(headers: Headers): boolean {
  return isJsonType(headers.getJoined('Content-Type')) && contentCodingOf(headers) !== null
}

/** Whether a body of this kind is edited. */
export function isEdited({ edit, form }: BodyRules, headers: Headers): boolean {
  const isEditable = (edit !== null && isJsonType(headers.getJoined('Content-Type'))) || (form !== null && formKindOf(headers) !== null)
  return isEditable && contentCodingOf(headers) !== null
}

/** Takes off what spoke of the body as it came. */
export function dropDigests(headers: Headers): void {
  for (const name of DIGESTS) headers.delete(name)
}

/** Edits a whole body. Synchronous, but for large bodies that are encoded. */
export function editBody(rules: BodyRules, exchange: Exchange, body: Buffer): BodyVerdict | Promise<BodyVerdict> {
  // A chunked body may turn out to be none.
  if (body.length === 0) return undefined
  const coding = contentCodingOf(rules.headersOf(exchange))
  if (coding === null) return rules.unreadable
  const decoded = decodeContent(coding, body, rules.bytesMax)
  return decoded instanceof Promise
    ? decoded.then((late) => editDecoded(rules, exchange, coding, late))
    : editDecoded(rules, exchange, coding, decoded)
}

function editDecoded(rules: BodyRules, exchange: Exchange, coding: ContentCoding, decoded: Decoded): BodyVerdict {
  if (decoded === 'too large') return rules.tooLarge
  const headers = rules.headersOf(exchange)
  if (rules.form !== null && formKindOf(headers) !== null) return editForm(rules, rules.form, exchange, decoded)
  const read = decoded === 'malformed' ? undefined : readJson(decoded)
  if (read === undefined) {
    exchange.trace?.note(decoded === 'malformed' ? `the body is not ${coding}` : 'the body is not JSON that can be read in one way only')
    return decoded === 'malformed' || isAnyJson(decoded) ? rules.ambiguous : rules.unreadable
  }
  const document = new Document(read.value, exchange, rules.bytesMax)
  rules.edit?.(document)
  if (document.isTooLarge) return rules.tooLarge
  if (document.unfit) {
    exchange.trace?.note('the body has no place for what a rule sets')
    if (rules.unreadable !== undefined) return rules.unreadable
  }
  if (!document.changed) return undefined
  describePlain(headers)
  return writeJson(document.value)
}

function editForm(rules: BodyRules, form: FormEdits, exchange: Exchange, decoded: Buffer | 'malformed'): BodyVerdict {
  const edited = decoded === 'malformed' ? 'malformed' : form(exchange, decoded, rules.headersOf(exchange))
  if (edited === 'malformed') {
    exchange.trace?.note('the body is not a form that can be read in one way only')
    return rules.ambiguous
  }
  if (edited === null) return undefined
  if (edited.length > 2 * rules.bytesMax) return rules.tooLarge
  describePlain(rules.headersOf(exchange))
  return edited
}

/** The body that is sent has no coding, and is not the one that digests are of. */
function describePlain(headers: Headers): void {
  headers.delete('Content-Encoding')
  dropDigests(headers)
}

/** Whether some reader takes it for JSON. */
function isAnyJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString())
    return true
  } catch {
    return false
  }
}
