/** What docs/operations.md says of files, metrics and the log is so. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DrainResult } from '../src/runtime/control-protocol.ts'

const ROOT = join(import.meta.dirname, '..')
const PAGE = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

test('files that are named are there', () => {
  const paths = [...PAGE.matchAll(/(?<![\w./-])(?:deploy|test)\/[\w./-]*\w/g)].map(([path]) => path)
  assert.ok(paths.length > 5)
  for (const path of paths) assert.ok(existsSync(join(ROOT, path)), path)
})

test('the secret is made with the name and the key that the pods mount', () => {
  const [, name, key] = /create secret generic (\S+) --from-literal=([\w-]+)=/.exec(PAGE) ?? []
  assert.match(read('deploy/kubernetes/deployment.yaml'), new RegExp(`secretName: ${name}\\b`))
  assert.match(read('deploy/kubernetes/configmap.yaml'), new RegExp(`file:/run/turnpike/secrets/${key}\\}`))
})

test('metrics that are named are there', () => {
  const names = [...PAGE.matchAll(/`(gateway_\w+)`/g)].map(([, name]) => name ?? '')
  const sources = ['src/telemetry/gateway-metrics.ts', 'src/cli/control-process.ts'].map(read).join('')
  assert.ok(names.length > 0)
  for (const name of names) assert.ok(sources.includes(`'${name}'`), name)
})

test('the report of a drain has what it is shown with', () => {
  const line = /^\{ "message": "shut down".*\}$/m.exec(PAGE)?.[0] ?? '{}'
  const { message, ...report } = JSON.parse(line) as DrainResult & { readonly message: string }
  const none: DrainResult = { closed: 0, aborted: 0, websockets: 0, eventStreams: 0 }
  assert.equal(message, 'shut down')
  assert.deepEqual(Object.keys(report), Object.keys(none))
})

test('the rotation of logs signals the unit that there is, in the folder that it may write to', () => {
  assert.match(PAGE, /--signal=SIGUSR2 turnpike\.service/)
  const folder = /^LogsDirectory=(.*)$/m.exec(read('deploy/systemd/turnpike.service'))?.[1]
  assert.ok(PAGE.includes(`/var/log/${folder}/*.log`))
})
