import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GatewayIr } from '../config/ir.ts'
import { type DiscoveredTargets, type DiscoveryEvents, type DiscoveryRule, discoveryKey, type LookupState } from '../core/discovery.ts'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import { SERVICE } from '../upstream/testing.ts'
import { Discoveries } from './discoveries.ts'

const rule = (name: string): DiscoveryRule => ({ kind: 'dns', name, port: 80, record: 'ip', servers: [] })
const key = (name: string): string => discoveryKey(rule(name))
const target = (host: string) => ({ host, port: 80, weight: 1 })

/** A configuration whose services are found under these names; only the part that is looked at. */
function configuration(services: Readonly<Record<string, string | null>>): GatewayIr {
  const list = Object.entries(services).map(([name, found]) => ({ ...SERVICE, name, discovery: found === null ? null : rule(found) }))
  // Discoveries look at the services alone.
  return { services: list } as unknown as GatewayIr
}

function bench() {
  const watches = new Map<string, { readonly events: DiscoveryEvents; closed: boolean; refreshed: number; known: readonly LookupState[] }>()
  const published: DiscoveredTargets[] = []
  const warned: string[] = []
  const discoveries = new Discoveries({
    watch: (watched, events) => {
      const state = { events, closed: false, refreshed: 0, known: [] }
      watches.set('name' in watched ? watched.name : '', state)
      return {
        refresh: () => void state.refreshed++,
        lookups: () => state.known,
        close: () => void Object.assign(state, { closed: true }),
      }
    },
    publish: (changed) => published.push(changed),
    log: { info: () => {}, warn: (_fields, message) => void warned.push(message), error: () => {} },
    metrics: new MetricsRegistry(),
    firstAnswerMs: 20,
  })
  const found = (name: string, ...hosts: string[]): void => watches.get(name)?.events.onTargets(hosts.map(target))
  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40))
  return { discoveries, watches, published, warned, found, turn }
}

test('a configuration waits for the first answer of each registry, and its services have them before it is in force', async () => {
  const { discoveries, published, found } = bench()
  const ready = discoveries.prepare(configuration({ a: 'x', b: 'x', listed: null }))
  found('x', '10.0.0.1')
  await ready
  assert.deepEqual(published, [{ [key('x')]: [target('10.0.0.1')] }])
})

test('a registry that does not answer holds a configuration up for a bounded time, and is told of', async () => {
  const { discoveries, published, warned } = bench()
  await discoveries.prepare(configuration({ a: 'x' }))
  assert.deepEqual(published, [])
  assert.deepEqual(warned, ['the registry of these services has not answered yet: they have no targets'])
  assert.deepEqual(discoveries.state().get('a'), { kind: 'dns', targets: null, degraded: null, lookups: [] })
})

test('changes of a short time are told together, and only those of the services they concern', async () => {
  const { discoveries, published, found, turn } = bench()
  const ready = discoveries.prepare(configuration({ a: 'x', b: 'y' }))
  found('x', '10.0.0.1')
  found('y', '10.0.1.1')
  await ready
  published.length = 0
  discoveries.settle(configuration({ a: 'x', b: 'y' }))
  await turn()
  published.length = 0
  found('x', '10.0.0.1', '10.0.0.2')
  found('x', '10.0.0.2')
  await turn()
  assert.deepEqual(published, [{ [key('x')]: [target('10.0.0.2')] }])
})

test('a watch outlives a reload that leaves its rule alone, and is closed when nothing needs it', async () => {
  const { discoveries, watches, found } = bench()
  const first = discoveries.prepare(configuration({ a: 'x', b: 'y' }))
  found('x', '10.0.0.1')
  found('y', '10.0.1.1')
  await first
  discoveries.settle(configuration({ a: 'x', b: 'y' }))
  const x = watches.get('x')
  await discoveries.prepare(configuration({ a: 'x' }))
  discoveries.settle(configuration({ a: 'x' }))
  assert.equal(watches.get('x'), x)
  assert.equal(x?.closed, false)
  assert.equal(watches.get('y')?.closed, true)
  discoveries.close()
  assert.equal(x?.closed, true)
})

test('what a configuration finds is told under its own rules, and forgotten when it is refused', async () => {
  const { discoveries, watches, published, found } = bench()
  const first = discoveries.prepare(configuration({ a: 'x' }))
  found('x', '10.0.0.1')
  await first
  discoveries.settle(configuration({ a: 'x' }))
  published.length = 0
  const second = discoveries.prepare(configuration({ a: 'y' }))
  found('y', '10.0.1.1')
  await second
  assert.deepEqual(published, [{ [key('y')]: [target('10.0.1.1')] }], 'the service in force is at another rule')
  published.length = 0
  discoveries.settle(configuration({ a: 'x' }))
  assert.deepEqual(published, [{ [key('y')]: null }])
  assert.equal(watches.get('y')?.closed, true)
})

test('a registry that is away leaves the last answer in force and shows itself', async () => {
  const { discoveries, watches, published, found, turn } = bench()
  const ready = discoveries.prepare(configuration({ a: 'x' }))
  found('x', '10.0.0.1')
  await ready
  discoveries.settle(configuration({ a: 'x' }))
  watches.get('x')?.events.onDegraded('connection refused')
  await turn()
  assert.deepEqual(discoveries.state().get('a'), { kind: 'dns', targets: 1, degraded: 'connection refused', lookups: [] })
  assert.deepEqual(published, [{ [key('x')]: [target('10.0.0.1')] }], 'the workers need not hear of it')
  watches.get('x')?.events.onDegraded(null)
  assert.equal(discoveries.state().get('a')?.degraded, null)
})

test('what a watch knows of names is part of the state of its service', async () => {
  const { discoveries, watches } = bench()
  await discoveries.prepare(configuration({ a: 'x' }))
  const lookup = { name: 'x', type: 'A', records: [], askedAgainInMs: 1, lastAskedAt: null, server: null, lastError: 'NXDOMAIN' }
  Object.assign(watches.get('x') ?? {}, { known: [lookup] })
  assert.deepEqual(discoveries.state().get('a')?.lookups, [lookup])
})

test('a target that cannot be connected to has its registry asked again', async () => {
  const { discoveries, watches } = bench()
  await discoveries.prepare(configuration({ a: 'x' }))
  discoveries.refresh('a')
  discoveries.refresh('nobody')
  assert.equal(watches.get('x')?.refreshed, 1)
})

test('where only the way to a registry changes, what was found holds until there is an answer', async () => {
  const { discoveries, published, found } = bench()
  const servedBy = (server: string): GatewayIr => {
    const ir = configuration({ a: 'x' })
    return { ...ir, services: ir.services.map((service) => ({ ...service, discovery: { ...rule('x'), servers: [server] } })) }
  }
  const first = discoveries.prepare(servedBy('10.0.9.1:53'))
  found('x', '10.0.0.1')
  await first
  discoveries.settle(servedBy('10.0.9.1:53'))
  published.length = 0
  await discoveries.prepare(servedBy('10.0.9.2:53'))
  assert.deepEqual(Object.values(published[0] ?? {}), [[target('10.0.0.1')]])
})
