/**
 * Generated exchanges, with `http-cache-semantics` as the oracle: is a second request answered without asking the service?
 *
 * Where it reads RFC 9111 otherwise than we do, it is asked an adjusted question; `adjusted` lists these places with the reason.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import CachePolicy from 'http-cache-semantics'
import { type Fields, World } from './testing.ts'

interface Case {
  readonly status: number
  readonly directives: readonly string[]
  /** Seconds from now; null for no such field. */
  readonly date: number | null
  readonly expires: number | null
  readonly age: number | null
  readonly etag: boolean
  readonly cookie: boolean
  readonly vary: string | null
  readonly authorization: boolean
  readonly first: { readonly a: string | null; readonly b: string | null }
  readonly second: { readonly a: string | null; readonly b: string | null; readonly directives: readonly string[] }
  /** Seconds between the two. */
  readonly later: number
}

const seconds = fc.integer({ min: 0, max: 40 })
const directive = (name: string): fc.Arbitrary<string> => fc.integer({ min: 0, max: 80 }).map((n) => `${name}=${n}`)
const value = fc.constantFrom(null, null, null, '1', '2')

const cases: fc.Arbitrary<Case> = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 200, 200, 200, 200, 203, 204, 206, 301, 302, 304, 404, 410, 403, 500, 503),
  directives: fc.uniqueArray(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.oneof(directive('max-age'), directive('s-maxage'), directive('stale-while-revalidate'), directive('stale-if-error')),
      },
      { weight: 2, arbitrary: fc.constantFrom('public', 'must-revalidate', 'proxy-revalidate', 'no-transform', 'foo=bar') },
      { weight: 1, arbitrary: fc.constantFrom('no-store', 'private', 'no-cache') },
    ),
    { maxLength: 4, selector: (text) => text.split('=')[0] },
  ),
  date: fc.option(fc.integer({ min: -20, max: 5 })),
  expires: fc.option(fc.integer({ min: -20, max: 80 })),
  age: fc.option(fc.integer({ min: 0, max: 20 })),
  etag: fc.boolean(),
  cookie: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  vary: fc.constantFrom(null, null, null, null, null, null, 'X-A', 'X-B', 'X-A, x-b', '*'),
  authorization: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  first: fc.record({ a: value, b: value }),
  second: fc.record({
    a: value,
    b: value,
    directives: fc.uniqueArray(
      fc.oneof(
        directive('max-age'),
        directive('min-fresh'),
        directive('max-stale'),
        fc.constantFrom('max-stale', 'no-cache', 'no-store', 'foo'),
      ),
      { maxLength: 2, selector: (text) => text.split('=')[0] },
    ),
  }),
  later: seconds,
})

function requestFields({ a, b }: Case['first'], authorization: boolean, directives: readonly string[] = []): [string, string][] {
  const fields: [string, string][] = [['host', 'example.com']]
  if (a !== null) fields.push(['x-a', a])
  if (b !== null) fields.push(['x-b', b])
  if (authorization) fields.push(['authorization', 'Bearer t'])
  if (directives.length > 0) fields.push(['cache-control', directives.join(', ')])
  return fields
}

function responseFields({ directives, date, expires, age, etag, cookie, vary }: Case, nowMs: number): [string, string][] {
  const at = (offset: number): string => new Date(nowMs + offset * 1000).toUTCString()
  const fields: [string, string][] = []
  if (directives.length > 0) fields.push(['cache-control', directives.join(', ')])
  if (date !== null) fields.push(['date', at(date)])
  if (expires !== null) fields.push(['expires', at(expires)])
  if (age !== null) fields.push(['age', String(age)])
  if (etag) fields.push(['etag', '"1"'])
  if (cookie) fields.push(['set-cookie', 'a=b'])
  if (vary !== null) fields.push(['vary', vary])
  return fields
}

