import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import type { PolicySurroundings } from '../../core/policy.ts'
import { problemsOf } from '../testing.ts'
import { decodeDescriptorSet } from './descriptor-set.ts'
import type { GrpcTranscodingOptions } from './options.ts'
import { grpcTranscoding } from './policy.ts'
import { compileProtos } from './proto/compile.ts'

type Files = Readonly<Record<string, string | Uint8Array>>

const MESSAGE = 'message M { string name = 1; repeated string names = 2; M inner = 3; map<string, string> map = 4; }'
const HEAD = 'syntax = "proto3"; package p; import "google/api/annotations.proto";'
const proto = (...rules: readonly string[]): string =>
  `${HEAD} ${MESSAGE} service S { ${rules.map((rule, index) => `rpc M${index}(M) returns (M) { option (google.api.http) = { ${rule} }; }`).join(' ')} }`

async function resolved(written: unknown, files: Files): Promise<GrpcTranscodingOptions> {
  const options = (await grpcTranscoding.loadSchema()).parse(written)
  const find = (path: string): Promise<string | Uint8Array> => {
    const found = files[path]
    return found === undefined
      ? Promise.reject(new Error(`the file \`${path}\` cannot be read: there is no such file`))
      : Promise.resolve(found)
  }
  const bytes = async (path: string): Promise<Buffer> => Buffer.from(await find(path))
  return (await grpcTranscoding.resolve?.(options, { read: async (path) => String(await bytes(path)), readBytes: bytes })) ?? options
}

async function fault(written: unknown, files: Files): Promise<string> {
  try {
    await resolved(written, files)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'none'
}

function namesOf({ descriptorSet = '' }: GrpcTranscodingOptions): readonly string[] {
  return decodeDescriptorSet(descriptorSet).map(({ name }) => name)
}

test('imports are found in the folders that are given, or in those of the files', async () => {
  const main = `${HEAD} import "common/m.proto"; service S { rpc M(common.M) returns (common.M) { option (google.api.http) = { get: "/x" }; } }`
  const files: Files = {
    'protos/shop/main.proto': main,
    'vendor/common/m.proto': 'syntax = "proto3"; package common; message M { string a = 1; }',
    'protos/shop/common/m.proto': 'syntax = "proto3"; package common; message M { string b = 1; }',
  }
  const given = await resolved({ proto: 'protos/shop/main.proto', importPaths: ['protos', './vendor/'] }, files)
  assert.ok(namesOf(given).includes('shop/main.proto'))
  assert.equal(
    decodeDescriptorSet(given.descriptorSet ?? '').find(({ name }) => name === 'common/m.proto')?.messageType[0]?.field[0]?.name,
    'a',
  )
  const own = await resolved({ proto: ['protos/shop/main.proto'] }, files)
  assert.ok(namesOf(own).includes('main.proto'))
  assert.equal(
    decodeDescriptorSet(own.descriptorSet ?? '').find(({ name }) => name === 'common/m.proto')?.messageType[0]?.field[0]?.name,
    'b',
  )
  const outside = await fault({ proto: 'protos/shop/main.proto', importPaths: ['vendor'] }, files)
  assert.equal(outside, 'the file `protos/shop/main.proto` is in none of the `importPaths`')
})

test('a mistake in a file is told with its place', async () => {
  assert.equal(
    await fault({ proto: 'a/x.proto' }, { 'a/x.proto': `${HEAD}\nmessage M { N n = 1; }` }),
    'a/x.proto:2:13: no type `N` is declared',
  )
  assert.equal(await fault({ proto: 'nope.proto' }, {}), 'the file `nope.proto` cannot be read: there is no such file')
  assert.equal(
    await fault({ proto: 'x.proto' }, { 'x.proto': 'import "y.proto";' }),
    'x.proto:1:8: `y.proto` is in none of the `importPaths`',
  )
})

test('a set of descriptors is taken as protoc and buf write it', async () => {
  const text = proto('get: "/x"')
  const all = await compileProtos(['x.proto'], { read: async (name) => (name === 'x.proto' ? { shownName: name, text } : null) })
  const bytes = (files: typeof all) => toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [...files] }))
  // In whatever order, and with what comes with the gateway left out.
  const alone = await resolved({ descriptors: 'set.binpb' }, { 'set.binpb': bytes(all.filter(({ name }) => name === 'x.proto')) })
  const reversed = await resolved({ descriptors: ['set.binpb'] }, { 'set.binpb': bytes(all.toReversed()) })
  for (const options of [alone, reversed]) assert.ok(namesOf(options).includes('x.proto'))
  assert.equal(
    await fault({ descriptors: 'set.binpb' }, { 'set.binpb': 'no set' }),
    'the file `set.binpb` is no FileDescriptorSet: illegal tag: field no 13 wire type 6',
  )
  const missing = create(FileDescriptorSetSchema, { file: [{ name: 'a.proto', dependency: ['b.proto'] }] })
  assert.match(
    await fault({ descriptors: 'set.binpb' }, { 'set.binpb': toBinary(FileDescriptorSetSchema, missing) }),
    /^`b\.proto`, which `a\.proto` imports, is not there: .*--include_imports/,
  )
})

