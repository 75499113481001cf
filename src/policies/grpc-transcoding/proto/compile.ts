/** .proto files to a set of descriptors, as protoc makes it with `--include_imports`. In the control process only. */
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import { builtInFile } from './built-in.ts'
import type { Import } from './declarations.ts'
import { ProtoFault } from './lexer.ts'
import { type LinkedFile, link } from './linker.ts'
import { parseProto } from './parser.ts'

/** Most files of one set. */
const FILES_MAX = 2_000

/** Finds a file by the name that it is imported by. */
export interface ProtoSource {
  /** Null where there is no such file. */
  readonly read: (name: string) => Promise<{ readonly shownName: string; readonly text: string } | null>
}

/**
 * Compiles files with all that they import, each behind what it imports. `google/api/` and `google/rpc/` as far as transcoding needs them, and
 * `google/protobuf/` are there without being given.
 *
 * Throws an Error, whose message begins with the file's name, line and column where it can, at the first thing that is wrong.
 * @param names as they would be imported
 */
export async function compileProtos(names: readonly string[], source: ProtoSource): Promise<readonly FileDescriptorProto[]> {
  const loader = new Loader(source)
  for (const name of names) await loader.load(name, null)
  return link(loader.files)
}

class Loader {
  readonly files: LinkedFile[] = []
  readonly #source: ProtoSource
  readonly #state = new Map<string, 'loading' | 'loaded'>()

  constructor(source: ProtoSource) {
    this.#source = source
  }

  /** @param from what imports it; null for a file that was asked for */
  async load(name: string, from: ({ readonly shownName: string } & Pick<Import, 'token'>) | null): Promise<void> {
    const state = this.#state.get(name)
    if (state === 'loaded') return
    if (state === 'loading' && from !== null)
      throw new ProtoFault(from.shownName, from.token, `\`${name}\` imports itself, by way of others`)
    if (this.#state.size === FILES_MAX) throw new Error(`more than ${FILES_MAX} .proto files`)
    this.#state.set(name, 'loading')
    const read = await this.#source.read(name)
    if (read === null) await this.#addBuiltIn(name, from)
    else await this.#parse(name, read.shownName, read.text)
    this.#state.set(name, 'loaded')
  }

  async #parse(name: string, shownName: string, text: string): Promise<void> {
    const parsed = parseProto(name, shownName, text)
    for (const one of parsed.imports) await this.load(one.name, { shownName, token: one.token })
    this.files.push(parsed)
  }

  async #addBuiltIn(name: string, from: Parameters<Loader['load']>[1]): Promise<void> {
    const found = builtInFile(name)
    if (found === null) {
      if (from === null) throw new Error(`there is no file \`${name}\``)
      throw new ProtoFault(from.shownName, from.token, `\`${name}\` is in none of the \`importPaths\``)
    }
    if (typeof found === 'string') return this.#parse(name, name, found)
    for (const dependency of found.dependency) await this.load(dependency, null)
    this.files.push(found)
  }
}
