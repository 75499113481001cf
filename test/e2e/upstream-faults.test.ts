/** Services that die: real processes, killed at a known point of an exchange. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { dial, fieldOf, type Message, type Peer } from '../wire/peer.ts'
import { WEBSOCKET_UPGRADE } from '../wire/websocket.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { MetricsReading } from './metrics-reader.ts'
import { UpstreamProcess } from './upstream-process.ts'

const TIMEOUT = { timeout: 30_000 }

function config(upstreams: readonly UpstreamProcess[], attempts: number, retry = 'backoffBase: 10ms'): string {
  const targets = upstreams.map(({ port }) => `"127.0.0.1:${port}"`).join(', ')
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: 1
accessLog: false
services: { s: { targets: [${targets}] } }
routes: { all: { path: /*, service: s, timeout: 20s, upgrades: [websocket], retry: { attempts: ${attempts}, backoff: constant, ${retry} } } }
`
}

async function start(t: TestContext, upstreams: readonly UpstreamProcess[], attempts = 1, retry?: string): Promise<GatewayProcess> {
  return new GatewayProcess(t, { config: config(upstreams, attempts, retry) }).ready()
}

function portOf(gateway: GatewayProcess): number {
  return Number(new URL(gateway.url).port)
}

async function send(t: TestContext, gateway: GatewayProcess, text: string): Promise<Peer> {
  const peer = await dial(portOf(gateway))
  t.after(() => peer.reset())
  peer.write(text)
  return peer
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: gateway.test\r\n\r\n`
}

function statusAndCode({ head }: Message): string {
  return `${head.slice(9, 12)} ${fieldOf(head, 'turnpike-error')}`
}

/** Waits until the gateway has so many requests in flight and connections to services, by its own account. */
async function untilBusy(gateway: GatewayProcess, requests: number, upstreamConnections: number): Promise<void> {
  await eventually(
    async () => {
      const metrics = await MetricsReading.of(gateway)
      return [metrics.sum('gateway_requests_in_flight'), metrics.sum('gateway_upstream_connections')]
    },
    (found) => found[0] === requests && found[1] === upstreamConnections,
  )
}

/** Nothing may be left behind by the exchanges that failed, and the next one finds all as it was. */
async function assertClean(t: TestContext, gateway: GatewayProcess, upstream: UpstreamProcess): Promise<void> {
  const peer = await send(t, gateway, get('/last'))
  assert.equal((await peer.readResponse()).body, String(upstream.pid))
  peer.finish()
  await peer.ended()
  // The test's timeout tells when this never comes true.
  await untilBusy(gateway, 0, 0)
  await eventually(
    async () => (await MetricsReading.of(gateway)).sum('gateway_connections'),
    (open) => open === 0,
  )
}

