/** For the tests: servers that take logs, as their protocols are specified. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { HttpOutput, SyslogOutput } from '../core/log-settings.ts'

/** A message of RFC 5424. */
export interface SyslogMessage {
  readonly priority: number
  readonly time: string
  readonly host: string
  readonly appName: string
  readonly processId: string
  readonly messageId: string
  readonly text: string
}

const MESSAGE =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) ([\x21-\x7e]{1,128}) ([\x21-\x7e]{1,32}) - (.*)$/s

/** Takes a message apart; throws for what RFC 5424, 6 does not allow. */
export function parseSyslog(written: string): SyslogMessage {
  const [, priority = '', time = '', host = '', appName = '', processId = '', messageId = '', text = ''] = MESSAGE.exec(written) ?? []
  if (priority === '' || Number(priority) > 191) throw new Error(`no message of RFC 5424: ${written}`)
  return { priority: Number(priority), time, host, appName, processId, messageId, text }
}

/** Reads frames of RFC 6587, 3.4.1 from a connection. */
export function readFrames(socket: Socket, onMessage: (message: SyslogMessage) => void): void {
  let rest = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    rest += chunk
    for (;;) {
      const [head = '', digits = ''] = /^([1-9]\d*) /.exec(rest) ?? []
      if (head === '' && rest.length > 8) throw new Error(`no frame of octet counting: ${rest.slice(0, 40)}`)
      if (head === '' || rest.length < head.length + Number(digits)) return
      onMessage(parseSyslog(rest.slice(head.length, head.length + Number(digits))))
      rest = rest.slice(head.length + Number(digits))
    }
  })
}

/** A syslog server over TCP. */
export class SyslogServer {
  readonly messages: SyslogMessage[] = []
  readonly #sockets = new Set<Socket>()
  readonly #server = createTcpServer((socket) => {
    this.#sockets.add(socket)
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    if (!this.isSilent) readFrames(socket, (message) => this.messages.push(message))
  })
  /** Takes connections and reads nothing. */
  isSilent = false

  async open(t: TestContext, port = 0): Promise<number> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    t.after(() => this.close())
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends all connections without a word, and listens no more. */
  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#sockets.size
  }
}

export interface Delivery {
  readonly headers: IncomingMessage['headers']
  readonly url: string
  readonly body: string
}

/** An HTTP server that takes batches. */
export class BatchServer {
  readonly deliveries: Delivery[] = []
  /** What each request is answered with; by default 200. */
  answer: (response: ServerResponse, delivery: Delivery) => void = (response) => response.end()
  readonly #server = createServer((request, response) => void this.#take(request, response))

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bytes = await buffer(request)
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8')
    const delivery = { headers: request.headers, url: request.url ?? '', body }
    this.deliveries.push(delivery)
    this.answer(response, delivery)
  }

  async open(t: TestContext): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    t.after(() => {
      this.#server.close()
      this.#server.closeAllConnections()
    })
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ingest`
  }

  /** All lines that came, in their order. */
  get lines(): string[] {
    return this.deliveries.flatMap(({ body }) => body.split('\n').slice(0, -1))
  }
}

export function syslogOutput(rest: Partial<SyslogOutput>): SyslogOutput {
  return {
    kind: 'syslog',
    transport: 'tcp',
    host: '127.0.0.1',
    port: 0,
    facility: 16,
    appName: 'turnpike',
    ca: null,
    queueBytesMax: 1024 * 1024,
    ...rest,
  }
}

export function httpOutput(rest: Partial<HttpOutput>): HttpOutput {
  return {
    kind: 'http',
    url: '',
    headers: [],
    gzip: false,
    ca: null,
    batchBytesMax: 1024,
    intervalMs: 20,
    timeoutMs: 2_000,
    queueBytesMax: 1024 * 1024,
    ...rest,
  }
}

/** Waits until something is so, for at most ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i === 2_000) throw new Error(`it does not come about: ${String(condition)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
