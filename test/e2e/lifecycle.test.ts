/** The life of a real gateway: start, reload, drain, and what its admin side says meanwhile. Killed workers are in worker-kill.test.ts. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { Explanation } from '../../src/runtime/explain.ts'
import { ensureDebianProgram, missingReason } from '../services/debian.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const TIMEOUT = { timeout: 30_000 }
const ADMIN_TOKEN = 'token-of-the-admin'

/** A configuration whose routes are these lines; `more` holds further settings. */
function config(routes: string, more = ''): string {
  return `listeners: [{ host: 127.0.0.1, port: 0 }]\nadmin: { port: 0, token: "\${env:ADMIN_TOKEN}" }\nworkers: 1\n${more}\nroutes:\n${routes}\n`
}

function says(text: string): string {
  return `  hello: { path: /*, policies: { static-response: { body: "${text}" } } }`
}

function start(t: TestContext, text: string): Promise<GatewayProcess> {
  return new GatewayProcess(t, { config: text, env: { ADMIN_TOKEN } }).ready()
}

async function connectTo(t: TestContext, gateway: GatewayProcess): Promise<KeepAliveClient> {
  const client = await KeepAliveClient.open(Number(new URL(gateway.url).port))
  t.after(() => client.close())
  return client
}

/** A service within this process. @returns its port */
async function startService(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

test('the first request after the ready line is answered', TIMEOUT, async (t) => {
  const gateway = await start(t, config(says('one')))
  const answer = await fetch(gateway.url)
  assert.deepEqual([answer.status, await answer.text()], [200, 'one'])
})

test('a changed file takes effect on a connection that stays open, and so does SIGHUP', TIMEOUT, async (t) => {
  const gateway = await start(t, config(says('one')))
  const client = await connectTo(t, gateway)
  assert.equal((await client.get('/')).body, 'one')
  gateway.writeConfig(config(says('two')))
  const { cause, revision } = await gateway.logged('a new configuration is in force')
  assert.equal(cause, 'a file changed')
  assert.notEqual(revision, gateway.revision)
  assert.equal((await client.get('/')).body, 'two')
  gateway.child.kill('SIGHUP')
  assert.equal((await gateway.logged('the configuration means the same as before'))['cause'], 'SIGHUP')
  assert.equal((await client.get('/')).body, 'two')
  assert.ok(client.isOpen)
})

test('a wrong file changes nothing, and the log says what is wrong with it', TIMEOUT, async (t) => {
  const gateway = await start(t, config(says('one')))
  const client = await connectTo(t, gateway)
  gateway.writeConfig(config('  hello: { path: nowhere }'))
  const { reason } = await gateway.logged('the configuration is not taken: the old one goes on')
  assert.match(String(reason), /turnpike\.yaml:6:\d+: error: /)
  assert.equal((await client.get('/')).body, 'one')
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200)
})

test('SIGTERM lets a request finish, says so with Connection: close, and ends with 0', TIMEOUT, async (t) => {
  const reached = Promise.withResolvers<ServerResponse>()
  const port = await startService(t, (_request, response) => reached.resolve(response))
  const services = `services: { slow: { targets: ["127.0.0.1:${port}"] } }`
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-lifecycle-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const log = join(folder, 'access.log')
  const gateway = await start(t, config('  slow: { path: /*, service: slow }', `${services}\naccessLog: { output: "${log}" }`))
  const [busy, idle] = [await connectTo(t, gateway), await connectTo(t, gateway)]
  const answer = busy.get('/slow')
  const response = await reached.promise
  gateway.child.kill('SIGTERM')
  await gateway.logged('shutting down: the workers drain')
  await eventually(
    () => Promise.resolve(idle.isOpen),
    (isOpen) => !isOpen,
  )
  response.setHeader('Content-Length', 4).end('done')
  const { head, status, body } = await answer
  assert.deepEqual([status, body], [200, 'done'])
  assert.match(head, /\r\nconnection: close(\r\n|$)/i)
  assert.equal(await gateway.exited, 0)
  assert.equal(JSON.parse(readFileSync(log, 'utf8')).path, '/slow')
})

test('a port in use ends the start with 1 and one sentence', TIMEOUT, async (t) => {
  const port = await startService(t, (_request, response) => response.end())
  const gateway = new GatewayProcess(t, {
    config: config(says('one')).replace('port: 0 }]', `port: ${port} }]`),
    env: { ADMIN_TOKEN },
  })
  assert.equal(await gateway.exited, 1)
  assert.equal(gateway.errors, `✖ cannot listen on 127.0.0.1:${port}: it is in use (EADDRINUSE)\n`)
  assert.equal(gateway.readyLine, '')
})

