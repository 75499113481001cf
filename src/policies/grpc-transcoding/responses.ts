/** What becomes of a service's response: steps of the policy. */
import type { Exchange } from '../../core/exchange.ts'
import { grpcStatusOf, isGrpcType, NO_GRPC_STATUS } from '../../core/grpc.ts'
import { grpcStatusOfHttp, httpStatusOf } from '../../core/grpc-status.ts'
import type { Headers } from '../../core/headers.ts'
import type { BodyVerdict, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { AnswerWriter, type PrintOptions } from './answer.ts'
import type { Call } from './call.ts'
import { failureOf, metadataOf, problemReply } from './failure.ts'
import { FrameReader, messageEncodingOf } from './frames.ts'
import { type OnFailure, ResponseStream, upstreamFault } from './response-stream.ts'

const NOT_GRPC = refuse('upstream_body_invalid', 'The service answered something that is not gRPC')
const NO_MESSAGE = refuse('upstream_body_invalid', 'The service answered with something else than one message')
const ENCODING_UNKNOWN = refuse('upstream_body_invalid', 'The service compresses messages in a way that was not offered')
const TOO_LARGE = refuse('upstream_body_too_large')
const UNREADABLE = refuse('upstream_body_invalid')
const CONTENT_TYPES = {
  json: 'application/json',
  lines: 'application/x-ndjson',
  concatenated: 'application/json',
  events: 'text/event-stream',
} as const

export interface ResponseOptions {
  readonly messageBytesMax: number
  readonly print: PrintOptions
  readonly onFailure: OnFailure
  /** HTTP statuses by gRPC status where they are not the usual ones. */
  readonly statuses: ReadonlyMap<number, number>
}

/** On the head of a response: an answer in its place where it has failed already, or a filter for the stream that follows. */
export function answerHead(exchange: Exchange, call: Call, options: ResponseOptions): Verdict {
  const { response } = exchange
  const { headers } = response
  const code = grpcStatusOf(headers)
  if (response.status !== 200 || !isGrpcType(headers.get('Content-Type'))) {
    if (response.status === 200 && code === NO_GRPC_STATUS) return NOT_GRPC
    return failed(exchange, call, headers, null, options, code === NO_GRPC_STATUS ? grpcStatusOfHttp(response.status) : code)
  }
  // Trailers-Only: the status is in the head, and no message follows.
  if (code > 0) return failed(exchange, call, headers, null, options, code)
  const encoding = messageEncodingOf(headers.get('grpc-encoding'))
  if (encoding === null) return ENCODING_UNKNOWN
  if (!call.isServerStream) {
    // Those behind look at the head to see whether they want the body.
    if (call.answersJson) headers.set('Content-Type', CONTENT_TYPES.json)
    return response.bodyLength === 0 ? NO_MESSAGE : undefined
  }
  dropGrpcFields(headers)
  headers.set('Content-Type', CONTENT_TYPES[call.form])
  if (call.form !== 'concatenated') headers.append('Vary', 'Accept')
  // What is told as it comes is not to be told again, nor in the other form to whoever asks for that.
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
  // With the status in the head there is no stream to make lines of.
  if (code === NO_GRPC_STATUS) {
    const writer = new AnswerWriter(call.api, call.route, options.print)
    exchange.responseFilter = new ResponseStream(call, writer, new FrameReader(options.messageBytesMax, encoding), options.onFailure)
  }
  return undefined
}

/** On the whole body of a response of one message. */
export function answerBody(exchange: Exchange, call: Call, body: Buffer, options: ResponseOptions): BodyVerdict {
  const { headers, trailers } = exchange.response
  const code = grpcStatusOf(trailers)
  if (trailers === null || code === NO_GRPC_STATUS) return UNREADABLE
  if (code !== 0) return failed(exchange, call, trailers, headers, options, code)
  const encoding = messageEncodingOf(headers.get('grpc-encoding'))
  if (encoding === null) return ENCODING_UNKNOWN
  try {
    const message = onlyMessage(new FrameReader(options.messageBytesMax, encoding), body)
    if (message === null) return NO_MESSAGE
    const answered = new AnswerWriter(call.api, call.route, options.print).body(message)
    dropGrpcFields(headers)
    headers.set('Content-Type', answered.contentType)
    // The head has yet to go out, so that what came behind the message can be in it.
    for (const [name, value] of metadataOf(trailers)) headers.append(name, value)
    return answered.body
  } catch (error) {
    exchange.trace?.note(`the answer cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    return upstreamFault(error).code === 'upstream_body_too_large' ? TOO_LARGE : UNREADABLE
  }
}

export const ANSWER_TOO_LARGE = TOO_LARGE

/** Null for none, and for more than one. */
function onlyMessage(reader: FrameReader, body: Buffer): Buffer | null {
  const messages: Buffer[] = []
  reader.read(body, (message) => messages.push(message))
  return messages.length === 1 && !reader.isInside ? (messages[0] ?? null) : null
}

/** @param fields that hold the status @param others of the same response, whose metadata counts too */
function failed(
  { requestId }: Exchange,
  { api }: Call,
  fields: Headers,
  others: Headers | null,
  { onFailure, statuses }: ResponseOptions,
  code: number,
): Reply {
  onFailure(code)
  const failure = failureOf(fields, api.registry, code)
  return problemReply(failure, statuses.get(code) ?? httpStatusOf(code), requestId, [...metadataOf(others), ...metadataOf(fields)])
}

/** Takes off what speaks of gRPC. */
function dropGrpcFields(headers: Headers): void {
  for (const [name] of headers.toPairs()) if (name.startsWith('grpc-')) headers.deleteReceived(name)
  headers.delete('Trailer')
}
