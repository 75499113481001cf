import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createEventLog } from './event-log.ts'
import { SyslogServer, syslogOutput, until } from './log-receivers.fixture.ts'

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

test('outputs of a configuration get the lines too, as ASCII', async (t) => {
  const server = new SyslogServer()
  const port = await server.open(t)
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-event-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [first, file] = [join(folder, 'first.log'), join(folder, 'events.log')]
  const log = createEventLog({ destination: first })
  log.info({}, 'before')
  log.use([syslogOutput({ port }), { kind: 'file', path: file }])
  log.error({ service: 'grüße' }, 'with "all" of them')
  log.use([{ kind: 'file', path: join(folder, 'missing', 'events.log') }])
  await log.close()
  await until(() => server.messages.length === 2)
  assert.deepEqual(
    server.messages.map(({ priority, messageId, text }) => [priority, messageId, messageOf(text)]),
    [
      [16 * 8 + 3, 'event', 'with "all" of them'],
      [16 * 8 + 3, 'event', 'an output of the event log cannot be opened'],
    ],
  )
  const lines = (path: string): string[] => readFileSync(path, 'utf8').trim().split('\n')
  assert.deepEqual(lines(first).map(messageOf), ['before', 'with "all" of them', 'an output of the event log cannot be opened'])
  assert.deepEqual(
    lines(file),
    server.messages.map(({ text }) => text),
  )
  assert.match(lines(file)[0] ?? '', /"service":"gr\\u00fc\\u00dfe"/)
})

function messageOf(line: string): string {
  return (JSON.parse(line) as { message: string }).message
}
