import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: string
}

interface Waiting {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

/**
 * One connection that is kept for all its requests, one at a time. It never connects anew and never asks twice: a connection that is
 * lost, which HTTP libraries hide, fails here.
 */
export class KeepAliveClient {
  readonly #socket: Socket
  #received = ''
  #waiting: Waiting | null = null
  #lost: Error | null = null
  /** Answers received whole. */
  answered = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#onData(text))
    socket.on('error', (error) => this.#onLost(error))
    socket.on('close', () => this.#onLost(new Error('the connection was closed')))
  }

  /** Rejects when no connection can be made. */
  static async open(port: number): Promise<KeepAliveClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'connect')
    return new KeepAliveClient(socket)
  }

  /** The port on this end, which tells connections apart. */
  get localPort(): number {
    return this.#socket.localPort ?? 0
  }

  get isOpen(): boolean {
    return this.#lost === null
  }

  /** As {@link ask} does. */
  get(path: string): Promise<Answer> {
    return this.ask('GET', path, '')
  }

  /** Rejects when the connection is lost before the answer is whole. Answers must state their length. */
  ask(method: string, path: string, body: string): Promise<Answer> {
    if (this.#lost !== null) return Promise.reject(this.#lost)
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    this.#waiting = { resolve, reject }
    const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: gateway.test\r\n${length}\r\n${body}`)
    return promise
  }

  close(): void {
    this.#socket.destroy()
  }

  #onData(text: string): void {
    this.#received += text
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const head = this.#received.slice(0, headEnd)
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
    if (length === undefined) return this.#onLost(new Error(`an answer without a length: ${head}`))
    const end = headEnd + 4 + Number(length)
    if (this.#received.length < end) return
    const waiting = this.#waiting
    if (waiting === null) return this.#onLost(new Error(`bytes that nobody asked for: ${this.#received}`))
    const body = this.#received.slice(headEnd + 4, end)
    this.#received = this.#received.slice(end)
    this.#waiting = null
    this.answered++
    waiting.resolve({ status: Number(head.slice(9, 12)), head, body })
  }

  #onLost(error: Error): void {
    this.#lost ??= error
    this.#waiting?.reject(this.#lost)
    this.#waiting = null
    this.#socket.destroy()
  }
}
