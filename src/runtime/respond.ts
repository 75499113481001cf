import type { ErrorCode } from '../core/errors.ts'
import type { Exchange } from '../core/exchange.ts'
import { NO_GRPC_STATUS } from '../core/grpc.ts'
import type { Compatibility } from '../core/policy-order.ts'
import type { Reply } from '../core/reply.ts'
import { STATUS_TEXT } from '../core/status-text.ts'
import { ERRORS } from './error-table.ts'
import { renderGrpcRefusal } from './grpc-answer.ts'
import { renderKongRefusal } from './kong-answer.ts'

/**
 * Puts a reply into `exchange.response`; returns the body to send. The request method decides about the body only when it is written.
 * @param compatibility in whose form refusals are written; null for our own
 */
export function renderReply(exchange: Exchange, reply: Reply, compatibility: Compatibility | null = null): Buffer {
  const { response } = exchange
  const { headers } = response
  if (reply.head === undefined) headers.reset(EMPTY, 0)
  else headers.adopt(reply.head)
  exchange.isStored = reply.head !== undefined
  exchange.grpcStatus = NO_GRPC_STATUS
  const body = reply.code === null ? toBuffer(reply.body) : renderRefusal(exchange, reply, reply.code, compatibility)
  if (reply.code === null) response.status = reply.status
  for (const [name, value] of reply.headers) headers.append(name, value)
  response.bodyLength = body.length
  return body
}

const EMPTY = Buffer.alloc(0)

function renderRefusal(exchange: Exchange, reply: Reply, code: ErrorCode, compatibility: Compatibility | null): Buffer {
  exchange.error = code
  if (compatibility === 'kong') return renderKongRefusal(exchange, reply, code)
  return exchange.rpc === 'none' ? renderProblem(exchange, reply, code) : renderGrpcRefusal(exchange, reply, code)
}

/** RFC 9457: a problem document with `error`, `code` and `requestId`; the sentence alone for clients that want plain text. */
function renderProblem(exchange: Exchange, reply: Reply, code: ErrorCode): Buffer {
  const { response, request } = exchange
  const { headers } = response
  const { status: usual, sentence, retryAfter } = ERRORS[code]
  const status = reply.status === 0 ? usual : reply.status
  response.status = status
  headers.append('Turnpike-Error', code)
  headers.append('Cache-Control', 'no-store')
  if (retryAfter !== undefined && !reply.headers.some(([name]) => name.toLowerCase() === 'retry-after')) {
    headers.append('Retry-After', String(retryAfter))
  }
  if (prefersPlainText(request.headers.getJoined('Accept'))) {
    headers.append('Content-Type', 'text/plain; charset=utf-8')
    return Buffer.from(`${reply.detail ?? sentence} (${code})\n`)
  }
  headers.append('Content-Type', 'application/problem+json')
  const problem = {
    type: 'about:blank',
    title: STATUS_TEXT[status] ?? '',
    status,
    ...(reply.detail === null ? {} : { detail: reply.detail }),
    error: sentence,
    code,
    ...(exchange.requestId === '' ? {} : { requestId: exchange.requestId }),
    ...reply.members,
  }
  return Buffer.from(`${JSON.stringify(problem)}\n`)
}

function toBuffer(body: string | Buffer): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : body
}

/** Whether text/plain is asked for and JSON is not (RFC 9110, 12.5.1; weights are not looked at beyond that). */
function prefersPlainText(accept: string | undefined): boolean {
  if (accept === undefined || accept.includes('json')) return false
  return accept.includes('text/plain') || (accept.includes('text/') && !accept.includes('*/*'))
}
