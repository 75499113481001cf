import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry } from '../telemetry/metrics.ts'
import { RemoteSources } from './remote-sources.ts'
import { SILENT_LOG } from './silent-log.ts'

test('what was kept of two stores that differ in a parameter is not taken one for the other', async (t) => {
  const addresses = ['consul://127.0.0.1:1/gw/?dc=eu', 'consul://127.0.0.1:1/gw/?dc=us']
  const sources = await RemoteSources.open(addresses, {
    env: {},
    log: SILENT_LOG,
    metrics: new MetricsRegistry(),
    onChange: () => {},
    onState: () => {},
  })
  t.after(() => sources.close())
  const kept = addresses.map((name) => ({ name, fragments: [{ name: 'a', text: name }] }))
  // Nobody listens there.
  await sources.begin({ savedAtMs: 0, sources: kept }, 10_000)
  assert.deepEqual(
    sources.keptDocuments()?.map((document) => (typeof document === 'string' ? document : document.fragments[0]?.text)),
    addresses,
  )
  assert.deepEqual(sources.names, addresses, 'and each has a file of its own')
})
