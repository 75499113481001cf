import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../core/clock.ts'
import type { ErrorCode } from '../core/errors.ts'
import { loggedExchange, logSettings } from './access-log.fixture.ts'
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
  const log = new AccessLog({ settings: logSettings([file]) })
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

test('a token in a path is no part of a line', async (t) => {
  const [line] = await logged(t, (log) => {
    const exchange = loggedExchange('/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl/now')
    log.write(exchange, { status: 200, error: null, durationMs: 1 })
  })
  assert.equal(line?.['path'], '/reset/***/now')
})

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
  const log = new AccessLog({ settings: logSettings([file]) })
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
  const log = new AccessLog({ settings: logSettings([one]) })
  assert.throws(() => log.prepare(logSettings([join(folder, 'missing', 'a.log')])), { code: 'ENOENT' })
  log.commit()
  log.prepare(logSettings([join(folder, 'abandoned.log')]))
  log.abandon()
  log.prepare(logSettings([other]))
  log.write(loggedExchange('/one'), OK)
  log.commit()
  log.write(loggedExchange('/other'), OK)
  await log.close()
  assert.match(readFileSync(one, 'utf8'), /^[^\n]*"path":"\/one"[^\n]*\n$/)
  assert.match(readFileSync(other, 'utf8'), /^[^\n]*"path":"\/other"[^\n]*\n$/)
})

test('without an output nothing is written, nor counted as lost', async () => {
  const log = new AccessLog()
  log.write(loggedExchange('/'), OK)
  await log.close()
  assert.deepEqual([...log.dropped()], [])
})

test('a file that cannot be opened is an error at once', () => {
  assert.throws(() => new AccessLog({ settings: logSettings([join(tmpdir(), 'turnpike-no-such-folder', 'access.log')]) }), {
    code: 'ENOENT',
  })
})

test('a full disk loses lines, counts them and does not end the process', {
  skip: process.platform !== 'linux' && 'needs /dev/full',
}, async () => {
  const log = new AccessLog({ settings: logSettings(['/dev/full']), bytesMax: 64 * 1024 })
  const exchange = loggedExchange('/')
  for (let i = 0; i < 1_000; i++) log.write(exchange, OK)
  await log.close()
  const lost = log.dropped().get('file') ?? 0
  assert.ok(lost > 500, `${lost} lines dropped`)
})

test('lines after the end are dropped and counted', async (t) => {
  const log = new AccessLog({ settings: logSettings([join(temporaryFolder(t), 'access.log')]) })
  await log.close()
  log.write(loggedExchange('/'), OK)
  assert.equal(log.dropped().get('none'), 1)
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

test('sampling keeps what failed and what was slow', async (t) => {
  const file = join(temporaryFolder(t), 'access.log')
  const log = new AccessLog({ settings: logSettings([file], { sampling: { ratio: 0, keepErrors: true, slowerThanMs: 1_000 } }) })
  const write = (path: string, status: number, error: ErrorCode | null, durationMs: number, grpcStatus = -1): void => {
    const exchange = loggedExchange(path)
    exchange.grpcStatus = grpcStatus
    log.write(exchange, { status, error, durationMs })
  }
  write('/fine', 200, null, 1)
  write('/refused', 401, 'token_missing', 1)
  write('/failed', 503, null, 1)
  write('/broken-off', 200, 'upstream_timeout', 1)
  write('/gone', 0, 'client_closed', 1)
  write('/grpc-unavailable', 200, null, 1, 14)
  write('/grpc-not-found', 200, null, 1, 5)
  write('/slow', 200, null, 1_000)
  await log.close()
  const paths = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { path: string }).path)
  assert.deepEqual(paths, ['/failed', '/broken-off', '/gone', '/grpc-unavailable', '/slow'])
})

test('a ratio is a share of the others', async (t) => {
  const file = join(temporaryFolder(t), 'access.log')
  const log = new AccessLog({ settings: logSettings([file], { sampling: { ratio: 0.25, keepErrors: true, slowerThanMs: null } }) })
  const clock = { ...systemClock, random: seeded(7) }
  for (let i = 0; i < 1_000; i++) log.write(loggedExchange('/', 'curl/8', clock), OK)
  await log.close()
  const lines = readFileSync(file, 'utf8').trim().split('\n').length
  assert.ok(lines > 200 && lines < 300, `${lines} lines`)
})

/** Numbers in [0, 1) that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

test('several outputs get every line, and what a new configuration still has goes on', async (t) => {
  const folder = temporaryFolder(t)
  const [one, two, three] = [join(folder, '1.log'), join(folder, '2.log'), join(folder, '3.log')]
  const log = new AccessLog({ settings: logSettings([one, two]) })
  log.write(loggedExchange('/a'), OK)
  log.prepare(logSettings([two, three], { fields: [{ kind: 'known', name: 'path' }] }))
  log.commit()
  log.write(loggedExchange('/b'), OK)
  await log.close()
  const paths = [one, two, three].map((file) => readFileSync(file, 'utf8').match(/"path":"[^"]+"/g))
  assert.deepEqual(paths, [['"path":"/a"'], ['"path":"/a"', '"path":"/b"'], ['"path":"/b"']])
})

test('fields of a response are those of its head, whatever becomes of its block later', async (t) => {
  const file = join(temporaryFolder(t), 'access.log')
  const log = new AccessLog({ settings: logSettings([file], { fields: [{ kind: 'response-header', name: 'x-a' }] }) })
  const exchange = loggedExchange('/')
  exchange.response.headers.set('X-A', 'mine')
  log.onHead(exchange)
  // A connection to a service is used again while a slow client still reads.
  exchange.response.headers.set('X-A', 'of another client')
  log.write(exchange, OK)
  await log.close()
  assert.equal(readFileSync(file, 'utf8'), '{"responseHeaders.x-a":"mine"}\n')
})
