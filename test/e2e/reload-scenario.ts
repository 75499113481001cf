/** Reload after reload under load, for the test of 200 and the soak of 2,000. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { startUpstream, type Upstream } from './echo-upstream.ts'
import { GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const CLIENTS = 16
const WEB_SOCKETS = 5
/** Routes and services that come and go have one of so many names, so that series of metrics do not add up over the rounds. */
const GUEST_ROUTES = 7
const GUEST_SERVICES = 3
/** Between two requests of a client, and two messages of a WebSocket. Reloads shall meet traffic, not starve. */
const PAUSE_MS = 2

/** Each round adds and removes a route, a service and a target; what is under load stays. */
function configOf(round: number, [first, second]: readonly [Upstream, Upstream]): string {
  const targets = round % 2 === 0 ? [first.port] : [first.port, second.port]
  const guest = round % GUEST_ROUTES
  const guestService = `guest-${round % GUEST_SERVICES}`
  return `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0 }
workers: 2
accessLog: false
services:
  steady: { targets: [${targets.map((port) => `"127.0.0.1:${port}"`).join(', ')}] }
  ${guestService}: { targets: ["127.0.0.1:${second.port}"] }
routes:
  steady: { path: /steady/*, service: steady }
  sockets: { path: /sockets/*, service: steady, upgrades: [websocket] }
  guest-${guest}: { path: /guest/${guest}, service: ${guestService} }
  # Makes every round's configuration a new one.
  round: { path: /round, policies: { static-response: { body: "${round}" } } }
`
}

/** What goes on while reloads happen. */
export class ReloadScenario {
  readonly gateway: GatewayProcess
  readonly #upstreams: readonly [Upstream, Upstream]
  readonly #clients: KeepAliveClient[] = []
  readonly #sockets: WebSocket[] = []
  readonly #failures: string[] = []
  readonly #running: Promise<void>[] = []
  #round = 0
  #stopping = false
  /** Messages that came back, by WebSocket. */
  readonly echoes = new Array<number>(WEB_SOCKETS).fill(0)

  private constructor(gateway: GatewayProcess, upstreams: readonly [Upstream, Upstream]) {
    this.gateway = gateway
    this.#upstreams = upstreams
  }

  /** Starts a gateway with two workers, and the load. */
  static async start(t: TestContext, env: Readonly<Record<string, string>> = {}): Promise<ReloadScenario> {
    const upstreams = [await startUpstream(t), await startUpstream(t)] as const
    const gateway = await new GatewayProcess(t, { config: configOf(0, upstreams), env }).ready()
    const scenario = new ReloadScenario(gateway, upstreams)
    t.after(() => scenario.stop())
    await scenario.#startLoad()
    return scenario
  }

  get upstreams(): readonly [Upstream, Upstream] {
    return this.#upstreams
  }

  /** Answers received, by client. */
  get answers(): readonly number[] {
    return this.#clients.map((client) => client.answered)
  }

  /** One reload: a changed file, SIGHUP, and the wait until it is in force everywhere. */
  async reload(): Promise<void> {
    const { gateway } = this
    this.#round++
    // Put in place whole: the watcher looks at the file as well, and may do so at any moment.
    const next = `${gateway.configFile}.next`
    writeFileSync(next, configOf(this.#round, this.#upstreams))
    renameSync(next, gateway.configFile)
    gateway.child.kill('SIGHUP')
    await gateway.logged('a new configuration is in force')
    assert.deepEqual(this.#failures, [], `after reload ${this.#round}`)
  }

  /** Asks for the round on a connection of its own. */
  async servedRound(): Promise<string> {
    return (await fetch(`${this.gateway.url}/round`, { headers: { connection: 'close' } })).text()
  }

  get round(): number {
    return this.#round
  }

  /** Ends the load. @returns what went wrong, nothing when all is well */
  async stop(): Promise<readonly string[]> {
    this.#stopping = true
    await Promise.all(this.#running)
    for (const client of this.#clients) client.close()
    for (const socket of this.#sockets) socket.close()
    return this.#failures
  }

  async #startLoad(): Promise<void> {
    const port = Number(new URL(this.gateway.url).port)
    for (let i = 0; i < CLIENTS; i++) this.#clients.push(await KeepAliveClient.open(port))
    for (let i = 0; i < WEB_SOCKETS; i++) this.#sockets.push(await openSocket(port, i))
    for (const [i, client] of this.#clients.entries()) this.#running.push(this.#runClient(i, client))
    for (const [i, socket] of this.#sockets.entries()) this.#running.push(this.#runSocket(i, socket))
  }

  async #runClient(index: number, client: KeepAliveClient): Promise<void> {
    for (let n = index; !this.#stopping; n++) {
      // One in four goes where a route comes and goes: both its answer and 404 are right.
      const path = n % 4 === 0 ? `/guest/${n % GUEST_ROUTES}` : `/steady/${n}`
      try {
        const { status, head } = await client.get(path)
        const isRight = status === 200 || (status === 404 && path.startsWith('/guest/'))
        if (!isRight) this.#failures.push(`client ${index}: ${path}: ${head}`)
      } catch (error) {
        this.#failures.push(`client ${index}: ${path}: ${String(error)}`)
        return
      }
      await pause()
    }
  }

  async #runSocket(index: number, socket: WebSocket): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      const answer = await echo(socket, `${index} ${n}`)
      if (answer !== `${index} ${n}`) {
        this.#failures.push(`WebSocket ${index}: ${answer}`)
        return
      }
      this.echoes[index] = n + 1
      await pause()
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}

async function openSocket(port: number, index: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/sockets/${index}`)
  await once(socket, 'open')
  return socket
}

/** Sends a text. @returns what comes back, or what happened instead */
function echo(socket: WebSocket, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  if (socket.readyState !== WebSocket.OPEN) return Promise.resolve('it is no longer open')
  const onMessage = ({ data }: MessageEvent): void => done(String(data))
  const onClose = ({ code }: CloseEvent): void => done(`closed with ${code}`)
  const done = (what: string): void => {
    socket.removeEventListener('message', onMessage)
    socket.removeEventListener('close', onClose)
    resolve(what)
  }
  socket.addEventListener('message', onMessage)
  socket.addEventListener('close', onClose)
  socket.send(text)
  return promise
}
