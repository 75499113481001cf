import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http2'
import { after, test } from 'node:test'
import { Headers } from '../../core/headers.ts'
import { TimerWheel } from '../../core/timers.ts'
import type { UpstreamRequest } from '../h1/request-head.ts'
import { NOBODY } from '../h1/upstream-handler.ts'
import { Transport, type TransportOwner } from '../transport.ts'
import { ClientSession } from './client-session.ts'
import type { ClientStream } from './client-stream.ts'

const REQUEST: UpstreamRequest = {
  method: 'GET',
  target: '/',
  authority: 'localhost',
  headers: new Headers(),
  bodyLength: 0,
  upgrade: '',
  expectsContinue: false,
  version: '1.1',
  acceptsTrailers: false,
}

async function openSession(): Promise<ClientSession> {
  const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address !== 'string')
  const { port } = address
  const transport = await new Promise<Transport>((resolve, reject) => {
    const owner: TransportOwner = {
      onConnected: () => resolve(connecting),
      onClosed: (error) => reject(error ?? new Error('closed')),
      onBytes: () => undefined,
      onReadEnd: () => undefined,
      onDrain: () => undefined,
    }
    const connecting = Transport.connect('127.0.0.1', port, owner)
  })
  const session = new ClientSession(transport, {
    label: 'test',
    headBytesMax: 16_384,
    idleTimeoutMs: 60_000,
    wheel: new TimerWheel(),
    isSecure: false,
    onRetired: () => undefined,
    onGone: () => undefined,
  })
  after(() => {
    session.retire()
    server.close()
  })
  return session
}

/** Sends a request. Resolves at the end of its response, once `onEnd` has been called with its stream. */
function ask(session: ClientSession, onEnd: (stream: ClientStream) => void = () => undefined): Promise<ClientStream> {
  return new Promise((resolve, reject) => {
    const stream = session.open({
      ...NOBODY,
      onEnd: () => {
        onEnd(stream)
        resolve(stream)
      },
      onFailed: reject,
    })
    stream.send(REQUEST)
  })
}

test('a stream is used again for the next request', async () => {
  const session = await openSession()
  assert.equal(await ask(session), await ask(session))
})

test('a stream that is given back while its end is told serves one request at a time', async () => {
  const session = await openSession()
  const first = await ask(session, (stream) => {
    stream.detain()
    stream.giveBack()
  })
  const [one, other] = await Promise.all([ask(session), ask(session)])
  assert.equal(one, first)
  assert.notEqual(other, one)
})

test('a stream that is detained is left alone until it is given back', async () => {
  const session = await openSession()
  const first = await ask(session, (stream) => stream.detain())
  assert.notEqual(await ask(session, (stream) => stream.detain()), first)
  first.giveBack()
  first.giveBack()
  const [one, other] = await Promise.all([ask(session), ask(session)])
  assert.equal(one, first)
  assert.notEqual(other, first)
})
