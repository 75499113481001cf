/** A real Prometheus for tests, and its tool. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureDebianProgram, missingReason } from './debian.ts'
import { freePort } from './haproxy.ts'

const HOST = '127.0.0.1'

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

const program = ensureDebianProgram('prometheus', 'prometheus')

/** For the `skip` of tests that need Prometheus: false when it is here, otherwise why not. */
export const prometheusMissing: string | false = program === null ? missingReason('prometheus') : false

/** Prometheus' checker, which comes in the same package. */
export const promtool = ensureDebianProgram('promtool', 'prometheus') ?? ''

/** The value of one series at one time, by its labels. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  /** Seconds since 1970, and the number as text. */
  readonly value: readonly [number, string]
}

/** A Prometheus that scrapes one address, as often as it can. */
export class Prometheus {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  /** Starts it on a free port, its data in a folder of its own; ends with the test. @param target `host:port` */
  static async start(t: AfterHook, target: string): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'turnpike-prometheus-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'prometheus.yml')
    const scrape = `{ job_name: turnpike, static_configs: [{ targets: ["${target}"] }] }`
    writeFileSync(file, `global: { scrape_interval: 200ms, scrape_timeout: 200ms }\nscrape_configs: [${scrape}]\n`)
    const port = await freePort()
    const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=${HOST}:${port}`]
    const child = spawn(program ?? 'prometheus', [...args, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => end(child))
    let said = ''
    child.stderr.on('data', (text: Buffer) => {
      said = `${said}${String(text)}`.slice(0, 4_096)
    })
    const prometheus = new Prometheus(`http://${HOST}:${port}`)
    while (!(await prometheus.#isReady())) {
      if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}: ${said}`)
      await sleep(50)
    }
    return prometheus
  }

  /** What an expression is now. Throws with what Prometheus says when it cannot be read. */
  async query(expression: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expression)}`)
    const answer = (await response.json()) as { status: string; error?: string; data?: { result: Sample[] } }
    if (answer.data === undefined) throw new Error(`${expression}: ${answer.error ?? answer.status}`)
    return answer.data.result
  }

  #isReady(): Promise<boolean> {
    return fetch(`${this.#url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    )
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const over = once(child, 'exit')
  child.kill('SIGKILL')
  await over
}
