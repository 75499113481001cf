/** A gRPC status as a client of REST gets it: a problem document, or the last line of a stream. */
import { fromBinary, isMessage, type JsonValue, type Registry, toJson } from '@bufbuild/protobuf'
import { AnySchema } from '@bufbuild/protobuf/wkt'
import { grpcStatusOf } from '../../core/grpc.ts'
import { GRPC_STATUSES } from '../../core/grpc-status.ts'
import type { Headers } from '../../core/headers.ts'
import { MANAGED_FIELDS } from '../../core/managed-fields.ts'
import { answer, type Reply } from '../../core/reply.ts'
import { STATUS_TEXT } from '../../core/status-text.ts'

/** Longest base64 of details that is read. */
const DETAILS_CHARS_MAX = 65_536

/** Why a call failed, as the service says it. */
export interface Failure {
  readonly code: number
  readonly message: string
  /** The details of google.rpc.Status, each an object with `@type`. */
  readonly details: readonly JsonValue[]
  /** Seconds after which another try may help (google.rpc.RetryInfo); null when it does not say. */
  readonly retryAfterS: number | null
}

/**
 * Reads `grpc-status`, `grpc-message` and `grpc-status-details-bin`.
 * @param code in place of the one in the fields
 */
export function failureOf(fields: Headers, registry: Registry, code = grpcStatusOf(fields)): Failure {
  const details = detailsOf(fields.get('grpc-status-details-bin'), registry)
  return { code, message: decodeMessage(fields.get('grpc-message') ?? ''), details, retryAfterS: retryAfter(details) }
}

/** Percent-encoded UTF-8 (PROTOCOL-HTTP2.md, "Status-Message"). What is malformed stays as it is. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function detailsOf(encoded: string | undefined, registry: Registry): readonly JsonValue[] {
  const status = registry.getMessage('google.rpc.Status')
  if (encoded === undefined || status === undefined || encoded.length > DETAILS_CHARS_MAX) return []
  try {
    const message = fromBinary(status, Buffer.from(encoded, 'base64'))
    const details: unknown = 'details' in message ? message.details : undefined
    return Array.isArray(details) ? details.filter((any) => isMessage(any, AnySchema)).map((any) => detailOf(any, registry)) : []
  } catch {
    return []
  }
}

function detailOf(any: Parameters<typeof toJson<typeof AnySchema>>[1], registry: Registry): JsonValue {
  try {
    return toJson(AnySchema, any, { registry })
  } catch {
    // Of a type that is not known here, or not what it says it is.
    return { '@type': any.typeUrl, value: Buffer.from(any.value).toString('base64') }
  }
}

function retryAfter(details: readonly JsonValue[]): number | null {
  for (const detail of details) {
    if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) continue
    const { '@type': type, retryDelay } = detail
    if (typeof type !== 'string' || !type.endsWith('/google.rpc.RetryInfo') || typeof retryDelay !== 'string') continue
    const seconds = Number.parseFloat(retryDelay)
    if (seconds >= 0) return Math.ceil(seconds)
  }
  return null
}

/** google.rpc.Status in JSON. */
export function statusJson({ code, message, details }: Failure): string {
  return JSON.stringify({ error: { code, message, ...(details.length > 0 && { details }) } })
}

/**
 * The problem document (RFC 9457) for a failure.
 * @param status of HTTP. @param metadata fields of the service that go with it
 */
export function problemReply(failure: Failure, status: number, requestId: string, metadata: readonly (readonly [string, string])[]): Reply {
  const { code, message, details, retryAfterS } = failure
  const problem = {
    type: 'about:blank',
    title: STATUS_TEXT[status] ?? '',
    status,
    ...(message !== '' && { detail: message }),
    grpcStatus: GRPC_STATUSES[code] ?? 'UNKNOWN',
    ...(details.length > 0 && { details }),
    ...(requestId !== '' && { requestId }),
  }
  const headers: Reply['headers'] = [
    ['Content-Type', 'application/problem+json'],
    ...(retryAfterS === null ? [] : [['Retry-After', String(retryAfterS)] as const]),
    ...metadata.filter(([name]) => retryAfterS === null || name !== 'retry-after'),
  ]
  return answer(status, headers, `${JSON.stringify(problem)}\n`)
}

/** Fields of gRPC itself, and of the body as it came. */
const NO_METADATA: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'date', 'via', ...MANAGED_FIELDS])

/** What of a service's fields is for the client: its metadata. */
export function metadataOf(fields: Headers | null): readonly (readonly [string, string])[] {
  return fields?.toPairs().filter(([name]) => !name.startsWith('grpc-') && !NO_METADATA.has(name)) ?? []
}
