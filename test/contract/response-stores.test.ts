/** What every store of responses keeps to: whatever is done to it in whatever order, it gives no response that it may not give. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as fc from 'fast-check'
import { systemClock } from '../../src/core/clock.ts'
import { Headers } from '../../src/core/headers.ts'
import {
  isPurgedBy,
  type Purge,
  type ResponseKey,
  type ResponseLookup,
  type ResponseStore,
  type StoredResponse,
  varyValues,
} from '../../src/core/response-store.ts'
import { testContext } from '../../src/policies/testing.ts'
import { MemoryResponses } from '../../src/stores/memory/responses.ts'
import { RedisResponses } from '../../src/stores/redis/responses.ts'
import { openConnection } from '../redis/open.ts'
import { redisMissing, startRedis } from '../services/redis.ts'

/** Two views of one store, as two instances of a gateway have it; the same twice where only one can have it. */
type Views = readonly [ResponseStore, ResponseStore]

/** Milliseconds that the clocks of all stores are ahead; none of Redis' own, so only what a store looks at itself. */
let aheadMs = 0
const clock = { ...systemClock, now: () => systemClock.now() + aheadMs, epochMs: () => systemClock.epochMs() + aheadMs }

const STORES: readonly {
  readonly name: string
  readonly skip: string | false
  readonly runs: number
  readonly open: (t: TestContext) => Promise<Views>
}[] = [
  { name: 'memory', skip: false, runs: 300, open: openMemory },
  { name: 'redis', skip: redisMissing, runs: 60, open: openRedis },
]

async function openMemory(): Promise<Views> {
  const store = new MemoryResponses(2 ** 30, clock, testContext.metrics)
  return [store, store]
}

async function openRedis(t: TestContext): Promise<Views> {
  const { port } = await startRedis(t)
  const open = () => new RedisResponses(openConnection(t, [port]).connection, 'test:', clock)
  return [open(), open()]
}

const HOUR_MS = 3_600_000
const NONE = Headers.from([])

function keyOf(path: string, change: Partial<ResponseKey> = {}): ResponseKey {
  return { host: 'shop.example', path, query: '', part: 'route shop', ...change }
}

function responseOf(change: Partial<StoredResponse> = {}): StoredResponse {
  const receivedAtMs = clock.epochMs()
  return {
    status: 200,
    head: Headers.from([['content-type', 'text/plain']]),
    body: Buffer.from('hello'),
    vary: [],
    tags: [],
    receivedAtMs,
    initialAgeMs: 0,
    lifetimeMs: HOUR_MS,
    neverStale: false,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    keepUntilMs: receivedAtMs + HOUR_MS,
    memo: null,
    ...change,
  }
}

async function put(store: ResponseStore, key: ResponseKey, change: Partial<StoredResponse> = {}, headers = NONE): Promise<boolean> {
  return (await store.lookup(key, headers)).put(responseOf(change), headers)
}

async function found(store: ResponseStore, key: ResponseKey, headers = NONE): Promise<string | null> {
  return (await store.lookup(key, headers)).response?.body.toString('latin1') ?? null
}

// --- any order of calls

const PATHS = ['/a', '/a/b', '/ab'] as const
const aPlace = fc.record({
  path: fc.constantFrom(...PATHS),
  part: fc.constantFrom('one', 'other'),
  fields: fc.subarray(['accept-encoding', 'accept-language']),
})
const aPurge = fc.constantFrom<Purge[]>(
  { kind: 'all' },
  { kind: 'key', host: 'shop.example', path: '/a', query: '' },
  { kind: 'prefix', host: null, path: '/a' },
  { kind: 'prefix', host: 'shop.example', path: '/a/' },
  { kind: 'prefix', host: 'other.example', path: '/' },
  { kind: 'tag', tag: 'red' },
  { kind: 'tag', tag: 'blue' },
)
const aStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('look'), view: fc.nat(1), place: aPlace }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('put'),
      lookup: fc.nat(5),
      vary: fc.subarray(['accept-encoding', 'accept-language']),
      tags: fc.subarray(['red', 'blue']),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove'), lookup: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('purge'), view: fc.nat(1), purge: aPurge }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('invalidate'), view: fc.nat(1), path: fc.constantFrom(...PATHS) }) },
)
type Step = typeof aStep extends fc.Arbitrary<infer S> ? S : never
type Place = typeof aPlace extends fc.Arbitrary<infer P> ? P : never

/** A response that was kept, and what is known of it. */
interface Kept {
  readonly id: string
  readonly key: ResponseKey
  readonly headers: Headers
  readonly vary: readonly string[]
  readonly tags: readonly string[]
  /** Steps in which it was asked for and kept. */
  readonly askedAt: number
  readonly keptAt: number
  isGone: boolean
}

