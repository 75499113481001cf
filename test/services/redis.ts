/** Real Redis servers for tests, each a process of its own on a free port, with nothing on disk. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureDebianProgram, missingReason } from './debian.ts'

const HOST = '127.0.0.1'
/** A cluster's nodes also listen on their port and this (`cluster-announce-bus-port`). */
const BUS_OFFSET = 10_000
const SLOTS = 16_384
const START_TRIES = 5

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

const server = ensureDebianProgram('redis-server', 'redis-server')
const client = ensureDebianProgram('redis-cli', 'redis-tools')

/** For the `skip` of tests that need Redis: false when it is here, otherwise why not. */
export const redisMissing: string | false =
  server === null ? missingReason('redis-server') : client === null ? missingReason('redis-cli') : false

/** One Redis server. */
export class RedisServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'turnpike-redis-'))
  readonly #args: readonly string[]
  #child: ChildProcess | null = null

  constructor(port: number, args: readonly string[] = []) {
    this.port = port
    this.#args = args
  }

  get address(): string {
    return `${HOST}:${this.port}`
  }

  /** Starts it, or starts it again on the same port, empty. Resolves when it answers; rejects when it ends before. */
  async start(): Promise<void> {
    const fixed = ['--port', `${this.port}`, '--bind', HOST, '--dir', this.#folder, '--save', '', '--appendonly', 'no']
    // A configuration file has the first place, and says all of it.
    const isFile = this.#args[0]?.endsWith('.conf') === true
    const child = spawn(server ?? 'redis-server', isFile ? [...this.#args] : [...fixed, ...this.#args], { stdio: 'ignore' })
    this.#child = child
    while (this.#cli('ping') !== 'PONG') {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`)
      await sleep(20)
    }
  }

  /** Ends it at once, as a crash does. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const over = once(child, 'exit')
    child.kill('SIGKILL')
    await over
  }

  /** Keeps it from answering while its connections stay open, as a machine that hangs does. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Runs a command; for setting up and looking. */
  command(...words: readonly string[]): string {
    const answer = this.#cli(...words)
    if (answer === null) throw new Error(`${this.address} does not answer`)
    return answer
  }

  #cli(...words: readonly string[]): string | null {
    const { status, stdout } = spawnSync(client ?? 'redis-cli', ['-h', HOST, '-p', `${this.port}`, ...words], {
      encoding: 'utf8',
      timeout: 30_000,
      maxBuffer: 2 ** 29,
    })
    return status === 0 ? stdout.trim() : null
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A server that ends with the test. */
export async function startRedis(t: AfterHook): Promise<RedisServer> {
  return started(t, () => [])
}

/** A cluster of three masters that ends with the test; resolves when all three say that it is whole. */
export async function startRedisCluster(t: AfterHook): Promise<readonly RedisServer[]> {
  const nodes: RedisServer[] = []
  for (let i = 0; i < 3; i++) {
    nodes.push(await started(t, (port) => ['--cluster-enabled', 'yes', '--cluster-port', `${port + BUS_OFFSET}`]))
  }
  const [first] = nodes
  const share = Math.ceil(SLOTS / nodes.length)
  nodes.forEach((node, i) => {
    node.command('cluster', 'addslotsrange', `${i * share}`, `${Math.min(SLOTS, (i + 1) * share) - 1}`)
    node.command('cluster', 'set-config-epoch', `${i + 1}`)
    if (first !== undefined && node !== first) node.command('cluster', 'meet', HOST, `${first.port}`, `${first.port + BUS_OFFSET}`)
  })
  while (!nodes.every((node) => isWhole(node, nodes.length))) await sleep(50)
  return nodes
}

/** What {@link startRedisSentinels} started. */
export interface WatchedRedis {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinels: readonly RedisServer[]
  /** The name of the master. */
  readonly name: string
}

/** A master with a replica and three sentinels that watch them; resolves when every sentinel knows all of it. */
export async function startRedisSentinels(t: AfterHook): Promise<WatchedRedis> {
  const name = 'watched'
  const master = await started(t, () => [])
  const replica = await started(t, () => ['--replicaof', HOST, `${master.port}`, '--repl-diskless-sync-delay', '0'])
  const sentinels: RedisServer[] = []
  for (let i = 0; i < 3; i++) sentinels.push(await startedSentinel(t))
  for (const sentinel of sentinels) {
    sentinel.command('sentinel', 'monitor', name, HOST, `${master.port}`, '2')
    sentinel.command('sentinel', 'set', name, 'down-after-milliseconds', '500')
    sentinel.command('sentinel', 'set', name, 'failover-timeout', '3000')
  }
  const knows = (sentinel: RedisServer): boolean => {
    const info = sentinel.command('sentinel', 'master', name)
    return /num-slaves\n1\n/.test(info) && /num-other-sentinels\n2\n/.test(info)
  }
  while (!sentinels.every(knows)) await sleep(100)
  return { master, replica, sentinels, name }
}

async function startedSentinel(t: AfterHook): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-sentinel-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return started(t, (port) => {
    // A sentinel writes what it learns into its configuration, which has to be a file.
    const file = join(folder, `${port}.conf`)
    writeFileSync(file, `port ${port}\nbind ${HOST}\ndir ${folder}\n`)
    return [file, '--sentinel']
  })
}

function isWhole(node: RedisServer, size: number): boolean {
  const info = node.command('cluster', 'info')
  return /cluster_state:ok/.test(info) && info.includes(`cluster_known_nodes:${size}`)
}

async function started(t: AfterHook, argsFor: (port: number) => readonly string[]): Promise<RedisServer> {
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    const redis = new RedisServer(port, argsFor(port))
    try {
      await redis.start()
      t.after(() => redis.remove())
      return redis
    } catch (error) {
      await redis.remove()
      // Somebody else took the port in between.
      if (tries === START_TRIES) throw error
    }
  }
}

/** Low enough for the cluster's second port to be a port too. */
async function freePort(): Promise<number> {
  for (;;) {
    const probe = createServer()
    probe.listen(0, HOST)
    await once(probe, 'listening')
    const address = probe.address()
    probe.close()
    await once(probe, 'close')
    if (address !== null && typeof address === 'object' && address.port + BUS_OFFSET < 65_536) return address.port
  }
}
