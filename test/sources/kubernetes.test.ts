/** A ConfigMap as the source of a configuration, in every cluster that there is. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fragment, SourceWatch } from '../../src/core/config-source.ts'
import { openKubernetes } from '../../src/sources/kubernetes/source.ts'
import { certificatesMissing } from '../services/certificates.ts'
import { KubernetesApiServer } from '../services/kubernetes-api.ts'
import { CLUSTERS, writeKubeconfig } from '../services/kubernetes-cluster.ts'
import type { NewObject } from '../services/kubernetes-store.ts'

const OPTIONS = { skip: certificatesMissing, timeout: 60_000 }
const CONTEXT = { env: {}, log: { info() {}, warn() {}, error() {} } }

const configMap = (data: Readonly<Record<string, string>>, name = 'gateway'): NewObject => ({ metadata: { name }, data })

/** What the watch of a source has told. */
class Told {
  /** Texts by the ends of their names; null before the first answer. */
  fragments: Readonly<Record<string, string>> | null = null
  /** How often. */
  count = 0
  degraded: string | null = null
  watch: SourceWatch | null = null
  #wake = Promise.withResolvers<void>()

  onFragments(fragments: readonly Fragment[]): void {
    this.fragments = Object.fromEntries(fragments.map(({ name, text }) => [name.replace(/^.*\//, ''), text]))
    this.count++
    this.#wake.resolve()
  }

  onDegraded(reason: string | null): void {
    this.degraded = reason
    this.#wake.resolve()
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      this.#wake = Promise.withResolvers()
      await this.#wake.promise
    }
  }
}

function watchConfigMap(t: TestContext, namespace: string, kubeconfig: string): Told {
  const told = new Told()
  told.watch = openKubernetes(`kubernetes://${namespace}/gateway?kubeconfig=${kubeconfig}`, CONTEXT).watch(told)
  t.after(() => told.watch?.close())
  return told
}

for (const { name, open } of CLUSTERS) {
  test(`${name}: the keys of a ConfigMap are documents, read once and followed`, OPTIONS, async (t) => {
    const cluster = await open(t)
    const kubeconfig = 'file' in cluster.api ? cluster.api.file : ''
    const source = openKubernetes(`kubernetes://${cluster.namespace}/gateway?kubeconfig=${kubeconfig}`, CONTEXT)
    assert.equal(source.name, `kubernetes://${cluster.namespace}/gateway`)
    assert.deepEqual(await source.read(), [])
    await cluster.apply('configmaps', configMap({ 'a.yaml': 'not: ours' }, 'gateway-of-others'))
    await cluster.apply('configmaps', configMap({ 'routes.yaml': 'routes: {}\n', 'a.yaml': '' }))
    assert.deepEqual(await source.read(), [
      { name: `kubernetes://${cluster.namespace}/gateway/a.yaml`, text: '' },
      { name: `kubernetes://${cluster.namespace}/gateway/routes.yaml`, text: 'routes: {}\n' },
    ])
    const told = watchConfigMap(t, cluster.namespace, kubeconfig)
    await told.until(() => told.fragments !== null)
    assert.deepEqual(told.fragments, { 'a.yaml': '', 'routes.yaml': 'routes: {}\n' })
    await cluster.apply('configmaps', configMap({ 'b.yaml': 'workers: 1' }))
    await told.until(() => told.fragments?.['b.yaml'] === 'workers: 1')
    assert.deepEqual(told.fragments, { 'b.yaml': 'workers: 1' })
    await cluster.remove('configmaps', 'gateway')
    await told.until(() => told.count === 3)
    assert.deepEqual(told.fragments, {})
  })
}

test('an API that goes is told, and what changed meanwhile follows', OPTIONS, async (t) => {
  const server = await KubernetesApiServer.start(t)
  server.store.put('configmaps', 'shop', configMap({ a: 'one' }))
  const told = watchConfigMap(t, 'shop', writeKubeconfig(t, server))
  await told.until(() => told.fragments !== null)
  await server.stop()
  await told.until(() => told.degraded !== null)
  assert.match(told.degraded ?? '', /^127\.0\.0\.1:\d+ (refused|closed) the connection$/)
  assert.deepEqual(told.fragments, { a: 'one' })
  server.store.put('configmaps', 'shop', configMap({ a: 'two' }))
  await server.start()
  told.watch?.refresh()
  await told.until(() => told.fragments?.['a'] === 'two')
  await told.until(() => told.degraded === null)
  assert.equal(told.count, 2)
})

test('the right to list and watch this one object is enough, and without it the source says what is missing', OPTIONS, async (t) => {
  const server = await KubernetesApiServer.start(t)
  server.store.put('configmaps', 'shop', configMap({ a: 'one' }))
  server.rights.set('gateway', new Set(['list configmaps', 'watch configmaps']))
  const kubeconfig = writeKubeconfig(t, server)
  const told = watchConfigMap(t, 'shop', kubeconfig)
  await told.until(() => told.fragments !== null)
  assert.ok(server.requests.every(({ query }) => query.get('fieldSelector') === 'metadata.name=gateway'))
  server.rights.set('gateway', new Set())
  await assert.rejects(openKubernetes(`kubernetes://shop/gateway?kubeconfig=${kubeconfig}`, CONTEXT).read(), {
    message: /answered 403: configmaps is forbidden: User "gateway" cannot list/,
  })
})

for (const address of [
  'kubernetes://shop',
  'kubernetes://shop/a/b',
  'kubernetes://shop:1/a',
  'kubernetes://me@shop/a',
  'kubernetes://a,b/c',
]) {
  test(`${address} is no ConfigMap`, () => {
    assert.throws(() => openKubernetes(address, CONTEXT), { message: /names no ConfigMap: expected kubernetes:\/\/namespace\/name$/ })
  })
}

test('a context without a kubeconfig, and a parameter that there is not, are refused', () => {
  assert.throws(() => openKubernetes('kubernetes://shop/a?context=b', CONTEXT), { message: /`context` is of a `kubeconfig`/ })
  assert.throws(() => openKubernetes('kubernetes://shop/a?token=b', CONTEXT), {
    message: /no parameter `token`: expected kubeconfig, context$/,
  })
})
