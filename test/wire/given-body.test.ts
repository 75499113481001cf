/** A request step that gives the body: the service gets it in place of the client's, at each try, framed by its own length. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PolicyDefinition } from '../../src/core/policy.ts'
import { object } from '../../src/core/schema.ts'
import { startRig } from './harness.ts'
import { fieldOf } from './peer.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** A policy that gives what the field `X-Give` says, as POST; it also looks at bodies of up to ten bytes when asked to by `X-Look`. */
function givingPolicy(seen: string[] = []): PolicyDefinition<unknown> {
  return {
    kind: 'giving',
    summary: 'Gives bodies.',
    loadSchema: async () => object({}),
    compile: () => ({
      onRequest: (exchange) => {
        const given = exchange.request.headers.get('X-Give')
        if (given === undefined) return undefined
        exchange.requestBody = Buffer.from(given.repeat(Number(exchange.request.headers.get('X-Times') ?? 1)))
        exchange.forward.method = 'POST'
        return undefined
      },
      requestBody: {
        bytesMax: 10,
        wanted: ({ request }) => request.headers.has('X-Look'),
        run: (_, body) => {
          seen.push(body.toString())
          return undefined
        },
      },
    }),
  }
}

test('a request without a body goes to the service with the one it is given, and the connection goes on', async (t) => {
  const rig = await startRig(t, { policy: givingPolicy() })
  const requests: string[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest()
      requests.push(`${head.slice(0, head.indexOf(' HTTP'))} ${fieldOf(head, 'content-length') ?? '-'} ${body}`)
      peer.write(OK)
    }
  }
  const client = await rig.connect()
  client.write('GET /a HTTP/1.1\r\nHost: a\r\nX-Give: hello\r\n\r\n')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  client.write('GET /b HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  assert.deepEqual(requests, ['POST /a 5 hello', 'GET /b - '])
})

test('each try gets the body that was given', async (t) => {
  const rig = await startRig(t, {
    policy: givingPolicy(),
    route: { retry: { attempts: 2, nonIdempotent: true, statuses: [503] } },
  })
  const bodies: string[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      bodies.push((await peer.readRequest()).body)
      peer.write(bodies.length === 1 ? 'HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n' : OK)
    }
  }
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\nHost: a\r\nX-Give: hello\r\n\r\n')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  assert.deepEqual(bodies, ['hello', 'hello'])
})

test("a client's own body is seen by body steps and replaced, whatever its framing", async (t) => {
  const seen: string[] = []
  const rig = await startRig(t, { policy: givingPolicy(seen) })
  const requests: string[] = []
  rig.upstream.onConnection = async (peer) => {
    for (;;) {
      const { head, body } = await peer.readRequest()
      requests.push(`${fieldOf(head, 'content-length') ?? '-'} ${fieldOf(head, 'transfer-encoding') ?? '-'} ${body}`)
      peer.write(OK)
    }
  }
  const client = await rig.connect()
  client.write('POST / HTTP/1.1\r\nHost: a\r\nX-Give: hello\r\nX-Look: 1\r\nContent-Length: 3\r\n\r\nabc')
  await client.readResponse()
  client.write(
    'POST / HTTP/1.1\r\nHost: a\r\nX-Give: hello\r\nX-Look: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n',
  )
  await client.readResponse()
  assert.deepEqual(seen, ['abc', 'abc'])
  assert.deepEqual(requests, ['5 - hello', '5 - hello'])
})

test("a client's body that nobody looks at is not read, and its connection closes behind the answer", async (t) => {
  const rig = await startRig(t, { policy: givingPolicy() })
  const heads: string[] = []
  rig.upstream.onConnection = async (peer) => {
    const { head, body } = await peer.readRequest()
    heads.push(`${head}${body}`)
    peer.write(OK)
  }
  const { text } = await rig.exchange('PUT / HTTP/1.1\r\nHost: a\r\nX-Give: hello\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
  assert.match(text, /^HTTP\/1.1 200 /)
  assert.match(text, /connection: close/i)
  assert.match(heads.join(), /hello$/)
  assert.doesNotMatch(heads.join(), /expect/i)
})

test('what still comes of a body that was too large to look at never follows the one that is given', async (t) => {
  // In shadow, so that the body passes although it is too large to be looked at.
  const shadow = { mode: 'shadow', bodyBytesMax: '8B', request: { body: { set: { '/a': 1 } } } } as const
  const rig = await startRig(t, { policy: givingPolicy(), route: { policies: { transform: shadow } } })
  rig.upstream.paused = true
  const client = await rig.connect()
  client.write(
    'POST / HTTP/1.1\r\nHost: a\r\nX-Give: 0123456789abcdef\r\nX-Times: 400000\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  client.write(`4e20\r\n${'X'.repeat(20_000)}\r\n`)
  const service = await rig.upstream.accept()
  client.write(`2328\r\n${'X'.repeat(9_000)}\r\n0\r\n\r\n`)
  service.startReading()
  const { body } = await service.readRequest()
  assert.equal(body.length, 6_400_000)
  assert.ok(!body.includes('X'))
  service.write(OK)
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  client.write('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.match(await service.readHead(), /^GET \/next /)
})

test('in shadow nothing is given', async (t) => {
  const rig = await startRig(t, { policy: givingPolicy(), route: { policies: { giving: { mode: 'shadow' } } } })
  const requests: string[] = []
  rig.upstream.onConnection = async (peer) => {
    const { head, body } = await peer.readRequest()
    requests.push(`${head.slice(0, head.indexOf(' HTTP'))} ${body}`)
    peer.write(OK)
  }
  const client = await rig.connect()
  client.write('GET / HTTP/1.1\r\nHost: a\r\nX-Give: hello\r\n\r\n')
  assert.match((await client.readResponse()).head, /^HTTP\/1.1 200 /)
  assert.deepEqual(requests, ['GET / '])
})
