import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { loggedExchange } from './access-log.fixture.ts'
import { AccessLog } from './access-log.ts'

const FIXTURE = join(import.meta.dirname, 'access-log.fixture.ts')
const OK = { status: 200, error: null, durationMs: 1.26 } as const

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-access-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function logged(t: TestContext, write: (log: AccessLog) => void): Promise<Record<string, unknown>[]> {
  const file = join(temporaryFolder(t), 'access.log')
  const log = new AccessLog({ output: file })
  write(log)
  await log.close()
  const lines = readFileSync(file, 'latin1').split('\n')
  assert.equal(lines.pop(), '', 'the last line is whole')
  for (const line of lines) {
    assert.match(line, /^[\x20-\x7e]+$/, 'lines hold printable ASCII only')
    assert.ok(line.length < 4096)
  }
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('a line tells what came, what went and what happened between', async (t) => {
  const [line] = await logged(t, (log) => {
    const exchange = loggedExchange('/users/7')
    exchange.request.query = 'token=secret'
    exchange.request.target = '/users/7?token=secret'
    exchange.requestBytes = 12
    exchange.responseBytes = 115
    log.write(exchange, { status: 504, error: 'upstream_timeout', durationMs: 12.3456 })
  })
  const { time, ...fields } = line ?? {}
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual(fields, {
    requestId: 'request-1',
    client: '192.0.2.1',
    method: 'GET',
    host: 'example.com',
    path: '/users/7',
    protocol: 'HTTP/1.1',
    status: 504,
    error: 'upstream_timeout',
    durationMs: 12.3,
    route: 'users',
    service: 'user-service',
    target: '127.0.0.1:9001',
    attempts: 1,
    requestBytes: 12,
    responseBytes: 115,
    userAgent: 'curl/8',
  })
})

test('a call of gRPC has its status beside that of HTTP', async (t) => {
  const [line] = await logged(t, (log) => {
    const exchange = loggedExchange('/a.B/C')
    exchange.grpcStatus = 14
    log.write(exchange, { status: 200, error: null, durationMs: 1 })
  })
  assert.deepEqual([line?.['status'], line?.['grpcStatus'], line?.['attempts']], [200, 14, 1])
})

test('an exchange without route or attempt has null in their place', async (t) => {
  const [line] = await logged(t, (log) => {
    const exchange = loggedExchange('/')
    exchange.route = null
    exchange.attempts.length = 0
    log.write(exchange, { status: 404, error: 'route_not_found', durationMs: 0.01 })
  })
  assert.deepEqual([line?.['route'], line?.['service'], line?.['target'], line?.['attempts']], [null, null, null, 0])
})

test('hostile paths and user agents come back from the line as they were', async (t) => {
  const hostile = [
    '"}\n{"status":200',
    '\\',
    '\\"',
    '\u0000\u001b[2J\r',
    '\u007f\u009b31m',
    'caf\u00e9',
    '\ud800',
    '\u2028',
    '"'.repeat(300),
  ]
  const lines = await logged(t, (log) => {
    for (const text of hostile) log.write(loggedExchange(text, 'safe'), OK)
    for (const text of hostile.filter((text) => /^[\0-\xff]*$/.test(text))) log.write(loggedExchange('/', text), OK)
  })
  assert.deepEqual(
    lines.slice(0, hostile.length).map((line) => line['path']),
    hostile,
  )
  assert.deepEqual(
    lines.slice(hostile.length).map((line) => line['userAgent']),
    hostile.filter((text) => /^[\0-\xff]*$/.test(text)),
  )
})

test('fields too long are cut, the line says so and stays within one atomic write even when all is escaped', async (t) => {
  const lines = await logged(t, (log) => {
    log.write(loggedExchange('/'.padEnd(1_025, 'a')), OK)
    const exchange = loggedExchange('\u0001'.repeat(10_000), '\u0001'.repeat(10_000))
    const long = '\u0001'.repeat(500)
    exchange.requestId = exchange.request.host = exchange.request.method = exchange.client.address = long
    exchange.route = { name: long, pattern: long, serviceName: long }
    exchange.attempts[0] = { number: 1, target: long, startedAt: 0, endedAt: 0, status: 0, error: null }
    log.write(exchange, { status: 502, error: 'upstream_reset_before_headers', durationMs: 1e9 / 7 })
    log.write(loggedExchange('/short'), OK)
  })
  assert.deepEqual(
    lines.map((line) => line['truncated']),
    [true, true, undefined],
  )
  assert.equal(String(lines[0]?.['path']).length, 1_024)
})

test('after a rotation the log goes on in a new file', async (t) => {
  const file = join(temporaryFolder(t), 'access.log')
  const log = new AccessLog({ output: file })
  log.write(loggedExchange('/old'), OK)
  log.flush()
  renameSync(file, `${file}.1`)
  log.reopen()
  log.write(loggedExchange('/new'), OK)
  await log.close()
  const contents = readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8')
  assert.deepEqual(
    contents
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { path: string }).path),
    ['/old', '/new'],
  )
  assert.match(readFileSync(file, 'utf8'), /\/new/)
})

