/** A real gateway whose configuration is in a real Consul. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ConsulAgent, consulMissing, startConsul } from '../services/consul.ts'
import { startUpstream } from './echo-upstream.ts'
import { GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const OPTIONS = { skip: consulMissing, timeout: 60_000 }

const BASE = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: token-of-the-test }
accessLog: false
`

async function write(consul: ConsulAgent, port: number, ...routes: readonly string[]): Promise<void> {
  await consul.putKey('gw/base', `${BASE}services: { ok: { targets: ["127.0.0.1:${port}"] } }`)
  await consul.putKey('gw/routes', `routes:\n${routes.map((name) => `  ${name}: { path: /${name}, service: ok }\n`).join('')}`)
}

test(
  'Consul is stopped, restarted and emptied during traffic: the last good configuration serves, and the next is taken',
  OPTIONS,
  async (t) => {
    const consul = await startConsul(t)
    const { port } = await startUpstream(t)
    await write(consul, port, 'a')
    const stateDir = mkdtempSync(join(tmpdir(), 'turnpike-state-'))
    t.after(() => rmSync(stateDir, { recursive: true, force: true }))
    const source = `${consul.url.replace('http', 'consul')}/gw/`
    const gateway = await new GatewayProcess(t, { config: '', args: [source, '--state-dir', stateDir] }).ready()
    const client = await KeepAliveClient.open(Number(new URL(gateway.url).port))
    const statuses = new Set<number>()
    const over = new AbortController()
    const traffic = (async () => {
      while (!over.signal.aborted) statuses.add((await client.get('/a')).status)
    })()

    await write(consul, port, 'a', 'b')
    await gateway.logged('a new configuration is in force')
    assert.equal((await fetch(`${gateway.url}/b`)).status, 200)

    await consul.stop()
    const { reason } = await gateway.logged('a store of the configuration cannot be asked: what is in force stays')
    assert.match(String(reason), /refused the connection|closed the connection/)
    await consul.start()
    await gateway.logged('a store of the configuration answers again')
    const refused = await gateway.logged('the configuration is not taken: the old one goes on')
    assert.match(String(refused['reason']), /the store holds no document here/)
    assert.equal((await fetch(`${gateway.url}/b`)).status, 200)

    await write(consul, port, 'a', 'c')
    await gateway.logged('a new configuration is in force')
    assert.equal((await fetch(`${gateway.url}/c`)).status, 200)
    over.abort()
    await traffic
    assert.deepEqual([...statuses], [200])
  },
)
