import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createEventLog } from './event-log.ts'

test('a line has time, level in words, the fields and the message, and no secret', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-event-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'events.log')
  const log = createEventLog({ destination: file, fields: { worker: 2 } })
  log.warn({ service: 'users', token: 's3cret', request: { authorization: 's3cret' } }, 'breaker opened')
  const text = readFileSync(file, 'utf8')
  const { time, pid, ...line } = JSON.parse(text) as Record<string, unknown>
  assert.ok(!Number.isNaN(Date.parse(String(time))))
  assert.equal(pid, process.pid)
  assert.deepEqual(line, {
    level: 'warn',
    worker: 2,
    service: 'users',
    token: '[hidden]',
    request: { authorization: '[hidden]' },
    message: 'breaker opened',
  })
})

test('the last words before an exit are not lost', () => {
  const program = `
    const { createEventLog } = await import(${JSON.stringify(join(import.meta.dirname, 'event-log.ts'))})
    createEventLog().error({}, 'last words')
    process.exit(3)`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  assert.equal(status, 3)
  assert.equal((JSON.parse(stderr) as { message: string }).message, 'last words')
})