test('rules that cannot be kept, and those that take the same requests, are told with their method', async () => {
  const problem = (...rules: readonly string[]) => fault({ proto: 'x.proto' }, { 'x.proto': proto(...rules) })
  assert.equal(
    await problem('get: "/v1/{name=a/*}"', 'get: "/v1/a/{name}"'),
    '`p.S.M1`: `GET /v1/a/{name}` takes the same requests as `GET /v1/{name=a/*}` of `p.S.M0`',
  )
  assert.equal(await problem('get: "v1"'), '`p.S.M0`: `v1`: expected `/`, at character 1')
  assert.equal(await problem('get: "/{nope}"'), '`p.S.M0`: `/{nope}`: `p.M` has no field `nope`')
  assert.equal(await problem('get: "/{names}"'), '`p.S.M0`: `/{names}`: `names` is no single value')
  assert.equal(await problem('get: "/{map}"'), '`p.S.M0`: `/{map}`: `map` is no single value')
  assert.equal(await problem('get: "/{inner}"'), '`p.S.M0`: `/{inner}`: `inner` is no single value')
  assert.equal(await problem('get: "/{name.x}"'), '`p.S.M0`: `/{name.x}`: `name` is no message, and has no field `x`')
  assert.equal(await problem('get: "/{name}/{name}"'), '`p.S.M0`: `/{name}/{name}` has a variable twice')
  assert.equal(await problem('post: "/x" body: "nope"'), '`p.S.M0`: `body: "nope"` is no field of `p.M`')
  assert.equal(await problem('post: "/x" response_body: "nope"'), '`p.S.M0`: `response_body: "nope"` is no field of `p.M`')
  assert.equal(await problem('body: "*"'), '`p.S.M0`: a rule needs one of `get`, `put`, `post`, `delete`, `patch` and `custom`')
  assert.equal(await problem('custom: { kind: "A B" path: "/x" }'), '`p.S.M0`: `A B` of `custom` is no method')
  assert.equal(await problem('custom: { kind: "HEAD" path: "/x" }'), '`p.S.M0`: `HEAD` has no answer that could be read')
  assert.equal(
    await problem('get: "/x" additional_bindings { get: "/y" additional_bindings { get: "/z" } }'),
    '`p.S.M0`: a binding among `additional_bindings` has none of its own',
  )
  assert.match(await problem(...Array.from({ length: 8 }, () => 'get: "x"')), /; and 3 more$/)
  const stream = `${HEAD} ${MESSAGE} service S { rpc M(stream M) returns (M) { option (google.api.http) = { get: "/x" }; } }`
  assert.equal(await fault({ proto: 'x.proto' }, { 'x.proto': stream }), '`p.S.M`: a stream of requests comes in a `body`')
})

test('options that do not go together are refused, and an API of nothing is remarked on', async () => {
  assert.deepEqual(await problemsOf(grpcTranscoding, {}), ['expected one of `descriptors`, `proto` and `reflection`'])
  assert.deepEqual(await problemsOf(grpcTranscoding, { proto: 'a', descriptors: 'b' }), [
    'expected one of `descriptors`, `proto` and `reflection`',
  ])
  assert.deepEqual(await problemsOf(grpcTranscoding, { descriptors: 'b', importPaths: ['c'] }), ['`importPaths` goes with `proto` only'])
  for (const address of ['a', 'a:', 'http://a:1', 'a:1/x'])
    assert.deepEqual(
      await problemsOf(grpcTranscoding, { reflection: { address } }),
      ['expected a host and a port: `shop.internal:50051`'],
      address,
    )
  for (const basePath of ['a', '/', '/a/', '/a/../b'])
    assert.equal((await problemsOf(grpcTranscoding, { proto: 'a', basePath })).length, 1, basePath)

  const around: PolicySurroundings = {
    optionsOf: () => undefined,
    authenticates: false,
    clientCertificates: false,
    stores: new Set(),
    consumers: new Set(),
  }
  const files: Files = { 'x.proto': `${HEAD} ${MESSAGE} service S { rpc M(M) returns (M); }` }
  const remarks = async (written: object) =>
    grpcTranscoding.review?.(await resolved({ proto: 'x.proto', ...written }, files), around).map(({ message }) => message)
  assert.deepEqual(await remarks({}), ['no method has a `google.api.http` option, so that nothing is offered; see `autoMapping`'])
  assert.deepEqual(await remarks({ autoMapping: true }), [])
})

test('certificates for reflection are read from their file', async () => {
  const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n'
  const options = await resolved({ reflection: { address: 'a:1', tls: { ca: 'ca.pem' } } }, { 'ca.pem': pem })
  assert.deepEqual(options.reflection?.tls, { ca: pem })
  assert.deepEqual((await resolved({ reflection: { address: 'a:1', tls: { ca: pem } } }, {})).reflection?.tls, { ca: pem })
})
