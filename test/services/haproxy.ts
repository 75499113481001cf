/** A real HAProxy for tests, with the configuration that deploy/haproxy shows. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureDebianProgram, missingReason } from './debian.ts'

const HOST = '127.0.0.1'
const CONFIG = join(import.meta.dirname, '../../deploy/haproxy/haproxy.cfg')

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

const program = ensureDebianProgram('haproxy', 'haproxy')

/** For the `skip` of tests that need HAProxy: false when it is here, otherwise why not. */
export const haproxyMissing: string | false = program === null ? missingReason('haproxy') : false

/** Where a gateway listens. */
export interface GatewayPorts {
  readonly port: number
  readonly adminPort: number
}

/** How often the gateways are checked. */
export interface HaproxyPace {
  readonly interMs: number
}

/** HAProxy in front of two gateways. */
export class Haproxy {
  readonly port: number
  readonly #statsUrl: string

  private constructor(port: number, statsPort: number) {
    this.port = port
    this.#statsUrl = `http://${HOST}:${statsPort}/;csv`
  }

  /** Starts it with the configuration of deploy/haproxy, put on free ports, and at another pace where one is given; ends with the test. */
  static async start(t: AfterHook, gateways: readonly [GatewayPorts, GatewayPorts], pace?: HaproxyPace): Promise<Haproxy> {
    const folder = mkdtempSync(join(tmpdir(), 'turnpike-haproxy-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const [port, statsPort] = [await freePort(), await freePort()]
    const file = join(folder, 'haproxy.cfg')
    const stats = `listen stats\n  bind ${HOST}:${statsPort}\n  stats enable\n  stats uri /\n`
    writeFileSync(file, `${configFor(port, gateways, pace)}\n${stats}`)
    const child = spawn(program ?? 'haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => end(child))
    let said = ''
    // It goes on saying who is up and who is down: what it said before it listened is what matters.
    child.stderr.on('data', (text: Buffer) => {
      said = `${said}${String(text)}`.slice(0, 4_096)
    })
    const haproxy = new Haproxy(port, statsPort)
    while ((await haproxy.#states()) === null) {
      if (child.exitCode !== null) throw new Error(`haproxy ended with ${child.exitCode}: ${said}`)
      await sleep(20)
    }
    return haproxy
  }

  /** Waits until it sends requests to this many gateways. */
  async untilUp(count: number): Promise<void> {
    for (;;) {
      const states = await this.#states()
      if (states?.filter((state) => state.startsWith('UP')).length === count) return
      await sleep(20)
    }
  }

  /** What it thinks of each gateway: `UP`, `DOWN`, `UP 1/2` …; null while it does not answer. */
  async #states(): Promise<readonly string[] | null> {
    const text = await fetch(this.#statsUrl).then(
      (response) => response.text(),
      () => null,
    )
    if (text === null) return null
    const [head = '', ...rows] = text.split('\n')
    const columns = head.replace(/^# /, '').split(',')
    const cell = (row: string, name: string): string => row.split(',')[columns.indexOf(name)] ?? ''
    return rows.filter((row) => cell(row, 'svname').startsWith('gateway-')).map((row) => cell(row, 'status'))
  }
}

/** The shown configuration on other addresses; fails where it no longer has those that are replaced. */
function configFor(port: number, gateways: readonly [GatewayPorts, GatewayPorts], pace?: HaproxyPace): string {
  const addresses: [string, string][] = [
    ['bind :80', `bind ${HOST}:${port}`],
    ...(pace === undefined ? [] : [['inter 1s fastinter 500ms', `inter ${pace.interMs}ms`] satisfies [string, string]]),
    ...gateways.map((gateway, i): [string, string] => [
      `server gateway-${i + 1} 10.0.0.1${i + 1}:8080`,
      `server gateway-${i + 1} ${HOST}:${gateway.port} port ${gateway.adminPort}`,
    ]),
  ]
  return addresses.reduce(
    (text, [shown, used]) => {
      if (!text.includes(shown)) throw new Error(`${CONFIG} holds no "${shown}"`)
      return text.replace(shown, used)
    },
    readFileSync(CONFIG, 'utf8'),
  )
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const over = once(child, 'exit')
  child.kill('SIGKILL')
  await over
}

/**
 * A port that nobody listens on just now. Below those that the kernel gives out: a gateway that is started again finds it free, whatever
 * connections were opened meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, HOST, () => resolve(true))
    })
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
