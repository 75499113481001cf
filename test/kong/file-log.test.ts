import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../e2e/gateway-process.ts'
import { problemsOfKong, startKong } from './kong-gateway.ts'
import { startKongProcess } from './kong-process.ts'
import { type LogRecord, recordsOf, withPlugins } from './one-plugin.ts'

test('2.10 file-log: one JSON object a line, of this service alone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-kong-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'kong.log')
  const kong = await startKong(t, withPlugins(`- name: file-log\n  config: { path: ${path} }\n`, { route: 'paths: [/a]' }))
  await kong.ask('/a/1')
  await kong.ask('/elsewhere')
  await kong.ask('/a/2', { method: 'POST', body: 'xyz' })
  const text = await eventually(
    async () => readFileSync(path, 'utf8'),
    (written) => written.split('\n').length === 3,
  )
  const records = text.trim().split('\n').flatMap(recordsOf)
  assert.deepEqual(
    records.map(({ request, response }) => [request.method, request.uri, response.status]),
    [
      ['GET', '/a/1', 200],
      ['POST', '/a/2', 200],
    ],
  )
})

test('2.10 file-log: it needs a path', async () => {
  assert.match((await problemsOfKong(withPlugins('- name: file-log'))).join(), /error/)
})

test('2.10 file-log: what was told last is in the file when the gateway has ended', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-kong-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'kong.log')
  const gateway = await startKongProcess(t, withPlugins(`- name: file-log\n  config: { path: ${path} }\n`))
  for (let i = 0; i < 5; i++) assert.equal((await fetch(`${gateway.url}/${i}`, { headers: { connection: 'close' } })).status, 200)
  gateway.child.kill('SIGTERM')
  assert.equal(await gateway.exited, 0)
  assert.deepEqual(
    recordsIn(readFileSync(path, 'utf8')).map(({ request }) => request.uri),
    ['/0', '/1', '/2', '/3', '/4'],
  )
})

function recordsIn(text: string): readonly LogRecord[] {
  return text.trim().split('\n').flatMap(recordsOf)
}
