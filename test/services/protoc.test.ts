/** Our compiler of .proto files beside protoc, over files that use all of the language. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { create, createFileRegistry, fromBinary, type Registry, toJson } from '@bufbuild/protobuf'
import {
  FeatureSet_FieldPresence,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { encodeDescriptorSet } from '../../src/policies/grpc-transcoding/descriptor-set.ts'
import { compileProtos } from '../../src/policies/grpc-transcoding/proto/compile.ts'
import { ensureDebianProgram, missingReason } from './debian.ts'

const ROOT = join(import.meta.dirname, '../..')
const CORPUS = join(ROOT, 'test/protos')
/** Our own copies of Google's files, and the library's that protoc comes with. */
const FOLDERS = [CORPUS, join(ROOT, 'src/policies/grpc-transcoding/protos'), '/usr/include']

const protoc = ensureDebianProgram('protoc', 'protobuf-compiler', 'libprotobuf-dev')
const skip = protoc === null ? missingReason('protoc') : false

function protocFiles(name: string): readonly FileDescriptorProto[] {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-protoc-'))
  try {
    const file = join(folder, 'set.binpb')
    const args = [...FOLDERS.map((path) => `-I${path}`), '--include_imports', '--include_source_info', `--descriptor_set_out=${file}`, name]
    const { status, stderr } = spawnSync(protoc ?? 'protoc', args, { encoding: 'utf8', timeout: 20_000 })
    assert.equal(status, 0, stderr)
    return fromBinary(FileDescriptorSetSchema, readFileSync(file)).file
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function ourFiles(name: string, folders = FOLDERS): Promise<readonly FileDescriptorProto[]> {
  const read = async (wanted: string) => {
    const path = folders.map((folder) => join(folder, wanted)).find((candidate) => existsSync(candidate))
    return path === undefined ? null : { shownName: wanted, text: readFileSync(path, 'utf8') }
  }
  const files = await compileProtos([name], { read })
  // By way of bytes, as options reach workers.
  return fromBinary(FileDescriptorSetSchema, Buffer.from(encodeDescriptorSet(files), 'base64')).file
}

/** Of a message its ranges, whose comments nobody reads, as those of a file's options. */
const RANGES: ReadonlySet<number> = new Set([5, 9])
const FILE_OPTIONS = 8

/** A file as JSON, with custom options, and with the comments of declarations that can be described. */
function shown(file: FileDescriptorProto, registry: Registry): unknown {
  const comments = (file.sourceCodeInfo?.location ?? [])
    .filter(({ path, leadingComments, trailingComments }) => {
      const isRange = path[0] === 4 && path.some((part, index) => index % 2 === 0 && index > 0 && RANGES.has(part))
      return (leadingComments !== '' || trailingComments !== '') && !isRange && path[0] !== FILE_OPTIONS
    })
    .map(({ path, leadingComments, trailingComments }) => `${path.join('.')}: ${leadingComments} / ${trailingComments}`)
    .toSorted()
  const { sourceCodeInfo: _, ...rest } = Object(toJson(FileDescriptorProtoSchema, file, { registry }))
  // protoc leaves empty options where json_name was all there was.
  return {
    ...JSON.parse(JSON.stringify(rest), (key, value: unknown) =>
      key === 'options' && Object.keys(Object(value)).length === 0 ? undefined : value,
    ),
    comments,
  }
}

const NAMES = [
  ...globSync('**/*.proto', { cwd: CORPUS }).filter((name) => name !== 'edition.proto'),
  'google/api/httpbody.proto',
  'google/rpc/error_details.proto',
  'google/rpc/code.proto',
  'grpc/reflection/v1/reflection.proto',
  ...['any', 'api', 'descriptor', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'type', 'wrappers'].map(
    (name) => `google/protobuf/${name}.proto`,
  ),
]

for (const name of NAMES) {
  test(`${name} becomes the descriptors that protoc makes of it`, { skip }, async () => {
    const theirs = protocFiles(name)
    const ours = await ourFiles(name)
    assert.deepEqual(
      ours.map((file) => file.name),
      theirs.map((file) => file.name),
    )
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(encodeDescriptorSet(theirs), 'base64')))
    for (const [index, file] of theirs.entries()) {
      const own = ours[index]
      assert.ok(own !== undefined)
      assert.deepEqual(shown(own, registry), shown(file, registry), file.name)
    }
  })
}

test('what protoc refuses is refused', { skip }, async (t) => {
  const broken = [
    'message A { required string a = 1; }',
    'message A { string a = 1; string b = 1; }',
    'message A { B b = 1; }',
    'message A { map<bytes, string> a = 1; }',
    'message A { oneof o {} }',
    'enum E { A = 1; }',
    'service S { rpc M(string) returns (A); }',
    'message A { string a = 19001; }',
    'option nope = 1;',
    'import "nope.proto";',
  ]
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-protoc-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const statusOf = (source: string): number | null => {
    writeFileSync(join(folder, 'a.proto'), source)
    return spawnSync(protoc ?? 'protoc', [`-I${folder}`, '--descriptor_set_out=/dev/null', 'a.proto'], { timeout: 20_000 }).status
  }
  assert.equal(statusOf('syntax = "proto3"; message A { string a = 1; }'), 0)
  for (const text of broken) {
    const source = `syntax = "proto3"; ${text}`
    assert.equal(statusOf(source), 1, text)
    await assert.rejects(
      compileProtos(['a.proto'], { read: async (name) => (name === 'a.proto' ? { shownName: name, text: source } : null) }),
      text,
    )
  }
})

/** Debian's protoc is older than editions. */
test('an edition has features, of a file and of its parts', async () => {
  const files = await ourFiles('edition.proto', [CORPUS])
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }))
  const fields = registry.getMessage('corpus.edition.Modern')?.fields ?? []
  const told = fields.map(({ name, presence, fieldKind, ...field }) => {
    const isPacked = 'packed' in field && field.packed
    const isDelimited = 'delimitedEncoding' in field && field.delimitedEncoding
    return `${name} ${FeatureSet_FieldPresence[presence]} ${fieldKind}${isPacked ? ' packed' : ''}${isDelimited ? ' delimited' : ''}`
  })
  assert.deepEqual(told, [
    'implicit IMPLICIT scalar',
    'explicit EXPLICIT scalar',
    'with_default EXPLICIT scalar',
    'expanded IMPLICIT list',
    'delimited EXPLICIT message delimited',
    'thing EXPLICIT message',
    'closed IMPLICIT map',
  ])
  assert.equal(registry.getEnum('corpus.edition.Modern.Closed')?.open, false)
  assert.equal(registry.getMessage('corpus.edition.required_like.Thing')?.fields[0]?.presence, FeatureSet_FieldPresence.LEGACY_REQUIRED)
})
