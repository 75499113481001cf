import type { Headers } from '../../core/headers.ts'
import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { readHead } from '../../core/response-codec.ts'

/**
 * Of one message or connection (RFC 9111, 3.1), or made anew for each answer: Age. A Content-Length is the writer's.
 */
const NOT_STORED = [...MANAGED_FIELDS, 'age', 'proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization']

/** A copy of the fields of a response that may be stored, with a Date where there is none (RFC 9110, 6.6.1). */
export function storableHead(headers: Headers, receivedAtMs: number): Headers {
  const head = headers.clone()
  for (const name of NOT_STORED) head.delete(name)
  if (!head.has('Date')) head.append('Date', new Date(receivedAtMs).toUTCString())
  return head
}

/** Head and body in one piece of memory of their own: what is kept for long must not hold the pool that it was cut from. */
export function packed(head: Headers, pieces: readonly Buffer[], bodyLength: number): { readonly head: Headers; readonly body: Buffer } {
  const bytes = Buffer.allocUnsafeSlow(head.sizeMax() + bodyLength)
  const headEnd = head.writeTo(bytes, 0)
  let at = headEnd
  for (const piece of pieces) at += piece.copy(bytes, at)
  const block = readHead(bytes, 0, headEnd)
  if (block === null) throw new Error('a head that was written cannot be read')
  return { head: block, body: bytes.subarray(headEnd, at) }
}

/** Of the representation that is stored, which a 304 does not change, or of that message (RFC 9111, 3.2). */
const NOT_UPDATED: ReadonlySet<string> = new Set([
  ...MANAGED_FIELDS,
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'set-cookie',
])

/** The stored fields as a 304 brings them up to date (RFC 9111, 3.2 and 4.3.4): each field that it has takes the place of the stored ones. */
export function updatedHead(stored: Headers, update: Headers): Headers {
  const head = stored.clone()
  const replaced = new Set<string>()
  update.forEach((name, value) => {
    if (NOT_UPDATED.has(name)) return
    if (!replaced.has(name)) head.deleteReceived(name)
    replaced.add(name)
    head.append(name, value)
  })
  return head
}

/** Says what a 304 is about; all other fields about the representation are left out (RFC 9110, 15.4.5). */
export function notModifiedHead(stored: Headers): Headers {
  const head = stored.clone()
  for (const name of ['Content-Type', 'Content-Encoding', 'Content-Language', 'Content-Range']) head.delete(name)
  if (head.has('ETag')) head.delete('Last-Modified')
  return head
}
