/** The names of gRPC's statuses; the index is the code (google.rpc.Code). */
export const GRPC_STATUSES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

/** The HTTP status for each gRPC status, as google.rpc.Code gives them; 200 for OK. */
const HTTP_STATUSES = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]

/** @param code 0 to 16; anything else counts as UNKNOWN */
export function httpStatusOf(code: number): number {
  return HTTP_STATUSES[code] ?? 500
}

/**
 * What a gRPC client takes an HTTP status for, where it finds no gRPC status.
 * @see https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
 */
export function grpcStatusOfHttp(status: number): number {
  if (status === 400) return 13
  if (status === 401) return 16
  if (status === 403) return 7
  if (status === 404) return 12
  return status === 429 || (status >= 502 && status <= 504) ? 14 : 2
}
