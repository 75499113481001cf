/** Node's own HTTP parser, llhttp, as the second opinion. */
import { createRequire } from 'node:module'
import type { Message, Outcome } from './outcome.ts'

/** What is used of Node's binding. It is internal: the types are from its source (`src/node_http_parser.cc`). */
interface Parser {
  [callback: number]: unknown
  initialize(type: number, resource: object, headBytesMax: number, lenientFlags: number): void
  execute(bytes: Buffer): number | Error
  finish(): undefined | Error
}

interface Binding {
  readonly HTTPParser: {
    new (): Parser
    readonly REQUEST: number
    readonly RESPONSE: number
    readonly kOnHeaders: number
    readonly kOnHeadersComplete: number
    readonly kOnBody: number
    readonly kOnMessageComplete: number
    readonly kLenientNone: number
  }
  readonly methods: readonly string[]
}

const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as Binding
const RESOURCE = {}
/** What `kOnHeadersComplete` returns for a message that has no body whatever its fields say: the answer to HEAD. */
const SKIP_BODY = 1
/** llhttp's number of QUERY, which stands behind the methods of RTSP that Node's list leaves out. */
const QUERY = 46
const NO_FIELDS: readonly string[] = []

/** One llhttp, strict in everything, used for one input after another. */
export class Llhttp {
  readonly #parser = new HTTPParser()
  #outcome: Outcome = { messages: [], fault: null, pending: null, closed: false }
  /** Fields come in groups of 32 when there are many, and so do trailers. */
  #fields: string[] = []
  #target = ''
  #isHead = false
  #isResponse = false

  constructor() {
    const parser = this.#parser
    parser[HTTPParser.kOnHeaders | 0] = (fields: string[], target: string): void => {
      this.#fields.push(...fields)
      this.#target += target
    }
    parser[HTTPParser.kOnHeadersComplete | 0] = (
      _major: number,
      minor: number,
      fields: string[] | undefined,
      method: number,
      target: string | undefined,
      status: number,
      _reason: string,
      upgrade: boolean,
      keepAlive: boolean,
    ): number => this.#onHead(minor, fields, this.#isResponse ? String(status) : methodName(method), target ?? '', upgrade, keepAlive)
    parser[HTTPParser.kOnBody | 0] = (bytes: Buffer): void => {
      const message = this.#outcome.messages.at(-1)
      if (message !== undefined) message.body += bytes.latin1Slice()
    }
    parser[HTTPParser.kOnMessageComplete | 0] = (): void => {
      const message = this.#outcome.messages.at(-1)
      // With trailers comes the target once more.
      this.#target = ''
      if (message === undefined) return
      message.complete = true
      message.trailers = this.#takeFields()
    }
  }

  /** What it makes of whole bytes. @param requestMethod that a response answers; null for requests. @param ends whether the peer closes after them. */
  read(bytes: Buffer, requestMethod: string | null, ends: boolean): Outcome {
    const outcome: Outcome = { messages: [], fault: null, pending: null, closed: false }
    this.#outcome = outcome
    this.#fields = []
    this.#target = ''
    this.#isResponse = requestMethod !== null
    this.#isHead = requestMethod === 'HEAD'
    this.#parser.initialize(this.#isResponse ? HTTPParser.RESPONSE : HTTPParser.REQUEST, RESOURCE, 0, HTTPParser.kLenientNone)
    const result = this.#parser.execute(bytes)
    const fault = result instanceof Error ? result : ends ? this.#parser.finish() : undefined
    if (fault !== undefined) {
      const { code, reason } = fault as Error & { readonly code?: string; readonly reason?: string }
      outcome.fault = `${code ?? fault.message}: ${reason ?? ''}`
    }
    return outcome
  }

  #onHead(minor: number, fields: string[] | undefined, subject: string, target: string, upgrade: boolean, keepAlive: boolean): number {
    if (fields !== undefined) this.#fields.push(...fields)
    const message: Message = {
      subject,
      target: this.#target + target,
      minorVersion: minor,
      fields: this.#takeFields(),
      // It is asked before it is told that an answer to HEAD has no body.
      keepAlive: this.#isHead ? null : keepAlive,
      upgrade,
      body: '',
      trailers: NO_FIELDS,
      complete: false,
    }
    this.#target = ''
    this.#outcome.messages.push(message)
    return this.#isHead ? SKIP_BODY : 0
  }

  #takeFields(): readonly string[] {
    const fields = this.#fields
    if (fields.length === 0) return NO_FIELDS
    this.#fields = []
    for (let i = 0; i < fields.length; i += 2) fields[i] = (fields[i] ?? '').toLowerCase()
    return fields
  }
}

function methodName(method: number): string {
  return method === QUERY ? 'QUERY' : (methods[method] ?? '')
}
