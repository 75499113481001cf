import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fragment } from '../../core/config-source.ts'
import { Backoff } from '../../discovery/backoff.ts'
import { type Answer, breaksOff, refuses, type ScriptedConsul, says, scriptedConsul, Told } from '../../discovery/consul/testing.ts'
import { openConsul } from './source.ts'

const pair = (Key: string, text: string): unknown => ({ Key, Value: Buffer.from(text).toString('base64') })

function address(consul: ScriptedConsul, path: string): string {
  return `${consul.url.replace('http', 'consul')}/${path}`
}

interface Watching {
  readonly consul: ScriptedConsul
  readonly fragments: Told<readonly Fragment[]>
  readonly states: Told<string>
  readonly refresh: () => void
}

async function watching(t: TestContext, path: string, ...answers: readonly Answer[]): Promise<Watching> {
  const consul = await scriptedConsul(t, ...answers)
  const fragments = new Told<readonly Fragment[]>()
  const states = new Told<string>()
  const times = { settleMs: 1, backoff: new Backoff({ minMs: 1, maxMs: 10 }) }
  const watch = openConsul(address(consul, path), { env: {} }, times).watch({
    onFragments: (told) => fragments.tell(told),
    onDegraded: (reason) => states.tell(reason ?? 'answers'),
  })
  t.after(() => watch.close())
  return { consul, fragments, states, refresh: () => watch.refresh() }
}

test('one key is one document; the token comes from the environment', async (t) => {
  const consul = await scriptedConsul(t, says(5, [pair('gate way/a', 'routes: {}')]))
  const source = openConsul(address(consul, 'gate%20way/a?dc=dc2'), { env: { CONSUL_HTTP_TOKEN: 'secret' } })
  const store = consul.url.replace('http', 'consul')
  assert.deepEqual(await source.read(), [{ name: `${store}/gate way/a`, text: 'routes: {}' }])
  assert.equal(source.name, `${store}/gate%20way/a`)
  const [query] = consul.asked
  assert.deepEqual([query?.path, query?.params.toString(), query?.token], ['/v1/kv/gate%20way/a', 'dc=dc2', 'secret'])
})

test('a prefix is a document for each key below it', async (t) => {
  const consul = await scriptedConsul(t, says(5, [pair('g/b', '2'), pair('g/a', '1')]))
  const fragments = await openConsul(address(consul, 'g/'), { env: {} }).read()
  assert.deepEqual(
    fragments.map(({ text }) => text),
    ['1', '2'],
  )
  assert.deepEqual(
    [consul.asked[0]?.path, consul.asked[0]?.params.toString(), consul.asked[0]?.token],
    ['/v1/kv/g/', 'recurse=1', undefined],
  )
})

test('where no key is there is no document', async (t) => {
  const consul = await scriptedConsul(t, refuses(404))
  assert.deepEqual(await openConsul(address(consul, 'g/'), { env: {} }).read(), [])
})

for (const [what, answer, message] of [
  ['no rights', refuses(403, 'Permission denied'), /answered 403: Permission denied; the token needs key:read for g\/$/],
  [
    'keys that are hidden',
    says(1, [], { 'X-Consul-Results-Filtered-By-ACLs': 'true' }),
    /hides what the token may not see: it needs key:read for g\/$/,
  ],
  ['another shape', says(1, [1]), /^the answer of consul:\/\/127\.0\.0\.1:\d+ has no key and value at \[0\]$/],
  ['no JSON', (response: Parameters<Answer>[0]) => void response.end('<'), /did not answer with JSON$/],
  ['no answer', (response: Parameters<Answer>[0]) => void response.destroy(), /closed the connection$/],
] as const) {
  test(`${what} is told in words`, async (t) => {
    const consul = await scriptedConsul(t, answer)
    await assert.rejects(openConsul(address(consul, 'g/'), { env: {} }).read(), { message })
  })
}

for (const [url, message] of [
  ['consul://h', /names no key: a prefix ends with a slash, as consul:\/\/h\/turnpike\/$/],
  ['consul://h1,h2/g', /expected one agent/],
  ['consul://:secret@h/g', /^consul:\/\/h\/g: expected no credentials: the token is taken from CONSUL_HTTP_TOKEN$/],
  ['consul://h/g?token=secret', /has no parameter `token`/],
] as const) {
  test(`${url} is refused`, () => {
    assert.throws(() => openConsul(url, { env: {} }), { name: 'SourceUrlError', message })
  })
}

test('files of certificates are for TLS, and one that is missing is told', async () => {
  await assert.rejects(openConsul('consul://127.0.0.1:1/g?ca=x.pem', { env: {} }).read(), { message: /`ca` is for TLS/ })
  await assert.rejects(openConsul('consuls://127.0.0.1:1/g?ca=/none/x.pem', { env: {} }).read(), { message: /\/none\/x\.pem/ })
})

test('a watch tells what differs, and nothing when only the index does', async (t) => {
  const one = [pair('g/a', '1')]
  // The keys go away when what was before has been told: else both changes would be told together.
  const isTold = Promise.withResolvers<void>()
  const goesAway: Answer = (response, query) => void isTold.promise.then(() => refuses(404)(response, query))
  const { consul, fragments } = await watching(t, 'g/', says(5, one), says(6, one), says(7, [pair('g/a', '2')]), goesAway)
  await fragments.at(1)
  isTold.resolve()
  const [first, second, third] = [await fragments.at(0), await fragments.at(1), await fragments.at(2)]
  assert.deepEqual([first[0]?.text, second[0]?.text, third], ['1', '2', []])
  assert.equal(fragments.all.length, 3)
  assert.equal(consul.asked[1]?.params.toString(), 'recurse=1&index=5&wait=60000ms')
})

test('a store that is not there is told, and what was told stays', async (t) => {
  const one = [pair('g', '1')]
  const { consul, fragments, states } = await watching(
    t,
    'g',
    says(5, one),
    breaksOff,
    breaksOff,
    refuses(500, 'No cluster leader'),
    says(3, one),
  )
  await consul.hasAsked(6)
  assert.match(await states.at(0), /closed the connection$/)
  assert.match(await states.at(1), /answered 500: No cluster leader$/)
  assert.equal(await states.at(2), 'answers')
  assert.equal(fragments.all.length, 1)
})

test('a refresh asks at once', async (t) => {
  const { consul, fragments, refresh } = await watching(t, 'g', says(5, [pair('g', '1')]), () => {}, says(6, [pair('g', '2')]))
  await consul.hasAsked(2)
  refresh()
  assert.equal((await fragments.at(1))[0]?.text, '2')
  assert.equal(consul.asked[2]?.params.get('index'), null)
})
