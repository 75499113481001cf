import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GatewayIr } from '../config/ir.ts'
import { loadConfig } from '../config/load.ts'
import { diffConfigs } from './config-diff.ts'

async function irOf(text: string): Promise<GatewayIr> {
  const loaded = await loadConfig(['x.yaml'], { policies: [], env: {}, readFile: async () => text, availableCpus: 2 })
  if (!('ir' in loaded)) throw new Error(JSON.stringify(loaded.problems))
  return loaded.ir
}

const BEFORE = `
listeners: [{ port: 8080 }, { name: internal, port: 8081 }]
consumers: { app: { keys: [key-of-the-first-app] } }
services: { s: { targets: ["127.0.0.1:1"] }, t: { targets: ["127.0.0.1:2"] } }
routes:
  a: { path: /a, service: s }
  b: { path: /b, service: s }
  c: { path: /c, service: t }
`
const AFTER = `
# what is the same stands elsewhere
routes:
  d: { path: /d, service: s }
  b: { path: /b, service: s, timeout: 3s }
  a: { service: s, path: /a }
services: { s: { targets: ["127.0.0.1:1", "127.0.0.1:9"], breaker: {} } }
consumers: { app: { keys: [key-of-the-other-app] } }
listeners: [{ port: 8080 }]
limits: { headersMax: 7 }
`

test('what was added, removed and changed is told with its place, and never a value', async () => {
  const [from, to] = [await irOf(BEFORE), await irOf(AFTER)]
  const diff = diffConfigs(from, to)
  const brief = (changes: typeof diff.routes) => changes.map(({ change, name, at, fields }) => [change, name, at?.line ?? null, fields])
  assert.deepEqual([diff.from, diff.to], [from.revision, to.revision])
  assert.deepEqual(brief(diff.listeners), [['removed', 'internal', null, []]])
  assert.deepEqual(brief(diff.services), [
    ['changed', 's', 7, ['targets', 'breaker']],
    ['removed', 't', 4, []],
  ])
  assert.deepEqual(brief(diff.routes), [
    ['added', 'd', 4, []],
    ['changed', 'b', 5, ['timeoutMs', 'attemptTimeoutMs']],
    ['removed', 'c', 8, []],
  ])
  assert.deepEqual(brief(diff.consumers), [['changed', 'app', 8, ['credentials']]])
  assert.deepEqual(diff.settings, ['limits.headersMax'])
  assert.doesNotMatch(JSON.stringify(diff), /key-of/)
})

test('a configuration that means the same differs in nothing', async () => {
  const ir = await irOf(BEFORE)
  const { from: _, to: __, ...rest } = diffConfigs(ir, await irOf(`# a comment\n${BEFORE}`))
  assert.deepEqual(Object.values(rest).flat(), [])
})
