/** What is left of limits, as the admin listener of a real gateway of two workers tells. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { redisMissing, startRedis } from '../services/redis.ts'
import { startUpstream } from './echo-upstream.ts'
import { GatewayProcess } from './gateway-process.ts'

const TIMEOUT = 60_000
const KEY = 'key-of-the-mobile-app-0001'

interface Told {
  readonly status: number
  readonly json: {
    readonly detail?: string
    readonly total?: number
    readonly policies?: readonly {
      readonly scope: string
      readonly at: { readonly line: number }
      readonly reach: string
      readonly refusal: { readonly limit: string; readonly retryAfterMs: number } | null
      readonly unavailable: string | null
      readonly limits: readonly {
        readonly name: string
        readonly counts: Readonly<Record<string, string>> | null
        readonly missing: readonly string[]
        readonly remaining: number | null
        readonly resetMs: number | null
      }[]
    }[]
  }
}

async function start(t: TestContext, stores: string, limits: string) {
  const { port } = await startUpstream(t)
  const config = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, tokens: [{ name: board, token: token-that-reads }] }
workers: 2
accessLog: false
${stores}
services: { s: { targets: ["127.0.0.1:${port}"] } }
consumers: { mobile: { keys: [{ id: k1, key: ${KEY} }] } }
routes:
  limited:
    path: /limited
    service: s
    policies:
      api-key: {}
      rate-limit: ${limits}
`
  const gateway = await new GatewayProcess(t, { config }).ready()
  return {
    gateway,
    // A connection of its own, so that any worker may answer.
    get: async () => (await fetch(`${gateway.url}/limited`, { headers: { 'x-api-key': KEY, connection: 'close' } })).status,
    ask: async (query: string): Promise<Told> => {
      const response = await fetch(`${gateway.adminUrl}/limits${query}`, { headers: { authorization: 'Bearer token-that-reads' } })
      return { status: response.status, json: (await response.json()) as Told['json'] }
    },
  }
}

test('what a consumer, a credential and an address have left is told, over both workers, and taken by nobody', {
  timeout: TIMEOUT,
}, async (t) => {
  const limits = `{ limits: [
        { by: consumer, window: day, limit: 10, algorithm: sliding-window },
        { by: api-key, rate: 1, per: day, capacity: 20 },
        { by: ip, rate: 1, per: day, capacity: 30 },
        { by: [user, route], rate: 5 } ] }`
  const { ask, get } = await start(t, '', limits)
  for (let i = 0; i < 8; i++) assert.equal(await get(), 200)
  const query = '?route=limited&consumer=mobile&api-key=k1&ip=127.0.0.1'
  for (let i = 0; i < 3; i++) {
    const { status, json } = await ask(query)
    assert.equal(status, 200, json.detail ?? '')
    const [policy] = json.policies ?? []
    assert.ok(policy)
    const { scope, at, reach, refusal, unavailable } = policy
    assert.deepEqual([json.total, scope, at.line, reach, refusal, unavailable], [1, 'route limited', 15, 'gateway', null, null])
    assert.deepEqual(
      policy.limits.map(({ name, counts, missing, remaining }) => ({ name, counts, missing, remaining })),
      [
        { name: 'consumer', counts: { consumer: 'mobile' }, missing: [], remaining: 2 },
        { name: 'api-key', counts: { consumer: 'mobile', 'api-key': 'k1' }, missing: [], remaining: 12 },
        { name: 'ip', counts: { ip: '127.0.0.1' }, missing: [], remaining: 22 },
        { name: 'user-route', counts: null, missing: ['user'], remaining: null },
      ],
    )
    const [window] = policy.limits
    assert.ok(window?.resetMs != null && window.resetMs > 86_000_000 && window.resetMs <= 90_720_000, String(window?.resetMs))
  }
  for (let i = 0; i < 2; i++) assert.equal(await get(), 200)
  assert.equal(await get(), 429)
  const { json } = await ask('?consumer=mobile')
  const refusal = json.policies?.[0]?.refusal
  assert.equal(refusal?.limit, 'consumer')
  assert.ok(refusal.retryAfterMs > 80_000_000)
  const other = await ask('?ip=192.0.2.1')
  assert.equal(other.json.policies?.[0]?.limits[2]?.remaining, 30)

  const wrong = {
    '?route=none': [404, /no route "none"/],
    '?consumer=none': [404, /no consumer "none"/],
    '?consumer=mobile&api-key=k2': [404, /no credential "k2"/],
    '?service=none': [404, /no service "none"/],
    '?scope=everywhere': [404, /no limit at "everywhere"/],
    '?ip=all': [400, /expected an address/],
    '?api-key=k1': [400, /with its consumer/],
    '?header:Authorization=x': [400, /may be a secret/],
    '?page=2': [400, /no such parameter/],
    '?ip=127.0.0.1&ip=127.0.0.2': [400, /stands twice/],
    '?__proto__=1': [400, /no such parameter/],
  } as const
  for (const [asked, [wanted, says]] of Object.entries(wrong)) {
    const { status, json: told } = await ask(asked)
    assert.equal(status, wanted, asked)
    assert.match(told.detail ?? '', says)
  }
})

test('over Redis it is what all gateways have left, and an absent Redis is said', { timeout: TIMEOUT, skip: redisMissing }, async (t) => {
  const redis = await startRedis(t)
  const stores = `stores: { redis: { address: "${redis.address}", commandTimeout: 200ms } }`
  const { ask, get, gateway } = await start(t, stores, '{ store: redis, onStoreError: open, by: consumer, rate: 1, per: day, capacity: 5 }')
  for (let i = 0; i < 3; i++) assert.equal(await get(), 200)
  const { json } = await ask('?consumer=mobile')
  const [policy] = json.policies ?? []
  assert.deepEqual([policy?.reach, policy?.limits[0]?.remaining], ['gateways', 2])
  await redis.stop()
  await gateway.logged('the store does not answer')
  const without = await ask('?consumer=mobile')
  assert.deepEqual([without.status, without.json.policies?.[0]?.unavailable], [200, 'limit_store_unavailable'])
  assert.equal(without.json.policies?.[0]?.limits[0]?.remaining, null)
})
