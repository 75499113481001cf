import { create } from '@bufbuild/protobuf'
import { protoCamelCase } from '@bufbuild/protobuf/reflect'
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FieldDescriptorProto_Label as Label,
  MessageOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'
import type { DeclarationPath, FileContext } from './file-context.ts'
import type { Token } from './lexer.ts'
import { addCompactOptions } from './options.ts'
import { integerValue, type TokenReader } from './token-reader.ts'

/** Where a field is declared: in a message, a oneof or an `extend`. */
export interface FieldPlace {
  /** Takes the field. */
  readonly fields: FieldDescriptorProto[]
  readonly fieldsPath: DeclarationPath
  /** Takes the message of a map's entries, or of a group. */
  readonly messages: DescriptorProto[]
  readonly messagesPath: DeclarationPath
  readonly scope: string
  /** Of the message around it. */
  readonly path: DeclarationPath
  readonly depth: number
  /** Null outside of a oneof. */
  readonly oneofIndex: number | null
  /** Null outside of an `extend`. */
  readonly extendee: Token | null
}

/** Parses the body of a group. */
type ParseBody = (message: DescriptorProto, path: DeclarationPath, scope: string, depth: number) => void

const SCALARS: ReadonlyMap<string, Type> = new Map([
  ['double', Type.DOUBLE],
  ['float', Type.FLOAT],
  ['int64', Type.INT64],
  ['uint64', Type.UINT64],
  ['int32', Type.INT32],
  ['fixed64', Type.FIXED64],
  ['fixed32', Type.FIXED32],
  ['bool', Type.BOOL],
  ['string', Type.STRING],
  ['bytes', Type.BYTES],
  ['uint32', Type.UINT32],
  ['sfixed32', Type.SFIXED32],
  ['sfixed64', Type.SFIXED64],
  ['sint32', Type.SINT32],
  ['sint64', Type.SINT64],
])
const LABELS: ReadonlyMap<string, Label> = new Map([
  ['optional', Label.OPTIONAL],
  ['required', Label.REQUIRED],
  ['repeated', Label.REPEATED],
])
const NO_MAP_KEYS: ReadonlySet<string> = new Set(['double', 'float', 'bytes'])
const FIELD_NUMBER_MAX = 536_870_911
/** Numbers that the wire format keeps for itself. */
const OWN_NUMBERS = [19_000, 19_999] as const

export class FieldParser {
  readonly #file: FileContext
  readonly #reader: TokenReader
  readonly #parseBody: ParseBody

  constructor(file: FileContext, parseBody: ParseBody) {
    this.#file = file
    this.#reader = file.reader
    this.#parseBody = parseBody
  }

