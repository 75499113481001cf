import { create } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  DescriptorProto_ExtensionRangeSchema,
  DescriptorProto_ReservedRangeSchema,
  DescriptorProtoSchema,
  type EnumDescriptorProto,
  EnumDescriptorProto_EnumReservedRangeSchema,
  EnumDescriptorProtoSchema,
  EnumOptionsSchema,
  EnumValueDescriptorProtoSchema,
  EnumValueOptionsSchema,
  ExtensionRangeOptionsSchema,
  type FieldDescriptorProto,
  MessageOptionsSchema,
  OneofDescriptorProtoSchema,
  OneofOptionsSchema,
} from '@bufbuild/protobuf/wkt'
import { FieldParser, type FieldPlace } from './field-parser.ts'
import type { DeclarationPath, FileContext } from './file-context.ts'
import { addCompactOptions, addOption } from './options.ts'
import { NESTING_MAX, type TokenReader } from './token-reader.ts'

/** Field numbers of google.protobuf.DescriptorProto and EnumDescriptorProto. */
const FIELD = 2
const NESTED_TYPE = 3
const ENUM_TYPE = 4
const EXTENSION = 6
const ONEOF_DECL = 8
const ENUM_VALUE = 2

const FIELD_NUMBER_MAX = 536_870_911
const INT32_MIN = -(2 ** 31)
const INT32_MAX = 2 ** 31 - 1

/** Parses messages, enums and extensions. */
export class MessageParser {
  readonly #file: FileContext
  readonly #reader: TokenReader
  readonly #fields: FieldParser

  constructor(file: FileContext) {
    this.#file = file
    this.#reader = file.reader
    this.#fields = new FieldParser(file, (message, path, scope, depth) => this.#body(message, path, scope, depth))
  }

  message(path: DeclarationPath, scope: string, depth: number): DescriptorProto {
    const reader = this.#reader
    const leading = reader.leadingComment()
    reader.take()
    const token = reader.identifier('the name of a message')
    const message = create(DescriptorProtoSchema, { name: token.text })
    const inner = this.#file.declare(scope, 'message', token)
    this.#file.document(path, leading, reader.expect('{'))
    this.#body(message, path, inner, depth)
    return message
  }

  /** What follows the brace that opens a message, up to the one that closes it. */
  #body(message: DescriptorProto, path: DeclarationPath, scope: string, depth: number): void {
    if (depth > NESTING_MAX) throw this.#reader.fault(`messages nested deeper than ${NESTING_MAX} levels`)
    while (!this.#reader.takeIf('}')) this.#member(message, path, scope, depth)
    addSyntheticOneofs(message)
    this.#checkFields(message, scope)
  }

  #member(message: DescriptorProto, path: DeclarationPath, scope: string, depth: number): void {
    const reader = this.#reader
    if (reader.takeIf(';')) return
    // Words of the language may begin a field too: `message message = 1;` is none, `optional message = 1;` is.
    if (reader.is('message')) {
      message.nestedType.push(this.message([...path, NESTED_TYPE, message.nestedType.length], scope, depth + 1))
    } else if (reader.is('enum')) message.enumType.push(this.enum([...path, ENUM_TYPE, message.enumType.length], scope))
    else if (reader.is('option')) {
      addOption(this.#file, { scope, schema: MessageOptionsSchema, target: () => (message.options ??= create(MessageOptionsSchema)) })
    } else if (reader.is('extend')) {
      const lists = { extensions: message.extension, messages: message.nestedType, messagesField: NESTED_TYPE }
      this.extend({ path: [...path, EXTENSION], scope, ...lists })
    } else if (reader.is('extensions')) this.#extensionRanges(message, scope)
    else if (reader.is('reserved')) this.#reserved(message)
    else if (reader.is('oneof')) this.#oneof(message, path, scope, depth)
    else this.#fields.parse(placeIn(message, path, scope, depth))
  }

