/**
 * `npm run soak`: 2,000 reloads under load, or as many as are asked for. Prints the live heap, resident memory and open descriptors of the control process and its
 * workers on the way, and fails when they grow steadily. It takes minutes, so `npm test` leaves it out. Linux only (`/proc`).
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ReloadScenario } from './reload-scenario.ts'

/** `npm run soak -- 10000` for another number. */
const RELOADS = Number(process.argv[2] ?? 2_000)
const LOOK_EVERY = Math.max(1, Math.ceil(RELOADS / 20))
const MIB = 2 ** 20
/** What caches and lazily compiled code may still add once the first 500 reloads have warmed everything up. */
const HEAP_GROWTH_MAX_BYTES = 2 * MIB
/** Connections to the services open and close with the load. */
const DESCRIPTOR_GROWTH_MAX = 16

interface Look {
  readonly pid: number
  readonly heapBytes: number
  readonly residentBytes: number
  readonly descriptors: number
}

async function lookAt({ gateway }: ReloadScenario, pid: number): Promise<Look> {
  process.kill(pid, 'SIGWINCH')
  const { heapUsed } = await gateway.logged('heap probed')
  const residentKiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return {
    pid,
    heapBytes: Number(heapUsed),
    residentBytes: Number(residentKiB) * 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

test(`${RELOADS} reloads leave heap and descriptors flat`, async (t) => {
  const probe = pathToFileURL(join(import.meta.dirname, 'heap-probe.fixture.ts')).href
  const scenario = await ReloadScenario.start(t, { NODE_OPTIONS: `--import=${probe}` })
  const control = scenario.gateway.child.pid
  assert.ok(control !== undefined)
  const pids = [control, ...childrenOf(control)]
  const looks: Look[][] = []
  for (let round = 0; round <= RELOADS; round++) {
    if (round > 0) await scenario.reload()
    if (round % LOOK_EVERY !== 0) continue
    const row: Look[] = []
    for (const pid of pids) row.push(await lookAt(scenario, pid))
    looks.push(row)
    const cells = row.map(
      ({ heapBytes, residentBytes, descriptors }, i) =>
        `${i === 0 ? 'control' : `worker ${i}`}: heap ${(heapBytes / MIB).toFixed(2)} MiB, resident ${(residentBytes / MIB).toFixed(1)} MiB, ${descriptors} descriptors`,
    )
    process.stdout.write(`${String(round).padStart(5)} reloads  ${cells.join(' | ')}\n`)
  }
  assert.deepEqual(await scenario.stop(), [])
  const warm = looks[1] ?? []
  for (const [i, last] of (looks.at(-1) ?? []).entries()) {
    const first = warm[i]
    assert.ok(first !== undefined)
    assert.ok(last.heapBytes - first.heapBytes < HEAP_GROWTH_MAX_BYTES, `the heap of process ${last.pid} grew`)
    assert.ok(last.descriptors - first.descriptors < DESCRIPTOR_GROWTH_MAX, `descriptors of process ${last.pid} grew`)
  }
})
