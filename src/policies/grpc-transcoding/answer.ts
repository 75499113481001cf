/** Messages of services as clients of REST get them. */
import { fromBinary, type JsonValue, type JsonWriteOptions, type Message, type Registry, toJson } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import { type Api, type ApiRoute, HTTP_BODY } from './api.ts'
import { FrameFault } from './frames.ts'
import { bytesHoldTooMany, MESSAGES_MAX } from './message-count.ts'

export interface PrintOptions {
  readonly defaults: boolean
  readonly enumsAsNumbers: boolean
  readonly protoNames: boolean
}

/** A body and its type. */
export interface AnswerBody {
  readonly contentType: string
  readonly body: Buffer
}

/** Writes the messages of one route. */
export class AnswerWriter {
  readonly #route: ApiRoute
  readonly #registry: Registry
  readonly #options: JsonWriteOptions

  constructor({ registry }: Api, route: ApiRoute, print: PrintOptions) {
    this.#route = route
    this.#registry = registry
    this.#options = {
      alwaysEmitImplicit: print.defaults,
      enumAsInteger: print.enumsAsNumbers,
      useProtoFieldName: print.protoNames,
      registry,
    }
  }

  /** Throws an Error for what is no message of the method, a {@link FrameFault} for more messages within it than are made. */
  json(bytes: Uint8Array): string {
    return JSON.stringify(this.#value(this.#read(bytes)))
  }

  /** As {@link json}, or what a google.api.HttpBody holds. */
  body(bytes: Uint8Array): AnswerBody {
    const { method, responseField } = this.#route
    const message = this.#read(bytes)
    const raw = responseField === null ? rawBody(message, method.output) : this.#rawField(message, responseField)
    return raw ?? { contentType: 'application/json', body: Buffer.from(JSON.stringify(this.#value(message))) }
  }

  #read(bytes: Uint8Array): Message {
    const { output } = this.#route.method
    if (bytesHoldTooMany(output, bytes, this.#registry)) throw new FrameFault('too large', `more than ${MESSAGES_MAX} messages within one`)
    return fromBinary(output, bytes)
  }

  #rawField(message: Message, field: NonNullable<ApiRoute['responseField']>): AnswerBody | null {
    if (field.fieldKind !== 'message' || field.message.typeName !== HTTP_BODY) return null
    const inner = reflect(this.#route.method.output, message).get(field)
    return rawBody(inner.message, field.message)
  }

  #value(message: Message): JsonValue {
    const { method, responseField } = this.#route
    if (responseField === null) return toJson(method.output, message, this.#options)
    // A field that is left out of its message is an answer of its own here: an empty list, say.
    const json: JsonValue = toJson(method.output, message, { ...this.#options, alwaysEmitImplicit: true })
    const name = this.#options.useProtoFieldName ? responseField.name : responseField.jsonName
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json[name] ?? null) : null
  }
}

function rawBody(message: Message, desc: ApiRoute['method']['output']): AnswerBody | null {
  if (desc.typeName !== HTTP_BODY) return null
  const fields = reflect(desc, message)
  const [type, data] = [desc.field['contentType'], desc.field['data']]
  if (type?.fieldKind !== 'scalar' || data?.fieldKind !== 'scalar') return null
  const bytes = fields.get(data)
  const contentType = String(fields.get(type))
  // A type that could not stand in a header is none.
  const isType = /^[\x21-\x7e]([\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(contentType)
  return {
    contentType: isType ? contentType : 'application/octet-stream',
    body: bytes instanceof Uint8Array ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.alloc(0),
  }
}
