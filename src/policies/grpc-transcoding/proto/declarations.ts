import type { DescMessage, Message } from '@bufbuild/protobuf'
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import type { Token } from './lexer.ts'

export type DeclarationKind = 'message' | 'enum' | 'service' | 'extension' | 'field' | 'value' | 'oneof' | 'method'

/** A name that a file declares. */
export interface Declaration {
  /** With its package, without a dot in front. */
  readonly name: string
  readonly kind: DeclarationKind
  readonly token: Token
}

/** A use of a type, whose name is to be found once all files are read. */
export interface TypeReference {
  readonly token: Token
  /** Where the search begins: the package or message around it; empty for the root. */
  readonly scope: string
  /** Whether an enum would do. */
  readonly takesEnum: boolean
  /** Takes the name from the root, with a dot in front. */
  readonly set: (name: string, isEnum: boolean) => void
}

/** One part of an option's name: a field, or in parentheses an extension. */
export interface OptionNamePart {
  readonly token: Token
  readonly isExtension: boolean
}

/** An option that is to be put into its message once extensions are known. */
export interface OptionStatement {
  readonly name: readonly OptionNamePart[]
  /** In text format: what follows the name of a field. */
  readonly value: string
  readonly scope: string
  readonly schema: DescMessage
  /** The message that it belongs into; made when it is asked for. */
  readonly target: () => Message
}

export interface Import {
  readonly name: string
  readonly token: Token
  readonly isPublic: boolean
}

/** A file as far as it can be understood by itself. */
export interface ParsedFile {
  /** Its name in messages. */
  readonly shownName: string
  readonly proto: FileDescriptorProto
  readonly imports: readonly Import[]
  readonly declarations: readonly Declaration[]
  readonly references: readonly TypeReference[]
  readonly options: readonly OptionStatement[]
}
