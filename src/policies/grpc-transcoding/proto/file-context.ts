import { create } from '@bufbuild/protobuf'
import { type FileDescriptorProto, SourceCodeInfo_LocationSchema, SourceCodeInfoSchema } from '@bufbuild/protobuf/wkt'
import type { Declaration, DeclarationKind, OptionStatement, TypeReference } from './declarations.ts'
import type { Token } from './lexer.ts'
import type { TokenReader } from './token-reader.ts'

/** Field numbers and indexes from the file's descriptor down to a declaration's (google.protobuf.SourceCodeInfo.Location.path). */
export type DeclarationPath = readonly number[]

/** What the parsers of one file share. */
export class FileContext {
  readonly reader: TokenReader
  readonly proto: FileDescriptorProto
  readonly declarations: Declaration[] = []
  readonly references: TypeReference[] = []
  readonly options: OptionStatement[] = []
  syntax: 'proto2' | 'proto3' | 'editions' = 'proto2'
  /** The package; empty for none. */
  scope = ''

  constructor(reader: TokenReader, proto: FileDescriptorProto) {
    this.reader = reader
    this.proto = proto
  }

  /** Notes a name; returns it with its scope. */
  declare(scope: string, kind: DeclarationKind, token: Token): string {
    const name = scope === '' ? token.text : `${scope}.${token.text}`
    this.declarations.push({ name, kind, token })
    return name
  }

  /** Keeps the comments of a declaration. Called behind the token that ends it or opens its block. */
  document(path: DeclarationPath, leading: string | undefined, { line, column }: Token): void {
    const trailing = this.reader.trailingComment()
    if (leading === undefined && trailing === undefined) return
    this.proto.sourceCodeInfo ??= create(SourceCodeInfoSchema)
    this.proto.sourceCodeInfo.location.push(
      create(SourceCodeInfo_LocationSchema, {
        path: [...path],
        span: [line - 1, column - 1, column],
        ...(leading !== undefined && { leadingComments: leading }),
        ...(trailing !== undefined && { trailingComments: trailing }),
      }),
    )
  }
}
