/** SOAP answers as REST responses. */
import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { contentCodingOf, type Decoded, decodeContent } from '../../core/content-coding.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { BodyVerdict, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import { decodeXml } from './charset.ts'
import { Decoder, Unfit } from './decode.ts'
import { type Envelope, isNamed, readEnvelope } from './envelope.ts'
import { isSoap, mediaTypeOf } from './media-type.ts'
import type { SoapOptions } from './options.ts'
import type { Call } from './request.ts'
import type { ServicePlan } from './service-plan.ts'
import { faultAnswer, readFault } from './soap-fault.ts'
import { type XmlElement, XmlFault } from './xml.ts'

const UNFIT = refuse('upstream_body_invalid')
const TOO_LARGE = refuse('upstream_body_too_large')

/** What spoke of the bytes that came. */
const OF_THE_BODY = [
  'Content-Encoding',
  'Content-Digest',
  'Repr-Digest',
  'Digest',
  'Content-MD5',
  'ETag',
  'Accept-Ranges',
  'Last-Modified',
] as const

export class ResponseTranslator {
  readonly #service: ServicePlan
  readonly #options: SoapOptions

  constructor(service: ServicePlan, options: SoapOptions) {
    this.#service = service
    this.#options = options
  }

  /** What the head alone tells. An error of HTTP that is no fault stays what it is. */
  head({ response, trace }: Exchange, call: Call): Verdict {
    const { operation } = call.plan
    const { headers, status, bodyLength } = response
    const isEmpty = bodyLength === 0 || status === 204
    const type = headers.getJoined('Content-Type')
    if (!isEmpty && isEnvelope(type)) {
      call.receivedType = type ?? ''
      // Steps of other policies on the body look at this before they run, behind this policy's.
      headers.set('Content-Type', 'application/json')
      return undefined
    }
    if (status >= 400) return undefined
    const isOneWay = operation.output === null && status < 300
    // Chunks may turn out to be none.
    if (isOneWay && bodyLength === LENGTH_UNKNOWN) return undefined
    if (isEmpty && isOneWay) {
      headers.delete('Content-Type')
      if (status !== 204) response.status = 202
      return undefined
    }
    trace?.note(`the service answers ${operation.name} with ${status} and no envelope`)
    return UNFIT
  }

  /** Whether the body is to be read: where it says that it is an envelope, or where nothing is to come. */
  wants({ response }: Exchange, { plan, receivedType }: Call): boolean {
    return receivedType !== '' || (plan.operation.output === null && response.status < 300)
  }

  tooLarge(exchange: Exchange, call: Call): Verdict {
    return exchange.response.status >= 400 ? asItCame(exchange, call) : TOO_LARGE
  }

  body(exchange: Exchange, call: Call, body: Buffer): BodyVerdict | Promise<BodyVerdict> {
    const { headers } = exchange.response
    const coding = contentCodingOf(headers)
    if (coding === null) return this.#unfit(exchange, call, 'the answer has a content coding that cannot be read')
    const decoded = decodeContent(coding, body, this.#options.bodyBytesMax)
    return decoded instanceof Promise ? decoded.then((late) => this.#decoded(exchange, call, late)) : this.#decoded(exchange, call, decoded)
  }

  #decoded(exchange: Exchange, call: Call, decoded: Decoded): BodyVerdict {
    if (decoded === 'too large') return this.tooLarge(exchange, call)
    if (decoded === 'malformed') return this.#unfit(exchange, call, 'the content coding of the answer is broken')
    if (decoded.length === 0 && call.plan.operation.output === null && exchange.response.status < 300) return this.#nothing(exchange)
    if (call.receivedType === '') return this.#unfit(exchange, call, 'the answer is no envelope')
    const text = decodeXml(decoded, mediaTypeOf(call.receivedType)?.charset ?? '')
    if (text === undefined) return this.#unfit(exchange, call, 'the charset of the answer is none that is read, or is contradicted')
    try {
      const envelope = readEnvelope(text)
      if (envelope === null) return this.#unfit(exchange, call, 'the answer is no envelope')
      return this.#envelope(exchange, call, envelope)
    } catch (error) {
      if (error instanceof XmlFault) return this.#unfit(exchange, call, `the answer ${error.message}`)
      if (error instanceof Unfit) return this.#unfit(exchange, call, `the answer does not fit its schema: ${error.message}`)
      throw error
    }
  }

  #envelope(exchange: Exchange, call: Call, envelope: Envelope): BodyVerdict {
    const { operation } = call.plan
    const { response, requestId } = exchange
    const decoder = new Decoder(this.#service.codecs)
    const fault = readFault(envelope)
    if (fault !== null) {
      const { status, problem } = faultAnswer(fault, operation.faults, this.#options.faults, decoder, requestId)
      exchange.trace?.note(`the service answers with the fault ${fault.code}`)
      response.status = status
      return this.#json(exchange, 'application/problem+json', problem)
    }
    if (response.status >= 400) return this.#unfit(exchange, call, 'the answer is an error without a fault')
    if (operation.output === null) return this.#nothing(exchange)
    const { element, wrapped, anyName } = operation.output
    if (element === null) return this.#json(exchange, 'application/json', {})
    const found = envelope.body.find((child) => anyName || isNamed(child, element.name))
    if (found === undefined) return this.#unfit(exchange, call, `the answer has no ${element.name.local}`)
    const value = decoder.element(element, anyName ? withPlainParts(found) : found)
    return this.#json(exchange, 'application/json', wrapped ? { [element.member]: value } : value)
  }

  #nothing(exchange: Exchange): BodyVerdict {
    exchange.response.status = 202
    exchange.response.headers.delete('Content-Type')
    for (const name of OF_THE_BODY) exchange.response.headers.delete(name)
    return Buffer.alloc(0)
  }

  #json({ response: { headers } }: Exchange, type: string, value: unknown): Buffer {
    for (const name of OF_THE_BODY) headers.delete(name)
    headers.set('Content-Type', type)
    return Buffer.from(JSON.stringify(value))
  }

  /** An error of HTTP stays as it is: it came from something in between, perhaps, that knows nothing of SOAP. */
  #unfit(exchange: Exchange, call: Call, why: string): Verdict {
    exchange.trace?.note(why)
    return exchange.response.status >= 400 ? asItCame(exchange, call) : UNFIT
  }
}

function isEnvelope(field: string | undefined): boolean {
  const type = mediaTypeOf(field)
  return type !== undefined && isSoap(type)
}

/** Gives the answer its own type back. */
function asItCame({ response: { headers } }: Exchange, { receivedType }: Call): undefined {
  if (receivedType !== '') headers.set('Content-Type', receivedType)
}

/** Parts in rpc style are in no namespace (WS-I Basic Profile, R2735); many services put them into that of the wrapper. */
function withPlainParts(wrapper: XmlElement): XmlElement {
  return { ...wrapper, children: wrapper.children.map((child) => (typeof child === 'string' ? child : { ...child, ns: '' })) }
}
