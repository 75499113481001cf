/** Services in a real Consul, as its watch tells them. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ConsulRule, DiscoveredTarget } from '../../src/core/discovery.ts'
import { watchConsul } from '../../src/discovery/consul/watch.ts'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { type ConsulAgent, consulMissing, startConsul } from '../services/consul.ts'

const OPTIONS = { skip: consulMissing, timeout: 60_000 }

/** What a watch tells, each as text: `10.0.0.2:80*1 …` for targets, `degraded: …`, `answers`. */
class Watching {
  readonly told: string[] = []
  #seen = 0
  #waiting: (() => void)[] = []

  constructor(t: TestContext, consul: ConsulAgent, rule: Partial<ConsulRule> = {}) {
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const none = { add: () => {}, set: () => {}, observe: () => {} }
    const metrics = { counter: () => none, gauge: () => none, histogram: () => none }
    const watch = watchConsul(
      {
        kind: 'consul',
        service: 'orders',
        tags: [],
        datacenter: null,
        url: consul.url,
        token: null,
        tls: consul.clientTls(),
        waitMs: 300_000,
        ...rule,
      },
      { log, metrics, env: {} },
      {
        onTargets: (targets) => this.#tell(textOf(targets)),
        onDegraded: (reason) => this.#tell(reason === null ? 'answers' : `degraded: ${reason}`),
      },
    )
    t.after(() => watch.close())
  }

  /** The next of what is told that matches; what comes before it is passed over, unless it is one of `never`. */
  async next(wanted: RegExp, never: RegExp = /^$/): Promise<void> {
    for (;;) {
      const told = this.told[this.#seen]
      if (told === undefined) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
        continue
      }
      this.#seen++
      if (wanted.test(told)) return
      assert.doesNotMatch(told, never)
    }
  }

  #tell(text: string): void {
    this.told.push(text)
    for (const look of this.#waiting.splice(0)) look()
  }
}

function textOf(targets: readonly DiscoveredTarget[]): string {
  return targets.length === 0 ? 'none' : targets.map(({ host, port, weight }) => `${host}:${port}*${weight}`).join(' ')
}

test('instances come and go as they are registered, and as their checks say', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  const watching = new Watching(t, consul)
  await watching.next(/^none$/)
  await consul.register({ id: 'a', service: 'orders', port: 1001 })
  await watching.next(/^127\.0\.0\.1:1001\*1$/)
  await consul.register({ id: 'b', service: 'orders', address: '10.0.0.2', port: 1002, weight: 5 })
  await watching.next(/^10\.0\.0\.2:1002\*5 127\.0\.0\.1:1001\*1$/)
  // Of no concern.
  await consul.register({ id: 'c', service: 'users', port: 1003 })
  await consul.fail('a')
  await watching.next(/^10\.0\.0\.2:1002\*5$/)
  await consul.pass('a')
  await watching.next(/^10\.0\.0\.2:1002\*5 127\.0\.0\.1:1001\*1$/)
  await consul.deregister('b')
  await watching.next(/^127\.0\.0\.1:1001\*1$/)
  await consul.fail('a')
  await watching.next(/^none$/)
  assert.ok(!watching.told.some((told) => told.startsWith('degraded')))
})

test('instances must have all tags; another datacenter is asked through the agent', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  await consul.register({ id: 'a', service: 'orders', port: 1001, tags: ['v1', 'blue'] })
  await consul.register({ id: 'b', service: 'orders', port: 1002, tags: ['v1'] })
  await new Watching(t, consul, { tags: ['v1', 'blue'] }).next(/^127\.0\.0\.1:1001\*1$/)
  await new Watching(t, consul, { tags: ['v1'], datacenter: 'dc1' }).next(/^127\.0\.0\.1:1001\*1 127\.0\.0\.1:1002\*1$/)
  await new Watching(t, consul, { datacenter: 'elsewhere' }).next(/^degraded: .* answered 500: No path to datacenter$/)
})

test('a Consul that is stopped and comes back empty costs no target', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  await consul.register({ id: 'a', service: 'orders', port: 1001 })
  const watching = new Watching(t, consul)
  await watching.next(/^127\.0\.0\.1:1001\*1$/)
  await consul.stop()
  await watching.next(/^degraded: .* refused the connection$/, /^none$/)
  await consul.start()
  await watching.next(/^degraded: .* was away or has lost data/, /^none$/)
  await consul.register({ id: 'a', service: 'orders', port: 1001 })
  await watching.next(/^answers$/, /^none$/)
  await consul.register({ id: 'b', service: 'orders', port: 1002 })
  await watching.next(/^127\.0\.0\.1:1001\*1 127\.0\.0\.1:1002\*1$/, /^none$/)
})

test('a Consul that is restarted with its data costs no target, while it has no leader neither', OPTIONS, async (t) => {
  const consul = await startConsul(t, { keepsData: true })
  await consul.register({ id: 'a', service: 'orders', port: 1001 })
  const watching = new Watching(t, consul)
  await watching.next(/^127\.0\.0\.1:1001\*1$/)
  await consul.stop()
  await watching.next(/^degraded: .* refused the connection$/, /^none$/)
  await consul.start()
  // Its check does not pass before the service has told again that it is well.
  await watching.next(/^degraded: .* was away or has lost data, and does not know 1 of 1 targets/, /^none$/)
  await consul.pass('a')
  await watching.next(/^answers$/, /^none$/)
  await consul.register({ id: 'b', service: 'orders', port: 1002 })
  await watching.next(/^127\.0\.0\.1:1001\*1 127\.0\.0\.1:1002\*1$/, /^none$/)
})

test('a token with the rights to read sees the instances; one that is not known is refused', OPTIONS, async (t) => {
  const managementToken = '11111111-2222-3333-4444-555555555555'
  const consul = await startConsul(t, { managementToken })
  await consul.register({ id: 'a', service: 'orders', port: 1001 })
  const token = await consul.makeToken('service "orders" { policy = "read" } node_prefix "" { policy = "read" }')
  await new Watching(t, consul, { token }).next(/^127\.0\.0\.1:1001\*1$/)
  const unknown = '99999999-2222-3333-4444-555555555555'
  await new Watching(t, consul, { token: unknown }).next(
    /^degraded: .* answered 403: ACL not found; the token needs service:read for orders/,
  )
})

test('over TLS both sides show certificates', { ...OPTIONS, skip: consulMissing || certificatesMissing }, async (t) => {
  const authority = new Authority()
  const consul = await startConsul(t, { authority })
  await consul.register({ id: 'a', service: 'orders', port: 1001 })
  const tls = consul.clientTls()
  await new Watching(t, consul).next(/^127\.0\.0\.1:1001\*1$/)
  await new Watching(t, consul, { tls: { ...tls, serverName: 'localhost' } }).next(/^127\.0\.0\.1:1001\*1$/)
  await new Watching(t, consul, { tls: { ...tls, serverName: 'elsewhere' } }).next(/^degraded: .* cannot be asked: .*altnames.*elsewhere/i)
  await new Watching(t, consul, { tls: { ...tls, ca: new Authority('another').cert } }).next(/^degraded: .* cannot be asked: /)
  await new Watching(t, consul, { tls: { ...tls, cert: null, key: null } }).next(/^degraded: .* cannot be asked: .*certificate/i)
  await new Watching(t, consul, { tls: { ...tls, ca: 'no PEM', cert: 'no PEM' } }).next(/^degraded: .* cannot be asked: /)
})
