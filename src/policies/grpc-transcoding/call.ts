import { create, type DescMessage, type JsonValue, type Message, toBinary } from '@bufbuild/protobuf'
import { type Api, type ApiRoute, HTTP_BODY } from './api.ts'
import { type FieldPath, pathText } from './fields.ts'
import { frameOf } from './frames.ts'
import { JsonFault, merge, type ReadOptions, readJson } from './json-message.ts'
import { fieldsOf, jsonOf, ParameterFault, type ParameterSource, queryPairs, SeenFields } from './parameters.ts'
import { variableValue } from './template.ts'

export interface CallOptions {
  readonly ignoreUnknownParameters: boolean
  readonly ignoreUnknownFields: boolean
}

/** How the answer is written: one message, one on each line, one behind the other, or server-sent events. */
export type AnswerForm = 'json' | 'lines' | 'concatenated' | 'events'

/** One request that becomes a call of a method. */
export class Call {
  readonly api: Api
  readonly route: ApiRoute
  readonly form: AnswerForm
  readonly #read: ReadOptions
  /** What path and query say, each as JSON of the message. */
  readonly #parameters: JsonValue[] = []
  /** Made of {@link #parameters} alone. */
  readonly #bare: Message
  readonly #seen = new SeenFields()

  /**
   * Throws a ParameterFault for a path or a query that no message can be made of.
   * @param segments of the path, in normal form
   */
  constructor(api: Api, route: ApiRoute, segments: readonly string[], query: string, form: AnswerForm, options: CallOptions) {
    this.api = api
    this.route = route
    this.form = form
    this.#read = { registry: api.registry, ignoreUnknownFields: options.ignoreUnknownFields }
    this.#bare = create(route.method.input)
    this.#addCaptures(segments)
    if (query !== '') this.#addQuery(query, options.ignoreUnknownParameters)
  }

  #addCaptures(segments: readonly string[]): void {
    for (const { variable, fields } of this.route.captures) {
      const source = { in: 'path', name: pathText(fields) } as const
      const value = variableValue(variable, segments)
      if (value === null) throw new ParameterFault(source, 'is not percent-encoded UTF-8')
      this.#add(fields, value, source)
    }
  }

  #addQuery(query: string, ignoresUnknown: boolean): void {
    const pairs = queryPairs(query)
    if (pairs === null) throw new ParameterFault({ in: 'query', name: '' }, 'is not percent-encoded UTF-8')
    for (const [name, value] of pairs) {
      const fields = fieldsOf(this.route.method.input, name)
      const source = { in: 'query', name } as const
      // What comes by path or body does not come by query.
      if (fields !== null && !this.#isBound(fields)) this.#add(fields, value, source)
      else if (!ignoresUnknown) throw new ParameterFault(source, fields === null ? 'is not known' : 'comes by path or body')
    }
  }

  #isBound(fields: FieldPath): boolean {
    const { body, captured } = this.route
    return body.kind === 'whole' || (body.kind === 'field' && body.field === fields[0]) || captured.has(pathText(fields))
  }

  #add(fields: FieldPath, text: string, source: ParameterSource): void {
    this.#seen.add(fields, source)
    const json = jsonOf(fields, text, source)
    try {
      merge(this.route.method.input, this.#bare, json, this.#read)
    } catch (error) {
      throw error instanceof JsonFault ? new ParameterFault(source, error.message.replace(/^(?:`[^`]*`|the body) /, '')) : error
    }
    this.#parameters.push(json)
  }

  get isClientStream(): boolean {
    const { methodKind } = this.route.method
    return methodKind === 'client_streaming' || methodKind === 'bidi_streaming'
  }

  get isServerStream(): boolean {
    const { methodKind } = this.route.method
    return methodKind === 'server_streaming' || methodKind === 'bidi_streaming'
  }

  /** Whether a message is answered with as JSON, and not as what it holds (google.api.HttpBody). */
  get answersJson(): boolean {
    const { method, responseField } = this.route
    return responseField === null ? method.output.typeName !== HTTP_BODY : responseField.message?.typeName !== HTTP_BODY
  }

  /** Whether the body is taken as it is, whatever its type (google.api.HttpBody). */
  get takesAnyBody(): boolean {
    return this.#bodyMessage.typeName === HTTP_BODY && this.route.body.kind !== 'none' && !this.isClientStream
  }

  /** The message in its frame, of a request without a body. */
  bareFrame(): Buffer {
    return this.#frame(this.#bare)
  }

  /**
   * The message in its frame.
   * @param body JSON
   * Throws a JsonFault.
   */
  frame(body: Buffer): Buffer {
    return this.#frameOf(readJson(body, this.#bodyMessage))
  }

  /** As {@link frame}, of a body that is taken as it is. */
  frameOfAny(body: Buffer, contentType: string): Buffer {
    return this.#frameOf({ contentType, data: body.toString('base64') })
  }

  get #bodyMessage(): DescMessage {
    const { body, method } = this.route
    return (body.kind === 'field' ? body.field.message : undefined) ?? method.input
  }

  #frameOf(json: JsonValue): Buffer {
    const { body, method } = this.route
    const message = create(method.input)
    if (body.kind === 'field') merge(method.input, message, { [body.field.jsonName]: json }, this.#read, `/${body.field.jsonName}`)
    else merge(method.input, message, json, this.#read)
    // What the path says stands, whatever the body says of the same field.
    for (const parameter of this.#parameters) merge(method.input, message, parameter, this.#read)
    return this.#frame(message)
  }

  /** A field of proto2 that is required and not there is the client's fault, too. */
  #frame(message: Message): Buffer {
    try {
      return frameOf(toBinary(this.route.method.input, message))
    } catch (error) {
      throw new JsonFault(error instanceof Error ? error.message : String(error))
    }
  }
}
