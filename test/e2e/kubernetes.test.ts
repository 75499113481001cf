/** A service that is found in Kubernetes, as clients of a real gateway see it while endpoints change and the API comes and goes. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { sliceOf } from '../discovery/kubernetes-bench.ts'
import { certificatesMissing } from '../services/certificates.ts'
import { KubernetesApiServer } from '../services/kubernetes-api.ts'
import { writeKubeconfig } from '../services/kubernetes-cluster.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'
import { UpstreamProcess } from './upstream-process.ts'

const OPTIONS = { skip: certificatesMissing, timeout: 90_000 }
const TOKEN = 'a-token-for-the-admin-side'
const CLIENTS = 4
/** So many answers to each client show that a change has cost nothing. */
const ANSWERS = 40

/** A pod: its slice is its own, so that each can have another port on this one address. */
function setPod(server: KubernetesApiServer, { pid, port }: UpstreamProcess, isReady = true): void {
  server.store.put('endpointslices', 'shop', sliceOf(`api-${pid}`, ['127.0.0.1'], [{ name: 'web', port, protocol: 'TCP' }], isReady))
}

async function startGateway(t: TestContext, server: KubernetesApiServer): Promise<GatewayProcess> {
  const config = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: ${TOKEN} }
workers: 2
accessLog: false
registries: { kubernetes: { kubeconfig: "${writeKubeconfig(t, server)}" } }
services: { orders: { discovery: { kubernetes: "api.shop.svc.cluster.local:web" } } }
routes: { orders: { path: /*, service: orders } }
`
  return new GatewayProcess(t, { config }).ready()
}

/** Asks over kept connections, one request after the other on each. @returns the processes that answered, in order; fails when one did not. */
async function ask(clients: readonly KeepAliveClient[]): Promise<readonly string[]> {
  const answers = new Set<string>()
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < ANSWERS; i++) {
        const { status, head, body } = await client.get('/ok')
        assert.equal(status, 200, head)
        answers.add(body)
      }
    }),
  )
  return [...answers].sort()
}

/** Goes on asking while something happens, until it is over. */
async function askDuring(clients: readonly KeepAliveClient[], happens: Promise<unknown>): Promise<void> {
  const state = { isOver: false }
  const over = happens.finally(() => {
    state.isOver = true
  })
  const asking = async (): Promise<void> => {
    while (!state.isOver) await ask(clients)
  }
  await Promise.all([over, asking()])
}

/** What `/services` says of the discovery: number of targets, reason. */
async function untilDiscovery(gateway: GatewayProcess, wanted: RegExp): Promise<string> {
  return eventually(
    async () => {
      const view = await (await fetch(`${gateway.adminUrl}/services`, { headers: { authorization: `Bearer ${TOKEN}` } })).text()
      const match = /"discovery":\s*\{\s*"kind":\s*"kubernetes",\s*"targets":\s*(\d+|null),\s*"degraded":\s*(null|"[^"]*")/.exec(view)
      return `${match?.[1]} ${match?.[2]}`
    },
    (said) => wanted.test(said),
  )
}

test('endpoints change, and the API is stopped, restarted and emptied, and no request fails', OPTIONS, async (t) => {
  const server = await KubernetesApiServer.start(t)
  const [a, b] = [await UpstreamProcess.start(t), await UpstreamProcess.start(t)]
  const both = [a, b].map(({ pid }) => String(pid)).sort()
  setPod(server, a)
  setPod(server, b)
  const gateway = await startGateway(t, server)
  const port = Number(new URL(gateway.url).port)
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => KeepAliveClient.open(port)))
  t.after(() => {
    for (const client of clients) client.close()
  })
  /** Asks while something changes, until the gateway says so, and until these pods answer and no other. */
  const during = async (change: () => Promise<void> | void, said: RegExp, pods: readonly string[]): Promise<void> => {
    const changing = async (): Promise<void> => {
      await change()
      await untilDiscovery(gateway, said)
    }
    await askDuring(clients, changing())
    // The workers are told a moment later than the control process knows.
    await eventually(
      () => ask(clients),
      (answering) => isDeepStrictEqual(answering, pods),
    )
  }
  await eventually(
    () => ask(clients),
    (answering) => isDeepStrictEqual(answering, both),
  )
  await during(() => setPod(server, b, false), /^1 null$/, [String(a.pid)])
  await during(() => setPod(server, b), /^2 null$/, both)
  await during(() => server.stop(), /^2 ".* (refused|closed) the connection"$/, both)
  await during(() => server.start(), /^2 null$/, both)
  // One that comes back and has lost all it knew is doubted, and asked on until it has been told again.
  const empty = async (): Promise<void> => {
    await server.stop()
    await untilDiscovery(gateway, /^2 "/)
    server.store.replace()
    await server.start()
  }
  await during(empty, /^2 ".* now knows no slice of the service shop\/api/, both)
  const refill = (): void => {
    setPod(server, a)
    setPod(server, b)
  }
  await during(refill, /^2 null$/, both)
  // A pod that goes is taken out before it ends, as Kubernetes does.
  await during(() => server.store.remove('endpointslices', 'shop', `api-${a.pid}`), /^1 null$/, [String(b.pid)])
  await askDuring(clients, a.kill())
  assert.deepEqual(await ask(clients), [String(b.pid)])
})

test('a gateway that starts while the API is away serves when it is there', OPTIONS, async (t) => {
  const server = await KubernetesApiServer.start(t)
  const pod = await UpstreamProcess.start(t)
  setPod(server, pod)
  await server.stop()
  const gateway = await startGateway(t, server)
  const status = async (): Promise<number> => {
    const response = await fetch(`${gateway.url}/ok`)
    await response.arrayBuffer()
    return response.status
  }
  assert.equal(await status(), 503)
  await untilDiscovery(gateway, /^null "/)
  await server.start()
  await eventually(status, (given) => given === 200)
})
