/** The steps of the policy. Not loaded where it is not configured. */
import { type ContentCoding, contentCodingOf, type Decoded, decodeContent } from '../../core/content-coding.ts'
import type { Exchange } from '../../core/exchange.ts'
import { isGrpcType } from '../../core/grpc.ts'
import { GRPC_STATUSES } from '../../core/grpc-status.ts'
import type { Headers } from '../../core/headers.ts'
import type { BodyVerdict, CompileContext, PolicySteps, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { refuseFor } from '../../core/violations.ts'
import { type Api, buildApi } from './api.ts'
import { type AnswerForm, Call } from './call.ts'
import { decodeDescriptorSet, registryOf } from './descriptor-set.ts'
import { JsonFault } from './json-message.ts'
import type { GrpcTranscodingOptions } from './options.ts'
import { ParameterFault } from './parameters.ts'
import { ReflectedApi } from './reflected-api.ts'
import { RequestLines } from './request-lines.ts'
import { ANSWER_TOO_LARGE, answerBody, answerHead, type ResponseOptions } from './responses.ts'

const NOT_YET = refuse('descriptors_unavailable')
const TOO_LARGE = refuse('request_body_too_large')
const NO_BODY = refuse('request_body_invalid', 'This method takes no body')
const BAD_CODING = refuse('request_body_invalid', 'The body is not in the coding that its head says')
const JSON_ONLY = refuse('request_media_type_unsupported', 'Expected a body of JSON (application/json), with gzip or deflate at most')
const LINES_ONLY = refuse(
  'request_media_type_unsupported',
  'Expected a body of JSON lines (application/x-ndjson), without a content coding',
)

const JSON_TYPE = /^application\/(?:json|[!#$%&'*+.^_`|~0-9a-z-]+\+json)[ \t]*(?:;[ \t]*charset="?utf-?8"?[ \t]*)?$/i
const LINES_TYPE = /^application\/(?:x-ndjson|x-jsonlines|jsonl|json)[ \t]*(?:;[ \t]*charset="?utf-?8"?[ \t]*)?$/i
const EVENTS = /(?:^|,)[ \t]*text\/event-stream[ \t]*(?:,|;(?![^,]*q=0(?:\.0*)?[ \t]*(?:,|$))|$)/i

/** gRPC's UNIMPLEMENTED. */
const UNIMPLEMENTED = 12

/** Of the client's request what says nothing to a service that is called: its body and its answer are others. */
const DROPPED = [
  'Accept',
  'Accept-Encoding',
  'Content-Encoding',
  'Content-Length',
  'Content-Digest',
  'Repr-Digest',
  'Digest',
  'Content-MD5',
  'Range',
  'If-Range',
] as const

export function compileSteps(options: GrpcTranscodingOptions, context: CompileContext): PolicySteps {
  const transcoder = new Transcoder(options, context)
  // In shadow nothing is translated: there is nothing to do on a body or a response.
  if (context.mode === 'shadow') return { onRequest: (exchange) => transcoder.onRequest(exchange) }
  return {
    onRequest: (exchange) => transcoder.onRequest(exchange),
    requestBody: {
      bytesMax: options.messageBytesMax,
      wanted: (exchange) => transcoder.wantsBody(exchange),
      run: (exchange, body) => transcoder.onBody(exchange, body),
    },
    onUpstreamResponse: (exchange) => transcoder.onResponse(exchange),
    responseBody: {
      bytesMax: options.messageBytesMax + FRAME_HEAD_BYTES,
      wanted: (exchange) => transcoder.wantsAnswer(exchange),
      tooLarge: () => ANSWER_TOO_LARGE,
      run: (exchange, body) => transcoder.onAnswer(exchange, body),
    },
  }
}

const FRAME_HEAD_BYTES = 5

class Transcoder {
  readonly #options: GrpcTranscodingOptions
  readonly #basePath: string
  readonly #api: () => Api | null
  readonly #responses: ResponseOptions
  /** An exchange is used again, and each of its requests sets or takes off its own. */
  readonly #calls = new WeakMap<Exchange, Underway>()

  constructor(options: GrpcTranscodingOptions, context: CompileContext) {
    this.#options = options
    this.#basePath = options.basePath ?? ''
    const source = apiOf(options, context)
    this.#api = () => source.api
    this.#responses = {
      messageBytesMax: options.messageBytesMax,
      print: options.print,
      statuses: statusesOf(options),
      onFailure: (code) => {
        if (code === UNIMPLEMENTED) source.refresh()
      },
    }
  }

  onRequest(exchange: Exchange): Verdict {
    this.#calls.delete(exchange)
    const { headers } = exchange.request
    if (exchange.rpc !== 'none' || isGrpcType(headers.get('Content-Type'))) return undefined
    const call = this.#callFor(exchange)
    if (!(call instanceof Call)) return call
    exchange.trace?.note(`calls ${call.route.rpcPath.slice(1)}`)
    const isEmpty = exchange.downstream.requestBody.length === 0
    if (!isEmpty) {
      const unfit = unfitBody(call, headers, this.#options)
      if (unfit !== null) return unfit
    }
    return this.#begin(exchange, call, isEmpty)
  }

  #callFor({ request, forward }: Exchange): Call | Reply {
    const api = this.#api()
    if (api === null) return NOT_YET
    const { path } = forward
    if (!path.startsWith(`${this.#basePath}/`)) return unknown(path)
    const found = api.table.find(request.method, path.slice(this.#basePath.length + 1).split('/'))
    if (found === null) return unknown(path)
    if ('allowed' in found) return unmapped(refuse('method_not_allowed', null, [['Allow', found.allowed.join(', ')]]), path)
    const { route, segments } = found
    try {
      return new Call(
        api,
        route,
        segments,
        forward.query,
        answerForm(route.method.methodKind, request.headers, this.#options),
        this.#options,
      )
    } catch (error) {
      if (error instanceof ParameterFault) return refuseFor([error.violation])
      throw error
    }
  }

  /** Has the request go to the service as a call. */
  #begin(exchange: Exchange, call: Call, isEmpty: boolean): Verdict {
    const { request, forward } = exchange
    if (call.isClientStream) exchange.requestFilter = isEmpty ? null : new RequestLines(call, this.#options.messageBytesMax)
    else if (isEmpty) {
      const frame = frameOr(() => call.bareFrame())
      if (!Buffer.isBuffer(frame)) return frame
      exchange.requestBody = frame
    }
    forward.method = 'POST'
    forward.path = call.route.rpcPath
    forward.query = ''
    this.#calls.set(exchange, { call, body: isEmpty || call.isClientStream ? null : bodyHead(request.headers) })
    toMetadata(request.headers)
    return undefined
  }

  wantsBody(exchange: Exchange): boolean {
    return this.#calls.get(exchange)?.body != null
  }

  onBody(exchange: Exchange, body: Buffer): BodyVerdict | Promise<BodyVerdict> {
    const { call, body: head } = this.#calls.get(exchange) ?? NOTHING
    if (call === null || head === null) return undefined
    const decoded = decodeContent(head.coding, body, this.#options.messageBytesMax)
    return decoded instanceof Promise
      ? decoded.then((late) => frameOfBody(call, late, head.contentType))
      : frameOfBody(call, decoded, head.contentType)
  }

  onResponse(exchange: Exchange): Verdict {
    const { call } = this.#calls.get(exchange) ?? NOTHING
    return call === null ? undefined : answerHead(exchange, call, this.#responses)
  }

  wantsAnswer(exchange: Exchange): boolean {
    return this.#calls.get(exchange)?.call.isServerStream === false
  }

  onAnswer(exchange: Exchange, body: Buffer): BodyVerdict {
    const { call } = this.#calls.get(exchange) ?? NOTHING
    return call === null ? undefined : answerBody(exchange, call, body, this.#responses)
  }
}

/** What the head said of a body that is yet to come: the head that goes to the service speaks of another. */
interface BodyHead {
  readonly contentType: string
  readonly coding: ContentCoding
}

/** A call from its request to its response. */
interface Underway {
  readonly call: Call
  /** Null where no body is to come, or it is taken as it comes. */
  readonly body: BodyHead | null
}

/** Of a request that is no call. */
const NOTHING = { call: null, body: null }

function bodyHead(headers: Headers): BodyHead {
  return { contentType: headers.get('Content-Type') ?? '', coding: contentCodingOf(headers) ?? 'identity' }
}

function statusesOf({ statuses }: GrpcTranscodingOptions): ReadonlyMap<number, number> {
  return new Map(
    GRPC_STATUSES.flatMap((name, code) => {
      const status = statuses[name]
      return status === undefined ? [] : [[code, status] as const]
    }),
  )
}

interface ApiSource {
  /** Null while it is not known. */
  readonly api: Api | null
  /** It may not be what it was. */
  refresh(): void
}

function apiOf(options: GrpcTranscodingOptions, context: CompileContext): ApiSource {
  const { descriptorSet, reflection } = options
  if (descriptorSet === undefined) throw new Error('descriptors have not been read')
  const files = decodeDescriptorSet(descriptorSet)
  // Comments are for `turnpike openapi`.
  for (const file of files) file.sourceCodeInfo = undefined
  if (reflection !== undefined) return new ReflectedApi(reflection, files, options, context)
  return { api: buildApi(registryOf(files), options), refresh: () => undefined }
}

/** @param path that no method is mapped to */
function unknown(path: string): Reply {
  return unmapped(refuse('route_not_found', 'The API has no resource of this path'), path)
}

function unmapped(reply: Reply, path: string): Reply {
  return { ...reply, reason: 'mapping-missing', about: path }
}

function answerForm(methodKind: string, headers: Headers, { streams }: GrpcTranscodingOptions): AnswerForm {
  if (methodKind === 'unary' || methodKind === 'client_streaming') return 'json'
  if (streams === 'concatenated') return 'concatenated'
  return EVENTS.test(headers.getJoined('Accept') ?? '') ? 'events' : 'lines'
}

/** Why a body cannot be taken, as far as its head tells. */
function unfitBody(call: Call, headers: Headers, { ignoreContentType }: GrpcTranscodingOptions): Reply | null {
  const type = headers.getJoined('Content-Type') ?? ''
  const coding = contentCodingOf(headers)
  if (call.isClientStream) return (ignoreContentType || LINES_TYPE.test(type)) && coding === 'identity' ? null : LINES_ONLY
  if (call.route.body.kind === 'none' || call.takesAnyBody) return coding === null ? JSON_ONLY : null
  return (ignoreContentType || JSON_TYPE.test(type)) && coding !== null ? null : JSON_ONLY
}

function frameOfBody(call: Call, body: Decoded, contentType: string): Buffer | Reply {
  if (body === 'too large') return TOO_LARGE
  if (body === 'malformed') return BAD_CODING
  if (body.length > 0 && call.route.body.kind === 'none') return NO_BODY
  return frameOr(() => {
    if (call.takesAnyBody) return call.frameOfAny(body, contentType)
    return body.length === 0 ? call.bareFrame() : call.frame(body)
  })
}

function frameOr(make: () => Buffer): Buffer | Reply {
  try {
    return make()
  } catch (error) {
    if (error instanceof JsonFault) return refuse('request_body_invalid', error.message, [], undefined, 'json-invalid')
    throw error
  }
}

/** The client's fields become metadata; those of gRPC are ours to say, but for how long the client waits. */
function toMetadata(headers: Headers): void {
  for (const name of DROPPED) headers.delete(name)
  for (const [name] of headers.toPairs()) if (name.startsWith('grpc-') && name !== 'grpc-timeout') headers.deleteReceived(name)
  headers.set('Content-Type', 'application/grpc')
  headers.set('grpc-accept-encoding', 'identity,gzip')
}
