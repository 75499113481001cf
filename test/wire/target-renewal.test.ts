/** What becomes of connections when the settings of their service change. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Headers } from '../../src/core/headers.ts'
import { TimerWheel } from '../../src/core/timers.ts'
import type { UpstreamRequest } from '../../src/http/h1/request-head.ts'
import { NOBODY, type UpstreamHandler } from '../../src/http/h1/upstream-handler.ts'
import type { UpstreamConnection } from '../../src/http/upstream-connection.ts'
import type { TargetSettings } from '../../src/upstream/pool-context.ts'
import { Target } from '../../src/upstream/target.ts'
import { Figure } from '../../src/upstream/testing.ts'
import { eventually } from './harness.ts'
import { Http2Peer } from './http2-peer.ts'
import { ScriptedServer } from './peer.ts'

const REQUEST: UpstreamRequest = {
  method: 'GET',
  target: '/',
  authority: 'a',
  headers: new Headers(),
  bodyLength: 0,
  upgrade: '',
  expectsContinue: false,
  version: '1.1',
  acceptsTrailers: false,
}

interface Answer {
  text: string
  ended: boolean
}

/** Sends a request as soon as there is a connection, and gathers its answer. */
function send(target: Target): Answer {
  const answer: Answer = { text: '', ended: false }
  const handler: UpstreamHandler = {
    ...NOBODY,
    onConnected: (connection) => connection.send(REQUEST),
    onData: (bytes, start, end) => {
      answer.text += bytes.toString('latin1', start, end)
      return true
    },
    onEnd: () => {
      answer.ended = true
    },
  }
  const connection = target.acquire(handler, false) as UpstreamConnection
  if (connection.idle) handler.onConnected(connection)
  return answer
}

async function start(t: TestContext, protocol: TargetSettings['protocol']) {
  const server = await new ScriptedServer().open()
  const settings: TargetSettings = {
    connectTimeoutMs: 5_000,
    idleTimeoutMs: 60_000,
    connectionsMax: 10,
    responseHeadBytesMax: 16_384,
    tls: null,
    protocol,
  }
  const target = new Target('127.0.0.1', server.port, 1, settings, {
    wheel: new TimerWheel(),
    connections: new Figure(),
    connectionsIdle: new Figure(),
    connectionsTotal: new Figure(),
  })
  t.after(() => {
    target.retire()
    server.close()
  })
  return { server, settings, target }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('unused connections close, used ones after their exchange, and new ones speak as is configured now', async (t) => {
  const { server, settings, target } = await start(t, 'http/1.1')
  const [first, second] = [send(target), send(target)]
  const [used, unused] = [await server.accept(), await server.accept()]
  await used.readHead()
  await unused.readHead()
  unused.write(OK)
  await eventually(() => first.ended || second.ended, 'one answer')

  settings.protocol = 'h2'
  target.renew()
  await unused.ended()
  assert.equal(target.open, 1)
  const third = send(target)
  const session = await new Http2Peer(await server.accept()).start()
  session.answer(await session.request(), 'new')
  await eventually(() => third.ended, 'the new answer')
  assert.equal(third.text, 'new')

  used.write(OK)
  await eventually(() => first.ended && second.ended, 'the old answer')
  await used.ended()
  assert.equal(target.open, 1)
  target.renew()
  assert.equal(target.open, 1, 'the same settings change nothing')
})

test('a session ends with its last stream', async (t) => {
  const { server, settings, target } = await start(t, 'h2')
  const [first, second] = [send(target), send(target)]
  const session = await new Http2Peer(await server.accept()).start()
  const ids = [await session.request(), await session.request()]
  settings.protocol = 'http/1.1'
  target.renew()
  session.answer(ids[0] ?? 0, 'one')
  await eventually(() => first.ended, 'the first answer')
  assert.equal(target.open, 1)
  session.answer(ids[1] ?? 0, 'two')
  await eventually(() => second.ended, 'the second answer')
  await session.peer.ended()
  assert.deepEqual([first.text, second.text, target.open], ['one', 'two', 0])
})

test('who waits for a connection that is no longer wanted still gets it', async (t) => {
  const { server, target } = await start(t, 'h2')
  const answer = send(target)
  target.retire()
  const session = await new Http2Peer(await server.accept()).start()
  session.answer(await session.request(), 'last')
  await eventually(() => answer.ended, 'the answer')
  await session.peer.ended()
  assert.equal(target.open, 0)
})
