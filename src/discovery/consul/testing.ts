/** A Consul that answers as a test says. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

/** What a query asked. */
export interface AskedQuery {
  readonly path: string
  readonly params: URLSearchParams
  readonly token: string | undefined
}

export type Answer = (response: ServerResponse, query: AskedQuery) => void

export class ScriptedConsul {
  /** All queries so far. */
  readonly asked: AskedQuery[] = []
  readonly #script: Answer[]
  readonly #waiting: (() => void)[] = []
  readonly #server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://consul')
    const query = { path: pathname, params: searchParams, token: request.headers['x-consul-token']?.toString() }
    this.asked.push(query)
    this.#script.shift()?.(response, query)
    for (const look of this.#waiting.splice(0)) look()
  })
  url = ''

  /** @param script what is answered, each query once; all after them wait for ever */
  constructor(script: readonly Answer[]) {
    this.#script = [...script]
  }

  /** Resolves when so many queries have come. */
  async hasAsked(count: number): Promise<void> {
    while (this.asked.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async listen(t: AfterHook): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    t.after(() => {
      this.#server.closeAllConnections()
      this.#server.close()
    })
    const address = this.#server.address()
    this.url = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
  }
}

export async function scriptedConsul(t: AfterHook, ...answers: readonly Answer[]): Promise<ScriptedConsul> {
  const consul = new ScriptedConsul(answers)
  await consul.listen(t)
  return consul
}

/** An answer with an index. */
export function says(index: number | string, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => {
    response.writeHead(200, { 'x-consul-index': index, ...headers }).end(JSON.stringify(body))
  }
}

export function refuses(status: number, text = ''): Answer {
  return (response) => {
    response.writeHead(status, { 'x-consul-index': '1' }).end(text)
  }
}

/** The connection closes without an answer, as when Consul ends. */
export const breaksOff: Answer = (response) => {
  response.destroy()
}

/** An entry of a health answer, as Consul 1.8 gives it. */
export function instance(id: string, address: string, port: number, service: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    Node: { Node: 'n1', Address: '10.0.0.1' },
    Service: { ID: id, Service: 'orders', Tags: [], Address: address, Port: port, Weights: { Passing: 1, Warning: 1 }, ...service },
    Checks: [{ CheckID: 'serfHealth', Status: 'passing' }],
  }
}

/** What a watch told, in order; each can be waited for. */
export class Told<T> {
  readonly all: T[] = []
  #waiting: (() => void)[] = []

  tell(value: T): void {
    this.all.push(value)
    for (const look of this.#waiting.splice(0)) look()
  }

  /** The one at this place, once it is there. */
  async at(place: number): Promise<T> {
    for (;;) {
      const value = this.all[place]
      if (value !== undefined) return value
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }
}
