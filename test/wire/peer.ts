import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A wait that takes longer has failed; long enough for a busy machine, and never waited for when all is well. */
const WAIT_MAX_MS = 8_000

/** How a connection ended: its sender finished (FIN), or it was cut (RST). */
export type Ending = 'finished' | 'reset'

/** One end of a connection that a test scripts byte by byte. It reads all the time unless it is paused. */
export class Peer {
  readonly socket: Socket
  /** Bytes that the other side has sent and that no `read…` has taken yet, as Latin-1. */
  unread = ''
  bytesReceived = 0
  /** Null while the other side may still send. */
  ending: Ending | null = null
  #wake = (): void => {}

  constructor(socket: Socket, paused = false) {
    this.socket = socket
    socket.on('end', () => this.#ended('finished'))
    socket.on('error', () => this.#ended('reset'))
    socket.on('close', () => this.#ended('reset'))
    if (paused) socket.pause()
    else this.startReading()
  }

  startReading(): void {
    this.socket.on('data', (bytes: Buffer) => {
      this.unread += bytes.toString('latin1')
      this.bytesReceived += bytes.length
      this.#wake()
    })
    this.socket.resume()
  }

  #ended(ending: Ending): void {
    this.ending ??= ending
    this.#wake()
  }

  write(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }

  /** Sends FIN; reading goes on. */
  finish(text = ''): void {
    this.socket.end(Buffer.from(text, 'latin1'))
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Waits until `test` finds what it looks for in what has not been read, or the connection has ended. */
  async #until(what: string, test: () => boolean): Promise<void> {
    const timeout = AbortSignal.timeout(WAIT_MAX_MS)
    while (!test()) {
      if (timeout.aborted) throw new Error(`waited in vain for ${what}; received: ${JSON.stringify(this.unread.slice(0, 2_000))}`)
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await Promise.race([woken, sleep(50)])
    }
  }

  /** Reads up to and with `mark`. */
  async readThrough(mark: string): Promise<string> {
    await this.#until(JSON.stringify(mark), () => this.unread.includes(mark) || this.ending !== null)
    const at = this.unread.indexOf(mark)
    if (at === -1)
      throw new Error(`${this.ending} before ${JSON.stringify(mark)}; received: ${JSON.stringify(this.unread.slice(0, 2_000))}`)
    return this.#take(at + mark.length)
  }

  /** Reads a message's head, with the empty line. */
  readHead(): Promise<string> {
    return this.readThrough('\r\n\r\n')
  }

  async readBytes(count: number): Promise<string> {
    await this.#until(`${count} bytes`, () => this.unread.length >= count || this.ending !== null)
    if (this.unread.length < count) throw new Error(`${this.ending} after ${this.unread.length} of ${count} bytes`)
    return this.#take(count)
  }

  /** Reads all there is until the other side ends the connection. */
  async readAll(): Promise<{ readonly text: string; readonly ending: Ending }> {
    await this.#until('the end', () => this.ending !== null)
    return { text: this.#take(this.unread.length), ending: this.ending ?? 'reset' }
  }

  /** Waits for the other side to end the connection, however it does. */
  async ended(): Promise<Ending> {
    await this.#until('the end', () => this.ending !== null)
    return this.ending ?? 'reset'
  }

  /** Reads a whole request: its head, its body decoded, and its trailer lines. */
  async readRequest(): Promise<Message> {
    const head = await this.readHead()
    const body = await this.#readBody(head)
    return { head, ...body }
  }

  /** Reads a whole response whose body is delimited by length or chunks. @param bodiless for answers to HEAD. */
  async readResponse(bodiless = false): Promise<Message> {
    const head = await this.readHead()
    if (bodiless || /^HTTP\/1\.1 (1..|204|304) /.test(head)) return { head, body: '', trailers: '' }
    return { head, ...(await this.#readBody(head)) }
  }

  async #readBody(head: string): Promise<{ readonly body: string; readonly trailers: string }> {
    const length = fieldOf(head, 'content-length')
    if (length !== undefined) return { body: await this.readBytes(Number(length)), trailers: '' }
    if (fieldOf(head, 'transfer-encoding') !== 'chunked') return { body: '', trailers: '' }
    let body = ''
    for (;;) {
      const size = Number.parseInt(await this.readThrough('\r\n'), 16)
      if (size === 0) break
      body += await this.readBytes(size)
      if ((await this.readBytes(2)) !== '\r\n') throw new Error('a chunk without its line break')
    }
    let trailers = ''
    for (let line = ''; line !== '\r\n'; trailers += line === '\r\n' ? '' : line) line = await this.readThrough('\r\n')
    return { body, trailers }
  }

  #take(count: number): string {
    const text = this.unread.slice(0, count)
    this.unread = this.unread.slice(count)
    return text
  }
}

export interface Message {
  /** Start line and fields, with the empty line. */
  readonly head: string
  /** Without the chunked coding. */
  readonly body: string
  /** Trailer lines as they came. */
  readonly trailers: string
}

/** The value of a field in a head, or undefined. */
export function fieldOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r$`, 'im').exec(head)?.[1]
}

/** Opens a connection to a port of this machine. @param paused it reads nothing until `startReading`. */
export async function dial(port: number, paused = false): Promise<Peer> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  const peer = new Peer(socket, paused)
  await once(socket, 'connect')
  return peer
}

/** A server whose every byte is a test's. Connections wait in order until they are accepted. */
export class ScriptedServer {
  /** All connections, in order. */
  readonly peers: Peer[] = []
  port = 0
  /** Answers by itself instead of leaving each connection to `accept`. */
  onConnection: ((peer: Peer) => void | Promise<void>) | null = null
  /** Connections are made paused: they read nothing until told. */
  paused = false
  #accepted = 0
  #wake = (): void => {}
  readonly #server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const peer = new Peer(socket, this.paused)
    this.peers.push(peer)
    // A script ends with its connection; the test sees what matters on the client's side.
    if (this.onConnection !== null) Promise.resolve(this.onConnection(peer)).catch(() => peer.reset())
    this.#wake()
  })

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    this.port = address.port
    return this
  }

  /** The next connection. */
  async accept(): Promise<Peer> {
    const timeout = AbortSignal.timeout(WAIT_MAX_MS)
    for (;;) {
      const peer = this.peers[this.#accepted]
      if (peer !== undefined) {
        this.#accepted++
        return peer
      }
      if (timeout.aborted) throw new Error('no connection came')
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await Promise.race([woken, sleep(50)])
    }
  }

  close(): void {
    this.#server.close()
    for (const { socket } of this.peers) socket.destroy()
  }
}
