/** A real gateway whose configuration is in a real etcd. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type EtcdServer, etcdMissing, startEtcd } from '../services/etcd.ts'
import { startUpstream } from './echo-upstream.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'

const TIMEOUT = { timeout: 60_000, skip: etcdMissing }
const TOKEN = 'a-token-from-the-environment'
const BASE = `
listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: "\${env:ADMIN_TOKEN}" }
accessLog: false
`

interface Setting {
  readonly etcd: EtcdServer
  readonly source: string
  readonly stateDir: string
}

/** An etcd with a configuration of two documents, whose routes go to a service. */
async function setUp(t: TestContext): Promise<Setting> {
  const etcd = await startEtcd(t)
  const { port } = await startUpstream(t)
  const stateDir = mkdtempSync(join(tmpdir(), 'turnpike-state-'))
  t.after(() => rmSync(stateDir, { recursive: true, force: true }))
  etcd.put('gw/base', `${BASE}services: { ok: { targets: ["127.0.0.1:${port}"] } }`)
  etcd.put('gw/routes', routes('a'))
  return { etcd, source: `etcd://${etcd.address}/gw/`, stateDir }
}

function routes(...names: readonly string[]): string {
  return `routes:\n${names.map((name) => `  ${name}: { path: /${name}, service: ok }\n`).join('')}`
}

function start(t: TestContext, { source, stateDir }: Setting, more: readonly string[] = []): GatewayProcess {
  return new GatewayProcess(t, { config: '', args: [source, ...more, '--state-dir', stateDir], env: { ADMIN_TOKEN: TOKEN } })
}

async function configStatus(gateway: GatewayProcess): Promise<{ lastError: string | null; runningRevision: string }> {
  const answer = await fetch(`${gateway.adminUrl}/config`, { headers: { authorization: `Bearer ${TOKEN}` } })
  return (await answer.json()) as { lastError: string | null; runningRevision: string }
}

async function metric(gateway: GatewayProcess, name: string): Promise<number | null> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]
  return value === undefined ? null : Number(value)
}

async function statusOf(gateway: GatewayProcess, path: string): Promise<number> {
  const answer = await fetch(`${gateway.url}${path}`)
  await answer.arrayBuffer()
  return answer.status
}

test('what is written into the store comes into force, whole; what is wrong is refused with its place', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  const gateway = await start(t, setting).ready()
  assert.equal(await statusOf(gateway, '/a'), 200)
  setting.etcd.put('gw/routes', routes('a', 'b'))
  await gateway.logged('a new configuration is in force')
  assert.equal(await statusOf(gateway, '/b'), 200)

  setting.etcd.put('gw/routes', 'routes:\n  c: { path: /c, servic: ok }\n')
  const { reason } = await gateway.logged('the configuration is not taken: the old one goes on')
  assert.match(String(reason), new RegExp(`${setting.source}routes:2:18: error: unknown key \`servic\``))
  assert.equal(await statusOf(gateway, '/b'), 200)
  assert.match((await configStatus(gateway)).lastError ?? '', /unknown key `servic`/)
  assert.equal(await metric(gateway, 'gateway_config_stale'), 1)
  assert.equal(await metric(gateway, 'gateway_config_refused_total'), 1)

  setting.etcd.put('gw/routes', routes('c'))
  await gateway.logged('a new configuration is in force')
  assert.deepEqual([await statusOf(gateway, '/c'), await statusOf(gateway, '/b')], [200, 404])
  assert.equal((await configStatus(gateway)).lastError, null)
  assert.equal(await metric(gateway, 'gateway_config_stale'), 0)
})

test('an emptied store, and one without routes, is refused until a document allows it', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  const gateway = await start(t, setting).ready()
  setting.etcd.remove('gw/routes')
  const withoutRoutes = await gateway.logged('the configuration is not taken: the old one goes on')
  assert.match(String(withoutRoutes['reason']), /there is no route; if that is meant, write `allowEmpty: true`/)
  setting.etcd.remove('gw/')
  const emptied = await gateway.logged('the configuration is not taken: the old one goes on')
  assert.match(String(emptied['reason']), new RegExp(`^${setting.source}:1:1: error: the store holds no document here`))
  assert.equal(await statusOf(gateway, '/a'), 200)
  assert.match((await configStatus(gateway)).lastError ?? '', /the store holds no document here/)
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200)
  setting.etcd.put('gw/base', `${BASE}allowEmpty: true`)
  await gateway.logged('a new configuration is in force')
  assert.equal(await statusOf(gateway, '/a'), 404)
})

test('a store that stops and comes back during traffic costs no request, and what changed meanwhile is taken', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  const gateway = await start(t, setting).ready()
  const client = await KeepAliveClient.open(Number(new URL(gateway.url).port))
  const statuses = new Map<number, number>()
  const over = new AbortController()
  const traffic = (async () => {
    while (!over.signal.aborted) {
      const { status } = await client.get('/a')
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })()
  await setting.etcd.stop()
  await gateway.logged('a store of the configuration cannot be asked: what is in force stays')
  assert.equal(
    await eventually(
      () => metric(gateway, 'gateway_config_stale'),
      (value) => value === 1,
    ),
    1,
  )
  assert.match((await configStatus(gateway)).lastError ?? '', /cannot be asked: 127\.0\.0\.1:\d+ /)
  assert.ok(((await metric(gateway, 'gateway_config_source_errors_total')) ?? 0) >= 1)
  await setting.etcd.start()
  setting.etcd.put('gw/routes', routes('a', 'b'))
  await gateway.logged('a new configuration is in force')
  over.abort()
  await traffic
  assert.deepEqual([...statuses.keys()], [200])
  assert.equal(await statusOf(gateway, '/b'), 200)
  assert.equal(await metric(gateway, 'gateway_config_stale'), 0)
})

