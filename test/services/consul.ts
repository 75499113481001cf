/** A real Consul for tests: one agent that is client and server in one, a process of its own on free ports. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RegistryTls } from '../../src/core/discovery.ts'
import { RegistryClient } from '../../src/discovery/registry-client.ts'
import type { Authority } from './certificates.ts'
import { unpackDebianProgram } from './debian-archive.ts'

const HOST = '127.0.0.1'
const START_TRIES = 5

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

// The last release of Debian that has Consul.
const program = unpackDebianProgram('consul', 'bullseye', 'usr/bin/consul')

/** For the `skip` of tests that need Consul: false when it is here, otherwise why not. */
export const consulMissing: string | false = 'missing' in program ? program.missing : false

export interface ConsulOptions {
  /** Whether it still has what it had when it is started again. */
  readonly keepsData?: boolean
  /** Refuses who has no token; this one may do all. */
  readonly managementToken?: string
  /** Answers over TLS alone, to clients with a certificate of this authority. */
  readonly authority?: Authority
}

export interface ConsulInstance {
  readonly id: string
  readonly service: string
  readonly port: number
  /** Default: 127.0.0.1. */
  readonly address?: string
  readonly tags?: readonly string[]
  readonly weight?: number
}

interface Ports {
  readonly http: number
  readonly serf: number
  readonly server: number
}

export class ConsulAgent {
  readonly #ports: Ports
  readonly #options: ConsulOptions
  readonly #folder = mkdtempSync(join(tmpdir(), 'turnpike-consul-'))
  readonly #client: RegistryClient
  #child: ChildProcess | null = null

  constructor(ports: Ports, options: ConsulOptions) {
    this.#ports = ports
    this.#options = options
    this.#client = new RegistryClient(this.url, this.clientTls())
  }

  /** With what a client gets in. */
  clientTls(): RegistryTls {
    const { authority } = this.#options
    if (authority === undefined) return { ca: null, cert: null, key: null, serverName: null }
    return { ca: authority.cert, ...authority.forClient('turnpike'), serverName: null }
  }

  get url(): string {
    return `${this.#options.authority === undefined ? 'http' : 'https'}://${HOST}:${this.#ports.http}`
  }

  /** Starts it, or starts it again on the same ports: empty, unless it keeps its data. Resolves when it has a leader; rejects when it ends before. */
  async start(): Promise<void> {
    const { serf, server } = this.#ports
    const mode = this.#options.keepsData === true ? ['-server', '-bootstrap-expect=1', '-data-dir', join(this.#folder, 'data')] : ['-dev']
    const fixed = ['agent', ...mode, '-bind', HOST, '-client', HOST, '-node', 'test', '-disable-host-node-id', '-log-level', 'err']
    const ports = ['-dns-port=-1', '-grpc-port=-1', '-serf-wan-port=-1', `-serf-lan-port=${serf}`, `-server-port=${server}`]
    const child = spawn('path' in program ? program.path : 'consul', [...fixed, ...ports, '-config-file', this.#writeConfig()], {
      stdio: 'ignore',
    })
    this.#child = child
    // The node's own check passes a little after there is a leader; before that, services on it do not pass either.
    while (!(await this.#isUp())) {
      if (child.exitCode !== null) throw new Error(`consul ended with ${child.exitCode}`)
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

  /** With a check of its own, which passes until {@link fail}. */
  async register({ id, service, port, address = HOST, tags = [], weight = 1 }: ConsulInstance): Promise<void> {
    await this.#put('/v1/agent/service/register', {
      ID: id,
      Name: service,
      Address: address,
      Port: port,
      Tags: tags,
      Weights: { Passing: weight, Warning: 1 },
      Check: { TTL: '1h', Status: 'passing' },
    })
  }

  async deregister(id: string): Promise<void> {
    await this.#put(`/v1/agent/service/deregister/${id}`)
  }

  async pass(id: string): Promise<void> {
    await this.#put(`/v1/agent/check/pass/service:${id}`)
  }

  async fail(id: string): Promise<void> {
    await this.#put(`/v1/agent/check/fail/service:${id}`)
  }

  async putKey(key: string, value: string): Promise<void> {
    await this.#put(`/v1/kv/${key}`, value)
  }

  /** @param key one key, or all below it when it ends in `/` */
  async deleteKey(key: string): Promise<void> {
    await this.#ask('DELETE', `/v1/kv/${key}${key.endsWith('/') ? '?recurse=1' : ''}`)
  }

  /** Makes a token with these rules and gives it. */
  async makeToken(rules: string): Promise<string> {
    const name = `test-${Math.random().toString(36).slice(2)}`
    await this.#put('/v1/acl/policy', { Name: name, Rules: rules })
    const token: unknown = JSON.parse(await this.#put('/v1/acl/token', { Policies: [{ Name: name }] }))
    if (typeof token !== 'object' || token === null || !('SecretID' in token) || typeof token.SecretID !== 'string')
      throw new Error('Consul gave no token')
    return token.SecretID
  }

  async remove(): Promise<void> {
    await this.stop()
    this.#client.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #isUp(): Promise<boolean> {
    try {
      return (await this.#ask('GET', '/v1/health/state/passing')).includes('serfHealth')
    } catch {
      return false
    }
  }

  #writeConfig(): string {
    const { authority, managementToken } = this.#options
    const { http } = this.#ports
    const config: Record<string, unknown> = {
      ports: authority === undefined ? { http } : { http: -1, https: http },
      // A leader is found in about a second.
      performance: { raft_multiplier: 1 },
    }
    if (managementToken !== undefined)
      config['acl'] = { enabled: true, default_policy: 'deny', tokens: { master: managementToken, agent: managementToken } }
    if (authority !== undefined) {
      const { cert, key } = authority.forServer()
      const files = { ca_file: authority.cert, cert_file: cert, key_file: key }
      for (const [name, text] of Object.entries(files)) {
        config[name] = join(this.#folder, `${name}.pem`)
        writeFileSync(join(this.#folder, `${name}.pem`), text)
      }
      config['verify_incoming_https'] = true
    }
    const file = join(this.#folder, 'agent.json')
    writeFileSync(file, JSON.stringify(config))
    return file
  }

  #put(path: string, body: unknown = ''): Promise<string> {
    return this.#ask('PUT', path, typeof body === 'string' ? body : JSON.stringify(body))
  }

  /** Rejects when it is refused. */
  async #ask(method: string, path: string, body?: string): Promise<string> {
    const { managementToken } = this.#options
    const headers = managementToken === undefined ? {} : { 'x-consul-token': managementToken }
    const { status, text } = await this.#client.request(method, path, headers, { timeoutMs: 10_000, ...(body !== undefined && { body }) })
    if (status !== 200) throw new Error(`Consul answered ${method} ${path} with ${status}: ${text}`)
    return text
  }
}

/** An agent that ends with the test. */
export async function startConsul(t: AfterHook, options: ConsulOptions = {}): Promise<ConsulAgent> {
  for (let tries = 1; ; tries++) {
    const consul = new ConsulAgent({ http: await freePort(), serf: await freePort(), server: await freePort() }, options)
    try {
      await consul.start()
      t.after(() => consul.remove())
      return consul
    } catch (error) {
      await consul.remove()
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
