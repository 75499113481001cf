/** Time and numbers for tests of this room. */
import type { ServiceIr } from '../config/ir.ts'
import type { Clock } from '../core/clock.ts'
import type { Counter, Gauge } from '../core/observe.ts'
import { TimerWheel } from '../core/timers.ts'
import type { Scheduler } from './scheduler.ts'
import { Service } from './service.ts'

interface Timer {
  readonly dueMs: number
  readonly run: () => void
}

/** Time that passes only when it is told to, and runs what is due on its way, in order. Chance is always `chance`. */
export class VirtualTime implements Clock, Scheduler {
  nowMs = 5_000
  chance = 0
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.nowMs
  }

  epochMs(): number {
    return this.nowMs
  }

  random(): number {
    return this.chance
  }

  uuid(): string {
    return '00000000-0000-4000-8000-000000000000'
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.nowMs + delayMs, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.size
  }

  pass(ms: number): void {
    const end = this.nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].filter(({ dueMs }) => dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)
      if (next === undefined) break
      this.#timers.delete(next)
      this.nowMs = Math.max(this.nowMs, next.dueMs)
      next.run()
    }
    this.nowMs = end
  }
}

/** A number that can be read. */
export class Figure implements Counter, Gauge {
  value = 0

  add(amount: number): void {
    this.value += amount
  }

  set(value: number): void {
    this.value = value
  }
}

function figures<Name extends string>(...names: readonly Name[]): Record<Name, Figure> {
  return Object.fromEntries(names.map((name) => [name, new Figure()])) as Record<Name, Figure>
}

export function serviceFigures() {
  return {
    breaker: {
      workers: figures('closed', 'half-open', 'open'),
      transitions: figures('closed', 'half-open', 'open'),
      refused: new Figure(),
    },
    gate: figures('inFlight', 'queued', 'queueFull', 'queueTimeout'),
    health: {
      targets: figures('healthy', 'unhealthy', 'ejected', 'unknown'),
      ...figures('panicWorkers', 'ejections', 'checksPassed', 'checksFailed'),
    },
  }
}

export const SERVICE: ServiceIr = {
  name: 'main',
  at: { file: 'test.yaml', line: 1, column: 1 },
  targets: [],
  discovery: null,
  balancer: { kind: 'round-robin', hash: { key: { kind: 'path' }, otherwise: null, setCookiePath: null } },
  connectTimeoutMs: 1_000,
  idleTimeoutMs: 1_000,
  connectionsMax: 10,
  responseHeadBytesMax: 16_384,
  host: { kind: 'client' },
  tls: null,
  protocol: 'auto',
  retryBudget: { ratio: 0.2, minPerSecond: 10 },
  breaker: null,
  health: { active: null, passive: null, slowStartMs: 0, panicPercent: 0 },
  concurrency: null,
  policies: [],
}

/** A service of its own time, with what it counted and what it logged. */
export function serviceBench(ir: Partial<ServiceIr>) {
  const time = new VirtualTime()
  const figures = serviceFigures()
  const logged: string[] = []
  const log = (_fields: unknown, message: string): void => void logged.push(message)
  const service = new Service({ ...SERVICE, ...ir }, time, {
    wheel: new TimerWheel(),
    connections: new Figure(),
    connectionsIdle: new Figure(),
    connectionsTotal: new Figure(),
    log: { info: log, warn: log, error: log },
    scheduler: time,
    onUnreachable: () => {},
    metrics: { breaker: () => figures.breaker, gate: () => figures.gate, health: () => figures.health },
  })
  return { time, figures, logged, service }
}