/** The question that has the answer RFC 9111 gives. */
function adjusted(written: Case): Case {
  let { directives, age, second } = written
  const has = (name: string): boolean => written.directives.some((text) => text.split('=')[0] === name)
  // It never gives these without asking. RFC 9111, 5.2.2.2 and 5.2.2.8 say so of stale responses only. For credentials `public` does the same.
  directives = directives.flatMap((text) => (text === 'must-revalidate' ? ['public'] : text === 'proxy-revalidate' ? [] : [text]))
  // It lets clients take what is stale and must not be given so (RFC 9111, 4.2.4).
  const neverStale = ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage'].some(has)
  if (neverStale) second = { ...second, directives: second.directives.filter((text) => !text.startsWith('max-stale')) }
  // It takes Age alone for the age on arrival; the time since Date counts as well (RFC 9111, 4.2.3).
  if (written.date !== null && written.date < 0) age = Math.max(age ?? 0, -written.date)
  // It stores what sets a cookie where it is public. We never do; RFC 9111, 7.3 leaves that to caches.
  if (written.cookie) directives = ['no-store']
  // It answers max-age=0 within the same moment. Clients that reload say that, so we ask.
  if (second.directives.includes('max-age=0')) second = { ...second, directives: ['no-cache'] }
  // It stores what does not say for how long it is fresh, and lets clients take it as stale. We guess nothing.
  if (written.expires === null && !['max-age', 's-maxage', 'public'].some(has)) directives = ['no-store']
  // It would answer a request with no-store; nothing of that exchange is to be kept (RFC 9111, 5.2.1.5), so we stand aside.
  if (second.directives.includes('no-store')) second = { ...second, directives: ['no-cache'] }
  return { ...written, directives, age, second }
}

function oracleSays(written: Case, startMs: number, thenMs: number): boolean {
  let nowMs = startMs
  class TimedPolicy extends CachePolicy {
    override now(): number {
      return nowMs
    }
  }
  const asked = adjusted(written)
  const request = { url: '/', method: 'GET', headers: Object.fromEntries(requestFields(asked.first, asked.authorization)) }
  const policy = new TimedPolicy(
    request,
    { status: asked.status, headers: Object.fromEntries(responseFields(asked, startMs)) },
    { shared: true, cacheHeuristic: 0 },
  )
  nowMs = thenMs
  const again = { ...request, headers: Object.fromEntries(requestFields(asked.second, asked.authorization, asked.second.directives)) }
  return policy.storable() && policy.satisfiesWithoutRevalidation(again)
}

test('generated exchanges are answered from the cache exactly where http-cache-semantics says so', async () => {
  const world = new World({ keepStale: '168h' })
  let count = 0
  let hits = 0
  const property = fc.asyncProperty(cases, async (written) => {
    // Services that say both mean `stale-while-revalidate` to count; see staleTimes. What clients may take then has no equal there.
    const named = written.directives.some((text) => text.startsWith('stale-'))
    fc.pre(
      !(
        named &&
        written.directives.some((text) => text.startsWith('s-maxage')) &&
        written.second.directives.some((text) => text.startsWith('max-stale'))
      ),
    )
    // It stores what was never fresh and cannot be validated, to be taken as stale. We have no use for that.
    fc.pre(written.etag || !written.second.directives.some((text) => text.startsWith('max-stale')))
    count++
    const path = `/${count}`
    const startMs = world.nowMs
    const headers: Fields = responseFields(written, startMs)
    await world.ask({ path, headers: requestFields(written.first, written.authorization) }, { status: written.status, headers, body: 'x' })
    // Between whole seconds, so that no bound is met exactly: there the RFC has room.
    world.nowMs += written.later * 1000 + 500
    const detached = world.detached.length
    const told = await world.ask(
      { path, headers: requestFields(written.second, written.authorization, written.second.directives) },
      { status: 200, headers: [['cache-control', 'no-store']] },
    )
    const ours = told.forwarded === null && world.detached.length === detached
    if (ours) hits++
    assert.equal(ours, oracleSays(written, startMs, world.nowMs))
    // Dates have whole seconds.
    world.nowMs += 500
  })
  await fc.assert(property, { seed: 9111, numRuns: 4_000 })
  assert.ok(hits > 200, `${hits} hits tell little`)
})
