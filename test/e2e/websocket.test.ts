/** WebSockets through a real gateway, with `ws` at both ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, type RequestListener, request as requestHttp } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ServerSocket, WebSocket, WebSocketServer } from 'ws'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { workersOf } from './worker-connections.ts'

const TIMEOUT = { timeout: 60_000 }
const MIB = 2 ** 20

interface Scenario {
  /** `ws://127.0.0.1:…` of the gateway. */
  readonly url: string
  readonly gateway: GatewayProcess
  /** The service's ends, in the order of their upgrades. */
  readonly served: ServerSocket[]
}

/**
 * A gateway of one worker in front of a service.
 * @param serve what the service does with a WebSocket; it echoes by itself when left out @param authority for TLS on both sides
 */
async function start(
  t: TestContext,
  serve: (socket: ServerSocket, request: IncomingMessage) => void = echo,
  authority: Authority | null = null,
): Promise<Scenario> {
  const served: ServerSocket[] = []
  const answer: RequestListener = (_request, response) => response.end('plain')
  const certificate = authority?.forServer()
  const server = certificate === undefined ? createServer(answer) : createSecureServer(certificate, answer)
  const sockets = new WebSocketServer({
    server,
    maxPayload: 128 * MIB,
    // `ws` answers 401 and closes; the request is otherwise one that could be granted.
    verifyClient: ({ req }) => req.url !== '/refused',
  })
  sockets.on('connection', (socket, request) => {
    served.push(socket)
    serve(socket, request)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    sockets.close()
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const config = {
    listeners: [{ host: '127.0.0.1', port: 0, ...(certificate !== undefined && { tls: { certificates: [certificate] } }) }],
    admin: { port: 0 },
    accessLog: false,
    services: { main: { targets: [`127.0.0.1:${port}`], ...(authority !== null && { tls: { ca: authority.cert } }) } },
    routes: { all: { path: '/*', service: 'main' } },
  }
  const gateway = await new GatewayProcess(t, { config: JSON.stringify(config) }).ready()
  return { url: gateway.url.replace('http', 'ws'), gateway, served }
}

function echo(socket: ServerSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
}

async function open(url: string, ca?: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { maxPayload: 128 * MIB, ...(ca !== undefined && { ca }) })
  await once(socket, 'open')
  return socket
}

async function talk(url: string, text: string): Promise<void> {
  const socket = await open(url)
  socket.send(text)
  const [data] = await once(socket, 'message')
  assert.equal(String(data), text)
  socket.close(1000)
  const [code] = await once(socket, 'close')
  assert.equal(code, 1000)
}

test('the hundredth upgrade works as the first: one after the other, and a hundred at once', TIMEOUT, async (t) => {
  const { url, served } = await start(t)
  for (let i = 0; i < 100; i++) await talk(url, `in a row ${i}`)
  await Promise.all(Array.from({ length: 100 }, (_, i) => talk(url, `at once ${i}`)))
  assert.equal(served.length, 200)
})

test('a hundred WebSockets that are open together each get their own messages', TIMEOUT, async (t) => {
  const { url } = await start(t)
  const sockets = await Promise.all(Array.from({ length: 100 }, () => open(url)))
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      sockets.map(async (socket, i) => {
        socket.send(`${i} ${round}`)
        const [data] = await once(socket, 'message')
        assert.equal(String(data), `${i} ${round}`)
      }),
    )
  }
  for (const socket of sockets) socket.terminate()
})

test('large messages, messages in fragments, pings and pongs pass', TIMEOUT, async (t) => {
  const { url, served } = await start(t)
  const socket = await open(url)
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 8 * MIB]) {
    const message = Buffer.alloc(length, length % 251)
    socket.send(message)
    const [data, isBinary] = await once(socket, 'message')
    assert.ok(message.equals(data), `${length} bytes`)
    assert.equal(isBinary, true)
  }
  socket.send('frag', { fin: false })
  // RFC 6455, 5.4: a control frame may stand within a message.
  socket.ping('within')
  assert.equal(String((await once(socket, 'pong'))[0]), 'within')
  socket.send('ment', { fin: true })
  assert.equal(String((await once(socket, 'message'))[0]), 'fragment')
  const pong = Promise.withResolvers<Buffer>()
  served[0]?.on('pong', pong.resolve).ping('from the service')
  assert.equal(String(await pong.promise), 'from the service')
  socket.terminate()
})

