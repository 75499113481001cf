/** REST requests as SOAP calls. */
import { contentCodingOf, readableOnly } from '../../core/content-coding.ts'
import { parseExactJson } from '../../core/exact-json.ts'
import type { Exchange } from '../../core/exchange.ts'
import { type JsonObject, put } from '../../core/members.ts'
import type { Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { pointerOf } from '../../core/strict-json.ts'
import { refuseFor, type Violation } from '../../core/violations.ts'
import { Encoder } from './encode.ts'
import { writeEnvelope } from './envelope.ts'
import { isJson, mediaTypeOf } from './media-type.ts'
import type { SoapOptions } from './options.ts'
import { ParameterReader } from './parameters.ts'
import { HEADERS, type OperationPlan, type ServicePlan } from './service-plan.ts'
import { usernameToken } from './username-token.ts'
import { TooLarge, XmlWriter } from './xml-writer.ts'

/** Deepest nesting of a body's arrays and objects. */
const JSON_DEPTH_MAX = 64
/** An envelope may be so many times as large as the largest body: names are longer in XML. */
const GROWTH_MAX = 8

const NOT_JSON = refuse('request_media_type_unsupported', 'Expected a body of JSON', [['Accept-Post', 'application/json']])
const ENCODED = refuse('request_media_type_unsupported', 'Expected a body without a content coding', [['Accept-Encoding', 'identity']])
const TOO_LARGE = refuse('request_body_too_large')
const NOT_FOUND = refuse('route_not_found', 'No operation has this path')

/** What one exchange's step leaves to the steps behind it. */
export interface Call {
  readonly plan: OperationPlan
  /** What path and query give. */
  readonly members: JsonObject
  /** Whether the call is made of a body that is still to come. */
  readonly awaitsBody: boolean
  /** The Content-Type of the answer as it came, where that is an envelope; empty before, and for another. */
  receivedType: string
}

export class RequestTranslator {
  readonly #service: ServicePlan
  readonly #charsMax: number
  readonly #token: ReturnType<typeof usernameToken> | null

  constructor(service: ServicePlan, { bodyBytesMax, usernameToken: token }: SoapOptions) {
    this.#service = service
    this.#charsMax = bodyBytesMax * GROWTH_MAX
    this.#token = token === undefined ? null : usernameToken(token)
  }

  /** Finds the operation that a request asks for. Where that takes no body, the call is made at once. */
  begin(exchange: Exchange): Call | Reply {
    const { request, forward, downstream } = exchange
    const found = this.#service.endpoints.find(forward.method === '' ? request.method : forward.method, forward.path)
    if (found.kind === 'none') return NOT_FOUND
    if (found.kind === 'method') return refuse('method_not_allowed', null, [['Allow', found.allowed.join(', ')]])
    const plan = found.operation
    const reader = new ParameterReader(plan.parameters, this.#service.codecs)
    reader.path(found.captures)
    reader.query(forward.query)
    const hasBody = downstream.requestBody.length !== 0
    if (hasBody && !plan.takesBody) reader.violations.push({ in: 'body', pointer: '', message: 'is not allowed here', keyword: 'false' })
    if (reader.violations.length > 0) return refuseFor(reader.violations)
    exchange.trace?.note(`calls ${plan.operation.name}`)
    const call: Call = { plan, members: reader.object, awaitsBody: hasBody, receivedType: '' }
    return hasBody ? (unreadable(exchange) ?? this.#head(exchange, call)) : this.#withoutBody(exchange, call)
  }

  #withoutBody(exchange: Exchange, call: Call): Call | Reply {
    const body = this.#envelope(exchange, call, call.members)
    if (!Buffer.isBuffer(body)) return body
    exchange.requestBody = body
    this.#describe(exchange, call)
    return this.#head(exchange, call)
  }

  /** Makes the call of a whole body. */
  body(exchange: Exchange, call: Call, body: Buffer): Buffer | Verdict {
    const parsed = body.length === 0 ? { value: {} } : parseExactJson(body, { depthMax: JSON_DEPTH_MAX })
    if (!('value' in parsed)) return refuseFor([{ in: 'body', pointer: parsed.pointer, message: parsed.problem }])
    const { value } = parsed
    if (typeof value !== 'object' || value === null || Array.isArray(value) || JSON.isRawJSON(value))
      return refuseFor([{ in: 'body', pointer: '', message: 'must be of type object', keyword: 'type' }])
    const input: JsonObject = { ...value }
    const twice: Violation[] = []
    for (const [name, member] of Object.entries(call.members)) {
      if (Object.hasOwn(input, name)) twice.push({ in: 'body', pointer: pointerOf([name]), message: 'is given by path or query already' })
      else put(input, name, member)
    }
    if (twice.length > 0) return refuseFor(twice)
    const envelope = this.#envelope(exchange, call, input)
    if (Buffer.isBuffer(envelope)) this.#describe(exchange, call)
    return envelope
  }

  #envelope(exchange: Exchange, { plan }: Call, input: JsonObject): Buffer | Reply {
    const { version, codecs } = this.#service
    const writer = new XmlWriter(this.#charsMax)
    const encoder = new Encoder(codecs, writer)
    try {
      const header = `${this.#token?.(exchange.clock) ?? ''}${this.#headers(encoder, plan, input)}`
      const { element, wrapped } = plan.operation.input
      const { [HEADERS]: _, ...content } = input
      if (element === null) refuseMembers(encoder, content, null)
      else if (!wrapped) encoder.element(element, content)
      else {
        refuseMembers(encoder, content, element.member)
        if (Object.hasOwn(content, element.member)) encoder.at(element.member, () => encoder.element(element, content[element.member]))
        else encoder.refuse('is required', 'required', element.member)
      }
      const body = writer.take()
      if (encoder.violations.length > 0) return refuseFor(located(encoder.violations, plan))
      return Buffer.from(writeEnvelope(version, header, body, writer.declarations()))
    } catch (error) {
      if (error instanceof TooLarge) return TOO_LARGE
      throw error
    }
  }

  #headers(encoder: Encoder, plan: OperationPlan, input: JsonObject): string {
    if (!Object.hasOwn(input, HEADERS)) return ''
    const blocks = input[HEADERS]
    encoder.at(HEADERS, () => {
      if (plan.headers.size === 0) return encoder.refuse('is not allowed here', 'additionalProperties')
      if (typeof blocks !== 'object' || blocks === null || Array.isArray(blocks)) return encoder.refuse('must be of type object', 'type')
      for (const [name, value] of Object.entries(blocks)) {
        const use = plan.headers.get(name)
        if (use === undefined) encoder.refuse('is not allowed here', 'additionalProperties', name)
        else encoder.at(name, () => encoder.element(use, value))
      }
    })
    return encoder.writer.take()
  }

  /** What can be said before the body is there: other policies may still look at that with its own fields. */
  #head({ forward }: Exchange, call: Call): Call {
    const { path, query } = this.#service
    forward.path = path
    forward.query = query
    forward.method = 'POST'
    return call
  }

  /** Says what is wanted of the service. For a try alone: refusals of ours are in the form that the client accepts. */
  accept({ request: { headers } }: Exchange): void {
    headers.set('Accept', this.#service.version === '1.1' ? 'text/xml' : 'application/soap+xml')
  }

  /** Has the fields of the request speak of the envelope. */
  #describe({ request: { headers } }: Exchange, { plan }: Call): void {
    const { version } = this.#service
    const { action } = plan.operation
    for (const name of OF_THE_REQUEST) headers.delete(name)
    if (version === '1.1') {
      headers.set('Content-Type', 'text/xml; charset=utf-8')
      headers.set('SOAPAction', `"${action}"`)
    } else headers.set('Content-Type', `application/soap+xml; charset=utf-8${action === '' ? '' : `; action="${action}"`}`)
    const codings = headers.getJoined('Accept-Encoding')
    if (codings !== undefined) headers.set('Accept-Encoding', readableOnly(codings))
  }
}

