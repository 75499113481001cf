/** What a take from the limits in memory costs, and what its keys do. Run: `node bench/micro/limits.ts`. */
import { systemClock } from '../../src/core/clock.ts'
import type { LimitAlgorithm, LimitRule } from '../../src/core/store.ts'
import { MemoryLimits } from '../../src/stores/memory/limit-store.ts'
import { canMapFiles } from '../../src/stores/memory/mapped-file.ts'
import { type LimitMemory, OwnMemory, SharedMemory } from '../../src/stores/memory/memory.ts'
import { SharedFiles } from '../../src/stores/memory/shared-file.ts'

/** Rounds are short, so that on a busy machine some of them run undisturbed. */
const TURNS = 5_000
const ROUNDS = 400
const MANY = 1_000_000

let evicted = 0
const events = { added: () => {}, evicted: () => evicted++, lockStolen: () => {} }

function rulesOf(algorithm: LimitAlgorithm, count: number): LimitRule[] {
  return Array.from({ length: count }, (_, i) => ({ algorithm, capacity: 1e6 * (i + 1), periodMs: 60_000 * (i + 1) }))
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function nanoseconds(run: (i: number) => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < TURNS; i++) run(i)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / TURNS)
  }
  return best
}

/** Strings as a policy would make them: an address, a user's id, a key's digest. */
function keySets(count: number): string[][] {
  return Array.from({ length: count }, (_, i) => [
    `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
    `user-${i}-0a8b7c`,
    Buffer.from(`key-${i}`.padEnd(24, 'x')).toString('latin1'),
  ])
}

function measure(memory: LimitMemory, name: string): void {
  const limits = new MemoryLimits(memory, systemClock)
  for (const algorithm of ['token-bucket', 'fixed-window', 'sliding-window'] as const) {
    for (const count of [1, 3]) {
      const group = limits.group(`${name} ${algorithm} ${count}`, rulesOf(algorithm, count))
      const keys = keySets(256).map((set) => set.slice(0, count))
      let admitted = 0
      const cost = nanoseconds((i) => {
        if (group.take(keys[i & 255] ?? [], 1).admitted) admitted++
      })
      print(`  ${`${count} × ${algorithm}`.padEnd(20)} ${cost.toFixed(0).padStart(5)} ns  ${admitted > 0 ? 'admitted' : 'refused'}`)
    }
  }
}

print('256 keys, this process alone')
measure(new OwnMemory(100_000, events), 'own')

const files = new SharedFiles(() => import.meta.dirname)
if (canMapFiles()) {
  print('256 keys, memory that workers share, nobody else there')
  measure(new SharedMemory(files.forKeys(100_000), 100_000, events), 'shared')
}
files.keepOnly(null)

for (const algorithm of ['token-bucket', 'sliding-window'] as const) {
  // Keys are made first, so that only the table is counted.
  const keys = Array.from({ length: MANY }, (_, i) => [`user-${i}`])
  const before = process.memoryUsage.rss()
  evicted = 0
  const group = new MemoryLimits(new OwnMemory(MANY, events), systemClock).group('many', [{ algorithm, capacity: 1e6, periodMs: 1e12 }])
  for (const key of keys) group.take(key, 1)
  const grown = process.memoryUsage.rss() - before
  print(`${MANY} keys, ${algorithm}: ${(grown / 1e6).toFixed(0)} MB, ${evicted} evicted`)
  let at = 0
  const cost = nanoseconds(() => {
    at = (at + 611_953) % MANY
    group.take(keys[at] ?? [], 1)
  })
  let read = 0
  const readCost = nanoseconds(() => {
    at = (at + 611_953) % MANY
    read ^= keys[at]?.[0]?.charCodeAt(5) ?? 0
  })
  print(`  a take with keys in no order ${cost.toFixed(0)} ns, ${readCost.toFixed(0)} ns of it for reaching the key (${read & 1})`)
}
