/** Health checks by gRPC's own protocol, of servers that are grpc-js's. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { eventually, type Rig, startRig } from './harness.ts'

const CHECK = '/grpc.health.v1.Health/Check'
const SERVING = 1
const NOT_SERVING = 2

const bytes = (value: Buffer): Buffer => value

/** Knows the health of what stands in `services`; of nothing else it has heard. */
async function grpcServer(
  t: TestContext,
  services: Record<string, number> | null,
  credentials = ServerCredentials.createInsecure(),
): Promise<number> {
  const server = new Server()
  const check: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    // Field 1, a string shorter than 128 bytes.
    const name = call.request.subarray(2).toString()
    const state = services?.[name]
    if (state === undefined) answer({ code: status.NOT_FOUND })
    else answer(null, Buffer.from([0x08, state]))
  }
  const definition = {
    Check: {
      path: CHECK,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  } as const
  if (services !== null) server.addService(definition, { Check: check })
  t.after(() => server.forceShutdown())
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error === null ? resolve(port) : reject(error)))
  })
}

function start(t: TestContext, ports: readonly number[], grpcService = '', tls?: { ca: string }): Promise<Rig> {
  const active = { kind: 'grpc', grpcService, interval: '100ms', timeout: '90ms', unhealthyAfter: 1, healthyAfter: 1 } as const
  return startRig(t, {
    service: { protocol: 'h2', ...(tls !== undefined && { tls }), health: { active, panicPercent: 0 } },
    ports: () => ports,
  })
}

function targets(rig: Rig, state: string): number {
  return rig.metric('gateway_targets', { state })
}

test('a server that serves is healthy, and one that says otherwise is not', async (t) => {
  const services = { '': SERVING, orders: SERVING }
  const port = await grpcServer(t, services)
  const rig = await start(t, [port, await grpcServer(t, { '': NOT_SERVING })])
  await eventually(() => targets(rig, 'healthy') === 1 && targets(rig, 'unhealthy') === 1, 'one of each')
  assert.match(rig.warnings.join('\n'), /the server says NOT_SERVING/)
  services[''] = NOT_SERVING
  await eventually(() => targets(rig, 'unhealthy') === 2, 'both to be ill')
  services[''] = SERVING
  await eventually(() => targets(rig, 'healthy') === 1, 'it to be well again')
})

test('one service of a server can be asked for', async (t) => {
  const port = await grpcServer(t, { '': NOT_SERVING, orders: SERVING })
  const known = await start(t, [port], 'orders')
  await eventually(() => targets(known, 'healthy') === 1, 'health')
  const unknown = await start(t, [port], 'payments')
  await eventually(() => targets(unknown, 'unhealthy') === 1, 'illness')
  assert.match(unknown.warnings.join('\n'), /grpc-status NOT_FOUND/)
})

test('a server without the health service is told so, and is not healthy', async (t) => {
  const rig = await start(t, [await grpcServer(t, null)])
  await eventually(() => targets(rig, 'unhealthy') === 1, 'illness')
  assert.match(rig.warnings.join('\n'), /the server has no health service/)
})

test('it is asked over TLS where the service is', { skip: certificatesMissing }, async (t) => {
  const authority = new Authority()
  const { cert, key } = authority.forServer()
  const credentials = ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }])
  const rig = await start(t, [await grpcServer(t, { '': SERVING }, credentials)], '', { ca: authority.cert })
  await eventually(() => targets(rig, 'healthy') === 1, 'health')
})
