/** Limits in memory over two workers: exact, and the same after a reload and after a worker's death. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startUpstream } from './echo-upstream.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'
import { clientPortsOf, workersOf } from './worker-connections.ts'

const LIMIT = 400
const CLIENTS_MAX = 400
const LINUX = process.platform === 'linux' ? {} : { skip: 'which process has a connection is read from /proc' }

function configuration(upstreamPort: number, more = ''): string {
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: 2
accessLog: false
services: { s: { targets: ["127.0.0.1:${upstreamPort}"] } }
routes:
  free: { path: /free, service: s }
  limited:
    path: /limited
    service: s
    policies: { rate-limit: { by: ip, rate: 1, per: day, capacity: ${LIMIT} } }
${more}`
}

/** Opens connections until both workers have some. */
async function openOverBoth(t: TestContext, gateway: GatewayProcess): Promise<readonly KeepAliveClient[]> {
  const port = Number(new URL(gateway.url).port)
  const clients: KeepAliveClient[] = []
  t.after(() => {
    for (const client of clients) client.close()
  })
  const isServedBy = (pid: number): boolean => {
    const ports = clientPortsOf(pid, port)
    return clients.some(({ localPort }) => ports.has(localPort))
  }
  while (!workersOf(gateway).every(isServedBy)) {
    assert.ok(clients.length < CLIENTS_MAX, 'one worker gets no connection')
    const more = await Promise.all(Array.from({ length: 8 }, () => KeepAliveClient.open(port)))
    clients.push(...more)
    await Promise.all(more.map(async (client) => assert.equal((await client.get('/free')).status, 200)))
  }
  return clients
}

/** Asks at least so often, on all connections at once. @returns how often each status came */
async function ask(clients: readonly KeepAliveClient[], times: number): Promise<Readonly<Record<number, number>>> {
  const statuses: Record<number, number> = {}
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < times / clients.length; i++) {
        const { status } = await client.get('/limited')
        statuses[status] = (statuses[status] ?? 0) + 1
      }
    }),
  )
  return statuses
}

test('two workers admit exactly the limit, also after a reload and a worker’s death', { ...LINUX, timeout: 30_000 }, async (t) => {
  const { port } = await startUpstream(t)
  const gateway = await new GatewayProcess(t, { config: configuration(port) }).ready()
  const clients = await openOverBoth(t, gateway)
  const statuses = await ask(clients, LIMIT * 2)
  assert.deepEqual(Object.keys(statuses), ['200', '429'])
  assert.equal(statuses[200], LIMIT)

  gateway.writeConfig(configuration(port, '  another: { path: /another, service: s }\n'))
  await gateway.logged('a new configuration is in force')
  assert.deepEqual(Object.keys(await ask(clients, 50)), ['429'])

  const [victim = 0] = workersOf(gateway)
  process.kill(victim, 'SIGKILL')
  await eventually(
    async () => workersOf(gateway),
    (workers) => workers.length === 2 && !workers.includes(victim),
  )
  assert.deepEqual(Object.keys(await ask(await openOverBoth(t, gateway), 50)), ['429'])
  assert.equal(gateway.errors, '')
})
