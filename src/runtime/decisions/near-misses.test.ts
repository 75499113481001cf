/** `why` for 1,000 generated configurations and requests with one predicate broken: the record names exactly that one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { FailedPredicate } from '../../compile/near-misses.ts'
import { routeMatch } from '../../compile/testing.ts'
import { randomRoutes } from '../../compile/testing-arbitraries.ts'
import type { RouteIr, RouteMatchIr, ValueMatchIr } from '../../config/ir.ts'
import { DecisionDesk } from './desk.ts'
import { irOf, logWith, passThrough, received, snapshotOf } from './testing.ts'

const SEED = 20_260_101
const RUNS = 1_000
const INTENDED = 'intended'

interface Sent {
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query: string
  readonly headers: readonly (readonly [string, string])[]
}

/** A predicate, what fits it and what does not. */
interface Part<Pattern> {
  readonly pattern: Pattern
  readonly fits: string
  readonly fails: string
}

const host: fc.Arbitrary<Part<string>> = fc.constantFrom(
  { pattern: 'shop.example', fits: 'shop.example', fails: 'shop.test' },
  { pattern: '*.shop.example', fits: 'eu.shop.example', fails: 'a.eu.shop.example' },
  { pattern: '*.shop.example', fits: 'eu.shop.example', fails: 'shop.example' },
)

/** Paths below `/v1`, which no other route has; the broken one differs in one segment. */
const path: fc.Arbitrary<Part<string>> = fc.constantFrom(
  { pattern: '/v1/orders', fits: '/v1/orders', fails: '/v1/order' },
  { pattern: '/v1/orders/:id/items', fits: '/v1/orders/7/items', fails: '/v1/orders/7/item' },
  { pattern: '/v1/users/*', fits: '/v1/users/7/name', fails: '/v1/userz/7/name' },
  { pattern: '/v1/:kind/all', fits: '/v1/carts/all', fails: '/v1/carts/one' },
  { pattern: '~/v1/(orders|carts)/[0-9]+', fits: '/v1/carts/12', fails: '/v1/carts/twelve' },
)

const method: fc.Arbitrary<Part<string[]>> = fc.constantFrom(
  { pattern: ['POST'], fits: 'POST', fails: 'PUT' },
  { pattern: ['GET', 'POST'], fits: 'GET', fails: 'DELETE' },
  { pattern: ['GET'], fits: 'HEAD', fails: 'PATCH' },
)

/** Empty `fails` for a value that is not sent. */
const value: fc.Arbitrary<Part<ValueMatchIr>> = fc.constantFrom<Part<ValueMatchIr>>(
  { pattern: { kind: 'exact', value: 'beta' }, fits: 'beta', fails: 'betb' },
  { pattern: { kind: 'exact', value: 'beta' }, fits: 'beta', fails: '' },
  { pattern: { kind: 'present' }, fits: 'any', fails: '' },
  { pattern: { kind: 'regex', source: '[a-z]+[0-9]' }, fits: 'abc1', fails: 'abc12' },
)

const named = (name: string) => fc.tuple(fc.constant(name), value)
const broken: fc.Arbitrary<FailedPredicate> = fc.constantFrom('host', 'path', 'method', 'headers', 'query')

const wanted = fc.record({ host, path, method, header: named('x-stage'), query: named('stage'), other: named('x-other'), broken })

/** The route as it is meant, and a request to it with one predicate that fails. */
function build({ host, path, method, header, query, other, broken }: typeof wanted extends fc.Arbitrary<infer W> ? W : never): {
  readonly match: RouteMatchIr
  readonly sent: Sent
} {
  const [headerName, headerPart] = header
  const [queryName, queryPart] = query
  const [otherName, otherPart] = other
  const pick = ({ fits, fails }: Part<unknown>, predicate: FailedPredicate): string => (predicate === broken ? fails : fits)
  const headerValue = pick(headerPart, 'headers')
  const queryValue = pick(queryPart, 'query')
  return {
    match: routeMatch({
      hosts: [host.pattern],
      paths: [path.pattern],
      methods: method.pattern,
      headers: [
        { name: otherName, match: otherPart.pattern },
        { name: headerName, match: headerPart.pattern },
      ],
      query: [{ name: queryName, match: queryPart.pattern }],
    }),
    sent: {
      method: pick(method, 'method'),
      host: pick(host, 'host'),
      path: pick(path, 'path'),
      query: `q=1${queryValue === '' ? '' : `&${queryName}=${queryValue}`}`,
      headers: [[otherName, otherPart.fits], ...(headerValue === '' ? [] : [[headerName, headerValue] as const])],
    },
  }
}

/** What the message of a near miss begins with. */
const BEGINNINGS: Readonly<Record<FailedPredicate, string>> = {
  host: 'host: ',
  path: 'path: ',
  port: 'port: ',
  'server-name': 'server name: ',
  method: 'method: ',
  headers: 'header x-stage: ',
  query: 'query stage: ',
  order: 'matches',
}

test('of a route that all but one predicate lead to, the record names that predicate, among other routes of all kinds', async () => {
  const base = await irOf('services: { s: { targets: ["127.0.0.1:1"] } }\nroutes: { one: { path: /one, service: s } }')
  const [model] = base.routes
  assert.ok(model)
  let runs = 0
  await fc.assert(
    fc.asyncProperty(wanted, randomRoutes, async (want, others) => {
      const { match, sent } = build(want)
      const routes: RouteIr[] = [
        ...others.map(({ name, match: other, priority }) => ({ ...model, name, match: other, priority })),
        { ...model, name: INTENDED, match, priority: 0 },
      ]
      const ir = { ...base, revision: String(runs++), routes }
      const snapshot = snapshotOf(ir)
      const log = logWith()
      const desk = new DecisionDesk({
        ask: async (query) => [{ worker: 1, decisions: log.find(query) }],
        explain: () => Promise.reject(new Error('nothing is explained here')),
      })
      desk.remember(ir)
      passThrough(log, snapshot, received({ ...sent, authority: sent.host }))
      const found = await desk.find('r')
      assert.ok(found.found)
      assert.notEqual(found.record.route?.name, INTENDED)
      const miss = found.nearMisses?.find(({ route }) => route === INTENDED)
      assert.equal(miss?.failed, want.broken)
      assert.ok(miss.message.startsWith(BEGINNINGS[want.broken]), miss.message)
    }),
    { seed: SEED, numRuns: RUNS },
  )
  assert.ok(runs >= RUNS)
})

test('the same requests with nothing broken find their route', async () => {
  const base = await irOf('services: { s: { targets: ["127.0.0.1:1"] } }\nroutes: { one: { path: /one, service: s } }')
  const [model] = base.routes
  assert.ok(model)
  fc.assert(
    fc.property(wanted, (want) => {
      const { match, sent } = build({ ...want, broken: 'order' })
      const log = logWith()
      passThrough(log, snapshotOf({ ...base, routes: [{ ...model, name: INTENDED, match }] }), received({ ...sent, authority: sent.host }))
      assert.equal(log.find({ kind: 'newest', filter: {}, max: 1 }).list[0]?.route, INTENDED)
    }),
    { seed: SEED, numRuns: 200 },
  )
})
