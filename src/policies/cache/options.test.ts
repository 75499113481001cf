/** What is kept, under what, and what is told of it, where options say so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../../core/caller.ts'
import { type Asking, type Fields, World } from './testing.ts'

const TTL = { ttl: '1m' }
const JSON_TYPE: Fields = [['Content-Type', 'application/json']]

/** Whether the second asker is given what the first one was. */
async function isGiven(options: object, first: Asking, second: Asking, headers: Fields = [], status = 200): Promise<boolean> {
  const world = new World(options)
  await world.ask(first, { status, headers, body: 'of the first' })
  return (await world.ask(second, { body: 'of the second' })).body === 'of the first'
}

test('only media types that are named are kept', async () => {
  for (const options of [{ ...TTL, contentTypes: ['application/json'] }, { contentTypes: ['application/json'] }]) {
    const fresh: Fields = [['Cache-Control', 'max-age=60']]
    assert.equal(await isGiven(options, {}, {}, [...fresh, ...JSON_TYPE]), true)
    assert.equal(await isGiven(options, {}, {}, [...fresh, ['Content-Type', 'application/json; charset=utf-8']]), false)
    assert.equal(await isGiven(options, {}, {}, fresh), false)
  }
})

test('only statuses that are named are kept, also where the service says for how long', async () => {
  const fresh: Fields = [['Cache-Control', 'max-age=60']]
  assert.equal(await isGiven({ statuses: [200] }, {}, {}, fresh, 404), false)
  assert.equal(await isGiven({ statuses: [404] }, {}, {}, fresh, 404), true)
  assert.equal(await isGiven({}, {}, {}, fresh, 404), true)
})

test('methods that are not named go past the cache', async () => {
  const world = new World({ ...TTL, methods: ['GET'] })
  await world.ask({}, { body: '1' })
  assert.equal((await world.ask({ method: 'HEAD' }, {})).cacheStatus, 'turnpike; fwd=method')
  assert.equal((await world.ask({})).body, '1')
})

test('a query counts in any order, or by some of its parameters, and those of one name in their order', async () => {
  const query = (text: string): Asking => ({ query: text })
  const cases: readonly (readonly [object, string, string, boolean])[] = [
    [{}, 'a=1&b=2', 'b=2&a=1', false],
    [{ keyQuery: 'sorted' }, 'a=1&b=2', 'b=2&a=1', true],
    [{ keyQuery: 'sorted' }, 'a=%31', 'a=1', true],
    [{ keyQuery: 'sorted' }, 'a=%c3%a9', 'a=%C3%A9', true],
    [{ keyQuery: 'sorted' }, 'a=%E8', 'a=%E9', false],
    [{ keyQuery: 'sorted' }, 'a', 'a=', false],
    [{ keyQuery: ['a'] }, '%61=%E8', 'a=%E9', false],
    [{ keyQuery: ['a'] }, '%61=1&&b', 'a=1', true],
    [{ keyQuery: 'sorted' }, 'a=1&a=2', 'a=2&a=1', false],
    [{ keyQuery: 'sorted' }, 'a=1', 'a=1&b=2', false],
    [{ keyQuery: ['a'] }, 'a=1&b=2', 'c=3&a=1', true],
    [{ keyQuery: ['a'] }, 'a=1', 'a=2', false],
    [{ keyQuery: [] }, 'a=1', '', true],
  ]
  for (const [options, one, other, isSame] of cases) {
    assert.equal(await isGiven({ ...TTL, ...options }, query(one), query(other)), isSame, `${JSON.stringify(options)} ${one} ${other}`)
  }
})

test('paths that differ in case are one where that is asked for, for what changes them too', async () => {
  assert.equal(await isGiven(TTL, { path: '/A' }, { path: '/a' }), false)
  assert.equal(await isGiven({ ...TTL, ignorePathCase: true }, { path: '/A' }, { path: '/a' }), true)
  const world = new World({ ...TTL, ignorePathCase: true, keyQuery: 'sorted' })
  await world.ask({ path: '/a', query: 'x=1&y=2' }, { body: '1' })
  await world.ask({ method: 'DELETE', path: '/A', query: 'y=2&x=1' }, { status: 204 })
  assert.equal((await world.ask({ path: '/a', query: 'x=1&y=2' }, { body: '2' })).body, '2')
})

test('answers to credentials are shared by those of one consumer', async () => {
  const world = new World({ ...TTL, shareAuthenticated: 'consumer' })
  const ask = async (name: string | null, token: string): Promise<string> => {
    const exchange = world.exchange({ headers: [['Authorization', token]] })
    if (name !== null) exchange.caller.consumer = consumerOf(name)
    const reply = await (await world.steps()).onRequest?.(exchange)
    return (await world.finish(exchange, reply ?? undefined, { body: `${name} ${token}` })).body
  }
  assert.equal(await ask('ann', '1'), 'ann 1')
  assert.equal(await ask('ann', '2'), 'ann 1')
  assert.equal(await ask('bob', '1'), 'bob 1')
  assert.equal(await ask(null, '3'), 'null 3')
  assert.equal(await ask(null, '4'), 'null 3')
})

function consumerOf(name: string): Consumer {
  return { name, groups: [], hasPolicies: false }
}

test('bypass: requests with no-cache or Authorization go past the cache', async () => {
  const world = new World({ requestDirectives: 'bypass' })
  await world.ask({}, { headers: [['Cache-Control', 'public, max-age=60']], body: '1' })
  for (const field of [
    ['Cache-Control', 'no-cache'],
    ['Cache-Control', 'no-store'],
    ['Authorization', 'x'],
  ] as const) {
    assert.equal((await world.ask({ headers: [field] }, { body: '2' })).cacheStatus, 'turnpike; fwd=bypass', field.join(': '))
  }
  assert.equal((await world.ask({ headers: [['Cache-Control', 'max-age=0']] }, { body: '3' })).cacheStatus, 'turnpike; fwd=request')
})

test('what the cache did is told in a word, and what it is kept under by a digest', async () => {
  const told = { statusHeader: 'X-Cache', keyHeader: 'X-Key', cacheStatus: false, age: false }
  const world = new World({ ...TTL, keepStale: '1h', ...told })
  const ask = async (asking: Asking, status?: number) => {
    const { headers } = await world.ask(asking, status === undefined ? undefined : { status, body: 'b' })
    assert.deepEqual([headers.get('Age'), headers.get('Cache-Status')], [undefined, undefined])
    return [headers.get('X-Cache'), headers.get('X-Key')]
  }
  const [miss, key] = await ask({}, 200)
  assert.equal(miss, 'Miss')
  assert.match(key ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(await ask({}), ['Hit', key])
  assert.deepEqual(await ask({ method: 'HEAD' }), ['Hit', key])
  world.nowMs += 61_000
  assert.deepEqual(await ask({}, 200), ['Refresh', key])
  assert.deepEqual(await ask({ path: '/other', method: 'HEAD' }, 500).then(([word]) => word), 'Bypass')
  assert.deepEqual(await ask({ path: '/other' }, 500).then(([word]) => word), 'Bypass')
  assert.deepEqual(await ask({ method: 'POST' }, 200), ['Bypass', undefined])
})
