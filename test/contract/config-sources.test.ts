/** What every source of a configuration keeps to, shown with the real stores. A new source is added to `SOURCES`. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ConfigSource, Fragment } from '../../src/core/config-source.ts'
import { openSource } from '../../src/sources/index.ts'
import { certificatesMissing } from '../services/certificates.ts'
import { consulMissing, startConsul } from '../services/consul.ts'
import { etcdMissing, startEtcd } from '../services/etcd.ts'
import { KubernetesApiServer } from '../services/kubernetes-api.ts'
import { writeKubeconfig } from '../services/kubernetes-cluster.ts'

/** A store that a test may change. Keys are below the prefix that the source reads, and have no slash. */
interface TestStore {
  readonly source: ConfigSource
  put(key: string, text: string): void | Promise<void>
  remove(key: string): void | Promise<void>
  stop(): Promise<void>
  /** With what it had. */
  start(): Promise<void>
  /** Stands in no name and no sentence. */
  readonly secrets: readonly string[]
}

interface SourceUnderTest {
  readonly name: string
  /** False, or why it cannot be tried here. */
  readonly skip: string | false
  open(t: TestContext): Promise<TestStore>
}

const NO_LOG = { info() {}, warn() {}, error() {} }

const SOURCES: readonly SourceUnderTest[] = [
  {
    name: 'etcd',
    skip: etcdMissing,
    async open(t) {
      const etcd = await startEtcd(t)
      return {
        source: await openSource(`etcd://someone:dreadful%2Fsecret@${etcd.address}/gw/`, { env: {}, log: NO_LOG }),
        put: (key, text) => etcd.put(`gw/${key}`, text),
        remove: (key) => etcd.remove(`gw/${key}`),
        stop: () => etcd.stop(),
        start: () => etcd.start(),
        secrets: ['someone', 'dreadful'],
      }
    },
  },
  {
    name: 'Consul',
    skip: consulMissing,
    async open(t) {
      const consul = await startConsul(t, { keepsData: true })
      return {
        source: await openSource(`${consul.url.replace('http', 'consul')}/gw/`, { env: { CONSUL_HTTP_TOKEN: '' }, log: NO_LOG }),
        put: (key, text) => consul.putKey(`gw/${key}`, text),
        remove: (key) => consul.deleteKey(`gw/${key}`),
        stop: () => consul.stop(),
        start: () => consul.start(),
        secrets: [],
      }
    },
  },
  {
    name: 'Kubernetes',
    skip: certificatesMissing,
    async open(t) {
      const server = await KubernetesApiServer.start(t)
      const data = new Map<string, string>()
      const write = (): void => server.store.put('configmaps', 'shop', { metadata: { name: 'gw' }, data: Object.fromEntries(data) })
      return {
        source: await openSource(`kubernetes://shop/gw?kubeconfig=${writeKubeconfig(t, server, 'dreadful')}`, { env: {}, log: NO_LOG }),
        put: (key, text) => {
          data.set(key, text)
          write()
        },
        remove: (key) => {
          data.delete(key)
          write()
        },
        stop: () => server.stop(),
        start: () => server.start(),
        secrets: ['dreadful', 'kubeconfig'],
      }
    },
  },
]

/** Notes what a watch tells. */
class Heard {
  fragments: readonly Fragment[] | null = null
  degraded: string | null = null
  told = 0
  readonly reasons: string[] = []
  #wake = Promise.withResolvers<void>()

  constructor(t: TestContext, source: ConfigSource) {
    const watch = source.watch({
      onFragments: (fragments) => {
        this.fragments = fragments
        this.told++
        this.#tell()
      },
      onDegraded: (reason) => {
        this.degraded = reason
        if (reason !== null) this.reasons.push(reason)
        this.#tell()
      },
    })
    t.after(() => watch.close())
  }

  get texts(): readonly string[] | null {
    return this.fragments?.map(({ text }) => text) ?? null
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await this.#wake.promise
  }

  async untilTexts(...wanted: readonly string[]): Promise<void> {
    await this.until(() => JSON.stringify(this.texts) === JSON.stringify(wanted))
  }

  #tell(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }
}

for (const { name, skip, ...under } of SOURCES) {
  const open = (t: TestContext): Promise<TestStore> => under.open(t)
  test(`${name}: all documents are read, in the order of their names`, { skip }, async (t) => {
    const store = await open(t)
    await store.put('b', 'two: 2')
    await store.put('a', 'one: 1\n# ünïcode')
    const fragments = await store.source.read()
    assert.deepEqual(
      fragments.map(({ text }) => text),
      ['one: 1\n# ünïcode', 'two: 2'],
    )
    assert.deepEqual(
      fragments.map(({ name: at }) => at.startsWith(store.source.name.replace(/\/$/, ''))),
      [true, true],
    )
    for (const secret of store.secrets) assert.ok(!JSON.stringify([store.source.name, fragments]).includes(secret))
  })

  test(`${name}: a watch tells what is there, what is added, changed and taken away, down to nothing`, { skip }, async (t) => {
    const store = await open(t)
    await store.put('a', 'one: 1')
    const heard = new Heard(t, store.source)
    await heard.untilTexts('one: 1')
    await store.put('b', 'two: 2')
    await heard.untilTexts('one: 1', 'two: 2')
    await store.put('a', 'one: 11')
    await heard.untilTexts('one: 11', 'two: 2')
    await store.remove('b')
    await heard.untilTexts('one: 11')
    await store.remove('a')
    await heard.untilTexts()
    assert.equal(heard.degraded, null)
  })

  test(`${name}: a store that is away is told once it is noticed, and what changed is told when it is back`, { skip }, async (t) => {
    const store = await open(t)
    await store.put('a', 'one: 1')
    const heard = new Heard(t, store.source)
    await heard.untilTexts('one: 1')
    await store.stop()
    await heard.until(() => heard.degraded !== null)
    assert.deepEqual(heard.texts, ['one: 1'], 'what was told stays in force')
    await store.start()
    await heard.until(() => heard.degraded === null)
    assert.equal(heard.told, 1, 'what is the same is not told again')
    await store.put('a', 'one: 2')
    await heard.untilTexts('one: 2')
    for (const secret of store.secrets) assert.ok(!heard.reasons.join('\n').includes(secret))
  })

  test(`${name}: a read of a store that is away fails with a sentence`, { skip }, async (t) => {
    const store = await open(t)
    await store.stop()
    await assert.rejects(store.source.read(), (error: Error) => {
      for (const secret of store.secrets) assert.ok(!error.message.includes(secret))
      return /refused the connection|cannot be|closed the connection/.test(error.message)
    })
  })
}
