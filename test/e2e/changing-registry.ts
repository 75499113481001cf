/** A registry that speaks Consul's health endpoint with blocking queries, for measuring what changes of targets cost the gateway. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

interface Service {
  index: number
  instances: readonly string[]
  readonly waiting: Set<ServerResponse>
}

/** Services by name, whose instances are addresses with one common port. */
export class ChangingRegistry {
  readonly #services = new Map<string, Service>()
  readonly #instancePort: number
  readonly #server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://registry')
    const service = this.#services.get(url.pathname.slice('/v1/health/service/'.length))
    if (service === undefined) {
      response.writeHead(404).end()
      return
    }
    if (Number(url.searchParams.get('index') ?? 0) !== service.index) {
      this.#answer(service, response)
      return
    }
    service.waiting.add(response)
    response.on('close', () => service.waiting.delete(response))
  })
  /** Changes so far. */
  changes = 0

  constructor(instancePort: number) {
    this.#instancePort = instancePort
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
  }

  set(name: string, instances: readonly string[]): void {
    const service = this.#services.get(name) ?? { index: 0, instances: [], waiting: new Set<ServerResponse>() }
    this.#services.set(name, service)
    service.instances = instances
    service.index++
    this.changes++
    for (const response of service.waiting) this.#answer(service, response)
    service.waiting.clear()
  }

  #answer({ index, instances }: Service, response: ServerResponse): void {
    const list = instances.map((address) => ({
      Node: { Address: address },
      Service: { ID: address, Address: address, Port: this.#instancePort, Weights: { Passing: 1, Warning: 1 } },
    }))
    response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': String(index) }).end(JSON.stringify(list))
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