interface Begun {
  readonly place: Place
  readonly key: ResponseKey
  readonly headers: Headers
  readonly lookup: ResponseLookup
  readonly askedAt: number
}

let names = 0

/** Does the steps to a store and checks all that comes of them. */
class Scenario {
  readonly #views: Views
  /** No other scenario has it. */
  readonly #query = `run=${names++}`
  readonly #kept: Kept[] = []
  readonly #purges: { readonly purge: Purge; readonly at: number }[] = []
  readonly #begun: Begun[] = []
  #at = 0

  constructor(views: Views) {
    this.#views = views
  }

  async do(step: Step): Promise<void> {
    this.#at++
    switch (step.kind) {
      case 'look':
        return this.#look(step.view, step.place)
      case 'put':
        return this.#put(step)
      case 'remove':
        return this.#remove(step.lookup)
      case 'purge':
        return this.#purge(step.view, this.#own(step.purge))
      case 'invalidate':
        await this.#view(step.view).invalidate('shop.example', step.path, this.#query)
        return this.#note({ kind: 'key', host: 'shop.example', path: step.path, query: this.#query })
    }
    return step satisfies never
  }

  #view(index: number): ResponseStore {
    return this.#views[index === 0 ? 0 : 1]
  }

  /** A purge of one URI names one of this scenario. */
  #own(purge: Purge): Purge {
    return purge.kind === 'key' ? { ...purge, query: this.#query } : purge
  }

  async #look(view: number, place: Place): Promise<void> {
    const key = keyOf(place.path, { query: this.#query, part: place.part })
    const headers = Headers.from(place.fields.map((name) => [name, 'x']))
    const lookup = await this.#view(view).lookup(key, headers)
    if (lookup.response !== null) this.#check(lookup.response, key, headers)
    this.#begun.unshift({ place, key, headers, lookup, askedAt: this.#at })
  }

  /** What was given has been kept under this key, fits the request, was not purged or removed, nor replaced by the same request. */
  #check(response: StoredResponse, key: ResponseKey, headers: Headers): void {
    const id = response.body.toString()
    const kept = this.#kept.find((one) => one.id === id)
    assert.ok(kept, `${id} was never kept`)
    assert.deepEqual([kept.key, kept.vary, kept.tags], [key, response.vary, response.tags])
    assert.equal(varyValues(kept.vary, headers), varyValues(kept.vary, kept.headers), `${id} does not fit`)
    assert.equal(kept.isGone, false, `${id} was removed`)
    assert.equal(this.#isPurged(kept, kept.askedAt), false, `${id} was purged`)
    const newer = this.#kept.find((one) => one.keptAt > kept.keptAt && isSame(one, kept) && sameFields(one.headers, kept.headers))
    assert.equal(newer?.id, undefined, `${id} was replaced`)
  }

  #isPurged({ key, tags }: Pick<Kept, 'key' | 'tags'>, since: number): boolean {
    return this.#purges.some(({ purge, at }) => at > since && isPurgedBy(purge, key, tags))
  }

  async #put({ lookup: index, vary, tags }: Extract<Step, { kind: 'put' }>): Promise<void> {
    const begun = this.#begun[index]
    if (begun === undefined) return
    const { key, headers, lookup, askedAt } = begun
    const id = `${this.#query} ${this.#at}`
    const isKept = await lookup.put(responseOf({ body: Buffer.from(id), vary, tags }), headers)
    if (this.#isPurged({ key, tags }, askedAt)) return assert.equal(isKept, false, `${id} was kept though it is older than a purge`)
    const others = this.#kept.some((one) => one.keptAt > askedAt && one.key.path === key.path)
    // Another one that is kept meanwhile may change how they are told apart.
    if (!others) assert.equal(isKept, true, `${id} was not kept`)
    if (!isKept) return
    this.#kept.push({ id, key, headers, vary, tags, askedAt, keptAt: this.#at, isGone: false })
    for (const store of this.#views) assert.equal(await found(store, key, headers), id)
  }

  async #remove(index: number): Promise<void> {
    const { lookup } = this.#begun[index] ?? {}
    if (lookup === undefined) return
    await lookup.remove()
    const id = lookup.response?.body.toString()
    for (const kept of this.#kept) if (kept.id === id) kept.isGone = true
  }

  async #purge(view: number, purge: Purge): Promise<void> {
    await this.#view(view).purge(purge)
    this.#note(purge)
  }

  #note(purge: Purge): void {
    this.#purges.push({ purge, at: this.#at })
  }
}

function isSame(one: Kept, other: Kept): boolean {
  return one.key.path === other.key.path && one.key.part === other.key.part
}

