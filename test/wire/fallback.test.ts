/** What clients get when the service fails: another service, a fixed answer, and never a mixture. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { answer } from '../../src/core/reply.ts'
import { object } from '../../src/core/schema.ts'
import { always, echo, eventually, startRig } from './harness.ts'

const GET = 'GET /orders/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const POST = 'POST /orders/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'
const DEGRADED = { status: 200, body: '{"degraded": true, "id": "{request.id}", "cause": "{cause}"}' } as const
const bad = (status: number): string => `HTTP/1.1 ${status} No\r\nContent-Length: 4\r\n\r\nevil`

test('a fixed answer takes the place of a service that is not there', async (t) => {
  const rig = await startRig(t, { route: { fallback: { response: DEGRADED } }, ports: () => [1] })
  const { text } = await rig.exchange(GET)
  assert.match(text, /^HTTP\/1.1 200 OK\r\n/)
  assert.match(text, /\r\nTurnpike-Fallback: response\r\n/)
  assert.match(text, /\{"degraded": true, "id": "[0-9a-f-]{36}", "cause": "upstream_connect_refused"\}$/)
  assert.equal(rig.metric('gateway_fallback_total', { service: 'main', kind: 'response' }), 1)
  await rig.loggedCount(1)
  assert.deepEqual(rig.logged, [{ status: 200, error: 'upstream_connect_refused', attempts: 1 }])
})

for (const status of [502, 503, 504]) {
  test(`an answer of ${status} is a failure, and its connection is used again`, async (t) => {
    const rig = await startRig(t, { route: { fallback: { response: DEGRADED } } })
    rig.upstream.onConnection = always(bad(status))
    for (let i = 0; i < 3; i++) {
      const { text } = await rig.exchange(GET)
      assert.match(text, /^HTTP\/1.1 200 OK\r\n/)
      assert.doesNotMatch(text, /evil/)
    }
    assert.equal(rig.upstream.peers.length, 1)
  })
}

test('an answer of 500 or 404 is passed on unless it is configured', async (t) => {
  for (const status of [500, 404]) {
    const rig = await startRig(t, { route: { fallback: { response: DEGRADED } } })
    rig.upstream.onConnection = always(bad(status))
    const { text } = await rig.exchange(GET)
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `))
    assert.doesNotMatch(text, /Turnpike-Fallback/)
  }
})

test('another service answers in the place of one that fails, with the whole body of the request', async (t) => {
  const rig = await startRig(t, { route: { fallback: { service: 'backup', response: DEGRADED } }, ports: () => [1] })
  rig.backup.onConnection = echo
  const { text } = await rig.exchange(POST)
  assert.match(text, /\r\nTurnpike-Fallback: service\r\n/)
  assert.match(text, /\{"line":"POST \/orders\/7 HTTP\/1.1","body":"hello","trailers":""\}$/)
  assert.equal(rig.metric('gateway_upstream_status_total', { service: 'backup', status: '200' }), 1)
})

test('what the first service may have done is not asked of a second one: a POST gets the fixed answer', async (t) => {
  const rig = await startRig(t, { route: { fallback: { service: 'backup', response: DEGRADED } } })
  rig.upstream.onConnection = always(bad(503))
  rig.backup.onConnection = echo
  const { text } = await rig.exchange(POST)
  assert.match(text, /\r\nTurnpike-Fallback: response\r\n/)
  assert.equal(rig.backup.peers.length, 0)
})

test('with nonIdempotent a POST goes to the other service', async (t) => {
  const rig = await startRig(t, { route: { retry: { attempts: 1, nonIdempotent: true }, fallback: { service: 'backup' } } })
  rig.upstream.onConnection = always(bad(503))
  rig.backup.onConnection = echo
  assert.match((await rig.exchange(POST)).text, /"body":"hello"/)
})

test('when both services fail the fixed answer is given, and without one what the second said', async (t) => {
  const fixed = await startRig(t, { route: { fallback: { service: 'backup', response: DEGRADED } } })
  for (const server of [fixed.upstream, fixed.backup]) server.onConnection = always(bad(503))
  assert.match((await fixed.exchange(GET)).text, /^HTTP\/1.1 200 OK\r\n[\s\S]*Turnpike-Fallback: response\r\n/)
  const without = await startRig(t, { route: { fallback: { service: 'backup' } } })
  for (const server of [without.upstream, without.backup]) server.onConnection = always(bad(503))
  assert.match((await without.exchange(GET)).text, /^HTTP\/1.1 503 .*\r\n[\s\S]*Turnpike-Fallback: service\r\n[\s\S]*evil$/)
  const dying = await startRig(t, { route: { fallback: { service: 'backup' } } })
  for (const server of [dying.upstream, dying.backup]) {
    server.onConnection = async (peer) => {
      await peer.readRequest()
      peer.reset()
    }
  }
  const { text } = await dying.exchange(GET)
  assert.match(text, /^HTTP\/1.1 502 [\s\S]*upstream_reset_before_headers/)
  assert.doesNotMatch(text, /Turnpike-Fallback/, 'an error is no answer of a fallback')
})

test('a service that hangs is given up after the timeout, and the other one gets a whole timeout of its own', async (t) => {
  const rig = await startRig(t, { route: { timeout: '200ms', fallback: { service: 'backup' } } })
  rig.upstream.onConnection = async (peer) => void (await peer.readHead())
  rig.backup.onConnection = echo
  const { text } = await rig.exchange(GET)
  assert.match(text, /^HTTP\/1.1 200 OK\r\n[\s\S]*Turnpike-Fallback: service\r\n/)
})

test('an answer that breaks off after its head is broken off to the client, and nothing takes its place', async (t) => {
  const rig = await startRig(t, { route: { fallback: { service: 'backup', response: DEGRADED } } })
  rig.upstream.onConnection = async (peer) => {
    await peer.readRequest()
    peer.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    await eventually(() => true, 'a turn')
    peer.socket.destroy()
  }
  const { text, ending } = await rig.exchange(GET)
  assert.match(text, /\r\n\r\nhalf$/)
  assert.equal(ending, 'reset')
  assert.doesNotMatch(text, /degraded|Turnpike-Fallback/)
})

/** A cache that has one stale answer for everything. */
function staleCache(onError: boolean): PolicyDefinition<unknown> {
  return {
    kind: 'stale-cache',
    summary: 'For tests.',
    loadSchema: async () => object({}),
    compile: () => ({
      onRequest(exchange) {
        exchange.stale = { onError, reply: () => answer(200, [['Age', '99']], 'stale') }
        return undefined
      },
    }),
  }
}

