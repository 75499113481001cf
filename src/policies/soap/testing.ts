/** What the tests of this policy share. */
import assert from 'node:assert/strict'
import type { Exchange } from '../../core/exchange.ts'
import type { PolicySteps, Verdict } from '../../core/policy.ts'
import type { Violation } from '../../core/violations.ts'
import { contextWith, type ExchangeShape, exchangeOf, onRequest } from '../testing.ts'
import { XSD } from './names.ts'
import type { SoapOptions } from './options.ts'
import { soap } from './policy.ts'

export type Files = Readonly<Record<string, string>>

/** Options as workers get them: defaults filled in, files read, sent as JSON. */
export async function resolved(written: Readonly<Record<string, unknown>>, files: Files): Promise<SoapOptions> {
  const schema = await soap.loadSchema()
  const read = async (path: string): Promise<string> => {
    const text = files[path]
    if (text === undefined) throw new Error(`the file \`${path}\` cannot be read: it is not there`)
    return text
  }
  const options = await soap.resolve?.(schema.parse({ wsdl: 'a.wsdl', ...written }), {
    read,
    readBytes: async (path) => Buffer.from(await read(path)),
  })
  assert.ok(options)
  assert.deepEqual(JSON.parse(JSON.stringify(options)), options, 'a model is plain JSON')
  return options
}

