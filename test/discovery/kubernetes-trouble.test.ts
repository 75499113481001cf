/** What a Kubernetes API can do to those who watch it, made by an API of the tests' own. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificatesMissing } from '../services/certificates.ts'
import { KubernetesApiServer } from '../services/kubernetes-api.ts'
import { temporaryFolder } from '../services/kubernetes-cluster.ts'
import { ownBench, serviceOf, sliceOf, watchService } from './kubernetes-bench.ts'

const OPTIONS = { skip: certificatesMissing, timeout: 60_000 }

for (const goneBy of ['event', 'status'] as const) {
  test(`a version that is gone, told by ${goneBy}, makes a new list`, OPTIONS, async (t) => {
    const { server, told, put, count } = await ownBench(t)
    server.goneBy = goneBy
    await told.untilTargets('10.0.0.1:8080')
    await server.stop()
    put('api-1', '10.0.0.2')
    put('api-2', '10.0.0.3')
    server.store.remove('endpointslices', 'shop', 'api-1')
    server.store.compact()
    await server.start()
    await told.untilTargets('10.0.0.3:8080')
    assert.equal(count('list'), 2)
    assert.ok(told.reasons.every((reason) => !reason.includes('410')))
  })
}

test('an open watch that is told that its version is gone makes a new list, and nobody is alarmed', OPTIONS, async (t) => {
  const { server, told, put, count } = await ownBench(t)
  server.failWatches(410, 'Expired', 'The resourceVersion for the provided watch is too old.')
  put('api-1', '10.0.0.2')
  await told.untilTargets('10.0.0.2:8080')
  assert.equal(count('list'), 2)
  assert.deepEqual(told.reasons, [])
})

test('a watch that is taken up again goes on from the last version, which bookmarks keep young', OPTIONS, async (t) => {
  const { server, told, put, count } = await ownBench(t)
  server.store.put('endpointslices', 'elsewhere', sliceOf('other', ['10.9.9.9']))
  const { version } = server.store
  server.bookmark()
  server.store.compact()
  server.endWatches()
  await told.untilRequest(() => count('watch') === 2)
  put('api-1', '10.0.0.2')
  await told.untilTargets('10.0.0.2:8080')
  assert.equal(count('list'), 1)
  assert.equal(server.requests.at(-1)?.query.get('resourceVersion'), `${version}`)
  assert.equal(server.requests.at(-1)?.query.get('allowWatchBookmarks'), 'true')
})

test('a list whose next page is gone is asked for in one piece', OPTIONS, async (t) => {
  const { server, told, put, count } = await ownBench(t)
  const addresses = Array.from({ length: 101 }, (_, i) => `10.0.1.${100 + i}`)
  for (const [i, address] of addresses.entries()) put(`api-${i}`, address)
  await told.untilTargets(...addresses.map((address) => `${address}:8080`))
  server.trouble = ({ query }) => (query.has('continue') ? 410 : null)
  told.watch?.refresh()
  await told.untilRequest(() => count('list') === 4)
  put('api-1', '10.0.0.1')
  await told.untilTargets('10.0.0.1:8080', ...addresses.filter((_, i) => i !== 1).map((address) => `${address}:8080`))
  assert.deepEqual(
    server.requests.filter(({ verb }) => verb === 'list').map(({ query }) => [query.get('limit'), query.has('continue')]),
    [
      ['100', false],
      ['100', false],
      ['100', true],
      [null, false],
    ],
  )
  assert.deepEqual(told.reasons, [])
})

test('a watch that falls silent is noticed, and what it did not tell is made up for', OPTIONS, async (t) => {
  const { server, told, put, count } = await ownBench(t, { timings: { silenceMs: 100 } })
  await told.untilTargets('10.0.0.1:8080')
  server.silenceWatches()
  put('api-1', '10.0.0.2')
  await told.untilTargets('10.0.0.2:8080')
  assert.equal(count('list'), 1)
})

test('bookmarks keep a quiet watch from being taken for a silent one', OPTIONS, async (t) => {
  const { server, told, put, count } = await ownBench(t, { timings: { silenceMs: 1_000 } })
  const bookmarks = setInterval(() => server.bookmark(), 20)
  t.after(() => clearInterval(bookmarks))
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  put('api-1', '10.0.0.2')
  await told.untilTargets('10.0.0.2:8080')
  assert.equal(count('watch'), 1)
})

test('an API that stops is told, its last answer stays, and when it is back what changed meanwhile is told', OPTIONS, async (t) => {
  const { server, told, put } = await ownBench(t)
  await server.stop()
  await told.until(() => told.degraded !== null)
  assert.match(told.degraded ?? '', /^127\.0\.0\.1:\d+ (refused|closed) the connection/)
  assert.deepEqual(told.targets, ['10.0.0.1:8080'])
  put('api-1', '10.0.0.2')
  await server.start()
  await told.untilTargets('10.0.0.2:8080')
  await told.until(() => told.degraded === null)
})

for (const doubtMs of [100, 600_000]) {
  test(
    `an API that comes back empty, with versions that begin anew, is doubted for ${doubtMs} ms and then believed`,
    OPTIONS,
    async (t) => {
      const { server, told, put, count } = await ownBench(t, { doubtMs })
      await server.stop()
      await told.until(() => told.degraded !== null)
      server.store.replace()
      await server.start()
      if (doubtMs < 1_000) {
        await told.untilTargets()
        await told.until(() => told.degraded === null)
      } else {
        await told.until(() => told.degraded?.includes('now knows no slice of the service shop/api: believed in 600 s') ?? false)
        assert.deepEqual(told.targets, ['10.0.0.1:8080'])
      }
      assert.equal(count('list'), 2)
      put('api-1', '10.0.0.2')
      await told.untilTargets('10.0.0.2:8080')
      await told.until(() => told.degraded === null)
    },
  )
}

test('versions that go back make a new list, even where nobody saw the API leave', OPTIONS, async (t) => {
  const { server, told, count } = await ownBench(t, { doubtMs: 600_000 })
  server.store.replace()
  server.store.put('endpointslices', 'elsewhere', sliceOf('other', ['10.9.9.9']))
  server.bookmark()
  await told.until(() => told.reasons.length > 0)
  assert.match(told.reasons[0] ?? '', /versions of the Kubernetes API went back/)
  await told.until(() => told.degraded?.includes('now knows no slice') ?? false)
  assert.equal(count('list'), 2)
})

test('a service that is removed has no targets, and nobody doubts it', OPTIONS, async (t) => {
  const { server, told } = await ownBench(t)
  server.store.remove('endpointslices', 'shop', 'api-1')
  await told.untilTargets()
  assert.deepEqual(told.reasons, [])
})

for (const verb of ['list', 'watch']) {
  test(`a ${verb} that is answered with 500 is told and tried again`, OPTIONS, async (t) => {
    const { server, told, put } = await ownBench(t)
    let failures = 0
    server.trouble = (request) => (request.verb === verb && ++failures < 5 ? 500 : null)
    server.failWatches(410, 'Expired', 'too old')
    await told.until(() => told.degraded !== null)
    assert.equal(told.degraded, 'the Kubernetes API answered 500: the test wants trouble')
    assert.deepEqual(told.targets, ['10.0.0.1:8080'])
    put('api-1', '10.0.0.2')
    await told.untilTargets('10.0.0.2:8080')
    await told.until(() => told.degraded === null)
  })
}

test('a watch that ends with an error, or says what cannot be read, is begun anew with a list', OPTIONS, async (t) => {
  const { server, told, put, count } = await ownBench(t)
  const troubles: readonly [RegExp, () => void][] = [
    [/ended a watch: etcdserver: leader changed/, () => server.failWatches(500, 'InternalError', 'etcdserver: leader changed')],
    [/sent what is no event/, () => server.writeToWatches('{"type":"ADDED","object":\n')],
    [/sent what is no event/, () => server.writeToWatches('[]\n')],
    [/an event without a version/, () => server.writeToWatches('{"type":"ADDED","object":{}}\n')],
    [/unknown type SHIFTED/, () => server.writeToWatches('{"type":"SHIFTED","object":{"metadata":{"resourceVersion":"9999"}}}\n')],
  ]
  for (const [i, [reason, make]] of troubles.entries()) {
    await told.untilRequest(() => server.watchCount === 1 && told.degraded === null)
    make()
    await told.until(() => told.reasons.length === i + 1)
    assert.match(told.reasons.at(-1) ?? '', reason)
    put('api-1', `10.0.1.${i}`)
    await told.untilTargets(`10.0.1.${i}:8080`)
    assert.equal(count('list'), i + 2)
  }
})

test('watches that end at once are a failure, and are not begun in haste', OPTIONS, async (t) => {
  const { server, told } = await ownBench(t, { timings: { shortWatchMs: 60_000 } })
  await told.untilTargets('10.0.0.1:8080')
  server.endWatches()
  await told.until(() => told.reasons.length === 1)
  assert.equal(told.reasons[0], 'the Kubernetes API ended a watch at once')
})

test('an object that cannot be read is left out, and the others stay', OPTIONS, async (t) => {
  const { server, told, put } = await ownBench(t)
  server.store.put('endpointslices', 'shop', { ...sliceOf('api-2', ['10.0.0.2']), addressType: 'IPX' })
  put('api-3', '10.0.0.3')
  await told.untilTargets('10.0.0.1:8080', '10.0.0.3:8080')
  assert.equal(told.warned, 1)
})

test('who doubts what is known has the whole asked for again', OPTIONS, async (t) => {
  const { server, told, put, count } = await ownBench(t)
  server.silenceWatches()
  put('api-1', '10.0.0.2')
  told.watch?.refresh()
  await told.untilTargets('10.0.0.2:8080')
  assert.equal(count('list'), 2)
  assert.deepEqual(told.reasons, [])
})

test('who doubts what is known does not wait for the pause after a failure to end', OPTIONS, async (t) => {
  const { server, told, put } = await ownBench(t, { timings: { backoffMs: 600_000, backoffMaxMs: 3_600_000 } })
  server.failWatches(500, 'InternalError', 'etcdserver: leader changed')
  put('api-1', '10.0.0.2')
  await told.until(() => told.degraded !== null)
  told.watch?.refresh()
  await told.untilTargets('10.0.0.2:8080')
})

test('a watch that is closed asks nothing more', OPTIONS, async (t) => {
  const { server, told, put } = await ownBench(t)
  told.watch?.close()
  await told.untilRequest(() => server.watchCount === 0)
  const asked = server.requests.length
  put('api-1', '10.0.0.2')
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(server.requests.length, asked)
  assert.deepEqual(told.targets, ['10.0.0.1:8080'])
})

// --- who asks

test('a token that is replaced in its file is used as soon as the old one is refused', OPTIONS, async (t) => {
  const server = await KubernetesApiServer.start(t)
  const serviceAccountFolder = temporaryFolder(t)
  const tokenFile = join(serviceAccountFolder, 'token')
  writeFileSync(join(serviceAccountFolder, 'ca.crt'), server.authority.cert)
  writeFileSync(tokenFile, 'first\n')
  server.tokens.set('first', 'system:serviceaccount:shop:turnpike')
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: `${server.port}` }
  const told = watchService(t, { api: { kind: 'in-cluster' }, env, serviceAccountFolder })
  await told.untilTargets()
  await told.untilRequest(() => server.watchCount === 1)
  writeFileSync(tokenFile, 'second\n')
  server.tokens.set('second', 'system:serviceaccount:shop:turnpike')
  server.tokens.delete('first')
  server.endWatches()
  server.store.put('endpointslices', 'shop', sliceOf('api-1', ['10.0.0.1']))
  await told.untilTargets('10.0.0.1:8080')
  assert.deepEqual(told.reasons, [])
  // One that is refused, and no other is there.
  server.tokens.delete('second')
  server.endWatches()
  await told.until(() => told.degraded !== null)
  assert.equal(told.degraded, 'the Kubernetes API answered 401: Unauthorized')
  rmSync(tokenFile)
  await told.until(() => told.degraded?.includes('cannot be read') ?? false)
  assert.deepEqual(told.targets, ['10.0.0.1:8080'])
  server.tokens.set('third', 'system:serviceaccount:shop:turnpike')
  writeFileSync(tokenFile, 'third')
  await told.until(() => told.degraded === null)
})

test('a token file is read again when it is old, even if its token still holds', OPTIONS, async (t) => {
  const { server, told, kubeconfig } = await ownBench(t, { timings: { accessMs: 0 } })
  await told.untilRequest(() => server.watchCount === 1)
  server.tokens.set('another', 'another')
  writeFileSync(kubeconfig, JSON.stringify(server.kubeconfigOf({ token: 'another' })))
  server.endWatches()
  await told.untilRequest(() => server.requests.at(-1)?.user === 'another')
})

test('a client certificate is who asks', OPTIONS, async (t) => {
  const server = await KubernetesApiServer.start(t)
  server.store.put('endpointslices', 'shop', sliceOf('api-1', ['10.0.0.1']))
  const { cert, key } = server.authority.forClient('turnpike')
  const file = join(temporaryFolder(t), 'kubeconfig')
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const user = { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) }
  writeFileSync(file, JSON.stringify(server.kubeconfigOf(user)))
  const told = watchService(t, { api: { kind: 'kubeconfig', file, context: null } })
  await told.untilTargets('10.0.0.1:8080')
  assert.ok(server.requests.every((request) => request.user === 'turnpike'))
})

test('a server that another authority has signed is not asked', OPTIONS, async (t) => {
  const [server, other] = [await KubernetesApiServer.start(t), await KubernetesApiServer.start(t)]
  server.tokens.set('secret', 'gateway')
  const file = join(temporaryFolder(t), 'kubeconfig')
  const config = server.kubeconfigOf({ token: 'secret' })
  writeFileSync(
    file,
    JSON.stringify({
      ...config,
      clusters: other.kubeconfigOf({}).clusters.map((cluster) => ({ ...cluster, cluster: { ...cluster.cluster, server: server.url } })),
    }),
  )
  const told = watchService(t, { api: { kind: 'kubeconfig', file, context: null } })
  await told.until(() => told.degraded !== null)
  assert.match(told.degraded ?? '', /self.signed certificate|unable to verify|signature failure/)
  assert.equal(server.requests.length, 0)
})

test('the least rights are enough, and what is missing is told in the words of the API', OPTIONS, async (t) => {
  const { server, told } = await ownBench(t, { port: 80 })
  server.rights.set('gateway', new Set(['list endpointslices', 'watch endpointslices']))
  server.store.put('services', 'shop', serviceOf([{ port: 80 }]))
  server.store.put('endpointslices', 'shop', sliceOf('api-1', ['10.0.0.1'], [{ port: 8080 }]))
  await told.until(() => told.degraded?.includes('403') ?? false)
  assert.equal(
    told.degraded,
    'the Kubernetes API answered 403: services is forbidden: User "gateway" cannot get resource "services" in the namespace "shop"',
  )
  server.rights.set('gateway', new Set(['list endpointslices', 'watch endpointslices', 'get services']))
  await told.untilTargets('10.0.0.1:8080')
  await told.until(() => told.degraded === null)
})

test('a gateway that is in no pod says so', OPTIONS, async (t) => {
  const told = watchService(t, { api: { kind: 'in-cluster' } })
  await told.until(() => told.degraded !== null)
  assert.match(told.degraded ?? '', /^this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set/)
})
