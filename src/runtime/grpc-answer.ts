import type { ErrorCode } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import { encodeGrpcMessage, grpcWebTrailers, takesText } from '../core/grpc.ts'
import { grpcStatusOfHttp } from '../core/grpc-status.ts'
import type { Reply } from '../core/reply.ts'
import { ERRORS } from './error-table.ts'

/**
 * Puts a refusal into `exchange.response` as clients of gRPC read it; returns its body. For HTTP/2 the status stands in the head alone
 * (Trailers-Only). For gRPC-Web it is the one frame of the body: pages of other sites read no header that CORS does not name.
 */
export function renderGrpcRefusal(exchange: Exchange, reply: Reply, code: ErrorCode): Buffer {
  const { grpcStatus, sentence } = ERRORS[code]
  return writeGrpcRefusal(exchange, code, grpcStatus, `${reply.detail ?? sentence} (${code})`, retryAfterSeconds(reply, code))
}

/** The same with a status and a sentence that are given. @param waitSeconds what to wait before trying again; null for nothing */
export function writeGrpcRefusal(
  exchange: Exchange,
  code: ErrorCode,
  grpcStatus: number,
  message: string,
  waitSeconds: number | null,
): Buffer {
  const { response, request, rpc } = exchange
  const { headers } = response
  response.status = 200
  exchange.grpcStatus = grpcStatus
  const fields: [name: string, value: string][] = [
    ['grpc-status', String(grpcStatus)],
    ['grpc-message', encodeGrpcMessage(message)],
  ]
  if (waitSeconds !== null) fields.push(['grpc-retry-pushback-ms', String(waitSeconds * 1_000)])
  headers.append('Turnpike-Error', code)
  if (rpc === 'grpc') {
    headers.append('Content-Type', 'application/grpc')
    for (const [name, value] of fields) headers.append(name, value)
    return EMPTY
  }
  const frame = grpcWebTrailers(fields)
  const inText = takesText(rpc, request.headers)
  headers.append('Content-Type', inText ? 'application/grpc-web-text+proto' : 'application/grpc-web+proto')
  return inText ? Buffer.from(frame.toString('base64')) : frame
}

const EMPTY = Buffer.alloc(0)

/** Seconds to wait before trying again: what the refusal says, or else the table; null for nothing. */
function retryAfterSeconds(reply: Reply, code: ErrorCode): number | null {
  const [, text] = reply.headers.find(([name]) => name.toLowerCase() === 'retry-after') ?? []
  if (text === undefined) return ERRORS[code].retryAfter ?? null
  return /^\d{1,7}$/.test(text) ? Number(text) : null
}

/** The gRPC status that a client of gRPC came to, whether it was told one, took an HTTP status for one, or saw the answer break off. */
export function grpcStatusSeen({ grpcStatus, error }: Exchange, httpStatus: number): number {
  if (grpcStatus >= 0) return grpcStatus
  return error === null ? grpcStatusOfHttp(httpStatus) : ERRORS[error].grpcStatus
}
