/** Our router against a plain model of Kong's, for route sets and requests that chance makes of few words, so that they meet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compileRouter } from '../../src/compile/router.ts'
import { exchangeOf } from '../../src/policies/testing.ts'
import { loadKong } from './kong-gateway.ts'
import { type ModelRequest, type ModelRoute, modelMatch } from './router-model.ts'

const REQUESTS_PER_SET = 10
const SETS = 100

const segment = fc.constantFrom('a', 'a', 'b', 'ab', 'a.b')
const path = fc.array(segment, { minLength: 0, maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
const regex = fc.constantFrom('~/a', '~/a/[ab]+', '~/(?:a|b)/a$', '~/.*b', '~/a{1,2}$', '~/[^/]+/b')
const labels = fc.constantFrom('a.com', 'b.com', 'a.b.com', 'b.a.com')
const host = fc.oneof(labels, fc.constantFrom('*.com', '*.b.com', 'a.*', 'b.*'))
const methods = fc.subarray(['GET', 'POST', 'HEAD'], { minLength: 1 })
const values = fc.subarray(['x', 'Y', '~*^x', '~*[yz]$'], { minLength: 1, maxLength: 2 })
const headers = fc.dictionary(fc.constantFrom('x-one', 'X-Two'), values, { minKeys: 1, maxKeys: 2 })
const seldom = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> => fc.option(value, { nil: undefined, freq: 1 })

const fields = fc
  .record({
    paths: fc.option(fc.uniqueArray(fc.oneof(path, regex), { minLength: 1, maxLength: 4 }), { nil: undefined, freq: 6 }),
    hosts: seldom(fc.uniqueArray(host, { minLength: 1, maxLength: 3 })),
    methods: seldom(methods),
    headers: seldom(headers),
    regex_priority: seldom(fc.integer({ min: 0, max: 3 })),
  })
  .filter((route) => route.paths !== undefined || route.hosts !== undefined || route.methods !== undefined || route.headers !== undefined)

const routes = fc.array(fields, { minLength: 1, maxLength: 8 }).map((all) =>
  all.map((route, index): ModelRoute => {
    const id = `${String(index).padStart(8, '0')}-0000-4000-8000-000000000000`
    return { ...route, name: `route-${index}`, id }
  }),
)

const request = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'HEAD'),
  host: labels,
  path: fc.oneof(
    path,
    path.map((text) => `${text}b`),
  ),
  headers: fc.array(fc.tuple(fc.constantFrom('X-One', 'x-two'), fc.constantFrom('x', 'X', 'y', 'xz', 'q')), { maxLength: 4 }),
})

test('2.4 the router picks what the model picks, for 1,000 requests to random routes', async () => {
  let ties = 0
  let found = 0
  const property = fc.asyncProperty(
    routes,
    fc.array(request, { minLength: REQUESTS_PER_SET, maxLength: REQUESTS_PER_SET }),
    async (set: readonly ModelRoute[], requests: readonly ModelRequest[]) => {
      const loaded = await loadKong(JSON.stringify({ _format_version: '3.0', routes: set }))
      assert.ok('ir' in loaded, 'problems' in loaded ? loaded.problems.map(({ message }) => message).join('\n') : '')
      const router = compileRouter(
        loaded.ir.routes.map((route) => ({ name: route.name, match: route.match, priority: route.priority, value: route.name })),
        'kong',
      )
      for (const asked of requests) {
        const match = router.match({
          ...asked,
          query: '',
          port: 8000,
          serverName: null,
          headers: exchangeOf({ headers: asked.headers }).request.headers,
        })
        const taken = match.kind === 'found' ? match.value : null
        const best = modelMatch(set, asked)
        if (taken !== null) found++
        if (best.length > 1) ties++
        assert.ok(taken === null ? best.length === 0 : best.includes(taken), `${JSON.stringify(asked)}: ${taken}, not ${best.join(', ')}`)
      }
    },
  )
  await fc.assert(property, { seed: 84, numRuns: SETS })
  assert.ok(found > 500 && ties < found / 2, `${found} requests taken, ${ties} of them by routes that only their ids tell apart`)
})
