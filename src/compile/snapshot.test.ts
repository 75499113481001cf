/** Which policies are in force for an exchange, and in which order they act. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsumerIr, GatewayIr, PolicyIr } from '../config/ir.ts'
import { loadConfig } from '../config/load.ts'
import type { Consumer } from '../core/caller.ts'
import type { PolicyDefinition } from '../core/policy.ts'
import { object, text } from '../core/schema.ts'
import { contextWith } from '../policies/testing.ts'
import type { RoutePlan } from './plan.ts'
import { compileSnapshot } from './snapshot.ts'

const said: string[] = []

/** A policy whose steps say its name, the word it was configured with, and what they are. */
function saying(kind: string, part: Partial<PolicyDefinition<unknown>> = {}): PolicyDefinition<unknown> {
  return {
    kind,
    summary: 'Says that it was here.',
    loadSchema: async () => object({ word: text() }),
    compile(options, { scope }) {
      const { word } = options as { word: string }
      const say = (step: string) => (): undefined => void said.push(`${kind} ${word} ${step} (${scope})`)
      return { onRequest: say('request'), onGuard: say('guard'), onResponse: say('response') }
    },
    ...part,
  }
}

const POLICIES = [saying('early'), saying('auth', { identifies: true }), saying('settle', { identifies: true }), saying('late')]

const AT = { file: 'x', line: 1, column: 1 }
const policy = (kind: string, word: string): PolicyIr => ({ kind, name: kind, mode: 'enforce', options: { word }, at: AT })
const consumer = (name: string, part: Partial<ConsumerIr>): ConsumerIr => ({
  name,
  at: AT,
  id: null,
  labels: null,
  groups: [],
  credentials: [],
  policies: [],
  routes: [],
  ...part,
})

async function plans(consumers: readonly ConsumerIr[]): Promise<Readonly<Record<string, RoutePlan>>> {
  const yaml = `
policies: { early: { word: everywhere }, late: { word: everywhere }, auth: { word: everywhere } }
services: { s: { targets: ["127.0.0.1:1"], policies: { late: { word: service } } } }
routes:
  own: { path: /own, service: s, policies: { late: { word: route }, settle: { word: route } } }
  plain: { path: /plain, service: s }
  off: { path: /off, service: s, policies: { late: false } }
`
  const loaded = await loadConfig(['x.yaml'], { policies: POLICIES, env: {}, readFile: async () => yaml })
  if (!('ir' in loaded)) throw new Error(JSON.stringify(loaded.problems))
  const ir: GatewayIr = { ...loaded.ir, consumers }
  const snapshot = compileSnapshot(ir, { ...contextWith({}), policies: POLICIES, service: () => null as never })
  return Object.fromEntries(
    ['/own', '/plain', '/off'].map((path) => {
      const match = snapshot.router.match({
        method: 'GET',
        host: 'h',
        path,
        query: '',
        port: 8080,
        serverName: null,
        headers: { get: () => undefined, getAll: () => [] } as never,
      })
      assert.equal(match.kind, 'found')
      return [path.slice(1), match.kind === 'found' ? match.value : snapshot.unmatched]
    }),
  )
}

function run(plan: RoutePlan | undefined, known: Consumer | null = null): string[] {
  if (plan === undefined) throw new Error('no such plan')
  said.length = 0
  for (const step of plan.steps.identity) void step.run(null as never)
  const after = known === null ? plan : plan.forConsumer(known)
  for (const step of after.steps.request) void step.run(null as never)
  return [...said]
}

const known = (name: string): Consumer => ({ name, groups: [], hasPolicies: true })

test('policies act in their order: arrival, guards, authentication, and what follows', async () => {
  const { own } = await plans([])
  assert.deepEqual(run(own), [
    'early everywhere request (everywhere)',
    'early everywhere guard (everywhere)',
    'auth everywhere guard (everywhere)',
    'settle route guard (route own)',
    'late route guard (route own)',
    'auth everywhere request (everywhere)',
    'settle route request (route own)',
    'late route request (route own)',
  ])
})

test('of each kind the most specific one acts: route and consumer, consumer, route, service, everywhere', async () => {
  const consumers = [
    consumer('app', { policies: [policy('late', 'app')], routes: [{ route: 'own', policies: [policy('late', 'app on own')] }] }),
    consumer('web', { routes: [{ route: 'own', policies: [{ ...policy('late', ''), mode: 'off' }] }] }),
  ]
  const { own, plain, off } = await plans(consumers)
  const last = (plan: RoutePlan | undefined, who: Consumer | null): string | undefined => run(plan, who).at(-1)
  assert.equal(last(own, known('app')), 'late app on own request (consumer app route own)')
  assert.equal(last(plain, known('app')), 'late app request (consumer app)')
  assert.equal(last(off, known('app')), 'late app request (consumer app)')
  assert.equal(last(own, known('web')), 'settle route request (route own)')
  assert.equal(last(plain, known('web')), 'late service request (service s)')
  assert.equal(last(off, null), 'auth everywhere request (everywhere)')
  assert.equal(last(plain, known('nobody')), 'late service request (service s)')
})

test('the plan of a consumer is put together once, and is the same one for consumers without policies', async () => {
  const { own } = await plans([consumer('app', { policies: [policy('late', 'app')] })])
  assert.ok(own)
  assert.equal(own.forConsumer(known('app')), own.forConsumer(known('app')))
  assert.equal(own.forConsumer({ ...known('app'), hasPolicies: false }), own)
  assert.equal(own.forConsumer(known('app')).name, 'own')
})