/** What speaks of the body that came, or asks for a part of an answer or for none at all: the service is asked something else. */
const OF_THE_REQUEST = [
  'Content-Encoding',
  'Content-Language',
  'Content-Location',
  'Content-Digest',
  'Repr-Digest',
  'Digest',
  'Content-MD5',
  'SOAPAction',
  'Range',
  'If-Range',
  'If-Match',
  'If-None-Match',
  'If-Modified-Since',
  'If-Unmodified-Since',
] as const

/** Why a body cannot be read; undefined for nothing. */
function unreadable({ request: { headers } }: Exchange): Reply | undefined {
  const type = mediaTypeOf(headers.getJoined('Content-Type'))
  if (type === undefined || !isJson(type)) return NOT_JSON
  return contentCodingOf(headers) === 'identity' ? undefined : ENCODED
}

function refuseMembers(encoder: Encoder, content: JsonObject, only: string | null): void {
  for (const name of Object.keys(content)) if (name !== only) encoder.refuse('is not allowed here', 'additionalProperties', name)
}

/** Says of a member that only parameters can give that it is one. */
function located(violations: readonly Violation[], { takesBody, parameters, operation }: OperationPlan): readonly Violation[] {
  const captures = new Set([...operation.path.matchAll(/\/:([A-Za-z_]\w*)/g)].map(([, name = '']) => `/${name}`))
  return violations.map((violation): Violation => {
    if (captures.has(violation.pointer)) return { ...violation, in: 'path' }
    return takesBody || parameters.size === 0 ? violation : { ...violation, in: 'query' }
  })
}
