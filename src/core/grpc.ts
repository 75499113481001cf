import type { RequestHead, RpcKind } from './exchange.ts'
import { GRPC_STATUSES, httpStatusOf } from './grpc-status.ts'
import type { Headers } from './headers.ts'

/**
 * What gRPC adds to HTTP.
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
 */

const GRPC_TYPE = /^application\/grpc(?:[+; \t]|$)/i
const GRPC_WEB_TYPE = /^application\/grpc-web(-text(?:-base64)?)?(?:[+; \t]|$)/i

/** What stands for no status. */
export const NO_GRPC_STATUS = -1

/** The form of gRPC that a client speaks, by method, version and Content-Type of its request. */
export function rpcKindOf({ method, majorVersion, headers }: RequestHead): RpcKind {
  if (method !== 'POST') return 'none'
  const type = headers.get('Content-Type')
  if (type === undefined) return 'none'
  const web = GRPC_WEB_TYPE.exec(type)
  if (web !== null) return web[1] === undefined ? 'grpc-web' : 'grpc-web-text'
  return majorVersion === 2 && GRPC_TYPE.test(type) ? 'grpc' : 'none'
}

/** Whether a message of this Content-Type is one of gRPC as services speak it, and not gRPC-Web. */
export function isGrpcType(type: string | undefined): boolean {
  return type !== undefined && GRPC_TYPE.test(type)
}

/** Whether a client of gRPC-Web takes its answer in base64: what its Accept names, otherwise the form of its request. */
export function takesText(kind: RpcKind, request: Headers): boolean {
  const web = GRPC_WEB_TYPE.exec(request.get('Accept') ?? '')
  return web === null ? kind === 'grpc-web-text' : web[1] !== undefined
}

/** The status in a response's head (Trailers-Only) or trailers; {@link NO_GRPC_STATUS} for none, UNKNOWN for one that is none of gRPC's. */
export function grpcStatusOf(fields: Headers | null): number {
  const text = fields?.get('grpc-status')
  if (text === undefined) return NO_GRPC_STATUS
  const code = /^\d{1,2}$/.test(text) ? Number(text) : GRPC_STATUSES.length
  return code < GRPC_STATUSES.length ? code : UNKNOWN
}

const UNKNOWN = 2
const DEADLINE_EXCEEDED = 4
const UNIMPLEMENTED = 12

/**
 * The HTTP status that an answer of a gRPC service counts as for who judges the service. What any client can bring about at will is not blamed
 * on it: a method that is not there, and the end of a deadline that the client has set.
 */
export function countedStatusOf(code: number, hasClientDeadline: boolean): number {
  if (code === UNIMPLEMENTED) return 404
  return code === DEADLINE_EXCEEDED && hasClientDeadline ? 499 : httpStatusOf(code)
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }

/** Milliseconds of a `grpc-timeout`: up to 8 digits and a unit; null for anything else. */
export function parseGrpcTimeout(text: string): number | null {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  return digits === undefined || unit === undefined ? null : Number(digits) * (UNIT_MS[unit] ?? 0)
}

/** A `grpc-timeout` of no more than `ms` milliseconds, as exact as 8 digits allow. */
export function formatGrpcTimeout(ms: number): string {
  if (ms < 99_999) return `${Math.max(1, Math.floor(ms * 1_000))}u`
  if (ms < 99_999_999) return `${Math.floor(ms)}m`
  return `${Math.min(99_999_999, Math.floor(ms / 1_000))}S`
}

/** A `grpc-message`: UTF-8 with all but printable ASCII, and the percent sign, percent-encoded. */
export function encodeGrpcMessage(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/**
 * What a service says of another try in `grpc-retry-pushback-ms` (gRFC A6).
 * @returns milliseconds to wait, null when it says nothing, `never` for a negative or malformed value
 */
export function grpcPushbackOf(fields: Headers): number | 'never' | null {
  const text = fields.get('grpc-retry-pushback-ms')
  if (text === undefined) return null
  return /^\d{1,10}$/.test(text) ? Number(text) : 'never'
}

/** Trailers as the last frame of a gRPC-Web body: a flag, the length, and lines of an HTTP/1 header block. Names are in lower case. */
export function grpcWebTrailers(fields: Iterable<readonly [name: string, value: string]>): Buffer {
  let lines = ''
  for (const [name, value] of fields) lines += `${name}: ${value}\r\n`
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + lines.length)
  frame[0] = TRAILERS_FLAG
  frame.writeUInt32BE(lines.length, 1)
  frame.latin1Write(lines, FRAME_HEAD_BYTES)
  return frame
}

/** A flag and a length of four bytes. */
const FRAME_HEAD_BYTES = 5
const TRAILERS_FLAG = 0x80
