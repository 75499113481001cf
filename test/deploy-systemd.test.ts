/** The systemd unit: its settings, and, where systemd is installed, that systemd takes it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadTexts } from '../src/config/testing.ts'

const ROOT = join(import.meta.dirname, '..')
const UNIT = readFileSync(join(ROOT, 'deploy/systemd/turnpike.service'), 'utf8')
/** What a worker may take to end beyond the drain's own time: `exitMs` of WorkerTimeouts, twice. */
const EXIT_MS = 6_000

/** The values of each key, by section. */
function readUnit(): ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> {
  const sections = new Map<string, Map<string, string[]>>()
  let current = new Map<string, string[]>()
  for (const line of UNIT.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const section = /^\[(\w+)\]$/.exec(line)?.[1]
    if (section !== undefined) {
      current = new Map()
      sections.set(section, current)
      continue
    }
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    assert.notEqual(key, '', line)
    current.set(key, [...(current.get(key) ?? []), value])
  }
  return sections
}

const unit = readUnit()
const service = (key: string): readonly string[] => unit.get('Service')?.get(key) ?? []

test('it starts what is there, is started at boot, and starts again whatever happens', () => {
  assert.deepEqual([...unit.keys()], ['Unit', 'Service', 'Install'])
  assert.deepEqual(unit.get('Install')?.get('WantedBy'), ['multi-user.target'])
  assert.deepEqual(service('ExecStart'), ['/usr/bin/node /opt/turnpike/bin/turnpike start /etc/turnpike/turnpike.yaml'])
  for (const [path] of UNIT.matchAll(/\/opt\/turnpike\/\S+/g)) assert.ok(existsSync(path.replace('/opt/turnpike', ROOT)), path)
  assert.deepEqual(service('Restart'), ['always'])
  assert.deepEqual(unit.get('Unit')?.get('StartLimitIntervalSec'), ['0'], 'however often it has failed to')
  assert.deepEqual(service('OOMPolicy'), ['continue'])
})

test('a reload checks first, and then signals the control process', () => {
  const [check, signal] = service('ExecReload')
  assert.equal(check, service('ExecStart')[0]?.replace(' start ', ' check '))
  assert.equal(signal, '/bin/kill -HUP $MAINPID')
})

test('a stop signals the control process alone, and waits longer than the default drain takes', async () => {
  assert.deepEqual([service('KillSignal'), service('KillMode')], [['SIGTERM'], ['mixed']])
  const loaded = await loadTexts({ 'turnpike.yaml': '{}' })
  assert.ok('ir' in loaded)
  const { drainDelayMs, drainTimeoutMs } = loaded.ir
  const stopMs = Number(/^(\d+)s$/.exec(service('TimeoutStopSec')[0] ?? '')?.[1]) * 1_000
  assert.ok(stopMs > drainDelayMs + drainTimeoutMs + EXIT_MS, `${stopMs} ms`)
})

test('it may open as many descriptors as a worker’s clients and services take by default', async () => {
  const loaded = await loadTexts({ 'turnpike.yaml': '{}' })
  assert.ok('ir' in loaded)
  assert.ok(Number(service('LimitNOFILE')[0]) >= 2 * loaded.ir.limits.connectionsMax)
})

test('it runs as nobody in particular, and sees and may little', () => {
  const wanted = {
    DynamicUser: 'yes',
    NoNewPrivileges: 'yes',
    ProtectSystem: 'strict',
    ProtectHome: 'yes',
    PrivateTmp: 'yes',
    CapabilityBoundingSet: 'CAP_NET_BIND_SERVICE',
    StateDirectory: 'turnpike',
    RuntimeDirectoryMode: '0700',
    // Where the gateway keeps its token and compiled code.
    Environment: `XDG_RUNTIME_DIR=/run/${service('RuntimeDirectory')[0]}`,
  }
  for (const [key, value] of Object.entries(wanted)) assert.deepEqual(service(key), [value], key)
  assert.deepEqual(service('MemoryDenyWriteExecute'), [], 'Node compiles at run time')
})

test('systemd itself finds nothing to say', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-unit-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'turnpike.service')
  // It looks for the programs.
  writeFileSync(file, UNIT.replaceAll('/usr/bin/node', process.execPath).replaceAll('/opt/turnpike', ROOT))
  const { error, stderr, status } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8', timeout: 30_000 })
  // Without systemd what stands above has to do.
  if (error !== undefined && 'code' in error && error.code === 'ENOENT') return
  assert.deepEqual([status, stderr.split('\n').filter((line) => line.includes('turnpike.service'))], [0, []], stderr)
})
