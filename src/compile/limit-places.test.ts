import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../config/load.ts'
import { POLICIES } from '../policies/index.ts'
import { contextWith } from '../policies/testing.ts'
import { placesFor } from './limit-places.ts'
import { compileSnapshot, loadPolicies } from './snapshot.ts'

const CONFIG = `
listeners: [{ port: 0 }]
policies: { rate-limit: { by: [consumer, service], rate: 5 } }
services:
  plain: { targets: ["127.0.0.1:1"] }
  strict: { targets: ["127.0.0.1:1"], policies: { rate-limit: { by: ip, rate: 5 } } }
consumers:
  app: { keys: [{ id: k1, key: key-of-the-mobile-app-0001 }] }
  vip:
    keys: [{ id: k2, key: key-of-the-vip-app-00000001 }]
    policies: { rate-limit: { by: consumer, rate: 50 } }
    routes: { special: { policies: { rate-limit: { by: user, rate: 500 } } } }
routes:
  open: { path: /open, service: plain }
  special: { path: /special, service: strict }
  both: { path: /both, split: { services: { plain: 1, strict: 1 } } }
  own: { path: /own, service: strict, policies: { rate-limit: { by: user, rate: 5 } } }
  free: { path: /free, service: plain, policies: { rate-limit: { mode: "off", rate: 5 } } }
`

async function ask(subjects: Readonly<Record<string, string>>, scope: string | null = null) {
  const loaded = await loadConfig(['x.yaml'], { policies: POLICIES, env: {}, readFile: async () => CONFIG })
  if (!('ir' in loaded)) throw new Error(JSON.stringify(loaded.problems))
  await loadPolicies(loaded.ir, POLICIES)
  const { ir, limits } = compileSnapshot(loaded.ir, { ...contextWith({}), policies: POLICIES, service: () => null as never })
  const found = placesFor(ir, limits, { subjects, scope, max: 100 })
  return found.map(({ place, subjects: known }) => [place.scope, known])
}

test('on a route the policies in force there count, with what the route says of its requests', async () => {
  assert.deepEqual(await ask({ route: 'open' }), [['everywhere', { route: 'open', service: 'plain' }]])
  assert.deepEqual(await ask({ route: 'special' }), [['service strict', { route: 'special', service: 'strict' }]])
  assert.deepEqual(await ask({ route: 'own', user: 'ada' }), [['route own', { route: 'own', service: 'strict', user: 'ada' }]])
  assert.deepEqual(await ask({ route: 'free' }), [])
})

test('a consumer’s own policies take the place of others', async () => {
  const scopes = async (subjects: Readonly<Record<string, string>>) => (await ask(subjects)).map(([scope]) => scope)
  assert.deepEqual(await scopes({ route: 'open', consumer: 'app' }), ['everywhere'])
  assert.deepEqual(await scopes({ route: 'open', consumer: 'vip' }), ['consumer vip'])
  assert.deepEqual(await scopes({ route: 'special', consumer: 'vip' }), ['consumer vip route special'])
  assert.deepEqual(await scopes({ consumer: 'vip' }), ['consumer vip'])
  assert.deepEqual(await scopes({ consumer: 'app' }), ['everywhere'])
})

test('of several services that a route is split over, one has to be named', async () => {
  assert.deepEqual(await ask({ route: 'both' }), [
    ['everywhere', { route: 'both' }],
    ['service strict', { route: 'both', service: 'strict' }],
  ])
  assert.deepEqual(await ask({ route: 'both', service: 'plain' }), [['everywhere', { route: 'both', service: 'plain' }]])
})

test('without a route all places are meant that count by what is given, and with nothing given all there are', async () => {
  assert.deepEqual(await ask({ ip: '192.0.2.7' }), [['service strict', { service: 'strict', ip: '192.0.2.7' }]])
  assert.deepEqual(
    (await ask({})).map(([scope]) => scope),
    ['everywhere', 'service strict', 'route own', 'consumer vip', 'consumer vip route special'],
  )
  assert.deepEqual(await ask({}, 'consumer vip'), [['consumer vip', { consumer: 'vip' }]])
  assert.deepEqual(await ask({ ip: '192.0.2.7' }, 'consumer vip'), [])
})
