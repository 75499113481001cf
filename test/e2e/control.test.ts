/** The control process with real processes and signals; the workers' data plane is the one of src/cli/worker.fixture.ts. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually, GatewayProcess } from './gateway-process.ts'

const WORKER = join(import.meta.dirname, '..', '..', 'src', 'cli', 'worker.fixture.ts')
const TIMEOUT = { timeout: 30_000 }

/** A configuration with one route of this name; `more` holds further settings. */
function config(route: string, more = 'workers: 1'): string {
  return `listeners: [{ host: 127.0.0.1, port: 0 }]\nadmin: { port: 0 }\n${more}\nroutes: { ${route}: { path: /, policies: { redirect: { to: /b } } } }\n`
}

function start(t: TestContext, text: string): Promise<GatewayProcess> {
  return new GatewayProcess(t, { config: text, workerFile: WORKER }).ready()
}

async function ask(gateway: GatewayProcess): Promise<{ pid: string; revision: string }> {
  const [pid = '', revision = ''] = (await (await fetch(gateway.url)).text()).trim().split(' ')
  return { pid, revision }
}

async function admin(gateway: GatewayProcess, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${gateway.adminUrl}${path}`, { headers })
}

test('the ready line names real ports, workers and revision, and the admin listener tells the same', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a', 'workers: 2'))
  assert.match(
    gateway.readyLine,
    /^turnpike ready: http:\/\/127\.0\.0\.1:\d+, admin http:\/\/127\.0\.0\.1:\d+, 2 workers, revision \w{12} \(in \d+ ms\)$/,
  )
  assert.equal((await ask(gateway)).revision, gateway.revision)
  assert.equal((await admin(gateway, '/healthz')).status, 200)
  const { workersServing, runningRevision } = (await (await admin(gateway, '/readyz')).json()) as Record<string, unknown>
  assert.deepEqual({ workersServing, runningRevision }, { workersServing: 2, runningRevision: gateway.revision })
})

test('the token in the file opens /config', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a'))
  const { file } = await gateway.logged('no admin token is configured: one has been made and is in this file')
  const token = readFileSync(String(file), 'utf8').trim()
  assert.equal((await admin(gateway, '/config')).status, 401)
  const answer = await admin(gateway, '/config', { authorization: `Bearer ${token}` })
  const { runningRevision, config: shown } = (await answer.json()) as Record<string, unknown>
  assert.equal(runningRevision, gateway.revision)
  assert.match(JSON.stringify(shown), /redirect/)
})

test('a changed file and SIGHUP bring a new configuration into force on the same port', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a', 'workers: 2'))
  gateway.writeConfig(config('b', 'workers: 2'))
  const first = await gateway.logged('a new configuration is in force')
  assert.equal((await ask(gateway)).revision, first['revision'])
  assert.notEqual(first['revision'], gateway.revision)
  gateway.child.kill('SIGHUP')
  const second = await gateway.logged('the configuration means the same as before')
  assert.equal(second['cause'], 'SIGHUP')
})

test('a wrong file leaves the old configuration in force and says why', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a'))
  gateway.writeConfig('listeners: [{ prot: 1 }]')
  const line = await gateway.logged('the configuration is not taken: the old one goes on')
  assert.match(String(line['reason']), /turnpike\.yaml:1:15/)
  assert.equal((await ask(gateway)).revision, gateway.revision)
  assert.equal((await admin(gateway, '/readyz')).status, 200)
  gateway.writeConfig(config('a'))
  await gateway.logged('the configuration means the same as before')
})

test('what one worker cannot prepare none takes', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a', 'workers: 2'))
  gateway.writeConfig(config('refuse', 'workers: 2'))
  const line = await gateway.logged('the configuration is not taken: the old one goes on')
  assert.equal(line['reason'], 'the fixture refuses')
  for (let i = 0; i < 10; i++) assert.equal((await ask(gateway)).revision, gateway.revision)
})

test('a configuration that kills the workers is not taken, and workers of the old one come back', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a', 'workers: 2'))
  gateway.writeConfig(config('die-on-prepare', 'workers: 2'))
  const death = await gateway.logged('a worker died: replacing it')
  assert.equal(death['code'], 7)
  await gateway.logged('the configuration is not taken: the old one goes on')
  await eventually(
    async () => ((await (await admin(gateway, '/readyz')).json()) as Record<string, unknown>)['workersServing'],
    (serving) => serving === 2,
  )
  assert.equal((await ask(gateway)).revision, gateway.revision)
})

test('a killed worker is replaced, on the same port and with the running revision, and what it counted is not lost', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a'))
  gateway.writeConfig(config('b'))
  const { revision } = await gateway.logged('a new configuration is in force')
  const { pid } = await ask(gateway)
  const count = async (): Promise<string> =>
    /^fixture_answers_total (\d+)$/m.exec(await (await admin(gateway, '/metrics')).text())?.[1] ?? ''
  assert.equal(await count(), '1')
  process.kill(Number(pid), 'SIGKILL')
  const line = await gateway.logged('a worker died: replacing it')
  assert.deepEqual([line['pid'], line['signal'], line['code']], [Number(pid), 'SIGKILL', null])
  await eventually(
    async () => (await admin(gateway, '/readyz')).status,
    (status) => status === 200,
  )
  const after = await ask(gateway)
  assert.notEqual(after.pid, pid)
  assert.equal(after.revision, revision)
  assert.equal(await count(), '2')
})

test('the number of workers follows the configuration', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a', 'workers: 1'))
  const serving = async () => ((await (await admin(gateway, '/readyz')).json()) as Record<string, unknown>)['workersServing']
  for (const workers of [3, 1, 2]) {
    gateway.writeConfig(config('a', `workers: ${workers}`))
    await gateway.logged('a new configuration is in force')
    assert.equal(await serving(), workers)
  }
  await ask(gateway)
})

test('the workers of a control process that was killed drain and end', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a'))
  gateway.child.kill('SIGKILL')
  await gateway.logged('the control process has gone: draining')
  // Resolved when the last process that holds the pipes to us has ended.
  assert.equal(await gateway.exited, 'SIGKILL')
})

test('SIGTERM ends with 0, and no worker stays', TIMEOUT, async (t) => {
  const gateway = await start(t, config('a', 'workers: 2'))
  const { pid } = await ask(gateway)
  gateway.child.kill('SIGTERM')
  assert.equal(await gateway.exited, 0)
  assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' })
})

test('a second signal ends at once, with 128 and its number', TIMEOUT, async (t) => {
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const gateway = await start(t, config('hang'))
    // The worker's loop is stuck from here on, so that the drain cannot end.
    await ask(gateway)
    gateway.child.kill('SIGTERM')
    await gateway.logged('shutting down: the workers drain')
    gateway.child.kill(signal)
    assert.equal(await gateway.exited, status)
  }
})

test('with a wrong configuration the start fails with what is wrong', TIMEOUT, async (t) => {
  const gateway = new GatewayProcess(t, { config: 'routes: 7', workerFile: WORKER })
  assert.equal(await gateway.exited, 1)
  assert.match(gateway.errors, /turnpike\.yaml:1:9/)
  assert.equal(gateway.readyLine, '')
})

test('a port in use is told in one sentence', TIMEOUT, async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const admins = new GatewayProcess(t, { config: config('a').replace('port: 0 }\n', `port: ${port} }\n`), workerFile: WORKER })
  assert.equal(await admins.exited, 1)
  assert.equal(admins.errors, `✖ the admin port 127.0.0.1:${port} is in use by another program\n`)
  const listeners = new GatewayProcess(t, { config: config('a').replace('port: 0 }]', `port: ${port} }]`), workerFile: WORKER })
  assert.equal(await listeners.exited, 1)
  assert.match(listeners.errors, new RegExp(`^✖ [^\\n]*EADDRINUSE[^\\n]*${port}\\n$`))
})
