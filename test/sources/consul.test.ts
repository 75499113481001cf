/** A configuration in a real Consul: keys that change, tokens, TLS with files that are replaced, and a Consul that forgets all. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Backoff } from '../../src/discovery/backoff.ts'
import { openConsul } from '../../src/sources/consul/source.ts'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { type ConsulAgent, consulMissing, startConsul } from '../services/consul.ts'

const OPTIONS = { skip: consulMissing, timeout: 60_000 }
const QUICK = { settleMs: 1, backoff: new Backoff({ minMs: 10, maxMs: 100 }) }

function addressOf(consul: ConsulAgent, path: string): string {
  return `${consul.url.replace('http', 'consul')}/${path}`
}

/** What a watch told, each as text: `a=1 b=2` for keys, `degraded: …`, `answers`. */
class Watching {
  readonly told: string[] = []
  #seen = 0
  #waiting: (() => void)[] = []

  constructor(t: TestContext, address: string, env: Readonly<Record<string, string>> = {}, times = QUICK) {
    const source = openConsul(address, { env }, times)
    const watch = source.watch({
      onFragments: (fragments) =>
        this.#tell(fragments.map(({ name, text }) => `${name.slice(name.lastIndexOf('/') + 1)}=${text}`).join(' ')),
      onDegraded: (reason) => this.#tell(reason === null ? 'answers' : `degraded: ${reason}`),
    })
    t.after(() => watch.close())
  }

  /** The next of what is told that matches. */
  async next(wanted: RegExp): Promise<void> {
    for (;;) {
      const told = this.told[this.#seen]
      if (told === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve))
      else {
        this.#seen++
        if (wanted.test(told)) return
      }
    }
  }

  #tell(text: string): void {
    this.told.push(text)
    for (const look of this.#waiting.splice(0)) look()
  }
}

test('keys below a prefix are written, changed and removed; keys beside it are none', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  await consul.putKey('gateway', 'beside')
  await consul.putKey('gateway2/a', 'beside')
  const watching = new Watching(t, addressOf(consul, 'gateway/'))
  await watching.next(/^$/)
  await consul.putKey('gateway/a', '1')
  await watching.next(/^a=1$/)
  await consul.putKey('gateway/b/c', '2')
  await watching.next(/^a=1 c=2$/)
  await consul.putKey('gateway/a', 'ü')
  await watching.next(/^a=ü c=2$/)
  await consul.deleteKey('gateway/a')
  await watching.next(/^c=2$/)
  await consul.deleteKey('gateway/')
  await watching.next(/^$/)
})

test('one key is one document', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  const watching = new Watching(t, addressOf(consul, 'gate%20way/main'))
  await watching.next(/^$/)
  await consul.putKey('gate%20way/main', '1')
  await watching.next(/^main=1$/)
  await consul.putKey('gate%20way/main2', 'beside')
  await consul.putKey('gate%20way/main', '2')
  await watching.next(/^main=2$/)
  assert.deepEqual(watching.told, ['', 'main=1', 'main=2'])
})

test('keys that are written one after the other are told together', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  const watching = new Watching(t, addressOf(consul, 'g/'), {}, { ...QUICK, settleMs: 2_000 })
  await watching.next(/^$/)
  for (const key of ['a', 'b', 'c', 'd']) await consul.putKey(`g/${key}`, '1')
  await watching.next(/./)
  assert.deepEqual(watching.told, ['', 'a=1 b=1 c=1 d=1'])
})

test('a Consul that is stopped and comes back empty tells so, and what is written then', OPTIONS, async (t) => {
  const consul = await startConsul(t)
  await consul.putKey('g/a', '1')
  const watching = new Watching(t, addressOf(consul, 'g/'))
  await watching.next(/^a=1$/)
  await consul.stop()
  await watching.next(/^degraded: .* refused the connection$/)
  await consul.start()
  await watching.next(/^answers$/)
  await watching.next(/^$/)
  await consul.putKey('g/a', '2')
  await watching.next(/^a=2$/)
})

test('a token needs key:read', OPTIONS, async (t) => {
  const managementToken = '11111111-2222-3333-4444-555555555555'
  const consul = await startConsul(t, { managementToken })
  await consul.putKey('g/a', '1')
  const good = await consul.makeToken('key_prefix "g/" { policy = "read" }')
  const read = (token: string) => openConsul(addressOf(consul, 'g/a'), { env: { CONSUL_HTTP_TOKEN: token } }).read()
  assert.equal((await read(good))[0]?.text, '1')
  await assert.rejects(
    read(await consul.makeToken('key_prefix "other/" { policy = "read" }')),
    /answered 403: .*the token needs key:read for g\/a$/,
  )
  await assert.rejects(read('99999999-2222-3333-4444-555555555555'), /answered 403: ACL not found; the token needs key:read for g\/a$/)
  await assert.rejects(read(''), /answered 403/)
})

test('over TLS certificates come from files, which are read again after a failure', {
  ...OPTIONS,
  skip: consulMissing || certificatesMissing,
}, async (t) => {
  const consul = await startConsul(t, { authority: new Authority() })
  await consul.putKey('g', '1')
  const { ca, cert, key } = consul.clientTls()
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-consul-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const write = (name: string, text: string | null): string => {
    writeFileSync(join(folder, name), text ?? '')
    return join(folder, name)
  }
  const query = `ca=${write('ca', new Authority('another').cert)}&cert=${write('cert', cert)}&key=${write('key', key)}`
  const watching = new Watching(t, `${addressOf(consul, 'g')}?${query}`)
  await watching.next(/^degraded: .*certificate/)
  write('ca', ca)
  await watching.next(/^g=1$/)
  assert.equal((await openConsul(`${addressOf(consul, 'g')}?${query}`, { env: {} }).read())[0]?.text, '1')
})