test('a stale answer comes first, and by itself only where the cache says so', async (t) => {
  const asked = await startRig(t, { policy: staleCache(false), route: { fallback: { stale: true, service: 'backup' } }, ports: () => [1] })
  assert.match((await asked.exchange(GET)).text, /Age: 99\r\n[\s\S]*Turnpike-Fallback: stale\r\n[\s\S]*stale$/)
  const byItself = await startRig(t, { policy: staleCache(true) })
  byItself.upstream.onConnection = always(bad(500))
  assert.match((await byItself.exchange(GET)).text, /Turnpike-Fallback: stale\r\n[\s\S]*stale$/)
  const neither = await startRig(t, { policy: staleCache(false) })
  neither.upstream.onConnection = always(bad(500))
  assert.match((await neither.exchange(GET)).text, /^HTTP\/1.1 500 /)
})

test('nothing that a client wrote becomes markup in a fixed answer', async (t) => {
  const response = { contentType: 'text/html', body: '<p title="{query.q}">{query.q}</p>' }
  const rig = await startRig(t, { route: { fallback: { response } }, ports: () => [1] })
  const { text } = await rig.exchange('GET /?q=%22%3Cb%3E%26%27 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  assert.match(text, /\r\n\r\n<p title="&#34;&#60;b&#62;&#38;&#39;">&#34;&#60;b&#62;&#38;&#39;<\/p>$/)
})

test('no cache keeps a fixed answer, unless it is told to', async (t) => {
  for (const [headers, expected] of [
    [{}, 'no-store'],
    [{ 'cache-control': 'max-age=5' }, 'max-age=5'],
  ] as const) {
    const rig = await startRig(t, { route: { fallback: { response: { ...DEGRADED, headers } } }, ports: () => [1] })
    const { text } = await rig.exchange(GET)
    assert.deepEqual(
      [...text.matchAll(/\r\ncache-control: (.*?)\r\n/gi)].map(([, value]) => value),
      [expected],
    )
  }
})
