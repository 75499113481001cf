/** Sets of file descriptors (google.protobuf.FileDescriptorSet): from bytes, in order, and complete. */
import { create, createFileRegistry, type FileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'

/** Most files of one set. */
const FILES_MAX = 5_000

/** Throws an Error where the bytes are no set. */
export function readDescriptorSet(bytes: Uint8Array): readonly FileDescriptorProto[] {
  const { file } = fromBinary(FileDescriptorSetSchema, bytes)
  if (file.length === 0) throw new Error('there is no file in it')
  return file
}

/** As plain JSON can carry it. */
export function encodeDescriptorSet(files: readonly FileDescriptorProto[]): string {
  return Buffer.from(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [...files] }))).toString('base64')
}

/** @param text as {@link encodeDescriptorSet} makes it */
export function decodeDescriptorSet(text: string): readonly FileDescriptorProto[] {
  return readDescriptorSet(Buffer.from(text, 'base64'))
}

/**
 * Puts each file behind those that it imports. Of files with one name the first counts.
 * @param spare files that are taken only where one of `files` imports them
 * Throws an Error that names a file which is imported and not there.
 */
export function inOrder(files: readonly FileDescriptorProto[], spare: readonly FileDescriptorProto[]): readonly FileDescriptorProto[] {
  const byName = new Map<string, FileDescriptorProto>()
  for (const file of [...files, ...spare]) if (!byName.has(file.name)) byName.set(file.name, file)
  const ordered: FileDescriptorProto[] = []
  const states = new Map<string, 'open' | 'added'>()
  const add = (file: FileDescriptorProto): void => {
    const state = states.get(file.name)
    if (state === 'added') return
    if (state === 'open') throw new Error(`\`${file.name}\` imports itself, by way of others`)
    if (states.size === FILES_MAX) throw new Error(`more than ${FILES_MAX} files`)
    states.set(file.name, 'open')
    for (const name of file.dependency) {
      const dependency = byName.get(name)
      if (dependency === undefined)
        throw new Error(
          `\`${name}\`, which \`${file.name}\` imports, is not there: descriptors are to come with what they import (\`--include_imports\`)`,
        )
      add(dependency)
    }
    states.set(file.name, 'added')
    ordered.push(file)
  }
  for (const file of files) add(file)
  return ordered
}

/** @param files each behind those that it imports */
export function registryOf(files: readonly FileDescriptorProto[]): FileRegistry {
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }))
}