test('a restart while the store is down serves the last good configuration, and takes the newest when it is back', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  const before = await start(t, setting).ready()
  await eventually(
    async () => readdirSync(setting.stateDir),
    (files) => files.length === 1,
  )
  const [name = ''] = readdirSync(setting.stateDir)
  const file = join(setting.stateDir, name)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!readFileSync(file, 'utf8').includes(TOKEN), 'what stands in the environment is not kept')
  before.child.kill('SIGTERM')
  assert.equal(await before.exited, 0)
  await setting.etcd.stop()

  const gateway = await start(t, setting).ready()
  await gateway.logged('the last good configuration serves: the newest cannot be had, or is not taken')
  assert.equal(gateway.revision, before.revision)
  assert.equal(await statusOf(gateway, '/a'), 200)
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200)
  assert.equal(await metric(gateway, 'gateway_config_stale'), 1)
  assert.match((await configStatus(gateway)).lastError ?? '', /refused the connection/)

  await setting.etcd.start()
  setting.etcd.put('gw/routes', routes('b'))
  await eventually(
    () => statusOf(gateway, '/b'),
    (status) => status === 200,
  )
  await eventually(
    () => metric(gateway, 'gateway_config_stale'),
    (value) => value === 0,
  )
  assert.equal((await configStatus(gateway)).lastError, null)
})

test('a store that hangs holds a restart up for a bounded time only', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  const before = await start(t, setting).ready()
  await eventually(
    async () => readdirSync(setting.stateDir),
    (files) => files.length === 1,
  )
  before.child.kill('SIGTERM')
  await before.exited
  setting.etcd.pause()
  t.after(() => setting.etcd.resume())
  const gateway = await start(t, setting).ready()
  assert.equal(await statusOf(gateway, '/a'), 200)
  assert.equal(await metric(gateway, 'gateway_config_stale'), 1)
  setting.etcd.resume()
  await eventually(
    () => metric(gateway, 'gateway_config_stale'),
    (value) => value === 0,
  )
})

test('a restart while the store holds something wrong, or nothing, serves the last good configuration', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  const before = await start(t, setting).ready()
  await eventually(
    async () => readdirSync(setting.stateDir),
    (files) => files.length === 1,
  )
  before.child.kill('SIGTERM')
  await before.exited
  setting.etcd.put('gw/routes', 'routes: 5')
  const second = await start(t, setting).ready()
  assert.equal(await statusOf(second, '/a'), 200)
  assert.match((await configStatus(second)).lastError ?? '', /expected a map/)
  second.child.kill('SIGTERM')
  await second.exited
  setting.etcd.remove('gw/')
  const third = await start(t, setting).ready()
  assert.equal(await statusOf(third, '/a'), 200)
  assert.match((await configStatus(third)).lastError ?? '', /holds no document/)
})

test('without a last good configuration a start needs its store, and says so', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  await setting.etcd.stop()
  const gateway = start(t, { ...setting, source: setting.source.replace('etcd://', 'etcd://me:dreadful@') })
  assert.equal(await gateway.exited, 1)
  assert.match(gateway.errors, /cannot be asked: 127\.0\.0\.1:\d+ refused the connection\n.*there is no last good configuration in /)
  assert.ok(!gateway.errors.includes('dreadful'))
})

test('a file that another user could have written is not taken for the last good one', TIMEOUT, async (t) => {
  const setting = await setUp(t)
  const before = await start(t, setting).ready()
  await eventually(
    async () => readdirSync(setting.stateDir),
    (files) => files.length === 1,
  )
  before.child.kill('SIGTERM')
  await before.exited
  await setting.etcd.stop()
  const file = join(setting.stateDir, readdirSync(setting.stateDir)[0] ?? '')
  const text = readFileSync(file, 'utf8')
  rmSync(file)
  writeFileSync(file, text, { mode: 0o666 })
  chmodSync(file, 0o666)
  const gateway = start(t, setting)
  const { reason } = await gateway.logged('the last good configuration cannot be read')
  assert.match(String(reason), /could have been written by another user$/)
  assert.equal(await gateway.exited, 1)
})

test('check and explain read stores, and say what is wrong without credentials', TIMEOUT, async (t) => {
  const { etcd, source } = await setUp(t)
  const turnpike = (...args: string[]) =>
    spawnSync(join(import.meta.dirname, '..', '..', 'bin', 'turnpike'), args, {
      encoding: 'utf8',
      timeout: 30_000,
      env: { ...process.env, ADMIN_TOKEN: TOKEN, NO_COLOR: '1', FORCE_COLOR: undefined },
    })
  const secret = source.replace('etcd://', 'etcd://me:dreadful@')
  const good = turnpike('check', secret)
  assert.deepEqual([good.status, good.stderr], [0, ''])
  assert.match(good.stdout, new RegExp(`^✔ ${source}: 1 listener, 1 service, 1 route, revision`))
  assert.match(turnpike('explain', secret, 'GET', '/a').stdout, new RegExp(`a .*/a .*${source}routes:2`))

  etcd.remove('gw/')
  const empty = turnpike('check', secret)
  assert.equal(empty.status, 1)
  assert.match(empty.stderr, new RegExp(`^${source}:1:1: error: the store holds no document here`))

  await etcd.stop()
  for (const args of [
    ['check', secret],
    ['explain', secret, 'GET', '/a'],
  ]) {
    const { status, stderr } = turnpike(...args)
    assert.equal(status, 1)
    assert.match(stderr, /refused the connection/)
    assert.ok(!stderr.includes('dreadful'))
  }
})