function sameFields(one: Headers, other: Headers): boolean {
  const all = ['accept-encoding', 'accept-language']
  return varyValues(all, one) === varyValues(all, other)
}

for (const { name, skip, runs, open } of STORES) {
  const options = { skip, timeout: 120_000 }

  test(
    `${name}: in any order of look-ups, answers, removals and purges by two instances none is given that may not be`,
    options,
    async (t) => {
      const views = await open(t)
      const property = fc.asyncProperty(fc.array(aStep, { minLength: 1, maxLength: 40 }), async (steps) => {
        const scenario = new Scenario(views)
        for (const step of steps) await scenario.do(step)
      })
      await fc.assert(property, { numRuns: runs })
    },
  )

  test(`${name}: a response comes back as it was kept`, options, async (t) => {
    const [store, other] = await open(t)
    const head = Headers.from([
      ['content-type', 'image/png'],
      ['x-one', 'a'],
      ['x-one', ''],
    ])
    const change = {
      status: 203,
      head,
      body: Buffer.from(Array.from({ length: 1_024 }, (_, i) => i % 256)),
      vary: ['accept', 'x-one'],
      tags: ['a', 'ü'],
      initialAgeMs: 5,
      lifetimeMs: 7.5,
      neverStale: true,
      staleWhileRevalidateMs: 1,
      staleIfErrorMs: 2,
    }
    assert.equal(await put(store, keyOf('/a'), change), true)
    const { response } = await other.lookup(keyOf('/a'), NONE)
    assert.ok(response)
    const { head: keptHead, body, memo: _, ...rest } = response
    const { head: __, body: sent, ...expected } = change
    assert.deepEqual({ ...rest, receivedAtMs: 0, keepUntilMs: 0 }, { ...expected, receivedAtMs: 0, keepUntilMs: 0 })
    assert.deepEqual(keptHead.toPairs(), head.toPairs())
    assert.ok(sent.equals(body))
  })

  test(`${name}: host, path, query and part tell keys apart, wherever one ends and the next begins`, options, async (t) => {
    const [store] = await open(t)
    const keys = [
      keyOf('/a'),
      keyOf('/a', { host: 'shop' }),
      keyOf('/a', { query: 'b' }),
      keyOf('/a', { part: 'b' }),
      keyOf('/a', { part: '' }),
      keyOf('/a%3Fb'),
      keyOf('/a', { part: 'x-one\n=a\n\nroute shop' }),
    ]
    for (const [i, key] of keys.entries()) assert.equal(await put(store, key, { body: Buffer.from(`${i}`) }), true)
    for (const [i, key] of keys.entries()) assert.equal(await found(store, key), `${i}`)
  })

  test(`${name}: a purge takes what it names and nothing else`, options, async (t) => {
    const [store, other] = await open(t)
    const here = { tags: ['red', 'big'] }
    const keys = [keyOf('/a'), keyOf('/a/'), keyOf('/a/b'), keyOf('/ab'), keyOf('/a', { query: 'x' }), keyOf('/a', { host: 'other' })]
    const purges: [Purge, readonly number[]][] = [
      [{ kind: 'all' }, [0, 1, 2, 3, 4, 5]],
      [{ kind: 'key', host: 'shop.example', path: '/a', query: '' }, [0]],
      [{ kind: 'prefix', host: null, path: '/a' }, [0, 1, 2, 4, 5]],
      [{ kind: 'prefix', host: 'shop.example', path: '/a' }, [0, 1, 2, 4]],
      [{ kind: 'prefix', host: null, path: '/a/' }, [1, 2]],
      [{ kind: 'prefix', host: null, path: '/' }, [0, 1, 2, 3, 4, 5]],
      [{ kind: 'tag', tag: 'red' }, [0, 1, 2, 3, 4, 5]],
      [{ kind: 'tag', tag: 're' }, []],
    ]
    for (const [purge, gone] of purges) {
      for (const key of keys) assert.equal(await put(store, key, here), true)
      await other.purge(purge)
      const left = await Promise.all(keys.map((key) => found(store, key)))
      assert.deepEqual(
        left.flatMap((body, i) => (body === null ? [i] : [])),
        gone,
        JSON.stringify(purge),
      )
    }
  })

  test(`${name}: nothing is given from the time on to which it was to be kept`, options, async (t) => {
    const [store] = await open(t)
    t.after(() => {
      aheadMs = 0
    })
    assert.equal(await put(store, keyOf('/a'), { keepUntilMs: clock.epochMs() + 60_000 }), true)
    aheadMs += 50_000
    assert.equal(await found(store, keyOf('/a')), 'hello')
    aheadMs += 10_000
    assert.equal(await found(store, keyOf('/a')), null)
  })
}
