/** Several parsed files to one set of descriptors: names of types are found, and options put into their messages. */
import { create, createFileRegistry } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import type { Declaration, ParsedFile, TypeReference } from './declarations.ts'
import { ProtoFault, type Token } from './lexer.ts'
import { applyOption } from './options.ts'

/** What a name stands for. */
type Symbol = { readonly kind: Declaration['kind'] | 'package'; readonly file: string }

/** A file of the set: one that was parsed, or a descriptor that came as it is. */
export type LinkedFile = ParsedFile | FileDescriptorProto

export function isParsed(file: LinkedFile): file is ParsedFile {
  return 'shownName' in file
}

export function protoOf(file: LinkedFile): FileDescriptorProto {
  return isParsed(file) ? file.proto : file
}

/**
 * Completes the descriptors of parsed files. Throws a ProtoFault at the first name that stands for nothing, or for two things.
 * @param files each behind those that it imports
 */
export function link(files: readonly LinkedFile[]): readonly FileDescriptorProto[] {
  const linker = new Linker(files)
  for (const file of files) if (isParsed(file)) linker.findTypes(file)
  const protos = files.map(protoOf)
  const parsed = files.filter(isParsed).filter(({ options }) => options.length > 0)
  if (parsed.length === 0) return protos
  // What options are made of: extensions, which are files of this set themselves.
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...protos] }))
  for (const file of parsed) {
    const extension = (name: string, scope: string): string | null => linker.find(name, scope, file.proto.name, ['extension'])
    for (const option of file.options) applyOption(file.shownName, option, registry, extension)
  }
  return protos
}

class Linker {
  readonly #symbols = new Map<string, Symbol>()
  /** Files whose names each file may use: itself, what it imports, and what that imports publicly. */
  readonly #visible = new Map<string, ReadonlySet<string>>()

  constructor(files: readonly LinkedFile[]) {
    const byName = new Map(files.map((file) => [protoOf(file).name, protoOf(file)]))
    for (const file of files) {
      const proto = protoOf(file)
      this.#visible.set(proto.name, visibleFrom(proto, byName))
      this.#addPackage(proto)
      if (isParsed(file)) for (const declaration of file.declarations) this.#add(declaration, file)
      else this.#addAll(proto)
    }
  }

  #addPackage({ package: name, name: file }: FileDescriptorProto): void {
    const parts = name.split('.')
    for (let length = 1; length <= parts.length; length++) {
      const prefix = parts.slice(0, length).join('.')
      if (!this.#symbols.has(prefix)) this.#symbols.set(prefix, { kind: 'package', file })
    }
  }

