import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { GatewayError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import type { LimitSubjects } from '../../core/limit-view.ts'
import type { LimitDecision, LimitGroup, LimitKeys } from '../../core/store.ts'
import { exchangeOf } from '../testing.ts'
import { inspector } from './inspect.ts'
import { limitsOf } from './limits.ts'
import { type RateLimitOptions, schema } from './schema.ts'
import { keyReader, memoOf, SUBJECT_WORDS } from './subjects.ts'

/** Remembers what was asked for, and answers with `left` of everything. */
function watchedGroup(left: number): { readonly group: LimitGroup; readonly asked: LimitKeys[] } {
  const asked: LimitKeys[] = []
  const peek = (keys: LimitKeys): LimitDecision => {
    asked.push(keys)
    const applied = keys.map((key) => (key === '' ? 0 : left))
    return { admitted: true, refusedBy: -1, retryAfterMs: 0, remaining: applied, resetMs: applied }
  }
  return { group: { peek, take: () => assert.fail('nothing is taken'), refusal: () => null }, asked }
}

const options = (written: unknown): RateLimitOptions => schema.parse(written)

/** A request of whom an operator names so. */
function exchangeBy({ ip = '', user = '', consumer, route = '', service = '', ...rest }: LimitSubjects): Exchange {
  const key = rest['api-key']
  const tenant = rest['header:x-tenant']
  const exchange = exchangeOf({
    peerAddress: ip,
    headers: [
      ...(tenant === undefined ? [] : ([['X-Tenant', tenant]] as const)),
      ...(key?.startsWith('sha256:') === true ? ([['X-API-Key', KEY]] as const) : []),
    ],
  })
  exchange.route = { name: route, pattern: '/x', serviceName: service }
  exchange.caller.subject = user
  if (consumer !== undefined) exchange.caller.consumer = { name: consumer, groups: [], hasPolicies: false }
  if (key !== undefined && !key.startsWith('sha256:')) Object.assign(exchange.caller, { method: 'api-key', credentialId: key })
  return exchange
}

const KEY = 'an-api-key-that-nobody-verifies'
const aName = fc.constantFrom('ada', 'a name|with a bar', 'x'.repeat(200))
/** How one credential of any kind is named is another thing: see below. */
const aSubject = fc.constantFrom(...SUBJECT_WORDS.filter((word) => word !== 'credential'), 'header:X-Tenant')

test('whoever is named is looked for where a request of theirs counts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(aSubject, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('skip', 'ip'),
      fc.record({
        ip: fc.constantFrom('192.0.2.7', '2001:db8::1:2', '::ffff:192.0.2.7'),
      }),
      fc.record(
        {
          user: aName,
          consumer: aName,
          route: aName,
          service: aName,
          'header:x-tenant': fc.constantFrom('acme', 'zürich'),
        },
        { requiredKeys: [] },
      ),
      fc.constantFrom(undefined, `sha256:${hash('sha256', KEY)}`, 'k1'),
      async (by, otherwise, ip, others, key) => {
        const isOfConsumer = key !== 'k1' || others.consumer !== undefined
        const given: LimitSubjects = Object.fromEntries(
          Object.entries({ ...ip, ...others, ...(key !== undefined && isOfConsumer && { 'api-key': key }) }).filter(
            ([, value]) => value !== undefined,
          ),
        )
        const written = options({ by, otherwise, rate: 5 })
        const limits = limitsOf(written)
        const { group, asked } = watchedGroup(3)
        const { limits: readings } = await inspector(limits, written, group, 'gateway').read(given)
        const exchange = exchangeBy(given)
        const read = limits.map((limit) => keyReader(limit.by, otherwise === 'ip' ? { kind: 'ip' } : null, written.ipv6Prefix))
        const wanted = read.map((reader) => reader(exchange, memoOf(exchange.request)))
        assert.deepEqual(asked[0] ?? [''], wanted)
        for (const [i, { remaining, counts, missing }] of readings.entries()) {
          assert.equal(remaining, wanted[i] === '' ? null : 3)
          assert.equal(counts === null, wanted[i] === '')
          assert.equal(missing.length > 0, wanted[i] === '')
        }
      },
    ),
    { numRuns: 300, seed: 7 },
  )
})

test('what is missing is said, and a store that is away too', async () => {
  const written = options({
    limits: [
      { by: ['user', 'route'], rate: 5 },
      { by: 'consumer', window: 'hour', limit: 9, name: 'hourly' },
    ],
  })
  const limits = limitsOf(written)
  const away: LimitGroup = {
    peek: () => Promise.reject(new GatewayError('limit_store_unavailable', 'redis is down', 'internal')),
    take: () => assert.fail('nothing is taken'),
    refusal: () => null,
  }
  const { reach, unavailable, limits: readings } = await inspector(limits, written, away, 'gateways').read({ consumer: 'app', user: 'ada' })
  assert.deepEqual([reach, unavailable], ['gateways', 'limit_store_unavailable'])
  assert.deepEqual(
    readings.map(({ name, by, counts, missing, remaining }) => ({ name, by, counts, missing, remaining })),
    [
      { name: 'user-route', by: ['user', 'route'], counts: null, missing: ['route'], remaining: null },
      { name: 'hourly', by: ['consumer'], counts: { consumer: 'app' }, missing: [], remaining: null },
    ],
  )
})

test('a credential of any kind is named by its policy, consumer and id', async () => {
  const written = options({ by: ['credential'], rate: 5 })
  const limits = limitsOf(written)
  const { group, asked } = watchedGroup(3)
  await inspector(limits, written, group, 'gateway').read({ credential: 'api-key/ada/k1' })
  const exchange = exchangeBy({ consumer: 'ada', 'api-key': 'k1' })
  const wanted = limits.map(({ by }) => keyReader(by, { kind: 'ip' }, written.ipv6Prefix)(exchange, memoOf(exchange.request)))
  assert.notEqual(wanted[0], '')
  assert.deepEqual(asked[0], wanted)
})
