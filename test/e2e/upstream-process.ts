import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

/** A service that can be killed; see `upstream-server.fixture.ts` for what it answers. */
export class UpstreamProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, port: number) {
    this.#child = child
    this.#lines = lines
    this.port = port
  }

  /** @param port 0 for any free one. */
  static async start(t: TestContext, port = 0): Promise<UpstreamProcess> {
    const program = join(import.meta.dirname, 'upstream-server.fixture.ts')
    const child = spawn(process.execPath, [program, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    assert.ok(child.stdout)
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return new UpstreamProcess(child, lines, Number((await lines.next()).value))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Waits until the service says this. */
  async said(what: string): Promise<void> {
    for (;;) {
      const line = await this.#lines.next()
      assert.ok(!line.done, `the service ended without saying "${what}"`)
      if (line.value === what) return
    }
  }

  /** SIGKILL; resolves when the process has gone, and its sockets with it. */
  async kill(): Promise<void> {
    if (this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }

  /** SIGSTOP: the kernel still takes connections and bytes for it. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }
}
