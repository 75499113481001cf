import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcGateway } from './grpc-gateway.ts'
import { grpcWeb } from './grpc-web.ts'
import { translated } from './testing.ts'

test('2.10 grpc-gateway: calls are made as Kong makes them', async () => {
  const { policies, notes, errors } = await translated(grpcGateway, { proto: 'shop.proto' })
  assert.deepEqual(errors, [])
  assert.deepEqual(notes, ['config#order', 'config#json', 'config#failures'])
  assert.deepEqual(policies['grpc-transcoding:grpc-gateway'], {
    proto: 'shop.proto',
    ignoreUnknownParameters: true,
    ignoreUnknownFields: true,
    ignoreContentType: true,
    streams: 'concatenated',
    statuses: { UNIMPLEMENTED: 500 },
    print: { defaults: true, protoNames: true },
  })
})

test('2.10 grpc-gateway: without proto it cannot be carried, and beside cors it leaves origins to it', async () => {
  assert.equal((await translated(grpcGateway, {})).errors.length, 1)
  const { policies } = await translated(grpcGateway, { proto: 'a' }, { beside: ['cors'] })
  assert.deepEqual(Object.keys(policies), ['grpc-transcoding:grpc-gateway'])
})

test('2.10 grpc-web: the defaults', async () => {
  const { policies, notes } = await translated(grpcWeb, {})
  assert.deepEqual(notes, ['config#others'])
  assert.deepEqual(policies, {
    'grpc-web:grpc-web': {},
    'cors:grpc-web': {
      lenient: true,
      preflightStatus: 200,
      origins: ['*'],
      methods: ['POST'],
      headers: ['content-type', 'x-grpc-web', 'x-user-agent'],
      maxAge: false,
      originAbsent: true,
    },
  })
})

test('2.10 grpc-web: what it becomes with all it has', async () => {
  const { policies, notes } = await translated(grpcWeb, { proto: 'a', pass_stripped_path: true, allow_origin_header: 'nonsense' })
  assert.deepEqual(Object.keys(policies), ['grpc-web:grpc-web', 'rewrite:grpc-web', 'grpc-transcoding:grpc-web'])
  assert.deepEqual(notes, ['config#others', 'config.allow_origin_header', 'config.proto'])
})