  #oneof(message: DescriptorProto, path: DeclarationPath, scope: string, depth: number): void {
    const reader = this.#reader
    const leading = reader.leadingComment()
    reader.take()
    const token = reader.identifier('the name of a oneof')
    const index = message.oneofDecl.length
    const oneof = create(OneofDescriptorProtoSchema, { name: token.text })
    message.oneofDecl.push(oneof)
    this.#file.declare(scope, 'oneof', token)
    this.#file.document([...path, ONEOF_DECL, index], leading, reader.expect('{'))
    const before = message.field.length
    while (!reader.takeIf('}')) {
      if (reader.takeIf(';')) continue
      if (reader.is('option')) {
        addOption(this.#file, { scope, schema: OneofOptionsSchema, target: () => (oneof.options ??= create(OneofOptionsSchema)) })
      } else this.#fields.parse({ ...placeIn(message, path, scope, depth), oneofIndex: index })
    }
    if (message.field.length === before) throw reader.fault(`the oneof \`${oneof.name}\` has no field`, token)
  }

  /** `extend NAME { fields }`. */
  extend(place: Pick<FieldPlace, 'path' | 'scope'> & ExtensionLists): void {
    const reader = this.#reader
    reader.take()
    const extendee = reader.qualifiedName('the name of a message')
    reader.expect('{')
    while (!reader.takeIf('}')) {
      if (reader.takeIf(';')) continue
      this.#fields.parse({
        fields: place.extensions,
        fieldsPath: place.path,
        messages: place.messages,
        messagesPath: [...place.path.slice(0, -1), place.messagesField],
        scope: place.scope,
        path: place.path.slice(0, -1),
        depth: 0,
        oneofIndex: null,
        extendee,
      })
    }
  }

  #extensionRanges(message: DescriptorProto, scope: string): void {
    const reader = this.#reader
    reader.take()
    const ranges = this.#ranges(1, FIELD_NUMBER_MAX).map(([start, end]) =>
      create(DescriptorProto_ExtensionRangeSchema, { start, end: end + 1 }),
    )
    message.extensionRange.push(...ranges)
    // One message for all: they are written once for all.
    const options = create(ExtensionRangeOptionsSchema)
    const target = () => {
      for (const range of ranges) range.options = options
      return options
    }
    addCompactOptions(this.#file, { scope, schema: ExtensionRangeOptionsSchema, target })
    reader.expect(';')
  }

  #reserved(message: DescriptorProto): void {
    const names = this.#reservedNames()
    if (names !== null) {
      message.reservedName.push(...names)
      return
    }
    for (const [start, end] of this.#ranges(1, FIELD_NUMBER_MAX)) {
      message.reservedRange.push(create(DescriptorProto_ReservedRangeSchema, { start, end: end + 1 }))
    }
    this.#reader.expect(';')
  }

  /** Names after `reserved`; null where numbers follow. */
  #reservedNames(): string[] | null {
    const reader = this.#reader
    reader.take()
    if (!['string', 'identifier'].includes(reader.next.kind)) return null
    const names: string[] = []
    do names.push(this.#file.syntax === 'editions' ? reader.identifier('a name').text : reader.string('a name in quotes'))
    while (reader.takeIf(','))
    reader.expect(';')
    return names
  }

  /** `2, 9 to 11, 100 to max`; both ends are in. */
  #ranges(min: number, max: number): [number, number][] {
    const reader = this.#reader
    const ranges: [number, number][] = []
    do {
      const token = reader.next
      const start = reader.integer('a number', min, max)
      const end = !reader.takeIf('to') ? start : reader.takeIf('max') ? max : reader.integer('a number', min, max)
      if (end < start) throw reader.fault('the end of this range is before its start', token)
      ranges.push([start, end])
    } while (reader.takeIf(','))
    return ranges
  }

  enum(path: DeclarationPath, scope: string): EnumDescriptorProto {
    const reader = this.#reader
    const leading = reader.leadingComment()
    reader.take()
    const token = reader.identifier('the name of an enum')
    const made = create(EnumDescriptorProtoSchema, { name: token.text })
    const inner = this.#file.declare(scope, 'enum', token)
    this.#file.document(path, leading, reader.expect('{'))
    while (!reader.takeIf('}')) {
      if (reader.takeIf(';')) continue
      if (reader.is('option') && reader.peek(1).text !== '=') {
        addOption(this.#file, { scope: inner, schema: EnumOptionsSchema, target: () => (made.options ??= create(EnumOptionsSchema)) })
      } else if (reader.is('reserved') && reader.peek(1).text !== '=') this.#reservedValues(made)
      else this.#enumValue(made, path, scope)
    }
    const [first] = made.value
    if (first === undefined) throw reader.fault(`the enum \`${made.name}\` has no value`, token)
    if (this.#file.syntax === 'proto3' && first.number !== 0) throw reader.fault('the first value of an enum is 0 in proto3', token)
    return made
  }

  /** Values are named in the scope of their enum, not within it. */
  #enumValue(made: EnumDescriptorProto, path: DeclarationPath, scope: string): void {
    const reader = this.#reader
    const leading = reader.leadingComment()
    const token = reader.identifier('the name of a value')
    const value = create(EnumValueDescriptorProtoSchema, { name: token.text })
    this.#file.declare(scope, 'value', token)
    reader.expect('=')
    value.number = reader.integer('a number', INT32_MIN, INT32_MAX)
    const target = () => (value.options ??= create(EnumValueOptionsSchema))
    addCompactOptions(this.#file, { scope, schema: EnumValueOptionsSchema, target })
    this.#file.document([...path, ENUM_VALUE, made.value.length], leading, reader.expect(';'))
    made.value.push(value)
  }

  #reservedValues(made: EnumDescriptorProto): void {
    const names = this.#reservedNames()
    if (names !== null) {
      made.reservedName.push(...names)
      return
    }
    for (const [start, end] of this.#ranges(INT32_MIN, INT32_MAX)) {
      made.reservedRange.push(create(EnumDescriptorProto_EnumReservedRangeSchema, { start, end }))
    }
    this.#reader.expect(';')
  }

  /** A number or a name in JSON that two fields share would have each read as the other. */
  #checkFields({ name, field }: DescriptorProto, scope: string): void {
    const token = this.#file.declarations.find((declaration) => declaration.name === scope)?.token ?? this.#reader.next
    const numbers = new Map<number, FieldDescriptorProto>()
    for (const one of field) {
      const other = numbers.get(one.number)
      if (other !== undefined) {
        throw this.#reader.fault(`\`${other.name}\` and \`${one.name}\` of \`${name}\` have the same number ${one.number}`, token)
      }
      numbers.set(one.number, one)
    }
  }
}

interface ExtensionLists {
  readonly extensions: FieldDescriptorProto[]
  /** Where groups put their messages. */
  readonly messages: DescriptorProto[]
  readonly messagesField: number
}

function placeIn(message: DescriptorProto, path: DeclarationPath, scope: string, depth: number): FieldPlace {
  return {
    fields: message.field,
    fieldsPath: [...path, FIELD],
    messages: message.nestedType,
    messagesPath: [...path, NESTED_TYPE],
    scope,
    path,
    depth,
    oneofIndex: null,
    extendee: null,
  }
}

/** An optional field of proto3 is the only one of a oneof that nobody wrote; these stand behind all others. */
function addSyntheticOneofs(message: DescriptorProto): void {
  const taken = new Set([...message.field.map(({ name }) => name), ...message.oneofDecl.map(({ name }) => name)])
  for (const field of message.field) {
    if (!field.proto3Optional) continue
    let name = field.name.startsWith('_') ? `X${field.name}` : `_${field.name}`
    while (taken.has(name)) name = `X${name}`
    taken.add(name)
    field.oneofIndex = message.oneofDecl.length
    message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name }))
  }
}
