/** Workers killed with SIGKILL under load. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startUpstream } from './echo-upstream.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'
import { clientPortsOf, workersOf } from './worker-connections.ts'

const CLIENTS = 16
/** Clients that connect anew for each request. */
const NEWCOMERS = 4
/** Connections that are made at most so that every worker has some: the kernel gives them to whom it likes. */
const CLIENTS_MAX = 400
const LINUX = process.platform === 'linux' ? {} : { skip: 'which process has a connection is read from /proc' }

async function start(t: TestContext, workers: number): Promise<GatewayProcess> {
  const { port } = await startUpstream(t)
  const config = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: ${workers}
accessLog: false
services: { s: { targets: ["127.0.0.1:${port}"] } }
routes: { all: { path: /*, service: s } }
`
  return new GatewayProcess(t, { config }).ready()
}

function portOf(gateway: GatewayProcess): number {
  return Number(new URL(gateway.url).port)
}

async function untilServing(gateway: GatewayProcess, workers: number): Promise<void> {
  await eventually(
    async () => ((await (await fetch(`${gateway.adminUrl}/readyz`)).json()) as Record<string, unknown>)['workersServing'],
    (serving) => serving === workers,
  )
}

/** Clients that ask without pause. */
class Load {
  readonly clients: KeepAliveClient[] = []
  /** Clients whose connection was lost, by port, with the reason. */
  readonly lost = new Map<number, string>()
  /** What newcomers met that began after the last `kill` or `forgive`. */
  readonly newcomerFailures: string[] = []
  newcomers = 0
  readonly #port: number
  readonly #running: Promise<void>[] = []
  #epoch = 0
  #stopping = false

  constructor(t: TestContext, port: number) {
    this.#port = port
    t.after(() => this.stop())
  }

  async addClients(count: number): Promise<void> {
    const clients = await Promise.all(Array.from({ length: count }, () => KeepAliveClient.open(this.#port)))
    this.clients.push(...clients)
    this.#running.push(...clients.map((client) => this.#runClient(client)))
  }

  addNewcomers(count: number): void {
    for (let i = 0; i < count; i++) this.#running.push(this.#runNewcomers())
  }

  kill(pid: number): void {
    process.kill(pid, 'SIGKILL')
    this.#epoch++
  }

  /** Newcomers that are under way may fail, and what failed so far does not count. */
  forgive(): void {
    this.newcomerFailures.length = 0
    this.#epoch++
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#running)
    for (const client of this.clients) client.close()
  }

  async #runClient(client: KeepAliveClient): Promise<void> {
    const { localPort } = client
    try {
      while (!this.#stopping) assert.equal((await client.get('/')).status, 200)
    } catch (error) {
      this.lost.set(localPort, String(error))
    }
  }

  async #runNewcomers(): Promise<void> {
    while (!this.#stopping) {
      const epoch = this.#epoch
      try {
        const client = await KeepAliveClient.open(this.#port)
        assert.equal((await client.get('/')).status, 200)
        client.close()
        this.newcomers++
      } catch (error) {
        if (epoch === this.#epoch) this.newcomerFailures.push(String(error))
      }
    }
  }
}

test('a killed worker takes only its own connections with it, and is replaced', { timeout: 60_000, ...LINUX }, async (t) => {
  const gateway = await start(t, 2)
  const port = portOf(gateway)
  const load = new Load(t, port)
  await load.addClients(CLIENTS)
  const [killed, survivor] = workersOf(gateway)
  assert.ok(killed !== undefined && survivor !== undefined)
  while (load.clients.length < CLIENTS_MAX && [killed, survivor].some((pid) => clientPortsOf(pid, port).size < 2)) await load.addClients(2)
  const victims = clientPortsOf(killed, port)
  const spared = clientPortsOf(survivor, port)
  assert.equal(victims.size + spared.size, load.clients.length)
  assert.ok(victims.size >= 2 && spared.size >= 2)
  load.addNewcomers(NEWCOMERS)

  load.kill(killed)
  const { pid, signal } = await gateway.logged('a worker died: replacing it')
  assert.deepEqual({ pid, signal }, { pid: killed, signal: 'SIGKILL' })
  await untilServing(gateway, 2)
  const [, replacement] = workersOf(gateway)
  assert.ok(replacement !== undefined && replacement !== killed && replacement !== survivor)

  // Each of its connections had one request in flight, and that one failed; the others never noticed.
  await eventually(
    async () => load.lost.size,
    (lost) => lost >= victims.size,
  )
  assert.deepEqual(new Set(load.lost.keys()), victims)
  // The replacement can do it alone.
  load.kill(survivor)
  await gateway.logged('a worker died: replacing it')
  await untilServing(gateway, 2)
  const { newcomers } = load
  await eventually(
    async () => load.newcomers,
    (now) => now >= newcomers + 50,
  )
  await load.stop()
  assert.deepEqual(new Set(load.lost.keys()), victims.union(spared))
  assert.deepEqual(load.newcomerFailures, [])
})

test('the only worker is replaced after its death, and whoever connects then is served', { timeout: 60_000, ...LINUX }, async (t) => {
  const gateway = await start(t, 1)
  const load = new Load(t, portOf(gateway))
  await load.addClients(CLIENTS)
  load.addNewcomers(NEWCOMERS)
  const [killed] = workersOf(gateway)
  assert.ok(killed !== undefined)
  load.kill(killed)
  await gateway.logged('a worker died: replacing it')
  await untilServing(gateway, 1)
  await eventually(
    async () => load.lost.size,
    (lost) => lost === CLIENTS,
  )
  // Until here nobody had the listening socket: connections were refused. What fails from here on would be a fault.
  load.forgive()
  const { newcomers } = load
  await eventually(
    async () => load.newcomers,
    (now) => now >= newcomers + 50,
  )
  await load.stop()
  assert.deepEqual(load.newcomerFailures, [])
})
