/** Discovery in the DNS with a real server: dnsmasq. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/core/clock.ts'
import type { DiscoveredTarget, DnsRule } from '../../src/core/discovery.ts'
import { Places } from '../../src/discovery/dns/places.ts'
import { askServer } from '../../src/discovery/dns/query.ts'
import { DnsResolver } from '../../src/discovery/dns/resolver.ts'
import { discover } from '../../src/discovery/index.ts'
import { MetricsRegistry } from '../../src/telemetry/metrics.ts'
import { ensureDebianProgram, missingReason } from './debian.ts'

const HOST = '127.0.0.1'
const program = ensureDebianProgram('dnsmasq', 'dnsmasq-base')
const OPTIONS = { skip: program === null && missingReason('dnsmasq'), timeout: 60_000 }
const START_TRIES = 5
const NEVER = new AbortController().signal

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST)
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

/** A server of names in a file of hosts, with what else its command line says. */
class Dnsmasq {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'turnpike-dnsmasq-'))
  readonly #args: readonly string[]
  #child: ChildProcess | null = null

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.#args = args
  }

  /** One that ends with the test. */
  static async start(t: TestContext, hosts: string, ...args: string[]): Promise<Dnsmasq> {
    for (let tries = 1; ; tries++) {
      const server = new Dnsmasq(await freePort(), args)
      t.after(() => server.#remove())
      server.#write(hosts)
      try {
        await server.start()
        return server
      } catch (error) {
        // Somebody else took the port in between, or has it for TCP.
        if (tries === START_TRIES) throw error
      }
    }
  }

  async start(): Promise<void> {
    const own = ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--local=/test/', '--local-ttl=1', '--user=']
    const where = [`--port=${this.port}`, `--listen-address=${HOST}`, '--bind-interfaces', `--pid-file=${join(this.#folder, 'pid')}`]
    const child = spawn(program ?? 'dnsmasq', [...own, ...where, `--addn-hosts=${this.#hostsFile}`, ...this.#args], { stdio: 'ignore' })
    this.#child = child
    for (;;) {
      assert.equal(child.exitCode, null, 'dnsmasq ended')
      try {
        await askServer({ host: HOST, port: this.port }, { name: 'a.test', type: 'A' }, 200, NEVER)
        return
      } catch {
        await sleep(20)
      }
    }
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const over = once(child, 'exit')
    child.kill('SIGKILL')
    await over
  }

  setHosts(hosts: string): void {
    this.#write(hosts)
    this.#child?.kill('SIGHUP')
  }

  async #remove(): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true })
  }

  get #hostsFile(): string {
    return join(this.#folder, 'hosts')
  }

  #write(hosts: string): void {
    writeFileSync(this.#hostsFile, hosts)
  }
}

function resolverOver({ port }: Dnsmasq): DnsResolver {
  return new DnsResolver({
    clock: systemClock,
    metrics: new MetricsRegistry(),
    places: new Places(8),
    servers: () => [{ host: HOST, port }],
  })
}

test('dnsmasq: addresses, aliases, what is not there, and answers that need TCP', OPTIONS, async (t) => {
  const many = Array.from({ length: 200 }, (_, i) => `10.1.0.${i} big.test\n`).join('')
  const server = await Dnsmasq.start(t, `10.0.0.1 a.test\nfd00::1 a.test\n${many}`, '--cname=alias.test,a.test')
  const { resolve } = resolverOver(server)
  const ask = async (name: string, type: 'A' | 'AAAA') => (await resolve({ name, type }, NEVER)).answer
  assert.deepEqual(await ask('a.test', 'A'), { kind: 'addresses', addresses: ['10.0.0.1'], ttlMs: 1_000 })
  assert.deepEqual(await ask('A.TEST', 'AAAA'), { kind: 'addresses', addresses: ['fd00::1'], ttlMs: 1_000 })
  assert.deepEqual(await ask('alias.test', 'A'), { kind: 'addresses', addresses: ['10.0.0.1'], ttlMs: 1_000 })
  const nobody = await ask('nobody.test', 'A')
  assert.equal(nobody.kind === 'none' && nobody.why, 'NXDOMAIN')
  const nothing = await ask('big.test', 'AAAA')
  assert.equal(nothing.kind === 'none' && nothing.why, 'NODATA')
  const big = await ask('big.test', 'A')
  assert.equal(big.kind === 'addresses' && big.addresses.length, 200)
})

test('dnsmasq: SRV records are followed while they move, and the last targets stay while the server is away', OPTIONS, async (t) => {
  const records = ['--srv-host=_http._tcp.users.test,a.test,8080,0,3', '--srv-host=_http._tcp.users.test,b.test,9090,0,1']
  const server = await Dnsmasq.start(t, '10.0.0.1 a.test\n10.0.0.2 b.test\n', ...records)
  const rule: DnsRule = { kind: 'dns', name: '_http._tcp.users.test', port: null, record: 'SRV', servers: [`${HOST}:${server.port}`] }
  let targets: readonly DiscoveredTarget[] = []
  let degraded: string | null = null
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  const events = {
    onTargets: (set: readonly DiscoveredTarget[]) => {
      targets = set
    },
    onDegraded: (reason: string | null) => {
      degraded = reason
    },
  }
  const watch = discover(rule, { log: silent, metrics: new MetricsRegistry(), env: {} }, events)
  t.after(() => watch.close())
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await sleep(20)
  }
  const first = { host: '10.0.0.1', port: 8080, weight: 3 }
  await until(() => targets.length === 2)
  assert.deepEqual(targets, [first, { host: '10.0.0.2', port: 9090, weight: 1 }])

  server.setHosts('10.0.0.1 a.test\n10.0.0.3 b.test\n')
  await until(() => targets.some(({ host }) => host === '10.0.0.3'))
  const moved = [first, { host: '10.0.0.3', port: 9090, weight: 1 }]
  assert.deepEqual(targets, moved)

  await server.stop()
  await until(() => degraded !== null)
  assert.deepEqual(targets, moved)
  await server.start()
  await until(() => degraded === null)
  assert.deepEqual(targets, moved)
})
