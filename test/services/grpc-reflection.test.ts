/** The policy `grpc-transcoding` asks servers for what they offer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CompileContext, PolicySteps } from '../../src/core/policy.ts'
import type { Resource } from '../../src/core/resources.ts'
import { grpcTranscoding } from '../../src/policies/grpc-transcoding/policy.ts'
import { call } from '../../src/policies/grpc-transcoding/testing.ts'
import { testContext } from '../../src/policies/testing.ts'
import { filesOf, startGrpcServer } from './grpc-server.ts'

const ONE = `
syntax = "proto3"; package shop.v1; import "google/api/annotations.proto";
service Shop { rpc GetItem(GetItemRequest) returns (GetItemRequest) { option (google.api.http) = { get: "/one/{name}" }; } }
message GetItemRequest { string name = 1; }`
const TWO = ONE.replace('/one/', '/two/')

interface Reflecting {
  readonly steps: PolicySteps
  readonly log: string[]
}

/** A policy that asks a port; what it keeps is closed with the test. */
async function reflecting(t: { after(run: () => void): void }, port: number, more: object = {}): Promise<Reflecting> {
  const log: string[] = []
  const kept: Resource[] = []
  t.after(() => {
    for (const resource of kept) resource.close()
  })
  const say = (fields: Readonly<Record<string, unknown>>, message: string): void =>
    void log.push(`${message} ${JSON.stringify(fields['reason'] ?? '')}`)
  const context: CompileContext = {
    ...testContext,
    log: { info: say, warn: say, error: say },
    resources: {
      keep(_key, create) {
        const made = create()
        kept.push(made)
        return made
      },
    },
  }
  const written = { reflection: { address: `127.0.0.1:${port}`, refresh: '1s', timeout: '2s', ...more } }
  const options = (await grpcTranscoding.loadSchema()).parse(written)
  const none = () => Promise.reject(new Error('there are no files'))
  const resolved = await grpcTranscoding.resolve?.(options, { read: none, readBytes: none })
  await grpcTranscoding.load?.()
  return { steps: grpcTranscoding.compile(structuredClone(resolved ?? options), context), log }
}

/** Waits until a request gets another answer than this one. */
async function until(steps: PolicySteps, path: string, isIt: (answer: string) => boolean): Promise<string> {
  for (;;) {
    const { reply, path: called } = await call(steps, { path })
    const answer = reply?.code ?? called
    if (isIt(answer)) return answer
    await sleep(20)
  }
}

for (const version of ['v1', 'v1alpha'] as const) {
  test(`a server tells its methods by reflection ${version}`, async (t) => {
    const { port } = await startGrpcServer(t, { files: await filesOf(ONE), handlers: {}, reflection: version })
    const { steps } = await reflecting(t, port)
    const { reply } = await call(steps, { path: '/one/a' })
    assert.equal(reply?.code, 'descriptors_unavailable')
    assert.equal(await until(steps, '/one/a', (answer) => answer !== 'descriptors_unavailable'), '/shop.v1.Shop/GetItem')
  })
}

test('what a server says anew comes into force, and what it said last stays while it is away', async (t) => {
  const first = await startGrpcServer(t, { files: await filesOf(ONE), handlers: {}, reflection: 'v1' })
  const { steps, log } = await reflecting(t, first.port)
  await until(steps, '/one/a', (answer) => answer === '/shop.v1.Shop/GetItem')
  first.stop()
  while (!log.some((line) => line.includes('what it said last stays in force'))) await sleep(20)
  assert.equal((await call(steps, { path: '/one/a' })).path, '/shop.v1.Shop/GetItem')
  await startGrpcServer(t, { files: await filesOf(TWO), handlers: {}, reflection: 'v1', port: first.port })
  await until(steps, '/two/a', (answer) => answer === '/shop.v1.Shop/GetItem')
  assert.equal((await call(steps, { path: '/one/a' })).reply?.code, 'route_not_found')
})

test('a server without reflection, and one that is not there, are told of in the event log', async (t) => {
  const server = await startGrpcServer(t, { files: await filesOf(ONE), handlers: {} })
  const { log } = await reflecting(t, server.port)
  while (log.length === 0) await sleep(20)
  assert.match(log[0] ?? '', /no call can be made yet "gRPC status 12"/)
  server.stop()
  const gone = await reflecting(t, server.port)
  while (gone.log.length === 0) await sleep(20)
  assert.match(gone.log[0] ?? '', /no call can be made yet .*ECONNREFUSED/)
})
