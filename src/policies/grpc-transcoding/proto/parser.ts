/** A .proto file to its descriptor (protobuf.com/docs/language-spec): proto2, proto3 and edition 2023. Names of types are found by the linker. */
import { create } from '@bufbuild/protobuf'
import {
  Edition,
  FileDescriptorProtoSchema,
  FileOptionsSchema,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
  ServiceOptionsSchema,
} from '@bufbuild/protobuf/wkt'
import type { Import, ParsedFile } from './declarations.ts'
import { type DeclarationPath, FileContext } from './file-context.ts'
import { MessageParser } from './message-parser.ts'
import { addOption } from './options.ts'
import { TokenReader } from './token-reader.ts'

/** Field numbers of google/protobuf/descriptor.proto, which places of comments are made of. */
const PACKAGE = 2
const MESSAGE_TYPE = 4
const ENUM_TYPE = 5
const SERVICE = 6
const EXTENSION = 7
const SYNTAX = 12
const SERVICE_METHOD = 2

/**
 * Parses one file. Throws a ProtoFault, whose message begins with file, line and column, at the first thing that is wrong.
 * @param name by which it is imported
 * @param shownName by which messages call it
 */
export function parseProto(name: string, shownName: string, text: string): ParsedFile {
  return new FileParser(name, new TokenReader(shownName, text)).parse()
}

class FileParser {
  readonly #reader: TokenReader
  readonly #file: FileContext
  readonly #messages: MessageParser
  readonly #imports: Import[] = []

  constructor(name: string, reader: TokenReader) {
    this.#reader = reader
    this.#file = new FileContext(reader, create(FileDescriptorProtoSchema, { name }))
    this.#messages = new MessageParser(this.#file)
  }

  parse(): ParsedFile {
    const { proto, declarations, references, options } = this.#file
    this.#syntax()
    while (this.#reader.next.kind !== 'end') this.#statement()
    return { shownName: this.#reader.file, proto, imports: this.#imports, declarations, references, options }
  }

  #syntax(): void {
    const reader = this.#reader
    const isEdition = reader.is('edition')
    if (!isEdition && !reader.is('syntax')) return
    const leading = reader.leadingComment()
    reader.take()
    reader.expect('=')
    const token = reader.next
    const written = reader.string('a string')
    this.#end([SYNTAX], leading)
    const known = isEdition ? ['2023'] : ['proto2', 'proto3']
    if (!known.includes(written))
      throw reader.fault(`expected ${known.map((word) => `"${word}"`).join(' or ')}, found ${token.text}`, token)
    this.#file.syntax = isEdition ? 'editions' : written === 'proto3' ? 'proto3' : 'proto2'
    if (written !== 'proto2') this.#file.proto.syntax = this.#file.syntax
    if (isEdition) this.#file.proto.edition = Edition.EDITION_2023
  }

  #end(path: DeclarationPath, leading: string | undefined): void {
    const token = this.#reader.expect(';')
    this.#file.document(path, leading, token)
  }

  #statement(): void {
    const reader = this.#reader
    const { proto, scope } = this.#file
    if (reader.takeIf(';')) return
    if (reader.is('import')) this.#import()
    else if (reader.is('package')) this.#package()
    else if (reader.is('option')) {
      addOption(this.#file, { scope, schema: FileOptionsSchema, target: () => (proto.options ??= create(FileOptionsSchema)) })
    } else if (reader.is('message')) {
      proto.messageType.push(this.#messages.message([MESSAGE_TYPE, proto.messageType.length], scope, 0))
    } else if (reader.is('enum')) proto.enumType.push(this.#messages.enum([ENUM_TYPE, proto.enumType.length], scope))
    else if (reader.is('extend')) {
      this.#messages.extend({
        path: [EXTENSION],
        scope,
        extensions: proto.extension,
        messages: proto.messageType,
        messagesField: MESSAGE_TYPE,
      })
    } else if (reader.is('service')) proto.service.push(this.#service([SERVICE, proto.service.length]))
    else throw reader.unexpected('a declaration, such as `message` or `service`')
  }

  #import(): void {
    const reader = this.#reader
    const { proto } = this.#file
    reader.take()
    const isPublic = reader.takeIf('public')
    const isWeak = !isPublic && reader.takeIf('weak')
    const token = reader.next
    const name = reader.string('the name of a file')
    reader.expect(';')
    if (proto.dependency.includes(name)) throw reader.fault(`\`${name}\` is imported twice`, token)
    if (isPublic) proto.publicDependency.push(proto.dependency.length)
    if (isWeak) proto.weakDependency.push(proto.dependency.length)
    proto.dependency.push(name)
    this.#imports.push({ name, token, isPublic })
  }

  #package(): void {
    const leading = this.#reader.leadingComment()
    const first = this.#reader.take()
    if (this.#file.proto.package !== '') throw this.#reader.fault('a file has one package', first)
    this.#file.proto.package = this.#reader.qualifiedName('the name of a package', false).text
    this.#file.scope = this.#file.proto.package
    this.#end([PACKAGE], leading)
  }

  #service(path: DeclarationPath): ServiceDescriptorProto {
    const reader = this.#reader
    const leading = reader.leadingComment()
    reader.take()
    const token = reader.identifier('the name of a service')
    const service = create(ServiceDescriptorProtoSchema, { name: token.text })
    const scope = this.#file.declare(this.#file.scope, 'service', token)
    this.#file.document(path, leading, reader.expect('{'))
    while (!reader.takeIf('}')) {
      if (reader.takeIf(';')) continue
      if (reader.is('option')) {
        addOption(this.#file, { scope, schema: ServiceOptionsSchema, target: () => (service.options ??= create(ServiceOptionsSchema)) })
      } else if (reader.is('rpc')) this.#method(service, [...path, SERVICE_METHOD, service.method.length], scope)
      else throw reader.unexpected('`rpc`, `option` or `}`')
    }
    return service
  }

  #method(service: ServiceDescriptorProto, path: DeclarationPath, scope: string): void {
    const reader = this.#reader
    const leading = reader.leadingComment()
    reader.take()
    const token = reader.identifier('the name of a method')
    const method = create(MethodDescriptorProtoSchema, { name: token.text })
    this.#file.declare(scope, 'method', token)
    service.method.push(method)
    if (this.#side(scope, (name) => (method.inputType = name))) method.clientStreaming = true
    reader.expect('returns')
    if (this.#side(scope, (name) => (method.outputType = name))) method.serverStreaming = true
    if (reader.is(';')) return this.#end(path, leading)
    this.#file.document(path, leading, reader.expect('{'))
    const target = () => (method.options ??= create(MethodOptionsSchema))
    while (!reader.takeIf('}')) {
      if (reader.takeIf(';')) continue
      if (!reader.is('option')) throw reader.unexpected('`option` or `}`')
      addOption(this.#file, { scope: `${scope}.${method.name}`, schema: MethodOptionsSchema, target })
    }
  }

  /** What a method takes or gives; tells whether it is a stream. */
  #side(scope: string, set: (name: string) => void): boolean {
    const reader = this.#reader
    reader.expect('(')
    const isStream = reader.takeIf('stream')
    const token = reader.qualifiedName('the name of a message')
    this.#file.references.push({ token, scope, takesEnum: false, set })
    reader.expect(')')
    return isStream
  }
}
