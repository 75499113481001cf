/** Request bodies that a policy looks at as a whole: taken in before any try, bounded, and then sent as they came. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { refuse } from '../../src/core/reply.ts'
import { object } from '../../src/core/schema.ts'
import { always, eventually, startRig } from './harness.ts'
import { fieldOf } from './peer.ts'

const BYTES_MAX = 2000

/** A policy that sees bodies, and refuses those that say so. */
function readingPolicy(): { policy: PolicyDefinition<unknown>; seen: string[] } {
  const seen: string[] = []
  const policy: PolicyDefinition<unknown> = {
    kind: 'reading',
    summary: 'Looks at whole bodies.',
    loadSchema: async () => object({}),
    compile: () => ({
      requestBody: {
        bytesMax: BYTES_MAX,
        wanted: ({ request }) => !request.headers.has('X-Not-Me'),
        run: async (_, body) => {
          seen.push(body.toString())
          return body.includes('no') ? refuse('request_invalid') : undefined
        },
      },
    }),
  }
  return { policy, seen }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

test('a gathered body reaches the service byte for byte, in whatever framing and pieces it came', async (t) => {
  const { policy, seen } = readingPolicy()
  const rig = await startRig(t, { policy })
  const client = await rig.connect()
  const bodies: string[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest()
      bodies.push(`${fieldOf(head, 'content-length') ?? 'chunked'} ${body}`)
      peer.write(OK)
    }
  }
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel')
  await setImmediate()
  client.write('lo')
  await client.readResponse()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n')
  await client.readResponse()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n')
  await client.readResponse()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nX-Not-Me: 1\r\nContent-Length: 5\r\n\r\nhello')
  await client.readResponse()
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.readResponse()
  assert.deepEqual(bodies, ['5 hello', '5 hello', 'chunked hello', '5 hello', 'chunked '])
  assert.deepEqual(seen, ['hello', 'hello', 'hello'])
})

test('a refused body never reaches a service, and the connection goes on', async (t) => {
  const { policy } = readingPolicy()
  const rig = await startRig(t, { policy })
  rig.upstream.onConnection = always(OK)
  const client = await rig.connect()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nno')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 400 /)
  assert.equal(rig.upstream.peers.length, 0)
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nyes')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
})

test('the gateway asks for the body itself when the client waits to be told', async (t) => {
  const { policy } = readingPolicy()
  const rig = await startRig(t, { policy })
  const heads: string[] = []
  rig.upstream.onConnection = async (peer) => {
    heads.push((await peer.readRequest()).head)
    peer.write(OK)
  }
  const client = await rig.connect()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  assert.match(await client.readHead(), /^HTTP\/1.1 100 /)
  client.write('hello')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  assert.doesNotMatch(heads.join(), /expect/i)
})

test('a body beyond the bound is 413, told from its length or found out', async (t) => {
  const { policy, seen } = readingPolicy()
  const rig = await startRig(t, { policy })
  const large = 'x'.repeat(BYTES_MAX + 1)
  for (const rest of [
    `Content-Length: ${large.length}\r\n\r\n${large}`,
    `Transfer-Encoding: chunked\r\n\r\n${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
  ]) {
    const { text } = await rig.exchange(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${rest}`)
    assert.match(text, /^HTTP\/1.1 413 /)
  }
  assert.deepEqual(seen, [])
  assert.equal(rig.upstream.peers.length, 0)
})

test('all exchanges together hold no more than gatheredBytesMax, and what one held is free again when it ends', async (t) => {
  const { policy } = readingPolicy()
  const rig = await startRig(t, { policy, limits: { gatheredBytesMax: 1500 } })
  rig.upstream.onConnection = always(OK)
  const slow = await rig.connect()
  slow.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n${'x'.repeat(1000)}`)
  const post = `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`
  const becomes = async (status: number): Promise<void> => {
    for (let round = 0; round < 1000; round++) if ((await rig.exchange(post)).text.startsWith(`HTTP/1.1 ${status} `)) return
    assert.fail(`never ${status}`)
  }
  await becomes(503)
  slow.reset()
  await becomes(200)
  for (let round = 0; round < 5; round++) assert.match((await rig.exchange(post)).text, /^HTTP\/1.1 200 /)
})

test('another try gets a gathered body from its beginning', async (t) => {
  const { policy } = readingPolicy()
  const rig = await startRig(t, { policy, route: { retry: { attempts: 2, nonIdempotent: true, backoffBase: 0, bodyMax: 0 } } })
  const bodies: string[] = []
  rig.upstream.onConnection = async (peer) => {
    bodies.push((await peer.readRequest()).body)
    if (bodies.length === 1) peer.reset()
    else peer.write(OK)
  }
  const client = await rig.connect()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  assert.deepEqual(bodies, ['hello', 'hello'])
})

test('a body that is translated and then gathered is framed by its own length, also for a mirror', async (t) => {
  const policy: PolicyDefinition<unknown> = {
    kind: 'halving',
    summary: 'Passes every second byte on.',
    loadSchema: async () => object({}),
    compile: () => ({
      onRequest: (exchange) => {
        exchange.requestFilter = {
          onData: (bytes, start, end, output) => output.data(bytes.subarray(start, start + (end - start) / 2)),
          onEnd: (trailers) => trailers,
        }
        return undefined
      },
      requestBody: { bytesMax: BYTES_MAX, wanted: () => true, run: () => undefined },
    }),
  }
  const rig = await startRig(t, { policy, route: { mirror: { service: 'backup' } } })
  const bodies: string[] = []
  for (const server of [rig.upstream, rig.backup]) {
    server.onConnection = async (peer) => {
      const { head, body } = await peer.readRequest()
      bodies.push(`${fieldOf(head, 'content-length')} ${body}`)
      peer.write(OK)
    }
  }
  const client = await rig.connect()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello-----')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  await eventually(() => bodies.length === 2, 'the copy to arrive')
  assert.deepEqual(bodies, ['5 hello', '5 hello'])
})
