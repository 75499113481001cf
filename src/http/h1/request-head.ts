import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { writeAscii } from '../../core/field-text.ts'
import type { Headers } from '../../core/headers.ts'

/** What a request to a service consists of. */
export interface UpstreamRequest {
  readonly method: string
  /** Path with query, as it goes on the wire. */
  readonly target: string
  /** Null when the Host line is among the headers as it came. */
  readonly authority: string | null
  readonly headers: Headers
  /** Bytes of the body, LENGTH_UNKNOWN for chunked. A positive length that no Content-Length among the headers states is written beside them. */
  readonly bodyLength: number
  /** Protocol to upgrade to, or empty. */
  readonly upgrade: string
  readonly expectsContinue: boolean
  /** Version of the client's request, for Via. */
  readonly version: '1.0' | '1.1' | '2'
  /** Whether the client reads trailers. HTTP/1.1 sends them unasked (RFC 9110, 6.5.1 lets a recipient drop them), HTTP/2 says `TE`. */
  readonly acceptsTrailers: boolean
}

/** RFC 9110, 7.6.3: a gateway names itself in what it forwards, behind the version in which it was received. */
export const VIA = { '1.0': '1.0 turnpike', '1.1': '1.1 turnpike', '2': '2 turnpike' } as const
const VIA_LINES = { '1.0': 'Via: 1.0 turnpike\r\n', '1.1': 'Via: 1.1 turnpike\r\n', '2': 'Via: 2 turnpike\r\n' } as const

/** Upper bound of the bytes that {@link writeRequestHead} writes. */
export function requestHeadSizeMax({ headers, target, authority }: UpstreamRequest): number {
  return headers.sizeMax() + target.length + (authority?.length ?? 0) + 256
}

/** Writes the head of a request to a service, its empty line included, where there is room for it. Returns the end. */
export function writeRequestHead(buffer: Buffer, offset: number, request: UpstreamRequest): number {
  let at = writeAscii(buffer, offset, request.method)
  buffer[at++] = 0x20
  at = writeAscii(buffer, at, request.target)
  at = writeAscii(buffer, at, ' HTTP/1.1\r\n')
  if (request.authority !== null) at = writeAscii(buffer, writeAscii(buffer, writeAscii(buffer, at, 'Host: '), request.authority), '\r\n')
  at = request.headers.writeTo(buffer, at)
  at = writeAscii(buffer, at, VIA_LINES[request.version])
  if (request.bodyLength === LENGTH_UNKNOWN) at = writeAscii(buffer, at, 'Transfer-Encoding: chunked\r\n')
  // A body that came in chunks and was gathered has a length now. Bytes that no framing announces would be read as another request.
  else if (request.bodyLength > 0 && !request.headers.has('Content-Length'))
    at = writeAscii(buffer, at, `Content-Length: ${request.bodyLength}\r\n`)
  if (request.expectsContinue) at = writeAscii(buffer, at, 'Expect: 100-continue\r\n')
  if (request.upgrade !== '') at = writeAscii(buffer, at, `Connection: upgrade\r\nUpgrade: ${request.upgrade}\r\n`)
  return writeAscii(buffer, at, '\r\n')
}