/** What is said of files or options that are wrong. */
export async function problemOf(files: Files, written: Readonly<Record<string, unknown>> = {}): Promise<string> {
  try {
    await resolved(written, files)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'nothing'
}

/** A policy in front of no service: what it would send, and what it makes of answers. */
export class Bench {
  readonly steps: PolicySteps
  readonly options: SoapOptions

  constructor(options: SoapOptions, steps: PolicySteps) {
    this.options = options
    this.steps = steps
  }

  static async of(files: Files, written: Readonly<Record<string, unknown>> = {}): Promise<Bench> {
    const options = await resolved(written, files)
    await soap.load?.()
    return new Bench(options, soap.compile(structuredClone(options), contextWith({})))
  }

  /** Sends JSON, or nothing. */
  request(target: string, json?: unknown, shape: ExchangeShape = {}): { readonly exchange: Exchange; readonly verdict: Verdict | Buffer } {
    const [method = '', path = ''] = target.split(' ')
    const [before = '', query = ''] = path.split('?')
    const body = json === undefined ? undefined : Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
    const headers = body === undefined ? [] : [['Content-Type', 'application/json'] as const]
    const exchange = exchangeOf({ method, path: before, query, bodyLength: body?.length ?? 0, ...shape, headers: shape.headers ?? headers })
    const verdict = onRequest(this.steps, exchange)
    const { requestBody } = this.steps
    if (verdict !== undefined || body === undefined || requestBody?.wanted(exchange) !== true) return { exchange, verdict }
    const made = requestBody.run(exchange, body)
    assert.ok(!(made instanceof Promise))
    return { exchange, verdict: made }
  }

  /** The envelope that a request becomes, without its declaration. */
  sent(target: string, json?: unknown): string {
    const { exchange, verdict } = this.request(target, json)
    const bytes = Buffer.isBuffer(verdict) ? verdict : exchange.requestBody
    assert.ok(bytes !== null && (verdict === undefined || Buffer.isBuffer(verdict)), JSON.stringify(verdict))
    return bytes.toString().replace('<?xml version="1.0" encoding="UTF-8"?>\n', '')
  }

  /** What a request is refused with: its violations, each as `in pointer message`, or its code. */
  refused(target: string, json?: unknown, shape: ExchangeShape = {}): readonly string[] | string {
    const { verdict } = this.request(target, json, shape)
    assert.ok(verdict !== undefined && !Buffer.isBuffer(verdict), 'it passes')
    const violations = verdict.members?.['violations'] as readonly Violation[] | undefined
    return violations?.map(({ in: place, pointer, message }) => `${place} ${pointer} ${message}`) ?? `${verdict.code}`
  }

  /** What becomes of an answer to a request. */
  async answered(exchange: Exchange, answer: Answer): Promise<Answered> {
    const { response } = exchange
    const bytes = typeof answer.body === 'string' ? Buffer.from(answer.body) : (answer.body ?? Buffer.alloc(0))
    response.status = answer.status ?? 200
    response.bodyLength = bytes.length
    response.headers.reset(Buffer.alloc(0), 0)
    if (answer.type !== '') response.headers.set('Content-Type', answer.type ?? 'text/xml; charset=utf-8')
    for (const [name, value] of answer.headers ?? []) response.headers.set(name, value)
    const early = await this.steps.onUpstreamResponse?.(exchange)
    if (early !== undefined) return { status: 0, refusal: early.code, json: undefined, text: '' }
    const { responseBody } = this.steps
    if (bytes.length === 0 || responseBody?.wanted(exchange) !== true)
      return { status: response.status, refusal: null, json: undefined, text: bytes.toString() }
    const made = await responseBody.run(exchange, bytes)
    if (made !== undefined && !Buffer.isBuffer(made)) return { status: 0, refusal: made.code, json: undefined, text: '' }
    const text = (made ?? bytes).toString()
    const isJson = response.headers.get('Content-Type')?.includes('json') === true
    return { status: response.status, refusal: null, json: isJson ? (JSON.parse(text) as unknown) : undefined, text }
  }

  /** The answer to a request whose body of the envelope is this. */
  answer(target: string, body: string, answer: Answer = {}): Promise<Answered> {
    const { exchange } = this.request(target, target.startsWith('GET') ? undefined : {})
    return this.answered(exchange, { ...answer, body: envelope(body) })
  }
}

export interface Answer {
  readonly status?: number
  /** Empty for none. */
  readonly type?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string | Buffer
}

export interface Answered {
  readonly status: number
  /** The code of a refusal. */
  readonly refusal: string | null
  readonly json: unknown
  readonly text: string
}

const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/'

/** An envelope of SOAP 1.1 in whose body the prefix `t` is `urn:t`. */
export function envelope(body: string, ns = SOAP): string {
  return `<s:Envelope xmlns:s="${ns}" xmlns:t="urn:t" xmlns:xs="${XSD}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>${body}</s:Body></s:Envelope>`
}

export interface WsdlShape {
  /** What stands in `xs:schema`, whose namespace is `urn:t`, prefix `t`. */
  readonly schema: string
  /** Attributes of `xs:schema`. */
  readonly form?: string
  /** Messages; by default `In` and `Out` of the elements `t:in` and `t:out`. */
  readonly messages?: string
  readonly operation?: string
  readonly style?: 'document' | 'rpc'
  readonly version?: '1.1' | '1.2'
  /** What stands in the binding's operation in place of what is usual. */
  readonly binding?: string
  readonly address?: string
}

const BODY = '<soap:body use="literal" namespace="urn:t"/>'

/** A WSDL with one operation, `Op`. */
export function wsdlOf(shape: WsdlShape): string {
  const { schema, form = 'elementFormDefault="qualified"', style = 'document', version = '1.1', address = 'http://h/svc' } = shape
  const messages =
    shape.messages ??
    '<message name="In"><part name="p" element="t:in"/></message><message name="Out"><part name="p" element="t:out"/></message>'
  const operation = shape.operation ?? '<input message="t:In"/><output message="t:Out"/>'
  const binding = shape.binding ?? `<input>${BODY}</input>${operation.includes('<output') ? `<output>${BODY}</output>` : ''}`
  return `<definitions targetNamespace="urn:t" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t" xmlns:xs="${XSD}"
 xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap${version === '1.2' ? '12' : ''}/">
<types><xs:schema targetNamespace="urn:t" ${form}>${schema}</xs:schema></types>
${messages}
<portType name="P"><operation name="Op">${operation}</operation></portType>
<binding name="B" type="t:P"><soap:binding style="${style}" transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="Op"><soap:operation soapAction="urn:t#Op"/>${binding}</operation></binding>
<service name="S"><port name="Port" binding="t:B"><soap:address location="${address}"/></port></service>
</definitions>`
}

/** A WSDL whose operation takes and gives the same: elements `in` and `out` with this content. */
export function echoOf(content: string, schema = '', shape: Partial<WsdlShape> = {}): Files {
  const type = `<xs:complexType>${content}</xs:complexType>`
  return {
    'a.wsdl': wsdlOf({
      ...shape,
      schema: `${schema}<xs:element name="in">${type}</xs:element><xs:element name="out">${type}</xs:element>`,
    }),
  }
}

/** What an envelope's body holds, as an answer of the same operation: for types that both share. */
export function echoed(sent: string): string {
  return sent.replaceAll(/(<\/?n\d+:)in\b/g, '$1out')
}
