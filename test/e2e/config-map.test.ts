/** A real gateway whose configuration is in a ConfigMap, and whose service is found by the same Kubernetes API. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sliceOf } from '../discovery/kubernetes-bench.ts'
import { certificatesMissing } from '../services/certificates.ts'
import { KubernetesApiServer } from '../services/kubernetes-api.ts'
import { temporaryFolder, writeKubeconfig } from '../services/kubernetes-cluster.ts'
import { startUpstream } from './echo-upstream.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const OPTIONS = { skip: certificatesMissing, timeout: 60_000 }

/** Writes the ConfigMap with these routes. */
function setRoutes(server: KubernetesApiServer, kubeconfig: string, ...names: readonly string[]): void {
  const base = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
accessLog: false
registries: { kubernetes: { kubeconfig: ${kubeconfig} } }
services: { api: { discovery: { kubernetes: api.shop.svc.cluster.local } } }
`
  const routes = `routes:\n${names.map((name) => `  ${name}: { path: /${name}, service: api }\n`).join('')}`
  server.store.put('configmaps', 'shop', { metadata: { name: 'gateway' }, data: { 'base.yaml': base, 'routes.yaml': routes } })
}

async function statusOf(gateway: GatewayProcess, path: string): Promise<number> {
  const answer = await fetch(`${gateway.url}${path}`)
  await answer.arrayBuffer()
  return answer.status
}

/** Asks without a pause until it is stopped. @returns the statuses that came, each once */
function ask(t: TestContext, client: KeepAliveClient): () => Promise<readonly number[]> {
  const statuses = new Set<number>()
  const over = new AbortController()
  const asking = (async () => {
    while (!over.signal.aborted) statuses.add((await client.get('/a')).status)
  })()
  t.after(() => client.close())
  return async () => {
    over.abort()
    await asking
    return [...statuses]
  }
}

test(
  'a ConfigMap comes into force as a whole, its API may go and come back, and the last good one outlives a restart',
  OPTIONS,
  async (t) => {
    const server = await KubernetesApiServer.start(t)
    const kubeconfig = writeKubeconfig(t, server)
    const { port } = await startUpstream(t)
    server.store.put('endpointslices', 'shop', sliceOf('api-1', ['127.0.0.1'], [{ name: 'web', port, protocol: 'TCP' }]))
    setRoutes(server, kubeconfig, 'a')
    const stateDir = temporaryFolder(t)
    const args = [`kubernetes://shop/gateway?kubeconfig=${kubeconfig}`, '--state-dir', stateDir]
    const gateway = await new GatewayProcess(t, { config: '', args }).ready()
    const stop = ask(t, await KeepAliveClient.open(Number(new URL(gateway.url).port)))

    setRoutes(server, kubeconfig, 'a', 'b')
    await gateway.logged('a new configuration is in force')
    assert.equal(await statusOf(gateway, '/b'), 200)

    await server.stop()
    await gateway.logged('a store of the configuration cannot be asked: what is in force stays')
    setRoutes(server, kubeconfig, 'a', 'c')
    await server.start()
    await gateway.logged('a new configuration is in force')
    assert.deepEqual([await statusOf(gateway, '/b'), await statusOf(gateway, '/c')], [404, 200])

    // Refused, and nothing changes.
    server.store.remove('configmaps', 'shop', 'gateway')
    const { reason } = await gateway.logged('the configuration is not taken: the old one goes on')
    assert.match(String(reason), /^kubernetes:\/\/shop\/gateway:1:1: error: the store holds no document here/)
    assert.deepEqual(await stop(), [200])

    // One that is being written lies beside the one that counts.
    while (readdirSync(stateDir).length !== 1) await sleep(20)
    gateway.child.kill('SIGTERM')
    assert.equal(await gateway.exited, 0)
    await server.stop()
    const second = await new GatewayProcess(t, { config: '', args }).ready()
    // The routes are there; where the service is nobody can say yet.
    assert.equal(await statusOf(second, '/c'), 503)
    setRoutes(server, kubeconfig, 'd')
    await server.start()
    await eventually(
      () => statusOf(second, '/d'),
      (status) => status === 200,
    )
  },
)
