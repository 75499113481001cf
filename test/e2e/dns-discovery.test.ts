/** Services found in the DNS: a real gateway, and a name server of the test's own whose names move. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ScriptedDnsServer, zone } from '../../src/discovery/dns/testing.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { MetricsReading } from './metrics-reader.ts'

const TIMEOUT = { timeout: 60_000 }
const TOKEN = 'a-token-of-the-test-that-is-long-enough-for-it'

/** A service at an address of this machine that says where it is. @param port 0 for any free one */
async function startAt(t: TestContext, host: string, port = 0): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer((_request, response) => response.end(host))
  server.listen(port, host)
  await once(server, 'listening')
  t.after(() => stop(server))
  return { port: (server.address() as AddressInfo).port, server }
}

function stop(server: Server): void {
  server.close()
  server.closeAllConnections()
}

async function startGateway(t: TestContext, dns: ScriptedDnsServer, port: number): Promise<GatewayProcess> {
  const config = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: ${TOKEN} }
workers: 2
accessLog: false
registries: { dns: { servers: ["${dns.address}"] } }
services: { users: { discovery: { dns: { name: users.test, port: ${port}, record: A } } } }
routes: { all: { path: /*, service: users } }
`
  return new GatewayProcess(t, { config }).ready()
}

async function ask(gateway: GatewayProcess): Promise<string> {
  const response = await fetch(`${gateway.url}/`)
  const body = await response.text()
  return response.status === 200 ? body : `${response.status} ${response.headers.get('turnpike-error')}`
}

async function records(gateway: GatewayProcess): Promise<unknown> {
  const response = await fetch(`${gateway.adminUrl}/dns`, { headers: { authorization: `Bearer ${TOKEN}` } })
  const view = (await response.json()) as { readonly services: readonly { readonly lookups: readonly { readonly records: unknown }[] }[] }
  return view.services[0]?.lookups[0]?.records
}

test(
  'a name that moves from a dead address is asked for again when it cannot be connected to, long before its time is over',
  TIMEOUT,
  async (t) => {
    const { port } = await startAt(t, '127.0.0.1')
    const dns = await ScriptedDnsServer.start(t, zone(['users.test 3600 A 127.0.0.2']))
    const gateway = await startGateway(t, dns, port)
    assert.equal(await ask(gateway), '502 upstream_connect_refused')
    dns.script = zone(['users.test 3600 A 127.0.0.1'])
    await eventually(
      () => ask(gateway),
      (answer) => answer === '127.0.0.1',
    )
    // The other worker hears of it a moment later.
    await eventually(
      async () => [await ask(gateway), await ask(gateway), await ask(gateway), await ask(gateway)],
      (answers) => answers.every((answer) => answer === '127.0.0.1'),
    )
    assert.deepEqual(await records(gateway), ['127.0.0.1'])
  },
)

test('a name that is not there yet is 503, and is found when it comes', TIMEOUT, async (t) => {
  const { port } = await startAt(t, '127.0.0.1')
  const dns = await ScriptedDnsServer.start(t, zone([]))
  const gateway = await startGateway(t, dns, port)
  await gateway.logged('a name has no addresses: its service has no targets')
  assert.equal(await ask(gateway), '503 service_unavailable')
  dns.script = zone(['users.test 3600 A 127.0.0.1'])
  await eventually(
    () => ask(gateway),
    (answer) => answer === '127.0.0.1',
  )
})

test('a name that moves takes its traffic with it, and no request fails, also while its server does', TIMEOUT, async (t) => {
  const old = await startAt(t, '127.0.0.1')
  await startAt(t, '127.0.0.2', old.port)
  const dns = await ScriptedDnsServer.start(t, zone(['users.test 1 A 127.0.0.1']))
  const gateway = await startGateway(t, dns, old.port)
  const answers: string[] = []
  const over = new AbortController()
  const traffic = (async () => {
    while (!over.signal.aborted) answers.push(await ask(gateway))
  })()

  dns.script = () => ({ code: 2 })
  await gateway.logged('a registry cannot be asked: its last answer stays')
  assert.equal((await MetricsReading.of(gateway)).sum('gateway_discovery_degraded', 'service="users"'), 1)
  assert.deepEqual(await records(gateway), ['127.0.0.1'])

  dns.script = zone(['users.test 1 A 127.0.0.2'])
  // By then the other worker has heard of it as well.
  await eventually(
    async () => answers.slice(-50),
    (last) => last.length === 50 && last.every((answer) => answer === '127.0.0.2'),
  )
  stop(old.server)
  const before = answers.length
  await eventually(
    async () => answers.length,
    (count) => count > before + 50,
  )
  over.abort()
  await traffic
  assert.deepEqual([...new Set(answers)], ['127.0.0.1', '127.0.0.2'])
  const metrics = await MetricsReading.of(gateway)
  assert.ok(metrics.sum('gateway_dns_queries_total', 'result="found"') >= 2)
  assert.ok(metrics.sum('gateway_dns_queries_total', 'result="refused"') >= 1)
  assert.equal(metrics.sum('gateway_discovery_degraded', 'service="users"'), 0)
})
