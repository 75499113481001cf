/** Bounds on what a service is asked at once, and its breaker, over sockets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { always, eventually, type Rig, startRig } from './harness.ts'
import type { Peer } from './peer.ts'
import { WEBSOCKET_SWITCH, WEBSOCKET_UPGRADE } from './websocket.ts'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

async function ask(rig: Rig): Promise<Peer> {
  const client = await rig.connect()
  client.write(GET)
  return client
}

test('what is beyond the bound waits in turn, and what is beyond the queue is shed', async (t) => {
  const rig = await startRig(t, { service: { concurrency: { max: 1, queue: 2, queueTimeout: '10s' } } })
  const first = await ask(rig)
  const served = await rig.upstream.accept()
  await served.readRequest()
  const second = await ask(rig)
  await eventually(() => rig.metric('gateway_service_queued') === 1, 'the second to wait')
  const third = await ask(rig)
  await eventually(() => rig.metric('gateway_service_queued') === 2, 'the third to wait')
  const { head, body } = await (await ask(rig)).readResponse()
  assert.match(head, /^HTTP\/1.1 503 [\s\S]*\r\nRetry-After: 1\r\n/)
  assert.match(body, /"error":"Service temporarily unavailable","code":"service_overloaded"/)
  for (const [index, client] of [first, second, third].entries()) {
    served.write(OK)
    assert.equal((await client.readResponse()).body, 'ok')
    if (index < 2) await served.readRequest()
  }
  assert.equal(rig.upstream.peers.length, 1, 'never two at once')
  assert.equal(rig.metric('gateway_service_in_flight'), 0)
  assert.equal(rig.metric('gateway_service_shed_total', { cause: 'queue_full' }), 1)
})

test('who waits too long is shed with a cause of its own', async (t) => {
  const rig = await startRig(t, { service: { concurrency: { max: 1, queue: 5, queueTimeout: '50ms' } } })
  await ask(rig)
  const { head, body } = await (await ask(rig)).readResponse()
  assert.match(head, /^HTTP\/1.1 503 /)
  assert.match(body, /service_queue_timeout/)
})

test('who leaves gives the place or the turn back', async (t) => {
  const rig = await startRig(t, { service: { concurrency: { max: 1, queue: 5, queueTimeout: '10s' } } })
  rig.upstream.onConnection = async (peer) => {
    const { head } = await peer.readRequest()
    if (!head.includes('Hang')) peer.write(OK)
  }
  const holder = await rig.connect()
  holder.write('GET / HTTP/1.1\r\nHost: a\r\nHang: 1\r\n\r\n')
  await eventually(() => rig.metric('gateway_service_in_flight') === 1, 'the first to have the place')
  const leaver = await ask(rig)
  await eventually(() => rig.metric('gateway_service_queued') === 1, 'the second to wait')
  leaver.reset()
  await eventually(() => rig.metric('gateway_service_queued') === 0, 'the second to leave')
  const waiter = await ask(rig)
  await eventually(() => rig.metric('gateway_service_queued') === 1, 'the third to wait')
  holder.reset()
  assert.equal((await waiter.readResponse()).body, 'ok')
})

test('a long queue whose exchanges all fail at once ends without harm', async (t) => {
  const rig = await startRig(t, {
    service: { breaker: { failures: 1 }, concurrency: { max: 1, queue: 2_000, queueTimeout: '10s' } },
  })
  await ask(rig)
  const served = await rig.upstream.accept()
  await served.readRequest()
  const clients = await Promise.all(Array.from({ length: 300 }, () => ask(rig)))
  await eventually(() => rig.metric('gateway_service_queued') === clients.length, 'all to wait')
  served.reset()
  for (const client of clients) assert.match((await client.readResponse()).body, /circuit_open/)
})

test('an open breaker answers at once with the true wait, and what is shed counts no failure', async (t) => {
  const rig = await startRig(t, { service: { breaker: { failures: 3, recovery: '30s' } } })
  rig.upstream.onConnection = always('HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno')
  const client = await rig.connect()
  const answers: string[] = []
  for (let i = 0; i < 5; i++) {
    client.write(GET)
    const { head, body } = await client.readResponse()
    answers.push(/"code":"(\w+)"/.exec(body)?.[1] ?? body)
    if (i === 3) {
      assert.match(head, /^HTTP\/1.1 503 [\s\S]*\r\nRetry-After: 30\r\n/)
      assert.match(body, /"error":"Service temporarily unavailable"/)
    }
  }
  assert.deepEqual(answers, ['no', 'no', 'no', 'circuit_open', 'circuit_open'])
  assert.equal(rig.metric('gateway_breaker_refused_total'), 2)
})

test('a tunnel counts as a success when it opens, not when it ends', async (t) => {
  const rig = await startRig(t, { service: { breaker: { failures: 1, recovery: '100ms', probes: 1, successes: 1 } } })
  const failing = await ask(rig)
  const first = await rig.upstream.accept()
  await first.readRequest()
  first.reset()
  await failing.readResponse()
  await eventually(() => rig.metric('gateway_breaker_workers', { state: 'open' }) === 1, 'the breaker to open')
  await new Promise((resolve) => setTimeout(resolve, 120))
  const client = await rig.connect()
  client.write(WEBSOCKET_UPGRADE)
  const service = await rig.upstream.accept()
  await service.readHead()
  service.write(WEBSOCKET_SWITCH)
  await client.readHead()
  assert.equal(rig.metric('gateway_breaker_workers', { state: 'closed' }), 1)
})

test('a client that is slow with its body opens no breaker, and a service that takes none of it does', async (t) => {
  const options = { service: { breaker: { failures: 1 } }, route: { timeout: '200ms', attemptTimeout: '150ms' } } as const
  const rig = await startRig(t, options)
  const slow = await rig.connect()
  slow.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello')
  assert.match((await slow.readResponse()).body, /upstream_timeout/)
  assert.equal(rig.metric('gateway_breaker_workers', { state: 'open' }), 0)

  const stuck = await startRig(t, options)
  stuck.upstream.onConnection = async (peer) => void peer.socket.pause()
  const sender = await stuck.connect()
  // More than the buffers of both sockets take.
  sender.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${9 * 2 ** 20}\r\n\r\n`)
  for (let i = 0; i < 9; i++) sender.write(Buffer.alloc(2 ** 20))
  assert.match((await sender.readResponse()).body, /upstream_timeout/)
  assert.equal(stuck.metric('gateway_breaker_workers', { state: 'open' }), 1)
})
