import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

/** How a service can be ill. */
export type Illness = 'killed' | 'hangs' | 'slow' | 'garbage' | 'failing'

/** A service in a process of its own, on a port that it keeps, that falls ill and gets well again; see `ill-service.fixture.ts`. */
export class IllService {
  readonly port: number
  #process: ServiceProcess

  private constructor(process: ServiceProcess) {
    this.#process = process
    this.port = process.port
  }

  /** Ends with the test. */
  static async start(t: TestContext): Promise<IllService> {
    const service = new IllService(await ServiceProcess.start(0))
    t.after(() => service.#process.kill())
    return service
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Falls ill; resolves when it is. */
  async fallIll(illness: Illness): Promise<void> {
    if (illness === 'killed') await this.#process.kill()
    else if (illness === 'hangs') this.#process.signal('SIGSTOP')
    else await this.#process.become(illness)
  }

  /** Gets well; resolves when it answers as it should. */
  async getWell(illness: Illness): Promise<void> {
    if (illness === 'killed') this.#process = await ServiceProcess.start(this.port)
    else if (illness === 'hangs') this.#process.signal('SIGCONT')
    else await this.#process.become('well')
  }
}

class ServiceProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.#child = child
    this.#lines = lines
    this.port = port
  }

  /** @param port 0 for any free one */
  static async start(port: number): Promise<ServiceProcess> {
    const program = join(import.meta.dirname, 'ill-service.fixture.ts')
    const child = spawn(process.execPath, [program, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] })
    assert.ok(child.stdout)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return new ServiceProcess(child, lines, Number((await lines.next()).value))
  }

  async become(condition: string): Promise<void> {
    this.#child.stdin?.write(`${condition}\n`)
    assert.equal((await this.#lines.next()).value, condition)
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** SIGKILL; resolves when the process has gone, and its sockets with it. */
  async kill(): Promise<void> {
    if (this.#child.signalCode !== null || this.#child.exitCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}
