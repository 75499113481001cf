/** SOAP answers as REST responses. */
import { LENGTH_UNKNOWN } from '../../core/body.ts'
import { contentCodingOf, type Decoded, decodeContent } from '../../core/content-coding.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { Headers } from '../../core/headers.ts'
import type { BodyVerdict, Verdict } from '../../core/policy.ts'
import { refuse } from '../../core/reply.ts'
import { decodeXml } from './charset.ts'
import { Decoder, Unfit } from './decode.ts'
import { type Envelope, isNamed, readEnvelope } from './envelope.ts'
import { isSoap, mediaTypeOf } from './media-type.ts'
import type { Operation } from './model.ts'
import type { SoapOptions } from './options.ts'
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
  head({ response, trace }: Exchange, operation: Operation): Verdict {
    const isError = response.status >= 400
    const isEmpty = response.bodyLength === 0 || response.status === 204
    if (isError || (!isEmpty && this.isEnvelope(response.headers))) return undefined
    const isOneWay = operation.output === null && response.status < 300
    // Chunks may turn out to be none.
    if (isOneWay && response.bodyLength === LENGTH_UNKNOWN) return undefined
    if (isEmpty && isOneWay) {
      response.headers.delete('Content-Type')
      if (response.status !== 204) response.status = 202
      return undefined
    }
    trace?.note(`the service answers ${operation.name} with ${response.status} and no envelope`)
    return UNFIT
  }

  /** Whether the body is to be read: where it says that it is an envelope, or where nothing is to come. */
  wants({ response }: Exchange, operation: Operation): boolean {
    return this.isEnvelope(response.headers) || (operation.output === null && response.status < 300)
  }

  isEnvelope(headers: Headers): boolean {
    const type = mediaTypeOf(headers.getJoined('Content-Type'))
    return type !== undefined && isSoap(type)
  }

  tooLarge({ response }: Exchange): Verdict {
    return response.status >= 400 ? undefined : TOO_LARGE
  }

  body(exchange: Exchange, operation: Operation, body: Buffer): BodyVerdict | Promise<BodyVerdict> {
    const { headers } = exchange.response
    const coding = contentCodingOf(headers)
    if (coding === null) return this.#unfit(exchange, 'the answer has a content coding that cannot be read')
    const decoded = decodeContent(coding, body, this.#options.bodyBytesMax)
    return decoded instanceof Promise
      ? decoded.then((late) => this.#decoded(exchange, operation, late))
      : this.#decoded(exchange, operation, decoded)
  }

  #decoded(exchange: Exchange, operation: Operation, decoded: Decoded): BodyVerdict {
    if (decoded === 'too large') return this.tooLarge(exchange)
    if (decoded === 'malformed') return this.#unfit(exchange, 'the content coding of the answer is broken')
    if (decoded.length === 0 && operation.output === null && exchange.response.status < 300) return this.#nothing(exchange)
    if (!this.isEnvelope(exchange.response.headers)) return this.#unfit(exchange, 'the answer is no envelope')
    const text = decodeXml(decoded, mediaTypeOf(exchange.response.headers.getJoined('Content-Type'))?.charset ?? '')
    if (text === undefined) return this.#unfit(exchange, 'the charset of the answer is none that is read, or is contradicted')
    try {
      const envelope = readEnvelope(text)
      if (envelope === null) return this.#unfit(exchange, 'the answer is no envelope')
      return this.#envelope(exchange, operation, envelope)
    } catch (error) {
      if (error instanceof XmlFault) return this.#unfit(exchange, `the answer ${error.message}`)
      if (error instanceof Unfit) return this.#unfit(exchange, `the answer does not fit its schema: ${error.message}`)
      throw error
    }
  }

  #envelope(exchange: Exchange, operation: Operation, envelope: Envelope): BodyVerdict {
    const { response, requestId } = exchange
    const decoder = new Decoder(this.#service.codecs)
    const fault = readFault(envelope)
    if (fault !== null) {
      const { status, problem } = faultAnswer(fault, operation.faults, this.#options.faults, decoder, requestId)
      exchange.trace?.note(`the service answers with the fault ${fault.code}`)
      response.status = status
      return this.#json(exchange, 'application/problem+json', problem)
    }
    if (response.status >= 400) return this.#unfit(exchange, 'the answer is an error without a fault')
    if (operation.output === null) return this.#nothing(exchange)
    const { element, wrapped, anyName } = operation.output
    if (element === null) return this.#json(exchange, 'application/json', {})
    const found = envelope.body.find((child) => anyName || isNamed(child, element.name))
    if (found === undefined) return this.#unfit(exchange, `the answer has no ${element.name.local}`)
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
  #unfit({ response, trace }: Exchange, why: string): Verdict {
    trace?.note(why)
    return response.status >= 400 ? undefined : UNFIT
  }
}

/** Parts in rpc style are in no namespace (WS-I Basic Profile, R2735); many services put them into that of the wrapper. */
function withPlainParts(wrapper: XmlElement): XmlElement {
  return { ...wrapper, children: wrapper.children.map((child) => (typeof child === 'string' ? child : { ...child, ns: '' })) }
}
