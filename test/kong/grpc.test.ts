/** gRPC services and routes: 2.2, 2.3 and 2.9 of the reference; grpc-js on both sides. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { EchoServer, methodOf } from '../services/grpc-echo.ts'
import { startKong } from './kong-gateway.ts'

async function start(t: TestContext, more: Readonly<Record<string, unknown>> = {}) {
  const echo = await EchoServer.start(t)
  const document = {
    _format_version: '3.0',
    services: [
      {
        name: 'echo',
        url: `grpc://127.0.0.1:${echo.port}`,
        routes: [{ name: 'echo', protocols: ['grpc', 'grpcs'], paths: ['/test.Echo'] }],
      },
    ],
    ...more,
  }
  const kong = await startKong(t, JSON.stringify(document))
  const client = new grpc.Client(`127.0.0.1:${kong.port}`, grpc.credentials.createInsecure(), { 'grpc.enable_retries': 0 })
  t.after(() => client.close())
  const itself = (bytes: Buffer): Buffer => bytes
  const call = (message: string, metadata = new grpc.Metadata()): Promise<{ status: number; details: string; body: string }> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(methodOf('Unary').path, itself, itself, Buffer.from(message), metadata, (error, reply) =>
        resolve({ status: error?.code ?? 0, details: error?.details ?? '', body: reply?.toString() ?? '' }),
      )
    })
  return { kong, echo, call }
}

test('2.3 a call goes to a gRPC service with its path as it is', async (t) => {
  const { echo, call } = await start(t)
  assert.deepEqual(await call('hello'), { status: 0, details: '', body: 'hello' })
  assert.equal(echo.calls[0]?.path, '/test.Echo/Unary')
})

test('2.9 what no route takes is NOT_FOUND for a call', async (t) => {
  const { call } = await start(t, { services: [], routes: [{ name: 'other', protocols: ['grpc'], paths: ['/other'] }] })
  const { status, details } = await call('hello')
  assert.deepEqual([status, details], [grpc.status.NOT_FOUND, 'no Route matched with those values'])
})

test('2.9 a plugin that refuses a call does so by its status', async (t) => {
  const { call } = await start(t, { plugins: [{ name: 'key-auth' }] })
  const { status, details } = await call('hello')
  assert.deepEqual([status, details], [grpc.status.UNAUTHENTICATED, 'No API key found in request'])
})

test('2.9 a request that is no call is refused on a gRPC route', async (t) => {
  const { kong } = await start(t)
  const { status, body } = await kong.ask('/test.Echo/Unary', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
  })
  assert.equal(status, 415)
  assert.match(body, /Non-gRPC request matched gRPC route/)
})
