/** What discovery tells a worker, beside configurations that come and go. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { GatewayIr } from '../../src/config/ir.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { NativeInput } from '../../src/config/schema.ts'
import { systemClock } from '../../src/core/clock.ts'
import { discoveryKey } from '../../src/core/discovery.ts'
import { POLICIES } from '../../src/policies/index.ts'
import { Gateway } from '../../src/runtime/gateway.ts'
import { httpClient } from '../../src/runtime/http-client.ts'
import { createStores } from '../../src/stores/index.ts'
import { MetricsRegistry } from '../../src/telemetry/metrics.ts'

type Service = NonNullable<NativeInput['services']>[string]

/** A configuration with one service. */
async function configurationWith(service: Service): Promise<GatewayIr> {
  const text = JSON.stringify({ listeners: [{ host: '127.0.0.1', port: 0 }], accessLog: false, services: { main: service }, routes: {} })
  const loaded = await loadConfig(['wire.yaml'], { policies: POLICIES, env: {}, readFile: async () => text })
  if (!('ir' in loaded)) throw new Error(loaded.problems.map(({ message }) => message).join('\n'))
  return loaded.ir
}

function keyOf(ir: GatewayIr): string {
  const rule = ir.services[0]?.discovery ?? null
  return rule === null ? '' : discoveryKey(rule)
}

function start(t: TestContext) {
  const parts = { clock: systemClock, log: { info: () => {}, warn: () => {}, error: () => {} }, metrics: new MetricsRegistry() }
  const gateway = new Gateway({
    ...parts,
    http: httpClient,
    createStores: (ir, resources) => createStores(ir.stores, { ...parts, resources }),
    accessLog: null,
    policies: POLICIES,
  })
  t.after(() => gateway.drain(0))
  const hosts = (): readonly string[] => gateway.services.get('main')?.targets.map(({ host }) => host) ?? []
  return { gateway, hosts }
}

const found = (...hosts: string[]) => hosts.map((host) => ({ host, port: 80, weight: 1 }))
const ORDERS: Service = { discovery: { consul: 'orders' } }
const LISTED: Service = { targets: ['10.0.0.1:80'] }
const PAYMENTS: Service = { discovery: { consul: 'payments' } }

test('what a new configuration finds under a name reaches the service only once that configuration is in force', async (t) => {
  const { gateway, hosts } = start(t)
  const [orders, payments] = await Promise.all([configurationWith(ORDERS), configurationWith(PAYMENTS)])
  gateway.setTargets({ [keyOf(orders)]: found('10.0.0.1') })
  await gateway.prepare(orders, null)
  gateway.commit()
  gateway.setTargets({ [keyOf(payments)]: found('10.0.9.9') })
  await gateway.prepare(payments, null)
  assert.deepEqual(hosts(), ['10.0.0.1'])
  gateway.setTargets({ [keyOf(orders)]: found('10.0.0.1', '10.0.0.2') })
  assert.deepEqual(hosts(), ['10.0.0.1', '10.0.0.2'], 'what is in force goes on being told')
  gateway.commit()
  assert.deepEqual(hosts(), ['10.0.9.9'])
})

for (const [name, before] of [
  ['was found elsewhere', ORDERS],
  ['was listed', LISTED],
] as const) {
  test(`a service that ${name} has no targets before the new registry has answered`, async (t) => {
    const { gateway, hosts } = start(t)
    const [old, next] = await Promise.all([configurationWith(before), configurationWith(PAYMENTS)])
    gateway.setTargets({ [keyOf(old)]: found('10.0.0.1') })
    await gateway.prepare(old, null)
    gateway.commit()
    assert.deepEqual(hosts(), ['10.0.0.1'])
    await gateway.prepare(next, null)
    gateway.commit()
    assert.deepEqual(hosts(), [])
    gateway.setTargets({ [keyOf(next)]: found('10.0.9.9') })
    assert.deepEqual(hosts(), ['10.0.9.9'])
  })
}