test('a service that dies', { timeout: 60_000 }, async (t) => {
  let upstream = await UpstreamProcess.start(t)
  const gateway = await start(t, [upstream])

  /** A test that kills the service; it is there again, on the same port, for the next one. */
  const dying = (name: string, run: (t: TestContext) => Promise<void>): Promise<void> =>
    t.test(name, async (subtest) => {
      try {
        await run(subtest)
      } finally {
        await upstream.kill()
        upstream = await UpstreamProcess.start(t, upstream.port)
      }
      await assertClean(subtest, gateway, upstream)
    })

  await dying('before the connection is 502 upstream_connect_refused, and the client keeps its own', async (t) => {
    await upstream.kill()
    const peer = await send(t, gateway, get('/ok'))
    for (let i = 0; i < 2; i++) {
      assert.equal(statusAndCode(await peer.readResponse()), '502 upstream_connect_refused')
      peer.write(get('/ok'))
    }
    assert.equal(statusAndCode(await peer.readResponse()), '502 upstream_connect_refused')
    peer.reset()
  })

  await dying('with the connection not yet accepted is 502 upstream_reset_before_headers', async (t) => {
    upstream.freeze()
    const peer = await send(t, gateway, get('/ok'))
    await untilBusy(gateway, 1, 1)
    await upstream.kill()
    assert.equal(statusAndCode(await peer.readResponse()), '502 upstream_reset_before_headers')
    peer.reset()
  })

  await dying('while it thinks is 502 upstream_reset_before_headers', async (t) => {
    const peer = await send(t, gateway, get('/stuck'))
    await upstream.said('request')
    await upstream.kill()
    assert.equal(statusAndCode(await peer.readResponse()), '502 upstream_reset_before_headers')
    peer.reset()
  })

  for (const [name, head, body] of [
    ['with a length', 'Content-Length: 1000000', 'b'.repeat(1_000)],
    ['in chunks', 'Transfer-Encoding: chunked', `3e8\r\n${'b'.repeat(1_000)}\r\n`],
  ] as const) {
    await dying(`while it is sent a body ${name} is 502, and the client is told to close`, async (t) => {
      const peer = await send(t, gateway, `POST /stuck HTTP/1.1\r\nHost: gateway.test\r\n${head}\r\n\r\n${body}`)
      await upstream.said('body')
      await upstream.kill()
      const answer = await peer.readResponse()
      assert.equal(statusAndCode(answer), '502 upstream_reset_before_headers')
      // What is still to come of the body could be taken for a request otherwise.
      assert.equal(fieldOf(answer.head, 'connection'), 'close')
      peer.reset()
    })
  }

  await dying('within a response with a length leaves it short and reset', async (t) => {
    const peer = await send(t, gateway, get('/half/length'))
    assert.equal(fieldOf(await peer.readHead(), 'content-length'), '2000')
    await peer.readBytes(1_000)
    await upstream.kill()
    assert.deepEqual(await peer.readAll(), { text: '', ending: 'reset' })
  })

  await dying('within a chunked response leaves it without its last chunk and reset', async (t) => {
    const peer = await send(t, gateway, get('/half/chunked'))
    assert.equal(fieldOf(await peer.readHead(), 'transfer-encoding'), 'chunked')
    await peer.readThrough('x\r\n')
    await upstream.kill()
    assert.deepEqual(await peer.readAll(), { text: '', ending: 'reset' })
  })

  await dying('within a response to HTTP/1.0 resets it, since only the end would delimit it', async (t) => {
    const peer = await send(t, gateway, 'GET /half/chunked HTTP/1.0\r\nHost: gateway.test\r\n\r\n')
    assert.equal(fieldOf(await peer.readHead(), 'transfer-encoding'), undefined)
    await peer.readBytes(1_000)
    await upstream.kill()
    assert.deepEqual(await peer.readAll(), { text: '', ending: 'reset' })
  })

  await dying('behind a WebSocket closes it', async (t) => {
    const peer = await send(t, gateway, WEBSOCKET_UPGRADE)
    assert.match(await peer.readHead(), /^HTTP\/1\.1 101 /)
    peer.write('hello')
    assert.equal(await peer.readBytes(5), 'hello')
    await upstream.kill()
    await peer.ended()
    peer.finish()
  })

  await t.test('a WebSocket whose client vanishes lets its service go', async (t) => {
    const peer = await send(t, gateway, WEBSOCKET_UPGRADE)
    assert.match(await peer.readHead(), /^HTTP\/1\.1 101 /)
    await untilBusy(gateway, 1, 1)
    peer.reset()
    await assertClean(t, gateway, upstream)
  })

  for (const path of ['/half/length', '/half/chunked']) {
    await dying(`within the response to ${path} is an error for a common HTTP client`, async () => {
      const response = await fetch(`${gateway.url}${path}`)
      assert.equal(response.status, 200)
      await upstream.kill()
      await assert.rejects(response.text())
    })
  }
})

test('another target takes over what a killed one had, when the method allows it', TIMEOUT, async (t) => {
  const killed = await UpstreamProcess.start(t)
  const other = await UpstreamProcess.start(t)
  const gateway = await start(t, [killed, other], 2)
  // Frozen, it gets connections and requests and answers none. Round robin: the one, the other, the one.
  killed.freeze()
  const stuck = await send(t, gateway, get('/ok'))
  await untilBusy(gateway, 1, 1)
  const quick = await send(t, gateway, get('/ok'))
  assert.equal((await quick.readResponse()).body, String(other.pid))
  const post = await send(t, gateway, 'POST /ok HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 2\r\n\r\nok')
  await untilBusy(gateway, 2, 3)
  await killed.kill()
  assert.equal((await stuck.readResponse()).body, String(other.pid))
  // It may have been carried out, and is not sent again.
  assert.equal(statusAndCode(await post.readResponse()), '502 upstream_reset_before_headers')
  for (const peer of [stuck, quick, post]) peer.reset()
  assert.equal((await MetricsReading.of(gateway)).sum('gateway_upstream_retries_total'), 1)
  await untilBusy(gateway, 0, 1)
})

test('another target takes over from one that refuses connections, for any method', TIMEOUT, async (t) => {
  const killed = await UpstreamProcess.start(t)
  const other = await UpstreamProcess.start(t)
  const gateway = await start(t, [killed, other], 2)
  await killed.kill()
  const peer = await send(t, gateway, '')
  for (let i = 0; i < 4; i++) {
    peer.write('POST /ok HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 2\r\n\r\nok')
    assert.equal((await peer.readResponse()).body, String(other.pid))
  }
  assert.equal((await MetricsReading.of(gateway)).sum('gateway_upstream_retries_total'), 2)
  peer.reset()
  await untilBusy(gateway, 0, 1)
})

test('a body that comes while the next try is waited for reaches that whole, also when it outgrows what is kept', TIMEOUT, async (t) => {
  const killed = await UpstreamProcess.start(t)
  const other = await UpstreamProcess.start(t)
  const gateway = await start(t, [killed, other], 2, 'backoffBase: 500ms, bodyMax: 1KiB')
  const chunk = `3e8\r\n${'b'.repeat(1_000)}\r\n`
  const peer = await send(t, gateway, `PUT /length HTTP/1.1\r\nHost: gateway.test\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`)
  await killed.said('body')
  await killed.kill()
  await untilBusy(gateway, 1, 0)
  peer.write(`${chunk}${chunk}0\r\n\r\n`)
  assert.equal((await peer.readResponse()).body, '3000')
  peer.reset()
})
