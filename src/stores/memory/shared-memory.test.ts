import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '../../core/clock.ts'
import type { LimitRule } from '../../core/store.ts'
import { testContext } from '../../policies/testing.ts'
import { layoutFor } from './layout.ts'
import { MemoryLimits } from './limit-store.ts'
import { canMapFiles } from './mapped-file.ts'
import { newHeader, SharedMemory } from './memory.ts'
import { openMemoryLimits } from './open.ts'
import { SharedFiles } from './shared-file.ts'
import { SHARED_CAPACITY, SHARED_KEYS, SHARED_RULES } from './shared-rules.fixture.ts'
import { LOCK_WORD, SpinLock, TURN_WORD } from './spin-lock.ts'

const FIXTURE = join(import.meta.dirname, 'shared.fixture.ts')
const TIMEOUT = { timeout: 30_000, skip: !canMapFiles() && 'files cannot be mapped here' }
const FIVE: LimitRule = { algorithm: 'fixed-window', capacity: 5, periodMs: 1e13 }
const run = promisify(execFile)

function sharedFiles(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-limits-'))
  const files = new SharedFiles(() => folder)
  t.after(() => {
    files.keepOnly(null)
    rmSync(folder, { recursive: true })
  })
  return { folder, files }
}

function opened(t: TestContext, path: string, keysMax = 1_000) {
  const counts = { added: 0, evicted: 0, stolen: 0 }
  const memory = new SharedMemory({ path }, keysMax, {
    added: () => counts.added++,
    evicted: () => counts.evicted++,
    lockStolen: () => counts.stolen++,
  })
  t.after(() => memory.close())
  return { memory, counts, limits: new MemoryLimits(memory, systemClock) }
}

test('processes that take at the same time admit exactly the limit, whatever its algorithm', TIMEOUT, async (t) => {
  const { path } = sharedFiles(t).files.forKeys(1_000)
  const turns = 150_000
  const outputs = await Promise.all(
    Array.from({ length: 4 }, () => run(process.execPath, [FIXTURE, path, '1000', 'take', `${turns}`], { timeout: 25_000 })),
  )
  const counts = outputs.map(({ stdout }) => JSON.parse(stdout) as number[])
  for (let key = 0; key < SHARED_KEYS; key++) {
    assert.equal(
      counts.reduce((sum, admitted) => sum + (admitted[key] ?? 0), 0),
      SHARED_CAPACITY,
    )
  }
  assert.deepEqual(
    outputs.map(({ stderr }) => stderr),
    ['', '', '', ''],
    'the warning that Node’s FFI is experimental is nothing for an operator',
  )
  // Who comes later finds what the others left.
  const group = opened(t, path).limits.group('shared', SHARED_RULES)
  assert.deepEqual(group.take(['bucket 0', 'fixed 0', 'sliding 0'], 1).remaining, [0, 1, 2])
})

test('a lock that a process died with is taken over', TIMEOUT, async (t) => {
  const { path } = sharedFiles(t).files.forKeys(1_000)
  await assert.rejects(run(process.execPath, [FIXTURE, path, '1000', 'die']), { signal: 'SIGKILL' })
  const { limits, counts } = opened(t, path)
  assert.deepEqual(limits.group('g', [FIVE]).take(['k'], 1).remaining, [4])
  assert.equal(counts.stolen, 1)
  assert.deepEqual(limits.group('g', [FIVE]).take(['k'], 1).remaining, [3])
  assert.equal(counts.stolen, 1)
})

test('a lock whose holder lives is waited for, but not for ever, and its holder does not free what is another’s', () => {
  const words = new Int32Array(TURN_WORD + 1)
  let stolen = 0
  // Both pretend: this process is the one that is alive, and no process has the other's number.
  const hanging = new SpinLock(words, process.pid, () => assert.fail())
  const waiting = new SpinLock(words, 2 ** 30, () => stolen++)
  hanging.acquire()
  const startedAt = performance.now()
  waiting.acquire()
  assert.ok(performance.now() - startedAt >= 200)
  assert.deepEqual([stolen, words[LOCK_WORD]], [1, 2 ** 30])
  hanging.release()
  assert.equal(words[LOCK_WORD], 2 ** 30)
  waiting.release()
  assert.equal(words[LOCK_WORD], 0)
})

test('a worker that comes back goes on where it was', TIMEOUT, (t) => {
  const { path } = sharedFiles(t).files.forKeys(1_000)
  const first = opened(t, path)
  first.limits.group('g', [FIVE]).take(['k'], 3)
  first.memory.close()
  assert.deepEqual(opened(t, path).limits.group('g', [FIVE]).take(['k'], 1).remaining, [1])
})

test('limits that have been closed can be used once more', TIMEOUT, (t) => {
  const { path } = sharedFiles(t).files.forKeys(1_000)
  const { limits } = opened(t, path)
  const group = limits.group('g', SHARED_RULES)
  group.take(['a', 'b', 'c'], 1)
  limits.close()
  limits.close()
  assert.equal(group.take(['a', 'b', 'c'], 1).admitted, true)
})

test('there is one file for each number of keys, for its owner only, and nothing is left of it', TIMEOUT, (t) => {
  const { files, folder } = sharedFiles(t)
  const one = files.forKeys(1_000)
  assert.deepEqual(files.forKeys(1_000), one)
  const two = files.forKeys(2_000)
  assert.notDeepEqual(two, one)
  files.keepOnly(2_000)
  assert.deepEqual(files.forKeys(2_000), two)
  assert.equal(existsSync(one.path), false)
  assert.equal(existsSync(two.path), true)
  files.keepOnly(null)
  assert.equal(existsSync(two.path), false)
  assert.deepEqual(readdirSync(folder), [])
})

test('a file that is not what it should be is refused', TIMEOUT, (t) => {
  const { folder } = sharedFiles(t)
  const path = join(folder, 'limits')
  const { bytes } = layoutFor(1_000)
  assert.throws(() => opened(t, path), /ENOENT/)
  writeFileSync(path, newHeader(1_000))
  assert.throws(() => opened(t, path), new RegExp(`limits has 4096 bytes instead of ${bytes}`))
  truncateSync(path, bytes)
  assert.equal(opened(t, path).limits.group('g', [FIVE]).take(['k'], 1).admitted, true)
  writeFileSync(path, newHeader(2_000))
  truncateSync(path, bytes)
  assert.throws(() => opened(t, path), /is no file of limits for 1000 keys/)
  writeFileSync(path, '')
  truncateSync(path, bytes)
  assert.throws(() => opened(t, path), /is no file of limits for 1000 keys/)
})

test('without memory to share each of the workers admits its part, and the log says so', () => {
  const warnings: string[] = []
  const log = { ...testContext.log, warn: (_: unknown, message: string) => void warnings.push(message) }
  const limits = openMemoryLimits(1_000, { clock: systemClock, log, metrics: testContext.metrics, workers: 2, shared: null })
  const group = limits.group('g', [FIVE])
  for (let i = 0; i < 2; i++) assert.equal(group.take(['k'], 1).admitted, true)
  assert.equal(group.take(['k'], 1).admitted, false)
  assert.deepEqual(warnings, ['workers cannot share memory here: each admits its part of every limit in memory'])
})
