/** Discovery in Kubernetes over sockets, against every cluster that there is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificatesMissing } from '../services/certificates.ts'
import { CLUSTERS } from '../services/kubernetes-cluster.ts'
import { serviceOf, sliceOf, watchService } from './kubernetes-bench.ts'

const OPTIONS = { skip: certificatesMissing, timeout: 60_000 }

for (const { name, open } of CLUSTERS) {
  test(`${name}: endpoints come, are not ready, and go`, OPTIONS, async (t) => {
    const cluster = await open(t)
    const told = watchService(t, cluster)
    await told.untilTargets()
    await cluster.apply('endpointslices', sliceOf('api-1', ['10.1.2.1', '10.1.2.2']))
    await told.untilTargets('10.1.2.1:8080', '10.1.2.2:8080')
    await cluster.apply('endpointslices', sliceOf('api-2', ['10.1.2.3']))
    await told.untilTargets('10.1.2.1:8080', '10.1.2.2:8080', '10.1.2.3:8080')
    await cluster.apply('endpointslices', sliceOf('api-1', ['10.1.2.1', '10.1.2.2'], undefined, false))
    await told.untilTargets('10.1.2.3:8080')
    await cluster.remove('endpointslices', 'api-2')
    await told.untilTargets()
    await cluster.apply('endpointslices', sliceOf('api-1', ['10.1.2.1']))
    await told.untilTargets('10.1.2.1:8080')
    assert.deepEqual(told.reasons, [])
  })

  test(`${name}: slices of another service are not told`, OPTIONS, async (t) => {
    const cluster = await open(t)
    const other = sliceOf('web-1', ['10.1.9.9'])
    const labels = { ...other.metadata.labels, 'kubernetes.io/service-name': 'web' }
    await cluster.apply('endpointslices', { ...other, metadata: { name: 'web-1', labels } })
    const told = watchService(t, cluster)
    await told.untilTargets()
    // One that becomes ours, and one that was ours.
    await cluster.apply('endpointslices', sliceOf('web-1', ['10.1.2.9']))
    await told.untilTargets('10.1.2.9:8080')
    await cluster.apply('endpointslices', { ...other, metadata: { name: 'web-1', labels } })
    await told.untilTargets()
  })

  test(`${name}: a port is found by its name, and by the number that the service gives it`, OPTIONS, async (t) => {
    const cluster = await open(t)
    const ports = [
      { name: 'web', port: 8080, protocol: 'TCP' },
      { name: 'metrics', port: 9090, protocol: 'TCP' },
    ]
    await cluster.apply(
      'services',
      serviceOf([
        { name: 'web', port: 80, targetPort: 8080, protocol: 'TCP' },
        { name: 'metrics', port: 9090, targetPort: 9090, protocol: 'TCP' },
      ]),
    )
    await cluster.apply('endpointslices', sliceOf('api-1', ['10.1.2.1'], ports))
    const [named, numbered, wrong, open_] = ['metrics', 80, 81, null].map((port) => watchService(t, { ...cluster, port }))
    await named?.untilTargets('10.1.2.1:9090')
    await numbered?.untilTargets('10.1.2.1:8080')
    await wrong?.until(() => wrong.degraded !== null)
    assert.equal(wrong?.degraded, `the service ${cluster.namespace}/api has no TCP port 81; there is \`web\` (80), \`metrics\` (9090)`)
    await open_?.until(() => open_.degraded !== null)
    assert.match(open_?.degraded ?? '', /has several ports, of which `port` must name one: `web` \(8080\), `metrics` \(9090\)$/)
    assert.deepEqual([wrong?.targets, open_?.targets], [null, null])
  })

  test(`${name}: a port that the service gives another number is followed`, OPTIONS, async (t) => {
    const cluster = await open(t)
    await cluster.apply('services', serviceOf([{ name: 'web', port: 80, protocol: 'TCP' }]))
    await cluster.apply('endpointslices', sliceOf('api-1', ['10.1.2.1']))
    const told = watchService(t, { ...cluster, port: 80 })
    await told.untilTargets('10.1.2.1:8080')
    await cluster.apply('services', serviceOf([{ name: 'http', port: 80, protocol: 'TCP' }]))
    await cluster.apply('endpointslices', sliceOf('api-1', ['10.1.2.1'], [{ name: 'http', port: 8081, protocol: 'TCP' }]))
    await told.untilTargets('10.1.2.1:8081')
    await told.until(() => told.degraded === null)
  })

  test(`${name}: a set that has more slices than a page is whole`, OPTIONS, async (t) => {
    const cluster = await open(t)
    const addresses = Array.from({ length: 120 }, (_, i) => `10.1.3.${100 + i}`)
    for (const [i, address] of addresses.entries()) await cluster.apply('endpointslices', sliceOf(`api-${i}`, [address]))
    const told = watchService(t, cluster)
    await told.untilTargets(...addresses.map((address) => `${address}:8080`))
  })

  test(`${name}: watches that end by themselves are taken up again`, OPTIONS, async (t) => {
    const cluster = await open(t)
    const told = watchService(t, { ...cluster, timings: { watchMs: 1_000 } })
    await told.untilTargets()
    for (let i = 0; i < 30; i++) {
      await cluster.apply('endpointslices', sliceOf('api-1', [`10.1.2.${i}`]))
      await told.untilTargets(`10.1.2.${i}:8080`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.deepEqual(told.reasons, [])
  })
}
