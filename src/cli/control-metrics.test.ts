import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { Authority, certificatesMissing } from '../../test/services/certificates.ts'
import type { GatewayIr } from '../config/ir.ts'
import { loadTexts } from '../config/testing.ts'
import { ControlMetrics } from './control-metrics.ts'

async function configuration(texts: Readonly<Record<string, string>>): Promise<GatewayIr> {
  const loaded = await loadTexts(texts, { only: ['gateway.yaml'] })
  assert.ok('ir' in loaded)
  return loaded.ir
}

function series(metrics: ControlMetrics, ir: GatewayIr, name: string): (readonly [unknown, number | undefined])[] {
  const family = metrics.dump({ ir, workersServing: 1, workerDeaths: 3 }).find((one) => one.name === name)
  return (family?.series ?? []).map(({ labels, values }) => [labels, values[0]] as const)
}

test('a revision that is gone leaves no series behind', async () => {
  const metrics = new ControlMetrics()
  const revisions = new Set<string>()
  for (const port of [8080, 8081]) {
    const ir = await configuration({ 'gateway.yaml': `listeners: [{ port: ${port} }]` })
    revisions.add(ir.revision)
    assert.deepEqual(series(metrics, ir, 'gateway_config_info'), [[{ revision: ir.revision }, 1]])
    assert.deepEqual(series(metrics, ir, 'gateway_worker_restarts_total'), [[{}, 3]])
  }
  assert.equal(revisions.size, 2)
})

test('a chain ends with the first of its certificates, and each host of a listener says so', { skip: certificatesMissing }, async () => {
  const authority = new Authority()
  const { cert, key } = authority.forServer('a.example', 'b.example')
  const ends = [cert, authority.cert].map((pem) => new X509Certificate(pem).validToDate.getTime() / 1_000)
  const ir = await configuration({
    'gateway.yaml': `
listeners: [{ name: web, tls: { certificates: [{ cert: chain.pem, key: web.key }] } }]
services: { mutual: { targets: ["127.0.0.1:1"], tls: { ca: ca.pem, cert: web.pem, key: web.key } } }
routes: { all: { path: /*, service: mutual } }`,
    'chain.pem': `${cert}\n${authority.cert}`,
    'web.pem': cert,
    'web.key': key,
    'ca.pem': authority.cert,
  })
  const metrics = new ControlMetrics()
  assert.deepEqual(series(metrics, ir, 'gateway_certificate_expiry_timestamp_seconds'), [
    [{ listener: 'web', host: 'a.example' }, Math.min(...ends)],
    [{ listener: 'web', host: 'b.example' }, Math.min(...ends)],
  ])
  assert.deepEqual(series(metrics, ir, 'gateway_service_certificate_expiry_timestamp_seconds'), [[{ service: 'mutual' }, ends[0]]])
})
