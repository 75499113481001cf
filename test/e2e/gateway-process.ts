/** Starts real gateway processes for tests and listens to what they say. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')
/** Shared by all gateways of all tests, so that only the first start compiles. */
const COMPILE_CACHE = join(ROOT, 'node_modules', '.cache', 'turnpike-compile')

export interface GatewayProcessOptions {
  /** Text of the configuration file. */
  readonly config: string
  /** What follows `turnpike start`. Default: the configuration file. */
  readonly args?: readonly string[]
  /** A worker program in place of the real one. */
  readonly workerFile?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A line of the event log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly message: string }

/** A gateway as its own process, in a folder of its own; killed and removed when the test ends. */
export class GatewayProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'turnpike-e2e-'))
  readonly configFile = join(this.folder, 'turnpike.yaml')
  readonly child: ChildProcess
  readonly exited: Promise<number | string>
  /** All that came on standard error that is no line of the event log. */
  errors = ''
  readyLine = ''
  readonly #logLines: LogLine[] = []
  #logSeen = 0
  #wake = Promise.withResolvers<void>()
  #isOver = false

  constructor(t: TestContext, options: GatewayProcessOptions) {
    writeFileSync(this.configFile, options.config)
    const program =
      options.workerFile === undefined
        ? [join(ROOT, 'src', 'main.ts'), 'start']
        : [join(import.meta.dirname, 'start-with.ts'), options.workerFile]
    this.child = spawn(process.execPath, [...program, ...(options.args ?? [this.configFile])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, XDG_RUNTIME_DIR: this.folder, NODE_COMPILE_CACHE: COMPILE_CACHE, ...options.env },
    })
    this.exited = once(this.child, 'close').then(([code, signal]) => {
      this.#isOver = true
      this.#tell()
      return (code ?? signal) as number | string
    })
    t.after(async () => {
      this.child.kill('SIGKILL')
      await this.exited
      rmSync(this.folder, { recursive: true, force: true })
    })
    const { stdout, stderr } = this.child
    assert.ok(stdout && stderr)
    createInterface({ input: stdout }).on('line', (line) => {
      if (line.includes('ready')) this.readyLine = line
      this.#tell()
    })
    createInterface({ input: stderr }).on('line', (line) => this.#onErrorLine(line))
  }

  /** Waits for the ready line. */
  async ready(): Promise<this> {
    await this.until('the ready line', () => this.readyLine !== '')
    return this
  }

  /** URL of the first listener, and of the admin listener. */
  get url(): string {
    return /ready: (https?:\/\/\S+?),/.exec(this.readyLine)?.[1] ?? ''
  }

  /** URLs of all listeners. */
  get urls(): string[] {
    return (/ready: (.*?), admin/.exec(this.readyLine)?.[1] ?? '').split(', ')
  }

  get adminUrl(): string {
    return /admin (http:\/\/\S+?),/.exec(this.readyLine)?.[1] ?? ''
  }

  get revision(): string {
    return /revision (\S+)/.exec(this.readyLine)?.[1] ?? ''
  }

  /** Waits for the next line of the event log with this message, from where the last such wait ended. */
  async logged(message: string): Promise<LogLine> {
    let found: LogLine | undefined
    await this.until(`"${message}" in the event log`, () => {
      const index = this.#logLines.findIndex((line, i) => i >= this.#logSeen && line.message === message)
      if (index === -1) return false
      found = this.#logLines[index]
      this.#logSeen = index + 1
      return true
    })
    assert.ok(found)
    return found
  }

  writeConfig(text: string): void {
    writeFileSync(this.configFile, text)
  }

  /** Waits until something has been said that makes `isThere` true. */
  async until(what: string, isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      assert.ok(
        !this.#isOver,
        `the gateway ended without ${what}:\n${this.errors}${this.#logLines.map((line) => JSON.stringify(line)).join('\n')}`,
      )
      await this.#wake.promise
    }
  }

  #onErrorLine(line: string): void {
    const parsed = parseLogLine(line)
    if (parsed === null) this.errors += `${line}\n`
    else this.#logLines.push(parsed)
    this.#tell()
  }

  #tell(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }
}

function parseLogLine(line: string): LogLine | null {
  if (!line.startsWith('{')) return null
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return null
  }
}

/** Asks again until the answer is as wanted; the test's own timeout bounds it. */
export async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
