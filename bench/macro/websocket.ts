/** WebSocket messages through a proxy: clients that each wait for the echo of their message before they send the next. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { costOf, type LoadResult, percentiles } from './load.ts'
import { BARE, PEERS, type Scenario } from './scenario.ts'

export const ECHO_PATH = '/echo'
const CONNECTIONS = 64
const PAYLOAD = randomBytes(64)
const TIMEOUT_MS = 10_000

/** Text or binary in one frame (RFC 6455, 5.2), masked as clients must. One mask for all: nothing looks at it but its receiver. */
const BINARY = 0x82
const MASK = randomBytes(4)
const CLIENT_FRAME = Buffer.concat([
  Buffer.from([BINARY, 0x80 | PAYLOAD.length]),
  MASK,
  PAYLOAD.map((byte, index) => byte ^ (MASK[index % MASK.length] ?? 0)),
])
const SERVER_FRAME = Buffer.concat([Buffer.from([BINARY, PAYLOAD.length]), PAYLOAD])

/** Calls `onFrame` for each `frame` that comes in. What is no such frame closes the connection. */
function readFrames(socket: Socket, frame: Buffer, first: Buffer, onFrame: () => void): void {
  let held = first
  const take = (): void => {
    while (held.length >= frame.length) {
      if (!held.subarray(0, frame.length).equals(frame)) {
        socket.destroy(new Error('a frame came through changed'))
        return
      }
      held = held.subarray(frame.length)
      onFrame()
    }
  }
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    take()
  })
  take()
  socket.resume()
}

/** Reads a head. @returns it, and what came behind it; the socket is paused. Rejects when the connection closes first */
function readHead(socket: Socket): Promise<{ readonly head: string; readonly rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let all = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      all = Buffer.concat([all, chunk])
      const end = all.indexOf('\r\n\r\n')
      if (end === -1) return
      socket.pause()
      socket.off('data', onData)
      socket.off('close', onClose)
      resolve({ head: all.subarray(0, end).toString('latin1'), rest: all.subarray(end + 4) })
    }
    const onClose = (): void => reject(new Error('closed within a head'))
    socket.on('data', onData)
    socket.on('close', onClose)
  })
}

async function accept(socket: Socket): Promise<void> {
  socket.setNoDelay(true)
  const { head, rest } = await readHead(socket)
  const key = /^sec-websocket-key:\s*(\S+)/im.exec(head)?.[1]
  if (key === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    return
  }
  const answer = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${answer}\r\n\r\n`)
  readFrames(socket, CLIENT_FRAME, rest, () => socket.write(SERVER_FRAME))
}

/** Starts a service that answers each of our frames with its echo. @returns `host:port` */
export async function startEcho(): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    accept(socket).catch(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `127.0.0.1:${address.port}`
}

async function open(port: number): Promise<{ readonly socket: Socket; readonly rest: Buffer }> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const key = randomBytes(16).toString('base64')
  socket.write(
    `GET ${ECHO_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  )
  const { head, rest } = await readHead(socket)
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`the upgrade was answered ${head.slice(0, 100)}`)
  return { socket, rest }
}

/** Sends messages one after the other until the end, and waits for the last echo. */
function talk(socket: Socket, rest: Buffer, endsAtMs: number, timesMs: number[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAtMs = performance.now()
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a WebSocket was closed')))
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no echo in ${TIMEOUT_MS} ms`)))
    readFrames(socket, SERVER_FRAME, rest, () => {
      const nowMs = performance.now()
      timesMs.push(nowMs - sentAtMs)
      if (nowMs >= endsAtMs) {
        resolve()
        return
      }
      sentAtMs = nowMs
      socket.write(CLIENT_FRAME)
    })
    socket.write(CLIENT_FRAME)
  })
}

async function talkOnAll(connections: Awaited<ReturnType<typeof open>>[], seconds: number): Promise<LoadResult> {
  const timesMs: number[] = []
  const beganAtMs = performance.now()
  await Promise.all(connections.map(({ socket, rest }) => talk(socket, rest, beganAtMs + seconds * 1000, timesMs)))
  return { requests: timesMs.length, seconds: (performance.now() - beganAtMs) / 1000, ...percentiles(timesMs), errors: 0 }
}

export const WEBSOCKET: Scenario = {
  name: 'websocket',
  says: `a message of ${PAYLOAD.length} bytes and its echo, on ${CONNECTIONS} WebSockets`,
  needs: { ...BARE, work: 'websocket' },
  only: PEERS,
  fresh: false,
  async measure(subject, seconds) {
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(subject.port)))
    try {
      return await costOf(subject, () => talkOnAll(connections, seconds))
    } finally {
      for (const { socket } of connections) socket.destroy()
    }
  },
}
