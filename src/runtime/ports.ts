import { once } from 'node:events'
import { createServer } from 'node:net'
import type { GatewayIr, ListenerIr } from '../config/ir.ts'

/**
 * Gives listeners of port 0 a real one, before any worker sees them: all workers must listen on the same port, also one that
 * replaces a dead worker, and a reload must not move a listener.
 */
export class PortChooser {
  readonly #chosen = new Map<string, number>()

  /**
   * The same configuration with real ports. A listener keeps the port it got, by its name and host.
   * @throws the system's error when no port can be had on a host.
   */
  async resolve(ir: GatewayIr): Promise<GatewayIr> {
    const listeners: ListenerIr[] = []
    for (const listener of ir.listeners) {
      listeners.push(listener.port === 0 ? { ...listener, port: await this.#choose(listener.name, listener.host) } : listener)
    }
    return { ...ir, listeners }
  }

  async #choose(name: string, host: string): Promise<number> {
    const key = `${name} ${host}`
    let port = this.#chosen.get(key)
    if (port === undefined) {
      port = await freePort(host)
      this.#chosen.set(key, port)
    }
    return port
  }
}

/** Binds for a moment and lets go again: no one can take the port in between but by asking for that very number. */
async function freePort(host: string): Promise<number> {
  const server = createServer()
  server.listen({ host, port: 0, exclusive: true })
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error(`${host} has no ports`)
  return address.port
}