test(
  'the admin side tells health and readiness to all, and the configuration without its secrets to who has the token',
  TIMEOUT,
  async (t) => {
    const secret = `  hello: { path: /*, policies: { headers: { request: { set: { X-Key: "\${env:ADMIN_TOKEN}" } } }, static-response: {} } }`
    const gateway = await start(t, config(secret))
    for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(`${gateway.adminUrl}${path}`)).status, 200, path)
    assert.equal((await fetch(`${gateway.adminUrl}/config`)).status, 401)
    assert.equal((await fetch(`${gateway.adminUrl}/config`, { headers: { authorization: 'Bearer wrong' } })).status, 401)
    const answer = await fetch(`${gateway.adminUrl}/config`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
    assert.equal(answer.status, 200)
    const text = await answer.text()
    assert.match(text, /\$\{env:ADMIN_TOKEN\}/)
    assert.ok(!text.includes(ADMIN_TOKEN))
  },
)

test('the metrics of a gateway that has served are as Prometheus wants them', TIMEOUT, async (t) => {
  const port = await startService(t, (_request, response) => response.end('ok'))
  const gateway = await start(t, config('  a: { path: /a/*, service: a }', `services: { a: { targets: ["127.0.0.1:${port}"] } }`))
  for (const path of ['/a', '/a/b', '/nowhere']) await (await fetch(`${gateway.url}${path}`)).text()
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  assert.match(metrics, /^gateway_requests_total\{[^}]*path="\/a\/\*"[^}]*\} 2$/m)
  assert.match(metrics, /^gateway_requests_total\{[^}]*status="404"[^}]*\} 1$/m)
  const promtool = ensureDebianProgram('promtool', 'prometheus')
  if (promtool === null) return t.skip(missingReason('promtool'))
  const { stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input: metrics, encoding: 'utf8', timeout: 20_000 })
  // The one thing it may find is a matter of style, and the name is given.
  assert.equal(`${stdout}${stderr}`, 'gateway_request_duration_ms metric names should not contain abbreviated units\n')
})

test('what explain says of a request is what the service gets', TIMEOUT, async (t) => {
  const received: string[][] = []
  const port = await startService(t, (request, response) => {
    const fields = Array.from({ length: request.rawHeaders.length / 2 }, (_, i) => request.rawHeaders.slice(2 * i, 2 * i + 2).join(': '))
    received.push([`${request.method} ${request.url} HTTP/${request.httpVersion}`, ...fields])
    response.end()
  })
  const policies = 'policies: { rewrite: { stripPrefix: /api }, headers: { request: { set: { X-New: "1" }, remove: [X-Old] } } }'
  const gateway = await start(
    t,
    config(`  a: { path: "/api/:kind/*", service: a, ${policies} }`, `services: { a: { targets: ["127.0.0.1:${port}"] } }`),
  )
  const { port: gatewayPort } = new URL(gateway.url)
  const headers = [
    'Host: gateway.test',
    'X-Old: 1',
    'x-kept:  two words ',
    'Connection: close, X-Hop',
    'X-Hop: 1',
    'X-Forwarded-For: 10.0.0.1',
  ]
  const socket = connect(Number(gatewayPort), '127.0.0.1')
  socket.write(`GET /api/%75sers//7?q=%41 HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
  await once(socket.resume(), 'close')
  const flags = headers.flatMap((header) => ['-H', header])
  const program = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
  const { stdout } = spawnSync(
    process.execPath,
    [program, 'explain', gateway.configFile, 'GET', '/api/%75sers//7?q=%41', '--json', ...flags],
    { encoding: 'utf8', timeout: 20_000, env: { ...process.env, ADMIN_TOKEN: 'x' } },
  )
  const explained = (JSON.parse(stdout) as Explanation).service?.head ?? []
  assert.deepEqual(received.map(comparable), [comparable(explained)])
})

/** Fields that are not the same each time are left out, order is not compared. */
function comparable(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !/^(x-request-id|x-forwarded-(for|port))\b/i.test(line)).toSorted()
}

test('a signal during a start is heard at once, whatever the start waits for', { timeout: 60_000 }, async (t) => {
  const silent = createTcpServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const address = silent.address()
  assert.ok(address !== null && typeof address === 'object')
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-start-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
  const gateway = spawn(process.execPath, [main, 'start', '--state-dir', folder, `etcd://127.0.0.1:${address.port}/turnpike`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
  })
  // It has connected, and waits for an answer that never comes.
  await once(silent, 'connection')
  const log = text(gateway.stderr)
  gateway.kill('SIGTERM')
  const [code] = await once(gateway, 'exit')
  assert.equal(code, 0)
  assert.match(await log, /asked to end during the start/)
})