  #add({ name, kind, token }: Declaration, file: ParsedFile): void {
    const known = this.#symbols.get(name)
    if (known !== undefined) {
      const where = known.file === file.proto.name ? 'here' : `in ${known.file}`
      throw new ProtoFault(file.shownName, token, `\`${name}\` is declared already, ${where}, as ${withArticle(known.kind)}`)
    }
    this.#symbols.set(name, { kind, file: file.proto.name })
  }

  /** Of a descriptor what others may refer to. */
  #addAll(proto: FileDescriptorProto): void {
    const add = (scope: string, name: string, kind: Declaration['kind']): string => {
      const full = scope === '' ? name : `${scope}.${name}`
      this.#symbols.set(full, { kind, file: proto.name })
      return full
    }
    const addTypes = (
      scope: string,
      { messageType, enumType, extension }: Pick<FileDescriptorProto, 'messageType' | 'enumType' | 'extension'>,
    ): void => {
      for (const one of enumType) add(scope, one.name, 'enum')
      for (const one of extension) add(scope, one.name, 'extension')
      for (const one of messageType) {
        addTypes(add(scope, one.name, 'message'), { messageType: one.nestedType, enumType: one.enumType, extension: one.extension })
      }
    }
    addTypes(proto.package, proto)
    for (const one of proto.service) add(proto.package, one.name, 'service')
  }

  findTypes(file: ParsedFile): void {
    for (const reference of file.references) this.#resolve(reference, file)
  }

  #resolve({ token, scope, takesEnum, set }: TypeReference, file: ParsedFile): void {
    const name = this.find(token.text, scope, file.proto.name, takesEnum ? ['message', 'enum'] : ['message'])
    if (name === null) throw this.#notFound(token, scope, takesEnum, file)
    set(`.${name}`, this.#symbols.get(name)?.kind === 'enum')
  }

  #notFound(token: Token, scope: string, takesEnum: boolean, { shownName, proto }: ParsedFile): ProtoFault {
    const other = this.#lookUp(token.text, scope, () => true)
    const symbol = other === null ? undefined : this.#symbols.get(other)
    const what = takesEnum ? 'a message or an enum' : 'a message'
    if (symbol === undefined) return new ProtoFault(shownName, token, `no type \`${token.text}\` is declared`)
    if (this.#visible.get(proto.name)?.has(symbol.file) !== true) {
      return new ProtoFault(shownName, token, `\`${token.text}\` is declared in ${symbol.file}, which is not imported`)
    }
    return new ProtoFault(shownName, token, `expected ${what}: \`${token.text}\` is ${withArticle(symbol.kind)}`)
  }

  /**
   * The full name that a name stands for in a scope, from the innermost outwards; null for none.
   * @param kinds that are looked for
   */
  find(name: string, scope: string, file: string, kinds: readonly Declaration['kind'][]): string | null {
    const visible = this.#visible.get(file)
    const found = this.#lookUp(name, scope, ({ file: from, kind }) => kind === 'package' || visible?.has(from) === true)
    const kind = found === null ? undefined : this.#symbols.get(found)?.kind
    return kind !== undefined && kind !== 'package' && kinds.includes(kind) ? found : null
  }

  /** As C++ looks names up: the first part decides on the scope, as long as it can hold the others. */
  #lookUp(name: string, scope: string, sees: (symbol: Symbol) => boolean): string | null {
    const isSeen = (full: string): boolean => {
      const symbol = this.#symbols.get(full)
      return symbol !== undefined && sees(symbol)
    }
    if (name.startsWith('.')) return isSeen(name.slice(1)) ? name.slice(1) : null
    const [first = ''] = name.split('.', 1)
    const isPath = first !== name
    for (let around: string | null = scope; around !== null; around = outer(around)) {
      const prefix = around === '' ? '' : `${around}.`
      const symbol = this.#symbols.get(prefix + first)
      if (symbol === undefined || !sees(symbol)) continue
      if (!isPath) {
        // A field or a method of the same name is not what a type is looked for by.
        if (['message', 'enum', 'extension', 'service'].includes(symbol.kind)) return prefix + name
      } else if (['message', 'package', 'enum', 'service'].includes(symbol.kind)) {
        if (isSeen(prefix + name)) return prefix + name
        // A package is in several files; of a type there is one, which is meant then.
        if (symbol.kind !== 'package') return null
      }
    }
    return null
  }
}

function outer(scope: string): string | null {
  if (scope === '') return null
  const dot = scope.lastIndexOf('.')
  return dot === -1 ? '' : scope.slice(0, dot)
}

function visibleFrom(proto: FileDescriptorProto, byName: ReadonlyMap<string, FileDescriptorProto>): ReadonlySet<string> {
  const visible = new Set([proto.name])
  const addPublic = (name: string): void => {
    if (visible.has(name)) return
    visible.add(name)
    const file = byName.get(name)
    for (const index of file?.publicDependency ?? []) addPublic(file?.dependency[index] ?? '')
  }
  for (const name of proto.dependency) addPublic(name)
  return visible
}

function withArticle(kind: Symbol['kind']): string {
  return `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind === 'value' ? 'value of an enum' : kind}`
}
