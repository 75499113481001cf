/** A service that is found in a real Consul, as clients of a real gateway see it while instances change and Consul comes and goes. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { type ConsulAgent, consulMissing, startConsul } from '../services/consul.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'
import { UpstreamProcess } from './upstream-process.ts'

const OPTIONS = { skip: consulMissing, timeout: 90_000 }
const TOKEN = 'token-of-the-test'
const CLIENTS = 8
/** So many answers to each client show who answers, and that a change has cost nothing. */
const ANSWERS = 40

function config(consul: ConsulAgent): string {
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: ${TOKEN} }
workers: 2
accessLog: false
registries: { consul: { url: "${consul.url}" } }
services: { orders: { discovery: { consul: orders } } }
routes: { orders: { path: /*, service: orders } }
`
}

/** Clients that ask without a pause over connections that are kept. */
class Traffic {
  readonly failures: string[] = []
  /** Answers of each instance, by its process. */
  readonly answers = new Map<string, number>()
  readonly #clients: KeepAliveClient[] = []
  #isStopping = false

  static async start(t: TestContext, gateway: GatewayProcess): Promise<Traffic> {
    const traffic = new Traffic()
    const port = Number(new URL(gateway.url).port)
    for (let i = 0; i < CLIENTS; i++) traffic.#clients.push(await KeepAliveClient.open(port))
    const running = traffic.#clients.map((client) => traffic.#run(client))
    t.after(async () => {
      traffic.#isStopping = true
      await Promise.all(running)
      for (const client of traffic.#clients) client.close()
    })
    return traffic
  }

  async #run(client: KeepAliveClient): Promise<void> {
    while (!this.#isStopping) {
      try {
        const { status, head, body } = await client.get('/ok')
        if (status !== 200) this.failures.push(head)
        this.answers.set(body, (this.answers.get(body) ?? 0) + 1)
      } catch (error) {
        this.failures.push(String(error))
        return
      }
      await pause()
    }
  }

  /** Waits until just these instances answer, of which many answers are looked at; none may be a failure. */
  async comesFrom(...instances: readonly UpstreamProcess[]): Promise<void> {
    const wanted = instances.map(({ pid }) => String(pid)).sort()
    do {
      this.answers.clear()
      const before = this.#clients.map(({ answered }) => answered)
      while (this.failures.length === 0 && this.#clients.some(({ answered }, i) => answered < (before[i] ?? 0) + ANSWERS)) await pause()
      assert.deepEqual(this.failures, [])
    } while (!isDeepStrictEqual([...this.answers.keys()].sort(), wanted))
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 2)
  })
}

/** What `/services` says of the discovery: number of targets, reason. */
async function discoveryOf(gateway: GatewayProcess): Promise<string> {
  const response = await fetch(`${gateway.adminUrl}/services`, { headers: { authorization: `Bearer ${TOKEN}` } })
  const view: unknown = await response.json()
  const match = /"discovery":\{"kind":"consul","targets":(\d+|null),"degraded":(null|"[^"]*")\}/.exec(JSON.stringify(view))
  return `${match?.[1]} ${match?.[2]?.replaceAll('"', '')}`
}

function untilDiscovery(gateway: GatewayProcess, wanted: RegExp): Promise<string> {
  return eventually(
    () => discoveryOf(gateway),
    (said) => wanted.test(said),
  )
}

async function register(consul: ConsulAgent, ...upstreams: readonly UpstreamProcess[]): Promise<void> {
  for (const { pid, port } of upstreams) await consul.register({ id: `orders-${pid}`, service: 'orders', port })
}

test('instances change, and Consul is stopped, restarted and emptied, and no request to a healthy service fails', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  const [a, b] = [await UpstreamProcess.start(t), await UpstreamProcess.start(t)]
  await register(consul, a, b)
  const gateway = await new GatewayProcess(t, { config: config(consul) }).ready()
  const traffic = await Traffic.start(t, gateway)
  await traffic.comesFrom(a, b)

  await consul.fail(`orders-${a.pid}`)
  await untilDiscovery(gateway, /^1 null$/)
  await traffic.comesFrom(b)

  await consul.pass(`orders-${a.pid}`)
  await untilDiscovery(gateway, /^2 null$/)
  await traffic.comesFrom(a, b)

  await consul.deregister(`orders-${b.pid}`)
  await untilDiscovery(gateway, /^1 null$/)
  await traffic.comesFrom(a)

  await register(consul, b)
  await untilDiscovery(gateway, /^2 null$/)
  await consul.stop()
  assert.match(await untilDiscovery(gateway, /^2 (?!null)/), /refused the connection|closed the connection/)
  await traffic.comesFrom(a, b)

  // It comes back and knows nothing: that the instances are gone is doubted.
  await consul.start()
  await untilDiscovery(gateway, /^2 .* was away or has lost data|^0 /)
  await traffic.comesFrom(a, b)

  await register(consul, a, b)
  await untilDiscovery(gateway, /^2 null$/)
  await traffic.comesFrom(a, b)
})

test('without an instance the answer is 503, from the start and after the last one has left', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  const upstream = await UpstreamProcess.start(t)
  const gateway = await new GatewayProcess(t, { config: config(consul) }).ready()
  const ask = async (): Promise<string> => {
    const response = await fetch(`${gateway.url}/ok`)
    return `${response.status} ${response.headers.get('turnpike-error')} ${(await response.text()) === String(upstream.pid)}`
  }
  assert.equal(await ask(), '503 service_unavailable false')
  await register(consul, upstream)
  await eventually(ask, (answer) => answer === '200 null true')
  await consul.deregister(`orders-${upstream.pid}`)
  await eventually(ask, (answer) => answer === '503 service_unavailable false')
})

test('a gateway that starts while Consul is away serves as soon as it is there', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  const upstream = await UpstreamProcess.start(t)
  await consul.stop()
  const gateway = await new GatewayProcess(t, { config: config(consul) }).ready()
  const ask = async (): Promise<number> => {
    const response = await fetch(`${gateway.url}/ok`)
    await response.arrayBuffer()
    return response.status
  }
  assert.equal(await ask(), 503)
  await untilDiscovery(gateway, /^null .* refused the connection$/)
  await consul.start()
  await register(consul, upstream)
  assert.equal(await eventually(ask, (status) => status === 200), 200)
})
