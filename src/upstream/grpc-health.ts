import { GRPC_STATUSES } from '../core/grpc-status.ts'
import type { Headers } from '../core/headers.ts'

/**
 * The health service of gRPC (grpc/health/v1/health.proto). Its two messages have one field each, so that they are coded here by hand:
 *
 *     message HealthCheckRequest { string service = 1; }
 *     message HealthCheckResponse { ServingStatus status = 1; }  // UNKNOWN 0, SERVING 1, NOT_SERVING 2, SERVICE_UNKNOWN 3
 */
export const GRPC_CHECK_PATH = '/grpc.health.v1.Health/Check'

/** Field 1 as a string, and as a varint (protobuf encoding: field number << 3 | wire type). */
const SERVICE_TAG = 0x0a
const STATUS_TAG = 0x08
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** The body of a question, with the prefix that gRPC puts before each message. @param service empty for the server as a whole */
export function grpcHealthRequest(service: string): Buffer {
  const name = Buffer.from(service)
  // Below 16,384 bytes, which the schema sees to, a length takes two bytes at most.
  const length = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >>> 7]
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([SERVICE_TAG, ...length]), name])
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/**
 * What is wrong, in plain words; null when the server serves.
 * @param headers where `grpc-status` is: the trailers, or the head of an answer that has no body
 */
export function grpcHealth(headers: Headers, body: Buffer): string | null {
  const written = headers.get('grpc-status')
  if (written === undefined) return 'the answer has no grpc-status'
  const status = GRPC_STATUSES[Number(written)] ?? 'UNKNOWN'
  if (status === 'UNIMPLEMENTED') return 'the server has no health service (grpc.health.v1.Health)'
  if (status !== 'OK') return `grpc-status ${status}`
  const state = servingStatus(body)
  if (state === 1) return null
  return state === null ? 'the answer is no answer of a health service' : `the server says ${STATUSES[state] ?? state}`
}

/** The status in an answer's one message; null where there is none such. Its default, 0, is not written. */
function servingStatus(body: Buffer): number | null {
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) return null
  if (body.length === 5) return 0
  return body.length === 7 && body[5] === STATUS_TAG && (body[6] as number) < 0x80 ? (body[6] as number) : null
}