test('a new output takes over with the commit, and one that cannot be opened changes nothing', async (t) => {
  const folder = temporaryFolder(t)
  const [one, other] = [join(folder, 'one.log'), join(folder, 'other.log')]
  const log = new AccessLog({ output: one })
  assert.throws(() => log.prepareOutput(join(folder, 'missing', 'a.log')), { code: 'ENOENT' })
  log.commitOutput()
  log.prepareOutput(join(folder, 'abandoned.log'))
  log.abandonOutput()
  log.prepareOutput(other)
  log.write(loggedExchange('/one'), OK)
  log.commitOutput()
  log.write(loggedExchange('/other'), OK)
  await log.close()
  assert.match(readFileSync(one, 'utf8'), /^[^\n]*"path":"\/one"[^\n]*\n$/)
  assert.match(readFileSync(other, 'utf8'), /^[^\n]*"path":"\/other"[^\n]*\n$/)
})

test('without an output nothing is written, nor counted as lost', async () => {
  const log = new AccessLog({ output: null })
  log.write(loggedExchange('/'), OK)
  await log.close()
  assert.equal(log.dropped, 0)
})

test('a file that cannot be opened is an error at once', () => {
  assert.throws(() => new AccessLog({ output: join(tmpdir(), 'turnpike-no-such-folder', 'access.log') }), { code: 'ENOENT' })
})

test('a full disk loses lines, counts them and does not end the process', {
  skip: process.platform !== 'linux' && 'needs /dev/full',
}, async () => {
  const log = new AccessLog({ output: '/dev/full', bytesMax: 64 * 1024 })
  const exchange = loggedExchange('/')
  for (let i = 0; i < 1_000; i++) log.write(exchange, OK)
  await log.close()
  assert.ok(log.dropped > 500, `${log.dropped} lines dropped`)
})

test('lines after the end are dropped and counted', async (t) => {
  const log = new AccessLog({ output: join(temporaryFolder(t), 'access.log') })
  await log.close()
  log.write(loggedExchange('/'), OK)
  assert.equal(log.dropped, 1)
})

/** With a socket for stdout, as Node gives its children. */
function runFixture(lines: number): ChildProcess {
  return spawn(process.execPath, [FIXTURE, String(lines), '/users/7'], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function droppedBy(child: ChildProcess): Promise<number> {
  assert.ok(child.stderr)
  const [report, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  assert.equal(code, 0)
  return (JSON.parse(report) as { dropped: number }).dropped
}

test('a pipe nobody reads neither blocks the process nor keeps it from exiting, and every lost line is counted', async (t) => {
  // The reader begins only when the process has ended.
  const command = 'mkfifo "$2" && { "$0" "$1" 10000 /users/7; echo ended > "$2"; } | { read -r line < "$2"; cat; }'
  const args = ['-c', command, process.execPath, FIXTURE, join(temporaryFolder(t), 'ended')]
  const shell = spawn('sh', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, report] = await Promise.all([text(shell.stdout), text(shell.stderr)])
  const { dropped } = JSON.parse(report) as { dropped: number }
  const received = output.trim().split('\n')
  for (const line of received) JSON.parse(line)
  assert.ok(dropped > 1_000, `${dropped} lines dropped`)
  assert.equal(received.length + dropped, 10_000)
})

test('neither does a socket for stdout that nobody reads', async () => {
  assert.ok((await droppedBy(runFixture(10_000))) > 1_000)
})

test('a pipe whose reader has gone does not end the process', async () => {
  const child = runFixture(5_000)
  child.stdout?.destroy()
  assert.ok((await droppedBy(child)) > 0)
})

test('lines of several processes that share one pipe never mix', async () => {
  // A shell joins the processes to one pipe, as a container's supervisor does.
  const command = `{ "$0" "$1" 3000 /users/7 & "$0" "$1" 3000 /users/7 & wait; } | cat`
  const shell = spawn('sh', ['-c', command, process.execPath, FIXTURE], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, reports] = await Promise.all([text(shell.stdout), text(shell.stderr)])
  const dropped = reports
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + (JSON.parse(line) as { dropped: number }).dropped, 0)
  const ids = output
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { requestId: string }).requestId)
  assert.equal(new Set(ids).size + dropped, 6_000)
})
