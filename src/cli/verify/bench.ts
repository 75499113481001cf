/** Two gateways in this process, one for each form of a configuration, in front of services that tell what they got. */
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GatewayIr } from '../../config/ir.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { NO_OUTPUTS } from '../../core/record-output.ts'
import { POLICIES } from '../../policies/index.ts'
import { Gateway } from '../../runtime/gateway.ts'
import { httpClient } from '../../runtime/http-client.ts'
import { createStores } from '../../stores/index.ts'
import { MetricsRegistry } from '../../telemetry/metrics.ts'
import { SILENT_LOG } from '../silent-log.ts'
import type { VerifyRequest } from './requests.ts'

/** What a request came to: for the client, and for the service if it got that far. */
export interface Outcome {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly upstream: readonly Upstream[]
}

export interface Upstream {
  readonly service: string
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

const HOST = '127.0.0.1'
const ECHOES_MAX = 32
const TIMEOUT_MS = 10_000
const DAY_MS = 86_400_000
const START_EPOCH_MS = Date.UTC(2030, 0, 1, 12)

/** Both gateways have the same time, which stands still but for what {@link Bench.run} lets go by. */
export class Bench {
  #epochMs = START_EPOCH_MS
  readonly #clock: Clock = { ...systemClock, epochMs: () => this.#epochMs }
  readonly #echoes: Echo[] = []
  readonly #gateways: Gateway[] = []
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 })
  readonly #received: Upstream[] = []

  /** @param irs of which each gets a gateway */
  static async open(irs: readonly GatewayIr[]): Promise<Bench> {
    const bench = new Bench()
    try {
      const names = [...new Set(irs.flatMap(({ services }) => services.map(({ name }) => name)))]
      for (const name of names.slice(0, ECHOES_MAX)) bench.#echoes.push(await Echo.open(name, bench.#received))
      const ports = new Map(names.map((name, index) => [name, bench.#echoes[index % ECHOES_MAX]?.port ?? 0]))
      for (const ir of irs) bench.#gateways.push(await bench.#start(withEchoes(ir, ports)))
    } catch (error) {
      await bench.close()
      throw error
    }
    return bench
  }

  async #start(ir: GatewayIr): Promise<Gateway> {
    const parts = { clock: this.#clock, log: SILENT_LOG, metrics: new MetricsRegistry() }
    const gateway = new Gateway({
      ...parts,
      http: httpClient,
      // Nothing of this run is written anywhere, and no store of others counts it.
      outputs: NO_OUTPUTS,
      accessLog: null,
      policies: POLICIES,
      createStores: (own, resources) => {
        const stores = createStores({ ...own.stores, redis: null }, { ...parts, resources })
        return {
          ...stores,
          limits: () => stores.limits('memory'),
          responses: () => stores.responses('memory'),
          values: () => null,
        }
      },
    })
    await gateway.prepare(ir, null)
    gateway.commit()
    return gateway
  }

  /** What each gateway makes of a request, one after the other. */
  async run(asked: VerifyRequest): Promise<Outcome[]> {
    if (!asked.isBurst) this.#epochMs += DAY_MS
    const outcomes: Outcome[] = []
    for (const gateway of this.#gateways) {
      this.#received.length = 0
      const port = gateway.listeners()[0]?.port ?? 0
      const { status, headers, body } = await this.#ask(port, asked)
      outcomes.push({ status, headers, body, upstream: [...this.#received] })
    }
    return outcomes
  }

  #ask(port: number, { method, target, host, headers, body, proof }: VerifyRequest): Promise<Omit<Outcome, 'upstream'>> {
    const path = proof === null || proof.query === '' ? target : `${target}${target.includes('?') ? '&' : '?'}${proof.query}`
    const all = { ...headers, ...proof?.headers(this.#epochMs), host }
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: HOST, port, path, method, headers: all, agent: this.#agent, timeout: TIMEOUT_MS })
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')))
      outgoing.on('error', (error) => resolve({ status: 0, headers: [], body: `no answer: ${error.message}` }))
      outgoing.on('response', (incoming) => {
        textOf(incoming).then((text) => resolve({ status: incoming.statusCode ?? 0, headers: fieldsOf(incoming), body: text }), reject)
      })
      outgoing.end(body ?? undefined)
    })
  }

  async close(): Promise<void> {
    this.#agent.destroy()
    await Promise.all(this.#gateways.map((gateway) => gateway.drain(0)))
    for (const echo of this.#echoes) echo.close()
  }
}

/** With a listener of this process alone, which takes its word for the protocol that a request came by, and services that are echoes. */
function withEchoes(ir: GatewayIr, ports: ReadonlyMap<string, number>): GatewayIr {
  const listener = ir.listeners.find(({ tls }) => tls === null) ?? ir.listeners[0]
  return {
    ...ir,
    listeners: listener === undefined ? [] : [{ ...listener, host: HOST, port: 0, tls: null, trustedProxies: [HOST] }],
    services: ir.services.map((service) => ({
      ...service,
      targets: [{ host: HOST, port: ports.get(service.name) ?? 0, weight: 1 }],
      discovery: null,
      tls: null,
      protocol: 'http/1.1' as const,
      health: { ...service.health, active: null },
    })),
  }
}

class Echo {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(service: string, received: Upstream[]): Promise<Echo> {
    const server = createServer((incoming, response) => {
      const answer = (body: string): void => {
        const { method = '', url = '' } = incoming
        received.push({ service, method, url, headers: fieldsOf(incoming), body })
        response.setHeader('Content-Type', 'application/json')
        response.setHeader('X-Echo', service.replaceAll(/[^\x21-\x7e]/g, '_'))
        response.end(JSON.stringify({ service, method, url, body }))
      }
      textOf(incoming).then(answer, () => response.destroy())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, HOST, resolve)
    })
    return new Echo(server)
  }

  get port(): number {
    const address = this.#server.address() as AddressInfo | null
    return address?.port ?? 0
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

function fieldsOf({ rawHeaders }: IncomingMessage): (readonly [string, string])[] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : []))
}
