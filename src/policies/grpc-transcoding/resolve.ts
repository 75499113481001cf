/** Reads the files that options name. In the control process only. */

import { posix } from 'node:path'
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt'
import type { OptionFiles, Remark } from '../../core/policy.ts'
import { buildApi } from './api.ts'
import { decodeDescriptorSet, encodeDescriptorSet, inOrder, readDescriptorSet, registryOf } from './descriptor-set.ts'
import type { GrpcTranscodingOptions } from './options.ts'
import { compileProtos, type ProtoSource } from './proto/compile.ts'

/** What is needed whether a file imports it or not: how REST looks, and what errors say. */
const NEEDED = [
  'google/api/annotations.proto',
  'google/api/field_behavior.proto',
  'google/api/httpbody.proto',
  'google/rpc/error_details.proto',
  'google/rpc/status.proto',
]
/** What descriptors may leave out that import it. */
const SPARE = [
  ...NEEDED,
  ...['any', 'api', 'descriptor', 'duration', 'empty', 'field_mask', 'source_context', 'struct', 'timestamp', 'type', 'wrappers'].map(
    (name) => `google/protobuf/${name}.proto`,
  ),
]
/** What a service is asked by. */
const REFLECTION = 'grpc/reflection/v1/reflection.proto'
const PROBLEMS_TOLD_MAX = 5

const NO_FILES: ProtoSource = { read: () => Promise.resolve(null) }

/** Rejects with what is wrong: with a file, and its place in it where that can be told, or with the rules for REST. */
export async function resolveOptions(options: GrpcTranscodingOptions, files: OptionFiles): Promise<GrpcTranscodingOptions> {
  const needed = await compileProtos(NEEDED, NO_FILES)
  if (options.reflection !== undefined) {
    return { ...(await withCa(options, files)), descriptorSet: encodeDescriptorSet(await compileProtos([...SPARE, REFLECTION], NO_FILES)) }
  }
  const own = options.proto === undefined ? await readDescriptors(options.descriptors ?? [], files) : await readProtos(options, files)
  const set = inOrder([...own, ...needed], await compileProtos(SPARE, NO_FILES))
  const { problems } = buildApi(registryOf(set), options)
  if (problems.length > 0) {
    const more = problems.length - PROBLEMS_TOLD_MAX
    throw new Error(problems.slice(0, PROBLEMS_TOLD_MAX).join('; ') + (more > 0 ? `; and ${more} more` : ''))
  }
  return { ...options, descriptorSet: encodeDescriptorSet(set) }
}

/** What is allowed and seldom meant. */
export function remarksOn(options: GrpcTranscodingOptions): readonly Remark[] {
  if (options.reflection !== undefined || options.descriptorSet === undefined) return []
  if (buildApi(registryOf(decodeDescriptorSet(options.descriptorSet)), options).routes.length > 0) return []
  return [
    { severity: 'warning', path: [], message: 'no method has a `google.api.http` option, so that nothing is offered; see `autoMapping`' },
  ]
}

async function readDescriptors(names: readonly string[], files: OptionFiles): Promise<readonly FileDescriptorProto[]> {
  const sets = await Promise.all(
    names.map(async (name) => {
      const bytes = await files.readBytes(name)
      try {
        return readDescriptorSet(bytes)
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        throw new Error(`the file \`${name}\` is no FileDescriptorSet: ${reason}`, { cause: error })
      }
    }),
  )
  return sets.flat()
}

async function readProtos(
  { proto = [], importPaths }: GrpcTranscodingOptions,
  files: OptionFiles,
): Promise<readonly FileDescriptorProto[]> {
  const folders = (importPaths ?? [...new Set(proto.map((file) => posix.dirname(file)))]).map((folder) => posix.normalize(folder))
  const source: ProtoSource = {
    async read(name) {
      for (const folder of folders) {
        const shownName = posix.join(folder, name)
        try {
          return { shownName, text: await files.read(shownName) }
        } catch {
          // Perhaps in the next folder.
        }
      }
      return null
    },
  }
  for (const file of proto) await files.read(file)
  return compileProtos(
    proto.map((file) => importName(file, folders)),
    source,
  )
}

/** The name that a file is imported by: from the first folder on that holds it. */
function importName(file: string, folders: readonly string[]): string {
  const path = posix.normalize(file)
  for (const folder of folders) {
    const prefix = folder === '.' ? '' : folder.endsWith('/') ? folder : `${folder}/`
    if (path.startsWith(prefix) && !(folder === '.' && /^(\/|\.\.\/)/.test(path))) return path.slice(prefix.length)
  }
  throw new Error(`the file \`${file}\` is in none of the \`importPaths\``)
}

/** Puts the text of certificates in place of their file's name. */
async function withCa(options: GrpcTranscodingOptions, files: OptionFiles): Promise<GrpcTranscodingOptions> {
  const { reflection } = options
  if (reflection === undefined || typeof reflection.tls === 'boolean' || reflection.tls.ca === undefined) return options
  if (reflection.tls.ca.includes('-----BEGIN')) return options
  return { ...options, reflection: { ...reflection, tls: { ...reflection.tls, ca: await files.read(reflection.tls.ca) } } }
}
