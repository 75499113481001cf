/**
 * A worker for tests of the control process: its data plane answers every connection with its process id, revision and count of
 * prepared configurations, then closes it. What goes wrong is steered by the names of routes: `refuse`, `die-on-prepare`, `hang`.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import type { GatewayIr } from '../config/ir.ts'
import type { DecisionAnswer } from '../core/decision.ts'
import type { LimitsAnswer } from '../core/limit-view.ts'
import type { Counter } from '../core/observe.ts'
import type { StoreName } from '../core/store.ts'
import type { DataPlane, DrainResult, ListenerAddress } from '../runtime/control-protocol.ts'
import type { ServiceState } from '../upstream/service-state.ts'
import { type PlaneParts, serveWorker } from './serve-worker.ts'

class FixturePlane implements DataPlane {
  readonly #answered: Counter
  readonly #servers = new Map<string, Server>()
  #prepared: GatewayIr | null = null
  #running: GatewayIr | null = null

  constructor({ metrics }: PlaneParts) {
    this.#answered = metrics.counter('fixture_answers_total', 'Answers.', {})
  }

  async prepare(ir: GatewayIr): Promise<void> {
    const routes = new Set(ir.routes.map(({ name }) => name))
    if (routes.has('die-on-prepare')) process.exit(7)
    if (routes.has('refuse')) throw new Error('the fixture refuses')
    for (const { name, host, port } of ir.listeners) {
      if (this.#servers.has(name)) continue
      const server = createServer((socket) => {
        this.#answered.add(1)
        socket.on('error', () => {})
        socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${process.pid} ${this.#running?.revision}\n`)
        const hangs = this.#running?.routes.some((route) => route.name === 'hang')
        // At the latest when the answer is out: whoever has read it finds the loop stuck.
        socket.on('finish', () => {
          if (hangs) for (;;);
        })
      })
      server.listen({ host, port })
      await once(server, 'listening')
      this.#servers.set(name, server)
    }
    this.#prepared = ir
  }

  setTargets(): void {}

  commit(): void {
    this.#running = this.#prepared
    this.#prepared = null
  }

  abandon(): void {
    this.#prepared = null
  }

  decisions(): DecisionAnswer {
    return { found: [], list: [], count: 0, oldestMs: null }
  }

  listeners(): ListenerAddress[] {
    return (this.#running?.listeners ?? []).map(({ name, host, port }) => ({ name, host, port, scheme: 'http' }))
  }

  serviceStates(): ServiceState[] {
    return (this.#running?.services ?? []).map(({ name }) => ({ name, breaker: null, inFlight: 0, queued: 0, panic: false, targets: [] }))
  }

  async purge(): Promise<StoreName[]> {
    return ['memory']
  }

  async limits(): Promise<LimitsAnswer> {
    return { total: 0, policies: [] }
  }

  setDrained(): void {}

  setTapRules(): void {}

  resetBreaker(): null {
    return null
  }

  async drain(): Promise<DrainResult> {
    for (const server of this.#servers.values()) server.close()
    return { closed: 0, aborted: 0, websockets: 0, eventStreams: 0 }
  }
}

serveWorker((parts) => new FixturePlane(parts))
