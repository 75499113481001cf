/** Real etcd servers for tests. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Certificate } from './certificates.ts'
import { ensureDebianProgram, missingReason } from './debian.ts'

interface AfterHook {
  after(callback: () => Promise<void>): void
}

const HOST = '127.0.0.1'
const START_TRIES = 5
const server = ensureDebianProgram('etcd', 'etcd-server')
const client = ensureDebianProgram('etcdctl', 'etcd-client')

/** For the `skip` of tests that need etcd: false when it is here, otherwise why not. */
export const etcdMissing: string | false = server === null ? missingReason('etcd') : client === null ? missingReason('etcdctl') : false

export interface EtcdTls {
  /** PEM of the authority that signed the server's certificate and those of clients. */
  readonly ca: string
  readonly server: Certificate
  readonly client: Certificate
}

/** One etcd server, a cluster of its own. */
export class EtcdServer {
  readonly port: number
  readonly #peerPort: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'turnpike-etcd-'))
  readonly #tls: EtcdTls | null
  #child: ChildProcess | null = null
  #user: string | null = null

  constructor(port: number, peerPort: number, tls: EtcdTls | null) {
    this.port = port
    this.#peerPort = peerPort
    this.#tls = tls
    if (tls === null) return
    writeFileSync(this.file('ca.pem'), tls.ca)
    for (const name of ['server', 'client'] as const) {
      writeFileSync(this.file(`${name}.pem`), tls[name].cert)
      writeFileSync(this.file(`${name}-key.pem`), tls[name].key)
    }
  }

  get address(): string {
    return `${HOST}:${this.port}`
  }

  /** The path of a file in its folder. */
  file(name: string): string {
    return join(this.#folder, name)
  }

  /** Starts it, or starts it again on the same port with what it had. Resolves when it answers; rejects when it ends before. */
  async start(): Promise<void> {
    const url = `${this.#tls === null ? 'http' : 'https'}://${this.address}`
    const peer = `http://${HOST}:${this.#peerPort}`
    const tls = ['--cert-file', this.file('server.pem'), '--key-file', this.file('server-key.pem')]
    const clients = ['--client-cert-auth', '--trusted-ca-file', this.file('ca.pem')]
    const fixed = ['--data-dir', this.file('data'), '--name', 'one', '--logger', 'zap', '--log-level', 'error']
    const clientUrls = ['--listen-client-urls', url, '--advertise-client-urls', url]
    const peerUrls = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `one=${peer}`]
    const secure = this.#tls === null ? [] : [...tls, ...clients]
    const child = spawn(server ?? 'etcd', [...fixed, ...clientUrls, ...peerUrls, ...secure], { stdio: 'ignore' })
    this.#child = child
    while (this.#run(['endpoint', 'health']).status !== 0) {
      if (child.exitCode !== null) throw new Error(`etcd ended with ${child.exitCode}`)
      await sleep(50)
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

  /** Takes away all that it has kept; while it is stopped. */
  wipe(): void {
    rmSync(this.file('data'), { recursive: true, force: true })
  }

  put(key: string, value: string): void {
    this.command('put', key, '--', value)
  }

  /** Takes away a key, or all that begin with it when it ends with a slash. */
  remove(key: string): void {
    this.command('del', key, ...(key.endsWith('/') ? ['--prefix'] : []))
  }

  /** Takes away all history up to now. */
  compact(): void {
    const status: unknown = JSON.parse(this.command('endpoint', 'status', '--write-out', 'json'))
    const revision = /"revision":(\d+)/.exec(JSON.stringify(status))?.[1]
    this.command('compact', '--physical', String(revision))
  }

  /** Lets in only `root`, and a user who may read what begins with a prefix. */
  demandPasswords(user: string, password: string, prefix: string): void {
    this.command('user', 'add', 'root:root-password')
    this.command('user', 'grant-role', 'root', 'root')
    this.command('role', 'add', 'reader')
    this.command('role', 'grant-permission', 'reader', '--prefix=true', 'read', prefix)
    this.command('user', 'add', `${user}:${password}`)
    this.command('user', 'grant-role', user, 'reader')
    this.command('auth', 'enable')
    this.#user = 'root:root-password'
  }

  /** Runs etcdctl; for setting up and looking. */
  command(...words: readonly string[]): string {
    const { status, stdout, stderr } = this.#run(words)
    if (status !== 0) throw new Error(`etcdctl ${words[0]}: ${stderr}`)
    return stdout
  }

  #run(words: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    const tls = ['--cacert', this.file('ca.pem'), '--cert', this.file('client.pem'), '--key', this.file('client-key.pem')]
    const url = `${this.#tls === null ? 'http' : 'https'}://${this.address}`
    const fixed = ['--endpoints', url, '--command-timeout', '10s', '--dial-timeout', '2s']
    const user = this.#user === null ? [] : ['--user', this.#user]
    return spawnSync(client ?? 'etcdctl', [...fixed, ...user, ...(this.#tls === null ? [] : tls), ...words], {
      encoding: 'utf8',
      timeout: 30_000,
      env: { ...process.env, ETCDCTL_API: '3' },
    })
  }

  async close(): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A server that ends with the test. */
export async function startEtcd(t: AfterHook, tls: EtcdTls | null = null): Promise<EtcdServer> {
  for (let tries = 1; ; tries++) {
    const etcd = new EtcdServer(await freePort(), await freePort(), tls)
    try {
      await etcd.start()
      t.after(() => etcd.close())
      return etcd
    } catch (error) {
      await etcd.close()
      // Somebody else took a port in between.
      if (tries === START_TRIES) throw error
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, HOST)
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return address !== null && typeof address === 'object' ? address.port : 0
}
