/** Two gateways behind a real HAProxy, under load, while one after the other is started again or given a new configuration. */
import assert from 'node:assert/strict'
import { type IncomingMessage, request } from 'node:http'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { freePort, type GatewayPorts, Haproxy, type HaproxyPace } from '../services/haproxy.ts'
import { GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'
import { startRollingService } from './rolling-service.ts'

const CLIENTS = 16
const WEB_SOCKETS = 6
const EVENT_STREAMS = 6
/** Between two requests of a client, and two messages of a WebSocket: restarts shall meet traffic, not starve. */
const PAUSE_MS = 10
const RESTART_CODE = 1012

export interface RollingOptions {
  /** How long a gateway that shuts down goes on serving. */
  readonly drainDelayMs: number
  /** How HAProxy checks; without it as deploy/haproxy says. */
  readonly pace?: HaproxyPace
}

/** What clients saw. */
export interface RollingFigures {
  /** Answers received whole, and as they should be. */
  answers: number
  /** WebSockets closed with 1012, and event streams that ended behind an event. */
  webSocketsEnded: number
  eventStreamsEnded: number
  readonly failures: string[]
}

/** A gateway that comes back on the same ports. */
interface Instance {
  readonly ports: GatewayPorts
  process: GatewayProcess
}

/** What goes on while gateways come and go. */
export class RollingScenario {
  readonly figures: RollingFigures = { answers: 0, webSocketsEnded: 0, eventStreamsEnded: 0, failures: [] }
  readonly #test: TestContext
  readonly #options: RollingOptions
  readonly #servicePort: number
  readonly #instances: Instance[] = []
  readonly #haproxy: Haproxy
  readonly #running: Promise<void>[] = []
  readonly #stopping = new AbortController()
  #revision = 0

  private constructor(t: TestContext, options: RollingOptions, servicePort: number, haproxy: Haproxy) {
    this.#test = t
    this.#options = options
    this.#servicePort = servicePort
    this.#haproxy = haproxy
  }

  /** Starts all of it; it ends with the test. */
  static async start(t: TestContext, options: RollingOptions): Promise<RollingScenario> {
    const gateways = [await freePorts(), await freePorts()] as const
    const haproxy = await Haproxy.start(t, gateways, options.pace)
    const scenario = new RollingScenario(t, options, await startRollingService(t), haproxy)
    for (const ports of gateways) scenario.#instances.push({ ports, process: await scenario.#startGateway(ports) })
    await haproxy.untilUp(2)
    t.after(() => scenario.stop())
    scenario.#startLoad()
    return scenario
  }

  /** One after the other: SIGTERM, the wait for its end, a start, and the wait until HAProxy knows of it. */
  async restartEach(): Promise<void> {
    for (const instance of this.#instances) {
      const { process } = instance
      process.child.kill('SIGTERM')
      const status = await process.exited
      if (status !== 0) this.#fail(`a gateway ended with ${status}`)
      const { aborted } = await process.logged('shut down')
      if (aborted !== 0) this.#fail(`a gateway cut ${String(aborted)} connections`)
      instance.process = await this.#startGateway(instance.ports)
      await this.#haproxy.untilUp(2)
    }
  }

  /** One after the other: a changed file, SIGHUP, and the wait until it is in force. */
  async reloadEach(): Promise<void> {
    this.#revision++
    for (const { ports, process } of this.#instances) {
      process.writeConfig(this.#configOf(ports))
      process.child.kill('SIGHUP')
      await process.logged('a new configuration is in force')
    }
  }

  /** Ends the load. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running)
  }

  #startGateway(ports: GatewayPorts): Promise<GatewayProcess> {
    return new GatewayProcess(this.#test, { config: this.#configOf(ports) }).ready()
  }

  #configOf({ port, adminPort }: GatewayPorts): string {
    return `
listeners: [{ host: 127.0.0.1, port: ${port}, trustedProxies: [127.0.0.1] }]
admin: { port: ${adminPort} }
accessLog: false
drainDelay: ${this.#options.drainDelayMs}
drainSpread: 300ms
services: { service: { targets: ["127.0.0.1:${this.#servicePort}"] } }
routes:
  all: { path: /*, service: service }
  # Makes each configuration a new one.
  revision: { path: /revision, policies: { static-response: { body: "${this.#revision}" } } }
`
  }

  #fail(what: string): void {
    this.figures.failures.push(`${new Date().toISOString()} ${what}`)
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  #startLoad(): void {
    for (let i = 0; i < CLIENTS; i++) this.#running.push(this.#runClient(i))
    for (let i = 0; i < WEB_SOCKETS; i++) this.#running.push(this.#runWebSocket(i))
    for (let i = 0; i < EVENT_STREAMS; i++) this.#running.push(this.#runEvents(i))
  }

  /** One connection to HAProxy for all requests; a quarter of the clients comes anew for each. Every other request is a POST. */
  async #runClient(index: number): Promise<void> {
    let client: KeepAliveClient | null = null
    for (let n = 0; !this.#isStopping; n++) {
      const [method, body] = n % 2 === 0 ? ['GET', ''] : ['POST', `${index} ${n}`]
      try {
        client ??= await KeepAliveClient.open(this.#haproxy.port)
        const answer = await client.ask(method, `/requests/${index}/${n}`, body)
        if (answer.status === 200 && answer.body === body) this.figures.answers++
        else this.#fail(`client ${index}: ${method}: ${answer.head}`)
      } catch (error) {
        this.#fail(`client ${index}: ${method}: ${String(error)}`)
        client = null
      }
      if (index % 4 === 0) {
        client?.close()
        client = null
      }
      await sleep(PAUSE_MS)
    }
    client?.close()
  }

  /** Says something and waits for the echo, for as long as the WebSocket is open; then opens the next. */
  async #runWebSocket(index: number): Promise<void> {
    while (!this.#isStopping) {
      const end = await this.#useWebSocket(index)
      if (end === RESTART_CODE) this.figures.webSocketsEnded++
      else if (!this.#isStopping) this.#fail(`WebSocket ${index}: closed with ${end}`)
    }
  }

  /** @returns the code it was closed with, or what went wrong. */
  #useWebSocket(index: number): Promise<number | string> {
    const { promise, resolve } = Promise.withResolvers<number | string>()
    const socket = new WebSocket(`ws://127.0.0.1:${this.#haproxy.port}/sockets/${index}`)
    const close = (): void => socket.close()
    this.#stopping.signal.addEventListener('abort', close)
    let sent = 0
    const say = (): void => socket.send(String(++sent))
    socket.on('open', say)
    socket.on('message', (data: Buffer) => {
      if (String(data) !== String(sent)) this.#fail(`WebSocket ${index}: ${String(data)} in place of ${sent}`)
      setTimeout(() => socket.readyState === WebSocket.OPEN && say(), PAUSE_MS)
    })
    socket.on('error', (error: Error) => resolve(error.message))
    socket.on('close', (code: number) => resolve(code))
    return promise.finally(() => this.#stopping.signal.removeEventListener('abort', close))
  }

  /** As an EventSource does: reads until the stream ends, and comes back at once. */
  async #runEvents(index: number): Promise<void> {
    while (!this.#isStopping) {
      const problem = await this.#readEvents().catch(String)
      if (this.#isStopping) return
      if (problem === null) this.figures.eventStreamsEnded++
      else this.#fail(`events ${index}: ${problem}`)
    }
  }

  /** @returns null when the stream ended whole and behind an event, else what was wrong. */
  #readEvents(): Promise<string | null> {
    const { promise, resolve, reject } = Promise.withResolvers<string | null>()
    const { signal } = this.#stopping
    const options = { port: this.#haproxy.port, path: '/events', agent: false, signal }
    const asked = request(options, (response: IncomingMessage) => {
      if (response.statusCode !== 200) resolve(`status ${response.statusCode}`)
      let last = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        last = (last + text).slice(-20)
      })
      response.once('end', () => resolve(last === '' || last.endsWith('\n\n') ? null : `it ended behind ${JSON.stringify(last)}`))
      response.once('error', reject)
    })
    asked.once('error', reject).end()
    return promise
  }

  /** Fails with what clients saw that they should not have. */
  assertNothingFailed(): void {
    assert.deepEqual(this.figures.failures, [])
  }
}

async function freePorts(): Promise<GatewayPorts> {
  return { port: await freePort(), adminPort: await freePort() }
}
