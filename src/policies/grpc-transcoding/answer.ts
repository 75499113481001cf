/** Messages of services as clients of REST get them. */
import { fromBinary, type JsonValue, type JsonWriteOptions, type Message, toJson } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import { type Api, type ApiRoute, HTTP_BODY } from './api.ts'

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
  readonly #options: JsonWriteOptions

  constructor({ registry }: Api, route: ApiRoute, print: PrintOptions) {
    this.#route = route
    this.#options = {
      alwaysEmitImplicit: print.defaults,
      enumAsInteger: print.enumsAsNumbers,
      useProtoFieldName: print.protoNames,
      registry,
    }
  }

  /** Throws an Error for what is no message of the method. */
  json(bytes: Uint8Array): string {
    return JSON.stringify(this.#value(fromBinary(this.#route.method.output, bytes)))
  }

  /** As {@link json}, or what a google.api.HttpBody holds. */
  body(bytes: Uint8Array): AnswerBody {
    const { method, responseField } = this.#route
    const message = fromBinary(method.output, bytes)
    const raw = responseField === null ? rawBody(message, method.output) : this.#rawField(message, responseField)
    return raw ?? { contentType: 'application/json', body: Buffer.from(JSON.stringify(this.#value(message))) }
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