test('who closes, and who vanishes, is seen at the other end, with the code that was given', TIMEOUT, async (t) => {
  const codes: number[] = []
  const { url, served } = await start(t, (socket) => socket.on('close', (code) => codes.push(code)))
  const closing = await open(url)
  closing.close(4001)
  await once(closing, 'close')
  const closed = await open(url)
  served[1]?.close(4002)
  assert.equal((await once(closed, 'close'))[0], 4002)
  const vanishing = await open(url)
  vanishing.terminate()
  const left = await open(url)
  served[3]?.terminate()
  assert.equal((await once(left, 'close'))[0], 1006)
  await eventually(
    async () => codes.length,
    (count) => count === 4,
  )
  assert.deepEqual(
    codes.toSorted((one, other) => one - other),
    [1006, 1006, 4001, 4002],
  )
})

test('an upgrade that the service refuses is an answer like any other, and its connection goes on', TIMEOUT, async (t) => {
  const { gateway, url } = await start(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const ports = new Set<number | undefined>()
  const ask = async (path: string, headers: Readonly<Record<string, string>>): Promise<number> => {
    const sent = requestHttp(`${gateway.url}${path}`, { agent, headers }).end()
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    ports.add(response.socket.localPort)
    await response.resume().toArray()
    return response.statusCode ?? 0
  }
  const handshake = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  const statuses: number[] = []
  for (let round = 0; round < 3; round++) statuses.push(await ask('/refused', handshake), await ask('/', {}))
  assert.deepEqual(statuses, [401, 200, 401, 200, 401, 200])
  assert.equal(ports.size, 1, 'one connection')
  await talk(url, 'and granted')
})

/** Messages of one MiB that the slow side is sent. */
const MESSAGES = 64
/** What V8 and the allocator may add beside what is held back, which is some 100 KiB a connection. */
const GROWTH_MAX_BYTES = 16 * MIB

function residentBytes(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** Waits until a sender gets nothing away any more: all that lies between it and who does not read is full. */
async function stuck(bufferedAmount: () => number): Promise<void> {
  let before = -1
  for (let still = 0; still < 5; ) {
    const now = bufferedAmount()
    still = now === before && now > 0 ? still + 1 : 0
    before = now
    await sleep(50)
  }
}

for (const [slow, isSecure] of [
  ['client', false],
  ['service', false],
  ['client', true],
  ['service', true],
] as const) {
  const options = { ...TIMEOUT, skip: isSecure && certificatesMissing }
  test(
    `a ${slow} that does not read${isSecure ? ', over TLS,' : ''} holds the sender back, and the gateway keeps nothing of it`,
    options,
    async (t) => {
      const authority = isSecure ? new Authority() : null
      const { url, gateway, served } = await start(t, () => {}, authority)
      const [worker] = workersOf(gateway)
      const message = Buffer.alloc(MIB, 1)
      const transfer = async (isSlow: boolean): Promise<number> => {
        const client = await open(url, authority?.cert)
        const service = served.at(-1)
        assert.ok(service !== undefined)
        const [from, to] = slow === 'client' ? [service, client] : [client, service]
        let received = 0
        to.on('message', (data: Buffer) => {
          received += data.length
        })
        if (isSlow) to.pause()
        for (let i = 0; i < MESSAGES; i++) from.send(message)
        if (isSlow) await stuck(() => from.bufferedAmount)
        const bytes = residentBytes(worker)
        to.resume()
        await eventually(
          async () => received,
          (count) => count === MESSAGES * MIB,
        )
        client.terminate()
        return bytes
      }
      // What a transfer at full speed leaves behind in the worker is not the slow one's.
      await transfer(false)
      const before = residentBytes(worker)
      const during = await transfer(true)
      assert.ok(during - before < GROWTH_MAX_BYTES, `${((during - before) / MIB).toFixed(1)} MiB more`)
    },
  )
}