  parse(place: FieldPlace): void {
    const reader = this.#reader
    const leading = reader.leadingComment()
    if (reader.is('map') && reader.peek(1).text === '<') return this.#map(place, leading)
    const field = create(FieldDescriptorProtoSchema, { label: this.#label(place) })
    if (place.extendee !== null) this.#refer(place.extendee, place.scope, false, (name) => (field.extendee = name))
    if (place.oneofIndex !== null) field.oneofIndex = place.oneofIndex
    const { syntax } = this.#file
    if (syntax === 'proto3' && place.oneofIndex === null && field.label === Label.OPTIONAL && this.#wroteLabel) field.proto3Optional = true
    if (reader.is('group') && syntax !== 'proto3') return this.#group(field, place, leading)
    this.#type(field, place.scope)
    this.#rest(field, place, reader.identifier('the name of a field'))
    this.#file.document([...place.fieldsPath, place.fields.length - 1], leading, reader.expect(';'))
  }

  #wroteLabel = false

  #label({ oneofIndex, extendee }: FieldPlace): Label {
    const reader = this.#reader
    const token = reader.next
    const label = LABELS.get(token.text)
    this.#wroteLabel = label !== undefined
    const { syntax } = this.#file
    if (label === undefined) {
      if (syntax === 'proto2' && oneofIndex === null) throw reader.unexpected('`optional`, `required` or `repeated`')
      return Label.OPTIONAL
    }
    if (oneofIndex !== null) throw reader.fault(`a field of a oneof is not \`${token.text}\``)
    if (label === Label.REQUIRED && (syntax !== 'proto2' || extendee !== null)) throw reader.fault('`required` is not for this field')
    if (label === Label.OPTIONAL && syntax === 'editions') throw reader.fault('editions have no `optional`: see `features.field_presence`')
    reader.take()
    return label
  }

  #refer(token: Token, scope: string, takesEnum: boolean, set: (name: string, isEnum: boolean) => void): void {
    this.#file.references.push({ token, scope, takesEnum, set })
  }

  #type(field: FieldDescriptorProto, scope: string): void {
    const reader = this.#reader
    const scalar = reader.next.kind === 'identifier' && reader.peek(1).text !== '.' ? SCALARS.get(reader.next.text) : undefined
    if (scalar !== undefined) {
      reader.take()
      field.type = scalar
      return
    }
    this.#refer(reader.qualifiedName('a type'), scope, true, (name, isEnum) => {
      field.typeName = name
      field.type = isEnum ? Type.ENUM : Type.MESSAGE
    })
  }

  /** ` = NUMBER [options]`. The field is then among those of its place. */
  #rest(field: FieldDescriptorProto, place: FieldPlace, token: Token): void {
    const reader = this.#reader
    field.name = token.text
    field.jsonName = protoCamelCase(field.name)
    this.#file.declare(place.scope, place.extendee === null ? 'field' : 'extension', token)
    reader.expect('=')
    const numberToken = reader.next
    field.number = reader.integer('a number', 1, FIELD_NUMBER_MAX)
    if (field.number >= OWN_NUMBERS[0] && field.number <= OWN_NUMBERS[1]) {
      throw reader.fault(`the numbers ${OWN_NUMBERS.join(' to ')} are kept for the wire format`, numberToken)
    }
    const target = () => (field.options ??= create(FieldOptionsSchema))
    addCompactOptions(this.#file, { scope: place.scope, schema: FieldOptionsSchema, target }, (name) => this.#own(field, name))
    place.fields.push(field)
  }

  /** Options that are fields of the descriptor itself. */
  #own(field: FieldDescriptorProto, name: string): boolean {
    const reader = this.#reader
    if (name !== 'default' && name !== 'json_name') return false
    const token = reader.take()
    reader.expect('=')
    if (name === 'json_name') {
      field.jsonName = reader.string('a name in quotes')
      return true
    }
    if (this.#file.syntax === 'proto3') throw reader.fault('proto3 has no defaults of its own', token)
    if (field.label === Label.REPEATED) throw reader.fault('repeated fields have no default', token)
    field.defaultValue = this.#default(field)
    return true
  }

  /** In the form of FieldDescriptorProto.default_value. */
  #default({ type }: FieldDescriptorProto): string {
    const reader = this.#reader
    if (type === Type.STRING) return reader.string('a string')
    if (type === Type.BYTES) return escaped(reader.bytes('a string'))
    const sign = reader.takeIf('-') ? '-' : ''
    const token = reader.next
    if (!['identifier', 'integer', 'float'].includes(token.kind)) throw reader.unexpected('a value')
    reader.take()
    const isFloat = type === Type.FLOAT || type === Type.DOUBLE
    if (token.kind === 'identifier') return sign + token.text
    if (isFloat) return sign + String(token.kind === 'integer' ? integerValue(token.text) : Number(token.text))
    if (token.kind !== 'integer') throw reader.fault('expected a whole number', token)
    return sign + (/^0[0-7]+$/.test(token.text) ? BigInt(`0o${token.text}`) : BigInt(token.text)).toString()
  }

  /** `group Name = 1 { … }` is a field and its message in one (proto2). */
  #group(field: FieldDescriptorProto, place: FieldPlace, leading: string | undefined): void {
    const reader = this.#reader
    if (this.#file.syntax === 'editions') throw reader.fault('editions have no groups: see `features.message_encoding`')
    reader.take()
    const token = reader.identifier('the name of a group')
    if (!/^[A-Z]/.test(token.text)) throw reader.fault('the name of a group begins with a capital letter', token)
    field.type = Type.GROUP
    const scope = this.#file.declare(place.scope, 'message', token)
    field.typeName = `.${scope}`
    this.#rest(field, place, { ...token, text: token.text.toLowerCase() })
    const message = create(DescriptorProtoSchema, { name: token.text })
    const path = [...place.messagesPath, place.messages.length]
    place.messages.push(message)
    this.#file.document(path, leading, reader.expect('{'))
    this.#parseBody(message, path, scope, place.depth + 1)
  }

  /** `map<KEY, VALUE> name = 1;` is a list of entries, whose message nobody wrote. */
  #map(place: FieldPlace, leading: string | undefined): void {
    const reader = this.#reader
    const mapToken = reader.take()
    if (place.oneofIndex !== null || place.extendee !== null) throw reader.fault('a map can stand in a message only', mapToken)
    reader.expect('<')
    const keyToken = reader.identifier('the type of keys')
    const keyType = SCALARS.get(keyToken.text)
    if (keyType === undefined || NO_MAP_KEYS.has(keyToken.text)) throw reader.fault(`\`${keyToken.text}\` is no type for keys`, keyToken)
    reader.expect(',')
    const value = create(FieldDescriptorProtoSchema, { name: 'value', jsonName: 'value', number: 2, label: Label.OPTIONAL })
    const typeToken = reader.next
    const nameOf = (fieldName: string): string => `${camelCase(fieldName)}Entry`
    const key = create(FieldDescriptorProtoSchema, { name: 'key', jsonName: 'key', number: 1, label: Label.OPTIONAL, type: keyType })
    this.#type(value, place.scope)
    reader.expect('>')
    const token = reader.identifier('the name of a field')
    const name = nameOf(token.text)
    this.#file.declare(place.scope, 'message', { ...typeToken, text: name })
    place.messages.push(
      create(DescriptorProtoSchema, { name, field: [key, value], options: create(MessageOptionsSchema, { mapEntry: true }) }),
    )
    const field = create(FieldDescriptorProtoSchema, { label: Label.REPEATED, type: Type.MESSAGE, typeName: `.${place.scope}.${name}` })
    this.#rest(field, place, token)
    this.#file.document([...place.fieldsPath, place.fields.length - 1], leading, reader.expect(';'))
  }
}

/** As protoc names the entries of a map. */
function camelCase(name: string): string {
  return name.replaceAll(/(?:^|_+)([A-Za-z0-9]?)/g, (_, letter: string) => letter.toUpperCase())
}

/** C escapes, of which `default_value` of bytes is made. */
function escaped(bytes: Buffer): string {
  const named: Readonly<Record<number, string>> = { 10: '\\n', 13: '\\r', 9: '\\t', 34: '\\"', 39: "\\'", 92: '\\\\' }
  return [...bytes]
    .map((byte) => named[byte] ?? (byte < 0x20 || byte > 0x7e ? `\\${byte.toString(8).padStart(3, '0')}` : String.fromCharCode(byte)))
    .join('')
}
